"""Clients and the sold-out flag: when it is raised, whom it refuses, and whom it must not."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from seckill import AsyncClient, ReserveResult
from seckill._guard_async import AsyncGuard
from seckill.flag import AsyncLocalFlag, Flag, StockPool
from seckill.flag_redis import AsyncRedisFlag
from seckill.runtime.valkey import Valkey
from tests.client.fix_client import after_async
from tests.fix_database import Database
from tests.fix_sale import Sale, add_units, availability, cancel, open_sale
from tests.fix_valkey import console

LONG_MS = 60_000  # a flag that does not end while a test runs


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    return open_sale(operator, units=1)


@pytest.fixture
def flag() -> AsyncLocalFlag:
    return AsyncLocalFlag(ttl_ms=LONG_MS)


def pool_of(sale: Sale) -> StockPool:
    return StockPool(sale.activity_id, sale.sku, sale.region)


async def known(flag: AsyncLocalFlag, sale: Sale) -> Flag | None:
    (found,) = await flag.read([pool_of(sale)])
    return found


async def buy(
    client: AsyncClient,
    sale: Sale,
    user: str,
    *,
    quantity: int = 1,
    request_id: UUID | None = None,
    **more: Any,
) -> ReserveResult:
    return await client.reserve(
        activity_id=sale.activity_id,
        user_id=user,
        sku=sale.sku,
        quantity=quantity,
        request_id=request_id,
        **more,
    )


# --- raised


async def test_a_refusal_with_nothing_left_raises_the_flag(
    db: Database, sale: Sale, flag: AsyncLocalFlag, operator: Connection[Any]
) -> None:
    async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
        assert (await buy(client, sale, "ann")).ok
        assert await known(flag, sale) is None
        refused = await buy(client, sale, "bob")
        assert (refused.status, refused.remaining) == ("sold_out", 0)
        assert await known(flag, sale) == Flag(availability(operator, sale).epoch, True)


async def test_a_refusal_with_something_left_raises_none(
    db: Database, sale: Sale, flag: AsyncLocalFlag
) -> None:
    async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
        refused = await buy(client, sale, "ann", quantity=2)
        assert (refused.status, refused.remaining) == ("sold_out", 1)
        assert await known(flag, sale) is None


async def test_no_other_refusal_raises_one(
    db: Database, operator: Connection[Any], flag: AsyncLocalFlag
) -> None:
    sale = open_sale(operator, units=2, limit=1)
    draft = open_sale(operator, units=0, state="draft", sku="pen")
    add_units(operator, draft, 1)
    async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
        assert (await buy(client, sale, "ann")).ok
        assert (await buy(client, sale, "ann")).status == "limit_exceeded"
        assert (await buy(client, draft, "ann")).status == "not_started"
        assert await known(flag, sale) is None
        assert await known(flag, draft) is None


async def test_a_flag_ends_when_units_may_come_back(
    db: Database, operator: Connection[Any], flag: AsyncLocalFlag
) -> None:
    """Never past `retry_at`, however long it may live."""
    sale = open_sale(operator, units=1, hold_seconds=1)
    async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
        assert (await buy(client, sale, "ann")).ok
        refused = await buy(client, sale, "bob")
        assert refused.retry_at is not None
        left_s = (refused.retry_at - datetime.now(UTC)).total_seconds()
        await after_async(max(left_s, 0) + 0.05)
        assert (await buy(client, sale, "bob")).ok


async def test_an_answer_that_was_long_on_its_way_raises_none(
    db: Database, sale: Sale, flag: AsyncLocalFlag
) -> None:
    """The flag ends one TTL after the question, so it would be over."""
    guard = AsyncGuard(flag)
    async with AsyncClient(db.dsn("buyer"), flag="") as client:
        assert (await buy(client, sale, "ann")).ok
        refused = await buy(client, sale, "bob")
    await guard.learn([pool_of(sale)], refused, monotonic() - LONG_MS / 1000)
    assert await known(flag, sale) is None
    await guard.learn([pool_of(sale)], refused, monotonic())
    assert (await known(flag, sale) or Flag(0, False)).shut


async def test_the_callers_own_transaction_raises_none_and_sees_none(
    db: Database, sale: Sale, flag: AsyncLocalFlag
) -> None:
    """What it was told may be rolled back, and nobody would hear of it."""
    async with (
        await psycopg.AsyncConnection.connect(db.dsn("buyer"), prepare_threshold=None) as own,
        AsyncClient(db.dsn("buyer"), flag=flag) as client,
    ):
        assert (await buy(client, sale, "ann", connection=own)).ok
        assert (await buy(client, sale, "bob", connection=own)).status == "sold_out"
        assert await known(flag, sale) is None
        await own.rollback()
        await flag.shut(pool_of(sale), 99, monotonic() + 60)
        assert (await buy(client, sale, "bob", connection=own)).ok
        await own.rollback()


# --- refuses


async def test_a_first_try_is_refused_without_postgresql(
    db: Database, sale: Sale, flag: AsyncLocalFlag
) -> None:
    async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
        await flag.shut(pool_of(sale), 7, monotonic() + 60)
        expected = ReserveResult(
            status="sold_out",
            ordinal=1,
            reservation_id=None,
            replayed=False,
            state=None,
            expires_at=None,
            limit_name=None,
            sku=sale.sku,
            remaining=0,
            epoch=7,
            retry="may_return",
            retry_at=None,
            error_code=None,
        )
        assert await buy(client, sale, "ann") == expected
        assert await buy(client, sale, "ann", request_id=uuid4(), first_try=True) == expected
        # There is a unit, and who asks PostgreSQL gets it.
        assert (await buy(client, sale, "ann", request_id=uuid4())).ok


async def test_only_its_own_pool_is_refused(
    db: Database, operator: Connection[Any], flag: AsyncLocalFlag
) -> None:
    here = open_sale(operator, units=1, region="north")
    there = Sale(here.activity_id, here.sku, "south")
    add_units(operator, there, 1)
    other = open_sale(operator, units=1)
    async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
        await flag.shut(pool_of(here), 7, monotonic() + 60)
        assert (await buy(client, here, "ann", region="north")).status == "sold_out"
        assert (await buy(client, there, "ann", region="south")).ok
        assert (await buy(client, other, "ann")).ok


async def test_a_flag_of_any_line_refuses_an_order(
    db: Database, operator: Connection[Any], flag: AsyncLocalFlag
) -> None:
    sale = open_sale(operator, units=2)
    other = Sale(sale.activity_id, "case", "*")
    add_units(operator, other, 1)
    order: dict[str, Any] = {"activity_id": sale.activity_id, "user_id": "ann"}
    order |= {"skus": ["phone", "case"], "quantities": [1, 1]}
    async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
        assert (await client.reserve_lines(**order)).ok
        # PostgreSQL says which line it was, and that one is flagged.
        refused = await client.reserve_lines(**order)
        assert (refused.status, refused.sku) == ("sold_out", "case")
        assert await known(flag, sale) is None
        assert (await known(flag, other) or Flag(0, False)).shut
        flagged = await client.reserve_lines(**order)
        assert (flagged.sku, flagged.retry, flagged.retry_at) == ("case", "may_return", None)
        again = await client.reserve_lines(**order, request_id=uuid4())
        assert again.retry_at is not None


async def test_a_held_request_is_answered_held_again_under_a_flag(
    db: Database, sale: Sale, flag: AsyncLocalFlag
) -> None:
    """I6: the same request id, the same answer."""
    request_id = uuid4()
    async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
        held = await buy(client, sale, "ann", request_id=request_id, first_try=True)
        assert held.ok
        assert (await buy(client, sale, "bob")).status == "sold_out"
        assert (await known(flag, sale) or Flag(0, False)).shut
        again = await buy(client, sale, "ann", request_id=request_id)
        assert (again.status, again.replayed) == ("held", True)
        assert again.reservation_id == held.reservation_id


async def test_a_flag_that_nobody_vouches_for_refuses_one_ttl_long(
    db: Database, sale: Sale
) -> None:
    """I9, with a store that lies for ever: the client's own clock ends it."""

    class Liar(AsyncLocalFlag):
        async def read(self, pools: Any) -> Any:
            return [Flag(99, True)] * len(pools)

    async with AsyncClient(db.dsn("buyer"), flag=Liar(ttl_ms=150)) as client:
        assert (await buy(client, sale, "ann")).status == "sold_out"
        await after_async(0.16)
        assert (await buy(client, sale, "ann")).ok
        # Now it is true, and PostgreSQL has to say so, time and again.
        for _ in range(2):
            assert (await buy(client, sale, "bob")).epoch != 99
            assert (await buy(client, sale, "bob")).epoch == 99
            await after_async(0.16)


