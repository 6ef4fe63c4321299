"""Every method against the database, through PgBouncer with one server connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta, timezone
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from seckill import (
    NO_RETRY,
    AsyncClient,
    IncompatibleSchema,
    InvalidArgument,
    RequestConflict,
    SeckillError,
    StockShortfall,
    Unavailable,
    UnknownActivity,
    UnknownPool,
    UnknownReservation,
    WrongState,
    _calls,
    _core_async,
)
from tests.client.fix_client import background_async, finish_async, until_async
from tests.fix_database import Database
from tests.fix_sale import Sale, open_sale

NOW = datetime.now(UTC)
OPENS, ENDS = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
NOBODY = 999_999_999


@pytest.fixture
async def client(db: Database) -> AsyncIterator[AsyncClient]:
    """An operator's client: seckill_ops may buy too."""
    async with AsyncClient(db.dsn("operator")) as client:
        yield client


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    """Ten units, at most 3 a user."""
    return open_sale(operator, units=10, limit=3)


def pool_of(client: Any) -> Any:
    return client._pool


class Tagged(UUID):
    """As drivers and libraries have UUIDs of their own."""


async def buy(client: AsyncClient, sale: Sale, user: str = "ann", quantity: int = 1) -> int:
    answer = await client.reserve(
        activity_id=sale.activity_id, user_id=user, sku=sale.sku, quantity=quantity
    )
    assert answer.ok
    assert answer.reservation_id is not None
    return answer.reservation_id


# --- buying


async def test_reserve_holds_until_it_expires(client: AsyncClient, sale: Sale) -> None:
    answer = await client.reserve(
        activity_id=sale.activity_id,
        user_id="ann",
        sku=sale.sku,
        quantity=2,
        request_id=uuid4(),
        subjects={"phone": "0123", "device": "d-1"},
    )
    assert (answer.status, answer.ok, answer.state, answer.ordinal) == ("held", True, "held", 1)
    assert answer.replayed is False
    assert answer.expires_at is not None
    assert timedelta(minutes=14) < answer.expires_at - datetime.now(UTC) <= timedelta(minutes=15)


async def test_reserve_with_the_same_request_id_is_the_same_hold(
    client: AsyncClient, sale: Sale
) -> None:
    request_id = uuid4()

    async def click() -> tuple[int | None, datetime | None, bool | None]:
        answer = await client.reserve(
            activity_id=sale.activity_id,
            user_id="ann",
            sku=sale.sku,
            quantity=1,
            request_id=request_id,
        )
        return answer.reservation_id, answer.expires_at, answer.replayed

    first, second = await click(), await click()
    assert first[:2] == second[:2]
    assert (first[2], second[2]) == (False, True)


async def test_reserve_without_a_request_id_makes_a_new_one_each_time(
    client: AsyncClient, sale: Sale
) -> None:
    assert await buy(client, sale) != await buy(client, sale)


async def test_a_refusal_is_a_result(client: AsyncClient, sale: Sale) -> None:
    await buy(client, sale, quantity=3)
    answer = await client.reserve(
        activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1
    )
    assert (answer.status, answer.ok, answer.reservation_id) == ("limit_exceeded", False, None)
    assert answer.limit_name == "units_per_user"
    assert answer.remaining == 0
    answer = await client.reserve(
        activity_id=sale.activity_id, user_id="bob", sku=sale.sku, quantity=8
    )
    assert (answer.status, answer.sku, answer.remaining) == ("sold_out", sale.sku, 7)


async def test_a_replay_of_a_cancelled_hold_is_not_ok(client: AsyncClient, sale: Sale) -> None:
    request_id = uuid4()

    async def click() -> Any:
        return await client.reserve(
            activity_id=sale.activity_id,
            user_id="ann",
            sku=sale.sku,
            quantity=1,
            request_id=request_id,
        )

    first = await click()
    await client.cancel(user_id="ann", reservation_id=first.reservation_id)
    again = await click()
    assert (again.status, again.state, again.ok) == ("held", "cancelled", False)


