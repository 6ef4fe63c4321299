"""PostgreSQL is killed (kill -9), or told to stop at once, in the middle of a sale.

Buyers repeat what they got no answer to, with the same request id. Afterwards every answer that
any of them was given must stand in the books, and nothing there may be without a call.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
import pytest

from seckill import resources
from seckill.runtime import Runtime
from tests.faults.fix_round import WAYS, Round, each_way

# PgBouncer tries again every second.
_BACK_S = 3.0

pytestmark = pytest.mark.timeout(240)


def leave_sessions_careless(runtime: Runtime, careless: bool) -> None:
    """What a pooled session may have been left with by another program."""
    setting = "off" if careless else "on"
    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
        superuser.execute(f"alter role seckill_buyer set synchronous_commit = {setting}".encode())
        # PgBouncer keeps its sessions, which have it as it was when they began.
        superuser.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
            " where usename = 'seckill_buyer'"
        )


@each_way("kill -9 of PostgreSQL", *WAYS, quick=WAYS)
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


@pytest.mark.fault("immediate shutdown of PostgreSQL")
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


@each_way("control: answers before the disk has them", "reserve", "batch", quick=("reserve",))
def test_the_judge_finds_answers_that_came_too_soon(fault: Round, way: str) -> None:
    """With commits that do not wait for the disk, the same kill loses answers."""
    leave_sessions_careless(fault.runtime, True)
    with commits_that_do_not_wait(fault.runtime):
        with fault.buyers(way) as crowd:
            crowd.wait_for_more(100)
            fault.runtime.postgres.kill()
            fault.faults += 1
            fault.runtime.postgres.start()
    fault.judge(loses=True)


@contextmanager
def commits_that_do_not_wait(runtime: Runtime) -> Generator[None]:
    """The function that makes answers durable does nothing, and nothing is written meanwhile."""
    living = resources.procedures() / "internal" / "transactions" / "commit_durably.sql"
    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
        superuser.execute("alter system set wal_writer_delay = '10s'")
        superuser.execute("select pg_reload_conf()")
        superuser.execute(
            "create or replace function seckill_private.commit_durably () returns text"
            " language plpgsql as 'begin return null; end'"
        )
    try:
        yield
    finally:
        with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
            superuser.execute("alter system reset wal_writer_delay")
            superuser.execute("select pg_reload_conf()")
            superuser.execute(living.read_bytes())
