"""seckill.set_stock_total: a total changed in mid-sale, in four modes.

The pool of most tests has 30 units: 4 sold, 3 held by Bob and then 5 held by Cid, 18 available.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.fix_sale import (
    Sale,
    add_units,
    availability,
    cancel,
    close_activity,
    confirm,
    get_reservation,
    one,
    open_sale,
    refund,
    reserve,
    set_stock_total,
    stock_at,
    violations,
)
from tests.procedures.instants import (
    HOLD,
    OPENS,
    another_pool,
    call_for,
    hold_at,
    journal,
    lock_row_of,
    new_name,
    refused,
    reserve_at,
    sale_between,
    time_passes,
    units_of,
)

MODES = ("reject", "floor", "drain", "revoke")


def busy_sale(operator: Connection[Any], buyer: Connection[Any]) -> tuple[Sale, dict[str, int]]:
    """The pool of the module's first lines, and its reservations by user."""
    sale = open_sale(operator, units=30, sku=new_name())
    held = {
        user: reserve(buyer, sale, user=user, quantity=quantity).reservation_id
        for user, quantity in (("ann", 4), ("bob", 3), ("cid", 5))
    }
    assert confirm(buyer, held["ann"]).status == "confirmed"
    return sale, held


def numbers(connection: Connection[Any], sale: Sale) -> tuple[int, int, int, int]:
    """Total, available, held, sold."""
    row = availability(connection, sale)
    return row.total, row.available, row.held, row.sold


def debt(superuser: Connection[Any], sale: Sale) -> int:
    """Units that the sale's pool still owes."""
    return one(
        superuser,
        """
        select sum(s.owed)::bigint as owed
          from seckill_private.pool_slot as s
          join seckill_private.pool as p on p.pool_id = s.pool_id
         where p.activity_id = %(id)s and p.sku = %(sku)s and p.region = %(region)s""",
        id=sale.activity_id,
        sku=sale.sku,
        region=sale.region,
    ).owed


def schedule(operator: Connection[Any], sale: Sale, *releases: tuple[timedelta, int]) -> None:
    """seckill.schedule_release, at times from now."""
    one(
        operator,
        """
        select * from seckill.schedule_release(
                 p_activity_id => %(id)s, p_sku => %(sku)s, p_region => %(region)s,
                 p_release_at => array(select now() + d from unnest(%(delays)s::interval[]) as d),
                 p_quantities => %(quantities)s::bigint[])""",
        id=sale.activity_id,
        sku=sale.sku,
        region=sale.region,
        delays=[delay for delay, _ in releases],
        quantities=[quantity for _, quantity in releases],
    )


# --- lowered to what is not held or sold: all modes do the same


@pytest.mark.parametrize("mode", MODES)
def test_units_that_are_available_go_to_the_inventory(operator, buyer, superuser, mode):
    sale, _ = busy_sale(operator, buyer)
    answer = set_stock_total(operator, sale, 12, mode)
    assert (answer.status, answer.replayed) == ("set", False)
    assert (answer.activity_id, answer.sku, answer.region) == (sale.activity_id, sale.sku, "*")
    assert (answer.quantity, answer.total) == (-18, 12)
    assert numbers(operator, sale) == (12, 0, 8, 4)
    assert units_of(operator, sale.sku) == 18
    assert debt(superuser, sale) == 0
    assert reserve(buyer, sale, user="dan").status == "sold_out"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("mode", MODES)
def test_units_that_are_put_in_come_from_the_inventory(operator, buyer, mode):
    sale, _ = busy_sale(operator, buyer)
    one(
        operator,
        "select * from seckill.receive_stock(%(sku)s, 5, %(id)s)",
        sku=sale.sku,
        id=uuid4(),
    )
    epoch = availability(operator, sale).epoch
    answer = set_stock_total(operator, sale, 33, mode)
    assert (answer.quantity, answer.total) == (3, 33)
    assert numbers(operator, sale) == (33, 21, 8, 4)
    assert units_of(operator, sale.sku) == 2
    assert availability(operator, sale).epoch > epoch
    with refused("SK007"):
        set_stock_total(operator, sale, 36, mode)
    assert violations(operator, sale) == []


@pytest.mark.parametrize("mode", MODES)
def test_the_same_total_changes_nothing(operator, buyer, superuser, mode):
    sale, _ = busy_sale(operator, buyer)
    calls = len(journal(superuser, sale))
    answer = set_stock_total(operator, sale, 30, mode)
    assert (answer.status, answer.replayed, answer.quantity) == ("set", True, 0)
    assert len(journal(superuser, sale)) == calls


