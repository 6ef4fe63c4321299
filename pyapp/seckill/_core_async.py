"""The pool and the attempts of the async client, without any function of the API.

The pool is our own, because a call must know why it got no connection, and at once.
psycopg_pool connects in the background: a caller sees only that the time ran out, and after
an outage the next attempt comes up to 8 seconds later (its pauses double from 1 second).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast
from uuid import UUID

import psycopg
from psycopg import AsyncCursor
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus

from seckill import _contract
from seckill._batching import fits
from seckill._calls import CONTRACT_VERSION, RESERVE, Call, bind
from seckill._coalesce import AsyncCoalescer
from seckill._compat import (
    AsyncLink,
    AsyncLock,
    AsyncSemaphore,
    DeadlinePassed,
    acquire_async,
    connect_timeout,
    is_idle,
    is_usable,
    joined_async,
    sleep_async,
)
from seckill._guard_async import guard_of
from seckill.errors import (
    InvalidArgument,
    OutcomeUnknown,
    SeckillError,
    Unavailable,
    gave_up_on_standby,
    translate,
)
from seckill.flag import AsyncSoldOutFlag, StockPool
from seckill.results import ReserveResult
from seckill.retry import RetryPolicy, Tries
from seckill.settings import Settings

if TYPE_CHECKING:
    from psycopg.errors import Diagnostic

    from seckill._compat import AsyncJoin

T = TypeVar("T")

_inherited: list[AsyncLink] = []
"""Links that came by a fork: the parent's, and not closed here, not even by being let go of."""


