"""Expiry without a sweeper: from `expires_at` on a hold is worth nothing, whoever asks.

Time passes for the pool (its rows have seen a later instant); no sweeper runs, so the stored state
stays `held` and the counters stay as they are.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.fix_sale import (
    Row,
    Sale,
    availability,
    get_reservation,
    one,
    reserve,
    violations,
)
from tests.procedures.instants import (
    HOLD,
    INSTANT,
    OPENS,
    call_for,
    hold_at,
    kinds,
    new_name,
    sale_between,
    stored_state,
    time_passes,
    units_of,
)

LATE = OPENS + HOLD
REQUEST = UUID(int=7)


def unswept(
    operator: Connection[Any], superuser: Connection[Any], *, seen: Any = LATE, user: str = "ann"
) -> tuple[Sale, int]:
    """A sale of ten with a hold of three that nobody has swept; what the pool has seen."""
    sale = sale_between(operator, superuser, units=10)
    held = hold_at(superuser, sale, OPENS, quantity=3, user=user, request_id=REQUEST)
    time_passes(superuser, sale, seen)
    return sale, held


def find(connection: Connection[Any], sale: Sale) -> Row:
    """seckill.find_reservation."""
    return one(
        connection,
        """
        select * from seckill.find_reservation(
                 p_activity_id => %(activity_id)s, p_user_id => 'ann',
                 p_request_id => %(request_id)s)""",
        activity_id=sale.activity_id,
        request_id=REQUEST,
    )


def only_listed(connection: Connection[Any], sale: Sale) -> Row:
    """The one row of seckill.list_reservations."""
    return one(
        connection,
        """
        select * from seckill.list_reservations(
                 p_user_id => 'ann', p_activity_id => %(activity_id)s)""",
        activity_id=sale.activity_id,
    )


@pytest.mark.parametrize(
    ("seen", "status"), [(LATE - INSTANT, "held"), (LATE, "expired"), (LATE + HOLD, "expired")]
)
def test_every_read_of_the_reservation_agrees(operator, superuser, buyer, seen, status):
    sale, held = unswept(operator, superuser, seen=seen)
    for row in (get_reservation(buyer, held), find(buyer, sale), only_listed(buyer, sale)):
        assert row.status == status
        assert row.resolved_at == (LATE if status == "expired" else None)
        assert row.expires_at == LATE
    assert stored_state(superuser, held) == "held"


@pytest.mark.parametrize(("seen", "available", "held"), [(LATE - INSTANT, 7, 3), (LATE, 10, 0)])
def test_availability_counts_the_units_as_available(
    operator, superuser, buyer, seen, available, held
):
    sale, _ = unswept(operator, superuser, seen=seen)
    now = availability(buyer, sale)
    assert (now.total, now.available, now.held, now.sold) == (10, available, held, 0)


def test_a_sold_out_pool_is_on_sale_again(operator, superuser, buyer):
    sale = sale_between(operator, superuser, units=1)
    hold_at(superuser, sale, OPENS)
    time_passes(superuser, sale, LATE - INSTANT)
    assert availability(buyer, sale).status == "sold_out"
    time_passes(superuser, sale, LATE)
    assert availability(buyer, sale).status == "on_sale"


def test_the_views_agree(operator, superuser, reader):
    sale, _ = unswept(operator, superuser)
    for view in ("pool", "sale_status"):
        row = one(
            reader,
            f"select * from seckill.{view} where activity_id = %(activity_id)s",
            activity_id=sale.activity_id,
        )
        assert (row.total, row.available, row.held, row.sold) == (10, 10, 0, 0), view


def test_a_replay_says_expired(operator, superuser, buyer):
    sale, held = unswept(operator, superuser)
    answer = reserve(buyer, sale, quantity=3, request_id=REQUEST)
    assert (answer.reservation_id, answer.state) == (held, "expired")


def test_reads_write_nothing(operator, superuser, buyer):
    sale, held = unswept(operator, superuser)
    get_reservation(buyer, held)
    availability(buyer, sale)
    assert kinds(operator, sale) == ["allocate", "hold"]
    assert violations(operator, sale) == []


def test_the_use_of_a_limit_is_given_back(operator, superuser, buyer):
    sale = sale_between(operator, superuser, limit=1, orders=1)
    held = hold_at(superuser, sale, OPENS)
    time_passes(superuser, sale, LATE - INSTANT)
    assert reserve(buyer, sale).status == "limit_exceeded"
    time_passes(superuser, sale, LATE)
    assert reserve(buyer, sale).status == "held"
    assert get_reservation(buyer, held).status == "expired"
    assert violations(operator, sale) == []


def test_the_sold_out_refusal_counts_them(operator, superuser, buyer):
    sale, _ = unswept(operator, superuser)
    answer = reserve(buyer, sale, user="bob", quantity=11)
    assert (answer.status, answer.remaining, answer.retry) == ("sold_out", 10, "final")


def test_in_a_closed_sale_they_are_on_their_way_to_the_inventory(operator, superuser, buyer):
    sale, _ = unswept(operator, superuser)
    call_for(operator, "close_activity", sale)
    now = availability(buyer, sale)
    assert (now.status, now.available, now.held) == ("ended", 0, 0)
    assert violations(operator, sale) == []


def test_a_sale_closed_over_a_due_hold_gives_all_back_in_the_end(db):
    with (
        db.connect("operator") as operator,
        db.connect("superuser") as superuser,
    ):
        sale = sale_between(operator, superuser, units=10, sku=new_name())
        hold_at(superuser, sale, OPENS, quantity=3)
        call_for(operator, "close_activity", sale)
        assert units_of(operator, sale.sku) == 7
        one(
            superuser,
            """
            select seckill_private.expire_due_at(
                     p_now => %(at)s, p_limit => 10, p_actor => null)""",
            at=LATE,
        )
        assert units_of(operator, sale.sku) == 10
        assert violations(operator, sale) == []
