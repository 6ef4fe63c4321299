"""seckill.receive_stock, allocate_stock and inventory: units come in, and go to a sale.

Each test has a sku of its own, so that the inventory is all its own.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.fix_sale import (
    Row,
    Sale,
    availability,
    close_activity,
    one,
    open_sale,
    reserve,
    violations,
)
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    history,
    journal,
    kinds,
    new_name,
    refused,
    units_of,
)

MOST = 10**12


def receive(
    connection: Connection[Any],
    sku: str | None,
    quantity: int | None,
    *,
    request_id: UUID | str | None = "new",
    reason: str | None = None,
    actor: str | None = None,
) -> Row:
    """seckill.receive_stock."""
    return one(
        connection,
        """
        select * from seckill.receive_stock(
                 p_sku => %(sku)s, p_quantity => %(quantity)s, p_request_id => %(request_id)s,
                 p_reason => %(reason)s, p_actor => %(actor)s)""",
        sku=sku,
        quantity=quantity,
        request_id=uuid4() if request_id == "new" else request_id,
        reason=reason,
        actor=actor,
    )


def allocate(
    connection: Connection[Any],
    sale: Sale,
    quantity: int | None,
    *,
    request_id: UUID | str | None = "new",
    slots: int | None = 1,
    actor: str | None = None,
) -> Row:
    """seckill.allocate_stock."""
    return one(
        connection,
        """
        select * from seckill.allocate_stock(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s, p_quantity => %(quantity)s,
                 p_request_id => %(request_id)s, p_region => %(region)s, p_slots => %(slots)s,
                 p_actor => %(actor)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
        region=sale.region,
        quantity=quantity,
        request_id=uuid4() if request_id == "new" else request_id,
        slots=slots,
        actor=actor,
    )


def empty_sale(operator: Connection[Any], *, region: str = "*") -> Sale:
    """An open sale of a new sku, none of which has been received."""
    return open_sale(operator, units=0, sku=new_name(), region=region)


# --- receive


def test_units_come_in(operator):
    sku = new_name()
    answer = receive(operator, sku, 10)
    assert (answer.status, answer.replayed, answer.sku) == ("received", False, sku)
    assert (answer.quantity, answer.total) == (10, 10)
    assert receive(operator, sku, 5).total == 15
    assert units_of(operator, sku) == 15


def test_a_negative_number_takes_out(operator):
    sku = new_name()
    receive(operator, sku, 10)
    answer = receive(operator, sku, -10, reason="broken")
    assert (answer.status, answer.quantity, answer.total) == ("received", -10, 0)


@pytest.mark.parametrize("received", [0, 9])
def test_nothing_goes_below_zero(operator, received):
    sku = new_name()
    if received:
        receive(operator, sku, received)
    with refused("SK007"):
        receive(operator, sku, -10)
    assert units_of(operator, sku) == received


def test_a_repeat_changes_nothing(operator):
    sku, request_id = new_name(), uuid4()
    first = receive(operator, sku, 10, request_id=request_id)
    again = receive(operator, sku, 10, request_id=request_id)
    assert again.replayed is True
    assert again._replace(replayed=False) == first
    assert units_of(operator, sku) == 10


def test_a_repeat_gives_the_answer_of_then(operator):
    sku, request_id = new_name(), uuid4()
    receive(operator, sku, 10, request_id=request_id)
    receive(operator, sku, -7)
    assert receive(operator, sku, 10, request_id=request_id).total == 10


def test_a_refused_request_id_may_try_again(operator):
    sku, request_id = new_name(), uuid4()
    with refused("SK007"):
        receive(operator, sku, -1, request_id=request_id)
    receive(operator, sku, 1)
    assert receive(operator, sku, -1, request_id=request_id).replayed is False


@pytest.mark.parametrize("change", ["sku", "quantity", "reason"])
def test_other_arguments_are_a_conflict(operator, change):
    sku, request_id = new_name(), uuid4()
    receive(operator, sku, 10, request_id=request_id, reason="delivery")
    other = {"sku": sku, "quantity": 10, "reason": "delivery"}
    other |= {"sku": {"sku": new_name()}, "quantity": {"quantity": 11}, "reason": {"reason": "x"}}[
        change
    ]
    with refused("SK004"):
        receive(operator, **other, request_id=request_id)


def test_the_request_id_of_another_call_is_a_conflict(operator):
    sale, request_id = empty_sale(operator), uuid4()
    receive(operator, sale.sku, 10, request_id=request_id)
    with refused("SK004"):
        allocate(operator, sale, 10, request_id=request_id)
    other_id = uuid4()
    allocate(operator, sale, 10, request_id=other_id)
    with refused("SK004"):
        receive(operator, sale.sku, 10, request_id=other_id)


