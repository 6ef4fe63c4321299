"""What a buyer can do in a shop, and Seckill as such a shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from seckill.client_async import AsyncClient
from seckill.history import Recorder
from seckill.retry import RetryPolicy

SKU = "phone"

# Long enough to outlive a restart of PostgreSQL. The runtime's server notices within 200 ms that
# its client has gone (client_connection_check_interval), so a lost call is settled sooner than
# the default assumes.
_RETRY = RetryPolicy(deadline_ms=60_000, max_attempts=200, cap_ms=500, settle_ms=1_500)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a shop says to one call.

    Attributes:
        status: as the SQL API names it: `held`, `sold_out`, `confirmed` …
        reservation_id: of the hold; None where refused.
        replayed: the same request had been answered before.
        may_return: refused now, but units are held unpaid and may come back.
        limit: the name of the limit that refused, where the sale has several.
        flagged: the sold-out flag refused, PostgreSQL was not asked.
    """

    status: str
    reservation_id: int | None = None
    replayed: bool = False
    may_return: bool = False
    limit: str | None = None
    flagged: bool = False


@dataclass(frozen=True, slots=True)
class Stock:
    """The units of the sale at an instant."""

    total: int
    available: int
    held: int
    sold: int

    @property
    def settled(self) -> bool:
        """Whether nothing can be had any more, now or later."""
        return self.available <= 0 and self.held == 0


class Shop(Protocol):
    """What the crowd calls; one object a process."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def reserve(self, user_id: str, request_id: UUID, *, first_try: bool) -> Answer:
        """Ask for one unit; `first_try`: nobody has asked with this request id before."""
        ...

    async def pay(self, user_id: str, reservation_id: int) -> Answer:
        """Pay for a hold."""
        ...

    async def cancel(self, user_id: str, reservation_id: int) -> Answer:
        """Give a hold back."""
        ...

    async def stock(self) -> Stock:
        """Look at the shop window."""
        ...


class SeckillShop:
    """Seckill, through PgBouncer.

    Args:
        dsn: of a member of `seckill_app`.
        activity_id: the sale.
        recorder: writes down every call of the buyers.
        buying: connections for `reserve`.
        paying: connections for everything else: a payment does not queue behind the crowd.
        subjects: what each user brings beside his id; None: nothing.
        redis_url: of the sold-out flag; empty: none.
    """

    def __init__(
        self,
        dsn: str,
        activity_id: int,
        recorder: Recorder,
        *,
        buying: int,
        paying: int,
        subjects: Mapping[str, Mapping[str, str]] | None = None,
        redis_url: str = "",
    ) -> None:
        self._activity_id = activity_id
        self._recorder = recorder
        self._subjects = subjects
        self._buying = AsyncClient(
            dsn, max_size=buying, timeout_ms=20_000, retry=_RETRY, flag=redis_url
        )
        # One more, for the shop window.
        self._paying = AsyncClient(
            dsn, max_size=paying + 1, timeout_ms=20_000, retry=_RETRY, flag=""
        )

    async def __aenter__(self) -> Self:
        await self._buying.open()
        await self._paying.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._buying.close()
        await self._paying.close()

    async def reserve(self, user_id: str, request_id: UUID, *, first_try: bool) -> Answer:
        """seckill.reserve of one unit."""
        with self._recorder.reserve(
            activity_id=self._activity_id, user_id=user_id, lines={SKU: 1}, request_id=request_id
        ) as entry:
            said = await self._buying.reserve(
                activity_id=self._activity_id,
                user_id=user_id,
                sku=SKU,
                quantity=1,
                request_id=request_id,
                subjects={} if self._subjects is None else self._subjects[user_id],
                first_try=first_try,
            )
            entry.answered(said)
        may_return = said.retry == "may_return"
        return Answer(
            said.status,
            said.reservation_id,
            bool(said.replayed),
            may_return,
            None if self._subjects is None else said.limit_name,
            # PostgreSQL names the instant at which units may come back; a flag names none.
            flagged=said.status == "sold_out" and may_return and said.retry_at is None,
        )

    async def pay(self, user_id: str, reservation_id: int) -> Answer:
        """seckill.confirm; the payment is named after the hold it pays for."""
        payment_ref = f"payment-{reservation_id}"
        with self._recorder.confirm(
            user_id=user_id, reservation_id=reservation_id, payment_ref=payment_ref
        ) as entry:
            said = await self._paying.confirm(
                user_id=user_id, reservation_id=reservation_id, payment_ref=payment_ref
            )
            entry.answered(said)
        return Answer(said.status, reservation_id, bool(said.replayed))

    async def cancel(self, user_id: str, reservation_id: int) -> Answer:
        """seckill.cancel."""
        with self._recorder.cancel(user_id=user_id, reservation_id=reservation_id) as entry:
            said = await self._paying.cancel(user_id=user_id, reservation_id=reservation_id)
            entry.answered(said)
        return Answer(said.status, reservation_id, bool(said.replayed))

    async def stock(self) -> Stock:
        """seckill.availability."""
        said = await self._paying.availability(activity_id=self._activity_id, sku=SKU)
        return Stock(said.total, said.available, said.held, said.sold)
