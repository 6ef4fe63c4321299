"""Processes of buyers are killed (SIGKILL): in the middle of their calls, and while they wait."""

from __future__ import annotations

import psycopg
import pytest

from tests.faults.buyers import PLENTY, SCARCE
from tests.faults.fix_round import LOCK_SLOTS, Round, each_way
from tests.fix_database import wait_until

pytestmark = pytest.mark.timeout(240)

_WAITING = """
select count(*) from pg_stat_activity
 where usename = 'seckill_buyer' and wait_event_type = 'Lock'
"""


@each_way("kill -9 of clients", "reserve", "batch", quick=("batch",))
def test_killed_in_the_middle(fault: Round, way: str) -> None:
    for _ in range(2):
        with fault.buyers(way) as crowd:
            crowd.wait_for_more()
            crowd.kill()
            fault.faults += 1
    assert fault.repeat_unknown() > 0, "no call was cut off: the round shows nothing"
    verdict = fault.judge()
    assert verdict.settled["answered"] == verdict.unknown


@pytest.mark.fault("kill -9 of clients that wait for a lock", quick=True)
def test_killed_while_blocked(fault: Round) -> None:
    """Their calls must end with them, or be whole: what was asked for again is there once."""
    with psycopg.connect(fault.runtime.superuser_dsn) as holder:
        with fault.buyers() as crowd:
            crowd.wait_for_more()
            holder.execute(LOCK_SLOTS, [fault.activity_id, [SCARCE, PLENTY]])
            with psycopg.connect(fault.runtime.superuser_dsn, autocommit=True) as watcher:

                def blocked() -> int:
                    row = watcher.execute(_WAITING).fetchone()
                    return 0 if row is None else int(row[0])

                wait_until(lambda: blocked() >= 4, "buyers who wait for a lock")
                crowd.kill()
                fault.faults += 1
                # The server notices within client_connection_check_interval.
                wait_until(lambda: blocked() == 0, "the end of their calls", 10)
            holder.rollback()
    assert fault.repeat_unknown() >= 4
    fault.judge()
