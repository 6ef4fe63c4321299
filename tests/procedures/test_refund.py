"""seckill.refund: in full, by lines, exactly once, and where the units and the limits' room go."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.fix_sale import (
    Sale,
    add_units,
    availability,
    cancel,
    close_activity,
    confirm,
    expire_due,
    get_reservation,
    one,
    open_sale,
    refund,
    reserve,
    set_limit,
    violations,
)
from tests.procedures.instants import (
    HOLD,
    OPENS,
    confirm_at,
    hold_at,
    kinds,
    new_name,
    refused,
    sale_between,
    units_of,
)


def sold(
    operator: Connection[Any], buyer: Connection[Any], *, quantity: int = 3, **settings: Any
) -> tuple[Sale, int]:
    """A sale of ten units, and a reservation of some of them that Ann has paid."""
    sale = open_sale(operator, sku=new_name(), **settings)
    held = reserve(buyer, sale, quantity=quantity).reservation_id
    assert confirm(buyer, held).status == "confirmed"
    return sale, held


def numbers(connection: Connection[Any], sale: Sale) -> tuple[int, int, int, int]:
    """Total, available, held, sold."""
    row = availability(connection, sale)
    return row.total, row.available, row.held, row.sold


def two_lines(
    operator: Connection[Any], superuser: Connection[Any], buyer: Connection[Any]
) -> tuple[Sale, Sale, int]:
    """A paid reservation of three units of one sku and two of another.

    The second line is written by hand, as a purchase of several lines writes it.
    """
    sale = open_sale(operator, sku="a " + new_name())
    other = Sale(sale.activity_id, "b " + new_name(), "*")
    add_units(operator, other, 10)
    held = reserve(buyer, sale, quantity=3).reservation_id
    superuser.execute(
        """
        with slot as (
          update seckill_private.pool_slot as s
             set available = s.available - 2, held = s.held + 2, version = s.version + 1
            from seckill_private.pool as p
           where p.pool_id = s.pool_id and p.activity_id = %(activity)s and p.sku = %(sku)s
          returning s.pool_id, s.version)
        update seckill_private.reservation as r
           set pool_ids = r.pool_ids || s.pool_id, slots = r.slots || 0::smallint,
               quantities = r.quantities || 2, versions = r.versions || s.version
          from slot as s
         where r.reservation_id = %(held)s""",
        {"activity": sale.activity_id, "sku": other.sku, "held": held},
    )
    assert confirm(buyer, held).status == "confirmed"
    assert violations(operator, sale) == []
    return sale, other, held


# --- in full


def test_all_of_it_comes_back(operator, buyer):
    sale, held = sold(operator, buyer)
    answer = refund(buyer, held)
    assert (answer.status, answer.reservation_id) == ("refunded", held)
    assert (answer.replayed, answer.late, answer.error_code) == (False, False, None)
    assert numbers(buyer, sale) == (10, 10, 0, 0)
    assert violations(operator, sale) == []


def test_it_reads_as_it_was_bought(operator, buyer):
    sale, held = sold(operator, buyer)
    before = get_reservation(buyer, held)
    refund(buyer, held)
    after = get_reservation(buyer, held)
    assert (before.status, after.status) == ("confirmed", "refunded")
    assert (after.skus, after.quantities) == ([sale.sku], [3])
    assert after.resolved_at > before.resolved_at


@pytest.mark.parametrize("request_id", [None, UUID(int=1)])
def test_a_repeat_refunds_nothing_more(operator, buyer, request_id):
    sale, held = sold(operator, buyer)
    refund(buyer, held, request_id=UUID(int=1))
    again = refund(buyer, held, request_id=request_id)
    assert (again.status, again.replayed) == ("refunded", True)
    assert numbers(buyer, sale) == (10, 10, 0, 0)
    assert violations(operator, sale) == []


def test_a_late_purchase_is_refunded_as_late(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    assert confirm_at(superuser, held, OPENS + HOLD).late
    answer = refund(superuser, held)
    assert (answer.status, answer.late) == ("refunded", True)
    assert violations(operator, sale) == []


@pytest.mark.parametrize("state", ["held", "cancelled", "expired"])
def test_what_is_not_confirmed_cannot_be_refunded(operator, buyer, superuser, state):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    if state == "cancelled":
        cancel(buyer, held)
    if state == "expired":
        superuser.execute(
            "update seckill_private.pool_slot set seen_at = %s where next_expiry < 'infinity'",
            [OPENS + HOLD],
        )
    with refused("SK006") as refusal:
        refund(buyer, held)
    assert refusal.detail == f"the reservation is {state}"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("user", ["bob", "Ann"])
def test_of_somebody_else_it_looks_like_none(operator, buyer, user):
    _, held = sold(operator, buyer)
    with refused("SK008"):
        refund(buyer, held, user=user)
    with refused("SK008"):
        refund(buyer, held + 1)


def test_confirm_and_cancel_say_refunded(operator, buyer):
    sale, held = sold(operator, buyer)
    refund(buyer, held)
    assert confirm(buyer, held).status == "refunded"
    assert confirm(buyer, held, payment_ref="x").status == "refunded"
    assert cancel(buyer, held).status == "refunded"
    assert numbers(buyer, sale) == (10, 10, 0, 0)


# --- in part


def test_a_part_leaves_the_rest_confirmed(operator, buyer):
    sale, held = sold(operator, buyer)
    answer = refund(buyer, held, skus=[sale.sku], quantities=[2], request_id=uuid4())
    assert (answer.status, answer.replayed) == ("partly_refunded", False)
    read = get_reservation(buyer, held)
    assert (read.status, read.quantities) == ("confirmed", [1])
    assert confirm(buyer, held).status == "confirmed"
    assert cancel(buyer, held).status == "confirmed"
    assert numbers(buyer, sale) == (10, 9, 0, 1)
    assert violations(operator, sale) == []


def test_the_last_part_makes_it_refunded(operator, buyer):
    sale, held = sold(operator, buyer)
    steps = [refund(buyer, held, quantities=[1], request_id=uuid4()).status for _ in range(3)]
    assert steps == ["partly_refunded", "partly_refunded", "refunded"]
    assert get_reservation(buyer, held).status == "refunded"
    assert violations(operator, sale) == []


def test_all_after_a_part_is_the_rest(operator, buyer):
    sale, held = sold(operator, buyer)
    refund(buyer, held, quantities=[1], request_id=uuid4())
    assert refund(buyer, held).status == "refunded"
    assert numbers(buyer, sale) == (10, 10, 0, 0)
    assert kinds(operator, sale).count("refund") == 2


def test_a_repeat_of_a_part_gives_its_answer_for_ever(operator, buyer):
    sale, held = sold(operator, buyer)
    first, second = uuid4(), uuid4()
    refund(buyer, held, quantities=[1], request_id=first)
    refund(buyer, held, quantities=[2], request_id=second)
    for request_id, quantity, status in (
        (first, 1, "partly_refunded"),
        (second, 2, "refunded"),
        (first, 1, "partly_refunded"),
    ):
        again = refund(buyer, held, quantities=[quantity], request_id=request_id)
        assert (again.status, again.replayed) == (status, True)
    assert numbers(buyer, sale) == (10, 10, 0, 0)
    assert violations(operator, sale) == []


def test_lines_are_named_in_any_order_and_merged(operator, superuser, buyer):
    sale, other, held = two_lines(operator, superuser, buyer)
    request_id = uuid4()
    skus = [other.sku, sale.sku, other.sku]
    answer = refund(buyer, held, skus=skus, quantities=[1, 2, 1], request_id=request_id)
    assert answer.status == "partly_refunded"
    again = refund(
        buyer, held, skus=[sale.sku, other.sku], quantities=[2, 2], request_id=request_id
    )
    assert again.replayed
    read = get_reservation(buyer, held)
    assert (read.skus, read.quantities) == ([sale.sku], [1])
    assert (numbers(buyer, sale), numbers(buyer, other)) == ((10, 9, 0, 1), (10, 10, 0, 0))
    assert violations(operator, sale) == []


def test_skus_alone_are_all_that_remains_of_them(operator, superuser, buyer):
    sale, other, held = two_lines(operator, superuser, buyer)
    refund(buyer, held, skus=[sale.sku], quantities=[1], request_id=uuid4())
    assert refund(buyer, held, skus=[sale.sku], request_id=uuid4()).status == "partly_refunded"
    assert (numbers(buyer, sale), numbers(buyer, other)) == ((10, 10, 0, 0), (10, 8, 0, 2))
    assert refund(buyer, held, skus=[other.sku], request_id=uuid4()).status == "refunded"
    assert violations(operator, sale) == []


def test_quantities_alone_are_those_of_the_lines_as_reserved(operator, superuser, buyer):
    sale, other, held = two_lines(operator, superuser, buyer)
    refund(buyer, held, quantities=[3, 1], request_id=uuid4())
    assert (numbers(buyer, sale), numbers(buyer, other)) == ((10, 10, 0, 0), (10, 9, 0, 1))
    with refused("SK001"):
        refund(buyer, held, quantities=[1], request_id=uuid4())


@pytest.mark.parametrize(
    "lines",
    [
        {"quantities": [4]},
        {"skus": ["SKU"], "quantities": [4]},
        {"skus": ["SKU", "SKU"], "quantities": [2, 2]},
        {"skus": ["SKU", "SKU"], "quantities": [2**31 - 1, 2**31 - 1]},
        {"skus": ["unknown"], "quantities": [1]},
        {"skus": ["unknown"]},
        {"skus": ["SKU", "unknown"], "quantities": [1, 1]},
    ],
)
def test_more_than_remains_is_refused(operator, buyer, lines):
    sale, held = sold(operator, buyer)
    named = dict(lines)
    if "skus" in named:
        named["skus"] = [sale.sku if sku == "SKU" else sku for sku in named["skus"]]
    with refused("SK001"):
        refund(buyer, held, request_id=uuid4(), **named)
    assert numbers(buyer, sale) == (10, 7, 0, 3)


def test_a_second_part_may_not_be_more_than_the_first_left(operator, buyer):
    _, held = sold(operator, buyer)
    refund(buyer, held, quantities=[2], request_id=uuid4())
    with refused("SK001"):
        refund(buyer, held, quantities=[2], request_id=uuid4())
    refund(buyer, held, quantities=[1], request_id=uuid4())
    with refused("SK006"):
        refund(buyer, held, quantities=[1], request_id=uuid4())


@pytest.mark.parametrize(
    "changed",
    [
        {"quantities": [2]},
        {"quantities": None},
        {"skus": ["SKU"], "quantities": None},
        {"restock": False},
        {"restore_limits": False},
    ],
)
def test_a_request_id_stands_for_one_refund(operator, buyer, changed):
    sale, held = sold(operator, buyer)
    request_id = uuid4()
    asked: dict[str, Any] = {"quantities": [1], "request_id": request_id}
    refund(buyer, held, **asked)
    other = asked | changed
    if "skus" in other:
        other["skus"] = [sale.sku]
    with refused("SK004"):
        refund(buyer, held, **other)
    same = refund(buyer, held, skus=[sale.sku], quantities=[1], request_id=request_id)
    assert same.replayed
    assert numbers(buyer, sale) == (10, 8, 0, 2)


@pytest.mark.parametrize(
    "arguments",
    [
        {"quantities": [1], "request_id": None},
        {"skus": ["x"], "request_id": None},
        {"skus": [], "quantities": []},
        {"quantities": []},
        {"skus": ["x"], "quantities": [1, 1]},
        {"skus": ["x", "y"], "quantities": [1]},
        {"skus": [""], "quantities": [1]},
        {"skus": ["x" * 201], "quantities": [1]},
        {"skus": [None], "quantities": [1]},
        {"quantities": [0]},
        {"quantities": [-1]},
        {"quantities": [None]},
        {"skus": ["x"] * 51, "quantities": [1] * 51},
        {"restock": None},
        {"restore_limits": None},
    ],
)
def test_nonsense_is_refused(operator, buyer, arguments):
    sale, held = sold(operator, buyer)
    with refused("SK001"):
        refund(buyer, held, **({"request_id": uuid4()} | arguments))
    assert numbers(buyer, sale) == (10, 7, 0, 3)


def test_another_reservation_may_use_the_same_request_id(operator, buyer):
    sale, held = sold(operator, buyer)
    other = reserve(buyer, sale, quantity=2).reservation_id
    confirm(buyer, other)
    request_id = uuid4()
    for number in (held, other):
        assert not refund(buyer, number, request_id=request_id).replayed
    assert violations(operator, sale) == []


# --- where the units go


def test_what_is_not_restocked_leaves_the_pool_for_good(operator, buyer):
    sale, held = sold(operator, buyer)
    refund(buyer, held, quantities=[2], request_id=uuid4(), restock=False)
    assert numbers(buyer, sale) == (8, 7, 0, 1)
    refund(buyer, held)
    assert numbers(buyer, sale) == (8, 8, 0, 0)
    assert units_of(buyer, sale.sku) == 0
    assert kinds(operator, sale)[-1] == "write_off"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("restock", [True, False])
def test_a_closed_activity_gives_them_to_the_inventory(operator, buyer, restock):
    sale, held = sold(operator, buyer)
    close_activity(operator, sale)
    before = units_of(operator, sale.sku)
    refund(buyer, held, quantities=[1], request_id=uuid4(), restock=restock)
    assert units_of(operator, sale.sku) == before + restock
    assert numbers(buyer, sale) == (2, 0, 0, 2)
    assert violations(operator, sale) == []


@pytest.mark.parametrize("call", ["pause_activity", "none"])
def test_they_can_be_bought_again(operator, buyer, call):
    sale, held = sold(operator, buyer, units=3)
    epoch = availability(buyer, sale).epoch
    if call != "none":
        one(operator, f"select * from seckill.{call}(%(id)s)", id=sale.activity_id)
    refund(buyer, held)
    assert availability(buyer, sale).epoch > epoch
    if call == "none":
        assert reserve(buyer, sale, user="bob", quantity=3).status == "held"
    assert violations(operator, sale) == []


# --- limits


@pytest.mark.parametrize("restore", [True, False])
def test_units_come_back_to_the_limit_where_asked(operator, buyer, restore):
    sale, held = sold(operator, buyer, limit=3)
    refund(buyer, held, quantities=[2], request_id=uuid4(), restore_limits=restore)
    answers = [reserve(buyer, sale, quantity=quantity).status for quantity in (3, 2, 1)]
    assert answers == [
        "limit_exceeded",
        *(["held"] if restore else ["limit_exceeded"]),
        "limit_exceeded",
    ]
    assert violations(operator, sale) == []


def test_an_order_comes_back_with_its_last_unit(operator, buyer):
    sale, held = sold(operator, buyer, orders=1)
    refund(buyer, held, quantities=[2], request_id=uuid4())
    assert reserve(buyer, sale).status == "limit_exceeded"
    refund(buyer, held, quantities=[1], request_id=uuid4())
    assert reserve(buyer, sale).status == "held"
    assert violations(operator, sale) == []


def test_an_order_of_which_one_unit_was_kept_back_stays_used(operator, buyer):
    sale, held = sold(operator, buyer, orders=1)
    refund(buyer, held, quantities=[1], request_id=uuid4(), restore_limits=False)
    refund(buyer, held)
    assert get_reservation(buyer, held).status == "refunded"
    assert reserve(buyer, sale).status == "limit_exceeded"
    assert violations(operator, sale) == []


def test_a_limit_that_was_set_later_counts_what_was_kept(operator, buyer):
    sale, held = sold(operator, buyer)
    refund(buyer, held, quantities=[2], request_id=uuid4())
    set_limit(operator, sale, "two", maximum=2)
    assert [reserve(buyer, sale).status for _ in range(2)] == ["held", "limit_exceeded"]
    assert violations(operator, sale) == []


def test_it_comes_back_to_the_window_of_the_purchase(operator, superuser):
    """Refunded on the next day: that day's window has no more room than before."""
    sale = sale_between(operator, superuser, ends_at=OPENS + 4 * HOLD * 96)
    set_limit(operator, sale, "daily", maximum=1, window="day")
    held = hold_at(superuser, sale, OPENS)
    confirm_at(superuser, held, OPENS)
    next_day = OPENS + HOLD * 96
    hold_at(superuser, sale, next_day)
    refund(superuser, held)
    assert expire_due(operator) == 0
    answer = one(
        superuser,
        """
        select count(*) filter (where restored is not null) as restored
          from seckill_private.reservation where buyer_key >> 40 = %(id)s""",
        id=sale.activity_id,
    )
    assert answer.restored == 1
    assert reserve(superuser, sale).status == "limit_exceeded"
    assert violations(operator, sale) == []


# --- who and why


def test_the_ledger_says_who_and_why(operator, buyer, reader):
    sale, held = sold(operator, buyer)
    request_id = uuid4()
    refund(buyer, held, request_id=request_id)
    line = next(
        line
        for line in reader.execute(
            "select * from seckill.history(p_activity_id => %s)", [sale.activity_id]
        )
        if line.kind == "refund"
    )
    assert (line.reservation_id, line.user_id, line.quantity) == (held, "ann", 3)
    assert (line.actor, line.login) == ("seckill_buyer", "seckill_buyer")
    assert line.note == str(request_id)


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_older_snapshots_are_refused(db, operator, buyer, isolation):
    _, held = sold(operator, buyer)
    with db.connect("buyer", autocommit=False) as session:
        session.execute(f"set transaction isolation level {isolation}")
        with refused("SK005"):
            refund(session, held)
