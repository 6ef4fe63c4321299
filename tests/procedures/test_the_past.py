"""seckill.stock_at and seckill.limit_usage_at: what availability and limit_usage would have said.

A long random life is led at chosen instants; after each step the answer of that instant is noted,
and at the end the past is asked for all of them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_sale import (
    Row,
    Sale,
    add_units,
    availability,
    cancel,
    close_activity,
    confirm,
    one,
    open_sale,
    refund,
    reserve,
    set_limit,
    set_stock_total,
    stock_at,
    violations,
)
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    HOLD,
    OPENS,
    call_for,
    cancel_at,
    confirm_at,
    expire_at,
    forget_the_clock,
    hold_at,
    kinds,
    new_name,
    refused,
    reserve_at,
    sale_between,
    time_passes,
)
from tests.procedures.rules import set_rule, set_slots

USERS = "abcd"


@pytest.fixture
def operator(db: Database) -> Iterator[Connection[Any]]:
    """In a database of the test's own: it sweeps everything that is due."""
    with db.connect("operator") as connection:
        yield connection


@pytest.fixture
def superuser(db: Database) -> Iterator[Connection[Any]]:
    """In a database of the test's own."""
    with db.connect("superuser") as connection:
        yield connection


@pytest.fixture
def buyer(db: Database) -> Iterator[Connection[Any]]:
    """In a database of the test's own: it sweeps everything that is due."""
    with db.connect("buyer") as connection:
        yield connection


def clock(connection: Connection[Any]) -> datetime:
    """The database's."""
    return one(connection, "select clock_timestamp() as at").at


def units(row: Row) -> tuple[int, int, int, int, int]:
    """The numbers of an availability."""
    return row.total, row.available, row.held, row.sold, row.epoch


def usage_at(
    connection: Connection[Any],
    sale: Sale,
    at: datetime | None,
    *,
    user: str = "ann",
    subjects: str = "{}",
) -> list[tuple[Any, ...]]:
    """seckill.limit_usage_at."""
    return [
        tuple(row)
        for row in connection.execute(
            """
            select * from seckill.limit_usage_at(
                     p_activity_id => %s, p_user_id => %s, p_at => %s, p_subjects => %s)""",
            [sale.activity_id, user, at, subjects],
        )
    ]


def usage_now(superuser: Connection[Any], sale: Sale, at: datetime, user: str) -> list[Any]:
    """The body of seckill.limit_usage, at an instant."""
    return [
        tuple(row)
        for row in superuser.execute(
            "select * from seckill_private.usage_checks_at(%s, %s, %s, null)",
            [at, sale.activity_id, user],
        )
    ]


def attempt(connection: Connection[Any], query: str, values: list[Any], *refusals: str) -> None:
    """Run a call; some refusals are none of our business here."""
    try:
        connection.execute(query.encode(), values)
    except psycopg.Error as error:
        if error.sqlstate not in refusals:
            raise


def refund_at(
    superuser: Connection[Any], at: datetime, user: str, number: int, *, restore: bool
) -> None:
    """The body of seckill.refund of one unit, at an instant."""
    attempt(
        superuser,
        """
        select seckill_private.refund_at(
                 %s, %s, %s, null, array[1], gen_random_uuid(), %s, %s)""",
        [at, user, number, restore, restore],
        "SK001",
        "SK006",
    )


def total_at(superuser: Connection[Any], at: datetime, sale: Sale, total: int, mode: str) -> None:
    """The body of seckill.set_stock_total, at an instant."""
    attempt(
        superuser,
        "select seckill_private.set_stock_total_at(%s, %s, %s, '*', %s, %s, null, 'merchant')",
        [at, sale.activity_id, sale.sku, total, mode],
        "SK007",
    )