def test_who_asked_is_no_part_of_the_request(operator):
    sku, request_id = new_name(), uuid4()
    receive(operator, sku, 10, request_id=request_id, actor="ann")
    assert receive(operator, sku, 10, request_id=request_id, actor="bob").replayed is True


@pytest.mark.parametrize(
    ("sku", "quantity", "more"),
    [
        (None, 1, {}),
        ("", 1, {}),
        ("x" * 201, 1, {}),
        ("phone", None, {}),
        ("phone", 0, {}),
        ("phone", MOST + 1, {}),
        ("phone", -MOST - 1, {}),
        ("phone", BIGGEST_BIGINT, {}),
        ("phone", -BIGGEST_BIGINT, {}),
        ("phone", -BIGGEST_BIGINT - 1, {}),
        ("phone", 1, {"request_id": None}),
        ("phone", 1, {"reason": ""}),
        ("phone", 1, {"reason": "x" * 201}),
        ("phone", 1, {"actor": ""}),
        ("phone", 1, {"actor": "x" * 201}),
    ],
)
def test_nonsense_is_not_received(operator, sku, quantity, more):
    with refused("SK001"):
        receive(operator, sku, quantity, **more)


def test_a_great_many_units_are_fine(operator):
    sku = new_name()
    receive(operator, sku, MOST)
    assert receive(operator, sku, MOST).total == 2 * MOST


def test_reason_actor_and_login_stand_in_the_books(operator, superuser):
    sku, request_id = new_name(), uuid4()
    receive(operator, sku, 10, request_id=request_id, reason="delivery 7", actor="ann")
    line = one(
        superuser,
        "select * from seckill_private.inventory_movement where sku = %(sku)s",
        sku=sku,
    )
    assert (line.kind, line.delta, line.note) == ("receive", 10, "delivery 7")
    assert (line.actor, line.login) == ("ann", "seckill_operator")
    entry = one(
        superuser,
        "select * from seckill_private.ops_entry where request_id = %(id)s",
        id=request_id,
    )
    assert (entry.call, entry.actor, entry.login) == ("receive_stock", "ann", "seckill_operator")
    assert entry.arguments == {"sku": sku, "quantity": 10, "reason": "delivery 7"}


# --- allocate


def test_units_go_to_the_pool(operator):
    sale = empty_sale(operator)
    receive(operator, sale.sku, 10)
    answer = allocate(operator, sale, 4)
    assert (answer.status, answer.replayed) == ("allocated", False)
    assert (answer.activity_id, answer.sku, answer.region) == (sale.activity_id, sale.sku, "*")
    assert (answer.quantity, answer.total) == (4, 4)
    assert units_of(operator, sale.sku) == 6
    assert allocate(operator, sale, 6).total == 10
    assert availability(operator, sale).available == 10
    assert violations(operator, sale) == []


def test_a_sale_in_any_state_but_closed_takes_units(operator):
    sale = open_sale(operator, units=0, sku=new_name(), state="draft")
    receive(operator, sale.sku, 10)
    for call in ("open_activity", "pause_activity"):
        allocate(operator, sale, 1)
        one(operator, f"select seckill.{call}(%(id)s)", id=sale.activity_id)
    assert allocate(operator, sale, 1).total == 3
    close_activity(operator, sale)
    with refused("SK006"):
        allocate(operator, sale, 1)
    assert units_of(operator, sale.sku) == 10


def test_more_than_the_inventory_has_is_a_shortfall(operator, superuser):
    sale = empty_sale(operator)
    receive(operator, sale.sku, 10)
    with refused("SK007"):
        allocate(operator, sale, 11)
    assert units_of(operator, sale.sku) == 10
    # Not even an empty pool is left behind.
    with refused("SK003"):
        availability(operator, sale)


def test_a_sku_that_was_never_received_is_a_shortfall(operator):
    with refused("SK007"):
        allocate(operator, empty_sale(operator), 1)


def test_a_repeat_allocates_nothing(operator):
    sale, request_id = empty_sale(operator), uuid4()
    receive(operator, sale.sku, 10)
    first = allocate(operator, sale, 4, request_id=request_id)
    again = allocate(operator, sale, 4, request_id=request_id)
    assert again.replayed is True
    assert again._replace(replayed=False) == first
    assert availability(operator, sale).total == 4


def test_a_repeat_works_after_the_sale_is_closed(operator):
    sale, request_id = empty_sale(operator), uuid4()
    receive(operator, sale.sku, 10)
    allocate(operator, sale, 4, request_id=request_id)
    close_activity(operator, sale)
    assert allocate(operator, sale, 4, request_id=request_id).replayed is True


