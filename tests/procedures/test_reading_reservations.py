"""seckill.get_reservation, find_reservation and list_reservations: three ways to the same row."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.fix_database import Database, wait_for_lock
from tests.fix_sale import (
    Row,
    cancel,
    confirm,
    get_reservation,
    one,
    open_sale,
    reserve,
)
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    HOLD,
    OPENS,
    confirm_at,
    hold_at,
    new_name,
    refused,
    sale_between,
)


def find(
    connection: Connection[Any],
    activity_id: int | None,
    request_id: UUID | None,
    *,
    user: str | None = "ann",
) -> Row:
    """seckill.find_reservation."""
    return one(
        connection,
        """
        select * from seckill.find_reservation(
                 p_activity_id => %(activity_id)s, p_user_id => %(user)s,
                 p_request_id => %(request_id)s)""",
        activity_id=activity_id,
        user=user,
        request_id=request_id,
    )


def listed(
    connection: Connection[Any],
    *,
    user: str | None,
    activity_id: int | None = None,
    limit: int | None = 100,
) -> list[Row]:
    """seckill.list_reservations."""
    return connection.execute(
        """
        select * from seckill.list_reservations(
                 p_user_id => %(user)s, p_activity_id => %(activity_id)s, p_limit => %(limit)s)""",
        {"user": user, "activity_id": activity_id, "limit": limit},
    ).fetchall()


def test_a_reservation_is_shown_field_by_field(operator, superuser):
    sale = sale_between(operator, superuser)
    request_id = uuid4()
    held = hold_at(superuser, sale, OPENS, quantity=2, request_id=request_id)
    row = get_reservation(superuser, held)
    assert (row.status, row.reservation_id, row.activity_id) == ("held", held, sale.activity_id)
    assert (row.user_id, row.request_id, row.region) == ("ann", request_id, "*")
    assert (row.skus, row.quantities) == ([sale.sku], [2])
    assert (row.created_at, row.expires_at) == (OPENS, OPENS + HOLD)
    assert (row.resolved_at, row.payment_ref) == (None, None)


def test_a_resolved_one_says_when(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    paid_at = OPENS + timedelta(minutes=3)
    confirm_at(superuser, held, paid_at, payment_ref="pay-1")
    row = get_reservation(superuser, held)
    assert (row.status, row.resolved_at, row.payment_ref) == ("confirmed", paid_at, "pay-1")


def test_a_cancelled_one_is_cancelled(operator, buyer):
    held = reserve(buyer, open_sale(operator))
    cancel(buyer, held.reservation_id)
    row = get_reservation(buyer, held.reservation_id)
    assert row.status == "cancelled"
    assert row.resolved_at >= row.created_at


def test_the_three_ways_show_the_same(operator, buyer):
    sale = open_sale(operator, region="north")
    request_id = uuid4()
    held = reserve(buyer, sale, request_id=request_id)
    confirm(buyer, held.reservation_id, payment_ref="pay-1")
    found = find(buyer, sale.activity_id, request_id)
    assert found == get_reservation(buyer, held.reservation_id)
    assert [found] == listed(buyer, user="ann", activity_id=sale.activity_id)
    assert found.region == "north"


def test_who_got_no_answer_learns_that_nothing_happened(operator, buyer):
    sale = open_sale(operator)
    with refused("SK008"):
        find(buyer, sale.activity_id, uuid4())


def test_a_refused_request_left_nothing_to_find(operator, buyer):
    sale = open_sale(operator, units=1)
    request_id = uuid4()
    assert reserve(buyer, sale, quantity=2, request_id=request_id).status == "sold_out"
    with refused("SK008"):
        find(buyer, sale.activity_id, request_id)


def test_the_request_of_another_user_or_activity_is_not_found(operator, buyer):
    sale, other = open_sale(operator), open_sale(operator)
    request_id = uuid4()
    reserve(buyer, sale, request_id=request_id)
    with refused("SK008"):
        find(buyer, sale.activity_id, request_id, user="bob")
    with refused("SK008"):
        find(buyer, other.activity_id, request_id)


@pytest.mark.parametrize("activity_id", [0, -1, 2**23, 2**24 + 1, BIGGEST_BIGINT])
def test_an_activity_that_never_was_has_no_reservation(operator, buyer, activity_id):
    request_id = uuid4()
    reserve(buyer, open_sale(operator), request_id=request_id)
    with refused("SK008"):
        find(buyer, activity_id, request_id)


def test_another_users_reservation_looks_like_none(operator, buyer):
    held = reserve(buyer, open_sale(operator))
    with refused("SK008") as others:
        get_reservation(buyer, held.reservation_id, user="bob")
    with refused("SK008") as none:
        get_reservation(buyer, held.reservation_id + 1, user="bob")
    assert "ann" not in others.text
    assert others.text.replace(str(held.reservation_id), "N") == none.text.replace(
        str(held.reservation_id + 1), "N"
    )


@pytest.mark.parametrize("reservation_id", [0, -1, 1, BIGGEST_BIGINT, -BIGGEST_BIGINT - 1])
def test_an_id_that_never_was_is_unknown(buyer, reservation_id):
    with refused("SK008"):
        get_reservation(buyer, reservation_id)


# --- lists


def test_the_newest_come_first(operator, superuser):
    sale = sale_between(operator, superuser)
    held = [hold_at(superuser, sale, OPENS + number * HOLD / 100) for number in range(4)]
    rows = listed(superuser, user="ann", activity_id=sale.activity_id)
    assert [row.reservation_id for row in rows] == held[::-1]


def test_of_equal_instants_the_higher_id_comes_first(operator, superuser):
    sale = sale_between(operator, superuser)
    held = [hold_at(superuser, sale, OPENS) for _ in range(4)]
    rows = listed(superuser, user="ann", activity_id=sale.activity_id)
    assert [row.reservation_id for row in rows] == held[::-1]


def test_no_activity_means_all(operator, buyer):
    user = new_name("user")
    sales = [open_sale(operator) for _ in range(3)]
    for sale in sales:
        reserve(buyer, sale, user=user)
    rows = listed(buyer, user=user)
    assert [row.activity_id for row in rows] == [sale.activity_id for sale in sales[::-1]]


def test_one_activity_means_no_other(operator, buyer):
    user = new_name("user")
    sales = [open_sale(operator) for _ in range(2)]
    for sale in sales:
        reserve(buyer, sale, user=user)
    rows = listed(buyer, user=user, activity_id=sales[0].activity_id)
    assert [row.activity_id for row in rows] == [sales[0].activity_id]


def test_other_users_are_not_listed(operator, buyer):
    sale = open_sale(operator)
    for user in ("ann", "bob"):
        reserve(buyer, sale, user=user)
    rows = listed(buyer, user="bob", activity_id=sale.activity_id)
    assert [row.user_id for row in rows] == ["bob"]


def test_the_newest_are_kept_when_there_are_more(operator, buyer):
    user = new_name("user")
    ids = [reserve(buyer, open_sale(operator), user=user).reservation_id for _ in range(3)]
    assert [row.reservation_id for row in listed(buyer, user=user, limit=2)] == ids[:0:-1]


@pytest.mark.parametrize("activity_id", [None, 0, -1, 2**31, BIGGEST_BIGINT])
def test_nothing_is_an_empty_list(buyer, activity_id):
    assert listed(buyer, user=new_name("user"), activity_id=activity_id) == []


def test_arguments_have_defaults(operator, buyer):
    user = new_name("user")
    held = reserve(buyer, open_sale(operator), user=user)
    row = one(buyer, "select * from seckill.list_reservations(p_user_id => %(user)s)", user=user)
    assert row.reservation_id == held.reservation_id


# --- nonsense


@pytest.mark.parametrize("limit", [None, 0, -1, 10_001, 2**31 - 1])
def test_a_limit_that_makes_no_sense_is_refused(buyer, limit):
    with refused("SK001"):
        listed(buyer, user="ann", limit=limit)


@pytest.mark.parametrize("user", [None, "", "x" * 201])
def test_a_user_that_makes_no_sense_is_refused(buyer, user):
    with refused("SK001"):
        listed(buyer, user=user)
    with refused("SK001"):
        get_reservation(buyer, 1, user=user)
    with refused("SK001"):
        find(buyer, 1, uuid4(), user=user)


def test_nulls_are_refused(buyer):
    with refused("SK001"):
        get_reservation(buyer, None)  # type: ignore[arg-type]
    with refused("SK001"):
        find(buyer, None, uuid4())
    with refused("SK001"):
        find(buyer, 1, None)


def test_reading_does_not_change_the_isolation_it_needs(operator, buyer):
    """Reads work in any isolation, also in the caller's own transaction."""
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    for isolation in ("read committed", "repeatable read", "serializable"):
        with buyer.transaction():
            buyer.execute(f"set transaction isolation level {isolation}")
            assert get_reservation(buyer, held.reservation_id).status == "held"


