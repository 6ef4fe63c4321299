"""Batches and early release, one database each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_batch as checks
from tests.fix_database import Database


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize(
    "check",
    [
        checks.duplicates_in_a_batch,
        checks.a_limit_set_beside_batches,
        checks.a_limit_set_beside_late_payments,
        checks.last_units_in_batches,
        checks.batches_in_opposite_orders,
        checks.purchases_beside_payments,
        checks.a_batch_beside_single_calls,
        checks.early_release_is_durable,
    ],
)
def test_batch(db: Database, check: Callable[[Database], None]) -> None:
    check(db)
