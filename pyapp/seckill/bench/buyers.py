"""2,000 buyers in one Python process: AsyncClient, and redis-py with a Lua script."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable
from time import monotonic
from uuid import UUID, uuid4

from seckill.bench.load import BenchError, Interrupted, Rate
from seckill.bench.scripts import SKU
from seckill.client_async import AsyncClient
from seckill.history import Recorder
from seckill.results import ReserveResult

BUYERS = 2_000
POOL_SIZES = (16, 64, 256)
_CONNECTIONS = 8
_LOOK_S = 0.05
_STOCK = 1_000_000_000

# The usual advice: check and decrement in one script, and a set of those who have bought.
_LUA = """
if redis.call('sismember', KEYS[2], ARGV[1]) == 1 then return 2 end
if tonumber(redis.call('get', KEYS[1])) < 1 then return 0 end
redis.call('decr', KEYS[1])
redis.call('sadd', KEYS[2], ARGV[1])
return 1
"""

Buy = Callable[[str], Awaitable[bool]]


async def _crowd(buy: Buy, buyers: int, seconds: float, stop: threading.Event) -> Rate:
    """Each buyer buys again and again, as somebody new each time, until the time is over."""
    run, numbers = uuid4().hex, itertools.count()
    began = monotonic()
    bought = 0

    async def buyer() -> None:
        nonlocal bought
        while monotonic() - began < seconds:
            if not await buy(f"{run}-{next(numbers)}"):
                raise BenchError("a buyer was refused who must not be")
            bought += 1

    tasks = [asyncio.create_task(buyer()) for _ in range(buyers)]
    crowd = asyncio.gather(*tasks)
    try:
        while not crowd.done():
            await asyncio.wait([crowd], timeout=_LOOK_S)
            if stop.is_set():
                raise Interrupted
        await crowd  # for its error
    finally:
        # The others would go on beside the end of the first who fails.
        for task in tasks:
            task.cancel()
        await asyncio.gather(crowd, *tasks, return_exceptions=True)
    return Rate(bought, bought / (monotonic() - began))


def seckill_buyers(
    dsn: str,
    activity_id: int,
    buyers: int,
    seconds: float,
    stop: threading.Event,
    recorder: Recorder | None = None,
) -> Rate:
    """Buyers who call AsyncClient.reserve; `recorder` writes down each call."""

    async def run() -> Rate:
        async with AsyncClient(dsn, max_size=_CONNECTIONS, timeout_ms=60_000, flag="") as client:

            async def send(user_id: str, request_id: UUID) -> ReserveResult:
                return await client.reserve(
                    activity_id=activity_id,
                    user_id=user_id,
                    sku=SKU,
                    quantity=1,
                    request_id=request_id,
                )

            async def buy(user_id: str) -> bool:
                request_id = uuid4()
                if recorder is None:
                    said = await send(user_id, request_id)
                else:
                    with recorder.reserve(
                        activity_id=activity_id,
                        user_id=user_id,
                        lines={SKU: 1},
                        request_id=request_id,
                    ) as entry:
                        said = await send(user_id, request_id)
                        entry.answered(said)
                return said.status == "held"

            await buy(f"first-{uuid4()}")  # connect
            return await _crowd(buy, buyers, seconds, stop)

    return asyncio.run(run())


def redis_buyers(
    socket: str, connections: int, buyers: int, seconds: float, stop: threading.Event
) -> Rate:
    """Buyers who call the script through redis-py."""
    from redis.asyncio import BlockingConnectionPool, Redis, UnixDomainSocketConnection

    async def run() -> Rate:
        pool = BlockingConnectionPool(
            connection_class=UnixDomainSocketConnection,
            path=socket,
            max_connections=connections,
            timeout=60,
        )
        redis = Redis(connection_pool=pool)
        try:
            await redis.delete("stock", "bought")
            await redis.set("stock", _STOCK)
            script = redis.register_script(_LUA)

            async def buy(user_id: str) -> bool:
                return await script(keys=["stock", "bought"], args=[user_id]) == 1

            await buy("first")
            rate = await _crowd(buy, buyers, seconds, stop)
            sold = _STOCK - int(await redis.get("stock") or 0)
            if sold != rate.calls + 1:
                raise BenchError(f"redis: {rate.calls + 1} buyers have {sold} units")
            return rate
        finally:
            await redis.aclose()
            await pool.disconnect()

    return asyncio.run(run())