# --- lowered below what is held and sold


def test_reject_refuses_and_says_how_many(operator, buyer):
    sale, _ = busy_sale(operator, buyer)
    with refused("SK007") as refusal:
        set_stock_total(operator, sale, 11, "reject")
    assert refusal.detail == "12 units are held or sold"
    assert numbers(operator, sale) == (30, 18, 8, 4)
    assert units_of(operator, sale.sku) == 0


def test_floor_goes_as_low_as_it_can(operator, buyer, superuser):
    sale, held = busy_sale(operator, buyer)
    answer = set_stock_total(operator, sale, 10, "floor")
    assert (answer.quantity, answer.total) == (-18, 12)
    cancel(buyer, held["cid"], user="cid")
    assert numbers(operator, sale) == (12, 5, 3, 4)
    assert debt(superuser, sale) == 0
    assert violations(operator, sale) == []


def test_drain_takes_the_rest_as_it_comes_back(operator, buyer, superuser):
    sale, held = busy_sale(operator, buyer)
    answer = set_stock_total(operator, sale, 8, "drain")
    assert (answer.quantity, answer.total) == (-18, 12)
    assert debt(superuser, sale) == 4
    cancel(buyer, held["bob"], user="bob")
    assert numbers(operator, sale) == (9, 0, 5, 4)
    assert units_of(operator, sale.sku) == 21
    assert reserve(buyer, sale, user="dan").status == "sold_out"
    cancel(buyer, held["cid"], user="cid")
    assert numbers(operator, sale) == (8, 4, 0, 4)
    assert units_of(operator, sale.sku) == 22
    assert debt(superuser, sale) == 0
    assert violations(operator, sale) == []


def test_what_is_refunded_pays_the_debt_too(operator, buyer, superuser):
    sale, held = busy_sale(operator, buyer)
    set_stock_total(operator, sale, 9, "drain")
    refund(buyer, held["ann"], quantities=[2], request_id=uuid4())
    assert numbers(operator, sale) == (10, 0, 8, 2)
    refund(buyer, held["ann"], quantities=[1], request_id=uuid4(), restock=False)
    assert debt(superuser, sale) == 1
    refund(buyer, held["ann"])
    assert numbers(operator, sale) == (8, 0, 8, 0)
    assert debt(superuser, sale) == 0
    assert violations(operator, sale) == []


def test_a_later_allocation_pays_the_debt_first(operator, buyer, superuser):
    sale, held = busy_sale(operator, buyer)
    set_stock_total(operator, sale, 10, "drain")
    answer = add_units(operator, sale, 5)
    assert answer.total == 15
    assert numbers(operator, sale) == (15, 3, 8, 4)
    assert units_of(operator, sale.sku) == 20
    assert debt(superuser, sale) == 0
    cancel(buyer, held["cid"], user="cid")
    assert numbers(operator, sale) == (15, 8, 3, 4)
    assert violations(operator, sale) == []


def test_ended_holds_pay_the_debt_before_they_are_swept(operator, buyer, superuser):
    """Every read tells what the sweep will do."""
    sale = sale_between(operator, superuser, units=10)
    hold_at(superuser, sale, OPENS, quantity=6)
    assert set_stock_total(operator, sale, 2, "drain").total == 6
    time_passes(superuser, sale, OPENS + HOLD)
    assert numbers(superuser, sale) == (2, 2, 0, 0)
    assert numbers_at(superuser, sale, OPENS + HOLD) == (2, 2, 0, 0)
    assert reserve_at(superuser, sale, OPENS + HOLD, user="bob", quantity=2).status == "held"
    assert numbers(superuser, sale) == (2, 0, 2, 0)
    assert units_of(operator, sale.sku) == 8
    assert violations(operator, sale) == []


def numbers_at(connection: Connection[Any], sale: Sale, at: Any) -> tuple[int, int, int, int]:
    """Total, available, held, sold by seckill.stock_at."""
    row = stock_at(connection, sale, at)
    return row.total, row.available, row.held, row.sold


def test_the_debt_is_replaced_by_the_next_total(operator, buyer, superuser):
    sale, held = busy_sale(operator, buyer)
    set_stock_total(operator, sale, 8, "drain")
    assert set_stock_total(operator, sale, 8, "drain").replayed
    answer = set_stock_total(operator, sale, 11, "drain")
    assert (answer.replayed, answer.quantity, debt(superuser, sale)) == (False, 0, 1)
    set_stock_total(operator, sale, 5, "drain")
    assert debt(superuser, sale) == 7
    answer = set_stock_total(operator, sale, 12, "reject")
    assert (answer.replayed, answer.quantity, debt(superuser, sale)) == (False, 0, 0)
    cancel(buyer, held["cid"], user="cid")
    assert numbers(operator, sale) == (12, 5, 3, 4)
    assert violations(operator, sale) == []


