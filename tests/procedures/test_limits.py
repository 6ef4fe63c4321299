"""Limits in a purchase: metrics, windows, skus, several at once, changes in mid-sale, use given
back, and what a refusal says about trying again. Days are in test_limit_days.py.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.fix_sale import (
    Sale,
    add_units,
    cancel,
    confirm,
    one,
    open_sale,
    reserve,
    set_limit,
    violations,
)
from tests.procedures.instants import (
    HOLD,
    INSTANT,
    OPENS,
    another_pool,
    confirm_at,
    hold_at,
    new_name,
    reserve_at,
    sale_between,
)
from tests.procedures.rules import set_rule

MINUTE = timedelta(minutes=1)


# --- metrics and windows


@pytest.mark.parametrize("window", ["order", "day", "activity"])
def test_units_of_one_order_are_limited_in_every_window(operator, buyer, window):
    sale = open_sale(operator)
    set_limit(operator, sale, "units", maximum=3, window=window)
    answer = reserve(buyer, sale, quantity=4)
    assert (answer.status, answer.limit_name, answer.remaining) == ("limit_exceeded", "units", 3)
    assert reserve(buyer, sale, quantity=3).status == "held"


@pytest.mark.parametrize(
    ("window", "third"),
    [("order", "held"), ("day", "limit_exceeded"), ("activity", "limit_exceeded")],
)
def test_units_of_several_orders_add_up_but_for_window_order(operator, superuser, window, third):
    sale = sale_between(operator, superuser)
    set_limit(operator, sale, "units", maximum=3, window=window)
    hold_at(superuser, sale, OPENS, quantity=2)
    hold_at(superuser, sale, OPENS, quantity=1)
    assert reserve_at(superuser, sale, OPENS, quantity=1).status == third


@pytest.mark.parametrize("window", ["day", "activity"])
def test_orders_are_counted_whatever_their_size(operator, superuser, window):
    sale = sale_between(operator, superuser)
    set_limit(operator, sale, "orders", maximum=2, metric="orders", window=window)
    hold_at(superuser, sale, OPENS, quantity=4)
    hold_at(superuser, sale, OPENS, quantity=3)
    answer = reserve_at(superuser, sale, OPENS)
    assert (answer.status, answer.limit_name, answer.remaining) == ("limit_exceeded", "orders", 0)


def test_one_order_is_always_one_order(operator, buyer):
    sale = open_sale(operator)
    set_limit(operator, sale, "orders", maximum=1, metric="orders", window="order")
    for _ in range(3):
        assert reserve(buyer, sale).status == "held"


def test_users_have_their_own_use(operator, buyer):
    sale = open_sale(operator, limit=1, orders=1)
    for user in ("ann", "bob", "Ann"):
        assert reserve(buyer, sale, user=user).status == "held"
        assert reserve(buyer, sale, user=user).status == "limit_exceeded"


def test_activities_have_their_own_use(operator, buyer):
    for sale in (open_sale(operator, limit=1), open_sale(operator, limit=1)):
        assert reserve(buyer, sale).status == "held"


def test_a_limit_counts_all_skus_and_regions(operator, buyer):
    sale = open_sale(operator, limit=2, region="north")
    add_units(operator, Sale(sale.activity_id, sale.sku, "south"), 5)
    add_units(operator, Sale(sale.activity_id, "tablet", "north"), 5)
    assert reserve(buyer, sale).status == "held"
    assert reserve(buyer, sale, region="south").status == "held"
    assert reserve(buyer, sale, sku="tablet").status == "limit_exceeded"
    assert violations(operator, sale) == []


def test_a_limit_of_one_sku_counts_that_sku_only(operator, buyer):
    sale = open_sale(operator, region="north")
    add_units(operator, Sale(sale.activity_id, sale.sku, "south"), 5)
    add_units(operator, Sale(sale.activity_id, "tablet", "north"), 5)
    set_limit(operator, sale, "phones", maximum=2, sku=sale.sku)
    for _ in range(3):
        assert reserve(buyer, sale, sku="tablet").status == "held"
    assert reserve(buyer, sale).status == "held"
    assert reserve(buyer, sale, region="south").status == "held"
    assert reserve(buyer, sale).status == "limit_exceeded"
    assert reserve(buyer, sale, sku="tablet").status == "held"
    assert violations(operator, sale) == []


def test_orders_of_one_sku_count_that_sku_only(operator, buyer):
    sale = open_sale(operator)
    add_units(operator, Sale(sale.activity_id, "tablet", "*"), 5)
    set_limit(operator, sale, "phones", maximum=1, metric="orders", sku=sale.sku)
    assert reserve(buyer, sale, sku="tablet").status == "held"
    assert reserve(buyer, sale, quantity=2).status == "held"
    assert reserve(buyer, sale).status == "limit_exceeded"
    assert reserve(buyer, sale, sku="tablet").status == "held"


def test_a_limit_of_a_sku_that_is_not_sold_limits_nothing(operator, buyer):
    sale = open_sale(operator)
    set_limit(operator, sale, "others", maximum=1, sku="no such thing")
    assert reserve(buyer, sale, quantity=10).status == "held"


# --- several


def test_all_limits_must_pass(operator, buyer):
    sale = open_sale(operator, limit=5, orders=2)
    assert reserve(buyer, sale, quantity=1).status == "held"
    assert reserve(buyer, sale, quantity=5).limit_name == "units_per_user"
    assert reserve(buyer, sale, quantity=1).status == "held"
    assert reserve(buyer, sale, quantity=1).limit_name == "orders_per_user"


def test_of_several_the_first_by_name_is_named(operator, superuser):
    sale = sale_between(operator, superuser)
    for name, maximum in (("c", 1), ("a", 3), ("b", 2)):
        set_limit(operator, sale, name, maximum=maximum)
    answers = [reserve_at(superuser, sale, OPENS, quantity=quantity) for quantity in (2, 3, 4)]
    assert [(answer.limit_name, answer.remaining) for answer in answers] == [
        ("c", 1),
        ("b", 2),
        ("a", 3),
    ]


def test_remaining_is_what_the_limit_would_still_allow(operator, buyer):
    sale = open_sale(operator, limit=5)
    reserve(buyer, sale, quantity=3)
    answer = reserve(buyer, sale, quantity=3)
    assert (answer.status, answer.remaining) == ("limit_exceeded", 2)
    assert reserve(buyer, sale, quantity=2).status == "held"
    assert reserve(buyer, sale, quantity=1).remaining == 0


# --- mid-sale


def test_a_limit_set_in_mid_sale_counts_what_was_bought_before(operator, buyer):
    sale = open_sale(operator)
    confirm(buyer, reserve(buyer, sale, quantity=2).reservation_id)
    reserve(buyer, sale, quantity=1)
    cancel(buyer, reserve(buyer, sale, quantity=1).reservation_id)
    set_limit(operator, sale, "units", maximum=4)
    set_limit(operator, sale, "orders", maximum=3, metric="orders")
    assert reserve(buyer, sale, quantity=2).remaining == 1
    assert reserve(buyer, sale, quantity=1).status == "held"
    answer = reserve(buyer, sale, quantity=1)
    assert (answer.status, answer.limit_name) == ("limit_exceeded", "orders")
    assert violations(operator, sale) == []


def test_lowered_below_use_it_keeps_what_was_bought(operator, buyer):
    sale = open_sale(operator, limit=5)
    held = reserve(buyer, sale, quantity=4)
    set_limit(operator, sale, "units_per_user", maximum=1)
    answer = reserve(buyer, sale, quantity=1)
    assert (answer.status, answer.remaining) == ("limit_exceeded", 0)
    assert confirm(buyer, held.reservation_id).status == "confirmed"
    assert reserve(buyer, sale, user="bob").status == "held"
    assert violations(operator, sale) == []


def test_raised_it_allows_more_at_once(operator, buyer):
    sale = open_sale(operator, limit=1)
    reserve(buyer, sale)
    assert reserve(buyer, sale).status == "limit_exceeded"
    set_limit(operator, sale, "units_per_user", maximum=2)
    assert reserve(buyer, sale).status == "held"
    assert violations(operator, sale) == []


def test_dropped_it_limits_nothing(operator, buyer):
    sale = open_sale(operator, limit=1)
    reserve(buyer, sale)
    one(
        operator,
        "select * from seckill.drop_limit(%(id)s, 'units_per_user')",
        id=sale.activity_id,
    )
    assert reserve(buyer, sale, quantity=5).status == "held"
    assert violations(operator, sale) == []


def test_set_again_after_a_drop_it_counts_everything(operator, buyer):
    sale = open_sale(operator, limit=1)
    reserve(buyer, sale)
    one(
        operator,
        "select * from seckill.drop_limit(%(id)s, 'units_per_user')",
        id=sale.activity_id,
    )
    reserve(buyer, sale)
    set_limit(operator, sale, "units_per_user", maximum=3)
    assert reserve(buyer, sale, quantity=2).remaining == 1
    assert violations(operator, sale) == []


def test_a_limit_of_one_kind_may_become_another(operator, buyer):
    sale = open_sale(operator)
    set_limit(operator, sale, "rule", maximum=2, metric="units")
    assert reserve(buyer, sale, quantity=2).status == "held"
    set_limit(operator, sale, "rule", maximum=2, metric="orders")
    assert reserve(buyer, sale, quantity=5).status == "held"
    assert reserve(buyer, sale).status == "limit_exceeded"
    assert violations(operator, sale) == []


# --- given back


def test_a_cancel_gives_the_use_back_once(operator, buyer):
    sale = open_sale(operator, limit=2)
    first = reserve(buyer, sale)
    reserve(buyer, sale)
    for _ in range(3):
        cancel(buyer, first.reservation_id)
    assert reserve(buyer, sale, quantity=2).remaining == 1
    assert reserve(buyer, sale).status == "held"


def test_an_expiry_gives_the_use_back(operator, superuser):
    sale = sale_between(operator, superuser, limit=2, orders=1)
    hold_at(superuser, sale, OPENS, quantity=2)
    assert reserve_at(superuser, sale, OPENS + HOLD - MINUTE).status == "limit_exceeded"
    assert reserve_at(superuser, sale, OPENS + HOLD, quantity=2).status == "held"
    assert violations(operator, sale) == []


def test_what_was_paid_is_used_for_good(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    confirm_at(superuser, hold_at(superuser, sale, OPENS), OPENS)
    assert reserve_at(superuser, sale, OPENS + 2 * HOLD).status == "limit_exceeded"


def test_a_late_payment_uses_the_limit_again(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    old = hold_at(superuser, sale, OPENS)
    assert confirm_at(superuser, old, OPENS + HOLD).late
    assert reserve_at(superuser, sale, OPENS + HOLD).status == "limit_exceeded"
    assert violations(operator, sale) == []


# --- retry


def test_more_than_the_limit_at_all_is_final(operator, superuser):
    sale = sale_between(operator, superuser, limit=2)
    hold_at(superuser, sale, OPENS)
    answer = reserve_at(superuser, sale, OPENS, quantity=3)
    assert (answer.retry, answer.retry_at) == ("final", None)


def test_used_up_for_the_whole_sale_is_final(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    confirm_at(superuser, hold_at(superuser, sale, OPENS), OPENS)
    answer = reserve_at(superuser, sale, OPENS)
    assert (answer.status, answer.retry, answer.retry_at) == ("limit_exceeded", "final", None)


def test_an_own_unpaid_hold_may_return(operator, superuser):
    sale = sale_between(operator, superuser, limit=2)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + MINUTE)
    answer = reserve_at(superuser, sale, OPENS + 2 * MINUTE)
    assert (answer.retry, answer.retry_at) == ("may_return", OPENS + HOLD)


@pytest.mark.parametrize(
    ("rule", "minutes"),
    [
        ({"window": "hour"}, 5),
        ({"window": "day"}, 15),
        ({"window": "rolling", "period": "1 day"}, 15),
        ({"window": "rolling", "period": "10 minutes"}, 10),
        ({"window": "activity"}, 15),
        ({"window": "activity", "metric": "open_holds"}, 15),
    ],
)
def test_an_own_unpaid_hold_returns_when_it_ends_or_the_window_turns_over(
    operator, superuser, rule, minutes
):
    """Held at five to the hour: the first of the two is when the answer changes, not before."""
    sale = sale_between(operator, superuser, ends_at=OPENS + timedelta(days=2))
    set_rule(operator, sale.activity_id, "one", maximum=1, **rule)
    held_at = OPENS + 55 * MINUTE
    hold_at(superuser, sale, held_at)
    answer = reserve_at(superuser, sale, held_at + MINUTE)
    returns = held_at + minutes * MINUTE
    assert (answer.status, answer.retry, answer.retry_at) == (
        "limit_exceeded",
        "may_return",
        returns,
    )
    assert reserve_at(superuser, sale, returns - INSTANT).status == "limit_exceeded"
    assert reserve_at(superuser, sale, returns).status == "held"


def test_a_paid_unit_leaves_a_rolling_window_before_the_own_hold_ends(operator, superuser):
    sale = sale_between(operator, superuser, ends_at=OPENS + timedelta(days=2))
    set_rule(operator, sale.activity_id, "two", maximum=2, window="rolling", period="1 hour")
    confirm_at(superuser, hold_at(superuser, sale, OPENS), OPENS)
    now = OPENS + 55 * MINUTE
    hold_at(superuser, sale, now)
    answer = reserve_at(superuser, sale, now)
    assert (answer.retry, answer.retry_at) == ("may_return", OPENS + 60 * MINUTE)
    assert reserve_at(superuser, sale, answer.retry_at - INSTANT).status == "limit_exceeded"
    assert reserve_at(superuser, sale, answer.retry_at).status == "held"


def test_somebody_elses_hold_has_no_say(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    hold_at(superuser, sale, OPENS, user="bob")
    confirm_at(superuser, hold_at(superuser, sale, OPENS), OPENS)
    assert reserve_at(superuser, sale, OPENS).retry == "final"


def test_a_window_that_turns_over_is_not_yet(operator, superuser):
    sale = sale_between(operator, superuser, ends_at=OPENS + timedelta(days=2))
    set_limit(operator, sale, "daily", maximum=1, window="day")
    confirm_at(superuser, hold_at(superuser, sale, OPENS), OPENS)
    answer = reserve_at(superuser, sale, OPENS)
    assert (answer.retry, answer.retry_at) == ("not_yet", OPENS + timedelta(days=1))


def test_a_window_that_turns_over_when_the_sale_ends_is_final(operator, superuser):
    sale = sale_between(operator, superuser, ends_at=OPENS + timedelta(days=1))
    set_limit(operator, sale, "daily", maximum=1, window="day")
    confirm_at(superuser, hold_at(superuser, sale, OPENS), OPENS)
    answer = reserve_at(superuser, sale, OPENS)
    assert (answer.retry, answer.retry_at) == ("final", None)


def test_an_order_that_is_too_big_is_final(operator, superuser):
    sale = sale_between(operator, superuser, ends_at=OPENS + timedelta(days=2))
    set_limit(operator, sale, "basket", maximum=2, window="order")
    answer = reserve_at(superuser, sale, OPENS, quantity=3)
    assert (answer.limit_name, answer.retry, answer.remaining) == ("basket", "final", 2)


def test_a_limit_that_pays_no_heed_to_other_skus_says_the_right_end(operator, superuser):
    sale = sale_between(operator, superuser)
    other = another_pool(operator, superuser, sale, sku=new_name())
    set_limit(operator, sale, "phones", maximum=1, sku=sale.sku)
    hold_at(superuser, other, OPENS)
    hold_at(superuser, sale, OPENS + MINUTE)
    answer = reserve_at(superuser, sale, OPENS + 2 * MINUTE)
    assert (answer.retry, answer.retry_at) == ("may_return", OPENS + MINUTE + HOLD)
