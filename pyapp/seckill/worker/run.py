"""Runs the jobs of a worker until it is told to stop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Protocol

from seckill.client_async import AsyncClient
from seckill.errors import OutcomeUnknown, Unavailable
from seckill.flag_redis import AsyncRedisFlag
from seckill.retry import NO_RETRY, RetryPolicy
from seckill.worker.relay import Relay
from seckill.worker.sweeper import Sweeper
from seckill.worker.tally import Tally, say

# Doubles from 0.1 to 2 seconds, as long as it takes: a worker outlives an outage of any length.
_BACKOFF = RetryPolicy(base_ms=100, cap_ms=2_000)
_CONNECTIONS = 5  # the sweeper's, and the relay's looks
_PULSE_S = 1.0
_RELAY_TIMEOUT_MS = 500  # nobody waits for the relay, so it waits longer for Redis than a buyer


@dataclass(frozen=True, slots=True)
class Options:
    """What a worker is to do.

    Attributes:
        dsn: of a member of `seckill_ops`, through PgBouncer.
        sweep: settle holds that have ended.
        redis_url: relay reopenings to the flags there; None: do not relay.
        once: do what there is to do, then end.
        interval_s: between two rounds of the sweeper.
        batch: holds a call of the sweeper.
        pause_s: between two of its batches.
        poll_s: between two looks at the feed while nothing happens.
        report_s: between two reports.
        cursor_file: where the relay keeps its place in the feed; None: it starts at the end.
        alive_file: touched whenever each job has gone round once more; None: no file.
    """

    dsn: str
    sweep: bool = True
    redis_url: str | None = None
    once: bool = False
    interval_s: float = 1.0
    batch: int = 100
    pause_s: float = 0.01
    poll_s: float = 0.02
    report_s: float = 10.0
    cursor_file: Path | None = None
    alive_file: Path | None = None


class Unusable(Exception):
    """The options cannot be worked with: redis-py is missing, or a URL is malformed."""


class Job(Protocol):
    """Something to be done again and again, a little at a time."""

    @property
    def name(self) -> str:
        """As in the reports."""
        ...

    @property
    def pause_s(self) -> float:
        """Between two steps while there is more to do."""
        ...

    async def step(self) -> bool:
        """Do a little; whether there may be more to do at once."""
        ...


class Pulse:
    """A file whose time is when all jobs had gone round once more, for whoever watches over us.

    A round that failed counts: to start anew does not bring a database back.
    """

    def __init__(self, path: Path | None, jobs: Collection[str]) -> None:
        self._path = path
        self._jobs = frozenset(jobs)
        self._missing = set(jobs)
        self._next = 0.0

    def beat(self, job: str) -> None:
        """A job has gone round."""
        self._missing.discard(job)
        if self._path is None or self._missing or monotonic() < self._next:
            return
        self._missing = set(self._jobs)
        self._next = monotonic() + _PULSE_S
        with suppress(OSError):  # a full disk must not stop the sweeper; the file gets old
            self._path.touch()


async def work(options: Options) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP; with `once` until all is done.

    Raises:
        Unusable: before anything was done.
        SeckillError: what waiting does not mend, such as a missing right; with `once` any error.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    try:
        await _work(options, stop)
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def _work(options: Options, stop: asyncio.Event) -> None:
    tally = Tally()
    async with AsyncExitStack() as stack:
        client, flag = _made(options)
        await stack.enter_async_context(client)
        jobs: list[tuple[Job, float]] = []
        if options.sweep:
            sweeper = Sweeper(client, tally, batch=options.batch, pause_s=options.pause_s)
            jobs.append((sweeper, options.interval_s))
        if flag is not None:
            stack.push_async_callback(flag.close)
            relay = Relay(client, flag, tally, cursor_file=options.cursor_file)
            jobs.append((relay, options.poll_s))
        say("started", jobs=[job.name for job, _ in jobs])
        await _all(jobs, options, stop, tally)
    tally.report("stopped")


def _made(options: Options) -> tuple[AsyncClient, AsyncRedisFlag | None]:
    try:
        return (
            AsyncClient(options.dsn, min_size=0, max_size=_CONNECTIONS, retry=NO_RETRY, flag=""),
            AsyncRedisFlag(options.redis_url, timeout_ms=_RELAY_TIMEOUT_MS)
            if options.redis_url
            else None,
        )
    except (ImportError, ValueError) as error:
        raise Unusable(str(error)) from error


async def _all(
    jobs: Sequence[tuple[Job, float]], options: Options, stop: asyncio.Event, tally: Tally
) -> None:
    reporter = asyncio.create_task(_report(options.report_s, tally))
    pulse = Pulse(options.alive_file, [job.name for job, _ in jobs])
    running = [
        asyncio.create_task(_repeat(job, idle_s, options.once, stop, tally, pulse))
        for job, idle_s in jobs
    ]
    try:
        done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in (*running, reporter):
            task.cancel()
        await asyncio.gather(*running, reporter, return_exceptions=True)


async def _repeat(
    job: Job, idle_s: float, once: bool, stop: asyncio.Event, tally: Tally, pulse: Pulse
) -> None:
    failures = 0
    lost = False
    while not stop.is_set():
        try:
            more = await job.step()
        except (Unavailable, OutcomeUnknown) as error:
            tally.errors += 1
            if once:
                raise
            failures += 1
            # A deadlock, or a lock not had in time, is no outage.
            if not lost and (error.sqlstate or "")[:2] not in ("40", "55"):
                lost = True
                say("lost", job=job.name, error=" ".join(str(error).split()))
            pause_s = _BACKOFF.pause_s(failures)
        else:
            if lost:
                tally.reconnects += 1
                say("back", job=job.name)
            failures, lost = 0, False
            if once and not more:
                return
            pause_s = job.pause_s if more else idle_s
        pulse.beat(job.name)
        with suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await stop.wait()


async def _report(every_s: float, tally: Tally) -> None:
    while True:
        await asyncio.sleep(every_s)
        tally.report()
