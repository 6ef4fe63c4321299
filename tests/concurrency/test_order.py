"""Opposite orders never deadlock: stepped where the order is known, random where it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_order as checks
from tests.concurrency import checks_stock_order as stock
from tests.concurrency.load import random_load
from tests.fix_database import Database


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize(
    "check",
    [
        checks.close_against_sweep,
        checks.closes_with_shared_skus,
        checks.sweep_of_closed_sales,
        checks.payment_never_waits_for_a_hold,
        checks.late_payment_of_a_pool_in_debt,
        checks.batch_of_pools_in_debt,
        stock.slots_made_while_an_order_waits,
        stock.revoke_beside_a_pool_in_debt,
        stock.move_beside_a_pool_in_debt,
        stock.close_of_a_pool_in_debt,
        stock.order_of_pools_in_debt,
        stock.purchase_that_settles_twice,
    ],
)
def test_stepped(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.targets("18-pooled", "15-direct")
def test_random_load(db: Database) -> None:
    """Through PgBouncer the 16 sessions share 8 server connections of each role."""
    seen = random_load(db, **({"pool_size": 8} if db.pooled else {}))
    assert {action for action, _ in seen} >= {"buy", "pay", "give_back", "sweep", "allocate"}
    assert seen["buy", "held"], seen
    assert seen["pay", "confirmed"], seen
