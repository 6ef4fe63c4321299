"""seckill.expire_due: the sweeper. Each test has its own database, for it sweeps all activities."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_sale import availability, confirm, expire_due, get_reservation, one, violations
from tests.procedures.instants import (
    HOLD,
    INSTANT,
    OPENS,
    call_for,
    expire_at,
    history,
    hold_at,
    kinds,
    refused,
    reserve_at,
    sale_between,
    stored_state,
    units_of,
)

LATE = OPENS + HOLD
LONG_AGO = OPENS - timedelta(days=3650)


@pytest.fixture
def operator(db: Database) -> Iterator[Connection[Any]]:
    """An operator in the test's own database."""
    with db.connect("operator") as connection:
        yield connection


@pytest.fixture
def superuser(db: Database) -> Iterator[Connection[Any]]:
    """The superuser in the test's own database."""
    with db.connect("superuser") as connection:
        yield connection


def test_nothing_is_due(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    assert expire_at(superuser, LATE - INSTANT) == 0
    assert stored_state(superuser, held) == "held"


def test_a_hold_is_due_from_its_end_on(operator, superuser):
    sale = sale_between(operator, superuser, units=10)
    held = hold_at(superuser, sale, OPENS, quantity=3)
    assert expire_at(superuser, LATE) == 1
    assert stored_state(superuser, held) == "expired"
    now = availability(operator, sale)
    assert (now.total, now.available, now.held) == (10, 10, 0)
    assert violations(operator, sale) == []


def test_each_hold_is_expired_once(operator, superuser):
    sale = sale_between(operator, superuser)
    hold_at(superuser, sale, OPENS)
    assert [expire_at(superuser, LATE) for _ in range(3)] == [1, 0, 0]
    assert kinds(operator, sale) == ["allocate", "expire", "hold"]


def test_the_end_of_the_hold_is_when_it_was_resolved(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    expire_at(superuser, LATE + timedelta(days=1))
    assert get_reservation(superuser, held).resolved_at == LATE


def test_what_was_paid_or_cancelled_is_left_alone(operator, superuser):
    sale = sale_between(operator, superuser)
    paid = hold_at(superuser, sale, OPENS)
    confirm(superuser, paid)
    assert expire_at(superuser, LATE) == 0
    assert stored_state(superuser, paid) == "confirmed"
    assert violations(operator, sale) == []


def test_the_oldest_go_first(operator, superuser):
    sale = sale_between(operator, superuser)
    held = [
        hold_at(superuser, sale, OPENS + minutes * timedelta(minutes=1), user=f"u{minutes}")
        for minutes in range(4)
    ]
    assert expire_at(superuser, LATE + HOLD, limit=3) == 3
    states = [stored_state(superuser, number) for number in held]
    assert states == ["expired", "expired", "expired", "held"]
    assert expire_at(superuser, LATE + HOLD, limit=3) == 1
    assert violations(operator, sale) == []


def test_all_activities_are_swept(operator, superuser):
    sales = [sale_between(operator, superuser) for _ in range(3)]
    for sale in sales:
        hold_at(superuser, sale, OPENS)
    assert expire_at(superuser, LATE, limit=2) == 2
    assert expire_at(superuser, LATE, limit=2) == 1
    for sale in sales:
        assert availability(operator, sale).held == 0
        assert violations(operator, sale) == []


def test_paused_and_closed_activities_are_swept_too(operator, superuser):
    paused, closed = sale_between(operator, superuser), sale_between(operator, superuser)
    for sale in (paused, closed):
        hold_at(superuser, sale, OPENS, quantity=2)
    call_for(operator, "pause_activity", paused)
    call_for(operator, "close_activity", closed)
    assert expire_at(superuser, LATE) == 2
    assert availability(operator, paused).available == 10
    assert units_of(operator, closed.sku) == 10
    assert violations(operator, closed) == []


def test_a_later_hold_is_found_after_an_earlier_sweep(operator, superuser):
    sale = sale_between(operator, superuser)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + timedelta(minutes=1), user="bob")
    assert expire_at(superuser, LATE) == 1
    hold_at(superuser, sale, LATE, user="cid")
    assert expire_at(superuser, LATE + timedelta(minutes=1)) == 1
    assert expire_at(superuser, LATE + HOLD) == 1
    assert violations(operator, sale) == []


def test_the_next_expiry_of_a_paid_hold_is_forgotten(operator, superuser):
    """Its bound would make every read look for due holds for nothing."""
    sale = sale_between(operator, superuser)
    confirm(superuser, hold_at(superuser, sale, OPENS))
    expire_at(superuser, LATE)
    row = one(
        superuser,
        """
        select s.next_expiry = 'infinity' as forgotten
          from seckill_private.pool_slot as s
          join seckill_private.pool as p on p.pool_id = s.pool_id
         where p.activity_id = %(id)s""",
        id=sale.activity_id,
    )
    assert row.forgotten


def test_units_are_sold_again(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    hold_at(superuser, sale, OPENS)
    expire_at(superuser, LATE)
    assert reserve_at(superuser, sale, LATE, user="bob").status == "held"


def test_many_holds_of_one_pool_go_in_one_step(operator, superuser):
    sale = sale_between(operator, superuser, units=500)
    for number in range(100):
        hold_at(superuser, sale, OPENS, user=f"u{number}")
    assert expire_at(superuser, LATE) == 100
    assert violations(operator, sale) == []


def test_the_public_call_reads_the_clock(operator, superuser):
    """The sale lies in the past, so its holds are long over."""
    sale = sale_between(operator, superuser, starts_at=LONG_AGO, ends_at=OPENS)
    hold_at(superuser, sale, LONG_AGO + timedelta(days=1))
    future = sale_between(operator, superuser)
    hold_at(superuser, future, OPENS)
    assert expire_due(operator) == 1
    assert expire_due(operator) == 0


def test_the_actor_stands_in_the_ledger(operator, superuser):
    sale = sale_between(operator, superuser, starts_at=LONG_AGO, ends_at=OPENS)
    hold_at(superuser, sale, LONG_AGO)
    one(operator, "select seckill.expire_due(p_actor => 'night shift') as expired")
    line = next(line for line in history(operator, sale) if line.kind == "expire")
    assert line.actor == "night shift"


@pytest.mark.parametrize("limit", [None, 0, -1, 10_001, 2**31 - 1])
def test_a_limit_that_makes_no_sense_is_an_invalid_argument(operator, limit):
    with refused("SK001"):
        one(operator, "select seckill.expire_due(p_limit => %(limit)s)", limit=limit)


@pytest.mark.parametrize("actor", ["", "x" * 201])
def test_an_actor_that_makes_no_sense_is_an_invalid_argument(operator, actor):
    with refused("SK001"):
        one(operator, "select seckill.expire_due(p_actor => %(actor)s)", actor=actor)
