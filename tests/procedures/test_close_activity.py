"""seckill.close_activity: what is available returns to the inventory at once, the rest follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

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
    reserve,
    set_stock_total,
    violations,
)
from tests.procedures.instants import (
    HOLD,
    OPENS,
    another_pool,
    call_for,
    cancel_at,
    confirm_at,
    history,
    hold_at,
    journal,
    kinds,
    new_name,
    refused,
    sale_between,
    stored_state,
    time_passes,
    units_of,
)
from tests.procedures.rules import reserve_lines, set_slots


def test_available_units_return_at_once(operator, buyer):
    sale = open_sale(operator, units=10, sku=new_name())
    reserve(buyer, sale, quantity=2)
    confirm(buyer, reserve(buyer, sale, quantity=1).reservation_id)
    answer = close_activity(operator, sale)
    assert (answer.status, answer.replayed, answer.quantity) == ("closed", False, 7)
    assert units_of(operator, sale.sku) == 7
    assert violations(operator, sale) == []


def test_all_pools_are_closed(operator, superuser):
    sale = sale_between(operator, superuser, units=3)
    north = another_pool(operator, superuser, sale, units=4, sku=sale.sku, region="north")
    tablet = another_pool(operator, superuser, sale, units=5)
    assert close_activity(operator, sale).quantity == 12
    assert units_of(operator, sale.sku) == 7
    assert units_of(operator, tablet.sku) == 5
    for pool in (sale, north, tablet):
        now = availability(operator, pool)
        assert (now.status, now.total, now.available) == ("ended", 0, 0)
    assert violations(operator, sale) == []


def test_other_activities_keep_their_units(operator):
    sku = new_name()
    one_sale, another = open_sale(operator, sku=sku), open_sale(operator, sku=sku)
    close_activity(operator, one_sale)
    assert availability(operator, another).available == 10
    assert units_of(operator, sku) == 10


def test_a_repeat_returns_nothing_more(operator, buyer):
    sale = open_sale(operator, units=10, sku=new_name())
    reserve(buyer, sale)
    close_activity(operator, sale)
    answer = close_activity(operator, sale)
    assert (answer.status, answer.replayed) == ("closed", True)
    assert units_of(operator, sale.sku) == 9


def test_a_sale_with_nothing_left_can_be_closed(operator, buyer):
    sale = open_sale(operator, units=1, sku=new_name())
    confirm(buyer, reserve(buyer, sale).reservation_id)
    assert close_activity(operator, sale).quantity == 0
    assert violations(operator, sale) == []


def test_a_sale_without_any_pool_can_be_closed(operator):
    sale = open_sale(operator, units=0)
    assert close_activity(operator, sale).quantity == 0
    assert violations(operator, sale) == []


def test_what_holds_release_later_follows(operator, superuser):
    sale = sale_between(operator, superuser, units=10)
    ann = hold_at(superuser, sale, OPENS, quantity=2)
    bob = hold_at(superuser, sale, OPENS, user="bob", quantity=3)
    cid = hold_at(superuser, sale, OPENS, user="cid", quantity=4)
    close_activity(operator, sale)
    assert units_of(operator, sale.sku) == 1
    cancel(superuser, ann)
    assert units_of(operator, sale.sku) == 3
    confirm(superuser, bob, user="bob")
    assert units_of(operator, sale.sku) == 3
    cancel_at(superuser, cid, OPENS + HOLD, user="cid")
    assert units_of(operator, sale.sku) == 7
    assert kinds(operator, sale) == [
        *("allocate", "cancel", "close", "confirm", "expire", "hold", "hold", "hold")
    ]
    assert violations(operator, sale) == []


def test_holds_that_have_ended_return_at_once_swept_or_not(operator, superuser):
    sale = sale_between(operator, superuser, units=10)
    ann = hold_at(superuser, sale, OPENS, quantity=4)
    bob = hold_at(superuser, sale, OPENS + HOLD / 2, user="bob", quantity=3)
    time_passes(superuser, sale, OPENS + HOLD)
    assert stored_state(superuser, ann) == "held", "somebody has swept it already"
    assert availability(operator, sale).available == 7
    assert close_activity(operator, sale).quantity == 7
    assert units_of(operator, sale.sku) == 7
    now = availability(operator, sale)
    assert (now.total, now.available, now.held) == (3, 0, 3)
    assert get_reservation(superuser, ann).status == "expired"
    assert confirm(superuser, ann).status == "late_sold_out"
    assert confirm(superuser, bob, user="bob").status == "confirmed"
    assert units_of(operator, sale.sku) == 7
    assert kinds(operator, sale) == [
        *("allocate", "close", "confirm", "expire", "hold", "hold", "late_sold_out")
    ]
    assert violations(operator, sale) == []


def test_a_hold_that_lives_by_what_its_pool_has_seen_is_left_alone(operator, superuser):
    """Another pool of the sale is ahead, as after a clock that jumped back."""
    sale = sale_between(operator, superuser)
    other = another_pool(operator, superuser, sale)
    held = hold_at(superuser, sale, OPENS)
    hold_at(superuser, other, OPENS + 2 * HOLD, user="bob")
    close_activity(operator, sale)
    assert stored_state(superuser, held) == "held"
    assert confirm_at(superuser, held, OPENS + HOLD / 2).status == "confirmed"
    assert violations(operator, sale) == []


def test_ended_orders_return_from_all_their_pools_and_slots(operator, buyer, superuser):
    sale = open_sale(operator, units=8, sku=new_name())
    other = Sale(sale.activity_id, new_name(), sale.region)
    add_units(operator, other, 5)
    set_slots(operator, sale, 4)
    for number in range(8):
        reserve(buyer, sale, user=f"user {number}")
    for user in ("ann", "bob"):
        lines = [(other.sku, 2)]
        assert reserve_lines(buyer, other, lines, user=user).status == "held"
    cancel(buyer, reserve(buyer, other).reservation_id)
    time_passes(superuser, sale, datetime.now(UTC) + timedelta(hours=1))
    before = [availability(buyer, pool).available for pool in (sale, other)]
    assert before == [8, 5]
    assert close_activity(operator, sale).quantity == 13
    assert [units_of(operator, pool.sku) for pool in (sale, other)] == before
    assert [availability(buyer, pool).total for pool in (sale, other)] == [0, 0]
    assert violations(operator, sale) == []


def test_ended_holds_pay_what_the_pool_owes_first(operator, superuser):
    sale = sale_between(operator, superuser, units=10)
    hold_at(superuser, sale, OPENS, quantity=6)
    set_stock_total(operator, sale, 4, "drain")
    assert units_of(operator, sale.sku) == 4
    time_passes(superuser, sale, OPENS + HOLD)
    assert availability(operator, sale).available == 4
    assert close_activity(operator, sale).quantity == 4
    assert units_of(operator, sale.sku) == 10
    assert availability(operator, sale).total == 0
    assert "drain" in kinds(operator, sale)
    assert violations(operator, sale) == []


def test_the_inventorys_ledger_tells_where_from(operator, superuser):
    sale = sale_between(operator, superuser, units=10)
    held = hold_at(superuser, sale, OPENS, quantity=2)
    close_activity(operator, sale)
    cancel(superuser, held)
    lines = superuser.execute(
        """
        select m.kind, m.delta, m.pool_id is not null as of_a_pool
          from seckill_private.inventory_movement as m
         where m.sku = %s
         order by m.version""",
        [sale.sku],
    ).fetchall()
    assert [tuple(line) for line in lines] == [
        ("receive", 10, False),
        ("allocate", -10, True),
        ("close", 8, True),
        ("cancel", 2, True),
    ]


def test_late_payments_are_sold_out_from_then_on(operator, superuser):
    sale = sale_between(operator, superuser, units=10)
    held = hold_at(superuser, sale, OPENS)
    close_activity(operator, sale)
    assert confirm_at(superuser, held, OPENS + HOLD).status == "late_sold_out"
    assert units_of(operator, sale.sku) == 10
    assert violations(operator, sale) == []


def test_nothing_comes_into_a_closed_sale(operator, buyer):
    sale = open_sale(operator, sku=new_name())
    close_activity(operator, sale)
    assert reserve(buyer, sale).status == "ended"
    with refused("SK006"):
        call_for(operator, "open_activity", sale)
    with refused("SK006"):
        one(
            operator,
            """
            select * from seckill.allocate_stock(
                     p_activity_id => %(id)s, p_sku => %(sku)s, p_quantity => 1,
                     p_request_id => gen_random_uuid())""",
            id=sale.activity_id,
            sku=sale.sku,
        )


def test_the_units_can_be_sold_in_another_sale(operator, buyer):
    sale = open_sale(operator, units=10, sku=new_name())
    close_activity(operator, sale)
    other = open_sale(operator, units=0, sku=sale.sku)
    one(
        operator,
        """
        select * from seckill.allocate_stock(
                 p_activity_id => %(id)s, p_sku => %(sku)s, p_quantity => 10,
                 p_request_id => gen_random_uuid())""",
        id=other.activity_id,
        sku=sale.sku,
    )
    assert reserve(buyer, other, quantity=10).status == "held"
    assert violations(operator, other) == []


def test_who_closed_it_stands_in_the_ledger(operator, superuser):
    sale = sale_between(operator, superuser)
    call_for(operator, "close_activity", sale, actor="ann")
    line = next(line for line in history(operator, sale) if line.kind == "close")
    assert (line.actor, line.quantity, line.user_id) == ("ann", 10, None)
    assert journal(superuser, sale)[-1].actor == "ann"
