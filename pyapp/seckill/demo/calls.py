"""The one place where a buyer's call is made: queue, clock, tally."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Literal
from uuid import UUID

from seckill.demo.shop import Answer, Shop
from seckill.errors import OutcomeUnknown, SeckillError, Unavailable, UnknownReservation

Kind = Literal["reserve", "pay", "cancel"]

# How long a call that finds no server is repeated, after the client itself has given up.
_PATIENCE_S = 60.0


@dataclass(slots=True)
class Latencies:
    """Of one kind of call, in milliseconds.

    Attributes:
        click: from the instant at which the buyer meant to call, so that queueing counts.
        call: from sending to the answer, retries included.
    """

    click: list[float] = field(default_factory=list[float])
    call: list[float] = field(default_factory=list[float])


class Calls:
    """Makes the calls of one process and remembers what was answered.

    Args:
        shop: whom to call.
        buying: `reserve` calls at a time.
        paying: `confirm` and `cancel` calls at a time.

    Attributes:
        answers: by kind and status, as `reserve sold_out`; a replay counts as `reserve replay`, and
            where the shop says which limit refused, its name follows.
        latencies: by kind.
        broken: contradictions that a buyer saw, a line each.
        flagged: refusals by the sold-out flag, which PostgreSQL did not see.
    """

    def __init__(self, shop: Shop, *, buying: int, paying: int) -> None:
        self.answers: Counter[str] = Counter()
        self.latencies: dict[Kind, Latencies] = {
            "reserve": Latencies(),
            "pay": Latencies(),
            "cancel": Latencies(),
        }
        self.broken: list[str] = []
        self.flagged = 0
        self._sent: set[UUID] = set()
        self._shop = shop
        self._by_request: dict[UUID, int] = {}
        counter = asyncio.Semaphore(paying)
        self._gates = {"reserve": asyncio.Semaphore(buying), "pay": counter, "cancel": counter}

    async def reserve(self, user_id: str, request_id: UUID, since: float) -> Answer:
        """Ask for a unit; `since` is the instant (monotonic) of the click."""
        answer = await self._make("reserve", lambda: self._reserve(user_id, request_id), since)
        self.flagged += answer.flagged
        if answer.status == "held" and answer.reservation_id is not None:
            self._held(request_id, answer.reservation_id)
        return answer

    async def pay(self, user_id: str, reservation_id: int, since: float) -> Answer:
        """Pay for a hold."""
        return await self._resolve("pay", self._shop.pay, user_id, reservation_id, since)

    async def cancel(self, user_id: str, reservation_id: int, since: float) -> Answer:
        """Give a hold back."""
        return await self._resolve("cancel", self._shop.cancel, user_id, reservation_id, since)

    async def _reserve(self, user_id: str, request_id: UUID) -> Answer:
        first_try = request_id not in self._sent
        self._sent.add(request_id)
        return await self._shop.reserve(user_id, request_id, first_try=first_try)

    async def _resolve(
        self,
        kind: Kind,
        call: Callable[[str, int], Awaitable[Answer]],
        user_id: str,
        reservation_id: int,
        since: float,
    ) -> Answer:
        try:
            return await self._make(kind, lambda: call(user_id, reservation_id), since)
        except UnknownReservation:
            self.broken.append(f"reservation {reservation_id} was held, {kind} does not know it")
            return Answer("unknown")

    async def _make(
        self, kind: Kind, call: Callable[[], Awaitable[Answer]], since: float
    ) -> Answer:
        async with self._gates[kind]:
            sent = monotonic()
            answer = await self._until_answered(kind, call)
        now = monotonic()
        self.latencies[kind].click.append((now - since) * 1000)
        self.latencies[kind].call.append((now - sent) * 1000)
        status = "replay" if kind == "reserve" and answer.replayed else answer.status
        named = f" {answer.limit}" if answer.limit else ""
        self.answers[f"{kind} {status}{named}"] += 1
        return answer

    async def _until_answered(self, kind: Kind, call: Callable[[], Awaitable[Answer]]) -> Answer:
        # Every call may be repeated: it carries its request id or its reservation id.
        gives_up: float | None = None
        while True:
            try:
                return await call()
            except (Unavailable, OutcomeUnknown) as error:
                known = "unknown" if isinstance(error, OutcomeUnknown) else "unavailable"
                self.answers[f"{kind} {known}"] += 1
                gives_up = gives_up or monotonic() + _PATIENCE_S
                if monotonic() > gives_up:
                    raise SeckillError(f"{kind}: no answer for a minute: {error}") from error
                await asyncio.sleep(0.2)

    def _held(self, request_id: UUID, reservation_id: int) -> None:
        first = self._by_request.setdefault(request_id, reservation_id)
        if first != reservation_id:
            self.broken.append(f"request {request_id} was answered {first} and {reservation_id}")
