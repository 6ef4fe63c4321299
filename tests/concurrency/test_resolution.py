"""One hold, two calls: whoever is served first decides, and the other is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_resolution as checks
from tests.fix_database import Database
from tests.fix_postgres import DIRECT_IN_CI

IN_ORDER = [
    checks.confirm_then_cancel,
    checks.cancel_then_confirm,
    checks.cancel_twice,
    checks.confirm_twice,
    checks.two_payments,
    checks.confirm_then_sweep,
    checks.confirm_waits_past_the_end,
    checks.cancel_waits_past_the_end,
    checks.late_confirm_then_reserve,
    checks.reserve_then_late_confirm,
    checks.late_confirm_against_own_limit,
    checks.late_confirm_while_own_hold_ends,
]


@pytest.mark.targets(*DIRECT_IN_CI)
@pytest.mark.parametrize("check", IN_ORDER)
def test_in_order(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize("undone", [False, True])
def test_sweep_then_confirm(db: Database, undone: bool) -> None:
    checks.sweep_then_confirm(db, undone=undone)


@pytest.mark.targets("18-direct", "15-direct")
@pytest.mark.parametrize("check", [checks.many_resolutions, checks.late_confirms])
def test_all_at_once(db: Database, check: Callable[[Database], None]) -> None:
    check(db)
