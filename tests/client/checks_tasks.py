"""As checks_coalesce_async.py: what only tasks and event loops can do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from seckill import AsyncClient, _core_async
from tests.client.checks_coalesce_async import buy, piled_up
from tests.client.fix_client import (
    blocked_pids,
    finish_async,
    held_by,
    pool_locked,
    until_async,
)
from tests.client.fix_coalesce import Arena, asked_of, require_books, require_idle, waiting
from tests.concurrency.sessions import require, require_equal
from tests.fix_sale import Sale


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a task, and see that it ends by that."""
    task.cancel()
    answer = (await asyncio.gather(task, return_exceptions=True))[0]
    require(isinstance(answer, asyncio.CancelledError), f"a cancelled task ended with {answer!r}")


async def who_leaves_the_queue_is_not_sent(arena: Arena) -> None:
    """A caller cancelled while it waits buys nothing, and those around it buy."""
    sale = arena.sale(units=20)
    with asked_of(_core_async) as asked:
        async with AsyncClient(arena.buyer, in_flight=1) as client:
            with pool_locked(arena.superuser, sale):
                calls = [partial(buy, client, sale, f"user {number}") for number in range(4)]
                first, others = await piled_up(client, arena, sale, calls)
                await cancelled(others[1])
            answers = [await finish_async(one) for one in (first, others[0], *others[2:])]
            require(all(answer.ok for answer in answers), f"answers: {answers}")
            require_idle(client)
    require_equal(asked, ["one", "batch of 3"], "calls")
    require_books(arena, sale, held=4)


async def who_leaves_a_batch_spoils_nothing(arena: Arena) -> None:
    """A caller cancelled while its batch is out takes nobody along; its units wait for it."""
    sale = arena.sale(units=20)
    with asked_of(_core_async) as asked:
        await _leave_a_batch(arena, sale)
    require_equal(asked, ["one", "batch of 4"], "calls")
    require_books(arena, sale, held=4)


async def _leave_a_batch(arena: Arena, sale: Sale) -> None:
    async with AsyncClient(arena.buyer, in_flight=1) as client:
        with pool_locked(arena.superuser, sale), arena.connect() as watcher:
            calls = [partial(buy, client, sale, f"user {number}") for number in range(4)]
            first, others = await piled_up(client, arena, sale, calls)
            # The first gives its connection up, so that the batch is what waits for the pool.
            before = set(blocked_pids(watcher))
            await cancelled(first)
            await until_async(lambda: bool(set(blocked_pids(watcher)) - before))
            for one in (others[0], others[3]):
                await cancelled(one)
            # PostgreSQL notices by itself that nobody waits for the first one's answer.
            await until_async(lambda: not before & set(blocked_pids(watcher)))
        answers = [await finish_async(one) for one in others[1:3]]
        require(all(getattr(one, "ok", False) for one in answers), f"answers: {answers}")
        await until_async(lambda: not client_busy(client))
        require_idle(client)


def client_busy(client: Any) -> bool:
    """Whether a batch is out."""
    return bool(client._coalescer._serving)


async def who_leaves_alone_passes_its_slot_on(arena: Arena) -> None:
    """A caller cancelled while it is out gives its connection up, and the next ones go."""
    sale = arena.sale(units=20)
    async with AsyncClient(arena.buyer, in_flight=1) as client:
        with pool_locked(arena.superuser, sale), arena.connect() as watcher:
            first, (other,) = await piled_up(
                client, arena, sale, [partial(buy, client, sale, "ann")]
            )
            lost = set(blocked_pids(watcher))
            await cancelled(first)
            await until_async(lambda: bool(set(blocked_pids(watcher)) - lost))
            await until_async(lambda: not lost & set(blocked_pids(watcher)))
        require((await finish_async(other)).ok, "who came next")
        require_idle(client)
        with arena.connect() as superuser:
            require_equal(held_by(superuser, sale, "first"), 0, "units of who left")
    require_books(arena, sale, held=1)