async def test_confirm_and_repeat(client: AsyncClient, sale: Sale) -> None:
    reservation = await buy(client, sale)
    first = await client.confirm(user_id="ann", reservation_id=reservation, payment_ref="p1")
    again = await client.confirm(user_id="ann", reservation_id=reservation, payment_ref="p1")
    other = await client.confirm(user_id="ann", reservation_id=reservation, payment_ref="p2")
    assert (first.status, first.reservation_id, first.late) == ("confirmed", reservation, False)
    assert (first.replayed, again.replayed) == (False, True)
    assert other.status == "duplicate_payment"


async def test_cancel_gives_units_back(client: AsyncClient, sale: Sale) -> None:
    reservation = await buy(client, sale)
    answer = await client.cancel(user_id="ann", reservation_id=reservation, reason="no money")
    assert (answer.status, answer.reservation_id) == ("cancelled", reservation)
    stock = await client.availability(activity_id=sale.activity_id, sku=sale.sku)
    assert stock.available == 10


async def test_availability_adds_up(client: AsyncClient, sale: Sale) -> None:
    await client.confirm(user_id="ann", reservation_id=await buy(client, sale))
    await buy(client, sale, quantity=2)
    stock = await client.availability(activity_id=sale.activity_id, sku=sale.sku, region="*")
    assert stock.status == "on_sale"
    assert (stock.total, stock.available, stock.held, stock.sold) == (10, 7, 2, 1)


async def test_a_reservation_is_found_three_ways(client: AsyncClient, sale: Sale) -> None:
    request_id = uuid4()
    answer = await client.reserve(
        activity_id=sale.activity_id,
        user_id="ann",
        sku=sale.sku,
        quantity=2,
        request_id=request_id,
    )
    assert answer.reservation_id is not None
    got = await client.get_reservation(user_id="ann", reservation_id=answer.reservation_id)
    found = await client.find_reservation(
        activity_id=sale.activity_id, user_id="ann", request_id=request_id
    )
    listed = await client.list_reservations(user_id="ann")
    assert got == found
    assert listed == [got]
    assert (got.status, got.user_id, got.activity_id) == ("held", "ann", sale.activity_id)
    assert (got.request_id, got.region) == (request_id, "*")
    assert (got.skus, got.quantities) == ([sale.sku], [2])
    assert got.expires_at == answer.expires_at
    assert (got.resolved_at, got.payment_ref) == (None, None)


async def test_list_reservations_filters_and_limits(client: AsyncClient, sale: Sale) -> None:
    for _ in range(3):
        await buy(client, sale)
    assert len(await client.list_reservations(user_id="ann", limit=2)) == 2
    assert len(await client.list_reservations(user_id="ann", activity_id=sale.activity_id)) == 3
    assert await client.list_reservations(user_id="nobody") == []


# --- running a sale


async def test_the_life_of_a_sale(client: AsyncClient) -> None:
    request_id = uuid4()

    async def create() -> int:
        return await client.create_activity(
            name="friday",
            starts_at=OPENS,
            ends_at=ENDS.astimezone(timezone(timedelta(hours=8))),
            hold_seconds=60,
            time_zone="Asia/Shanghai",
            request_id=request_id,
            actor="olga",
        )

    activity_id = await create()
    assert await create() == activity_id
    updated = await client.update_activity(activity_id=activity_id, name="black friday")
    assert (updated.status, updated.replayed) == ("draft", False)
    seen = [
        (await client.open_activity(activity_id=activity_id)).status,
        (await client.pause_activity(activity_id=activity_id, actor="olga")).status,
        (await client.resume_activity(activity_id=activity_id)).status,
        (await client.close_activity(activity_id=activity_id)).status,
    ]
    assert seen == ["open", "paused", "open", "closed"]
    assert (await client.close_activity(activity_id=activity_id)).replayed is True


async def test_activities_without_a_request_id_are_new_ones(client: AsyncClient) -> None:
    first = await client.create_activity(name="a", starts_at=OPENS, ends_at=ENDS)
    assert await client.create_activity(name="a", starts_at=OPENS, ends_at=ENDS) != first


