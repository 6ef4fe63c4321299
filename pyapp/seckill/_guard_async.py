"""Where a client meets the sold-out flag: before a purchase, and after its answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from time import monotonic

from seckill.flag import AsyncSoldOutFlag, Belief, StockPool
from seckill.flag_redis import AsyncRedisFlag
from seckill.results import ReserveResult


class AsyncGuard:
    """Refuses where the flag is up, and raises it after PostgreSQL's refusals.

    Args:
        flag: the store.
    """

    def __init__(self, flag: AsyncSoldOutFlag) -> None:
        self._flag = flag
        self._belief = Belief(flag.ttl_s)

    async def refusal(self, pools: Sequence[StockPool]) -> ReserveResult | None:
        """The answer to a purchase from these pools where one is flagged; else ask PostgreSQL.

        It never says `final` and names no instant: what a store says may be false, and a buyer
        must not leave for good over it.
        """
        pools = sorted(pools)
        now = monotonic()
        for pool, flag in zip(pools, await self._flag.read(pools), strict=True):
            if flag is not None and flag.shut and self._belief.holds(pool, now):
                return ReserveResult(
                    status="sold_out",
                    ordinal=1,
                    reservation_id=None,
                    replayed=False,
                    state=None,
                    expires_at=None,
                    limit_name=None,
                    sku=pool.sku,
                    remaining=0,
                    epoch=flag.epoch,
                    retry="may_return",
                    retry_at=None,
                    error_code=None,
                )
        return None

    async def learn(
        self, pools: Sequence[StockPool], answer: ReserveResult, asked_at: float
    ) -> None:
        """Raise the flag where PostgreSQL says that nothing is left.

        It ends one TTL after the question (`asked_at`, monotonic), so that an answer that was
        long on its way raises a short flag or none; and not after units may come back by
        themselves.
        """
        if answer.status != "sold_out" or answer.remaining != 0 or answer.epoch is None:
            return
        ends_at = asked_at + self._flag.ttl_s
        if answer.retry_at is not None:
            returns_in = answer.retry_at - datetime.now(UTC)
            ends_at = min(ends_at, monotonic() + returns_in.total_seconds())
        for pool in pools:
            if pool.sku == answer.sku and ends_at > monotonic():
                self._belief.confirm(pool, ends_at)
                await self._flag.shut(pool, answer.epoch, ends_at)


def guard_of(
    flag: AsyncSoldOutFlag | str | None, environment: str | None
) -> tuple[AsyncGuard | None, AsyncSoldOutFlag | None]:
    """The guard of a client, and the store that the client made for it and has to close.

    Args:
        flag: what the client was given: a store, a URL, "" for none, None for the environment's.
        environment: the URL in the environment.
    """
    if flag is None:
        flag = environment
    if not flag:
        return None, None
    if isinstance(flag, str):
        made = AsyncRedisFlag(flag)
        return AsyncGuard(made), made
    return AsyncGuard(flag), None
