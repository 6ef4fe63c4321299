"""seckill.confirm: a payment in time, twice, too late for the state, and for somebody else's hold.

Payments after the hold has ended are in test_confirm_late.py; every call in every state is in
test_states_of_a_reservation.py.
"""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.fix_sale import (
    availability,
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
    ENDS,
    HOLD,
    INSTANT,
    OPENS,
    call_for,
    confirm_at,
    history,
    hold_at,
    kinds,
    refused,
    sale_between,
    units_of,
)


def test_a_payment_sells_the_units(operator, buyer):
    sale = open_sale(operator, units=10)
    answer = confirm(buyer, reserve(buyer, sale, quantity=3).reservation_id)
    assert (answer.status, answer.replayed, answer.late) == ("confirmed", False, False)
    assert answer.error_code is None
    now = availability(operator, sale)
    assert (now.total, now.available, now.held, now.sold) == (10, 7, 0, 3)


def test_the_answer_names_the_reservation(operator, buyer):
    held = reserve(buyer, open_sale(operator))
    assert confirm(buyer, held.reservation_id).reservation_id == held.reservation_id


def test_the_payment_reference_is_kept(operator, buyer):
    held = reserve(buyer, open_sale(operator))
    confirm(buyer, held.reservation_id, payment_ref="pay-1")
    assert get_reservation(buyer, held.reservation_id).payment_ref == "pay-1"


def test_the_instant_of_the_payment_is_kept(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    confirm_at(superuser, held, OPENS + INSTANT)
    assert get_reservation(superuser, held).resolved_at == OPENS + INSTANT


def test_the_last_instant_of_the_hold_is_in_time(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    answer = confirm_at(superuser, held, OPENS + HOLD - INSTANT)
    assert (answer.status, answer.late) == ("confirmed", False)


def test_the_end_of_the_hold_is_late(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    answer = confirm_at(superuser, held, OPENS + HOLD)
    assert (answer.status, answer.late) == ("confirmed", True)


def test_a_payment_is_taken_while_the_sale_is_paused(operator, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    call_for(operator, "pause_activity", sale)
    assert confirm(buyer, held.reservation_id).status == "confirmed"


def test_a_payment_is_taken_after_the_sale_has_ended(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, ENDS - INSTANT)
    assert confirm_at(superuser, held, ENDS).status == "confirmed"


def test_a_hold_outlives_the_closing_and_can_be_paid(operator, buyer):
    sale = open_sale(operator, units=10)
    held = reserve(buyer, sale, quantity=4)
    close_activity(operator, sale)
    answer = confirm(buyer, held.reservation_id)
    assert (answer.status, answer.late) == ("confirmed", False)
    now = availability(operator, sale)
    assert (now.status, now.total, now.available, now.sold) == ("ended", 4, 0, 4)
    assert violations(operator, sale) == []


# --- twice


@pytest.mark.parametrize("payment_ref", ["pay-1", None])
def test_a_repeat_is_a_replay(operator, buyer, payment_ref):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    confirm(buyer, held.reservation_id, payment_ref="pay-1")
    again = confirm(buyer, held.reservation_id, payment_ref=payment_ref)
    assert (again.status, again.replayed, again.late) == ("confirmed", True, False)
    assert availability(operator, sale).sold == 1
    assert kinds(operator, sale) == ["allocate", "confirm", "hold"]


def test_a_repeat_without_any_reference_is_a_replay(operator, buyer):
    held = reserve(buyer, open_sale(operator))
    confirm(buyer, held.reservation_id)
    again = confirm(buyer, held.reservation_id)
    assert (again.status, again.replayed) == ("confirmed", True)


def test_another_payment_is_a_duplicate(operator, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    confirm(buyer, held.reservation_id, payment_ref="pay-1")
    answer = confirm(buyer, held.reservation_id, payment_ref="pay-2")
    assert (answer.status, answer.replayed, answer.late) == ("duplicate_payment", False, False)
    assert get_reservation(buyer, held.reservation_id).payment_ref == "pay-1"
    assert availability(operator, sale).sold == 1
    assert violations(operator, sale) == []


def test_a_duplicate_payment_leaves_one_event(operator, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale, quantity=2)
    confirm(buyer, held.reservation_id, payment_ref="pay-1")
    answers = [confirm(buyer, held.reservation_id, payment_ref="pay-2").replayed for _ in range(3)]
    assert answers == [False, True, True]
    events = [line for line in history(operator, sale) if line.kind == "duplicate_payment"]
    assert [(line.reservation_id, line.user_id, line.quantity) for line in events] == [
        (held.reservation_id, "ann", 2)
    ]


def test_each_further_payment_leaves_its_event(operator, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    for payment_ref in ("pay-1", "pay-2", "pay-3", "pay-2"):
        confirm(buyer, held.reservation_id, payment_ref=payment_ref)
    assert kinds(operator, sale).count("duplicate_payment") == 2


def test_the_first_payment_repeated_after_a_duplicate_is_a_replay(operator, buyer):
    held = reserve(buyer, open_sale(operator))
    for payment_ref in ("pay-1", "pay-2"):
        confirm(buyer, held.reservation_id, payment_ref=payment_ref)
    again = confirm(buyer, held.reservation_id, payment_ref="pay-1")
    assert (again.status, again.replayed) == ("confirmed", True)


def test_a_payment_reference_of_another_reservation_says_nothing(operator, buyer):
    sale = open_sale(operator)
    for user in ("ann", "bob"):
        held = reserve(buyer, sale, user=user)
        answer = confirm(buyer, held.reservation_id, user=user, payment_ref="pay-1")
        assert (answer.status, answer.replayed) == ("confirmed", False)


# --- somebody else's, and nonsense


def test_another_users_reservation_looks_like_none(operator, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    with refused("SK008") as others:
        confirm(buyer, held.reservation_id, user="bob")
    with refused("SK008") as none:
        confirm(buyer, held.reservation_id + 1, user="bob")
    assert others.detail.replace(str(held.reservation_id), "N") == none.detail.replace(
        str(held.reservation_id + 1), "N"
    )
    assert get_reservation(buyer, held.reservation_id).status == "held"


@pytest.mark.parametrize("reservation_id", [0, -1, 1, BIGGEST_BIGINT, -BIGGEST_BIGINT - 1])
def test_an_id_that_never_was_is_unknown(buyer, reservation_id):
    with refused("SK008"):
        confirm(buyer, reservation_id)


@pytest.mark.parametrize(
    ("user", "reservation_id", "payment_ref"),
    [
        (None, 1, None),
        ("", 1, None),
        ("x" * 201, 1, None),
        ("ann", None, None),
        ("ann", 1, ""),
        ("ann", 1, "x" * 201),
    ],
)
def test_a_callers_bug_is_an_invalid_argument(buyer, user, reservation_id, payment_ref):
    with refused("SK001"):
        confirm(buyer, reservation_id, user=user, payment_ref=payment_ref)


def test_payment_ref_has_a_default(operator, buyer):
    held = reserve(buyer, open_sale(operator), request_id=uuid4())
    answer = one(
        buyer,
        """
        select * from seckill.confirm(
                 p_user_id => 'ann', p_reservation_id => %(reservation_id)s)""",
        reservation_id=held.reservation_id,
    )
    assert answer.status == "confirmed"


def test_the_inventory_is_not_touched_by_a_payment(operator, buyer):
    sale = open_sale(operator, sku="only-here-confirm")
    held = reserve(buyer, sale)
    before = units_of(operator, sale.sku)
    confirm(buyer, held.reservation_id)
    assert units_of(operator, sale.sku) == before