def test_find_waits_for_a_call_of_the_user_that_is_being_decided(db: Database):
    """SK008 in the middle of it would read as "nothing happened", and it does happen."""
    request_id = uuid4()
    find = (
        "select * from seckill.find_reservation(p_activity_id => %(activity_id)s, "
        "p_user_id => 'ann', p_request_id => %(request_id)s)"
    )
    with db.connect("operator") as operator:
        sale = open_sale(operator)
    with (
        db.connect("buyer", direct=True) as buyer,
        db.connect("buyer", direct=True) as asker,
        ThreadPoolExecutor(1) as pool,
    ):
        with buyer.transaction():
            held = reserve(buyer, sale, request_id=request_id)
            found = pool.submit(
                one, asker, find, activity_id=sale.activity_id, request_id=request_id
            )
            wait_for_lock(db)
        assert found.result(20).reservation_id == held.reservation_id


def test_an_older_snapshot_does_not_deny_what_was_waited_for(db: Database):
    """It does not show it: SK008 would be a lie."""
    request_id = uuid4()
    with (
        db.connect("operator") as operator,
        db.connect("buyer", direct=True) as buyer,
        db.connect("buyer", direct=True) as asker,
        ThreadPoolExecutor(1) as pool,
    ):
        sale = open_sale(operator)

        def find_it() -> Row:
            with asker.transaction():
                asker.execute("set transaction isolation level repeatable read")
                return find(asker, sale.activity_id, request_id)

        with buyer.transaction():
            reserve(buyer, sale, request_id=request_id)
            found = pool.submit(find_it)
            wait_for_lock(db)
        with refused("SK005"):
            found.result(20)
