"""Carries reopenings from the ledger to the sold-out flag.

It follows `seckill.changes`. After every change that may have made units available it reads the
pool's epoch, which is that increase's or newer, and writes it to the flag: that lowers an older
flag, and keeps a client that comes late with an older answer from raising one.

A flag lives for a second or so, so the relay needs no history: where it has no cursor it reads the
feed to its end without doing anything, and a pool that Redis would not take is dropped once its
flag must have ended by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from seckill.client_async import AsyncClient
from seckill.errors import InvalidArgument, UnknownActivity, UnknownPool, WrongState
from seckill.flag import StockPool
from seckill.flag_redis import AsyncRedisFlag
from seckill.results import Change
from seckill.worker.tally import Tally, say

# Kinds of changes that make nothing available. A kind that is not listed costs a look at the pool.
_NO_INCREASE = frozenset(
    {
        "hold",
        "confirm",
        "late_confirm",
        "late_sold_out",
        "late_limit_exceeded",
        "duplicate_payment",
        "close",
        "level",
    }
)
_LOOKS = 4
"""Pools looked at at a time: as many connections does the worker's client have."""


class Relay:
    """Reads the feed and lowers flags. Several may run at once; each does all of it.

    Args:
        client: of a member of `seckill_ops`.
        flag: where clients look.
        tally: of the worker.
        limit: changes a call.
        cursor_file: where to keep the place in the feed; None: nowhere.
    """

    name = "relay"
    pause_s = 0.0

    def __init__(
        self,
        client: AsyncClient,
        flag: AsyncRedisFlag,
        tally: Tally,
        *,
        limit: int = 1_000,
        cursor_file: Path | None = None,
    ) -> None:
        self._client = client
        self._flag = flag
        self._tally = tally
        self._limit = limit
        self._cursor_file = cursor_file
        self._cursor = _kept(cursor_file)
        # What is older raised no flag that is still up.
        self._oldest = datetime.now(UTC).timestamp() - 10 * flag.ttl_s
        self._waiting: dict[StockPool, tuple[datetime, float]] = {}

    async def step(self) -> bool:
        """One page of changes; whether there may be more."""
        limit = self._limit
        try:
            changes = await self._client.changes(after=self._cursor, limit=limit)
        except (InvalidArgument, WrongState) as error:
            if self._cursor is None:
                raise
            # The database was restored, or what came next was archived.
            say("rewound", error=str(error))
            self._cursor = None
            return True
        for change in changes:
            self._note(change)
        await self._lower()
        if changes:
            self._tally.relayed += len(changes)
            self._cursor = changes[-1].cursor
            try:
                _keep(self._cursor_file, self._cursor)
            except OSError:
                # Without its place a relay that is started anew reads more, and misses nothing:
                # no reason to stop, and the sweeper with it.
                self._tally.file_errors += 1
        return len(changes) == limit

    def _note(self, change: Change) -> None:
        if change.kind in _NO_INCREASE or change.at.timestamp() < self._oldest:
            return
        if change.sku is not None and change.region is not None:
            pool = StockPool(change.activity_id, change.sku, change.region)
            self._waiting.setdefault(pool, (change.at, monotonic()))

    async def _lower(self) -> None:
        """Lower the flags of the pools that wait for it."""
        pools = list(self._waiting)
        for start in range(0, len(pools), _LOOKS):
            some = pools[start : start + _LOOKS]
            await self._lower_some(some)

    async def _lower_some(self, pools: Sequence[StockPool]) -> None:
        epochs = await asyncio.gather(*map(self._epoch, pools))
        for pool, epoch in zip(pools, epochs, strict=True):
            at, since = self._waiting[pool]
            if epoch is None:
                del self._waiting[pool]
            elif await self._flag.reopen(pool, epoch):
                del self._waiting[pool]
                self._tally.reopened += 1
                self._tally.saw_lag(datetime.now(UTC).timestamp() - at.timestamp())
            else:
                self._tally.flag_errors += 1
                if monotonic() - since > 10 * self._flag.ttl_s:
                    del self._waiting[pool]

    async def _epoch(self, pool: StockPool) -> int | None:
        with suppress(UnknownActivity, UnknownPool):  # archived meanwhile
            found = await self._client.availability(
                activity_id=pool.activity_id, sku=pool.sku, region=pool.region
            )
            return found.epoch
        return None


def _kept(path: Path | None) -> str | None:
    """The cursor in a file; None where there is no such file."""
    if path is None or not path.exists():
        return None
    # What is no text is no cursor either; the database will say so.
    return path.read_text(encoding="utf-8", errors="replace").strip() or None


def _keep(path: Path | None, cursor: str | None) -> None:
    """Write the cursor in one step, so that the file is always whole."""
    if path is not None and cursor is not None:
        new = path.with_name(f"{path.name}.new")
        new.write_text(f"{cursor}\n", encoding="utf-8")
        new.replace(path)
