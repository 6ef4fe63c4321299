"""set_queue_limit: who may wait for a pool. That the queue holds: tests/concurrency."""

from __future__ import annotations

import pytest

from tests.fix_sale import Sale, close_activity, one, open_sale, reserve
from tests.procedures.instants import BIGGEST_BIGINT, journal, refused
from tests.procedures.rules import set_queue_limit


def bound_of(operator, sale: Sale) -> int | None:
    """As the view shows it."""
    return one(
        operator,
        "select max_waiting from seckill.activity where activity_id = %(id)s",
        id=sale.activity_id,
    ).max_waiting


def test_a_bound_is_set_and_lifted(operator, superuser):
    sale = open_sale(operator)
    assert bound_of(operator, sale) is None
    for bound, replayed in ((7, False), (7, True), (0, False), (1000, False), (None, False)):
        answer = set_queue_limit(operator, sale, bound, "olga")
        assert (answer.status, answer.replayed, answer.activity_id) == (
            "set",
            replayed,
            sale.activity_id,
        )
        assert bound_of(operator, sale) == bound
    entries = [row for row in journal(superuser, sale) if row.call == "set_queue_limit"]
    assert [row.arguments["max_waiting"] for row in entries] == [7, 0, 1000, None]
    assert {row.actor for row in entries} == {"olga"}


@pytest.mark.parametrize("bound", [-1, 1001])
def test_a_bound_out_of_bounds(operator, bound):
    sale = open_sale(operator)
    with refused("SK001"):
        set_queue_limit(operator, sale, bound)
    assert bound_of(operator, sale) is None


def test_no_such_sale_or_a_closed_one(operator):
    sale = open_sale(operator)
    close_activity(operator, sale)
    with refused("SK006"):
        set_queue_limit(operator, sale, 3)
    with refused("SK002"):
        set_queue_limit(operator, Sale(BIGGEST_BIGINT, sale.sku, sale.region), 3)


def test_who_comes_alone_never_waits(operator, buyer):
    sale = open_sale(operator, units=3)
    set_queue_limit(operator, sale, 0)
    assert [reserve(buyer, sale, user=user).status for user in "abcd"] == [
        *["held"] * 3,
        "sold_out",
    ]
