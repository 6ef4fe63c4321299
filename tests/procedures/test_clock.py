"""Time: decisions use the greater of the clock and the latest time that the rows have seen.

Each test lets a sale see a late instant and then calls at an earlier one, as after a clock that
jumped back.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from tests.fix_sale import get_reservation, reserve, set_limit, violations
from tests.procedures.instants import (
    ENDS,
    HOLD,
    INSTANT,
    OPENS,
    another_pool,
    cancel_at,
    confirm_at,
    hold_at,
    reserve_at,
    sale_between,
    stored_state,
    time_passes,
)

MINUTE = timedelta(minutes=1)


def test_a_clock_that_jumps_back_does_not_reopen_the_window(operator, superuser):
    sale = sale_between(operator, superuser)
    paid_late = hold_at(superuser, sale, ENDS - INSTANT)
    assert confirm_at(superuser, paid_late, ENDS).status == "confirmed"
    assert reserve_at(superuser, sale, ENDS - MINUTE, user="bob").status == "ended"


def test_a_clock_that_jumps_back_does_not_unstart_a_sale(operator, superuser):
    sale = sale_between(operator, superuser)
    hold_at(superuser, sale, OPENS)
    answer = reserve_at(superuser, sale, OPENS - MINUTE, user="bob")
    assert answer.status == "held"
    assert answer.expires_at == OPENS + HOLD


def test_a_hold_made_after_a_jump_is_dated_by_what_the_pool_has_seen(operator, superuser):
    sale = sale_between(operator, superuser)
    hold_at(superuser, sale, OPENS + 10 * MINUTE)
    answer = reserve_at(superuser, sale, OPENS + MINUTE, user="bob")
    assert answer.expires_at == OPENS + 10 * MINUTE + HOLD


def test_an_expired_hold_is_not_revived_by_its_confirm(operator, superuser):
    sale = sale_between(operator, superuser, units=2)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + HOLD, user="bob")
    answer = confirm_at(superuser, old, OPENS + HOLD - MINUTE)
    assert (answer.status, answer.late) == ("confirmed", True)


def test_an_expired_hold_is_not_revived_by_its_cancel(operator, superuser):
    sale = sale_between(operator, superuser, units=2)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + HOLD, user="bob")
    assert cancel_at(superuser, old, OPENS + HOLD - MINUTE).status == "expired"


def test_an_expired_hold_is_not_revived_in_a_replay(operator, superuser):
    sale = sale_between(operator, superuser, units=2)
    request_id = uuid4()
    hold_at(superuser, sale, OPENS, request_id=request_id)
    hold_at(superuser, sale, OPENS + HOLD, user="bob")
    answer = reserve_at(superuser, sale, OPENS + HOLD - MINUTE, request_id=request_id)
    assert (answer.status, answer.replayed, answer.state) == ("held", True, "expired")


def test_an_expired_hold_is_not_revived_in_a_read(operator, superuser, buyer):
    sale = sale_between(operator, superuser, units=2)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + HOLD, user="bob")
    # The clock stands years before both.
    assert get_reservation(buyer, old).status == "expired"
    assert stored_state(superuser, old) == "held"


def test_a_hold_that_another_pool_saw_expire_is_not_revived(operator, superuser):
    """The limit let the second purchase through because the first hold was over by then."""
    sale = sale_between(operator, superuser, limit=1)
    other = another_pool(operator, superuser, sale)
    first = hold_at(superuser, sale, OPENS)
    hold_at(superuser, other, OPENS + HOLD)
    answer = confirm_at(superuser, first, OPENS + MINUTE)
    assert answer.status == "late_limit_exceeded"
    assert violations(operator, sale) == []


def test_a_hold_that_a_late_payment_saw_expire_is_not_revived(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    other = another_pool(operator, superuser, sale)
    first = hold_at(superuser, sale, OPENS)
    second = hold_at(superuser, other, OPENS + HOLD)
    assert confirm_at(superuser, second, OPENS + 3 * HOLD).late
    third = reserve_at(superuser, sale, OPENS + MINUTE)
    assert third.status == "limit_exceeded"
    assert confirm_at(superuser, first, OPENS + MINUTE).status == "late_limit_exceeded"
    assert violations(operator, sale) == []


def test_a_day_does_not_come_back(operator, superuser):
    sale = sale_between(operator, superuser, ends_at=OPENS + timedelta(days=3))
    set_limit(operator, sale, "daily", maximum=1, window="day")
    paid = hold_at(superuser, sale, OPENS + timedelta(days=1))
    confirm_at(superuser, paid, OPENS + timedelta(days=1))
    answer = reserve_at(superuser, sale, OPENS + timedelta(hours=23))
    assert answer.status == "limit_exceeded"
    assert answer.retry_at == OPENS + timedelta(days=2)


def test_a_day_does_not_come_back_for_who_shares_a_phone(operator, superuser):
    """Bob's pool has seen nothing yet, and neither has he; his phone has."""
    sale = sale_between(operator, superuser, ends_at=OPENS + timedelta(days=3))
    set_limit(operator, sale, "daily", maximum=2, window="day", dimension="phone")
    other = another_pool(operator, superuser, sale)
    phone = {"phone": "1"}
    tomorrow = OPENS + timedelta(days=1)
    hold_at(superuser, sale, tomorrow, subjects=phone)
    answer = reserve_at(superuser, other, OPENS + timedelta(hours=23), user="bob", subjects=phone)
    assert answer.expires_at == tomorrow + HOLD
    third = reserve_at(superuser, other, OPENS + timedelta(hours=23), user="cid", subjects=phone)
    assert (third.status, third.retry_at) == ("limit_exceeded", tomorrow + HOLD)
    assert violations(operator, sale) == []


def test_room_that_a_refund_made_is_not_used_before_it(operator, superuser):
    """Bob's pool and he himself have seen nothing of it; his phone has."""
    sale = sale_between(operator, superuser)
    set_limit(operator, sale, "two a phone", maximum=2, dimension="phone")
    other = another_pool(operator, superuser, sale)
    phone = {"phone": "1"}
    paid = hold_at(superuser, sale, OPENS, quantity=2, subjects=phone)
    confirm_at(superuser, paid, OPENS)
    superuser.execute(
        "select seckill_private.refund_at(%s, 'ann', %s, %s, %s, %s, true, true)",
        [OPENS + HOLD, paid, [sale.sku], [1], uuid4()],
    )
    answer = reserve_at(superuser, other, OPENS + MINUTE, user="bob", subjects=phone)
    assert (answer.status, answer.expires_at) == ("held", OPENS + 2 * HOLD)


def test_the_books_agree_after_many_decisions_at_one_instant(operator, superuser):
    """A clock that stands still, or behind what the rows have seen, gives equal instants."""
    sale = sale_between(operator, superuser, limit=1)
    now = OPENS + 2 * HOLD
    first = hold_at(superuser, sale, OPENS)
    second = hold_at(superuser, sale, now)
    assert cancel_at(superuser, second, now).status == "cancelled"
    assert confirm_at(superuser, first, now).late
    assert reserve_at(superuser, sale, now).status == "limit_exceeded"
    assert violations(operator, sale) == []


def test_the_public_functions_obey_what_the_pool_has_seen(operator, superuser, buyer):
    sale = sale_between(operator, superuser)
    assert reserve(buyer, sale).status == "not_started"
    time_passes(superuser, sale, OPENS)
    assert reserve(buyer, sale).expires_at == OPENS + HOLD
    time_passes(superuser, sale, ENDS)
    assert reserve(buyer, sale).status == "ended"
