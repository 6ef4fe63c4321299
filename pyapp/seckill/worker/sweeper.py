"""Settles holds that have ended, a small batch at a time, so that buyers hardly wait for it."""

from __future__ import annotations

from seckill.client_async import AsyncClient
from seckill.worker.tally import Tally


class Sweeper:
    """Calls `expire_due` until none is left. Any number may run at once.

    Args:
        client: of a member of `seckill_ops`.
        tally: of the worker.
        batch: holds a call. The rows of their pools are locked as long as a call lasts.
        pause_s: seconds between two batches, for the buyers.
    """

    name = "sweep"

    def __init__(self, client: AsyncClient, tally: Tally, *, batch: int, pause_s: float) -> None:
        self.pause_s = pause_s
        self._client = client
        self._tally = tally
        self._batch = batch

    async def step(self) -> bool:
        """One batch; whether there may be more."""
        swept = await self._client.expire_due(limit=self._batch, actor="seckill worker")
        self._tally.swept += swept
        return swept > 0
