"""What purchases that go together must never do, as checks that mutations must not pass.

Each is called with an arena, and raises Violation on a client that is wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from psycopg import AsyncConnection

from seckill import (
    NO_RETRY,
    AsyncClient,
    OutcomeUnknown,
    ReserveResult,
    RetryPolicy,
    SeckillError,
    Unavailable,
    _core_async,
)
from seckill.flag import AsyncLocalFlag
from tests.client.fix_client import (
    background_async,
    blocked_pids,
    finish_async,
    held_by,
    pool_locked,
    until_async,
)
from tests.client.fix_coalesce import (
    Arena,
    asked_of,
    require_books,
    require_idle,
    waiting,
)
from tests.concurrency.sessions import require, require_equal
from tests.fix_sale import Sale


async def buy(client: AsyncClient, sale: Sale, user: Any = "ann", **more: Any) -> ReserveResult:
    """A purchase of one unit unless told otherwise."""
    call: dict[str, Any] = {"sku": sale.sku, "quantity": 1} | more
    return await client.reserve(activity_id=sale.activity_id, user_id=user, **call)


async def tried(call: Callable[[], Awaitable[Any]]) -> Any:
    """What a call returns or raises."""
    try:
        return await call()
    except Exception as error:  # noqa: BLE001 (it is what the check looks at)
        return error


async def piled_up(
    client: AsyncClient, arena: Arena, sale: Sale, calls: Sequence[Callable[[], Awaitable[Any]]]
) -> tuple[Any, list[Any]]:
    """A purchase that waits for the pool, whose row is locked, and calls that wait for their turn.

    For a client with one call in flight at a time.
    """
    with arena.connect() as watcher:
        first = background_async(lambda: tried(lambda: buy(client, sale, "first")))
        await until_async(lambda: bool(blocked_pids(watcher)))
    others: list[Any] = []
    for call in calls:
        others.append(background_async(partial(tried, call)))
        await until_async(lambda: waiting(client) == len(others))
    return first, others


async def idle_costs_nothing(arena: Arena) -> None:
    """Calls one after another go at once and by themselves."""
    sale = arena.sale()
    with asked_of(_core_async) as asked:
        async with AsyncClient(arena.buyer) as client:
            for number in range(5):
                require((await buy(client, sale, f"user {number}")).ok, "not held")
            require_idle(client)
    require_equal(asked, ["one"] * 5, "calls")


async def a_crowd_goes_together(arena: Arena) -> None:
    """Those who come while two calls are out are one batch, and each has its own answer."""
    sale = arena.sale(units=300)
    with asked_of(_core_async) as asked:
        async with AsyncClient(arena.buyer) as client:
            with pool_locked(arena.superuser, sale), arena.connect() as watcher:
                running = [
                    background_async(partial(buy, client, sale, f"user {number}"))
                    for number in range(2)
                ]
                await until_async(lambda: len(blocked_pids(watcher)) == 2)
                for number in range(2, 202):
                    running.append(background_async(partial(buy, client, sale, f"user {number}")))
                await until_async(lambda: waiting(client) == 200)
            answers = [await finish_async(one) for one in running]
            require_equal({answer.status for answer in answers}, {"held"}, "answers")
            require_equal({answer.ordinal for answer in answers}, {1}, "ordinals")
            for number, answer in enumerate(answers):
                paid = await tried(
                    partial(
                        client.confirm,
                        user_id=f"user {number}",
                        reservation_id=answer.reservation_id or 0,
                    )
                )
                require_equal(getattr(paid, "status", paid), "confirmed", "the answer's own buyer")
            require_idle(client)
    require_equal(asked, ["one", "one", "batch of 200"], "calls")
    require_books(arena, sale, held=0)


async def a_batch_is_bounded(arena: Arena) -> None:
    """No more than `max_batch` go together; the rest is the next batch, and none is forgotten."""
    sale = arena.sale(units=20)
    with asked_of(_core_async) as asked:
        async with AsyncClient(arena.buyer, max_batch=4, in_flight=1) as client:
            with pool_locked(arena.superuser, sale):
                calls = [partial(buy, client, sale, f"user {number}") for number in range(9)]
                first, others = await piled_up(client, arena, sale, calls)
            answers = [await finish_async(one) for one in [first, *others]]
            require(all(getattr(one, "ok", False) for one in answers), f"answers: {answers}")
            require_idle(client)
    require_equal(asked, ["one", "batch of 4", "batch of 4", "one"], "calls")
    require_books(arena, sale, held=10)


async def one_user_many_times(arena: Arena) -> None:
    """A limit of one holds within a batch, and a request id that comes twice is answered twice."""
    sale = arena.sale(units=20, limit=1)
    click = uuid4()
    async with AsyncClient(arena.buyer, in_flight=1) as client:
        with pool_locked(arena.superuser, sale):
            calls = [partial(buy, client, sale, "ann", request_id=click) for _ in range(2)]
            calls += [partial(buy, client, sale, "ann") for _ in range(2)]
            calls += [partial(buy, client, sale, "bob")]
            first, others = await piled_up(client, arena, sale, calls)
        require((await finish_async(first)).ok, "the first")
        answers = [await finish_async(one) for one in others]
        require_idle(client)
    require_equal(
        [(answer.status, answer.replayed) for answer in answers],
        [
            ("held", False),
            ("held", True),
            ("limit_exceeded", False),
            ("limit_exceeded", False),
            ("held", False),
        ],
        "answers",
    )
    require_equal(answers[0].reservation_id, answers[1].reservation_id, "the repeat's hold")
    require_books(arena, sale, held=3)


def _poison(taken: UUID) -> list[dict[str, Any]]:
    """Purchases that fail, in as many ways as there are; each belongs into the same lane."""
    return [
        {"quantity": 0},  # SK001
        {"quantity": 2, "request_id": taken},  # SK004
        {"user": ""},  # SK001
        {"user": "x" * 201},
        {"subjects": {"user": "ann"}},
        {"subjects": {"phone": 7}},
        {"user": "nul \0"},  # what the driver cannot write
        {"user": "half a pair \ud800"},
        {"subjects": {"phone": "nul \0"}},  # what the database cannot read
        {"subjects": {"phone": object()}},
        {"quantity": 2**31},
        {"quantity": 2**70},
        {"quantity": "many"},  # what goes alone from the start
        {"quantity": None},
        {"user": 7},
        {"user": None},
        {"request_id": "no uuid"},
        {"subjects": None},
        {"sku": ["phone"]},
    ]


def _essence(error: object) -> tuple[object, ...]:
    if isinstance(error, SeckillError):
        return (type(error), error.sqlstate, error.message, error.detail)
    return (type(error), str(error).split(" at 0x")[0])


async def poison_harms_nobody_else(arena: Arena) -> None:
    """Whatever is wrong with a purchase, it has the error of a single call, and others buy."""
    sale = arena.sale(units=100)
    taken = uuid4()
    poison = _poison(taken)
    async with AsyncClient(arena.buyer, coalesce=False) as client:
        await buy(client, sale, "ann", request_id=taken)
        alone = [await tried(partial(buy, client, sale, **one)) for one in poison]
    async with AsyncClient(arena.buyer, in_flight=1) as client:
        with pool_locked(arena.superuser, sale), arena.connect() as watcher:
            first = background_async(lambda: buy(client, sale, "first"))
            await until_async(lambda: bool(blocked_pids(watcher)))
            others: list[Any] = []
            for number, one in enumerate(poison):
                for call in (
                    partial(buy, client, sale, f"user {number}"),
                    _bound(client, sale, one),
                ):
                    others.append(background_async(partial(tried, call)))
            await until_async(lambda: waiting(client) >= len(poison))
        require((await finish_async(first)).ok, "the first")
        found = [await finish_async(one) for one in others]
        require_idle(client)
    good = {getattr(answer, "status", answer) for answer in found[::2]}
    require_equal(good, {"held"}, "who did nothing wrong")
    for one, expected, error in zip(poison, alone, found[1::2], strict=True):
        require(isinstance(expected, Exception), f"{one} did not fail: {expected}")
        require_equal(_essence(error), _essence(expected), f"the error of {one}")
    require_books(arena, sale, held=len(poison) + 2)


def _bound(client: AsyncClient, sale: Sale, call: dict[str, Any]) -> Callable[[], Awaitable[Any]]:
    return partial(buy, client, sale, **call)


async def texts_arrive_whole(arena: Arena) -> None:
    """What a text is made of makes no other buyer of it, and no other phone."""
    sale = arena.sale(units=100)
    users = [
        "a\\b",
        "\\",
        '"',
        '\\"',
        "{a,b}",
        "null",
        "NULL",
        " ",
        "a\tb\nc",
        "限购 ünï",
        "'",
        "%s $1",
    ]
    with asked_of(_core_async) as asked:
        async with AsyncClient(arena.buyer, in_flight=1) as client:
            with pool_locked(arena.superuser, sale):
                calls = [
                    partial(buy, client, sale, user, subjects={"phone": f"1{user}", user: "1"})
                    for user in users
                ]
                first, others = await piled_up(client, arena, sale, calls)
            answers = [await finish_async(one) for one in [first, *others]]
            require_idle(client)
    require_equal({getattr(one, "status", one) for one in answers}, {"held"}, "answers")
    require_equal(asked, ["one", f"batch of {len(users)}"], "calls")
    with arena.connect() as superuser:
        for user in users:
            require_equal(held_by(superuser, sale, user), 1, f"reservations of {user!r}")
    require_books(arena, sale, held=len(users) + 1)


async def a_lost_batch_is_open_for_all(arena: Arena) -> None:
    """Without retries each caller hears that its outcome is unknown, and of which request."""
    sale = arena.sale(units=20)
    async with AsyncClient(arena.buyer, retry=NO_RETRY, in_flight=1) as client:
        requests = [uuid4() for _ in range(5)]
        with pool_locked(arena.superuser, sale), arena.connect() as watcher:
            calls = [partial(buy, client, sale, str(id), request_id=id) for id in requests]
            first, others = await piled_up(client, arena, sale, calls)
            # The first is lost too; then it is the batch that waits for the pool.
            lost = blocked_pids(watcher)
            watcher.execute("select pg_terminate_backend(%s)", [lost[0]])
            await finish_async(first)
            await until_async(lambda: bool(set(blocked_pids(watcher)) - set(lost)))
            watcher.execute("select pg_terminate_backend(%s)", [blocked_pids(watcher)[0]])
            errors = [await finish_async(one) for one in others]
        require_equal({type(error) for error in errors}, {OutcomeUnknown}, "outcomes")
        require_equal([error.request_id for error in errors], requests, "request ids")
        require_equal({error.sqlstate for error in errors}, {"57P01"}, "reasons")
        require_idle(client)
        # Asked again, each has its units once.
        for id in requests:
            require((await buy(client, sale, str(id), request_id=id)).ok, "the repeat")
    require_books(arena, sale, held=5)


async def a_lost_batch_is_tried_again(arena: Arena) -> None:
    """With retries nobody notices, and each buys once."""
    sale = arena.sale(units=20)
    async with AsyncClient(arena.buyer, in_flight=1) as client:
        with pool_locked(arena.superuser, sale), arena.connect() as watcher:
            calls = [partial(buy, client, sale, f"user {number}") for number in range(5)]
            first, others = await piled_up(client, arena, sale, calls)
            lost = blocked_pids(watcher)
            watcher.execute("select pg_terminate_backend(%s)", [lost[0]])
            await until_async(lambda: bool(set(blocked_pids(watcher)) - set(lost)))
            lost += blocked_pids(watcher)
            watcher.execute("select pg_terminate_backend(%s)", [lost[-1]])
            await until_async(lambda: bool(set(blocked_pids(watcher)) - set(lost)))
        answers = [await finish_async(one) for one in [first, *others]]
        require(all(getattr(answer, "ok", False) for answer in answers), f"answers: {answers}")
        require_idle(client)
    require_books(arena, sale, held=6)


async def time_runs_out(arena: Arena) -> None:
    """Who was sent does not know; who still waited knows that nothing happened; both in time."""
    sale = arena.sale(units=20)
    async with AsyncClient(arena.buyer, retry=NO_RETRY, timeout_ms=700, in_flight=1) as client:
        with pool_locked(arena.superuser, sale), arena.connect() as watcher:
            began = monotonic()
            calls = [partial(buy, client, sale, f"user {number}") for number in range(4)]
            first, others = await piled_up(client, arena, sale, calls)
            sent = await finish_async(first)
            require_equal(type(sent), OutcomeUnknown, "who was sent")
            errors = [await finish_async(one) for one in others]
            taken_s = monotonic() - began
            require(taken_s < 2.5, f"{taken_s:.1f} s for 0.7")
            # The slot went on to some of them at the very end, or to nobody.
            kinds = {type(error) for error in errors}
            require(kinds <= {OutcomeUnknown, Unavailable}, f"outcomes: {errors}")
            await until_async(lambda: not blocked_pids(watcher))
        await until_async(lambda: not waiting(client))
        require((await buy(client, sale, "late")).ok, "a purchase afterwards")
        require_idle(client)
    require_books(arena, sale, held=1)


async def who_waits_in_vain_was_never_sent(arena: Arena) -> None:
    """Waiting for one's turn ends with the time limit, with nothing sent."""
    sale = arena.sale(units=20)
    async with (
        AsyncClient(arena.buyer, in_flight=1) as patient,
        AsyncClient(arena.buyer, retry=NO_RETRY, timeout_ms=300) as client,
    ):
        # The slot of the impatient one's lane is taken by a call with more time.
        shared: Any = client
        shared._coalescer = patient._coalescer
        with asked_of(_core_async) as asked, pool_locked(arena.superuser, sale):
            first, (other,) = await piled_up(
                patient, arena, sale, [partial(_impatient, client, sale)]
            )
            error, taken_s = await finish_async(other)
            require_equal(type(error), Unavailable, "who waited")
            require(0.3 <= taken_s < 1.5, f"{taken_s:.1f} s for 0.3")
        require((await finish_async(first)).ok, "who was sent")
        require_equal(asked, ["one"], "calls")
        require_idle(patient)
    require_books(arena, sale, held=1)


