"""seckill.cancel: a hold is given back once; every call in every state is in
test_states_of_a_reservation.py.
"""

from __future__ import annotations

import pytest

from tests.fix_sale import (
    availability,
    cancel,
    close_activity,
    confirm,
    get_reservation,
    one,
    open_sale,
    reserve,
    violations,
)
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    HOLD,
    INSTANT,
    OPENS,
    call_for,
    cancel_at,
    hold_at,
    kinds,
    refused,
    sale_between,
    stored_state,
    units_of,
)


def test_units_are_available_again_at_once(operator, buyer):
    sale = open_sale(operator, units=10)
    answer = cancel(buyer, reserve(buyer, sale, quantity=3).reservation_id)
    assert (answer.status, answer.replayed, answer.late) == ("cancelled", False, False)
    now = availability(operator, sale)
    assert (now.total, now.available, now.held, now.sold) == (10, 10, 0, 0)
    assert violations(operator, sale) == []


def test_a_repeat_gives_nothing_back_a_second_time(operator, buyer):
    sale = open_sale(operator, units=10)
    held = reserve(buyer, sale, quantity=3)
    answers = [cancel(buyer, held.reservation_id) for _ in range(3)]
    assert [(answer.status, answer.replayed) for answer in answers] == [
        ("cancelled", False),
        ("cancelled", True),
        ("cancelled", True),
    ]
    assert availability(operator, sale).available == 10
    assert kinds(operator, sale) == ["allocate", "cancel", "hold"]


def test_what_was_paid_is_not_given_back(operator, buyer):
    sale = open_sale(operator, units=10)
    held = reserve(buyer, sale)
    confirm(buyer, held.reservation_id)
    assert cancel(buyer, held.reservation_id).status == "confirmed"
    assert availability(operator, sale).sold == 1


def test_what_was_cancelled_cannot_be_paid(operator, buyer):
    sale = open_sale(operator, units=10)
    held = reserve(buyer, sale)
    cancel(buyer, held.reservation_id)
    answer = confirm(buyer, held.reservation_id, payment_ref="pay-1")
    assert (answer.status, answer.late) == ("cancelled", False)
    assert availability(operator, sale).available == 10
    assert get_reservation(buyer, held.reservation_id).payment_ref is None


def test_the_last_instant_of_the_hold_is_in_time(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    assert cancel_at(superuser, held, OPENS + HOLD - INSTANT).status == "cancelled"


def test_from_its_end_on_the_hold_has_expired(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    answer = cancel_at(superuser, held, OPENS + HOLD + INSTANT)
    assert (answer.status, answer.late) == ("expired", False)
    assert get_reservation(superuser, held).resolved_at == OPENS + HOLD
    assert stored_state(superuser, held) == "expired"
    assert kinds(operator, sale) == ["allocate", "expire", "hold"]
    assert violations(operator, sale) == []


def test_the_instant_is_kept(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    cancel_at(superuser, held, OPENS + INSTANT)
    assert get_reservation(superuser, held).resolved_at == OPENS + INSTANT


def test_the_reason_stands_in_the_ledger(operator, superuser, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    cancel(buyer, held.reservation_id, reason="changed my mind")
    row = one(
        superuser,
        "select note from seckill_private.movement where reservation_id = %(id)s",
        id=held.reservation_id,
    )
    assert row.note == "changed my mind"


def test_a_hold_can_be_cancelled_while_the_sale_is_paused(operator, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    call_for(operator, "pause_activity", sale)
    assert cancel(buyer, held.reservation_id).status == "cancelled"


def test_what_comes_back_after_the_closing_goes_to_the_inventory(operator, buyer):
    sale = open_sale(operator, units=10, sku="only-here-cancel")
    held = reserve(buyer, sale, quantity=4)
    close_activity(operator, sale)
    before = units_of(operator, sale.sku)
    assert cancel(buyer, held.reservation_id).status == "cancelled"
    assert units_of(operator, sale.sku) == before + 4
    now = availability(operator, sale)
    assert (now.total, now.available, now.held) == (0, 0, 0)
    assert violations(operator, sale) == []


def test_the_use_of_a_limit_is_given_back(operator, buyer):
    sale = open_sale(operator, limit=1, orders=1)
    held = reserve(buyer, sale)
    assert reserve(buyer, sale).status == "limit_exceeded"
    cancel(buyer, held.reservation_id)
    assert reserve(buyer, sale).status == "held"
    assert violations(operator, sale) == []


def test_another_users_reservation_looks_like_none(operator, buyer):
    held = reserve(buyer, open_sale(operator))
    with refused("SK008"):
        cancel(buyer, held.reservation_id, user="bob")
    assert get_reservation(buyer, held.reservation_id).status == "held"


@pytest.mark.parametrize("reservation_id", [0, -1, 1, BIGGEST_BIGINT, -BIGGEST_BIGINT - 1])
def test_an_id_that_never_was_is_unknown(buyer, reservation_id):
    with refused("SK008"):
        cancel(buyer, reservation_id)


@pytest.mark.parametrize(
    ("user", "reservation_id", "reason"),
    [
        (None, 1, None),
        ("", 1, None),
        ("x" * 201, 1, None),
        ("ann", None, None),
        ("ann", 1, ""),
        ("ann", 1, "x" * 201),
    ],
)
def test_a_callers_bug_is_an_invalid_argument(buyer, user, reservation_id, reason):
    with refused("SK001"):
        cancel(buyer, reservation_id, user=user, reason=reason)
