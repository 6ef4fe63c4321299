"""Refunds, cut totals, files of payments and the books of the past, alone and side by side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_life as checks
from tests.fix_database import Database

CHECKS = [
    checks.refunds_with_one_request,
    checks.refunds_at_once,
    checks.refund_no_more_than_bought,
    checks.written_off_units_leave_the_pool,
    checks.limits_come_back_where_asked,
    checks.total_beside_purchase,
    checks.revoke_the_newest,
    checks.debt_is_paid_as_units_come_back,
    checks.total_as_expected,
    checks.latest_release_is_cut_first,
    checks.batches_in_opposite_orders,
    checks.late_batches_in_opposite_orders,
    checks.batch_pays_once,
    checks.past_adds_up,
    checks.ended_holds_in_the_past,
    checks.limits_of_the_past,
]


@pytest.mark.targets("18-direct", "15-direct")
@pytest.mark.parametrize("check", CHECKS)
def test_check(db: Database, check: Callable[[Database], None]) -> None:
    check(db)
