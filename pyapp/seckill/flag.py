"""The sold-out flag: what a client remembers of a pool that PostgreSQL called sold out.

A flag can only refuse. It is raised after PostgreSQL has said `sold_out` with nothing left, ends
by itself a moment later (the TTL), and carries the pool's epoch, which grows with every increase
of what is available: who comes late with an older epoch changes nothing. A flag that is lost,
late, unreadable or a lie costs latency, or one TTL; `Belief` sees to that on the client's side,
whatever the store says.

Stores: `LocalFlag`, `AsyncLocalFlag` in this process; `RedisFlag`, `AsyncRedisFlag`
(`seckill.flag_redis`) in Redis or Valkey, for all clients together.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import quote

V = TypeVar("V")

_FLAG = re.compile(rb"([0-9]{1,15}) (shut|open)")
_POOLS = 10_000
"""Pools that are remembered at most; those seen first are forgotten first."""


class StockPool(NamedTuple):
    """What a flag is about."""

    activity_id: int
    sku: str
    region: str

    @property
    def key(self) -> str:
        """The key in Redis. Parts are quoted, so that a colon in a sku makes no other pool."""
        sku, region = (quote(text, safe="*", errors="replace") for text in (self.sku, self.region))
        return f"seckill:soldout:{self.activity_id}:{sku}:{region}"


@dataclass(frozen=True, slots=True)
class Flag:
    """What a store knows of a pool.

    Attributes:
        epoch: of the pool, as PostgreSQL said it.
        shut: sold out at that epoch; else the pool was reopened with it.
    """

    epoch: int
    shut: bool

    def encode(self) -> bytes:
        """As it stands in Redis."""
        return f"{self.epoch} {'shut' if self.shut else 'open'}".encode()

    @classmethod
    def decode(cls, value: object) -> Flag | None:
        """What stands in Redis; None where that is nothing of ours."""
        found = _FLAG.fullmatch(value) if isinstance(value, bytes) else None
        return cls(int(found[1]), found[2] == b"shut") if found else None


class AsyncSoldOutFlag(Protocol):
    """A store of flags, for `AsyncClient`. Its methods are bounded in time and never raise."""

    @property
    def ttl_s(self) -> float:
        """Seconds that a flag lives."""
        ...

    async def read(self, pools: Sequence[StockPool]) -> Sequence[Flag | None]:
        """What is known of these pools, in their order."""
        ...

    async def shut(self, pool: StockPool, epoch: int, ends_at: float) -> None:
        """Raise the flag until an instant (monotonic), unless a newer epoch is known."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class SoldOutFlag(Protocol):
    """A store of flags, for `Client`. Its methods are bounded in time and never raise."""

    @property
    def ttl_s(self) -> float:
        """Seconds that a flag lives."""
        ...

    def read(self, pools: Sequence[StockPool]) -> Sequence[Flag | None]:
        """What is known of these pools, in their order."""
        ...

    def shut(self, pool: StockPool, epoch: int, ends_at: float) -> None:
        """Raise the flag until an instant (monotonic), unless a newer epoch is known."""
        ...

    def close(self) -> None:
        """Let go of what it holds."""
        ...


class LocalFlag:
    """Flags of this process, for who has no Redis; clients and threads may share one.

    Nobody tells it that units came back, unless the process does so with `reopen`: buyers get
    through again when the flag has ended.

    Args:
        ttl_ms: life of a flag.
    """

    def __init__(self, *, ttl_ms: int = 1_000) -> None:
        if ttl_ms < 1:
            raise ValueError("ttl_ms must be 1 or more")
        self.ttl_s = ttl_ms / 1000
        self._lock = threading.Lock()
        self._flags: dict[StockPool, tuple[Flag, float]] = {}

    def read(self, pools: Sequence[StockPool]) -> Sequence[Flag | None]:
        """What is known of these pools, in their order."""
        now = monotonic()
        found = [self._flags.get(pool) for pool in pools]
        # A flag that has ended is kept for its epoch.
        return [
            Flag(flag[0].epoch, flag[0].shut and now < flag[1]) if flag else None for flag in found
        ]

    def shut(self, pool: StockPool, epoch: int, ends_at: float) -> None:
        """Raise the flag until an instant (monotonic), unless a newer epoch is known."""
        with self._lock:
            kept = self._flags.get(pool)
            if kept is None or kept[0].epoch <= epoch:
                _remember(self._flags, pool, (Flag(epoch, True), ends_at))

    def reopen(self, pool: StockPool, epoch: int) -> None:
        """Lower the flag: with this epoch units became available."""
        with self._lock:
            kept = self._flags.get(pool)
            if kept is None or kept[0].epoch < epoch:
                _remember(self._flags, pool, (Flag(epoch, False), 0.0))

    def close(self) -> None:
        """Nothing to let go of."""


