"""The few things that differ between the async and the sync client, side by side.

Everything else is written once, async, and generated (`ops/dev/generate_sync.py`).

Time limits work alike in both. A connection of ours carries a deadline, and `wait`, through
which psycopg does all its waiting, looks at it each time that the socket was silent for a
while. At the deadline, and when the caller is interrupted (a cancelled task, Ctrl-C), the
connection is closed and not used again. psycopg itself would send a cancel request there:
PgBouncer 1.18 can crash over one, and the outcome would be open all the same. Closing is what
the server notices by its `client_connection_check_interval`.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from math import ceil
from threading import Lock as Lock  # the sync twin of AsyncLock
from threading import Semaphore as Semaphore  # the sync twin of asyncio.Semaphore
from time import monotonic
from time import sleep as sleep
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import psycopg
from psycopg import waiting
from psycopg.abc import PQGen
from psycopg.pq import TransactionStatus

if TYPE_CHECKING:
    from sqlalchemy import Connection as AlchemyConnection
    from sqlalchemy.ext.asyncio import AsyncConnection as AsyncAlchemyConnection
    from sqlalchemy.ext.asyncio import AsyncSession
    from sqlalchemy.orm import Session

    AsyncJoin: TypeAlias = psycopg.AsyncConnection[Any] | AsyncAlchemyConnection | AsyncSession
    Join: TypeAlias = psycopg.Connection[Any] | AlchemyConnection | Session

RV = TypeVar("RV")

_CHECK_INTERVAL_S = 0.1
"""How often a silent socket is left to look at the deadline; psycopg's own interval too."""

_SHORTEST_WAIT_S = 0.001


class DeadlinePassed(psycopg.OperationalError):
    """No answer in time. Has no SQLSTATE: nobody but us said so."""


class AsyncLink(psycopg.AsyncConnection[Any]):
    """A connection of the pool: bounded in time, and it never sends a cancel request."""

    deadline: float | None = None
    expires_at: float = 0.0

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = _CHECK_INTERVAL_S,
        timeout: float | None = None,  # noqa: ASYNC109 (the signature is psycopg's)
    ) -> RV:
        bounded, interval = _bound(gen, self.deadline, interval, timeout)
        try:
            return await waiting.wait_async(bounded, self.pgconn.socket, interval=interval)
        except BaseException:
            _drop_if_busy(self)
            raise


class Link(psycopg.Connection[Any]):
    """A connection of the pool: bounded in time, and it never sends a cancel request."""

    deadline: float | None = None
    expires_at: float = 0.0

    def wait(
        self,
        gen: PQGen[RV],
        interval: float = _CHECK_INTERVAL_S,
        timeout: float | None = None,
    ) -> RV:
        bounded, interval = _bound(gen, self.deadline, interval, timeout)
        try:
            return waiting.wait(bounded, self.pgconn.socket, interval=interval)
        except BaseException:
            _drop_if_busy(self)
            raise


def _bound(
    gen: PQGen[RV], deadline: float | None, interval: float, timeout: float | None
) -> tuple[PQGen[RV], float]:
    if timeout is not None:
        own = monotonic() + timeout
        deadline = own if deadline is None else min(own, deadline)
    if deadline is None:
        return gen, interval
    left = deadline - monotonic()
    return _until(gen, deadline), max(_SHORTEST_WAIT_S, min(interval, left))


def _until(gen: PQGen[RV], deadline: float) -> PQGen[RV]:
    """The same generator, ended by `DeadlinePassed` when it waits in vain beyond the deadline."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            # An answer that has arrived is taken, however late.
            if not ready and monotonic() >= deadline:
                raise DeadlinePassed("no answer in time")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value


def _drop_if_busy(link: AsyncLink | Link) -> None:
    if link.pgconn.transaction_status == TransactionStatus.ACTIVE:
        link.pgconn.finish()


def is_usable(link: AsyncLink | Link) -> bool:
    """Whether a connection that lay idle is still connected; costs no round trip.

    Nothing is ever sent to an idle client but the end of the connection, so it is enough to
    read what has arrived. A peer that vanished without a word is found by the call's deadline.
    """
    pgconn = link.pgconn
    try:
        # The first look may read a last message, the second then finds the end behind it.
        pgconn.consume_input()
        pgconn.is_busy()
        pgconn.consume_input()
    except psycopg.OperationalError:
        pgconn.finish()
        return False
    return is_idle(link)


def is_idle(link: AsyncLink | Link) -> bool:
    """Whether the last call has ended and left the connection as it was, by what is known here."""
    return link.pgconn.transaction_status == TransactionStatus.IDLE


def connect_timeout(left_s: float) -> int:
    """Whole seconds that a new connection may take; libpq knows none below 2."""
    return max(2, ceil(left_s))


async def sleep_async(seconds: float) -> None:
    await asyncio.sleep(seconds)


AsyncSemaphore = asyncio.Semaphore


class AsyncLock:
    """As `asyncio.Lock`, which serves one event loop only; this one takes up with the next."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> None:
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            self._loop, self._lock = loop, asyncio.Lock()
        await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


async def acquire_async(semaphore: AsyncSemaphore, timeout_s: float) -> bool:
    """Take one permit, first come first served; False where the time ran out."""
    if not semaphore.locked():
        return await semaphore.acquire()
    with suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            return await semaphore.acquire()
    return False


def acquire(semaphore: Semaphore, timeout_s: float) -> bool:
    """Take one permit; False where the time ran out."""
    return semaphore.acquire(timeout=max(0.0, timeout_s))


async def joined_async(connection: AsyncJoin) -> psycopg.AsyncConnection[Any]:
    """The psycopg connection behind what a caller passed as `connection=`.

    A SQLAlchemy connection is told that its transaction begins. It does not see what is done
    on the driver's connection, and its `commit()` would do nothing otherwise.
    """
    found: Any = connection
    if isinstance(found, psycopg.AsyncConnection):
        return found  # pyright: ignore[reportUnknownVariableType]
    try:
        if not hasattr(found, "get_raw_connection"):  # a session
            found = await found.connection()
        if not found.in_transaction():
            await found.begin()
        found = (await found.get_raw_connection()).driver_connection
    except (AttributeError, TypeError):
        raise _not_ours(found, "AsyncConnection") from None
    if not isinstance(found, psycopg.AsyncConnection):
        raise _not_ours(found, "AsyncConnection")
    return found  # pyright: ignore[reportUnknownVariableType]


def joined(connection: Join) -> psycopg.Connection[Any]:
    """The psycopg connection behind what a caller passed as `connection=`."""
    found: Any = connection
    if isinstance(found, psycopg.Connection):
        return found  # pyright: ignore[reportUnknownVariableType]
    try:
        if callable(found.connection):  # a session
            found = found.connection()
        if not found.in_transaction():
            found.begin()
        found = found.connection.driver_connection
    except (AttributeError, TypeError):
        raise _not_ours(found, "Connection") from None
    if not isinstance(found, psycopg.Connection):
        raise _not_ours(found, "Connection")
    return found  # pyright: ignore[reportUnknownVariableType]


def _not_ours(found: Any, wanted: str) -> TypeError:
    kind = f"{type(found).__module__}.{type(found).__name__}"
    return TypeError(
        f"connection= must be a psycopg.{wanted}, or SQLAlchemy's over psycopg, not {kind}"
    )
