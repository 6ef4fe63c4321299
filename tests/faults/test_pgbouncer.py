"""PgBouncer is killed and restarted, paused and resumed, in the middle of a sale."""

from __future__ import annotations

import time

import psycopg
import pytest

from seckill.runtime import DATABASE
from tests.faults.buyers import TASKS
from tests.faults.fix_round import Round, each_way

pytestmark = pytest.mark.timeout(240)


def console(fault: Round, command: str) -> None:
    with psycopg.connect(
        fault.runtime.pooler.admin_dsn,
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=psycopg.ClientCursor,
    ) as connection:
        connection.execute(command.encode())


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
    assert (verdict.unknown, verdict.failed) == (0, 0)