@pytest.mark.parametrize("seed", [0, 2, 3])
def test_every_instant_of_a_random_life(operator, superuser, seed):
    """150 steps of every kind; the past of each instant is what was said then."""
    chance = random.Random(seed)
    sale = sale_between(operator, superuser, units=12, ends_at=OPENS + timedelta(days=9))
    operator.execute("select seckill.receive_stock(%s, 40, gen_random_uuid())", [sale.sku])
    operator.execute(
        """
        select seckill.schedule_release(
                 p_activity_id => %s, p_sku => %s, p_region => '*',
                 p_release_at => array[%s, %s]::timestamptz[], p_quantities => array[2, 3])""",
        [sale.activity_id, sale.sku, OPENS + HOLD * 4, OPENS + HOLD * 9],
    )
    forget_the_clock(superuser, sale)
    for name, window in (("day", "day"), ("ever", "activity"), ("hour", "hour")):
        set_limit(operator, sale, name, maximum=chance.choice((3, 4, 6)), window=window)
    for name, metric, most, hours in (
        ("rolling", "units", 5, 2),
        ("rolling orders", "orders", 4, 3),
        ("rolling unpaid", "expired_holds", 3, 2),
    ):
        set_rule(
            operator,
            sale.activity_id,
            name,
            maximum=most,
            metric=metric,
            window="rolling",
            period=timedelta(hours=hours),
        )
    set_limit(operator, sale, "orders", maximum=5, metric="orders")
    set_limit(operator, sale, "unpaid", maximum=2, metric="open_holds")
    set_limit(operator, sale, "hoarding", maximum=3, metric="expired_holds", window="day")
    now = OPENS
    made: list[tuple[str, int]] = []
    said: list[tuple[datetime, Any, dict[str, Any]]] = []
    for _ in range(150):
        now += timedelta(seconds=chance.choice((1, 60, 300, 1200)))
        user = chance.choice(USERS)
        owner, number = chance.choice(made) if made else (user, 0)
        match chance.choices("rcxfesl", (6, 4, 2, 3, 1, 2, 1))[0]:
            case "c" if made:
                confirm_at(superuser, number, now, user=owner)
            case "x" if made:
                cancel_at(superuser, number, now, user=owner)
            case "f" if made:
                refund_at(superuser, now, owner, number, restore=chance.random() < 0.7)
            case "e":
                expire_at(superuser, now)
            case "s":
                mode = chance.choice(("reject", "floor", "drain", "revoke"))
                total_at(superuser, now, sale, chance.randrange(3, 16), mode)
            case "l":
                time_passes(superuser, sale, now)
                set_slots(operator, sale, chance.randrange(1, 4))
            case _:
                answer = reserve_at(superuser, sale, now, user=user, quantity=chance.choice((1, 2)))
                if answer.status == "held":
                    made.append((user, answer.reservation_id))
        balance = one(
            superuser,
            """
            select b.* from seckill_private.pool as p
             cross join lateral seckill_private.pool_balance(p.activity_id, p.pool_id, %(at)s) as b
             where p.activity_id = %(id)s""",
            at=now,
            id=sale.activity_id,
        )
        usage = {owner: usage_now(superuser, sale, now, owner)}
        said.append((now, units(balance), usage))
    assert violations(operator, sale) == []
    wanted = {"refund", "write_off", "cut", "raise", "expire", "late_confirm", "level"}
    dull = wanted - set(kinds(operator, sale))
    assert not dull, f"the life had no {dull}"
    for at, numbers, usage in said:
        assert units(stock_at(operator, sale, at)) == numbers, at
        for name, rows in usage.items():
            assert usage_at(operator, sale, at, user=name) == rows, (at, name)


def test_an_unpaid_hold_left_a_rolling_window_when_it_ended(operator, superuser):
    """The hold of a quarter of an hour was in the way no longer than that."""
    sale = sale_between(operator, superuser, ends_at=OPENS + timedelta(days=9))
    set_rule(operator, sale.activity_id, "one", maximum=1, window="rolling", period="1 day")
    held = hold_at(superuser, sale, OPENS)
    then = usage_now(superuser, sale, OPENS, "ann")
    confirm_at(superuser, held, OPENS + timedelta(minutes=1))
    paid = usage_now(superuser, sale, OPENS + timedelta(minutes=1), "ann")
    ((*_, resets_at, retry),) = then
    assert (resets_at, retry) == (OPENS + HOLD, "may_return")
    ((*_, resets_at, retry),) = paid
    assert (resets_at, retry) == (OPENS + timedelta(days=1), "not_yet")
    assert usage_at(operator, sale, OPENS) == then
    assert usage_at(operator, sale, OPENS + timedelta(minutes=1)) == paid


def test_a_hold_among_paid_units_was_not_final(operator, superuser):
    """A limit lowered below what is used: the hold and the older unit have to leave.

    By their dates the other unit would be the second to leave, after the sale has ended.
    """
    sale = sale_between(operator, superuser, ends_at=OPENS + timedelta(days=1, hours=1))

    def allow(units: int) -> None:
        id_ = sale.activity_id
        set_rule(operator, id_, "few", maximum=units, window="rolling", period="1 day")

    allow(3)
    for hours in (0, 20):
        at = OPENS + timedelta(hours=hours)
        confirm_at(superuser, hold_at(superuser, sale, at), at)
    now = OPENS + timedelta(hours=23)
    hold_at(superuser, sale, now)
    allow(2)
    said = usage_now(superuser, sale, now, "ann")
    ((*_, resets_at, retry),) = said
    assert (resets_at, retry) == (OPENS + timedelta(days=1), "not_yet")
    assert usage_at(operator, sale, now) == said


def test_the_state_of_then(operator):
    """From the journal: draft, open, paused, open again, closed."""
    sale = open_sale(operator, units=2, state="draft", sku=new_name())
    instants = [clock(operator)]
    for call in ("open_activity", "pause_activity", "resume_activity", "close_activity"):
        call_for(operator, call, sale)
        instants.append(clock(operator))
    rows = [stock_at(operator, sale, at) for at in instants]
    assert [row.status for row in rows] == ["not_started", "on_sale", "paused", "on_sale", "ended"]
    assert [row.total for row in rows] == [2, 2, 2, 2, 0]