async def test_stock_goes_from_the_inventory_to_the_pool(client: AsyncClient, sale: Sale) -> None:
    delivery = uuid4()
    for replayed in (False, True):
        received = await client.receive_stock(
            sku="tablet", quantity=5, request_id=delivery, reason="delivery", actor="olga"
        )
        assert (received.status, received.replayed) == ("received", replayed)
        assert (received.sku, received.quantity, received.total) == ("tablet", 5, 5)
    allocated = await client.allocate_stock(
        activity_id=sale.activity_id, sku="tablet", quantity=3, request_id=uuid4(), region="north"
    )
    assert (allocated.status, allocated.region, allocated.total) == ("allocated", "north", 3)
    left = await client.inventory(sku="tablet")
    assert (left.status, left.sku, left.quantity) == ("in_stock", "tablet", 2)
    assert (await client.inventory(sku="never seen")).status == "unknown"


async def test_limits_are_set_and_dropped(client: AsyncClient, sale: Sale) -> None:
    assert (
        await client.set_limit(
            activity_id=sale.activity_id,
            name="one a day",
            dimension="user",
            metric="orders",
            window="day",
            maximum=1,
            sku=sale.sku,
            time_zone="Europe/Berlin",
        )
    ).status == "set"
    await buy(client, sale)
    answer = await client.reserve(
        activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1
    )
    assert (answer.status, answer.limit_name) == ("limit_exceeded", "one a day")
    assert answer.retry_at is not None
    dropped = await client.drop_limit(activity_id=sale.activity_id, name="one a day")
    assert dropped.status == "dropped"
    await buy(client, sale)


async def test_expire_due_counts_what_it_settled(
    client: AsyncClient, operator: Connection[Any], superuser: Connection[Any]
) -> None:
    sale = open_sale(operator, units=2, hold_seconds=1)
    await buy(client, sale)
    superuser.execute("select pg_sleep(1.1)")
    assert await client.expire_due(limit=10, actor="sweeper") == 1
    assert await client.expire_due() == 0


# --- reading


async def test_history_tells_what_moved(client: AsyncClient, sale: Sale) -> None:
    await client.confirm(user_id="ann", reservation_id=await buy(client, sale))
    kinds = {change.kind for change in await client.history(activity_id=sale.activity_id)}
    assert {"allocate", "hold", "confirm"} <= kinds
    of_ann = await client.history(activity_id=sale.activity_id, user_id="ann", sku=sale.sku)
    assert {change.user_id for change in of_ann} == {"ann"}
    assert len(await client.history(activity_id=sale.activity_id, region="*", limit=1)) == 1


async def test_the_books_agree(client: AsyncClient, sale: Sale) -> None:
    await buy(client, sale)
    assert await client.reconcile(activity_id=sale.activity_id) == []


async def test_reconcile_gives_violations(
    client: AsyncClient, sale: Sale, superuser: Connection[Any]
) -> None:
    superuser.execute("update seckill_private.inventory set quantity = quantity + 1")
    found = await client.reconcile(activity_id=sale.activity_id)
    assert found
    assert found[0].invariant.startswith("I")
    assert found[0].expected != found[0].actual


async def test_version_and_shard(client: AsyncClient) -> None:
    assert (await client.schema_version())[:4].isdigit()
    assert await client.contract_version() == 1
    assert 0 <= await client.shard_of(user_id="ann") < 64


# --- errors


async def reopen(client: AsyncClient, sale: Sale) -> None:
    await client.close_activity(activity_id=sale.activity_id)
    await client.open_activity(activity_id=sale.activity_id)


