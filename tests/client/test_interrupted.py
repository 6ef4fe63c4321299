"""A caller that stops waiting: the connection is given up, nothing leaks, no cancel is sent.

Not generated: a task is cancelled and a thread gets Ctrl-C.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from _thread import interrupt_main
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from seckill import AsyncClient, Client
from tests.client.fix_client import blocked_pids, held_by, pool_locked, until, until_async
from tests.fix_database import Database
from tests.fix_sale import Sale, open_sale


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    return open_sale(operator, units=5)


@pytest.fixture(autouse=True)
def _no_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise AssertionError("a cancel request was sent")

    for kind in (psycopg.Connection, psycopg.AsyncConnection):
        monkeypatch.setattr(kind, "cancel", fail)
        monkeypatch.setattr(kind, "cancel_safe", fail)


async def test_a_cancelled_task_gives_its_connection_up(
    db: Database, sale: Sale, superuser: Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    request_id = uuid4()
    async with AsyncClient(db.dsn("buyer"), max_size=1) as client:

        async def buy() -> Any:
            return await client.reserve(
                activity_id=sale.activity_id,
                user_id="ann",
                sku=sale.sku,
                quantity=1,
                request_id=request_id,
            )

        with pool_locked(db.admin_dsn, sale), caplog.at_level(logging.INFO, "psycopg"):
            task = asyncio.create_task(buy())
            await until_async(lambda: bool(blocked_pids(superuser)))
            started = asyncio.get_running_loop().time()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # psycopg's own handling would have waited five seconds for its cancel to work.
            assert asyncio.get_running_loop().time() - started < 0.5
            await until_async(lambda: not blocked_pids(superuser))
        assert (await buy()).ok
    assert caplog.records == []
    assert held_by(superuser, sale, "ann") == 1


async def test_cancelled_tasks_leak_no_connection(db: Database, sale: Sale) -> None:
    """Cancelled at every stage: waiting for a connection, connecting, waiting for the answer."""
    async with AsyncClient(db.dsn("buyer", pool_size=2), max_size=2, min_size=0) as client:
        for delay_ms in range(40):
            tasks = [asyncio.create_task(client.schema_version()) for _ in range(4)]
            await asyncio.sleep(delay_ms / 4_000)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        pool: Any = client._pool
        assert pool._permits._value == 2
        assert len(pool._idle) <= 2
        versions = await asyncio.gather(*(client.schema_version() for _ in range(10)))
        assert len(set(versions)) == 1


async def test_a_deadline_of_the_caller(db: Database, sale: Sale) -> None:
    async with AsyncClient(db.dsn("buyer")) as client:
        with pool_locked(db.admin_dsn, sale), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await client.reserve(
                    activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1
                )
        assert await client.schema_version()


def test_control_c_gives_the_connection_up(
    db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    with Client(db.dsn("buyer"), max_size=1) as client:
        with pool_locked(db.admin_dsn, sale):

            def press() -> None:
                until(lambda: bool(blocked_pids(superuser)))
                interrupt_main()

            finger = threading.Thread(target=press)
            finger.start()
            with pytest.raises(KeyboardInterrupt):
                client.reserve(
                    activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1
                )
            finger.join()
            until(lambda: not blocked_pids(superuser))
        assert client.schema_version()
    assert held_by(superuser, sale, "ann") == 0
