"""Limits against hoarding: open_holds (unpaid now) and expired_holds (ended unpaid)."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from tests.fix_sale import Sale, add_units, open_sale, reserve, violations
from tests.procedures.instants import (
    ENDS,
    HOLD,
    INSTANT,
    OPENS,
    cancel_at,
    confirm_at,
    expire_at,
    hold_at,
    reserve_at,
    sale_between,
)
from tests.procedures.rules import set_rule, usage_at

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
PHONE = {"phone": "1"}


def hoarding_sale(operator, superuser, metric: str, maximum: int, **rule) -> Sale:
    """A sale of ten days with a limit on holds."""
    sale = sale_between(operator, superuser, ends_at=OPENS + 10 * DAY)
    set_rule(operator, sale.activity_id, "holds", maximum=maximum, metric=metric, **rule)
    return sale


# --- open_holds


def test_at_most_two_unpaid_holds(operator, superuser):
    sale = hoarding_sale(operator, superuser, "open_holds", 2, window=None)
    first = hold_at(superuser, sale, OPENS, quantity=3)
    hold_at(superuser, sale, OPENS + MINUTE)
    answer = reserve_at(superuser, sale, OPENS + 2 * MINUTE)
    assert (answer.status, answer.limit_name, answer.remaining) == ("limit_exceeded", "holds", 0)
    assert (answer.retry, answer.retry_at) == ("may_return", OPENS + HOLD)
    confirm_at(superuser, first, OPENS + 2 * MINUTE)
    assert reserve_at(superuser, sale, OPENS + 2 * MINUTE).status == "held"
    assert reserve_at(superuser, sale, OPENS + 2 * MINUTE).status == "limit_exceeded"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("end", ["pay", "cancel", "expire"])
def test_a_hold_that_is_over_is_not_open(operator, superuser, end):
    sale = hoarding_sale(operator, superuser, "open_holds", 1)
    held = hold_at(superuser, sale, OPENS)
    assert reserve_at(superuser, sale, OPENS + HOLD - INSTANT).status == "limit_exceeded"
    at = OPENS + MINUTE
    if end == "pay":
        confirm_at(superuser, held, at)
    elif end == "cancel":
        cancel_at(superuser, held, at)
    else:
        at = OPENS + HOLD
    assert reserve_at(superuser, sale, at).status == "held"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("window", [None, "activity"])
def test_open_holds_have_no_window_or_the_activity(operator, superuser, window):
    sale = hoarding_sale(operator, superuser, "open_holds", 1, window=window)
    rules = operator.execute(
        'select "window" from seckill.limit_rule where activity_id = %s', [sale.activity_id]
    ).fetchall()
    assert [rule.window for rule in rules] == ["activity"]


def test_open_holds_of_one_sku(operator, superuser):
    sale = sale_between(operator, superuser)
    other = Sale(sale.activity_id, sale.sku + " other", "*")
    add_units(operator, other, 5)
    superuser.execute("update seckill_private.pool_slot set seen_at = '-infinity'")
    set_rule(operator, sale.activity_id, "h", maximum=1, metric="open_holds", sku=sale.sku)
    hold_at(superuser, other, OPENS)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, other, OPENS)
    assert reserve_at(superuser, sale, OPENS).status == "limit_exceeded"


def test_use_of_open_holds_resets_when_the_first_ends(operator, superuser):
    sale = hoarding_sale(operator, superuser, "open_holds", 3)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + MINUTE, quantity=4)
    (row,) = usage_at(superuser, sale, OPENS + MINUTE)
    assert (row.used, row.maximum, row.remaining) == (2, 3, 1)
    assert row.resets_at == OPENS + HOLD


def test_a_late_payment_is_not_refused_for_open_holds(operator, superuser):
    sale = hoarding_sale(operator, superuser, "open_holds", 1)
    late = hold_at(superuser, sale, OPENS)
    at = OPENS + HOLD
    hold_at(superuser, sale, at)
    assert confirm_at(superuser, late, at).status == "confirmed"
    assert violations(operator, sale) == []


# --- expired_holds


def three_expire(superuser, sale: Sale) -> datetime:
    """Three holds that end unpaid; when the last of them has."""
    at = OPENS
    for _ in range(3):
        hold_at(superuser, sale, at, subjects=PHONE)
        at += HOLD
    return at


@pytest.mark.parametrize("swept", [False, True])
@pytest.mark.parametrize("dimension", ["user", "phone"])
def test_after_three_unpaid_holds_wait_a_day(operator, superuser, dimension, swept):
    sale = hoarding_sale(
        operator,
        superuser,
        "expired_holds",
        3,
        window="rolling",
        period="1 day",
        dimension=dimension,
    )
    at = three_expire(superuser, sale)
    if swept:
        expire_at(superuser, at)
    answer = reserve_at(superuser, sale, at, subjects=PHONE)
    assert (answer.status, answer.limit_name, answer.remaining) == ("limit_exceeded", "holds", 0)
    again = OPENS + HOLD + DAY
    assert (answer.retry, answer.retry_at) == ("not_yet", again)
    assert reserve_at(superuser, sale, again - INSTANT, subjects=PHONE).status == "limit_exceeded"
    hold_at(superuser, sale, again, subjects=PHONE)
    assert violations(operator, sale) == []


def test_a_hold_counts_as_expired_from_its_end_on(operator, superuser):
    sale = hoarding_sale(operator, superuser, "expired_holds", 1)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + HOLD - INSTANT)
    answer = reserve_at(superuser, sale, OPENS + HOLD)
    assert (answer.status, answer.retry, answer.retry_at) == ("limit_exceeded", "final", None)


@pytest.mark.parametrize("end", ["pay", "cancel"])
def test_what_was_paid_or_cancelled_never_expires(operator, superuser, end):
    sale = hoarding_sale(operator, superuser, "expired_holds", 1)
    held = hold_at(superuser, sale, OPENS)
    (confirm_at if end == "pay" else cancel_at)(superuser, held, OPENS + MINUTE)
    assert reserve_at(superuser, sale, OPENS + DAY).status == "held"


def test_an_expired_hold_is_never_given_back(operator, superuser):
    """Neither by a late payment nor by a cancel that comes too late."""
    sale = hoarding_sale(operator, superuser, "expired_holds", 2)
    paid, cancelled = hold_at(superuser, sale, OPENS), hold_at(superuser, sale, OPENS)
    at = OPENS + HOLD
    answer = confirm_at(superuser, paid, at)
    assert (answer.status, answer.late) == ("confirmed", True)
    assert cancel_at(superuser, cancelled, at).status == "expired"
    assert reserve_at(superuser, sale, at).status == "limit_exceeded"
    assert violations(operator, sale) == []


def test_an_expired_hold_is_dated_by_its_end(operator, superuser):
    """Made before midnight, ended after it: it counts on the second day."""
    sale = hoarding_sale(operator, superuser, "expired_holds", 1, window="day")
    hold_at(superuser, sale, OPENS + DAY - MINUTE)
    hold_at(superuser, sale, OPENS + DAY)
    assert reserve_at(superuser, sale, OPENS + DAY + HOLD).status == "limit_exceeded"
    hold_at(superuser, sale, OPENS + 2 * DAY)
    assert violations(operator, sale) == []


def test_expired_holds_count_before_the_limit_was_set(operator, superuser):
    sale = sale_between(operator, superuser, ends_at=ENDS + DAY)
    at = three_expire(superuser, sale)
    set_rule(operator, sale.activity_id, "holds", maximum=3, metric="expired_holds")
    assert reserve_at(superuser, sale, at).status == "limit_exceeded"
    set_rule(operator, sale.activity_id, "holds", maximum=4, metric="expired_holds")
    assert reserve_at(superuser, sale, at).status == "held"
    assert violations(operator, sale) == []


def test_both_metrics_look_at_the_subject_that_they_are_set_on(operator, buyer):
    sale = open_sale(operator)
    set_rule(operator, sale.activity_id, "h", maximum=1, metric="open_holds", dimension="phone")
    assert reserve(buyer, sale, user="ann", subjects=PHONE).status == "held"
    assert reserve(buyer, sale, user="bob", subjects=PHONE).status == "limit_exceeded"
    assert reserve(buyer, sale, user="ann", subjects={"phone": "2"}).status == "held"
