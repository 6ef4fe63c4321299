"""The feed of the ledger beside its writers, and archiving beside late ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_archive
from tests.concurrency import checks_feed as checks
from tests.fix_database import Database
from tests.fix_postgres import DIRECT_IN_CI

pytestmark = pytest.mark.targets(*DIRECT_IN_CI)

CHECKS = [
    checks.slow_writer_is_waited_for,
    checks.pool_keeps_its_order,
    checks.one_transaction_over_pages,
    checks.feed_is_durable,
    checks.beside_writers,
    checks_archive.archive_beside_payment,
    checks_archive.list_beside_drop,
]


@pytest.mark.parametrize("check", CHECKS)
def test_feed(db: Database, check: Callable[[Database], None]) -> None:
    check(db)
