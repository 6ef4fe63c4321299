"""seckill.close_activity: what is available returns to the inventory at once, the rest follows."""

from __future__ import annotations

from tests.fix_sale import (
    availability,
    cancel,
    close_activity,
    confirm,
    one,
    open_sale,
    reserve,
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
    units_of,
)


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
