"""What the flag must never do, as checks that mutations must not pass.

Each is called with an arena, and raises Violation on a flag that is wrong. The mutation gate runs
them in a process of their own, on a copy of the package with one mistake planted:

    python -m tests.flag.checks NAME BUYER_DSN OPERATOR_DSN
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import namedtuple_row

from seckill import AsyncClient, ReserveResult
from seckill.flag import AsyncLocalFlag, Flag, StockPool
from seckill.flag_redis import AsyncRedisFlag
from seckill.runtime.valkey import Valkey
from tests.concurrency.sessions import Violation, require, require_equal
from tests.fix_sale import Sale, add_units, availability, open_sale
from tests.fix_valkey import console, proxy_before

LONG_MS = 60_000


@dataclass(frozen=True, slots=True)
class Arena:
    """Where a check runs: connection strings of a buyer and an operator."""

    buyer: str
    operator: str

    def sale(self, *, hold_seconds: int = 900) -> Sale:
        """A new sale of one unit."""
        with self.connect() as operator:
            return open_sale(operator, units=1, hold_seconds=hold_seconds)

    def connect(self) -> psycopg.Connection[Any]:
        """An operator's connection."""
        return psycopg.connect(
            self.operator, autocommit=True, prepare_threshold=None, row_factory=namedtuple_row
        )

    def client(self, flag: Any) -> AsyncClient:
        """A buyer's client."""
        return AsyncClient(self.buyer, flag=flag, max_size=1)


def pool_of(sale: Sale) -> StockPool:
    """The sale's pool."""
    return StockPool(sale.activity_id, sale.sku, sale.region)


async def buy(
    client: AsyncClient, sale: Sale, user: str, *, quantity: int = 1, **more: Any
) -> ReserveResult:
    """A purchase of one unit unless told otherwise."""
    return await client.reserve(
        activity_id=sale.activity_id, user_id=user, sku=sale.sku, quantity=quantity, **more
    )


class Stopped(AsyncRedisFlag):
    """A writer that can be stopped between PostgreSQL's answer and the write of the flag."""

    def __init__(self, url: str, **options: Any) -> None:
        super().__init__(url, **options)
        self.at_the_write = asyncio.Event()
        self.go_on = asyncio.Event()

    async def shut(self, pool: StockPool, epoch: int, ends_at: float) -> None:
        """Wait to be told to go on, then write."""
        self.at_the_write.set()
        await self.go_on.wait()
        await super().shut(pool, epoch, ends_at)


async def late_writer(arena: Arena) -> None:
    """Who writes the flag after the pool was reopened shuts nothing."""
    sale = arena.sale()
    with Valkey() as valkey:
        flag = Stopped(valkey.url, ttl_ms=LONG_MS, timeout_ms=5_000)
        relay = AsyncRedisFlag(valkey.url, timeout_ms=5_000)
        async with arena.client(flag) as writer, arena.client(relay) as other:
            held = await buy(other, sale, "ann")
            late = asyncio.create_task(buy(writer, sale, "bob"))
            await flag.at_the_write.wait()
            with arena.connect() as operator:
                add_units(operator, sale, 1)
                epoch = availability(operator, sale).epoch
            require(await relay.reopen(pool_of(sale), epoch), "the relay had no answer")
            flag.go_on.set()
            require_equal((await late).status, "sold_out", "the late writer's own answer")
            await flag.close()  # waits for what is under way
            require_equal(held.status, "held", "the first purchase")
            answer = await buy(other, sale, "cid")
            require_equal(answer.status, "held", "a purchase after the reopening")
        await relay.close()


async def late_writer_here(arena: Arena) -> None:
    """The same with the flags of one process."""
    sale = arena.sale()
    flag = AsyncLocalFlag(ttl_ms=LONG_MS)
    flag.local.reopen(pool_of(sale), 6)
    await flag.shut(pool_of(sale), 5, monotonic() + 60)
    async with arena.client(flag) as client:
        answer = await buy(client, sale, "ann")
    require_equal(answer.status, "held", "a purchase after the reopening")


async def late_relay(_arena: Arena) -> None:
    """A relay that is late does not lower the flag that was raised after what it tells of."""
    pool = StockPool(1, "phone", "*")
    with Valkey() as valkey:
        flag = AsyncRedisFlag(valkey.url, timeout_ms=5_000)
        with console(valkey) as other:
            other.set(pool.key, Flag(6, True).encode())
        require(await flag.reopen(pool, 6), "the relay had no answer")
        require_equal(list(await flag.read([pool])), [Flag(6, True)], "flag after a late relay")
        await flag.close()


async def repeat(arena: Arena) -> None:
    """A request that holds is answered `held` again, flag or no flag (I6)."""
    sale, request_id = arena.sale(), uuid4()
    async with arena.client(AsyncLocalFlag(ttl_ms=LONG_MS)) as client:
        first = await buy(client, sale, "ann", request_id=request_id, first_try=True)
        require_equal((await buy(client, sale, "bob")).status, "sold_out", "the second buyer")
        again = await buy(client, sale, "ann", request_id=request_id)
    require_equal((again.status, again.reservation_id), ("held", first.reservation_id), "repeat")


