"""Expiry is safe whoever does it, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_sweep as checks
from tests.fix_database import Database
from tests.fix_postgres import DIRECT_IN_CI

pytestmark = pytest.mark.targets(*DIRECT_IN_CI)

CHECKS = [
    checks.purchase_before_sweeper_posts,
    checks.hold_lasts_from_when_it_was_had,
    checks.purchase_takes_ended_holds,
    checks.purchases_share_ended_holds,
    checks.two_sweepers,
    checks.killed_sweeper,
    checks.killed_waiting_sweeper,
    checks.sweep_beside_purchase,
    checks.hung_purchase_delays_no_other_sale,
    checks.late_confirm_beside_sweeper,
    checks.debt_of_many_ended_holds,
    checks.batch_of_what_ended_elsewhere_too,
    checks.batch_of_one_pool_and_what_ended,
]


@pytest.mark.parametrize("check", CHECKS)
def test_sweeping(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.parametrize("undone", [False, True])
def test_purchase_beside_sweeper(db: Database, undone: bool) -> None:
    checks.purchase_beside_sweeper(db, undone=undone)
