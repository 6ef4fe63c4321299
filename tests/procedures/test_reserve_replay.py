"""seckill.reserve with a request id that was used before: the same answer, or SK004."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.fix_sale import (
    Sale,
    add_units,
    availability,
    cancel,
    close_activity,
    one,
    open_sale,
    reserve,
)
from tests.procedures.instants import (
    HOLD,
    OPENS,
    confirm_at,
    refused,
    reserve_at,
    sale_between,
)


def test_a_replay_gives_the_same_answer(operator, buyer):
    sale = open_sale(operator)
    request_id = uuid4()
    first = reserve(buyer, sale, request_id=request_id)
    again = reserve(buyer, sale, request_id=request_id)
    assert (again.status, again.replayed, again.state) == ("held", True, "held")
    assert (again.reservation_id, again.expires_at) == (first.reservation_id, first.expires_at)
    assert again.ordinal == 1


def test_a_replay_takes_nothing(operator, buyer):
    sale = open_sale(operator, units=10)
    request_id = uuid4()
    for _ in range(3):
        reserve(buyer, sale, request_id=request_id, quantity=2)
    assert availability(operator, sale).held == 2


@pytest.mark.parametrize("state", ["confirmed", "cancelled", "expired", "confirmed late"])
def test_a_replay_says_what_became_of_it(operator, superuser, state):
    sale = sale_between(operator, superuser)
    request_id = uuid4()
    first = reserve_at(superuser, sale, OPENS, request_id=request_id)
    at = OPENS
    if state == "confirmed":
        confirm_at(superuser, first.reservation_id, OPENS)
    if state == "cancelled":
        cancel(superuser, first.reservation_id)
    if state in ("expired", "confirmed late"):
        at = OPENS + HOLD
    if state == "confirmed late":
        confirm_at(superuser, first.reservation_id, at)
    again = reserve_at(superuser, sale, at, request_id=request_id)
    assert (again.status, again.replayed, again.state) == ("held", True, state.split()[0])
    assert (again.reservation_id, again.expires_at) == (first.reservation_id, first.expires_at)


def test_a_replay_works_after_the_sale_is_closed(operator, buyer):
    sale = open_sale(operator)
    request_id = uuid4()
    first = reserve(buyer, sale, request_id=request_id)
    close_activity(operator, sale)
    again = reserve(buyer, sale, request_id=request_id)
    assert (again.reservation_id, again.replayed) == (first.reservation_id, True)


def test_a_replay_works_when_the_limit_is_used_up_and_all_is_sold(operator, buyer):
    sale = open_sale(operator, units=1, limit=1)
    request_id = uuid4()
    first = reserve(buyer, sale, request_id=request_id)
    again = reserve(buyer, sale, request_id=request_id)
    assert again.reservation_id == first.reservation_id


def test_a_replay_does_not_compare_subjects(operator, buyer):
    sale = open_sale(operator)
    request_id = uuid4()
    first = reserve(buyer, sale, request_id=request_id, subjects={"phone": "1"})
    again = reserve(buyer, sale, request_id=request_id, subjects={"phone": "2", "ip": "::1"})
    assert (again.reservation_id, again.replayed) == (first.reservation_id, True)


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": 2},
        {"sku": "tablet"},
        {"region": "north"},
        {"sku": "no such thing"},
        {"region": "nowhere"},
    ],
)
def test_other_lines_or_region_are_a_conflict(operator, buyer, change):
    sale = open_sale(operator)
    add_units(operator, Sale(sale.activity_id, "tablet", "*"), 5)
    add_units(operator, Sale(sale.activity_id, sale.sku, "north"), 5)
    request_id = uuid4()
    reserve(buyer, sale, request_id=request_id)
    with refused("SK004"):
        reserve(buyer, sale, request_id=request_id, **change)
    assert availability(operator, sale).held == 1


def test_a_conflict_stays_one_after_the_reservation_is_over(operator, buyer):
    sale = open_sale(operator)
    request_id = uuid4()
    cancel(buyer, reserve(buyer, sale, request_id=request_id).reservation_id)
    with refused("SK004"):
        reserve(buyer, sale, request_id=request_id, quantity=2)


def test_a_request_id_of_another_user_is_another_request(operator, buyer):
    sale = open_sale(operator)
    request_id = uuid4()
    ann = reserve(buyer, sale, user="ann", request_id=request_id)
    bob = reserve(buyer, sale, user="bob", request_id=request_id, quantity=2)
    assert (bob.status, bob.replayed) == ("held", False)
    assert bob.reservation_id != ann.reservation_id


def test_a_request_id_of_another_activity_is_another_request(operator, buyer):
    one_sale, another = open_sale(operator), open_sale(operator)
    request_id = uuid4()
    first = reserve(buyer, one_sale, request_id=request_id)
    second = reserve(buyer, another, request_id=request_id, quantity=2)
    assert (second.status, second.replayed) == ("held", False)
    assert second.reservation_id != first.reservation_id


def test_a_request_id_of_an_ops_call_is_another_request(operator, buyer):
    sale = open_sale(operator)
    request_id = uuid4()
    one(
        operator,
        """
        select * from seckill.receive_stock(
                 p_sku => 'phone', p_quantity => 1, p_request_id => %(request_id)s)""",
        request_id=request_id,
    )
    assert reserve(buyer, sale, request_id=request_id).replayed is False


TWINS = "u10934990", "u13752927"
"""Two users who share a key and a shard, as who looks for them finds in minutes."""


def test_a_request_id_of_a_user_with_the_same_key_is_a_conflict(operator, buyer, superuser):
    keys = superuser.execute(
        """
        select distinct seckill_private.buyer_key(1, name), seckill_private.shard(name)
          from unnest(%s::text[]) as t (name)""",
        [list(TWINS)],
    ).fetchall()
    assert len(keys) == 1
    sale = open_sale(operator)
    click = uuid4()
    assert reserve(buyer, sale, user=TWINS[0], request_id=click).status == "held"
    with refused("SK004"):
        reserve(buyer, sale, user=TWINS[1], request_id=click)
    again = reserve(buyer, sale, user=TWINS[0], request_id=click)
    assert (again.status, again.replayed) == ("held", True)
    assert reserve(buyer, sale, user=TWINS[1]).status == "held"


def test_twins_spoil_no_batch(operator, buyer):
    """In one batch, and in a later one."""
    sale = open_sale(operator)
    click = uuid4()
    first = twins_in_a_batch(buyer, sale, TWINS[0], "ann", TWINS[1], clicks=[click, uuid4(), click])
    assert first == [("held", None), ("held", None), ("error", "SK004")]
    later = twins_in_a_batch(buyer, sale, TWINS[1], "bob", clicks=[click, uuid4()])
    assert later == [("error", "SK004"), ("held", None)]


def twins_in_a_batch(buyer, sale, *users, clicks):
    """Status and error code of each."""
    rows = buyer.execute(
        """
        select status, error_code
          from seckill.reserve_batch(
                 p_activity_ids => %s, p_user_ids => %s, p_skus => %s,
                 p_quantities => %s::integer[], p_request_ids => %s, p_regions => %s,
                 p_subjects => %s::jsonb[])""",
        [
            [sale.activity_id] * len(users),
            list(users),
            [sale.sku] * len(users),
            [1] * len(users),
            clicks,
            [sale.region] * len(users),
            ["{}"] * len(users),
        ],
    )
    return [tuple(row) for row in rows]
