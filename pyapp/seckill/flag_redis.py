"""The sold-out flag in Redis or Valkey, for all clients together. Needs `seckill[redis]`.

All that speaks to Redis is async; `RedisFlag` runs the same in a thread of its own. So every wait
is bounded by the event loop's clock, whatever the other side does or drips, and tasks or threads
that ask for one pool at one time share one question.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine, Sequence
from concurrent.futures import TimeoutError as NoResult
from contextlib import suppress
from importlib.resources import files
from time import monotonic
from typing import Any, TypeVar

from seckill.flag import Breaker, Flag, StockPool

T = TypeVar("T")

SCRIPT = files("seckill").joinpath("soldout.lua").read_text(encoding="utf-8")

_MEMORY_MS = 3_600_000
"""How long a reopening is remembered, against who comes late."""

_CONNECTIONS = 4
"""Questions of one process at a time; those for the same pool are one."""


class AsyncRedisFlag:
    """Flags in Redis or Valkey, for `AsyncClient` and the relay.

    Serves one event loop at a time. Needs the commands GET, SET, EVAL and EVALSHA on
    `seckill:soldout:*`.

    Args:
        url: `redis://…`, `rediss://…` or `unix://…`.
        ttl_ms: life of a flag, at most: what a false or stale one can cost.
        timeout_ms: for one answer, connecting included.
        breaker: when to stop asking; None: the default one.

    Raises:
        ImportError: redis-py is not installed.
        ValueError: a malformed URL, or times that make no sense.
    """

    def __init__(
        self,
        url: str,
        *,
        ttl_ms: int = 1_000,
        timeout_ms: int = 50,
        breaker: Breaker | None = None,
    ) -> None:
        if ttl_ms < 1 or timeout_ms < 1:
            raise ValueError("ttl_ms and timeout_ms must be 1 or more")
        self.ttl_s = ttl_ms / 1000
        self._url = url
        self._timeout_s = timeout_ms / 1000
        self._breaker = breaker or Breaker()
        self._script = SCRIPT
        self._sha: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._begin()

    async def read(self, pools: Sequence[StockPool]) -> Sequence[Flag | None]:
        """What is known of these pools, in their order; None also where nothing answers."""
        self._arrive()
        if self.rests:
            return [None] * len(pools)
        # Shielded: a caller who is cancelled does not spoil it for those who share the question.
        return await asyncio.gather(*(asyncio.shield(self._asked(pool.key)) for pool in pools))

    async def shut(self, pool: StockPool, epoch: int, ends_at: float) -> None:
        """Raise the flag until an instant (monotonic), unless a newer epoch is known.

        Does not wait for it: the buyer's answer is there already.
        """
        self._arrive()
        if not self.rests:
            self._told(pool.key, Flag(epoch, True), ends_at)

    async def reopen(self, pool: StockPool, epoch: int) -> bool:
        """Lower the flag: with this epoch units became available. False where nothing answered."""
        self._arrive()
        ends_at = monotonic() + _MEMORY_MS / 1000
        return await asyncio.shield(self._told(pool.key, Flag(epoch, False), ends_at))

    async def close(self) -> None:
        """Finish what is under way, and disconnect."""
        self._arrive()
        if pending := [*self._reading.values(), *self._writing.values()]:
            await asyncio.wait(pending)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_s):
                await self._redis.aclose()

    @property
    def rests(self) -> bool:
        """Whether it is not asked at this instant, because it did not answer before."""
        return self._breaker.rests(monotonic())

    def _arrive(self) -> None:
        """Called in an event loop; where it is another than before, nothing of that one is used.

        Its tasks cannot be waited for here, its connections and locks are bound to it; where it
        ran in another process, before a fork, the connections are that one's.
        """
        loop = asyncio.get_running_loop()
        if self._loop is not None and self._loop is not loop:
            self._begin()
        self._loop = loop

    def _begin(self) -> None:
        self._redis, self._no_script = _connections(self._url, self._timeout_s)
        self._reading: dict[str, asyncio.Task[Flag | None]] = {}
        self._writing: dict[tuple[str, bytes], asyncio.Task[bool]] = {}

    def _asked(self, key: str) -> asyncio.Task[Flag | None]:
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._get(key))
            reading = self._reading
            task.add_done_callback(lambda _: reading.pop(key, None))
        return task

    def _told(self, key: str, flag: Flag, ends_at: float) -> asyncio.Task[bool]:
        name = key, flag.encode()
        task = self._writing.get(name)
        if task is None:
            task = self._writing[name] = asyncio.create_task(self._set(key, flag, ends_at))
            writing = self._writing
            task.add_done_callback(lambda _: writing.pop(name, None))
        return task

    async def _get(self, key: str) -> Flag | None:
        answered, value = await self._bounded(self._redis.get(key))
        return Flag.decode(value) if answered else None

    async def _set(self, key: str, flag: Flag, ends_at: float) -> bool:
        answered, _ = await self._bounded(self._run_script(key, flag, ends_at))
        return answered

    async def _run_script(self, key: str, flag: Flag, ends_at: float) -> None:
        left_ms = int((ends_at - monotonic()) * 1000)
        if left_ms < 1:
            return  # it took so long to get here that the flag is over
        epoch, word = flag.encode().split()
        if self._sha is not None:
            with suppress(self._no_script):  # Redis was restarted
                await self._redis.evalsha(self._sha, 1, key, epoch, word, left_ms)
                return
        await self._redis.eval(self._script, 1, key, epoch, word, left_ms)
        self._sha = _sha1(self._script)

    async def _bounded(self, question: Coroutine[Any, Any, T]) -> tuple[bool, T | None]:
        """Whether it was answered in time, and the answer."""
        if not self._breaker.allows(monotonic()):
            question.close()
            return False, None
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await question
        except Exception:  # noqa: BLE001 (junk makes the driver raise anything: no flag, then)
            self._breaker.failed(monotonic())
            return False, None
        self._breaker.succeeded()
        return True, answer


class RedisFlag:
    """Flags in Redis or Valkey, for `Client`; any number of threads and clients may share one.

    Args:
        url: `redis://…`, `rediss://…` or `unix://…`.
        ttl_ms: life of a flag, at most: what a false or stale one can cost.
        timeout_ms: for one answer, connecting included.

    Raises:
        ImportError: redis-py is not installed.
        ValueError: a malformed URL, or times that make no sense.
    """

    def __init__(self, url: str, *, ttl_ms: int = 1_000, timeout_ms: int = 50) -> None:
        self._options: dict[str, Any] = {"ttl_ms": ttl_ms, "timeout_ms": timeout_ms}
        self._url = url
        self._timeout_s = timeout_ms / 1000
        self.ttl_s = ttl_ms / 1000
        self._lock = threading.Lock()
        self._flag = AsyncRedisFlag(url, **self._options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = os.getpid()

    def read(self, pools: Sequence[StockPool]) -> Sequence[Flag | None]:
        """What is known of these pools, in their order; None also where nothing answers."""
        loop = self._running()
        if not self._flag.rests:
            with suppress(NoResult):
                asked = asyncio.run_coroutine_threadsafe(self._flag.read(pools), loop)
                # The thread bounds itself; this bounds the wait for the thread.
                return asked.result(1.2 * self._timeout_s)
        return [None] * len(pools)

    def shut(self, pool: StockPool, epoch: int, ends_at: float) -> None:
        """Raise the flag until an instant (monotonic), unless a newer epoch is known.

        Does not wait for it: the buyer's answer is there already.
        """
        loop = self._running()
        if not self._flag.rests:
            asyncio.run_coroutine_threadsafe(self._flag.shut(pool, epoch, ends_at), loop)

    def close(self) -> None:
        """Finish what is under way, disconnect, and end the thread."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None or self._process != os.getpid():
            return
        with suppress(NoResult):
            asyncio.run_coroutine_threadsafe(self._flag.close(), loop).result(4 * self._timeout_s)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        """The thread's loop; after a fork the child gets its own."""
        with self._lock:
            if self._process != os.getpid():
                self._process = os.getpid()
                self._flag = AsyncRedisFlag(self._url, **self._options)
                self._loop = None
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run, args=(self._loop,), name="seckill-flag", daemon=True
                )
                self._thread.start()
            return self._loop


def _run(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
    finally:
        loop.close()


def _connections(url: str, timeout_s: float) -> tuple[Any, type[Exception]]:
    """A client of redis-py that tries once and then gives up, and its error for a lost script."""
    try:
        from redis.asyncio import BlockingConnectionPool, Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import NoScriptError
    except ImportError as error:
        raise ImportError("the sold-out flag needs redis-py: pip install redis") from error
    pool: Any = BlockingConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]
        url,
        max_connections=_CONNECTIONS,
        timeout=timeout_s,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return Redis.from_pool(pool), NoScriptError


def _sha1(script: str) -> str:
    from hashlib import sha1

    return sha1(script.encode(), usedforsecurity=False).hexdigest()
