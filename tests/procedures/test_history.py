"""seckill.history: the ledger of a sale, and who may see who bought."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest

from tests.fix_database import Database
from tests.fix_sale import (
    Sale,
    add_units,
    cancel,
    close_activity,
    confirm,
    one,
    open_sale,
    refund,
    reserve,
    set_stock_total,
)
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    HOLD,
    OPENS,
    another_pool,
    cancel_at,
    confirm_at,
    history,
    hold_at,
    refused,
    sale_between,
)


def test_a_life_is_told_newest_first(operator, superuser):
    sale = sale_between(operator, superuser, units=10)
    held = hold_at(superuser, sale, OPENS, quantity=2)
    confirm_at(superuser, held, OPENS + timedelta(minutes=1))
    bob = hold_at(superuser, sale, OPENS + timedelta(minutes=2), user="bob", quantity=3)
    cancel_at(superuser, bob, OPENS + timedelta(minutes=3), user="bob")
    lines = history(operator, sale)
    told = [(line.kind, line.quantity, line.user_id, line.reservation_id) for line in lines]
    assert told[:4] == [
        ("cancel", 3, "bob", bob),
        ("hold", 3, "bob", bob),
        ("confirm", 2, "ann", held),
        ("hold", 2, "ann", held),
    ]
    # The first line bears the clock's time, which lies before or after the chosen instants.
    assert lines[-1].kind == "allocate"
    assert [line.at for line in lines[:4]] == [
        OPENS + timedelta(minutes=minutes) for minutes in (3, 2, 1, 0)
    ]


def test_a_line_is_shown_field_by_field(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    line = history(operator, sale)[0]
    assert (line.cursor, line.at, line.kind) == (None, OPENS, "hold")
    assert (line.activity_id, line.sku, line.region) == (sale.activity_id, sale.sku, "*")
    assert (line.reservation_id, line.user_id, line.quantity) == (held, "ann", 1)
    assert line.actor is None


def test_lines_of_one_instant_keep_the_order_of_the_pool(operator, superuser):
    sale = sale_between(operator, superuser)
    ids = [hold_at(superuser, sale, OPENS, user=f"u{number}") for number in range(5)]
    held = [line.reservation_id for line in history(operator, sale) if line.kind == "hold"]
    assert held == ids[::-1]


def test_every_kind_has_its_name(operator, superuser):
    sale = sale_between(operator, superuser, units=3)
    late = hold_at(superuser, sale, OPENS)
    too_late = hold_at(superuser, sale, OPENS, user="bob", quantity=2)
    confirm_at(superuser, late, OPENS + HOLD, payment_ref="1")
    confirm_at(superuser, late, OPENS + HOLD, payment_ref="2")
    hold_at(superuser, sale, OPENS + HOLD, user="cid", quantity=1)
    confirm_at(superuser, too_late, OPENS + HOLD, user="bob")
    close_activity(operator, sale)
    assert {line.kind for line in history(operator, sale)} == {
        *("allocate", "hold", "expire", "late_confirm", "duplicate_payment", "late_sold_out"),
        "close",
    }


def test_one_sku_one_region_one_user(operator, superuser):
    sale = sale_between(operator, superuser)
    north = another_pool(operator, superuser, sale, sku=sale.sku, region="north")
    tablet = another_pool(operator, superuser, sale)
    for pool in (sale, north, tablet):
        for user in ("ann", "bob"):
            hold_at(superuser, pool, OPENS, user=user)
    assert len(history(operator, sale)) == 9
    assert {line.sku for line in history(operator, sale, sku=tablet.sku)} == {tablet.sku}
    assert len(history(operator, sale, sku=sale.sku)) == 6
    assert {line.region for line in history(operator, sale, region="north")} == {"north"}
    assert len(history(operator, sale, region="*")) == 6
    assert [line.user_id for line in history(operator, sale, user="bob")] == ["bob"] * 3
    assert len(history(operator, sale, user="bob", sku=sale.sku, region="north")) == 1
    assert history(operator, sale, sku="none") == []


def test_the_newest_are_kept_when_there_are_more(operator, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    confirm(buyer, held.reservation_id)
    assert [line.kind for line in history(operator, sale, limit=2)] == ["confirm", "hold"]


# --- who may see who bought


@pytest.mark.parametrize("who", ["operator", "reader"])
def test_operators_and_readers_see_everybody(sessions, operator, buyer, who):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    connection = sessions[who]
    line = next(line for line in history(connection, sale) if line.kind == "hold")
    assert (line.user_id, line.reservation_id) == ("ann", held.reservation_id)


def test_a_buyers_login_sees_units_not_people(operator, buyer):
    sale = open_sale(operator)
    for user in ("ann", "bob"):
        confirm(buyer, reserve(buyer, sale, user=user).reservation_id, user=user)
    lines = history(buyer, sale)
    assert [line.quantity for line in lines] == [1, 1, 1, 1, 10]
    assert {(line.user_id, line.reservation_id) for line in lines} == {(None, None)}


def test_a_buyers_login_sees_the_one_user_it_names(operator, buyer):
    sale = open_sale(operator)
    for user in ("ann", "bob"):
        reserve(buyer, sale, user=user)
    lines = history(buyer, sale, user="bob")
    assert [(line.kind, line.user_id) for line in lines] == [("hold", "bob")]
    assert lines[0].reservation_id is not None


def test_nobody_sees_more_by_taking_a_lesser_role(db: Database):
    """An operator who acts as seckill_app sees what that role sees."""
    with db.connect("operator", direct=True) as operator:
        sale = open_sale(operator)
        reserve(operator, sale)
        operator.execute("set role seckill_app")
        assert {line.user_id for line in history(operator, sale)} == {None}
        operator.execute("reset role")
        assert {line.user_id for line in history(operator, sale)} == {None, "ann"}


def test_no_line_tells_reason_or_payment(operator, buyer):
    sale = open_sale(operator)
    confirm(buyer, reserve(buyer, sale).reservation_id, payment_ref="secret-payment")
    cancel(buyer, reserve(buyer, sale).reservation_id, reason="secret-reason")
    assert "secret" not in str(history(buyer, sale, user="ann"))


# --- nonsense


@pytest.mark.parametrize(
    "filters",
    [
        {"sku": ""},
        {"sku": "x" * 201},
        {"region": ""},
        {"region": "x" * 201},
        {"user": ""},
        {"user": "x" * 201},
        {"limit": None},
        {"limit": 0},
        {"limit": -1},
        {"limit": 10_001},
        {"limit": 2**31 - 1},
    ],
)
def test_filters_that_make_no_sense_are_refused(operator, filters):
    with refused("SK001"):
        history(operator, open_sale(operator, units=0), **filters)


def test_a_null_activity_is_refused(operator):
    with refused("SK001"):
        history(operator, Sale(None, "", ""))  # type: ignore[arg-type]


@pytest.mark.parametrize("activity_id", [0, -1, BIGGEST_BIGINT])
def test_an_activity_that_never_was_is_unknown(operator, activity_id):
    with refused("SK002"):
        history(operator, Sale(activity_id, "", ""))


def test_arguments_have_defaults(operator):
    sale = open_sale(operator)
    add_units(operator, sale, 1)
    rows = operator.execute(
        "select * from seckill.history(p_activity_id => %s)", [sale.activity_id]
    ).fetchall()
    assert [row.quantity for row in rows] == [1, 10]


def test_a_sale_that_sold_nothing_has_a_short_history(operator):
    assert history(operator, open_sale(operator, units=0)) == []


# --- who, when, why


def test_every_line_says_who_and_why(operator, buyer, reader, superuser):
    """A life with all that a caller can give a reason for; only holds have no login."""
    sale = open_sale(operator, units=9)
    paid = reserve(buyer, sale, quantity=2).reservation_id
    confirm(buyer, paid, payment_ref="pay-1")
    confirm(buyer, paid, payment_ref="pay-2")
    refund(buyer, paid, request_id=uuid4())
    cancel(buyer, reserve(buyer, sale).reservation_id, reason="changed her mind")
    reserve(buyer, sale, user="bob")
    set_stock_total(operator, sale, 0, "revoke", actor="merchant")
    lines = history(reader, sale)
    assert {line.kind for line in lines if line.login is None} == {"hold"}
    assert {line.kind for line in lines if line.kind != "hold" and line.actor is None} == set()
    why = {line.kind: (line.actor, line.login, line.note) for line in lines}
    assert why["confirm"] == ("seckill_buyer", "seckill_buyer", "pay-1")
    assert why["duplicate_payment"] == ("seckill_buyer", "seckill_buyer", "pay-2")
    assert why["cancel"] == ("seckill_buyer", "seckill_buyer", "changed her mind")
    assert why["revoke"] == ("merchant", "seckill_operator", "revoke from 9 to 0")
    assert why["cut"] == ("merchant", "seckill_operator", "revoke from 9 to 0")
    assert {line.note for line in history(buyer, sale, user="ann")} == {None}
    assert (
        one(
            superuser,
            """
        select count(*) as nameless from seckill_private.movement
         where activity_id = %(id)s and login is null""",
            id=sale.activity_id,
        ).nameless
        == 0
    )