class AsyncLocalFlag:
    """As `LocalFlag`, for `AsyncClient`.

    Args:
        ttl_ms: life of a flag.
        local: flags to share with clients of the other kind; None: its own.
    """

    def __init__(self, *, ttl_ms: int = 1_000, local: LocalFlag | None = None) -> None:
        self.local = local or LocalFlag(ttl_ms=ttl_ms)
        self.ttl_s = self.local.ttl_s

    async def read(self, pools: Sequence[StockPool]) -> Sequence[Flag | None]:
        """What is known of these pools, in their order."""
        return self.local.read(pools)

    async def shut(self, pool: StockPool, epoch: int, ends_at: float) -> None:
        """Raise the flag until an instant (monotonic), unless a newer epoch is known."""
        self.local.shut(pool, epoch, ends_at)

    async def close(self) -> None:
        """Nothing to let go of."""


class Belief:
    """How long this client takes a store's word for it that a pool is sold out.

    For one TTL from the first time; after that only for one TTL from when PostgreSQL itself said
    so to this client. A store that lies for ever refuses one TTL long, by no other clock than
    this process's own.

    Args:
        ttl_s: the TTL in seconds.
    """

    def __init__(self, ttl_s: float) -> None:
        self._ttl_s = ttl_s
        self._until: dict[StockPool, float] = {}
        self._lock = threading.Lock()

    def holds(self, pool: StockPool, now: float) -> bool:
        """Whether a flag of this pool is believed at this instant (monotonic)."""
        with self._lock:
            until = self._until.get(pool)
            if until is None:
                until = now + self._ttl_s
                _remember(self._until, pool, until)
            return now < until

    def confirm(self, pool: StockPool, ends_at: float) -> None:
        """PostgreSQL said it itself; that is good until an instant (monotonic)."""
        with self._lock:
            _remember(self._until, pool, ends_at)


class Breaker:
    """Stops asking a store that does not answer, and tries it again now and then.

    Args:
        failures: in a row that open it.
        pause_s: until the first try; each further pause is twice the one before.
        longest_s: the longest pause.
    """

    def __init__(self, *, failures: int = 3, pause_s: float = 0.25, longest_s: float = 4.0) -> None:
        self._allowed = failures
        self._shortest_s = pause_s
        self._longest_s = longest_s
        self._failures = 0
        self._pause_s = pause_s
        self._closed_until = 0.0  # nobody asks before this instant

    def allows(self, now: float) -> bool:
        """Whether to ask now (monotonic); of those who come when a pause is over, one may."""
        if self._failures < self._allowed:
            return True
        if now < self._closed_until:
            return False
        self._closed_until = now + self._pause_s
        return True

    def rests(self, now: float) -> bool:
        """Whether nobody asks at this instant; does not count as the one who may."""
        return self._failures >= self._allowed and now < self._closed_until

    def succeeded(self) -> None:
        """It answered."""
        self._failures = 0
        self._pause_s = self._shortest_s

    def failed(self, now: float) -> None:
        """It did not."""
        self._failures += 1
        if self._failures > self._allowed:
            self._pause_s = min(2 * self._pause_s, self._longest_s)
        if self._failures >= self._allowed:
            self._closed_until = now + self._pause_s


def _remember(memory: dict[StockPool, V], pool: StockPool, value: V) -> None:
    """Keep a value, as the newest; the oldest goes when there are too many."""
    memory.pop(pool, None)
    memory[pool] = value
    if len(memory) > _POOLS:
        del memory[next(iter(memory))]