def test_the_window_of_then(operator):
    sale = open_sale(operator, units=2, sku=new_name())
    before = clock(operator)
    one(
        operator,
        """
        select * from seckill.update_activity(
                 p_activity_id => %(id)s, p_starts_at => now() - interval '3 hours',
                 p_ends_at => now() - interval '2 hours')""",
        id=sale.activity_id,
    )
    after = clock(operator)
    assert [stock_at(operator, sale, at).status for at in (before, after)] == ["on_sale", "ended"]


def test_sold_out_then_and_not_before(operator, buyer):
    sale = open_sale(operator, units=1, sku=new_name())
    before = clock(operator)
    held = reserve(buyer, sale).reservation_id
    during = clock(operator)
    cancel(buyer, held)
    rows = [stock_at(buyer, sale, at) for at in (before, during, clock(operator))]
    assert [row.status for row in rows] == ["on_sale", "sold_out", "on_sale"]


def test_before_it_was_made_there_was_nothing(operator):
    sale = open_sale(operator, units=3, sku=new_name())
    row = stock_at(operator, sale, OPENS - timedelta(days=9999))
    assert (row.status, *units(row)) == ("not_started", 0, 0, 0, 0, 0)


def test_now_and_the_time_to_come_are_as_availability_says(operator, buyer):
    sale = open_sale(operator, units=5, sku=new_name())
    confirm(buyer, reserve(buyer, sale, quantity=2).reservation_id)
    reserve(buyer, sale)
    now = stock_at(operator, sale, clock(operator))
    assert (now.status, *units(now)) == tuple(availability(operator, sale))
    later = stock_at(operator, sale, clock(operator) + timedelta(minutes=20))
    assert units(later)[:4] == (5, 3, 0, 2)


def test_holds_that_end_in_a_closed_activity_leave_the_pool(operator, buyer):
    sale = open_sale(operator, units=5, sku=new_name())
    reserve(buyer, sale, quantity=2)
    set_stock_total(operator, sale, 4)
    close_activity(operator, sale)
    assert units(stock_at(operator, sale, clock(operator)))[:4] == (2, 0, 2, 0)
    later = stock_at(operator, sale, clock(operator) + timedelta(hours=1))
    assert (later.status, *units(later)[:4]) == ("ended", 0, 0, 0, 0)


def test_of_another_pool_nothing_is_told(operator):
    sale = open_sale(operator, units=5, sku=new_name())
    north = Sale(sale.activity_id, sale.sku, "north")
    add_units(operator, north, 2)
    at = clock(operator)
    assert (stock_at(operator, sale, at).total, stock_at(operator, north, at).total) == (5, 2)


def test_limits_that_were_dropped_since_and_global_ones(operator, buyer):
    sale = open_sale(operator, units=9, limit=5, sku=new_name())
    reserve(buyer, sale, quantity=2)
    before = clock(operator)
    one(
        operator,
        "select * from seckill.drop_limit(%(id)s, 'units_per_user')",
        id=sale.activity_id,
    )
    assert [row[2:7] for row in usage_at(operator, sale, before)] == [
        ("units_per_user", "user", 2, 5, 3)
    ]
    assert usage_at(operator, sale, clock(operator)) == []


def test_what_was_refunded_since_was_used_then(operator, buyer):
    sale = open_sale(operator, units=9, limit=3, sku=new_name())
    held = reserve(buyer, sale, quantity=3).reservation_id
    confirm(buyer, held)
    instants = [clock(operator)]
    for _ in range(2):
        refund(buyer, held, quantities=[1], request_id=uuid4())
        instants.append(clock(operator))
    refund(buyer, held)
    instants.append(clock(operator))
    assert [usage_at(operator, sale, at)[0][4] for at in instants] == [3, 2, 1, 0]


def test_other_dimensions_are_told_to_who_names_them(operator, buyer):
    sale = open_sale(operator, units=9, sku=new_name())
    set_limit(operator, sale, "per phone", maximum=2, dimension="phone")
    reserve(buyer, sale, subjects={"phone": "1"})
    at = clock(operator)
    assert usage_at(operator, sale, at) == []
    rows = usage_at(operator, sale, at, user="bob", subjects='{"phone": "1"}')
    assert [row[2:7] for row in rows] == [("per phone", "phone", 1, 2, 1)]


def test_nonsense_is_refused(operator):
    sale = open_sale(operator, sku=new_name())
    with refused("SK001"):
        stock_at(operator, sale, None)
    with refused("SK001"):
        usage_at(operator, sale, None)
    with refused("SK001"):
        usage_at(operator, sale, OPENS, user="")
    with refused("SK003"):
        stock_at(operator, Sale(sale.activity_id, "unknown", "*"), OPENS)
    for activity_id in (0, -1, BIGGEST_BIGINT):
        with refused("SK002"):
            stock_at(operator, Sale(activity_id, sale.sku, "*"), OPENS)
        with refused("SK002"):
            usage_at(operator, Sale(activity_id, sale.sku, "*"), OPENS)
