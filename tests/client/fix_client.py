"""What the async tests and the sync ones generated from them do differently, side by side.

And the ways in which the tests make a call wait, so that something can happen to it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session

from tests.fix_sale import Sale

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

T = TypeVar("T")
PATIENCE_S = 20.0


def background_async(call: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
    """Start a call beside this one."""

    async def run() -> T:
        return await call()

    return asyncio.get_running_loop().create_task(run())


def background(call: Callable[[], T]) -> Future[T]:
    """Start a call beside this one."""
    executor = ThreadPoolExecutor(1)
    future = executor.submit(call)
    executor.shutdown(wait=False)
    return future


async def finish_async(running: asyncio.Task[T]) -> T:
    """What a call in the background returns or raises."""
    async with asyncio.timeout(PATIENCE_S):
        return await running


def finish(running: Future[T]) -> T:
    """What a call in the background returns or raises."""
    return running.result(PATIENCE_S)


async def until_async(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


async def after_async(seconds: float) -> None:
    """Let time pass that is part of the contract: the life of a flag."""
    await asyncio.sleep(seconds)


def after(seconds: float) -> None:
    """Let time pass that is part of the contract: the life of a flag."""
    time.sleep(seconds)


def make_engine_async(dsn: str) -> AsyncEngine:
    """SQLAlchemy over psycopg, through the pooler."""
    from sqlalchemy.ext.asyncio import create_async_engine  # needs greenlet, so only where used

    async def connect() -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(dsn, prepare_threshold=None)

    return create_async_engine("postgresql+psycopg://", async_creator=connect)


def make_engine(dsn: str) -> Engine:
    """SQLAlchemy over psycopg, through the pooler."""
    return create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn, prepare_threshold=None)
    )


def make_session_async(source: AsyncEngine) -> AsyncSession:
    """An ORM session."""
    from sqlalchemy.ext.asyncio import AsyncSession

    return AsyncSession(source)


def make_session(source: Engine) -> Session:
    """An ORM session."""
    return Session(source)


@contextmanager
def pool_locked(dsn: str, sale: Sale, user: str = "holder") -> Iterator[psycopg.Connection[Any]]:
    """Another buyer's open purchase: whoever buys from the pool waits until it is undone."""
    with psycopg.connect(dsn) as holder:
        row = holder.execute(
            "select status from seckill.reserve(p_activity_id => %s, p_user_id => %s,"
            " p_sku => %s, p_quantity => 1, p_request_id => gen_random_uuid())",
            [sale.activity_id, user, sale.sku],
        ).fetchone()
        assert row == ("held",)
        yield holder
        if not holder.closed:
            holder.rollback()


def blocked_pids(watcher: psycopg.Connection[Any]) -> list[int]:
    """Backends of this database that wait for a lock."""
    rows = watcher.execute(
        "select pid from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock'"
    ).fetchall()
    return [row[0] for row in rows]


def held_by(watcher: psycopg.Connection[Any], sale: Sale, user: str) -> int:
    """Reservations of a buyer in a sale, counted in the ledger."""
    row = watcher.execute(
        "select count(*) from seckill.list_reservations(p_user_id => %s, p_activity_id => %s)",
        [user, sale.activity_id],
    ).fetchone()
    assert row is not None
    return row[0]