async def who_leaves_as_its_turn_comes(arena: Arena) -> None:
    """Cancelled in the very step in which the slot came: the slot goes on to the next."""
    sale = arena.sale(units=20)
    async with AsyncClient(arena.buyer, in_flight=1) as client:
        lanes: Any = client._coalescer
        with pool_locked(arena.superuser, sale):
            first, (other,) = await piled_up(
                client, arena, sale, [partial(buy, client, sale, "ann")]
            )
            passes_on = lanes._pass_on

            def and_leaves(lane: Any) -> None:
                passes_on(lane)
                lanes._pass_on = passes_on
                other.cancel()

            lanes._pass_on = and_leaves
        require((await finish_async(first)).ok, "the first")
        gone = (await asyncio.gather(other, return_exceptions=True))[0]
        require(isinstance(gone, asyncio.CancelledError), f"a cancelled task ended with {gone!r}")
        require_idle(client)
        require((await buy(client, sale, "bob")).ok, "a purchase afterwards")
    require_books(arena, sale, held=2)


async def a_deadline_of_the_caller(arena: Arena) -> None:
    """asyncio.timeout around a call ends the call, and nothing else."""
    sale = arena.sale(units=20)
    async with AsyncClient(arena.buyer, in_flight=1) as client:

        async def hasty() -> Any:
            async with asyncio.timeout(0.2):
                return await buy(client, sale, "hasty")

        with pool_locked(arena.superuser, sale):
            calls: list[Callable[[], Awaitable[Any]]] = [partial(buy, client, sale, "ann"), hasty]
            first, (patient, other) = await piled_up(client, arena, sale, calls)
            require_equal(type(await finish_async(other)), TimeoutError, "who was hasty")
        for one in (first, patient):
            require((await finish_async(one)).ok, "who was patient")
        require_idle(client)
    require_books(arena, sale, held=2)


async def cancelled_at_every_stage(arena: Arena) -> None:
    """Whenever callers leave, no slot and no connection stays behind."""
    sale = arena.sale(units=10_000)
    async with AsyncClient(arena.buyer, max_size=2, min_size=0, max_batch=3) as client:
        for delay in range(60):
            tasks = [
                asyncio.create_task(buy(client, sale, f"user {number}")) for number in range(12)
            ]
            await asyncio.sleep(delay / 6_000)
            for task in tasks[delay % 3 :: 2]:
                task.cancel()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            odd = [
                one
                for one in answers
                if isinstance(one, Exception) or getattr(one, "status", "held") != "held"
            ]
            require(not odd, f"answers: {odd}")
        await until_async(lambda: not client_busy(client))
        require_equal(waiting(client), 0, "who still waits")
        require_idle(client)
    with arena.connect() as superuser:
        row = superuser.execute(
            "select held from seckill.availability(p_activity_id => %s, p_sku => %s)",
            [sale.activity_id, sale.sku],
        ).fetchone()
        assert row is not None
    require_books(arena, sale, held=row.held)


async def one_loop_after_the_other(arena: Arena) -> None:
    """A client closed in one loop serves another; a loop that ends with callers leaves no task."""
    sale = arena.sale(units=20)
    client = AsyncClient(arena.buyer, in_flight=1)
    complaints: list[object] = []

    async def crowd() -> list[Any]:
        async with client:
            return await asyncio.gather(
                *(buy(client, sale, f"user {number}") for number in range(5))
            )

    async def left_behind() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: complaints.append(what))
        await client.open()
        with pool_locked(arena.superuser, sale):
            await piled_up(client, arena, sale, [partial(buy, client, sale)] * 3)
        # The loop ends here, and cancels who still waits.

    for scene in (crowd, left_behind):
        await asyncio.to_thread(asyncio.run, scene())
    await client.close()
    await asyncio.to_thread(asyncio.run, crowd())
    require(not complaints, f"the loop says: {complaints}")


CHECKS: dict[str, Callable[[Arena], Awaitable[None]]] = {
    check.__name__: check
    for check in (
        who_leaves_the_queue_is_not_sent,
        who_leaves_a_batch_spoils_nothing,
        who_leaves_alone_passes_its_slot_on,
        who_leaves_as_its_turn_comes,
        a_deadline_of_the_caller,
        cancelled_at_every_stage,
        one_loop_after_the_other,
    )
}
