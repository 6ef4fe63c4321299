"""PostgreSQL is killed (kill -9), or told to stop at once, in the middle of a sale.

Buyers repeat what they got no answer to, with the same request id. Afterwards every answer that
any of them was given must stand in the books, and nothing there may be without a call.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from seckill.runtime import Runtime
from tests.faults.fix_round import WAYS, Round, round_on

# PgBouncer tries again every second.
_BACK_S = 5.0

pytestmark = pytest.mark.timeout(240)


def leave_sessions_careless(runtime: Runtime, careless: bool) -> None:
    """What a pooled session may have been left with by another program."""
    setting = "off" if careless else "on"
    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
        superuser.execute(f"alter role seckill_buyer set synchronous_commit = {setting}".encode())


@pytest.mark.fault("kill -9 of PostgreSQL, {way}", quick=True)
@pytest.mark.parametrize("way", WAYS)
def test_killed(fault: Round, way: str) -> None:
    leave_sessions_careless(fault.runtime, fault.seed % 2 == 0)
    with fault.buyers(way) as crowd:
        for _ in range(2):
            crowd.wait_for_more()
            fault.runtime.postgres.kill()
            fault.faults += 1
            fault.runtime.postgres.start()
            assert fault.first_answer_s() < _BACK_S
        crowd.wait_for_more()
    verdict = fault.judge()
    assert verdict.unknown > 0, "no call was cut off: the round shows nothing"
    assert verdict.settled["answered"] == verdict.unknown


@pytest.mark.fault("immediate shutdown of PostgreSQL", quick=True)
def test_immediate_shutdown(fault: Round) -> None:
    with fault.buyers("batch") as crowd:
        for _ in range(2):
            crowd.wait_for_more()
            fault.runtime.postgres.stop("immediate")
            fault.faults += 1
            fault.runtime.postgres.start()
            assert fault.first_answer_s() < _BACK_S
        crowd.wait_for_more()
    fault.judge()


CONTROL = "control: answers before the disk has them, {way}"


@pytest.mark.parametrize(
    "way",
    [
        pytest.param("reserve", marks=pytest.mark.fault(CONTROL, quick=True)),
        pytest.param("batch", marks=pytest.mark.fault(CONTROL)),
    ],
)
def test_the_judge_finds_answers_that_came_too_soon(
    seed: int, way: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """With commits that do not wait for the disk, the same kill loses answers."""
    with Runtime(settings={"wal_writer_delay": "10s"}) as runtime:
        with round_on(runtime, seed, tmp_path, request) as control:
            leave_sessions_careless(runtime, True)
            with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
                superuser.execute(
                    "create or replace function seckill_private.commit_durably () returns void"
                    " language plpgsql as 'begin end'"
                )
            with control.buyers(way) as crowd:
                crowd.wait_for_more(100)
                runtime.postgres.kill()
                control.faults += 1
                runtime.postgres.start()
            control.judge(loses=True)
