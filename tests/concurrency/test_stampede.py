"""The races of a sale's first second, directly and through PgBouncer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.concurrency import checks_queue
from tests.concurrency import checks_stampede as checks
from tests.fix_database import Database
from tests.fix_postgres import DIRECT_IN_CI

EVERYWHERE = pytest.mark.targets("18-direct", "18-pooled", "15-direct")
BUYERS = [checks.last_unit, checks.one_per_user, checks.same_request, checks.last_unit_retried]
OTHERS = [
    checks.stock_for_all,
    checks.same_delivery,
    checks.same_allocation,
    checks.same_activity,
    checks.new_activities,
]


@EVERYWHERE
@pytest.mark.parametrize("check", BUYERS)
def test_buyers(db: Database, check: Callable[..., None]) -> None:
    """40 sessions; behind the pooler as many server connections, all of them waiting."""
    options: dict[str, Any] = {"direct": False, "pool_size": 40} if db.pooled else {}
    check(db, **options)


@pytest.mark.targets(*DIRECT_IN_CI)
@pytest.mark.parametrize(
    "check",
    [
        checks_queue.a_full_queue,
        checks_queue.a_batch_is_one_caller,
        checks_queue.other_pools_have_their_own,
    ],
)
def test_queues(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.targets(*DIRECT_IN_CI)
@pytest.mark.parametrize("check", OTHERS)
def test_others(db: Database, check: Callable[[Database], None]) -> None:
    check(db)
