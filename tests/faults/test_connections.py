"""Another program uses up PostgreSQL's connections in the middle of a sale.

PgBouncer has lost its own (here they are ended) and gets no new one. Buyers must have a clean
refusal within PgBouncer's query_wait_timeout, and be served again once there is room.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from seckill.history import read_history
from seckill.runtime import Runtime
from tests.faults.fix_round import Round, round_on
from tests.fix_database import wait_until

_MOST = 20
_QUERY_WAIT_S = 2
_SLACK_S = 1.0  # for the machine
_BACK_S = 5.0

pytestmark = pytest.mark.timeout(240)


class Ended(NamedTuple):
    """A call that came back."""

    sent_at: float
    ended_at: float
    outcome: str
    error: str


@contextmanager
def all_connections(runtime: Runtime) -> Generator[None]:
    """Take all that a role without privileges can have, also what buyers had."""
    dsn = runtime.direct_dsn("seckill_reader")
    with (
        ExitStack() as taken,
        psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser,
    ):

        def no_buyer_left() -> bool:
            superuser.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where backend_type = 'client backend'"
                " and usename in ('seckill_buyer', 'seckill_operator', 'seckill_pooler')"
            )
            while (one := connected(dsn)) is not None:
                taken.enter_context(one)
            row = superuser.execute(
                "select count(*) from pg_stat_activity where usename = 'seckill_buyer'"
            ).fetchone()
            return row == (0,)

        wait_until(no_buyer_left, "the last connection")
        yield


def connected(dsn: str) -> psycopg.Connection | None:
    """A connection, or none where the server has no more to give."""
    try:
        return psycopg.connect(dsn, autocommit=True)
    except psycopg.OperationalError as error:
        if "too many clients" in str(error) or "reserved" in str(error):
            return None
        raise


@pytest.mark.fault("max_connections used up by another role")
def test_used_up(seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with (
        Runtime(
            settings={"max_connections": str(_MOST)},
            pooler_settings={"query_wait_timeout": str(_QUERY_WAIT_S)},
        ) as runtime,
        round_on(runtime, seed, tmp_path, request) as fault,
    ):
        outages: list[tuple[float, float]] = []
        with fault.buyers(timeout_ms=20_000) as crowd:
            for _ in range(2):
                crowd.wait_for_more()
                with all_connections(runtime):
                    fault.faults += 1
                    began = time.time()
                    wait_until(lambda: len(ended(fault, began)) >= 30, "refusals", 60)  # noqa: B023
                    outages.append((began, time.time()))
                assert fault.first_answer_s() < _BACK_S
            crowd.wait_for_more()
        fault.judge()
        for outage in outages:
            for one in ended(fault, *outage):
                assert one.outcome == "failed", one
                assert one.error.startswith("Unavailable: "), one
        waits = [one.ended_at - one.sent_at for one in ended(fault) if one.outcome == "failed"]
        assert max(waits) < _QUERY_WAIT_S + _SLACK_S


def ended(fault: Round, after: float = 0.0, before: float = float("inf")) -> list[Ended]:
    """The calls that were sent and came back in this time."""
    return [
        Ended(one.sent_at, one.ended_at, one.outcome, one.error)
        for one in read_history(fault.directory)
        if one.ended_at is not None and after < one.sent_at and one.ended_at < before
    ]
