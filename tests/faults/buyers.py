"""Buyers in a process of their own, for tests that kill it: `python -m tests.faults.buyers`.

Reads its order, one JSON object on a line of stdin, and buys until stdin ends. Each call is sent
once and recorded; what found no answer is repeated, as a shop does, until it has one. So at the
end nothing is open unless this process was killed.

In a rush there are so many buyers, and the process is done with them when each has his unit or was
told that there will be none. Where they have a sold-out flag, each time that one asks again is a
click of its own, which the flag may answer; when stdin has ended they ask PostgreSQL.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import TypeVar
from uuid import UUID

from seckill.client_async import AsyncClient
from seckill.errors import OutcomeUnknown, Unavailable, UnknownReservation
from seckill.history import Entry, Recorder
from seckill.results import ReserveResult, ResolveResult
from seckill.retry import NO_RETRY
from tests.faults.fix_flag import WatchedFlag

SCARCE, PLENTY = "scarce", "plenty"
HOLD_SECONDS = 1
TASKS = 8

_PATIENCE_S = 60.0
_SHOPPERS = 60  # who fight for what is scarce

Answer = TypeVar("Answer", ReserveResult, ResolveResult)


@dataclass(frozen=True, slots=True)
class Order:
    """What a process is to do.

    Attributes:
        dsn: as a buyer.
        activity_id: the sale.
        way: `reserve`, `batch` (by the client that coalesces) or `now`.
        seed: decides who wants what.
        record: directory of the history.
        tasks: buyers at a time.
        timeout_ms: for one attempt.
        rush: so many buyers, each for one unit of what is scarce; 0: one purchase after another.
        redis: URL of the sold-out flag's store, in a rush; empty: no flag.
    """

    dsn: str
    activity_id: int
    way: str
    seed: str
    record: str
    tasks: int = TASKS
    timeout_ms: int = 3_000
    rush: int = 0
    redis: str = ""

    def line(self) -> str:
        """As the process reads it."""
        return json.dumps(asdict(self)) + "\n"


class Buyers:
    """All tasks of the process."""

    def __init__(
        self, order: Order, client: AsyncClient, recorder: Recorder, flag: WatchedFlag | None
    ) -> None:
        self._order = order
        self._client = client
        self._recorder = recorder
        self._flag = flag
        self.stop = asyncio.Event()

    async def buy_on(self, number: int) -> None:
        """One purchase after another."""
        chance = random.Random(f"{self._order.seed}/{number}")
        count = 0
        while not self.stop.is_set():
            count += 1
            scarce = chance.random() < 0.4
            user = f"shopper {chance.randrange(_SHOPPERS)}" if scarce else f"{number}/{count}"
            said = await self._reserve(user, SCARCE if scarce else PLENTY, _click(chance))
            if said is not None and said.reservation_id is not None:
                await self._end(user, said.reservation_id, chance)

    async def rush(self, number: int) -> None:
        """Every buyer of this task's share wants one unit, and asks until that is decided."""
        for buyer in range(number, self._order.rush, self._order.tasks):
            user = f"{self._order.seed}/{buyer}"
            chance = random.Random(user)
            request_id = _click(chance)
            gives_up = monotonic() + _PATIENCE_S
            while (said := await self._reserve(user, SCARCE, request_id)) is not None:
                if said.reservation_id is not None:
                    await self._pay(user, said.reservation_id)
                if said.retry != "may_return":
                    break
                if monotonic() > gives_up:
                    raise TimeoutError("units are held by buyers who do not know of it")
                await asyncio.sleep(0.05)
                if self._flag is not None:
                    request_id = _click(chance)

    async def _reserve(self, user: str, sku: str, request_id: UUID) -> ReserveResult | None:
        # The flag may answer a click once: afterwards PostgreSQL may have held for it.
        fresh = iter([self._flag is not None and not self.stop.is_set()])
        while True:
            said = await self._until_answered(
                lambda: self._recorder.reserve(
                    activity_id=self._order.activity_id,
                    user_id=user,
                    lines={sku: 1},
                    request_id=request_id,
                ),
                lambda: self._ask(user, sku, request_id, next(fresh, False)),
            )
            if said is not None and self._flag is not None:
                self._flag.answered(said)
            if said is None or said.status != "busy":
                return said
            await asyncio.sleep(0.02)

    def _ask(self, user: str, sku: str, request_id: UUID, fresh: bool) -> Awaitable[ReserveResult]:
        activity_id = self._order.activity_id
        if self._order.way == "now":
            return self._client.reserve_now(
                activity_id=activity_id, user_id=user, sku=sku, quantity=1, request_id=request_id
            )
        return self._client.reserve(
            activity_id=activity_id,
            user_id=user,
            sku=sku,
            quantity=1,
            request_id=request_id,
            first_try=fresh,
        )

    async def _end(self, user: str, held: int, chance: random.Random) -> None:
        then = chance.choices(("pay", "pay late", "cancel", "leave"), (40, 3, 20, 37))[0]
        if then == "cancel":
            await self._until_answered(
                lambda: self._recorder.cancel(user_id=user, reservation_id=held),
                lambda: self._client.cancel(user_id=user, reservation_id=held),
            )
        elif then != "leave":
            if then == "pay late":
                await asyncio.sleep(HOLD_SECONDS + 0.1)
            await self._pay(user, held)

    async def _pay(self, user: str, held: int) -> None:
        ref = f"payment {held}"
        await self._until_answered(
            lambda: self._recorder.confirm(user_id=user, reservation_id=held, payment_ref=ref),
            lambda: self._client.confirm(user_id=user, reservation_id=held, payment_ref=ref),
        )

    async def _until_answered(
        self, begin: Callable[[], Entry], call: Callable[[], Awaitable[Answer]]
    ) -> Answer | None:
        """None: the database does not know a reservation that it gave out; the judge says so."""
        gives_up = monotonic() + _PATIENCE_S
        while True:
            try:
                with begin() as entry:
                    said = await call()
                    entry.answered(said)
                    return said
            except UnknownReservation:
                return None
            except (Unavailable, OutcomeUnknown):
                if monotonic() > gives_up:
                    raise
                await asyncio.sleep(0.05)


def _click(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)


async def run(order: Order) -> None:
    """Buy until stdin ends, or the rush is over, and bring to its end what is under way."""
    record = Path(order.record)
    flag = WatchedFlag(order.redis, record) if order.redis else None
    with Recorder(record, "buyers", seed=order.seed, way=order.way) as recorder:
        async with AsyncClient(
            order.dsn,
            min_size=0,
            timeout_ms=order.timeout_ms,
            retry=NO_RETRY,
            flag=flag or "",
            coalesce=order.way == "batch",
        ) as client:
            buyers = Buyers(order, client, recorder, flag)
            watch = asyncio.create_task(_stop_with_stdin(buyers.stop))
            buy = buyers.rush if order.rush else buyers.buy_on
            async with asyncio.TaskGroup() as tasks:
                for number in range(order.tasks):
                    tasks.create_task(buy(number))
            await watch
    if flag is not None:
        await flag.close()


async def _stop_with_stdin(stop: asyncio.Event) -> None:
    await asyncio.to_thread(sys.stdin.read)
    stop.set()


if __name__ == "__main__":
    asyncio.run(run(Order(**json.loads(sys.stdin.readline()))))
