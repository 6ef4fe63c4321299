"""seckill.set_slots: one pool in several rows; what buyers are told does not change."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from psycopg import Connection

from tests.fix_sale import (
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
    set_stock_total,
    violations,
)
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    HOLD,
    OPENS,
    confirm_at,
    expire_at,
    hold_at,
    new_name,
    refused,
    sale_between,
    time_passes,
)
from tests.procedures.rules import (
    move_stock,
    receive_stock,
    reserve_lines,
    set_queue_limit,
    set_slots,
)


def slots_of(superuser: Connection[Any], sale: Sale) -> list[int]:
    """What is available in each slot."""
    return [
        row.available
        for row in superuser.execute(
            """
            select s.available from seckill_private.pool_slot as s
              join seckill_private.pool as p on p.pool_id = s.pool_id
             where (p.activity_id, p.sku, p.region) = (%s, %s, %s) order by s.slot""",
            [sale.activity_id, sale.sku, sale.region],
        )
    ]


def test_units_are_spread(operator, superuser):
    sale = open_sale(operator, units=10, sku=new_name())
    answer = set_slots(operator, sale, 4)
    assert (answer.status, answer.replayed, answer.quantity, answer.total) == ("set", False, 4, 10)
    assert slots_of(superuser, sale) == [3, 3, 2, 2]
    assert set_slots(operator, sale, 4).replayed is True
    add_units(operator, sale, 6)
    assert slots_of(superuser, sale) == [5, 5, 3, 3]
    set_slots(operator, sale, 1)
    assert slots_of(superuser, sale) == [16, 0, 0, 0]
    assert violations(operator, sale) == []


@pytest.mark.parametrize("slots", [None, 0, -1, 65])
def test_slots_are_1_to_64(operator, slots):
    sale = open_sale(operator, sku=new_name())
    with refused("SK001"):
        set_slots(operator, sale, slots)


def test_unknown_and_closed(operator):
    sale = open_sale(operator, sku=new_name())
    with refused("SK002"):
        set_slots(operator, Sale(BIGGEST_BIGINT, sale.sku, "*"), 2)
    with refused("SK003"):
        set_slots(operator, Sale(sale.activity_id, sale.sku, "nowhere"), 2)
    close_activity(operator, sale)
    with refused("SK006"):
        set_slots(operator, sale, 2)


@pytest.mark.parametrize("quantities", [[1] * 10, [7, 3], [10], [4, 4, 2], [3, 3, 3, 1]])
def test_every_unit_can_be_bought(operator, buyer, quantities):
    """Also by orders that no single slot could serve."""
    sale = open_sale(operator, units=10, sku=new_name())
    set_slots(operator, sale, 4)
    for number, quantity in enumerate(quantities):
        answer = reserve(buyer, sale, user=f"u{number}", quantity=quantity)
        assert answer.status == "held", (number, answer)
    assert reserve(buyer, sale, user="late").status == "sold_out"
    assert violations(operator, sale) == []


def test_the_life_of_an_order(operator, buyer, superuser):
    """Held, paid, refunded, cancelled: the units are where they were."""
    sale = open_sale(operator, units=10, sku=new_name())
    set_slots(operator, sale, 4)
    paid = reserve(buyer, sale, user="ann", quantity=7)
    given_up = reserve(buyer, sale, user="bob", quantity=3)
    confirm(buyer, paid.reservation_id, user="ann")
    refund(buyer, paid.reservation_id, user="ann")
    cancel(buyer, given_up.reservation_id, user="bob")
    assert sum(slots_of(superuser, sale)) == 10
    assert reserve(buyer, sale, user="cid", quantity=10).status == "held"
    assert violations(operator, sale) == []


def test_several_lines(operator, buyer, superuser):
    sale = open_sale(operator, units=10, sku=new_name())
    other = Sale(sale.activity_id, new_name(), "*")
    add_units(operator, other, 6)
    for pool in (sale, other):
        set_slots(operator, pool, 3)
    lines = [(sale.sku, 9), (other.sku, 5)]
    assert reserve_lines(buyer, sale, lines, user="ann").status == "held"
    assert reserve_lines(buyer, sale, lines, user="bob").status == "sold_out"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("swept", [True, False])
def test_a_late_payment_takes_units_of_any_slot(db, swept):
    """In a database of its own: a sweep would meet what other tests have made of their books."""
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        sale = sale_between(operator, superuser, units=6, sku=new_name())
        set_slots(operator, sale, 3)
        time_passes(superuser, sale, OPENS)
        hold = hold_at(superuser, sale, OPENS, user="ann", quantity=4)
        if swept:
            assert expire_at(superuser, OPENS + HOLD) == 1
        for number in range(2):
            hold_at(superuser, sale, OPENS + HOLD, user=f"u{number}")
        assert confirm_at(superuser, hold, OPENS + HOLD, user="ann").late is True
        assert sum(slots_of(superuser, sale)) == 0
        assert violations(operator, sale) == []


def test_a_queue_has_a_place_for_each_slot(operator, shop):
    """Nobody may wait, but as many as there are slots may be served at once."""
    sale = open_sale(operator, units=10, sku=new_name())
    set_slots(operator, sale, 3)
    set_queue_limit(operator, sale, 0)
    with contextlib.ExitStack() as stack:
        buyers = [
            stack.enter_context(shop.connect("buyer", autocommit=False, direct=True))
            for _ in range(4)
        ]
        told = [reserve(buyer, sale, user=f"u{n}").status for n, buyer in enumerate(buyers)]
        for buyer in buyers:
            buyer.rollback()
    assert told == ["held", "held", "held", "busy"]


def test_the_stock_of_an_instant_adds_up_while_slots_are_levelled(operator, buyer, superuser):
    sale = open_sale(operator, units=9, sku=new_name())
    set_slots(operator, sale, 3)
    for number, quantity in enumerate([2, 4, 1]):
        assert reserve(buyer, sale, user=f"u{number}", quantity=quantity).status == "held"
        set_slots(operator, sale, 2 + number)
    instants = superuser.execute(
        "select distinct at from seckill.history(%s) order by at", [sale.activity_id]
    ).fetchall()
    assert len(instants) > 4
    for row in instants:
        found = operator.execute(
            "select total, available, held, sold from seckill.stock_at(%s, %s, %s)",
            [sale.activity_id, sale.sku, row.at],
        ).fetchone()
        assert found.total == found.available + found.held + found.sold == 9


def test_feed_and_history_tell_of_levelling(operator):
    sale = open_sale(operator, units=9, sku=new_name())
    set_slots(operator, sale, 3)
    moved = operator.execute(
        "select kind, quantity from seckill.history(%s) where kind = 'level'", [sale.activity_id]
    ).fetchall()
    assert sorted(tuple(row) for row in moved) == [("level", 3), ("level", 3), ("level", 6)]


def test_allocate_makes_slots_and_keeps_those_that_are_there(operator, superuser):
    sale = open_sale(operator, units=3, sku=new_name())
    north = Sale(sale.activity_id, sale.sku, "north")
    receive_stock(operator, sale.sku, 8)
    for slots, shares in ((4, [1, 1, 1, 1]), (2, [2, 2, 2, 2])):
        one(
            operator,
            """
            select status from seckill.allocate_stock(
                     %(activity)s, %(sku)s, 4, gen_random_uuid(), 'north', p_slots => %(slots)s)""",
            activity=sale.activity_id,
            sku=sale.sku,
            slots=slots,
        )
        assert slots_of(superuser, north) == shares
    assert violations(operator, north) == []


def test_a_drained_total_is_paid_by_whatever_comes_back(operator, buyer):
    sale = open_sale(operator, units=8, sku=new_name())
    set_slots(operator, sale, 4)
    holds = [reserve(buyer, sale, user=f"u{n}", quantity=2) for n in range(4)]
    set_stock_total(operator, sale, 6, "drain")
    for n in (3, 1, 2, 0):
        cancel(buyer, holds[n].reservation_id, user=f"u{n}")
        assert violations(operator, sale) == []
        shown = availability(operator, sale)
        assert shown.available == {3: 0, 1: 2, 2: 4, 0: 6}[n]
    assert shown.total == 6


def test_units_move_between_regions_with_slots(operator, superuser):
    north = open_sale(operator, units=10, sku=new_name(), region="north")
    south = Sale(north.activity_id, north.sku, "south")
    add_units(operator, south, 2)
    for pool in (north, south):
        set_slots(operator, pool, 4)
    move_stock(operator, north, 9, source="north", target="south")
    assert (sum(slots_of(superuser, north)), sum(slots_of(superuser, south))) == (1, 11)
    close_activity(operator, north)
    assert violations(operator, north) == []