async def liar(arena: Arena) -> None:
    """A store that says `sold out` for ever refuses one TTL long (I9)."""

    class Liar(AsyncLocalFlag):
        async def read(self, pools: Sequence[StockPool]) -> Sequence[Flag | None]:
            return [Flag(10**9 + int(monotonic() * 1000), True) for _ in pools]

    sale = arena.sale()
    async with arena.client(Liar(ttl_ms=100)) as client:
        ends_at = monotonic() + 10
        while (answer := await buy(client, sale, "ann")).status != "held":
            require(monotonic() < ends_at, f"still {answer.status} after a hundred TTLs")
            await asyncio.sleep(0.01)


async def flag_and_hold_end(arena: Arena) -> None:
    """No flag stands past the instant at which units may come back."""
    sale = arena.sale(hold_seconds=1)
    flag = AsyncLocalFlag(ttl_ms=LONG_MS)
    async with arena.client(flag) as client:
        held = await buy(client, sale, "ann")
        require_equal((await buy(client, sale, "bob")).status, "sold_out", "the second buyer")
        assert held.expires_at is not None
        left = held.expires_at - datetime.now(UTC) + timedelta(milliseconds=50)
        await asyncio.sleep(max(left.total_seconds(), 0))
        answer = await buy(client, sale, "bob")
    require_equal(answer.status, "held", "a purchase after the hold has ended")


async def own_transaction(arena: Arena) -> None:
    """What a transaction saw that was then rolled back raises no flag."""
    sale = arena.sale()
    connection = await psycopg.AsyncConnection.connect(arena.buyer, prepare_threshold=None)
    async with connection, arena.client(AsyncLocalFlag(ttl_ms=LONG_MS)) as client:
        await buy(client, sale, "ann", connection=connection)
        refused = await buy(client, sale, "bob", connection=connection)
        require_equal(refused.status, "sold_out", "the second buyer")
        await connection.rollback()
    async with arena.client(AsyncLocalFlag(ttl_ms=LONG_MS)) as _, client as again:
        require_equal((await buy(again, sale, "bob")).status, "held", "after the rollback")


async def something_left(arena: Arena) -> None:
    """Who wanted more than there is does not shut the pool for those who want less."""
    sale = arena.sale()
    async with arena.client(AsyncLocalFlag(ttl_ms=LONG_MS)) as client:
        refused = await buy(client, sale, "ann", quantity=2)
        require_equal((refused.status, refused.remaining), ("sold_out", 1), "two of one")
        require_equal((await buy(client, sale, "bob")).status, "held", "one of one")


async def old_answer(arena: Arena) -> None:
    """A client that slept for longer than a TTL after its answer raises no flag."""
    sale = arena.sale()
    with Valkey() as valkey:
        flag = Stopped(valkey.url, ttl_ms=100, timeout_ms=5_000)
        async with arena.client(flag) as writer:
            held = await buy(writer, sale, "ann")
            late = asyncio.create_task(buy(writer, sale, "bob"))
            await flag.at_the_write.wait()
            await asyncio.sleep(0.15)
            with arena.connect() as operator:
                operator.execute("select seckill.cancel('ann', %s)", [held.reservation_id])
            flag.go_on.set()
            await late
            await asyncio.sleep(0)
            if flag._writing:
                await asyncio.wait(flag._writing.values())
            with console(valkey) as look:
                require(not look.exists(pool_of(sale).key), "raised by an answer older than a TTL")
        await flag.close()


async def slow_in_pieces(_arena: Arena) -> None:
    """The time is for the answer as a whole, connecting included, not for each of its pieces."""
    pool = StockPool(1, "phone", "*")
    with Valkey() as valkey, proxy_before(valkey.socket) as proxy:
        proxy.delay_s = 0.45
        flag = AsyncRedisFlag(proxy.url, timeout_ms=500)
        began = monotonic()
        await flag.read([pool])
        took_s = monotonic() - began
        require(took_s < 0.8, f"an answer within 0.5 s took {took_s:.1f} s")
        await flag.close()


CHECKS: dict[str, Callable[[Arena], Awaitable[None]]] = {
    check.__name__: check
    for check in (
        late_writer,
        late_writer_here,
        late_relay,
        repeat,
        liar,
        flag_and_hold_end,
        own_transaction,
        something_left,
        old_answer,
        slow_in_pieces,
    )
}


def main(arguments: Sequence[str]) -> int:
    """Run one check; 1 where it found something wrong."""
    name, buyer, operator = arguments
    try:
        asyncio.run(asyncio.wait_for(CHECKS[name](Arena(buyer, operator)), 30))
    except Violation as violation:
        print(f"Violation: {violation}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
