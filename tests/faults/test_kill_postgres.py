"""kill -9 of PostgreSQL in the middle of the demo's crowd, restart, and an honest count.

The buyers repeat what they got no answer to, with the same request id. Afterwards every answer
that any of them was given must stand in the ledger, and nothing may be sold twice.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

import psycopg
import pytest

from seckill.client import Client
from seckill.demo import audit
from seckill.demo.run import Options, open_sale, orders
from seckill.demo.shop import SKU
from seckill.demo.workers import Result, Workers
from seckill.errors import SeckillError
from seckill.retry import NO_RETRY
from seckill.runtime import Runtime

OPTIONS = Options(buyers=1_500, units=300, processes=2, seed=7, hold_seconds=3)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def until(workers: Workers, condition: Callable[[], bool], what: str, seconds: float = 90) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, f"{what}: not in {seconds} s; {workers.progress}"
        workers.listen(0.05)


def first_answer_s(runtime: Runtime, activity_id: int) -> float:
    """Seconds until a new buyer gets an answer through PgBouncer."""
    began = monotonic()
    while True:
        try:
            with Client(runtime.dsn, retry=NO_RETRY) as client:
                client.availability(activity_id=activity_id, sku=SKU)
            return monotonic() - began
        except SeckillError:
            assert monotonic() - began < 60
            sleep(0.02)


def crowd_with_kills(runtime: Runtime, activity_id: int, held_at_kill: list[int]) -> Result:
    """The demo's crowd; PostgreSQL is killed each time so many holds were acknowledged."""
    with Workers(orders(runtime.dsn, activity_id, OPTIONS)) as workers:
        workers.go()
        down_ms = 0.0
        for held in held_at_kill:
            until(
                workers, lambda held=held: workers.progress.answers["reserve held"] >= held, "holds"
            )
            assert not workers.done
            killed_at = monotonic()
            runtime.postgres.kill()
            runtime.postgres.start()
            assert first_answer_s(runtime, activity_id) < 5
            down_ms = (monotonic() - killed_at) * 1000
        until(workers, lambda: workers.done, "the end")
        result = workers.result()
    # Some call was on its way when the server died, and got its answer from the next one.
    assert max(result.latencies["reserve"].call) > down_ms / 2
    return result


@pytest.mark.parametrize("synchronous_commit", ["on", "off"])
def test_nothing_acknowledged_is_lost_and_nothing_is_sold_twice(synchronous_commit: str) -> None:
    with Runtime() as runtime:
        activity_id = open_sale(runtime.ops_dsn, OPTIONS)
        with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
            # What a pooled session may have been left with by another program.
            superuser.execute(
                f"alter role seckill_buyer set synchronous_commit = {synchronous_commit}".encode()
            )
        result = crowd_with_kills(runtime, activity_id, [80, 240])
        checks = audit.count(
            runtime.superuser_dsn,
            activity_id,
            units=OPTIONS.units,
            sold=OPTIONS.expected,
            limit=1,
            acknowledged=result.acknowledged,
        )
        assert [check for check in checks if not check.ok] == []
        assert result.broken == []
        assert OPTIONS.expected == OPTIONS.units

        # And the count sees it when one is lost.
        told = result.acknowledged[0]
        with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
            assert audit.lost(superuser, activity_id, result.acknowledged) == []
            superuser.execute(
                "delete from seckill_private.reservation where reservation_id = %s",
                [told.reservation_id],
            )
            lost = audit.lost(superuser, activity_id, result.acknowledged)
        assert lost == [f"reservation {told.reservation_id}: not there, was {told.status}"]


def test_the_same_kill_finds_functions_that_answer_too_soon() -> None:
    """A control: with commits that do not wait for the disk, the crowd above loses answers."""
    with Runtime(settings={"wal_writer_delay": "10s"}) as runtime:
        activity_id = open_sale(runtime.ops_dsn, OPTIONS)
        with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
            superuser.execute("alter role seckill_buyer set synchronous_commit = off")
            superuser.execute(
                "create or replace function seckill_private.commit_durably () returns void"
                " language plpgsql as 'begin end'"
            )
        result = crowd_with_kills(runtime, activity_id, [80])
        with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
            assert audit.lost(superuser, activity_id, result.acknowledged)
