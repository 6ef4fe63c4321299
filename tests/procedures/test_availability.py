"""seckill.availability: the numbers of a pool and what it is; due holds are in test_expiry.py."""

from __future__ import annotations

import pytest

from tests.fix_sale import (
    Sale,
    add_units,
    availability,
    cancel,
    close_activity,
    confirm,
    one,
    open_sale,
    reserve,
)
from tests.procedures.instants import (
    ENDS,
    INSTANT,
    OPENS,
    call_for,
    hold_at,
    refused,
    sale_between,
    time_passes,
)


def test_the_numbers_add_up(operator, buyer):
    sale = open_sale(operator, units=10)
    confirm(buyer, reserve(buyer, sale, quantity=1).reservation_id)
    reserve(buyer, sale, user="bob", quantity=2)
    cancel(buyer, reserve(buyer, sale, user="cid", quantity=4).reservation_id, user="cid")
    now = availability(buyer, sale)
    assert (now.status, now.total, now.available, now.held, now.sold) == ("on_sale", 10, 7, 2, 1)


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (OPENS - INSTANT, "not_started"),
        (OPENS, "on_sale"),
        (ENDS - INSTANT, "on_sale"),
        (ENDS, "ended"),
    ],
)
def test_the_window_is_half_open(operator, superuser, buyer, seen, status):
    sale = sale_between(operator, superuser)
    time_passes(superuser, sale, seen)
    assert availability(buyer, sale).status == status


@pytest.mark.parametrize(
    ("call", "status"),
    [
        ("open_activity", "on_sale"),
        ("pause_activity", "paused"),
        ("close_activity", "ended"),
    ],
)
def test_the_state_of_the_activity_shows(operator, superuser, buyer, call, status):
    sale = sale_between(operator, superuser)
    call_for(operator, call, sale)
    time_passes(superuser, sale, OPENS)
    assert availability(buyer, sale).status == status


def test_a_draft_has_not_started(operator, superuser, buyer):
    sale = sale_between(operator, superuser, state="draft")
    time_passes(superuser, sale, OPENS)
    assert availability(buyer, sale).status == "not_started"


@pytest.mark.parametrize("state", ["not_started", "paused", "ended"])
def test_the_state_comes_before_sold_out(operator, superuser, buyer, state):
    sale = sale_between(operator, superuser, units=1)
    hold_at(superuser, sale, OPENS)
    time_passes(superuser, sale, {"ended": ENDS, "not_started": OPENS - INSTANT}.get(state, OPENS))
    if state == "paused":
        call_for(operator, "pause_activity", sale)
    assert availability(buyer, sale).status == state


def test_nothing_available_is_sold_out(operator, buyer):
    sale = open_sale(operator, units=1)
    reserve(buyer, sale)
    now = availability(buyer, sale)
    assert (now.status, now.available, now.held) == ("sold_out", 0, 1)


def test_a_closed_sale_keeps_what_was_sold_and_held(operator, buyer):
    sale = open_sale(operator, units=10)
    confirm(buyer, reserve(buyer, sale, quantity=2).reservation_id)
    reserve(buyer, sale, quantity=3)
    close_activity(operator, sale)
    now = availability(buyer, sale)
    assert (now.total, now.available, now.held, now.sold) == (5, 0, 3, 2)


def test_regions_have_their_own_numbers(operator, buyer):
    sale = open_sale(operator, units=3, region="north")
    south = Sale(sale.activity_id, sale.sku, "south")
    add_units(operator, south, 5)
    assert availability(buyer, sale).total == 3
    assert availability(buyer, south).total == 5


def test_the_region_has_a_default(operator, buyer):
    sale = open_sale(operator, units=3)
    now = one(
        buyer,
        """
        select * from seckill.availability(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
    )
    assert now.total == 3


def test_the_epoch_grows_with_every_increase_only(operator, buyer):
    sale = open_sale(operator, units=10)
    epochs = [availability(buyer, sale).epoch]

    def grown() -> bool:
        epochs.append(availability(buyer, sale).epoch)
        assert epochs[-1] >= epochs[-2]
        return epochs[-1] > epochs[-2]

    held = reserve(buyer, sale)
    assert not grown()
    paid = reserve(buyer, sale, user="bob")
    assert not grown()
    confirm(buyer, paid.reservation_id, user="bob")
    assert not grown()
    cancel(buyer, held.reservation_id)
    assert grown()
    add_units(operator, sale, 1)
    assert grown()


@pytest.mark.parametrize("who", ["buyer", "operator", "reader"])
def test_every_role_may_look(sessions, operator, who):
    sale = open_sale(operator)
    connection = sessions[who]
    assert availability(connection, sale).status == "on_sale"


def test_it_reads_in_a_read_only_transaction(operator, buyer):
    sale = open_sale(operator)
    with buyer.transaction():
        buyer.execute("set transaction read only")
        assert availability(buyer, sale).status == "on_sale"


@pytest.mark.parametrize(
    ("sale", "sqlstate"),
    [
        (Sale(None, "phone", "*"), "SK001"),  # type: ignore[arg-type]
        (Sale(1, "", "*"), "SK001"),
        (Sale(1, None, "*"), "SK001"),  # type: ignore[arg-type]
        (Sale(1, "phone", ""), "SK001"),
        (Sale(1, "phone", None), "SK001"),  # type: ignore[arg-type]
        (Sale(1, "x" * 201, "*"), "SK001"),
        (Sale(1, "phone", "x" * 201), "SK001"),
        (Sale(-1, "phone", "*"), "SK002"),
        (Sale(2**63 - 1, "phone", "*"), "SK002"),
    ],
)
def test_nonsense_is_refused(buyer, sale, sqlstate):
    with refused(sqlstate):
        availability(buyer, sale)


def test_a_pool_that_never_was_is_unknown(operator, buyer):
    sale = open_sale(operator)
    for sku, region in (("tablet", "*"), (sale.sku, "north")):
        with refused("SK003"):
            availability(buyer, Sale(sale.activity_id, sku, region))