@pytest.mark.parametrize(
    ("code", "kind", "call"),
    [
        (
            "SK001",
            InvalidArgument,
            lambda client, sale: client.reserve(
                activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=0
            ),
        ),
        (
            "SK002",
            UnknownActivity,
            lambda client, sale: client.availability(activity_id=NOBODY, sku=sale.sku),
        ),
        (
            "SK003",
            UnknownPool,
            lambda client, sale: client.availability(activity_id=sale.activity_id, sku="none"),
        ),
        ("SK006", WrongState, lambda client, sale: reopen(client, sale)),
        (
            "SK007",
            StockShortfall,
            lambda client, sale: client.receive_stock(
                sku=sale.sku, quantity=-1, request_id=uuid4()
            ),
        ),
        (
            "SK008",
            UnknownReservation,
            lambda client, sale: client.get_reservation(user_id="ann", reservation_id=NOBODY),
        ),
    ],
)
async def test_errors_by_sqlstate(
    client: AsyncClient, sale: Sale, code: str, kind: type[SeckillError], call: Callable[..., Any]
) -> None:
    with pytest.raises(kind) as caught:
        await call(client, sale)
    assert type(caught.value) is kind
    assert caught.value.sqlstate == code
    assert caught.value.__cause__ is not None
    assert str(caught.value).startswith(f"{code}: {caught.value.message}")


async def test_request_conflict(client: AsyncClient, sale: Sale) -> None:
    request_id = uuid4()

    async def click(quantity: int, request_id: UUID) -> Any:
        return await client.reserve(
            activity_id=sale.activity_id,
            user_id="ann",
            sku=sale.sku,
            quantity=quantity,
            request_id=request_id,
        )

    await click(1, request_id)
    with pytest.raises(RequestConflict) as caught:
        await click(2, request_id)
    assert caught.value.sqlstate == "SK004"