async def _impatient(client: AsyncClient, sale: Sale) -> tuple[Any, float]:
    began = monotonic()
    error = await tried(partial(buy, client, sale, "in vain"))
    return error, monotonic() - began


async def who_is_in_a_hurry_leaves_the_batch(arena: Arena) -> None:
    """Whose time is over while a batch is out does not know; the others wait for their answers."""
    sale = arena.sale(units=20)
    async with (
        AsyncClient(arena.buyer, in_flight=1) as patient,
        AsyncClient(arena.buyer, retry=NO_RETRY, timeout_ms=1_000) as client,
    ):
        shared: Any = client
        shared._coalescer = patient._coalescer
        with pool_locked(arena.superuser, sale), arena.connect() as watcher:
            calls = [partial(_impatient, client, sale), partial(buy, patient, sale)]
            first, (hasty, other) = await piled_up(patient, arena, sale, calls)
            lost = blocked_pids(watcher)
            watcher.execute("select pg_terminate_backend(%s)", [lost[0]])
            await until_async(lambda: bool(set(blocked_pids(watcher)) - set(lost)))
            error, taken_s = await finish_async(hasty)
            require_equal(type(error), OutcomeUnknown, "who was in a hurry")
            require(0.9 <= taken_s < 4, f"{taken_s:.1f} s for 1.0")
        for one in (first, other):
            require((await finish_async(one)).ok, "who was patient")
        require_idle(patient)
    require_books(arena, sale, held=3)


