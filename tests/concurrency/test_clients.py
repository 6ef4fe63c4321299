"""Patience, death and old snapshots; what one session alone can get wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.concurrency import checks_clients, checks_durable, checks_single
from tests.fix_database import Database

ALONE = [
    checks_single.cancelled_twice_in_turn,
    checks_single.own_ended_hold_does_not_count,
    checks_single.ended_hold_is_paid_late,
    checks_single.closed_pool_keeps_nothing,
    checks_single.epoch_grows_with_stock,
    checks_single.digests_are_salted,
    checks_single.request_stands_for_itself,
    checks_single.time_does_not_run_back,
    checks_single.limit_of_orders_and_units,
    checks_single.stock_is_not_made_up,
]


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize("check", ALONE)
def test_alone(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.targets("18-direct", "15-direct")
@pytest.mark.parametrize(
    "check", [checks_durable.answers_are_durable, checks_durable.replays_are_durable]
)
def test_durable(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize(
    "check",
    [
        checks_clients.waiting_too_long,
        checks_clients.killed_backend,
        checks_single.older_snapshots_are_refused,
    ],
)
def test_clients(db: Database, check: Callable[[Database], None]) -> None:
    check(db)


@pytest.mark.targets("18-direct", "18-pooled", "15-direct")
def test_killed_client(db: Database) -> None:
    """The server looks every 200 ms whether the client is there; PgBouncer tells it at once."""
    checks_clients.killed_client(db)
