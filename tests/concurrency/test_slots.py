"""Pools in several slots."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_pairs
from tests.concurrency import checks_slots as checks
from tests.concurrency.load import random_load
from tests.fix_database import Database
from tests.fix_postgres import DIRECT_IN_CI

CHECKS = [
    checks.last_units,
    checks.orders_of_three,
    checks.one_after_another,
    checks.fewer_than_asked_for,
    checks.other_slots_are_free,
    checks.batches_side_by_side,
    checks.in_hand_is_no_sold_out,
    checks.slots_made_while_a_buyer_waits,
    checks.slots_made_while_all_are_locked,
    checks.debt_paid_from_two_slots,
    checks.late_payment_from_other_slots,
    checks.late_payment_locks_in_order,
    checks.number_changes_while_selling,
]


@pytest.mark.targets(*DIRECT_IN_CI)
@pytest.mark.parametrize("check", CHECKS)
def test_slots(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize("first", checks_pairs.CALLS)
def test_pairs_on_slots(db: Database, first: str) -> None:
    """Every two calls of pairs.md; either may be served first here."""
    for second in checks_pairs.CALLS:
        checks_pairs.pair_on_slots(db, first, second)


@pytest.mark.targets("18-direct")
def test_a_random_crowd(db: Database) -> None:
    """Books without a fault, and no deadlock (an error that load.py does not allow)."""
    seen = random_load(db, calls=60, slots=4)
    assert seen["buy", "held"]
