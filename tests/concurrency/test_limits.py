"""Races of buyers who share subjects, and of orders of several lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.concurrency import checks_limits as limits
from tests.concurrency import checks_lines as lines
from tests.concurrency import checks_shared as shared
from tests.concurrency.load_limits import shared_limits
from tests.fix_database import Database
from tests.fix_postgres import DIRECT_IN_CI


@pytest.mark.targets("18-direct", "18-pooled", "15-direct")
def test_one_per_phone(db: Database) -> None:
    """Behind the pooler as many server connections as sessions, all of them waiting."""
    options: dict[str, Any] = {"direct": False, "pool_size": 20} if db.pooled else {}
    shared.one_per_phone(db, 20, **options)


@pytest.mark.targets(*DIRECT_IN_CI)
@pytest.mark.parametrize(
    "check",
    [
        limits.newcomers_meet_every_rule,
        limits.newcomers_meet_a_required_list,
        shared.phones_apart_do_not_wait,
        shared.limit_beside_a_purchase,
        shared.cancel_frees_one,
        shared.expiry_frees_one,
        shared.late_payments_of_one_phone,
        shared.payment_as_a_shared_hold_ends,
        shared.late_payment_beside_a_cancel,
        lines.opposite_lines,
        lines.lines_against_close,
        lines.lines_that_take_ended_holds,
        lines.lines_against_sweep,
        lines.same_sku_twice,
        lines.last_pair,
    ],
)
def test_stepped(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.targets("18-pooled", "15-direct")
def test_a_crowd_that_shares_phones_and_addresses(db: Database) -> None:
    """32 sessions; through PgBouncer they share 8 server connections."""
    seen = shared_limits(db, **({"pool_size": 8} if db.pooled else {}))
    for answer in (
        ("buy", "held"),
        ("buy", "limit_exceeded"),
        ("pay", "confirmed"),
        ("pay", "late confirmed"),
        ("give_back", "cancelled"),
        ("sweep", "some"),
    ):
        assert seen[answer], seen
