"""The real purchase log against a calculation that owes nothing to the database.

The first 20,000 lines; SECKILL_REPLAY_LINES asks for more. The log has 69,659; .ci/run takes all.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fix_database import Database
from tests.fix_postgres import unavailable

LOG = Path(__file__).parents[3] / "shared" / "data" / "purchases.csv"
LINES = int(os.environ.get("SECKILL_REPLAY_LINES", "20000"))
WHOLE = 69_659
# So much that stock and limits refuse some of any part of the log.
STOCK, UNITS, ORDERS = 80_000 * min(LINES, WHOLE) // WHOLE, 10, 5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The lines that are replayed."""
    if not LOG.exists():
        unavailable(f"the purchase log is not at {LOG}")
    lines = LOG.read_text(encoding="utf-8").splitlines(keepends=True)
    part = tmp_path / "purchases.csv"
    part.write_text("".join(lines[: LINES + 1]), encoding="utf-8")
    return part


@pytest.fixture
def log(file: Path) -> list[dict[str, str]]:
    """The same, read."""
    with file.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def replay(
    dsn: str, file: Path, out: Path, *arguments: str
) -> tuple[dict[str, object], list[dict[str, str]]]:
    """Run the command; its summary and its outcomes."""
    limits = ["--limit-units", str(UNITS), "--limit-orders", str(ORDERS)]
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "seckill", "replay", str(file), "--stock", str(STOCK)),
            *(*limits, "--out", str(out), "--json", "--dsn", dsn, *arguments),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with out.open(encoding="utf-8", newline="") as lines:
        return json.loads(done.stdout), list(csv.DictReader(lines))


def calculated(log: list[dict[str, str]]) -> Iterator[tuple[str, str, str]]:
    """Status, limit and remaining of every line, one after another."""
    left, units, orders = STOCK, Counter[str](), Counter[str]()
    for line in log:
        user, quantity = line["user_id"], int(line["quantity"])
        if quantity > left:
            yield "sold_out", "", str(left)
        elif orders[user] + 1 > ORDERS:  # "orders…" comes before "units…"
            yield "limit_exceeded", "orders_per_user", str(ORDERS - orders[user])
        elif units[user] + quantity > UNITS:
            yield "limit_exceeded", "units_per_user", str(UNITS - units[user])
        else:
            left, units[user], orders[user] = (
                left - quantity,
                units[user] + quantity,
                orders[user] + 1,
            )
            yield "held", "", ""


def test_in_order_every_outcome_is_the_calculated_one(
    db: Database, file: Path, log: list[dict[str, str]], tmp_path: Path
) -> None:
    summary, outcomes = replay(db.dsn("operator"), file, tmp_path / "outcomes.csv")
    found = [(row["status"], row["limit_name"], row["remaining"]) for row in outcomes]
    assert [row["line"] for row in outcomes] == [str(2 + number) for number in range(len(log))]
    wrong = [
        (2 + number, one, other)
        for number, (one, other) in enumerate(zip(found, calculated(log), strict=True))
        if one != other
    ]
    assert wrong == []
    reasons = {(status, limit) for status, limit, _ in found}
    assert reasons == {
        ("held", ""),
        ("sold_out", ""),
        ("limit_exceeded", "orders_per_user"),
        ("limit_exceeded", "units_per_user"),
    }
    assert summary["held_units"] == STOCK
    assert summary["violations"] == 0


def test_concurrently_limits_and_stock_hold(
    db: Database, file: Path, log: list[dict[str, str]], tmp_path: Path
) -> None:
    summary, outcomes = replay(
        db.dsn("operator", pool_size=8), file, tmp_path / "outcomes.csv", "--concurrency", "8"
    )
    assert [(row["user_id"], row["quantity"]) for row in outcomes] == [
        (row["user_id"], row["quantity"]) for row in log
    ]
    units, orders = Counter[str](), Counter[str]()
    for row in outcomes:
        if row["status"] == "held":
            units[row["user_id"]] += int(row["quantity"])
            orders[row["user_id"]] += 1
    left = STOCK - units.total()
    assert left >= 0
    assert max(units.values()) <= UNITS
    assert max(orders.values()) <= ORDERS
    # Holds are never given back here: what was refused for want of stock must be too much still,
    # and what was refused by a limit must break it still.
    for row in outcomes:
        user, quantity = row["user_id"], int(row["quantity"])
        if row["status"] == "sold_out":
            assert quantity > left
        elif row["status"] == "limit_exceeded":
            assert orders[user] + 1 > ORDERS or units[user] + quantity > UNITS
    statuses = Counter(row["status"] for row in outcomes)
    assert statuses.keys() == {"held", "sold_out", "limit_exceeded"}
    assert summary["held_units"] == units.total()
    assert summary["violations"] == 0
    with db.connect("superuser") as superuser:
        books = superuser.execute(
            """
            select user_id, sum(quantities[1]) as units, count(*) as orders
              from seckill_private.reservation where state = 'held' group by user_id
            """
        ).fetchall()
    assert {row.user_id: (row.units, row.orders) for row in books} == {
        user: (units[user], orders[user]) for user in units
    }