async def pools_do_not_wait_for_each_other(arena: Arena) -> None:
    """A pool whose row somebody holds takes its own lane only."""
    sale, other = arena.sale(units=20), arena.sale(units=20, sku="tablet", name="other")
    async with AsyncClient(arena.buyer, in_flight=1) as client:
        with pool_locked(arena.superuser, sale):
            calls = [partial(buy, client, sale, f"user {number}") for number in range(3)]
            first, others = await piled_up(client, arena, sale, calls)
            free = background_async(partial(buy, client, other))
            await until_async(lambda: free.done() or waiting(client) > 3)
            require_equal(waiting(client), 3, "who waits")
            require((await finish_async(free)).ok, "a purchase from the free pool")
        answers = [await finish_async(one) for one in [first, *others]]
        require(all(one.ok for one in answers), f"answers: {answers}")
        require_idle(client)
    require_books(arena, sale, held=4)


async def closed_while_they_wait(arena: Arena) -> None:
    """Who waits when the client is closed is answered all the same; who comes later is not."""
    sale = arena.sale(units=20)
    client = AsyncClient(arena.buyer, in_flight=1)
    await client.open()
    with pool_locked(arena.superuser, sale):
        calls = [partial(buy, client, sale, f"user {number}") for number in range(5)]
        first, others = await piled_up(client, arena, sale, calls)
        await client.close()
        late = await tried(partial(buy, client, sale, "late"))
        require_equal(type(late), RuntimeError, "a purchase after the close")
    answers = [await finish_async(one) for one in [first, *others]]
    require(all(getattr(one, "ok", False) for one in answers), f"answers: {answers}")
    await client.open()
    require((await buy(client, sale, "again")).ok, "a purchase after it was opened again")
    require_idle(client)
    await client.close()
    require_books(arena, sale, held=7)