def test_revoke_cancels_the_newest_holds(operator, buyer, reader):
    sale, held = busy_sale(operator, buyer)
    answer = set_stock_total(operator, sale, 9, "revoke", actor="merchant")
    assert (answer.quantity, answer.total) == (-21, 9)
    assert numbers(operator, sale) == (9, 2, 3, 4)
    statuses = {user: get_reservation(buyer, held[user], user=user).status for user in held}
    assert statuses == {"ann": "confirmed", "bob": "held", "cid": "cancelled"}
    (event,) = [
        line
        for line in reader.execute(
            "select * from seckill.history(p_activity_id => %s)", [sale.activity_id]
        )
        if line.kind == "revoke"
    ]
    assert (event.reservation_id, event.user_id, event.quantity) == (held["cid"], "cid", 5)
    assert (event.actor, event.login) == ("merchant", "seckill_operator")
    assert event.note == "revoke from 30 to 9"
    assert confirm(buyer, held["cid"], user="cid").status == "cancelled"
    assert violations(operator, sale) == []


def test_revoke_leaves_what_is_sold(operator, buyer):
    sale, _ = busy_sale(operator, buyer)
    with refused("SK007") as refusal:
        set_stock_total(operator, sale, 3, "revoke")
    assert refusal.detail == "4 units are sold"
    assert set_stock_total(operator, sale, 4, "revoke").total == 4
    assert numbers(operator, sale) == (4, 0, 0, 4)
    assert violations(operator, sale) == []


def test_revoke_after_drain_takes_no_more_than_asked(operator, buyer, superuser):
    sale, _ = busy_sale(operator, buyer)
    set_stock_total(operator, sale, 5, "drain")
    assert set_stock_total(operator, sale, 10, "revoke").total == 10
    assert numbers(operator, sale) == (10, 3, 3, 4)
    assert debt(superuser, sale) == 0
    assert violations(operator, sale) == []


def test_a_revoked_hold_goes_with_all_its_lines(operator, superuser, buyer):
    sale = open_sale(operator, units=10, sku="b " + new_name())
    other = another_pool(operator, superuser, sale, sku="a " + new_name())
    held = one(
        buyer,
        """
        select * from seckill.reserve_lines(
                 p_activity_id => %(id)s, p_user_id => 'ann', p_skus => %(skus)s,
                 p_quantities => array[2, 3], p_request_id => %(request)s)""",
        id=sale.activity_id,
        skus=[sale.sku, other.sku],
        request=uuid4(),
    )
    assert set_stock_total(operator, sale, 0, "revoke").total == 0
    assert get_reservation(buyer, held.reservation_id).status == "cancelled"
    assert (numbers(buyer, sale), numbers(buyer, other)) == ((0, 0, 0, 0), (10, 10, 0, 0))
    assert violations(operator, sale) == []


# --- holds that have ended, and releases to come


@pytest.mark.parametrize("mode", MODES)
def test_holds_that_have_ended_are_settled_first(operator, superuser, mode):
    sale = sale_between(operator, superuser, units=10)
    old = hold_at(superuser, sale, OPENS, quantity=4)
    hold_at(superuser, sale, OPENS + HOLD, user="bob", quantity=3)
    time_passes(superuser, sale, OPENS + HOLD)
    answer = set_stock_total(operator, sale, 3, mode)
    assert (answer.total, answer.quantity) == (3, -7)
    assert numbers(superuser, sale) == (3, 0, 3, 0)
    assert get_reservation(superuser, old).status == "expired"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("mode", ["reject", "floor", "revoke"])
def test_ended_holds_in_somebodys_hand_are_waited_for(operator, superuser, shop, mode):
    """They count as available, so nobody may be told that they stand in the way."""
    sale = sale_between(operator, superuser, units=10)
    old = hold_at(superuser, sale, OPENS, quantity=8)
    time_passes(superuser, sale, OPENS + HOLD)
    with shop.connect("superuser") as other, other.transaction():
        lock_row_of(other, old)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            set_stock_total(operator, sale, 3, mode)
    assert numbers(superuser, sale) == (10, 10, 0, 0)
    assert set_stock_total(operator, sale, 3, mode).total == 3
    assert violations(operator, sale) == []


