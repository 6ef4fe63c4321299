"""An operator changes the sale while it sells."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_running as checks
from tests.fix_database import Database

pytestmark = pytest.mark.targets("18-direct")

CHECKS = [
    checks.close_beside_purchase,
    checks.late_confirm_beside_close,
    checks.allocate_beside_purchase,
    checks.allocate_beside_close,
    checks.close_twice,
    checks.last_stock_for_two_sales,
    checks.pause_beside_purchase,
    checks.limit_beside_purchase,
]


@pytest.mark.parametrize("check", CHECKS)
def test_running(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.parametrize("what", ["confirm", "cancel", "expire"])
def test_close_beside_resolution(db: Database, what: checks.Resolution) -> None:
    for close_first in (True, False):
        checks.close_beside_resolution(db, what, close_first=close_first)