@pytest.mark.parametrize(
    ("user_id", "quantity", "code"),
    [
        *[("a\0b", 1, None), ("ann", 2**40, "22003"), ("ann", 2**80, "22003"), ("", 1, "SK001")],
        ("\ud800", 1, "SK001"),  # half a pair of surrogates: no UTF-8
    ],
)
async def test_values_that_no_parameter_can_take(
    client: AsyncClient, sale: Sale, user_id: str, quantity: int, code: str | None
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        await client.reserve(
            activity_id=sale.activity_id, user_id=user_id, sku=sale.sku, quantity=quantity
        )
    assert caught.value.sqlstate == code


@pytest.mark.parametrize("given", [str, lambda id: str(id).upper(), lambda id: Tagged(int=id.int)])
async def test_a_request_id_of_another_type_is_the_same_one(
    client: AsyncClient, sale: Sale, given: Callable[[UUID], Any]
) -> None:
    """What goes together and what `OutcomeUnknown` carries are UUIDs."""
    request_id = uuid4()
    assert type(_calls.bind({"request_id": given(request_id)})["request_id"]) is UUID
    answers = [
        await client.reserve(
            activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1, request_id=one
        )
        for one in (given(request_id), request_id)
    ]
    assert [answer.replayed for answer in answers] == [False, True]
    (again,) = await client.reserve_batch(
        activity_ids=[sale.activity_id],
        user_ids=["ann"],
        skus=[sale.sku],
        quantities=[1],
        request_ids=[given(request_id)],
        regions=["*"],
        subjects=[{}],
    )
    assert again.reservation_id == answers[0].reservation_id


@pytest.mark.parametrize("given", ["", "no uuid", 7, b"1"])
async def test_what_is_no_request_id_is_refused(
    client: AsyncClient, sale: Sale, given: Any
) -> None:
    """Above all an empty one is not made up anew with each click."""
    for call in (client.reserve, client.reserve_now, client.explain):
        with pytest.raises(InvalidArgument, match="request_id is no UUID") as caught:
            await call(
                activity_id=sale.activity_id,
                user_id="ann",
                sku=sale.sku,
                quantity=1,
                request_id=given,
            )
        assert caught.value.sqlstate == "SK001"


async def test_a_datetime_needs_a_zone(client: AsyncClient) -> None:
    with pytest.raises(InvalidArgument, match="starts_at has no zone"):
        await client.create_activity(name="a", starts_at=OPENS.replace(tzinfo=None), ends_at=ENDS)


async def test_a_buyer_may_not_run_a_sale(db: Database, sale: Sale) -> None:
    async with AsyncClient(db.dsn("buyer")) as buyer:
        with pytest.raises(SeckillError) as caught:
            await buyer.close_activity(activity_id=sale.activity_id)
    assert type(caught.value) is SeckillError
    assert caught.value.sqlstate == "42501"


# --- connections


async def test_a_client_must_be_open(db: Database) -> None:
    client = AsyncClient(db.dsn("buyer"))
    with pytest.raises(RuntimeError, match="not open"):
        await client.schema_version()
    for _ in range(2):
        await client.open()
        await client.open()
        assert await client.schema_version()
        await client.close()
        await client.close()


async def test_who_opens_at_one_time_opens_one_pool(
    db: Database, superuser: Connection[Any]
) -> None:
    count = "select count(*) from pg_stat_activity where application_name = 'opening'"

    def connections() -> int:
        row = superuser.execute(count).fetchone()
        assert row is not None
        return row[0]

    dsn = make_conninfo(db.admin_dsn, application_name="opening")
    client = AsyncClient(dsn, min_size=2, max_size=2)
    opening = [background_async(client.open) for _ in range(6)]
    for one in opening:
        await finish_async(one)
    assert connections() == 2
    await client.close()
    await until_async(lambda: connections() == 0)


async def test_open_says_at_once_why_it_cannot_connect(db: Database) -> None:
    client = AsyncClient(make_conninfo(db.dsn("buyer"), password="wrong"))
    with pytest.raises(Unavailable, match=r"cannot connect: .*auth") as caught:
        await client.open()
    assert caught.value.__cause__ is not None


async def test_the_dsn_comes_from_the_environment(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECKILL_DSN", raising=False)
    with pytest.raises(ValueError, match="SECKILL_DSN"):
        AsyncClient()
    with pytest.raises(ValueError, match="malformed") as caught:
        AsyncClient("host=localhost secret")
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("SECKILL_DSN", db.dsn("buyer"))
    async with AsyncClient() as client:
        assert await client.schema_version()


async def test_more_callers_than_connections(db: Database, sale: Sale) -> None:
    async with AsyncClient(db.dsn("operator", pool_size=2), max_size=2) as client:

        async def click(user: str) -> bool:
            answer = await client.reserve(
                activity_id=sale.activity_id, user_id=user, sku=sale.sku, quantity=1
            )
            return answer.ok

        running = [background_async(lambda n=n: click(f"user-{n}")) for n in range(40)]
        assert sum([await finish_async(one) for one in running]) == 10


async def test_a_full_pool_is_unavailable(
    db: Database, sale: Sale, operator: Connection[Any]
) -> None:
    async with AsyncClient(
        db.dsn("operator"), max_size=1, timeout_ms=200, retry=NO_RETRY
    ) as client:
        pool: Any = client._pool  # the only connection, as a long call would have it
        link = await pool.take(float("inf"))
        with pytest.raises(Unavailable, match="no free connection in time"):
            await client.schema_version()
        await pool.give(link)
        assert await client.schema_version()


async def test_nothing_is_sent_with_no_time_left(client: AsyncClient, sale: Sale) -> None:
    """An idle connection is at hand, but what it sends could only become an open question."""
    core: Any = _core_async
    values = _calls.bind(
        {
            "activity_id": sale.activity_id,
            "user_id": "late",
            "sku": sale.sku,
            "quantity": 1,
            "request_id": uuid4(),
            "region": "*",
            "subjects": {},
        }
    )
    assert len(pool_of(client)._idle) == 1
    for ends in (monotonic(), monotonic() - 1):
        with pytest.raises(Unavailable, match="no time left"):
            await core._attempt_on(pool_of(client), _calls.RESERVE, values, ends)
    assert len(pool_of(client)._idle) == 1
    assert await client.list_reservations(user_id="late", activity_id=sale.activity_id) == []


async def test_connections_are_replaced_when_old(db: Database) -> None:
    async with AsyncClient(db.dsn("operator"), max_lifetime_s=0.0) as client:
        pool: Any = client._pool
        first = pool._idle[-1]
        assert await client.schema_version()
        assert first.closed
        assert pool._idle[-1] is not first


async def test_a_database_without_seckill_says_so_at_once(empty_db: Database) -> None:
    with pytest.raises(IncompatibleSchema, match="not installed in this database"):
        async with AsyncClient(empty_db.admin_dsn):
            pass
