"""The liar test: whatever becomes of Redis, buyers end with what they end with without it.

A buyer who hears `sold_out` from a flag comes again (`may_return`); that a flag's word ends within
one TTL is what lets outcomes be compared at all. The time that a call may take is compared with a
bound far above the flag's 50 ms: this is about "bounded or not", not about speed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from time import monotonic
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from seckill import AsyncClient, ReserveResult, UnknownPool
from seckill.flag import StockPool
from seckill.flag_redis import AsyncRedisFlag
from seckill.runtime.valkey import Valkey
from tests.fix_database import Database
from tests.fix_sale import Sale, add_units, open_sale, violations
from tests.fix_valkey import Proxy, console, meddler

TTL_MS = 200
LONGEST_CALL_S = 2.0
Outcome = tuple[Any, ...]


class Crowd:
    """A fixed sequence of purchases of one sale, and what became of each."""

    def __init__(self, client: AsyncClient, sale: Sale, operator: Connection[Any]) -> None:
        self.outcomes: list[Outcome] = []
        self.longest_s = 0.0
        self._client = client
        self._sale = sale
        self._operator = operator

    async def run(self) -> list[Outcome]:
        """Two units, one each: bought, sold out, cancelled, bought, added to, bought."""
        request_id = uuid4()
        ann = await self.buys("ann", request_id=request_id, first_try=True)
        await self.buys("ann")
        bob = await self.buys("bob")
        await self.buys("cid")
        await self.buys("ann", request_id=request_id)
        assert bob.reservation_id is not None
        said = await self._client.cancel(user_id="bob", reservation_id=bob.reservation_id)
        self.outcomes.append(("cancel", said.status))
        await self.buys("cid")
        await self.buys("dan")
        add_units(self._operator, self._sale, 1)
        await self.buys("dan")
        await self.buys("eve", quantity=2)
        assert ann.reservation_id is not None
        paid = await self._client.confirm(user_id="ann", reservation_id=ann.reservation_id)
        self.outcomes.append(("confirm", paid.status))
        with pytest.raises(UnknownPool):
            await self._ask("eve", sku="no such thing")
        assert violations(self._operator, self._sale) == []
        return self.outcomes

    async def buys(self, user: str, *, quantity: int = 1, **more: Any) -> ReserveResult:
        """Ask, and ask again as long as it is a flag that refuses and a TTL has not passed."""
        ends_at = monotonic() + TTL_MS / 1000 + LONGEST_CALL_S
        while True:
            answer = await self._ask(user, quantity=quantity, **more)
            # PostgreSQL names the instant at which a hold ends; a flag names none.
            flagged = answer.status == "sold_out" and answer.retry_at is None
            if not flagged:
                break
            assert monotonic() < ends_at, f"a flag refuses {user} for longer than a TTL"
            await asyncio.sleep(0.01)
        self.outcomes.append(
            (user, answer.status, answer.limit_name, answer.remaining, answer.replayed)
        )
        return answer

    async def _ask(self, user: str, **more: Any) -> ReserveResult:
        began = monotonic()
        try:
            return await self._client.reserve(
                activity_id=self._sale.activity_id,
                user_id=user,
                **({"sku": self._sale.sku, "quantity": 1} | more),
            )
        finally:
            self.longest_s = max(self.longest_s, monotonic() - began)


@pytest.fixture
def sales(operator: Connection[Any]) -> Callable[[], Sale]:
    return lambda: open_sale(operator, units=2, limit=1)


@pytest.fixture
async def truth(
    db: Database, sales: Callable[[], Sale], operator: Connection[Any]
) -> AsyncIterator[list[Outcome]]:
    """The outcomes without any flag."""
    async with AsyncClient(db.dsn("buyer"), flag="") as client:
        yield await Crowd(client, sales(), operator).run()


def key_of(sale: Sale) -> str:
    return StockPool(sale.activity_id, sale.sku, sale.region).key


@contextmanager
def frozen(valkey: Valkey, key: str) -> Iterator[None]:
    """Nothing can be written any more: what stands there is stale for ever."""
    with console(valkey) as meddle:
        meddle.set(key, "1 shut")
        meddle.execute_command("CONFIG", "SET", "maxmemory", "1")
        yield


@contextmanager
def dies_midway(valkey: Valkey) -> Iterator[None]:
    """Killed while the crowd buys, and started again, empty."""
    loop = asyncio.get_running_loop()
    handles = [loop.call_later(0.1, valkey.kill), loop.call_later(0.4, valkey.start)]
    yield
    for handle in handles:
        handle.cancel()
    valkey.start()


Lie = Callable[[Valkey, Proxy, str], AbstractContextManager[Any]]


def set_on(proxy: Proxy, **fields: Any) -> AbstractContextManager[Any]:
    """A proxy with these fields."""
    for name, value in fields.items():
        setattr(proxy, name, value)
    return nullcontext()


def did(_: object) -> AbstractContextManager[Any]:
    """What was done stays done."""
    return nullcontext()


LIES: dict[str, Lie] = {
    "honest": lambda valkey, proxy, key: nullcontext(),
    "dead": lambda valkey, proxy, key: did(valkey.kill()),
    "dies midway": lambda valkey, proxy, key: dies_midway(valkey),
    "hung": lambda valkey, proxy, key: did(valkey.hang()),
    "silent": lambda valkey, proxy, key: set_on(proxy, silent=True),
    "slow, in time": lambda valkey, proxy, key: set_on(proxy, delay_s=0.015),
    "slow, too late": lambda valkey, proxy, key: set_on(proxy, delay_s=0.3),
    "noise on the wire": lambda valkey, proxy, key: set_on(proxy, junk=True),
    "a byte at a time": lambda valkey, proxy, key: set_on(proxy, drip_s=0.004),
    "junk in the key": lambda valkey, proxy, key: meddler(valkey, key, b"\x00 shut \xff" * 50),
    "sold out with stock left": lambda valkey, proxy, key: meddler(valkey, key, "999999 shut"),
    "open with none left": lambda valkey, proxy, key: meddler(valkey, key, "999999 open"),
    "stale, and read-only": lambda valkey, proxy, key: frozen(valkey, key),
}


@pytest.mark.parametrize("name", LIES)
async def test_outcomes_are_those_without_redis(
    name: str,
    db: Database,
    sales: Callable[[], Sale],
    operator: Connection[Any],
    valkey: Valkey,
    proxy: Proxy,
    truth: list[Outcome],
) -> None:
    sale = sales()
    flag = AsyncRedisFlag(proxy.url, ttl_ms=TTL_MS)
    with ExitStack() as stack:
        async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
            stack.enter_context(LIES[name](valkey, proxy, key_of(sale)))
            crowd = Crowd(client, sale, operator)
            assert await crowd.run() == truth
        valkey.go_on()
    await flag.close()
    assert crowd.longest_s < LONGEST_CALL_S


async def test_the_truth_has_all_kinds_of_answers(truth: list[Outcome]) -> None:
    """Else equal outcomes would say little."""
    statuses = [outcome[1] for outcome in truth]
    assert statuses == [
        *["held", "limit_exceeded", "held", "sold_out", "held", "cancelled", "held"],
        *["sold_out", "held", "sold_out", "confirmed"],
    ]