async def own_transactions_stay_alone(arena: Arena) -> None:
    """With `connection=`, and with `coalesce=False`, nothing goes together or waits."""
    sale = arena.sale(units=20)
    with asked_of(_core_async) as asked:
        async with AsyncClient(arena.buyer, in_flight=1) as client:
            with pool_locked(arena.superuser, sale):
                calls = [partial(buy, client, sale, "bob") for _ in range(2)]
                first, others = await piled_up(client, arena, sale, calls)
            async with await AsyncConnection.connect(
                arena.buyer, prepare_threshold=None
            ) as connection:
                answer = await buy(client, sale, "ann", connection=connection)
                require(answer.ok, "a purchase in a transaction")
                await connection.rollback()
            answers = [await finish_async(one) for one in [first, *others]]
            require(all(one.ok for one in answers), f"answers: {answers}")
        require_equal(sorted(asked), ["batch of 2", "one", "one"], "calls")
        asked.clear()
        async with AsyncClient(arena.buyer, coalesce=False) as client:
            with pool_locked(arena.superuser, sale), arena.connect() as watcher:
                running = [background_async(partial(buy, client, sale, "cid")) for _ in range(4)]
                await until_async(lambda: len(blocked_pids(watcher)) + waiting(client) == 4)
            for one in running:
                require((await finish_async(one)).ok, "a call by itself")
        require_equal(asked, ["one"] * 4, "calls")
    require_books(arena, sale, held=7)


