"""The feed tells the whole truth: replayed in Python it gives what seckill.stock_at says.

A sale goes through every call that moves units, by the clock of the database; then the feed is read
in small pages, and the pools are rebuilt from it at a hundred random instants. What the feed does
not say, and a reader knows as well, is when a hold ends, and which releases were planned.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_sale import (
    Row,
    Sale,
    add_units,
    cancel,
    close_activity,
    confirm,
    expire_due,
    one,
    open_activity,
    refund,
    reserve,
    reserve_batch,
    set_stock_total,
    stock_at,
    violations,
)
from tests.procedures.rules import set_slots

KINDS = {
    *("allocate", "hold", "confirm", "cancel", "expire", "late_confirm", "refund", "write_off"),
    *("revoke", "raise", "cut", "drain", "debt", "move", "schedule", "release", "close"),
}


@dataclass(slots=True)
class Life:
    """A sale, and what its operator knows beside the feed."""

    operator: Connection[Any]
    pools: list[Sale]
    planned: list[tuple[datetime, datetime, int]] = field(default_factory=list)

    def clock(self) -> datetime:
        """The database's."""
        return one(self.operator, "select clock_timestamp() as at").at

    def call(self, text: str, **arguments: Any) -> list[Row]:
        """A function of schema seckill."""
        return self.operator.execute(f"select * from seckill.{text}".encode(), arguments).fetchall()

    def hold(self, user: str, quantity: int = 1) -> int:
        """Reserve in the first pool."""
        answer = reserve(self.operator, self.pools[0], user=user, quantity=quantity)
        assert answer.status == "held", answer
        return answer.reservation_id


@pytest.fixture
def operator(db: Database) -> Iterator[Connection[Any]]:
    """In a database of the test's own: it sweeps, and reads the whole feed."""
    with db.connect("operator") as connection:
        yield connection


@pytest.fixture
def superuser(db: Database) -> Iterator[Connection[Any]]:
    """In the same database."""
    with db.connect("superuser") as connection:
        yield connection


def new_sale(operator: Connection[Any], slots: int) -> Life:
    """Three pools: two skus, one of them in two regions. Holds last a second."""
    number = one(
        operator,
        """
        select seckill.create_activity('sale', now() - interval '1 hour', now() + interval '1 day',
                                       p_hold_seconds => 1) as id""",
    ).id
    pools = [Sale(number, "shoe", "*"), Sale(number, "shoe", "north"), Sale(number, "hat", "*")]
    for pool, units in zip(pools, (60, 20, 30), strict=True):
        add_units(operator, pool, units)
        set_slots(operator, pool, slots)
    one(operator, "select * from seckill.receive_stock('shoe', 100, gen_random_uuid())")
    open_activity(operator, pools[0])
    return Life(operator, pools)


def live(life: Life) -> None:
    """Every call that moves units, some of them twice."""
    operator, (shoe, _, hat) = life.operator, life.pools
    paid = [life.hold(f"paid {number}", 4) for number in range(4)]
    for number, held in enumerate(paid[:2]):
        confirm(operator, held, user=f"paid {number}", payment_ref="p")
    life.call(
        "confirm_batch(array['paid 2', 'paid 3'], %(ids)s::bigint[], array['p', 'p'])",
        ids=paid[2:],
    )
    cancel(operator, life.hold("gone"), user="gone")
    late = life.hold("late", 2)
    both = life.call(
        "reserve_lines(%(id)s, 'both', array['shoe', 'hat'], array[2, 1], gen_random_uuid())",
        id=shoe.activity_id,
    )[0].reservation_id
    reserve_batch(operator, (shoe, "b1"), (shoe, "b2"), (hat, "b3"))
    soon = life.clock() + timedelta(seconds=0.4)
    life.call(
        "schedule_release(%(id)s, 'shoe', '*', array[%(at)s]::timestamptz[], array[5]::bigint[])",
        id=shoe.activity_id,
        at=soon,
    )
    life.planned.append((life.clock(), soon, 5))
    time.sleep(1.05)
    assert confirm(operator, late, user="late", payment_ref="p").late
    expire_due(operator)
    confirm(operator, both, user="both", payment_ref="p")
    refund(operator, paid[0], user="paid 0")
    partly = {"user": "paid 1", "request_id": uuid4(), "skus": ["shoe"], "quantities": [1]}
    refund(operator, paid[1], **partly)
    refund(operator, paid[2], user="paid 2", restock=False)
    refund(operator, both, user="both", restore_limits=False)
    life.call("move_stock(%(id)s, 'shoe', 3, '*', 'north', gen_random_uuid())", id=shoe.activity_id)
    set_stock_total(operator, hat, 20, "floor")
    set_stock_total(operator, hat, 25, "reject")
    for number in range(3):
        reserve(operator, hat, user=f"hat {number}", quantity=5)
    set_stock_total(operator, hat, 10, "revoke")
    life.hold("never pays", 3)
    cut = set_stock_total(operator, shoe, 8, "drain")
    assert cut.total > 8, "nothing was owed"
    add_units(operator, shoe, 2)
    time.sleep(1.05)
    expire_due(operator)
    last = life.hold("last")
    set_stock_total(operator, shoe, 30, "reject")
    close_activity(operator, shoe)
    cancel(operator, last, user="last")


