"""What a total is made of: which units go first when it is lowered, and what calls say of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.fix_sale import Sale, add_units, availability, set_stock_total, violations
from tests.procedures.instants import (
    HOLD,
    OPENS,
    another_pool,
    hold_at,
    refused,
    sale_between,
    time_passes,
    units_of,
)
from tests.procedures.rules import allocate_stock, move_stock, receive_stock, schedule

LATER = OPENS + timedelta(minutes=30)


def test_releases_to_come_go_before_what_is_revoked(operator, superuser):
    """A hold of three is cancelled for the one unit that lacks: two can be bought again."""
    sale = sale_between(operator, superuser, units=5)
    hold_at(superuser, sale, OPENS, quantity=3)
    time_passes(superuser, sale, OPENS)
    schedule(operator, sale, [(LATER, 2)])
    answer = set_stock_total(operator, sale, 2, "revoke")
    assert (answer.quantity, answer.total) == (-3, 2)
    row = availability(superuser, sale)
    assert (row.total, row.available, row.held, row.sold) == (2, 2, 0, 0)
    assert violations(operator, sale) == []


def owing_pool(operator: Connection[Any], superuser: Connection[Any]) -> Sale:
    """Six units in holds that have ended, unswept; four of them are owed."""
    sale = sale_between(operator, superuser, units=6)
    hold_at(superuser, sale, OPENS, quantity=6)
    time_passes(superuser, sale, OPENS)
    assert set_stock_total(operator, sale, 2, "drain").total == 6
    time_passes(superuser, sale, OPENS + HOLD)
    return sale


@pytest.mark.parametrize("call", ["allocate_stock", "move_stock", "schedule_release"])
def test_a_total_is_the_one_that_reads_tell(operator, superuser, call):
    """Who goes on with the total that a call has told him is not refused."""
    sale = owing_pool(operator, superuser)
    if call == "allocate_stock":
        answer, total = add_units(operator, sale, 1), 3
    elif call == "move_stock":
        another_pool(operator, superuser, sale, sku=sale.sku, region="north")
        time_passes(superuser, sale, OPENS + HOLD)
        answer, total = move_stock(operator, sale, 1, source="north", target="*"), 3
    else:
        answer, total = schedule(operator, sale, []), 2
    assert (answer.total, availability(superuser, sale).total) == (total, total)
    assert set_stock_total(operator, sale, 1, expected=total).total == 1
    assert violations(operator, sale) == []


@pytest.mark.parametrize("there", [0, 1])
def test_a_debt_is_not_paid_with_units_that_are_not_there(operator, superuser, there):
    """What an allocation pays comes back to the inventory, but it has to be in it before."""
    sale = sale_between(operator, superuser, units=6)
    hold_at(superuser, sale, OPENS, quantity=6)
    time_passes(superuser, sale, OPENS)
    assert set_stock_total(operator, sale, 2, "drain").total == 6
    if there:
        receive_stock(operator, sale.sku, there)
    with refused("SK007") as refusal:
        allocate_stock(operator, sale, 2)
    assert refusal.detail == "the inventory has fewer than 2"
    receive_stock(operator, sale.sku, 1)
    assert allocate_stock(operator, sale, there + 1).total == 6
    assert units_of(operator, sale.sku) == there + 1
    time_passes(superuser, sale, OPENS + HOLD)
    assert availability(superuser, sale).total == there + 3
    assert violations(operator, sale) == []
