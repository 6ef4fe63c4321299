"""Purchases that go together, for tasks and for threads: the checks, each on a real server."""

from __future__ import annotations

import pytest

from tests.client import checks_coalesce, checks_coalesce_async, checks_tasks, checks_threads
from tests.client.fix_coalesce import Arena
from tests.fix_database import Database

TASKS = checks_coalesce_async.CHECKS | checks_tasks.CHECKS
THREADS = checks_coalesce.CHECKS | checks_threads.CHECKS


@pytest.mark.parametrize("name", TASKS)
async def test_tasks(name: str, db: Database) -> None:
    await TASKS[name](Arena.of(db))


@pytest.mark.parametrize("name", THREADS)
def test_threads(name: str, db: Database) -> None:
    THREADS[name](Arena.of(db))