async def test_units_that_come_back_are_sold_when_the_flag_has_ended(
    db: Database, sale: Sale, operator: Connection[Any]
) -> None:
    """Without a relay: one TTL later."""
    async with AsyncClient(db.dsn("buyer"), flag=AsyncLocalFlag(ttl_ms=100)) as client:
        held = await buy(client, sale, "ann")
        assert held.reservation_id is not None
        assert (await buy(client, sale, "bob")).status == "sold_out"
        cancel(operator, held.reservation_id)
        await after_async(0.11)
        assert (await buy(client, sale, "bob")).ok


# --- where the flag comes from


async def test_clients_share_a_flag_in_redis(db: Database, sale: Sale, valkey: Valkey) -> None:
    async with (
        AsyncClient(db.dsn("buyer"), flag=valkey.url) as one,
        AsyncClient(db.dsn("buyer"), flag=valkey.url) as other,
    ):
        assert (await buy(one, sale, "ann")).ok
        assert (await buy(one, sale, "bob")).retry_at is not None
        with console(valkey) as look:
            deadline = monotonic() + 10
            while not look.exists(pool_of(sale).key):
                assert monotonic() < deadline
                await after_async(0.001)
            look.persist(pool_of(sale).key)
        flagged = await buy(other, sale, "cid")
        assert (flagged.status, flagged.retry, flagged.retry_at) == ("sold_out", "may_return", None)


async def test_the_environment_names_the_flag(
    db: Database, sale: Sale, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECKILL_REDIS_URL", valkey.url)
    with console(valkey) as meddle:
        meddle.set(pool_of(sale).key, "7 shut")
    async with AsyncClient(db.dsn("buyer")) as client:
        assert (await buy(client, sale, "ann")).epoch == 7
    async with AsyncClient(db.dsn("buyer"), flag="") as client:
        assert (await buy(client, sale, "ann")).ok


async def test_a_client_may_be_opened_again(db: Database, sale: Sale, valkey: Valkey) -> None:
    client = AsyncClient(db.dsn("buyer"), flag=valkey.url)
    async with client:
        assert (await buy(client, sale, "ann")).ok
    async with client:
        assert (await buy(client, sale, "bob")).status == "sold_out"


async def test_a_store_that_was_given_is_left_open(
    db: Database, sale: Sale, valkey: Valkey
) -> None:
    flag = AsyncRedisFlag(valkey.url, timeout_ms=2_000)
    async with AsyncClient(db.dsn("buyer"), flag=flag) as client:
        assert (await buy(client, sale, "ann")).ok
    with console(valkey) as meddle:
        meddle.set(pool_of(sale).key, "7 shut")
    assert await flag.read([pool_of(sale)]) == [Flag(7, True)]
    await flag.close()
