"""Pools in several slots."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_slots as checks
from tests.concurrency.load import random_load
from tests.fix_database import Database

CHECKS = [
    checks.last_units,
    checks.orders_of_three,
    checks.one_after_another,
    checks.fewer_than_asked_for,
    checks.other_slots_are_free,
]


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize("check", CHECKS)
def test_slots(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.targets("18-direct")
def test_a_random_crowd(db: Database) -> None:
    """Books without a fault, and no deadlock (an error that load.py does not allow)."""
    seen = random_load(db, calls=60, slots=4)
    assert seen["buy", "held"]
