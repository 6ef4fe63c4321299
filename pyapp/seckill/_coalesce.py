"""Purchases that go to PostgreSQL together: for tasks and for threads, side by side.

What goes together, and what an answer means for whom, is decided in `seckill._batching`. To the
client this is one attempt of one call: the time limit, the retries and what is known at the end
are each caller's own.

Tasks: a batch is sent by a task of its own, so that no caller who is cancelled takes it along.
Threads: one of the callers sends it, the one whose time ends last, so that serving the others
costs it nothing.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from seckill._batching import (
    BATCH,
    Lane,
    Lanes,
    Ticket,
    Turn,
    abandon,
    after_failure,
    batch_of,
    deliver,
    still_wanted,
)
from seckill._calls import RESERVE
from seckill.results import ReserveResult

# A call, its values, and when the answer must be there.
AsyncAttempt = Callable[[Any, Mapping[str, object], float], Awaitable[list[Any]]]
Attempt = Callable[[Any, Mapping[str, object], float], list[Any]]

_LOOK_S = 0.05
"""How late a task may be told that its time is over."""


class AsyncCoalescer:
    """The purchases of one open client.

    Args:
        attempt: makes one attempt of a call on a connection of the pool.
        in_flight: calls for one pool of stock that are out at a time.
        max_batch: purchases in one of them.
    """

    def __init__(self, attempt: AsyncAttempt, *, in_flight: int, max_batch: int) -> None:
        self._attempt = attempt
        self._lanes = Lanes(in_flight=in_flight, max_batch=max_batch)
        self._serving: set[asyncio.Task[None]] = set()  # the loop itself keeps no reference
        self._waiting: set[Ticket] = set()
        self._watch: asyncio.TimerHandle | None = None

    async def reserve(self, values: Mapping[str, Any], ends: float) -> list[ReserveResult]:
        """One attempt of `reserve`, by itself or together with others."""
        ticket = self._lanes.enter(values, ends)
        if ticket.turn is Turn.WAITS:
            await self._wait(ticket)
        if ticket.turn is Turn.ALONE:
            try:
                return await self._attempt(RESERVE, values, ends)
            finally:
                self._pass_on(ticket.lane)
        answer = ticket.answer()
        return await self._attempt(RESERVE, values, ends) if answer is None else [answer]

    async def _wait(self, ticket: Ticket) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def signal() -> None:
            if not woken.done():
                woken.set_result(None)

        ticket.signal = signal
        self._waiting.add(ticket)
        if self._watch is None:
            self._look()
        try:
            await woken
        except BaseException:
            if ticket.turn is Turn.ALONE:  # its turn came at the very moment
                self._pass_on(ticket.lane)
            ticket.turn = Turn.ENDED
            raise
        finally:
            self._waiting.discard(ticket)
        ticket.stop_waiting()

    def _look(self) -> None:
        """Wake those whose time is over, now and then while anybody waits.

        One timer for all: one for each would cost a tenth of what a purchase costs here.
        """
        self._watch = None
        if not self._waiting:
            return
        now = monotonic()
        for ticket in self._waiting:
            if ticket.ends <= now:
                ticket.signal()
        self._watch = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def _pass_on(self, lane: Lane) -> None:
        batch = self._lanes.pass_on(lane)
        if batch:
            task = asyncio.get_running_loop().create_task(self._serve(lane, batch))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

    async def _serve(self, lane: Lane, batch: Sequence[Ticket]) -> None:
        try:
            await self._send(batch)
        finally:
            abandon(batch)
            self._pass_on(lane)

    async def _send(self, tickets: Sequence[Ticket]) -> None:
        tickets = still_wanted(tickets)
        if not tickets:
            return
        ends = max(ticket.ends for ticket in tickets)
        try:
            deliver(tickets, await self._attempt(BATCH, batch_of(tickets), ends))
        except Exception as error:  # noqa: BLE001 (raised to those whom it concerns)
            for part in after_failure(tickets, error):
                await self._send(part)


class Coalescer:
    """The purchases of one open client.

    Args:
        attempt: makes one attempt of a call on a connection of the pool.
        in_flight: calls for one pool of stock that are out at a time.
        max_batch: purchases in one of them.
    """

    def __init__(self, attempt: Attempt, *, in_flight: int, max_batch: int) -> None:
        self._attempt = attempt
        self._lanes = Lanes(in_flight=in_flight, max_batch=max_batch)
        self._lock = threading.Lock()  # around the lanes, and around the turns that they give

    def reserve(self, values: Mapping[str, Any], ends: float) -> list[ReserveResult]:
        """One attempt of `reserve`, by itself or together with others."""
        woken = threading.Event()
        with self._lock:
            ticket = self._lanes.enter(values, ends)
            ticket.signal = woken.set
        try:
            if ticket.turn is not Turn.ALONE:
                woken.wait(max(0.0, ends - monotonic()))
                with self._lock:
                    ticket.stop_waiting()
            if ticket.turn is Turn.ALONE:
                return self._attempt(RESERVE, values, ends)
            if ticket.batch is not None:
                self._send(ticket.batch)
        finally:
            self._leave(ticket)
        answer = ticket.answer()
        return self._attempt(RESERVE, values, ends) if answer is None else [answer]

    def _leave(self, ticket: Ticket) -> None:
        with self._lock:
            had_slot = ticket.turn is Turn.ALONE or ticket.batch is not None
            abandon(ticket.batch or ())
            ticket.turn = Turn.ENDED
            batch = self._lanes.pass_on(ticket.lane) if had_slot else []
            if batch:
                leader = max(batch, key=lambda one: one.ends)
                leader.batch = batch
                leader.signal()

    def _send(self, tickets: Sequence[Ticket]) -> None:
        tickets = still_wanted(tickets)
        if not tickets:
            return
        ends = max(ticket.ends for ticket in tickets)
        try:
            deliver(tickets, self._attempt(BATCH, batch_of(tickets), ends))
        except Exception as error:  # noqa: BLE001 (raised to those whom it concerns)
            for part in after_failure(tickets, error):
                self._send(part)
