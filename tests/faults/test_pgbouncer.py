"""PgBouncer is killed and restarted, paused and resumed, reloaded, in the middle of a sale."""

from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from seckill.runtime import DATABASE
from tests.faults.buyers import TASKS
from tests.faults.fix_round import Round, each_way
from tests.fix_database import wait_until

pytestmark = pytest.mark.timeout(240)


def console(fault: Round, command: str) -> list[Any]:
    """Say a command on the console; the rows that it shows."""
    with psycopg.connect(
        fault.runtime.pooler.admin_dsn,
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=psycopg.ClientCursor,
    ) as connection:
        cursor = connection.execute(command.encode())
        return cursor.fetchall() if cursor.description else []


def pool_size_of(fault: Round) -> str:
    """The setting as the running PgBouncer has it."""
    (row,) = (row for row in console(fault, "show config") if row[0] == "default_pool_size")
    return str(row[1])


@each_way("kill -9 of PgBouncer", "reserve", "batch", quick=("batch",))
def test_killed(fault: Round, way: str) -> None:
    with fault.buyers(way) as crowd:
        for _ in range(3):
            crowd.wait_for_more()
            fault.runtime.pooler.kill()
            fault.faults += 1
            fault.runtime.pooler.start()
        crowd.wait_for_more()
    verdict = fault.judge()
    assert verdict.unknown > 0, "no call was cut off: the round shows nothing"


@pytest.mark.fault("PgBouncer paused and resumed", quick=True)
def test_paused(fault: Round) -> None:
    """PAUSE waits for what is under way; the others wait for RESUME and see no error."""
    with fault.buyers(timeout_ms=20_000) as crowd:
        for _ in range(2):
            crowd.wait_for_more()
            console(fault, f"pause {DATABASE}")
            fault.faults += 1
            before = crowd.answers()
            time.sleep(0.5)
            # What was answered before the pause may be written down after it, once for each buyer.
            assert crowd.answers() - before <= 2 * TASKS
            console(fault, f"resume {DATABASE}")
        crowd.wait_for_more()
    verdict = fault.judge()
    assert (verdict.unknown, fault.errors()) == (0, [])


@pytest.mark.fault("PgBouncer reloaded with other pool sizes")
def test_reloaded(fault: Round) -> None:
    """RELOAD with fewer and with more server connections: no call sees an error."""
    pooler = fault.runtime.pooler
    usual = pooler.settings["default_pool_size"]
    with fault.buyers(timeout_ms=20_000) as crowd:
        for pool_size in ("2", "16", usual):
            crowd.wait_for_more()
            pooler.settings["default_pool_size"] = pool_size
            pooler.reload()
            fault.faults += 1
            wait_until(lambda: pool_size_of(fault) == pool_size, "the reload")  # noqa: B023
        crowd.wait_for_more()
    verdict = fault.judge()
    assert (verdict.unknown, fault.errors()) == (0, [])
