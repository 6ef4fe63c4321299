"""Buyers who come when they come, whether or not those before them were served (open loop).

A buyer's time runs from when it was to come, not from when its call began: where the program that
makes the load falls behind, that counts as waiting, too (no coordinated omission).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import monotonic
from uuid import uuid4

from seckill.bench.buyers import seckill_buyers
from seckill.bench.load import Arrivals, BenchError, Interrupted, Rate
from seckill.bench.percentile import percentile
from seckill.bench.scripts import SKU
from seckill.bench.setting import Measure, Setting
from seckill.client_async import AsyncClient
from seckill.errors import SeckillError

LOADS = (50, 80, 120)  # percent of the capacity
_CONNECTIONS = 8
_TICK_S = 0.002
_LAST_S = 60.0


@dataclass(slots=True)
class Day:
    """What happened: seconds from the intended start to each answer, and when it came."""

    waits: list[float] = field(default_factory=list[float])
    in_time: int = 0
    unanswered: int = 0


async def _buy(client: AsyncClient, activity_id: int, due: float, end: float, day: Day) -> None:
    try:
        said = await client.reserve(
            activity_id=activity_id,
            user_id=f"open-{uuid4()}",
            sku=SKU,
            quantity=1,
            request_id=uuid4(),
        )
    except SeckillError:
        day.unanswered += 1
        return
    if said.status not in ("held", "busy"):
        raise BenchError(f"a buyer was answered {said.status}")
    now = monotonic()
    day.waits.append(now - due)
    day.in_time += now <= end


async def arrive(
    client: AsyncClient, activity_id: int, rate: float, seconds: float, stop: threading.Event
) -> Day:
    """So many buyers a second, for so long; returns when all of them are answered."""
    day, under_way = Day(), set[asyncio.Task[None]]()
    failed: list[BaseException] = []

    def ended(task: asyncio.Task[None]) -> None:
        under_way.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            failed.append(error)

    began, number, count = monotonic(), 0, max(1, int(rate * seconds))
    end = began + seconds
    try:
        while number < count or under_way:
            if stop.is_set():
                raise Interrupted
            if monotonic() > end + _LAST_S:
                raise BenchError(f"open: {len(under_way)} buyers wait for an answer still")
            # All that are due by now; each keeps its own instant.
            while number < count and began + number / rate <= monotonic():
                due = began + number / rate
                task = asyncio.create_task(_buy(client, activity_id, due, end, day))
                under_way.add(task)
                task.add_done_callback(ended)
                number += 1
            await asyncio.sleep(_TICK_S)
            if failed:
                raise failed[0]
    finally:
        left = tuple(under_way)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
    if failed:
        raise failed[0]
    return day


def _open_loop(setting: Setting, percent: int) -> Rate:
    """Measure the capacity, then let buyers arrive at a share of it for twice as long."""
    place, options, stop = setting.place, setting.options, setting.stop
    dsn, seconds = place.ways.pooled, 2.0 * options.seconds
    capacity = seckill_buyers(dsn, place.one, options.buyers, options.seconds, stop).per_second
    rate = capacity * percent / 100

    async def run() -> Day:
        async with AsyncClient(dsn, max_size=_CONNECTIONS, timeout_ms=60_000, flag="") as client:
            await _buy(client, place.one, 0.0, 0.0, Day())  # connect
            return await arrive(client, place.one, rate, seconds, stop)

    day = asyncio.run(run())
    waits = day.waits
    p50, p99, p999 = (percentile(waits, one) for one in (50, 99, 99.9))
    if p50 is None or p99 is None or p999 is None:
        raise BenchError(f"open: nobody was answered at {percent} % of the capacity")
    arrived = len(waits) + day.unanswered
    p50, p99, p999 = p50 * 1_000, p99 * 1_000, p999 * 1_000
    arrivals = Arrivals(arrived, day.in_time / arrived, day.unanswered, p50, p99, p999)
    return Rate(len(waits), day.in_time / seconds, arrivals)


def arrivals(setting: Setting) -> Iterator[Measure]:
    """Arrival below the capacity, near it, and above."""
    for percent in LOADS:
        yield Measure(f"open@{percent}", lambda percent=percent: _open_loop(setting, percent))