async def the_flag_stays_in_front(arena: Arena) -> None:
    """A batch that hears `sold_out` raises the flag, and the flag then asks nobody."""
    sale = arena.sale(units=3)
    flag = AsyncLocalFlag(ttl_ms=60_000)
    with asked_of(_core_async) as asked:
        async with AsyncClient(arena.buyer, in_flight=1, flag=flag) as client:
            with pool_locked(arena.superuser, sale):
                calls = [partial(buy, client, sale, f"user {number}") for number in range(4)]
                first, others = await piled_up(client, arena, sale, calls)
            answers = [await finish_async(one) for one in [first, *others]]
            require_equal(
                [answer.status for answer in answers],
                ["held", "held", "held", "sold_out", "sold_out"],
                "answers",
            )
            require_equal(asked, ["one", "batch of 4"], "calls")
            refused = await buy(client, sale, "late")
            require_equal((refused.status, refused.retry), ("sold_out", "may_return"), "the flag")
            require_idle(client)
    require_equal(asked, ["one", "batch of 4"], "calls")


async def refusals_after_a_lost_batch_are_not_trusted(arena: Arena) -> None:
    """Who holds units after all hears it at once; who is refused, when the lost batch has ended."""
    sale = arena.sale(units=4)
    retry = RetryPolicy(settle_ms=2_000)
    async with AsyncClient(arena.buyer, timeout_ms=1_000, retry=retry, in_flight=1) as client:

        async def timed(number: int) -> tuple[Any, float]:
            answer = await tried(partial(buy, client, sale, f"user {number}"))
            return answer, monotonic()

        with pool_locked(arena.superuser, sale), arena.connect() as watcher:
            calls = [partial(timed, number) for number in range(6)]
            first, others = await piled_up(client, arena, sale, calls)
            lost = blocked_pids(watcher)
            watcher.execute("select pg_terminate_backend(%s)", [lost[0]])
            await until_async(lambda: bool(set(blocked_pids(watcher)) - set(lost)))
            lost += blocked_pids(watcher)  # the batch, which runs out of time
            await until_async(lambda: bool(set(blocked_pids(watcher)) - set(lost)))
        answers = [await finish_async(one) for one in others]
        answers.append((await finish_async(first), 0.0))
        statuses = sorted(answer.status for answer, _ in answers)
        require_equal(statuses, ["held"] * 4 + ["sold_out"] * 3, "answers")
        held = [at for answer, at in answers if answer.status == "held"]
        refused = [at for answer, at in answers[:-1] if answer.status == "sold_out"]
        require(min(refused) - max(held) > 0.5, f"held at {held}, refused at {refused}")
        require_idle(client)
    require_books(arena, sale, held=4)


CHECKS: dict[str, Callable[[Arena], Awaitable[None]]] = {
    check.__name__: check
    for check in (
        idle_costs_nothing,
        a_crowd_goes_together,
        a_batch_is_bounded,
        one_user_many_times,
        poison_harms_nobody_else,
        texts_arrive_whole,
        a_lost_batch_is_open_for_all,
        a_lost_batch_is_tried_again,
        time_runs_out,
        who_waits_in_vain_was_never_sent,
        who_is_in_a_hurry_leaves_the_batch,
        pools_do_not_wait_for_each_other,
        closed_while_they_wait,
        own_transactions_stay_alone,
        the_flag_stays_in_front,
        refusals_after_a_lost_batch_are_not_trusted,
    )
}