def test_a_hold_that_is_just_being_paid_is_not_revoked(operator, buyer, shop):
    sale = open_sale(operator, units=3, sku=new_name())
    held = reserve(buyer, sale, quantity=3).reservation_id
    with shop.connect("superuser") as other, other.transaction():
        lock_row_of(other, held)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            set_stock_total(operator, sale, 1, "revoke")
    assert numbers(buyer, sale) == (3, 0, 3, 0)
    assert confirm(buyer, held).status == "confirmed"
    assert violations(operator, sale) == []


def test_releases_to_come_are_cut_after_what_is_available(operator, buyer, superuser):
    """The latest release goes first."""
    sale, _ = busy_sale(operator, buyer)
    hour = timedelta(hours=1)
    schedule(operator, sale, (hour / 4, 6), (hour / 2, 5))
    assert numbers(operator, sale) == (30, 7, 8, 4)
    set_stock_total(operator, sale, 25, "reject")
    assert numbers(operator, sale) == (25, 2, 8, 4)
    set_stock_total(operator, sale, 20, "reject")
    rows = superuser.execute(
        """
        select r.quantity from seckill_private.stock_release as r
          join seckill_private.pool as p on p.pool_id = r.pool_id
         where p.activity_id = %s order by r.release_at""",
        [sale.activity_id],
    ).fetchall()
    assert [row.quantity for row in rows] == [6, 2]
    assert numbers(operator, sale) == (20, 0, 8, 4)
    assert set_stock_total(operator, sale, 12, "reject").total == 12
    assert violations(operator, sale) == []


def test_a_release_that_is_due_is_available(operator, buyer, superuser):
    sale, _ = busy_sale(operator, buyer)
    schedule(operator, sale, (timedelta(hours=1), 18))
    now = one(superuser, "select now() + interval '2 hours' as at").at
    time_passes(superuser, sale, now)
    assert set_stock_total(operator, sale, 20, "drain").total == 20
    assert violations(operator, sale) == []


# --- compare and set; states; nonsense


def test_the_expected_total_is_compared(operator, buyer):
    sale, _ = busy_sale(operator, buyer)
    with refused("SK006") as refusal:
        set_stock_total(operator, sale, 20, expected=29)
    assert refusal.detail == "the total is 30"
    assert numbers(operator, sale)[0] == 30
    assert set_stock_total(operator, sale, 20, expected=30).total == 20
    with refused("SK006"):
        set_stock_total(operator, sale, 20, expected=30)


@pytest.mark.parametrize("calls", [[], ["open_activity"], ["open_activity", "pause_activity"]])
def test_an_activity_need_not_be_open(operator, calls):
    sale = open_sale(operator, state="draft", sku=new_name())
    for call in calls:
        call_for(operator, call, sale)
    assert set_stock_total(operator, sale, 4).total == 4
    assert violations(operator, sale) == []


def test_a_closed_one_is_refused(operator):
    sale = open_sale(operator, sku=new_name())
    close_activity(operator, sale)
    with refused("SK006"):
        set_stock_total(operator, sale, 4)


def test_closing_with_a_debt_leaves_the_books_right(operator, buyer, superuser):
    sale, held = busy_sale(operator, buyer)
    set_stock_total(operator, sale, 8, "drain")
    close_activity(operator, sale)
    for user in ("bob", "cid"):
        cancel(buyer, held[user], user=user)
    assert numbers(operator, sale) == (4, 0, 0, 4)
    assert units_of(operator, sale.sku) == 26
    assert violations(operator, sale) == []


@pytest.mark.parametrize(
    ("total", "mode"),
    [(None, "reject"), (-1, "reject"), (10**12 + 1, "reject"), (5, None), (5, ""), (5, "Reject")],
)
def test_nonsense_is_refused(operator, total, mode):
    sale = open_sale(operator, sku=new_name())
    with refused("SK001"):
        set_stock_total(operator, sale, total, mode)


def test_what_is_not_there_is_refused(operator):
    sale = open_sale(operator, sku=new_name())
    with refused("SK003"):
        set_stock_total(operator, Sale(sale.activity_id, "unknown", "*"), 5)
    with refused("SK002"):
        set_stock_total(operator, Sale(0, sale.sku, "*"), 5)
    with refused("SK001"):
        set_stock_total(operator, sale, 5, actor="")


def test_the_journal_has_it(operator, superuser):
    sale = open_sale(operator, sku=new_name())
    set_stock_total(operator, sale, 4, "drain", expected=10, actor="merchant")
    entry = journal(superuser, sale)[-1]
    assert (entry.call, entry.actor) == ("set_stock_total", "merchant")
    assert entry.arguments == {
        "sku": sale.sku,
        "region": "*",
        "total": 4,
        "mode": "drain",
        "expected_total": 10,
    }