def test_an_allocation_with_other_arguments_is_a_conflict(operator):
    sale, request_id = empty_sale(operator), uuid4()
    other = empty_sale(operator)
    receive(operator, sale.sku, 10)
    allocate(operator, sale, 4, request_id=request_id)
    for changed, quantity in (
        (sale, 5),
        (Sale(sale.activity_id, sale.sku, "north"), 4),
        (Sale(sale.activity_id, other.sku, "*"), 4),
        (Sale(other.activity_id, sale.sku, "*"), 4),
    ):
        with refused("SK004"):
            allocate(operator, changed, quantity, request_id=request_id)


def test_units_allocated_in_mid_sale_are_sold(operator, buyer):
    sale = empty_sale(operator)
    receive(operator, sale.sku, 2)
    allocate(operator, sale, 1)
    assert reserve(buyer, sale).status == "held"
    assert reserve(buyer, sale, user="bob").status == "sold_out"
    allocate(operator, sale, 1)
    assert reserve(buyer, sale, user="bob").status == "held"
    assert violations(operator, sale) == []


@pytest.mark.parametrize(
    ("change", "quantity", "more"),
    [
        ({"activity_id": None}, 1, {}),
        ({"sku": None}, 1, {}),
        ({"sku": ""}, 1, {}),
        ({"sku": "x" * 201}, 1, {}),
        ({"region": None}, 1, {}),
        ({"region": ""}, 1, {}),
        ({"region": "x" * 201}, 1, {}),
        ({}, None, {}),
        ({}, 0, {}),
        ({}, -1, {}),
        ({}, MOST + 1, {}),
        ({}, BIGGEST_BIGINT, {}),
        ({}, -BIGGEST_BIGINT - 1, {}),
        ({}, 1, {"request_id": None}),
        ({}, 1, {"slots": 0}),
        ({}, 1, {"slots": 65}),
        ({}, 1, {"slots": -1}),
        ({}, 1, {"slots": None}),
        ({}, 1, {"actor": ""}),
        ({}, 1, {"actor": "x" * 201}),
    ],
)
def test_nonsense_is_not_allocated(operator, change, quantity, more):
    sale = empty_sale(operator)
    receive(operator, sale.sku, 10)
    values = {"activity_id": sale.activity_id, "sku": sale.sku, "region": "*"} | change
    with refused("SK001"):
        allocate(operator, Sale(**values), quantity, **more)
    assert units_of(operator, sale.sku) == 10


@pytest.mark.parametrize("activity_id", [0, -1, BIGGEST_BIGINT])
def test_an_activity_that_never_was_is_unknown(operator, activity_id):
    with refused("SK002"):
        allocate(operator, Sale(activity_id, "phone", "*"), 1)


def test_who_allocated_stands_in_the_books(operator, superuser):
    sale = empty_sale(operator)
    receive(operator, sale.sku, 10)
    allocate(operator, sale, 4, actor="ann")
    line = history(operator, sale)[0]
    assert (line.kind, line.quantity, line.actor) == ("allocate", 4, "ann")
    entry = journal(superuser, sale)[-1]
    assert (entry.call, entry.actor, entry.login) == ("allocate_stock", "ann", "seckill_operator")


def test_without_an_actor_the_login_stands_in_the_ledger(operator):
    sale = empty_sale(operator)
    receive(operator, sale.sku, 10)
    allocate(operator, sale, 4)
    assert history(operator, sale)[0].actor == "seckill_operator"
    assert kinds(operator, sale) == ["allocate"]


# --- inventory


def test_inventory_says_whether_there_is_any(reader, operator):
    sku = new_name()

    def inventory() -> tuple[Any, ...]:
        return tuple(one(reader, "select * from seckill.inventory(p_sku => %(sku)s)", sku=sku))

    assert inventory() == ("unknown", sku, 0)
    receive(operator, sku, 3)
    assert inventory() == ("in_stock", sku, 3)
    receive(operator, sku, -3)
    assert inventory() == ("empty", sku, 0)


@pytest.mark.parametrize("sku", [None, "", "x" * 201])
def test_a_sku_that_makes_no_sense_has_no_inventory(reader, sku):
    with refused("SK001"):
        one(reader, "select * from seckill.inventory(p_sku => %(sku)s)", sku=sku)


def test_units_come_back_even_into_a_full_inventory(operator, superuser):
    """The bound is for what is received: what returns was in there before."""
    sale = open_sale(operator, units=5, sku=new_name())
    held = reserve(operator, sale, quantity=5).reservation_id
    close_activity(operator, sale)
    superuser.execute(
        "update seckill_private.inventory set quantity = 10::bigint ^ 15 where sku = %s", [sale.sku]
    )
    answer = one(
        operator,
        "select * from seckill.cancel(p_user_id => 'ann', p_reservation_id => %(held)s)",
        held=held,
    )
    assert answer.status == "cancelled"
    with refused("SK001"):
        receive(operator, sale.sku, 1)
