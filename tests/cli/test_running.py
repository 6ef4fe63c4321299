"""seckill activity, stock, limit: what an operator does, and that it may be repeated."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from psycopg import Connection

from seckill.cli import _views
from seckill.cli._sale import REQUESTS
from tests.cli.conftest import Run
from tests.fix_database import Database
from tests.fix_sale import open_sale, reserve


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_new_sale_starts_now_and_lasts_an_hour(ops: Run) -> None:
    row = ops("activity", "create", "sale", "--json").json
    assert (row["state"], row["hold_seconds"], row["time_zone"]) == ("draft", 900, "UTC")
    assert abs(at(row["starts_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert at(row["ends_at"]) - at(row["starts_at"]) == timedelta(hours=1)


def test_times_as_people_type_them(ops: Run) -> None:
    row = ops(
        "activity", "create", "11.11", "--starts", "2030-11-11T00:00", "--lasts", "1d2h",
        "--time-zone", "Asia/Shanghai", "--hold", "5m30s", "--json",
    ).json  # fmt: skip
    assert at(row["starts_at"]) == datetime(2030, 11, 10, 16, tzinfo=UTC)
    assert at(row["ends_at"]) == datetime(2030, 11, 11, 18, tzinfo=UTC)
    assert row["hold_seconds"] == 330
    row = ops("activity", "create", "x", "--starts", "+1h", "--ends", "+3h", "--json").json
    length = at(row["ends_at"]) - at(row["starts_at"])
    assert abs(length - timedelta(hours=2)) < timedelta(seconds=1)
    offset = ops("activity", "create", "x", "--ends", "2099-01-01T00:00-05:00", "--json").json
    assert at(offset["ends_at"]) == datetime(2099, 1, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--starts", "tomorrow", "'tomorrow' is no time"),
        ("--starts", "+1y", "'1y' is no duration"),
        ("--starts", "+99999999999999999999d", "too"),
        ("--ends", "2030-02-30", "is no time"),
        ("--lasts", "long", "'long' is no duration"),
        ("--hold", "-5m", "is no duration"),
    ],
)
def test_a_time_that_is_none_is_told_in_one_line(
    run: Run, option: str, value: str, said: str
) -> None:
    done = run("activity", "create", "x", option, value, "--dsn", "host=unused")
    assert done.status == 2
    assert said in done.complaint


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("activity create x --starts +2h --ends +1h", "--ends must be after --starts"),
        ("activity create x --hold 99d", "--hold must be from"),
        ("activity queue-limit {sale} 1001", "CALLERS must be"),
        ("stock allocate {sale} phone 0", "QUANTITY must be from"),
        ("stock allocate {sale} hat 1 --slots 65", "--slots must be 1"),
        ("stock slots {sale} phone 65", "SLOTS must be 1"),
        ("stock move {sale} phone 1 --from north --to north", "--from and --to are the same"),
        ("reserve {sale} ann phone 0", "QUANTITY"),
    ],
)
def test_an_argument_is_named_as_it_was_typed(
    ops: Run, sale: int, command: str, named: str
) -> None:
    done = ops(*command.format(sale=sale).split())
    assert done.status == 2
    assert named in done.complaint
    assert "p_" not in done.complaint


def test_a_zone_that_nobody_knows(ops: Run) -> None:
    done = ops("activity", "create", "x", "--starts", "2030-01-01", "--time-zone", "Mars/Base")
    assert "Mars/Base" in done.complaint
    done = ops("activity", "create", "x", "--time-zone", "Mars/Base")
    assert done.status == 2
    assert "SK001: invalid argument" in done.complaint


def test_create_is_repeated_with_times_and_with_times_from_now(ops: Run) -> None:
    fixed = ("activity", "create", "a", "--ends", "2099-01-01", "--starts", "2030-01-01")
    counted = ("activity", "create", "b", "--starts", "+1h", "--lasts", "2h")
    for command in (fixed, counted):
        named = (*command, "--request-id", command[2], "--json")
        ids = {ops(*named).json["activity_id"] for _ in range(3)}
        assert len(ids) == 1
    other = ops("activity", "create", "b", "--lasts", "3h", "--request-id", "b")
    assert other.status == 2
    assert "SK004" in other.complaint
    assert len(ops("activity", "list", "--json").json["activities"]) == 2


def test_a_request_id_is_a_uuid_or_a_text(ops: Run) -> None:
    known = uuid4()
    receive = ("stock", "receive", "phone", 5, "--json")
    assert UUID(ops(*receive, "--request-id", known).json["request_id"]) == known
    text = ops(*receive, "--request-id", "monday").json
    assert UUID(text["request_id"]) == uuid5(REQUESTS, "monday")
    assert (text["replayed"], text["total"]) == (False, 10)
    assert ops(*receive, "--request-id", "monday").json["replayed"] is True
    made = ops("stock", "receive", "phone", 5)
    assert made.out == "Received 5 of phone; the inventory has 15.\n"
    again = made.err.removeprefix("request id ").strip()
    repeated = ops("stock", "receive", "phone", 5, "--request-id", again)
    assert "nothing changed" in repeated.out
    assert repeated.err == ""
    assert ops(*receive, "--request-id", " ").status == 2


def test_units_go_in_and_out(ops: Run, sale: int) -> None:
    assert ops("stock", "receive", "phone", "-5").out.startswith("Took out 5 of phone")
    short = ops("stock", "receive", "phone", "-500", "--request-id", "x")
    assert short.status == 2
    assert "SK007: not enough units" in short.complaint
    assert "seckill stock show SKU" in short.complaint
    shown = ops("stock", "show", "phone", "--json").json
    assert shown["inventory"] == {"status": "in_stock", "sku": "phone", "quantity": 85}
    (pool,) = shown["pools"]
    assert (pool["activity_id"], pool["total"], pool["available"]) == (sale, 10, 10)
    assert "85 of phone in no pool" in ops("stock", "show", "phone").out
    assert "never received" in ops("stock", "show", "hat").out
    assert ops("stock", "show", "--activity", 99).status == 2


def test_a_region_is_a_pool_of_its_own(ops: Run, sale: int) -> None:
    assert ops("stock", "allocate", sale, "phone", 7, "--region", "north").status == 0
    pools = ops("stock", "show", "--activity", sale, "--json").json["pools"]
    assert [(pool["region"], pool["total"]) for pool in pools] == [("*", 10), ("north", 7)]


def test_slots_of_a_pool_that_is_there(ops: Run, sale: int) -> None:
    assert ops("stock", "allocate", sale, "phone", 3, "--region", "south", "--slots", 4).status == 0
    refused = ops("stock", "allocate", sale, "phone", 3, "--region", "south", "--slots", 8)
    assert refused.status == 2
    assert f"`seckill stock slots {sale} phone 8 --region south`" in refused.complaint
    pools = ops("stock", "show", "--activity", sale, "--json").json["pools"]
    assert [(row["region"], row["total"], row["slots"]) for row in pools][1:] == [("south", 3, 4)]
    assert ops("stock", "allocate", sale, "phone", 3, "--region", "south", "--slots", 4).status == 0
    assert ops("stock", "allocate", sale, "phone", 3, "--region", "south").status == 0


def test_the_life_of_a_sale(ops: Run, sale: int) -> None:
    assert ops("activity", "open", sale).out == f"Activity {sale} is open already.\n"
    for command, state in (("pause", "paused"), ("resume", "open")):
        answer = ops("activity", command, sale, "--json").json
        assert (answer["status"], answer["replayed"]) == (state, False)
    unsure = ops("activity", "close", sale)
    assert (unsure.status, "add --yes" in unsure.complaint) == (2, True)
    assert ops("activity", "show", sale, "--json").json["activity"]["state"] == "open"
    closed = ops("activity", "close", sale, "--yes")
    assert closed.out == f"Activity {sale} is closed; 10 units went back to the inventory.\n"
    late = ops("activity", "pause", sale)
    assert late.status == 2
    assert "SK006: not allowed in this state" in late.complaint


def test_a_close_sweeps_first(ops: Run, sale: int, db: Database) -> None:
    """Seen by another sale, whose ended hold a close by itself would not touch."""
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        other = open_sale(operator)
        held = reserve(operator, other).reservation_id
        superuser.execute("update seckill_private.reservation set expires_at = now()")
        superuser.execute("update seckill_private.pool_slot set next_expiry = '-infinity'")
        assert ops("activity", "close", sale, "--yes").status == 0
        row = superuser.execute(
            "select state from seckill_private.reservation where reservation_id = %s", [held]
        ).fetchone()
    assert row is not None
    assert row.state == "expired"


def test_a_queue_is_bounded(ops: Run, sale: int) -> None:
    bounded = ops("activity", "queue-limit", sale, 20)
    assert bounded.out == f"In activity {sale} at most 20 callers may wait for a pool.\n"
    assert ops("activity", "queue-limit", sale, 20, "--json").json["replayed"] is True
    assert "at most 20 callers wait" in ops("activity", "show", sale).out
    assert ops("activity", "queue-limit", sale, "none").status == 0
    assert ops("activity", "show", sale, "--json").json["activity"]["max_waiting"] is None
    assert "number of callers" in ops("activity", "queue-limit", sale, "many").complaint
    assert "SK001" in ops("activity", "queue-limit", sale, 1001).complaint


def test_update_changes_what_is_given(ops: Run, sale: int) -> None:
    before = ops("activity", "show", sale, "--json").json["activity"]
    assert ops("activity", "update", sale).status == 2
    changed = ops("activity", "update", sale, "--name", "better", "--hold", 60, "--ends", "+2h")
    assert "“better”, open" in changed.out
    after = ops("activity", "show", sale, "--json").json["activity"]
    assert after["starts_at"] == before["starts_at"]
    assert after["hold_seconds"] == 60
    again = ops("activity", "update", sale, "--name", "better")
    assert "stood like this already" in again.out


def test_limits_are_set_listed_and_dropped(ops: Run, sale: int) -> None:
    again = ops("limit", "set", sale, "one-each", 1)
    assert again.out.startswith("Limit one-each stood like this already")
    assert (
        ops("limit", "set", sale, "daily", 2, "--metric", "orders", "--window", "day").status == 0
    )
    names = [rule["name"] for rule in ops("limit", "list", sale, "--json").json["limits"]]
    assert names == ["daily", "one-each"]
    assert "one-each" in ops("limit", "list").out
    refused = ops("limit", "set", sale, "x", 1, "--window", "century")
    assert refused.status == 2
    assert "SK001: invalid argument (--window must be" in refused.complaint
    assert ops("limit", "drop", sale, "daily").out == "Dropped limit daily.\n"
    assert ops("limit", "drop", sale, "daily").out == "There was no limit daily; nothing changed.\n"
    assert ops("limit", "list", 99).status == 2


def test_lists_and_what_they_say_when_empty(ops: Run) -> None:
    for group in ("activity", "limit"):
        assert f"seckill {group}" in ops(group, "list").out
    assert "seckill stock allocate" in ops("stock", "show").out
    unknown = ops("activity", "show", 7)
    assert unknown.status == 2
    assert "SK002: unknown activity (activity 7); `seckill activity list`" in unknown.complaint


def test_names_cannot_steer_the_terminal(ops: Run, sale: int) -> None:
    assert ops("activity", "update", sale, "--name", "[red]x[/] \x1b[2J\n").status == 0
    shown = ops("activity", "list").out
    assert "[red]x[/]" in shown
    assert "\x1b" not in shown


def test_a_buyer_is_told_who_may(run: Run, db: Database) -> None:
    done = run("stock", "receive", "phone", 1, "--dsn", db.dsn("buyer"))
    assert done.status == 3
    assert "42501: permission denied for function receive_stock" in done.complaint
    assert "seckill_ops" in done.complaint


def test_what_was_done_is_told_although_it_cannot_be_looked_at(
    ops: Run, sale: int, superuser: Connection[Any]
) -> None:
    """The sale is made: to end with "nothing happened" would make another one."""
    superuser.execute("revoke select on seckill.sale_status from seckill_app, seckill_ops")
    made = ops("activity", "create", "second")
    assert (made.status, made.out) == (0, f"Activity {sale + 1} is there.\n")
    assert "could not be read: permission denied" in made.err
    (request_id,) = re.findall(r"request id (\S+)", made.err)
    again = ops("activity", "create", "second", "--request-id", "third", "--json")
    assert set(again.json) == {"activity_id", "request_id"}
    changed = ops("activity", "update", sale, "--name", "better")
    assert (changed.status, changed.out) == (0, f"Activity {sale} is changed.\n")
    superuser.execute("grant select on seckill.sale_status to seckill_ops")
    shown = ops("activity", "list", "--json").json["activities"]
    assert [row["name"] for row in shown] == ["second", "second", "better"]
    assert UUID(request_id)


def test_a_list_has_a_time_limit(
    ops: Run, sale: int, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_views, "_ANSWER_S", 0.5)
    with db.connect("superuser", autocommit=False) as holder:
        holder.execute("lock table seckill_private.activity in access exclusive mode")
        began = time.monotonic()
        done = ops("activity", "list")
    assert (done.status, "no answer in time" in done.complaint) == (3, True)
    assert time.monotonic() - began < 10


def test_commands_leave_the_shops_flag_alone(
    ops: Run, sale: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator wants PostgreSQL's own answer; a URL that nobody can use is no matter."""
    monkeypatch.setenv("SECKILL_REDIS_URL", "nonsense://x")
    assert ops("availability", sale, "phone").status == 0
    assert ops("reserve", sale, "ann", "phone").status == 0