class AsyncContract:
    """Whether the database has a contract that this client knows.

    Looked at on the first connection, and again on the first one that is made after
    `lasts_s`: calls cost nothing for it.
    """

    def __init__(self, lasts_s: float) -> None:
        self._lasts_s = lasts_s
        self._until = -inf

    async def require(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Look, where that was not done of late."""
        if monotonic() >= self._until:
            await self.look(connection)

    async def look(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Raise IncompatibleSchema where the database has another contract."""
        self._until = -inf
        try:
            (found,) = await _fetch(connection, CONTRACT_VERSION, {})
        except SeckillError as error:
            raise _contract.explain(error) from error
        _contract.require_known(found)
        self._until = monotonic() + self._lasts_s


class AsyncPool:
    """Up to `max_size` connections; the one used last is used next."""

    def __init__(
        self,
        dsn: str,
        contract: AsyncContract,
        *,
        max_size: int,
        max_lifetime_s: float,
        prepare_threshold: int | None,
    ) -> None:
        self.contract = contract
        self._dsn = dsn
        self._max_lifetime_s = max_lifetime_s
        self._prepare_threshold = prepare_threshold
        self._permits = AsyncSemaphore(max_size)
        self._idle: deque[AsyncLink] = deque()
        self._closed = False
        self._process = os.getpid()

    @property
    def is_ours(self) -> bool:
        """Whether this process opened it, and has not got it by a fork."""
        return self._process == os.getpid()

    def require_ours(self) -> None:
        """Two processes on one socket would hear each other's answers: RuntimeError."""
        if not self.is_ours:
            raise RuntimeError("the client was opened before a fork: open it in each process")

    async def fill(self, size: int, deadline: float) -> None:
        """Have so many connections ready."""
        links: list[AsyncLink] = []
        try:
            for _ in range(size):
                links.append(await self.take(deadline))
        finally:
            for link in links:
                await self.give(link)

    async def take(self, deadline: float) -> AsyncLink:
        """A connection that answers to nobody else; `give` it back.

        Raises:
            Unavailable: none was free in time, or none could be made; the cause says why.
            IncompatibleSchema: this client does not know the schema behind it.
            RuntimeError: another process opened the pool.
        """
        self.require_ours()
        if not await acquire_async(self._permits, deadline - monotonic()):
            raise Unavailable("no free connection in time", hint="raise max_size, or call less")
        try:
            return await self._idle_link() or await self._connect(deadline)
        except BaseException:
            self._permits.release()
            raise

    async def give(self, link: AsyncLink) -> None:
        """Take a connection back; one in any state but idle is closed."""
        # Nothing here waits, so that a caller cancelled just now cannot lose the permit.
        link.deadline = None
        if self._closed or not is_idle(link):
            await link.close()
        else:
            self._idle.append(link)
        self._permits.release()

    async def close(self) -> None:
        """Close what is idle now, and what is in use when it comes back."""
        self._closed = True
        if not self.is_ours:
            _inherited.extend(self._idle)
            self._idle.clear()
        while self._idle:
            await self._idle.pop().close()

    async def _idle_link(self) -> AsyncLink | None:
        while True:
            try:
                link = self._idle.pop()
            except IndexError:
                return None
            if link.expires_at > monotonic() and is_usable(link):
                return link
            await link.close()

    async def _connect(self, deadline: float) -> AsyncLink:
        left_s = deadline - monotonic()
        if left_s <= 0:
            raise Unavailable("no time left to connect")
        try:
            link = await AsyncLink.connect(
                self._dsn,
                autocommit=True,
                prepare_threshold=self._prepare_threshold,
                connect_timeout=connect_timeout(left_s),
            )
        except psycopg.Error as error:
            raise Unavailable(
                f"cannot connect: {error}".rstrip(), sqlstate=error.sqlstate
            ) from error
        link.expires_at = monotonic() + self._max_lifetime_s
        link.deadline = deadline
        try:
            await self.contract.require(link)
        except BaseException:
            await link.close()
            raise
        return link


class AsyncCore:
    """Opens, closes, and runs calls: attempts, time limits, and what is known at the end."""

    def __init__(
        self,
        dsn: str | None = None,
        *,
        min_size: int = 1,
        max_size: int = 8,
        timeout_ms: int = 8_000,
        max_lifetime_s: float = 1_800.0,
        prepare_threshold: int | None = None,
        retry: RetryPolicy | None = None,
        flag: AsyncSoldOutFlag | str | None = None,
        coalesce: bool = True,
        in_flight: int = 2,
        max_batch: int = 500,
    ) -> None:
        """Set up; connects to nothing yet.

        Args:
            dsn: libpq connection string or URI, through PgBouncer; None: `SECKILL_DSN`.
            min_size: connections that `open` makes.
            max_size: connections at most. PgBouncer queues callers better than many
                connections do, so a few suffice.
            timeout_ms: for one attempt, the wait for a free connection included. More than the
                5 seconds that a function waits for a lock, so that the server's answer to that
                arrives. Does not bind a call that joins the caller's own connection. A new
                connection may take 2 seconds even if this is less.
            max_lifetime_s: age in seconds at which a connection is replaced.
            prepare_threshold: as psycopg's; leave it None unless the pooler is known to be
                PgBouncer 1.22 or newer with `max_prepared_statements` set.
            retry: when to try again; `NO_RETRY` for one attempt.
            flag: the sold-out flag: a store of `seckill.flag` (the caller closes it), or the URL
                of a Redis or Valkey; None: `SECKILL_REDIS_URL`, no flag where that is not set; an
                empty text: no flag.
            coalesce: send calls of `reserve` for one pool of stock together, by `reserve_batch`,
                where they come faster than they are answered. A call that finds fewer than
                `in_flight` ahead of it goes at once and by itself. False: always by itself.
            in_flight: calls of `reserve` for one pool of stock that are out at a time: one is
                worked on while the other travels.
            max_batch: purchases in one of them; `reserve_batch` takes 500.

        Raises:
            ValueError: no DSN, a malformed one, or sizes or times that make no sense.
            ImportError: a flag in Redis without redis-py.
        """
        if not 0 <= min_size <= max_size or max_size < 1 or timeout_ms < 1:
            raise ValueError("need 0 <= min_size <= max_size, max_size >= 1, timeout_ms >= 1")
        if in_flight < 1 or max_batch < 1:
            raise ValueError("need in_flight >= 1 and max_batch >= 1")
        settings = Settings.from_environment()
        self._dsn = _well_formed(settings.require_dsn(dsn))
        self._min_size = min_size
        self._max_size = max_size
        self._timeout_s = timeout_ms / 1000
        self._max_lifetime_s = max_lifetime_s
        self._prepare_threshold = prepare_threshold
        self._retry = retry or RetryPolicy()
        self._coalesce = coalesce
        self._in_flight = in_flight
        self._max_batch = max_batch
        self._contract = AsyncContract(max_lifetime_s)
        self._opening = AsyncLock()
        self._pid = os.getpid()
        self._pool: AsyncPool | None = None
        self._coalescer: AsyncCoalescer | None = None
        self._guard, self._own_flag = guard_of(flag, settings.redis_url)

    async def open(self) -> None:
        """Connect `min_size` times, without a retry, so that a wrong DSN shows at once.

        Does nothing if already open; may be called again after `close`, and has to be called again
        in a process that was forked off from the one that did.

        Raises:
            Unavailable: no connection; the message says why.
            IncompatibleSchema: this client does not know the schema of this database.
        """
        if self._pid != os.getpid():
            # Forked off while another thread was opening: nobody here will let go of that lock.
            self._pid, self._opening = os.getpid(), AsyncLock()
        async with self._opening:
            if self._pool is not None and not self._pool.is_ours:
                await self._pool.close()
                self._pool = None
            if self._pool is None:
                await self._open()

    async def _open(self) -> None:
        pool = AsyncPool(
            self._dsn,
            self._contract,
            max_size=self._max_size,
            max_lifetime_s=self._max_lifetime_s,
            prepare_threshold=self._prepare_threshold,
        )
        try:
            await pool.fill(self._min_size, monotonic() + self._timeout_s)
        except BaseException:
            await pool.close()
            raise
        self._coalescer = None
        if self._coalesce:
            self._coalescer = AsyncCoalescer(
                partial(_attempt_on, pool), in_flight=self._in_flight, max_batch=self._max_batch
            )
        self._pool = pool

    async def close(self) -> None:
        """Take no more calls, and close the connections: idle ones now, others as they come back.

        Does not wait for calls under way. They go on as if nothing had happened, retries included,
        so that what became of each is still told.
        """
        pool, self._pool = self._pool, None
        self._coalescer = None
        if pool is not None:
            await pool.close()
        if self._own_flag is not None:
            await self._own_flag.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _flagged(
        self,
        call: Call[ReserveResult],
        parameters: Mapping[str, object],
        connection: AsyncJoin | None,
        *,
        pools: Sequence[StockPool],
        first_try: bool,
    ) -> ReserveResult:
        """The answer to a purchase, the flag's where it is up and may be asked.

        The flag is looked at once, before the first attempt, and only where nobody can have had
        an answer to this request id: who was told `held` hears it again. What the caller's own
        transaction sees may be rolled back, so that raises no flag.
        """
        guard = self._guard if self._pool is not None else None  # closed with the client
        if guard is None or connection is not None:
            return await self._one(call, parameters, connection)
        refusal = await guard.refusal(pools) if first_try else None
        if refusal is not None:
            return refusal
        asked_at = monotonic()
        answer = await self._one(call, parameters, connection)
        if self._pool is not None:
            await guard.learn(pools, answer, asked_at)
        return answer

    async def _one(
        self,
        call: Call[T],
        parameters: Mapping[str, object],
        connection: AsyncJoin | None,
    ) -> T:
        """The answer of a function that gives exactly one row."""
        rows = await self._rows(call, parameters, connection)
        return rows[0]

    async def _rows(
        self,
        call: Call[T],
        parameters: Mapping[str, object],
        connection: AsyncJoin | None,
    ) -> list[T]:
        """All rows of a call, in the caller's transaction or by as many attempts as it takes."""
        values = bind(parameters)
        request_id = values.get("request_id")
        try:
            if connection is not None:
                own = await joined_async(connection)
                await self._contract.require(own)
                return await _fetch(own, call, values)
            return await self._try(call, values)
        except OutcomeUnknown as error:
            if isinstance(request_id, UUID):
                error.request_id = request_id
            raise

    async def _try(self, call: Call[T], values: Mapping[str, object]) -> list[T]:
        # What is open now serves all attempts: a `close` in between ends none of them.
        pool, coalescer = self._pool, self._coalescer
        if pool is None:
            raise RuntimeError("the client is not open: use it in a with block, or call open()")
        pool.require_ours()
        if call is not RESERVE or coalescer is None or not fits(values):
            coalescer = None
        tries = Tries(self._retry, call.effect, monotonic())
        while True:
            ends = tries.attempt_ends(monotonic(), self._timeout_s)
            try:
                if coalescer is None:
                    rows = await _attempt_on(pool, call, values, ends)
                else:
                    rows = cast("list[T]", await coalescer.reserve(values, ends))
            except SeckillError as error:
                pause_s = tries.after_error(error, monotonic())
            else:
                proof = all(call.proves(row) for row in rows)
                settle_s = tries.after_answer(monotonic(), proof=proof)
                if settle_s is None:
                    return rows
                pause_s = settle_s
            await sleep_async(pause_s)


async def _attempt_on(
    pool: AsyncPool, call: Call[T], values: Mapping[str, object], ends: float
) -> list[T]:
    link = await pool.take(ends)
    try:
        # What is sent now could only become an open question.
        if ends <= monotonic():
            raise Unavailable("no time left")
        link.deadline = ends
        return await _fetch(link, call, values)
    except SeckillError as error:
        # Class 42: the database does not understand the statement. What it calls may be gone since.
        if (error.sqlstate or "").startswith("42"):
            await pool.contract.look(link)
        raise
    finally:
        await pool.give(link)


def _well_formed(dsn: str) -> str:
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        # libpq's message quotes what it could not read, which may be the password.
        raise ValueError("malformed dsn: neither key=value words nor a postgresql:// URI") from None
    return dsn


async def _fetch(
    connection: psycopg.AsyncConnection[Any], call: Call[T], values: Mapping[str, object]
) -> list[T]:
    """Run a call once on this connection."""
    if connection.closed:
        raise Unavailable("the connection is closed")
    commits = call.effect != "read" and _is_by_itself(connection)
    with _standby_notices(connection) as notices:
        try:
            # Made from the class: the caller's connection may have another cursor factory,
            # with another style of placeholders.
            async with AsyncCursor(connection, row_factory=call.row) as cursor:
                await cursor.execute(call.sql, values)
                rows = await cursor.fetchall()
        except DeadlinePassed as error:
            lost = OutcomeUnknown if commits else Unavailable
            raise lost(str(error)) from error
        except UnicodeEncodeError as error:
            # As the database says it of other texts that it cannot store.
            raise InvalidArgument(
                "invalid argument", sqlstate="SK001", detail=f"not a text: {error.reason}"
            ) from error
        except psycopg.Error as error:
            alive = not connection.closed
            raise translate(
                error, alive=alive, commits=commits, commits_after=call.commits_after
            ) from error
    if notices and commits:
        raise OutcomeUnknown("committed, but perhaps not on the standby", sqlstate=notices[0])
    return rows


def _is_by_itself(connection: psycopg.AsyncConnection[Any]) -> bool:
    """Whether a statement sent now is a transaction, not a part of one."""
    within = (TransactionStatus.INTRANS, TransactionStatus.INERROR)
    return connection.autocommit and connection.pgconn.transaction_status not in within


@contextmanager
def _standby_notices(connection: psycopg.AsyncConnection[Any]) -> Generator[list[str]]:
    """SQLSTATEs of the notices that say that a commit did not wait for its standby."""
    seen: list[str] = []

    def look(notice: Diagnostic) -> None:
        if gave_up_on_standby(notice):
            seen.append(notice.sqlstate or "")

    connection.add_notice_handler(look)
    try:
        yield seen
    finally:
        connection.remove_notice_handler(look)
