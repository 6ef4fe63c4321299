"""seckill.confirm after the hold has ended: the units are taken again, or the refusal is final."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest

from tests.fix_sale import (
    add_units,
    availability,
    cancel,
    get_reservation,
    set_limit,
    violations,
)
from tests.procedures.instants import (
    ENDS,
    HOLD,
    INSTANT,
    OPENS,
    another_pool,
    call_for,
    confirm_at,
    expire_at,
    history,
    hold_at,
    kinds,
    lock_row_of,
    reserve_at,
    sale_between,
    stored_state,
    time_passes,
    units_of,
)

LATE = OPENS + HOLD


@pytest.mark.parametrize("swept", [False, True])
def test_a_late_payment_takes_the_units_again(operator, superuser, swept):
    sale = sale_between(operator, superuser, units=10)
    old = hold_at(superuser, sale, OPENS, quantity=3)
    if swept:
        # Somebody wanted all ten, so the due hold was taken in.
        other = hold_at(superuser, sale, LATE, user="bob", quantity=10)
        cancel(superuser, other, user="bob")
        assert stored_state(superuser, old) == "expired"
    answer = confirm_at(superuser, old, LATE, payment_ref="pay-1")
    assert (answer.status, answer.late, answer.replayed) == ("confirmed", True, False)
    now = availability(operator, sale)
    assert (now.total, now.available, now.held, now.sold) == (10, 7, 0, 3)
    assert violations(operator, sale) == []


def test_the_books_show_both_steps(operator, superuser):
    sale = sale_between(operator, superuser)
    confirm_at(superuser, hold_at(superuser, sale, OPENS), LATE)
    assert kinds(operator, sale) == ["allocate", "expire", "hold", "late_confirm"]


def test_a_late_payment_reads_confirmed(operator, superuser, buyer):
    sale = sale_between(operator, superuser)
    old = hold_at(superuser, sale, OPENS)
    confirm_at(superuser, old, LATE + INSTANT, payment_ref="pay-1")
    now = get_reservation(buyer, old)
    assert (now.status, now.payment_ref) == ("confirmed", "pay-1")
    assert (now.resolved_at, now.expires_at) == (LATE + INSTANT, OPENS + HOLD)


def test_a_repeat_is_a_replay_and_still_late(operator, superuser):
    sale = sale_between(operator, superuser)
    old = hold_at(superuser, sale, OPENS)
    confirm_at(superuser, old, LATE, payment_ref="pay-1")
    again = confirm_at(superuser, old, LATE, payment_ref="pay-1")
    assert (again.status, again.late, again.replayed) == ("confirmed", True, True)
    assert availability(operator, sale).sold == 1


def test_a_second_payment_after_a_late_one_is_a_duplicate(operator, superuser):
    sale = sale_between(operator, superuser)
    old = hold_at(superuser, sale, OPENS)
    confirm_at(superuser, old, LATE, payment_ref="pay-1")
    answer = confirm_at(superuser, old, LATE, payment_ref="pay-2")
    assert (answer.status, answer.replayed) == ("duplicate_payment", False)
    assert kinds(operator, sale).count("duplicate_payment") == 1


def test_late_payments_are_taken_after_the_end_of_the_sale(operator, superuser):
    sale = sale_between(operator, superuser)
    old = hold_at(superuser, sale, OPENS)
    assert confirm_at(superuser, old, ENDS + timedelta(days=30)).status == "confirmed"


def test_late_payments_are_taken_while_the_sale_is_paused(operator, superuser):
    sale = sale_between(operator, superuser)
    old = hold_at(superuser, sale, OPENS)
    call_for(operator, "pause_activity", sale)
    assert confirm_at(superuser, old, LATE).late


def test_a_late_payment_takes_due_holds_of_others(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    ann = hold_at(superuser, sale, OPENS)
    bob = hold_at(superuser, sale, LATE, user="bob")
    answer = confirm_at(superuser, ann, LATE + HOLD)
    assert (answer.status, answer.late) == ("confirmed", True)
    assert stored_state(superuser, bob) == "expired"
    assert violations(operator, sale) == []


def test_units_that_another_session_is_settling_are_asked_for_again(operator, superuser, shop):
    """late_sold_out is final, so it must not be said while the units are only out of reach."""
    sale = sale_between(operator, superuser, units=1)
    ann = hold_at(superuser, sale, OPENS)
    bob = hold_at(superuser, sale, LATE, user="bob")
    with shop.connect("superuser") as other, other.transaction():
        lock_row_of(other, bob)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            confirm_at(superuser, ann, LATE + HOLD)
    assert get_reservation(superuser, ann).status == "expired"
    assert kinds(operator, sale).count("late_sold_out") == 0
    assert confirm_at(superuser, ann, LATE + HOLD).status == "confirmed"
    assert violations(operator, sale) == []


# --- late_sold_out


def test_the_stock_has_gone(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, LATE, user="bob")
    answer = confirm_at(superuser, old, LATE)
    assert (answer.status, answer.late, answer.replayed) == ("late_sold_out", False, False)
    assert get_reservation(superuser, old).status == "expired"
    assert violations(operator, sale) == []


def test_late_sold_out_leaves_one_event_with_its_payment(operator, superuser):
    sale = sale_between(operator, superuser, units=2)
    old = hold_at(superuser, sale, OPENS, quantity=2)
    hold_at(superuser, sale, LATE, user="bob")
    for _ in range(3):
        confirm_at(superuser, old, LATE, payment_ref="pay-1")
    events = [line for line in history(operator, sale) if line.kind == "late_sold_out"]
    assert [(line.reservation_id, line.user_id, line.quantity) for line in events] == [
        (old, "ann", 2)
    ]
    notes = superuser.execute(
        """
        select note from seckill_private.movement
         where reservation_id = %s and kind = 'late_sold_out'""",
        [old],
    ).fetchall()
    assert [row.note for row in notes] == ["pay-1"]


def test_late_sold_out_is_final_even_if_stock_returns(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    old = hold_at(superuser, sale, OPENS)
    bob = hold_at(superuser, sale, LATE, user="bob")
    confirm_at(superuser, old, LATE)
    cancel(superuser, bob, user="bob")
    add_units(operator, sale, 5)
    again = confirm_at(superuser, old, LATE, payment_ref="another")
    assert (again.status, again.replayed, again.late) == ("late_sold_out", True, False)
    assert availability(operator, sale).available == 6


def test_every_payment_that_came_too_late_leaves_an_event_once(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, LATE, user="bob")
    for payment in ("first", "second", "second", "first", None):
        assert confirm_at(superuser, old, LATE, payment_ref=payment).status == "late_sold_out"
    events = superuser.execute(
        "select note from seckill_private.movement where reservation_id = %s and kind = %s "
        "order by movement_id",
        [old, "late_sold_out"],
    ).fetchall()
    assert [event.note for event in events] == ["first", "second"]


def test_too_few_units_are_as_good_as_none(operator, superuser):
    sale = sale_between(operator, superuser, units=3)
    old = hold_at(superuser, sale, OPENS, quantity=3)
    hold_at(superuser, sale, LATE, user="bob")
    assert confirm_at(superuser, old, LATE).status == "late_sold_out"
    assert availability(operator, sale).available == 2


# --- late_limit_exceeded


def test_the_limit_has_gone_to_another_purchase(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, LATE)
    answer = confirm_at(superuser, old, LATE)
    assert (answer.status, answer.late, answer.replayed) == ("late_limit_exceeded", False, False)
    assert kinds(operator, sale).count("late_limit_exceeded") == 1
    assert violations(operator, sale) == []


def test_late_limit_exceeded_is_final_even_if_the_limit_allows_it_again(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    old = hold_at(superuser, sale, OPENS)
    other = hold_at(superuser, sale, LATE)
    confirm_at(superuser, old, LATE)
    cancel(superuser, other)
    again = confirm_at(superuser, old, LATE)
    assert (again.status, again.replayed) == ("late_limit_exceeded", True)
    assert kinds(operator, sale).count("late_limit_exceeded") == 1


def test_a_late_payment_is_not_its_own_competitor(operator, superuser):
    sale = sale_between(operator, superuser, limit=2, orders=1)
    old = hold_at(superuser, sale, OPENS, quantity=2)
    assert confirm_at(superuser, old, LATE).status == "confirmed"


def test_use_that_was_given_back_does_not_stand_in_the_way(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    old = hold_at(superuser, sale, OPENS)
    other = hold_at(superuser, sale, LATE)
    cancel(superuser, other)
    assert confirm_at(superuser, old, LATE + INSTANT).status == "confirmed"
    assert violations(operator, sale) == []


def test_own_holds_that_are_due_do_not_stand_in_the_way(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, LATE)
    assert confirm_at(superuser, old, LATE + HOLD).status == "confirmed"
    assert violations(operator, sale) == []


def test_a_limit_lowered_meanwhile_applies(operator, superuser):
    sale = sale_between(operator, superuser, limit=3)
    old = hold_at(superuser, sale, OPENS, quantity=3)
    set_limit(operator, sale, "units_per_user", maximum=2)
    assert confirm_at(superuser, old, LATE).status == "late_limit_exceeded"
    assert violations(operator, sale) == []


def test_a_limit_of_another_sku_does_not_apply(operator, superuser):
    sale = sale_between(operator, superuser)
    other = another_pool(operator, superuser, sale)
    set_limit(operator, sale, "others", maximum=1, sku=other.sku)
    old = hold_at(superuser, sale, OPENS, quantity=3)
    hold_at(superuser, other, LATE)
    assert confirm_at(superuser, old, LATE).status == "confirmed"


def test_sold_out_before_limit_exceeded(operator, superuser):
    sale = sale_between(operator, superuser, units=1, limit=1)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, LATE)
    assert confirm_at(superuser, old, LATE).status == "late_sold_out"


# --- after the closing


@pytest.mark.parametrize("swept", [False, True])
def test_after_the_closing_a_late_payment_is_sold_out(operator, superuser, swept):
    sale = sale_between(operator, superuser, units=10)
    old = hold_at(superuser, sale, OPENS, quantity=2)
    call_for(operator, "close_activity", sale)
    if swept:
        time_passes(superuser, sale, LATE)
        assert cancel(superuser, old).status == "expired"
    assert confirm_at(superuser, old, LATE).status == "late_sold_out"
    assert units_of(operator, sale.sku) == 10
    assert availability(operator, sale).total == 0
    assert violations(operator, sale) == []


def test_a_late_payment_before_the_closing_stays_confirmed_after_it(operator, superuser):
    sale = sale_between(operator, superuser, units=10)
    old = hold_at(superuser, sale, OPENS)
    confirm_at(superuser, old, LATE)
    call_for(operator, "close_activity", sale)
    again = confirm_at(superuser, old, LATE)
    assert (again.status, again.replayed, again.late) == ("confirmed", True, True)


def test_a_cancel_after_a_late_refusal_says_expired(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, LATE, user="bob")
    confirm_at(superuser, old, LATE)
    assert cancel(superuser, old).status == "expired"


def test_a_sweeper_leaves_nothing_to_do_for_a_late_payment(db):
    """The sweeper settles the hold, the payment takes the units again; each unit moves once."""
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        sale = sale_between(operator, superuser)
        old = hold_at(superuser, sale, OPENS)
        assert expire_at(superuser, LATE) == 1
        assert confirm_at(superuser, old, LATE).late
        assert expire_at(superuser, LATE) == 0
        assert reserve_at(superuser, sale, LATE, user="bob", quantity=10).status == "sold_out"
        assert violations(operator, sale) == []