def whole_feed(operator: Connection[Any]) -> list[Row]:
    """All rows, three at a time."""
    rows: list[Row] = []
    while page := operator.execute(
        "select * from seckill.changes(%s, 3)", [rows[-1].cursor if rows else None]
    ).fetchall():
        rows += page
    return rows


def replay(life: Life, rows: list[Row], pool: Sale, at: datetime, ends: dict[int, datetime]) -> Any:
    """total, available, held and sold of a pool at an instant, by the feed."""
    accounts = ("available", "held", "sold", "unreleased", "inventory", "written_off")
    units: dict[str, int] = dict.fromkeys(accounts, 0)
    owed = released = 0
    open_holds: dict[int, int] = {}
    done_at = rows[0].at
    for row in rows:
        if (row.sku, row.region) != (pool.sku, pool.region):
            continue
        done_at = max(done_at, row.at) if row.source else done_at
        if (done_at if row.source else row.at) > at:
            continue
        if row.source is None:
            owed += {"debt": 1, "debt_dropped": -1}.get(row.kind, 0) * row.quantity
            continue
        units[row.source] -= row.quantity
        units[row.target] += row.quantity
        owed -= row.quantity if row.kind == "drain" else 0
        released += row.quantity if row.kind == "release" else 0
        if row.target == "held":
            open_holds[row.reservation_id] = row.quantity
        elif row.source == "held":
            del open_holds[row.reservation_id]
    due = sum(count for number, count in open_holds.items() if ends[number] <= at)
    lost = min(due, owed)
    planned = sum(
        count
        for made_at, release_at, count in life.planned
        if made_at <= at and release_at <= at and pool is life.pools[0]
    )
    ripe = max(min(units["unreleased"], planned - released), 0)
    available = units["available"] + due - lost + ripe
    held = units["held"] - due
    total = available + held + units["sold"] + units["unreleased"] - ripe
    return total, available, held, units["sold"]


@pytest.mark.parametrize("slots", [1, 3])
def test_stock_at_is_what_the_feed_replays(
    operator: Connection[Any], superuser: Connection[Any], slots: int
) -> None:
    dice = random.Random(4)
    life = new_sale(operator, slots)
    began = life.clock()
    live(life)
    ended = life.clock()
    assert violations(operator, life.pools[0]) == []
    rows = whole_feed(operator)
    assert len(rows) == len({row.cursor for row in rows})
    assert {row.kind for row in rows} == KINDS | ({"level"} if slots > 1 else set())
    ends = {
        row.reservation_id: row.expires_at
        for row in superuser.execute(
            "select reservation_id, expires_at from seckill_private.reservation"
        ).fetchall()
    }
    for _ in range(100):
        at = began + (ended - began) * dice.random()
        for pool in life.pools:
            said = stock_at(operator, pool, at)
            known = (said.total, said.available, said.held, said.sold)
            assert replay(life, rows, pool, at, ends) == known, (pool, at)
