"""Limits on any dimension: who shares a phone shares its limit, whoever asks; and global limits.

Windows are in test_limit_windows.py, holds in test_limit_holds.py.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from tests.fix_sale import Sale, add_units, cancel, confirm, open_sale, reserve, violations
from tests.procedures.instants import (
    HOLD,
    OPENS,
    confirm_at,
    hold_at,
    refused,
    reserve_at,
    sale_between,
)
from tests.procedures.rules import drop_rule, reserve_lines, set_rule

PHONE = {"phone": "13800138000"}
METRICS = ("units", "orders", "open_holds")


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    "dimension", ["phone", "address", "device", "ip", "實名", "Any Name 'at' %s"]
)
def test_who_shares_a_subject_shares_its_limit(operator, buyer, dimension, metric):
    sale = open_sale(operator)
    set_rule(operator, sale.activity_id, "one", maximum=1, dimension=dimension, metric=metric)
    shared, other = {dimension: "same"}, {dimension: "other"}
    assert reserve(buyer, sale, user="ann", subjects=shared).status == "held"
    answer = reserve(buyer, sale, user="bob", subjects=shared)
    assert (answer.status, answer.limit_name, answer.remaining) == ("limit_exceeded", "one", 0)
    assert reserve(buyer, sale, user="ann", subjects=other).status == "held"
    assert violations(operator, sale) == []


@pytest.mark.parametrize(
    "written", [" 138 0013 8000 ", "１３８ ００１３ ８０００", "\t138 0013 8000\n"]
)
def test_a_subject_is_compared_as_it_is_normalised(operator, buyer, written):
    sale = open_sale(operator)
    set_rule(operator, sale.activity_id, "one", maximum=1, dimension="phone")
    assert reserve(buyer, sale, subjects={"phone": "138 0013 8000"}).status == "held"
    answer = reserve(buyer, sale, user="bob", subjects={"phone": written})
    assert answer.status == "limit_exceeded"


def test_dimensions_are_apart(operator, buyer):
    """The same text as a phone and as a device is not the same subject."""
    sale = open_sale(operator)
    for dimension in ("phone", "device"):
        set_rule(
            operator,
            sale.activity_id,
            dimension,
            maximum=1,
            dimension=dimension,
            required=False,
        )
    assert reserve(buyer, sale, subjects={"phone": "1"}).status == "held"
    assert reserve(buyer, sale, user="bob", subjects={"device": "1"}).status == "held"
    assert reserve(buyer, sale, user="cid", subjects={"device": "1"}).limit_name == "device"


def test_a_required_dimension_must_be_carried(operator, buyer):
    sale = open_sale(operator)
    set_rule(operator, sale.activity_id, "one", maximum=1, dimension="phone")
    for subjects in ({}, {"device": "1"}, {"Phone": "1"}):
        with refused("SK001") as caught:
            reserve(buyer, sale, subjects=subjects)
        assert "phone" in caught.detail


def test_an_optional_dimension_is_passed_over(operator, buyer):
    sale = open_sale(operator)
    set_rule(operator, sale.activity_id, "one", maximum=1, dimension="phone", required=False)
    for user in ("ann", "bob"):
        assert reserve(buyer, sale, user=user).status == "held"
    for status in ("held", "limit_exceeded"):
        assert reserve(buyer, sale, subjects=PHONE).status == status


def test_a_limit_of_another_sku_requires_nothing(operator, buyer):
    sale = open_sale(operator)
    set_rule(operator, sale.activity_id, "one", maximum=1, dimension="phone", sku="tablet")
    assert reserve(buyer, sale).status == "held"


def test_a_missing_dimension_comes_after_the_replay_and_before_the_sale(operator, superuser):
    sale = sale_between(operator, superuser)
    assert reserve_at(superuser, sale, OPENS, request_id=UUID(int=1)).status == "held"
    set_rule(operator, sale.activity_id, "one", maximum=1, dimension="phone")
    early = OPENS - timedelta(hours=1)
    for at in (early, OPENS):
        with refused("SK001"):
            reserve_at(superuser, sale, at, user="bob")
    again = reserve_at(superuser, sale, OPENS, request_id=UUID(int=1))
    assert (again.status, again.replayed) == ("held", True)


def test_a_limit_set_tomorrow_counts_what_was_bought_today(operator, buyer):
    sale = open_sale(operator)
    assert reserve(buyer, sale, quantity=2, subjects=PHONE).status == "held"
    set_rule(operator, sale.activity_id, "three", maximum=3, dimension="phone")
    assert reserve(buyer, sale, user="bob", quantity=2, subjects=PHONE).remaining == 1
    assert reserve(buyer, sale, user="bob", subjects=PHONE).status == "held"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("end", ["cancel", "expire"])
@pytest.mark.parametrize("dimension", ["user", "phone", "address"])
def test_use_comes_back_once_in_every_dimension(operator, superuser, dimension, end):
    sale = sale_between(operator, superuser)
    set_rule(operator, sale.activity_id, "two", maximum=2, dimension=dimension)
    subjects = {"phone": "1", "address": "x"}
    first = hold_at(superuser, sale, OPENS, subjects=subjects)
    confirm_at(superuser, hold_at(superuser, sale, OPENS, subjects=subjects), OPENS)
    assert reserve_at(superuser, sale, OPENS, subjects=subjects).status == "limit_exceeded"
    at = OPENS + HOLD
    if end == "cancel":
        for _ in range(2):
            superuser.execute(
                "select seckill_private.cancel_at(%s, 'ann', %s, null)", [OPENS, first]
            )
        at = OPENS
    assert reserve_at(superuser, sale, at, subjects=subjects).status == "held"
    assert reserve_at(superuser, sale, at, subjects=subjects).status == "limit_exceeded"
    assert violations(operator, sale) == []


def test_the_first_limit_by_name_is_told(operator, buyer):
    sale = open_sale(operator)
    for name, dimension in (("b", "user"), ("a", "phone"), ("B", "address")):
        set_rule(operator, sale.activity_id, name, maximum=1, dimension=dimension)
    subjects = {"phone": "1", "address": "1"}
    reserve(buyer, sale, subjects=subjects)
    assert reserve(buyer, sale, subjects=subjects).limit_name == "B"
    assert reserve(buyer, sale, subjects=subjects | {"address": "2"}).limit_name == "a"
    assert reserve(buyer, sale, subjects={"phone": "2", "address": "2"}).limit_name == "b"


def test_a_lowered_limit_keeps_what_was_bought(operator, buyer):
    sale = open_sale(operator)
    set_rule(operator, sale.activity_id, "phone", maximum=3, dimension="phone")
    held = reserve(buyer, sale, quantity=3, subjects=PHONE)
    set_rule(operator, sale.activity_id, "phone", maximum=1, dimension="phone")
    answer = reserve(buyer, sale, user="bob", subjects=PHONE)
    assert (answer.status, answer.remaining) == ("limit_exceeded", 0)
    assert confirm(buyer, held.reservation_id).status == "confirmed"
    drop_rule(operator, sale.activity_id, "phone")
    assert reserve(buyer, sale, user="bob", subjects=PHONE).status == "held"
    assert violations(operator, sale) == []


# --- global limits; each has a subject of its own, for the database is shared


def test_a_global_limit_counts_over_all_sales(operator, buyer):
    sales = [open_sale(operator, sku="g phone"), open_sale(operator, sku="g tablet")]
    name, user = "g1", "global buyer 1"
    set_rule(
        operator, None, name, maximum=2, window="rolling", period="1 day", dimension="g1",
        required=False,
    )  # fmt: skip
    try:
        subjects = {"g1": "same"}
        for sale in sales:
            assert reserve(buyer, sale, user=user, subjects=subjects).status == "held"
        for sale in sales:
            answer = reserve(buyer, sale, user="other", subjects=subjects)
            assert (answer.status, answer.limit_name) == ("limit_exceeded", name)
            assert violations(operator, sale) == []
    finally:
        drop_rule(operator, None, name)


def test_the_window_activity_of_a_global_limit_is_each_sale_by_itself(operator, buyer):
    sales = [open_sale(operator), open_sale(operator)]
    set_rule(operator, None, "g2", maximum=1, dimension="g2", required=False)
    try:
        for sale in sales:
            for status in ("held", "limit_exceeded"):
                assert reserve(buyer, sale, subjects={"g2": "same"}).status == status
    finally:
        drop_rule(operator, None, "g2")


def test_a_sales_own_limit_stands_in_for_its_global_namesake(operator, buyer):
    own, plain = open_sale(operator), open_sale(operator)
    set_rule(operator, None, "g3", maximum=1, dimension="g3", required=False)
    try:
        set_rule(operator, own.activity_id, "g3", maximum=2, dimension="g3", required=False)
        statuses = [reserve(buyer, own, subjects={"g3": "x"}).status for _ in range(3)]
        assert statuses == ["held", "held", "limit_exceeded"]
        statuses = [reserve(buyer, plain, subjects={"g3": "x"}).status for _ in range(2)]
        assert statuses == ["held", "limit_exceeded"]
        drop_rule(operator, own.activity_id, "g3")
        assert reserve(buyer, own, subjects={"g3": "x"}).status == "limit_exceeded"
        assert violations(operator, own) == violations(operator, plain) == []
    finally:
        drop_rule(operator, None, "g3")


def test_a_global_limit_of_one_sku_counts_that_sku_in_all_sales(operator, buyer):
    sales = [open_sale(operator, sku="g4 sku"), open_sale(operator, sku="g4 sku")]
    other = Sale(sales[0].activity_id, "g4 other", "*")
    add_units(operator, other, 5)
    set_rule(
        operator, None, "g4", maximum=1, window="day", time_zone="UTC", dimension="g4",
        sku="g4 sku", required=False,
    )  # fmt: skip
    try:
        subjects = {"g4": "x"}
        assert reserve(buyer, other, subjects=subjects).status == "held"
        assert reserve(buyer, sales[0], subjects=subjects).status == "held"
        assert reserve(buyer, sales[1], subjects=subjects).status == "limit_exceeded"
        assert reserve(buyer, other, subjects=subjects).status == "held"
    finally:
        drop_rule(operator, None, "g4")


def test_a_cancel_gives_use_of_a_global_limit_back(operator, buyer):
    sales = [open_sale(operator), open_sale(operator)]
    set_rule(operator, None, "g5", maximum=1, metric="open_holds", dimension="g5", required=False)
    try:
        held = reserve(buyer, sales[0], subjects={"g5": "x"})
        assert reserve(buyer, sales[1], subjects={"g5": "x"}).status == "limit_exceeded"
        cancel(buyer, held.reservation_id)
        assert reserve(buyer, sales[1], subjects={"g5": "x"}).status == "held"
    finally:
        drop_rule(operator, None, "g5")


def test_a_limit_on_users_counts_over_all_sales(operator, buyer):
    sales = [open_sale(operator), open_sale(operator)]
    set_rule(operator, None, "g6", maximum=3, window="rolling", period="1 hour", required=False)
    try:
        for sale in (*sales, sales[0]):
            assert reserve(buyer, sale, user="global buyer 6").status == "held"
        for sale in sales:
            answer = reserve(buyer, sale, user="global buyer 6")
            assert answer.status == "limit_exceeded"
            assert violations(operator, sale) == []
    finally:
        drop_rule(operator, None, "g6")


def test_a_limit_covers_the_lines_of_an_order_together(operator, buyer):
    sale = open_sale(operator)
    add_units(operator, Sale(sale.activity_id, "tablet", "*"), 5)
    set_rule(operator, sale.activity_id, "all", maximum=3, dimension="phone")
    set_rule(operator, sale.activity_id, "tablets", maximum=1, sku="tablet")
    lines = [("phone", 2), ("tablet", 2)]
    assert reserve_lines(buyer, sale, lines, subjects=PHONE).limit_name == "all"
    lines = [("phone", 1), ("tablet", 2)]
    assert reserve_lines(buyer, sale, lines, subjects=PHONE).limit_name == "tablets"
    lines = [("phone", 2), ("tablet", 1)]
    assert reserve_lines(buyer, sale, lines, subjects=PHONE).status == "held"
