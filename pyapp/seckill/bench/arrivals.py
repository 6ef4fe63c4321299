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
from seckill.bench.scripts import SKU
from seckill.bench.setting import Measure, Setting
from seckill.client_async import AsyncClient
from seckill.errors import SeckillError

LOADS = (50, 80, 120)  # percent of the capacity
_CONNECTIONS = 8
_TICK_S = 0.002
_LAST_S = 60.0


@dataclass(slots=True)
class _Day:
    """What happened: seconds from the intended start to each answer, and when it came."""

    waits: list[float] = field(default_factory=list[float])
    in_time: int = 0
    unanswered: int = 0


async def _buy(client: AsyncClient, activity_id: int, due: float, end: float, day: _Day) -> None:
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


async def _arrive(
    client: AsyncClient, activity_id: int, rate: float, seconds: float, stop: threading.Event
) -> _Day:
    day, under_way = _Day(), set[asyncio.Task[None]]()
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
                number += 1
            await asyncio.sleep(_TICK_S)
            for task in [task for task in under_way if task.done()]:
                under_way.discard(task)
                task.result()  # its error
    finally:
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
    return day


def _share(waits: list[float], share: float) -> float:
    """The wait that this share of the buyers does not exceed."""
    return waits[min(len(waits) - 1, int(share * len(waits)))]


def _open_loop(setting: Setting, percent: int) -> Rate:
    """Measure the capacity, then let buyers arrive at a share of it for twice as long."""
    place, options, stop = setting.place, setting.options, setting.stop
    dsn, seconds = place.ways.pooled, 2.0 * options.seconds
    capacity = seckill_buyers(dsn, place.one, options.buyers, options.seconds, stop).per_second
    rate = capacity * percent / 100

    async def run() -> _Day:
        async with AsyncClient(dsn, max_size=_CONNECTIONS, timeout_ms=60_000, flag="") as client:
            await _buy(client, place.one, 0.0, 0.0, _Day())  # connect
            return await _arrive(client, place.one, rate, seconds, stop)

    day = asyncio.run(run())
    waits = sorted(day.waits)
    if not waits:
        raise BenchError(f"open: nobody was answered at {percent} % of the capacity")
    arrived = len(waits) + day.unanswered
    p50, p99, p999 = (_share(waits, share) * 1_000 for share in (0.5, 0.99, 0.999))
    arrivals = Arrivals(arrived, day.in_time / arrived, day.unanswered, p50, p99, p999)
    return Rate(len(waits), day.in_time / seconds, arrivals)


def arrivals(setting: Setting) -> Iterator[Measure]:
    """Arrival below the capacity, near it, and above."""
    for percent in LOADS:
        yield Measure(f"open@{percent}", lambda percent=percent: _open_loop(setting, percent))
