# WARNING: this file is auto-generated from test_client_async.py by ops/dev/generate_sync.py.
# Do not change it: change the source and generate again.
"""Every method against the database, through PgBouncer with one server connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from psycopg.conninfo import make_conninfo

from seckill import (
    NO_RETRY,
    Client,
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
    _core,
)
from tests.client.fix_client import background, finish, until
from tests.fix_database import Database
from tests.fix_sale import Sale, open_sale

NOW = datetime.now(UTC)
OPENS, ENDS = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
NOBODY = 999_999_999


@pytest.fixture
def client(db: Database) -> Iterator[Client]:
    """An operator's client: seckill_ops may buy too."""
    with Client(db.dsn("operator")) as client:
        yield client


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    """Ten units, at most 3 a user."""
    return open_sale(operator, units=10, limit=3)


def pool_of(client: Any) -> Any:
    return client._pool


class Tagged(UUID):
    """As drivers and libraries have UUIDs of their own."""


def buy(client: Client, sale: Sale, user: str = "ann", quantity: int = 1) -> int:
    answer = client.reserve(
        activity_id=sale.activity_id, user_id=user, sku=sale.sku, quantity=quantity
    )
    assert answer.ok
    assert answer.reservation_id is not None
    return answer.reservation_id


# --- buying


def test_reserve_holds_until_it_expires(client: Client, sale: Sale) -> None:
    answer = client.reserve(
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


def test_reserve_with_the_same_request_id_is_the_same_hold(client: Client, sale: Sale) -> None:
    request_id = uuid4()

    def click() -> tuple[int | None, datetime | None, bool | None]:
        answer = client.reserve(
            activity_id=sale.activity_id,
            user_id="ann",
            sku=sale.sku,
            quantity=1,
            request_id=request_id,
        )
        return answer.reservation_id, answer.expires_at, answer.replayed

    first, second = click(), click()
    assert first[:2] == second[:2]
    assert (first[2], second[2]) == (False, True)


def test_reserve_without_a_request_id_makes_a_new_one_each_time(client: Client, sale: Sale) -> None:
    assert buy(client, sale) != buy(client, sale)


def test_a_refusal_is_a_result(client: Client, sale: Sale) -> None:
    buy(client, sale, quantity=3)
    answer = client.reserve(activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1)
    assert (answer.status, answer.ok, answer.reservation_id) == ("limit_exceeded", False, None)
    assert answer.limit_name == "units_per_user"
    assert answer.remaining == 0
    answer = client.reserve(activity_id=sale.activity_id, user_id="bob", sku=sale.sku, quantity=8)
    assert (answer.status, answer.sku, answer.remaining) == ("sold_out", sale.sku, 7)


def test_a_replay_of_a_cancelled_hold_is_not_ok(client: Client, sale: Sale) -> None:
    request_id = uuid4()

    def click() -> Any:
        return client.reserve(
            activity_id=sale.activity_id,
            user_id="ann",
            sku=sale.sku,
            quantity=1,
            request_id=request_id,
        )

    first = click()
    client.cancel(user_id="ann", reservation_id=first.reservation_id)
    again = click()
    assert (again.status, again.state, again.ok) == ("held", "cancelled", False)


def test_confirm_and_repeat(client: Client, sale: Sale) -> None:
    reservation = buy(client, sale)
    first = client.confirm(user_id="ann", reservation_id=reservation, payment_ref="p1")
    again = client.confirm(user_id="ann", reservation_id=reservation, payment_ref="p1")
    other = client.confirm(user_id="ann", reservation_id=reservation, payment_ref="p2")
    assert (first.status, first.reservation_id, first.late) == ("confirmed", reservation, False)
    assert (first.replayed, again.replayed) == (False, True)
    assert other.status == "duplicate_payment"


def test_cancel_gives_units_back(client: Client, sale: Sale) -> None:
    reservation = buy(client, sale)
    answer = client.cancel(user_id="ann", reservation_id=reservation, reason="no money")
    assert (answer.status, answer.reservation_id) == ("cancelled", reservation)
    stock = client.availability(activity_id=sale.activity_id, sku=sale.sku)
    assert stock.available == 10


def test_availability_adds_up(client: Client, sale: Sale) -> None:
    client.confirm(user_id="ann", reservation_id=buy(client, sale))
    buy(client, sale, quantity=2)
    stock = client.availability(activity_id=sale.activity_id, sku=sale.sku, region="*")
    assert stock.status == "on_sale"
    assert (stock.total, stock.available, stock.held, stock.sold) == (10, 7, 2, 1)


def test_a_reservation_is_found_three_ways(client: Client, sale: Sale) -> None:
    request_id = uuid4()
    answer = client.reserve(
        activity_id=sale.activity_id,
        user_id="ann",
        sku=sale.sku,
        quantity=2,
        request_id=request_id,
    )
    assert answer.reservation_id is not None
    got = client.get_reservation(user_id="ann", reservation_id=answer.reservation_id)
    found = client.find_reservation(
        activity_id=sale.activity_id, user_id="ann", request_id=request_id
    )
    listed = client.list_reservations(user_id="ann")
    assert got == found
    assert listed == [got]
    assert (got.status, got.user_id, got.activity_id) == ("held", "ann", sale.activity_id)
    assert (got.request_id, got.region) == (request_id, "*")
    assert (got.skus, got.quantities) == ([sale.sku], [2])
    assert got.expires_at == answer.expires_at
    assert (got.resolved_at, got.payment_ref) == (None, None)


def test_list_reservations_filters_and_limits(client: Client, sale: Sale) -> None:
    for _ in range(3):
        buy(client, sale)
    assert len(client.list_reservations(user_id="ann", limit=2)) == 2
    assert len(client.list_reservations(user_id="ann", activity_id=sale.activity_id)) == 3
    assert client.list_reservations(user_id="nobody") == []


# --- running a sale


def test_the_life_of_a_sale(client: Client) -> None:
    request_id = uuid4()

    def create() -> int:
        return client.create_activity(
            name="friday",
            starts_at=OPENS,
            ends_at=ENDS.astimezone(timezone(timedelta(hours=8))),
            hold_seconds=60,
            time_zone="Asia/Shanghai",
            request_id=request_id,
            actor="olga",
        )

    activity_id = create()
    assert create() == activity_id
    updated = client.update_activity(activity_id=activity_id, name="black friday")
    assert (updated.status, updated.replayed) == ("draft", False)
    seen = [
        (client.open_activity(activity_id=activity_id)).status,
        (client.pause_activity(activity_id=activity_id, actor="olga")).status,
        (client.resume_activity(activity_id=activity_id)).status,
        (client.close_activity(activity_id=activity_id)).status,
    ]
    assert seen == ["open", "paused", "open", "closed"]
    assert (client.close_activity(activity_id=activity_id)).replayed is True


def test_activities_without_a_request_id_are_new_ones(client: Client) -> None:
    first = client.create_activity(name="a", starts_at=OPENS, ends_at=ENDS)
    assert client.create_activity(name="a", starts_at=OPENS, ends_at=ENDS) != first


def test_stock_goes_from_the_inventory_to_the_pool(client: Client, sale: Sale) -> None:
    delivery = uuid4()
    for replayed in (False, True):
        received = client.receive_stock(
            sku="tablet", quantity=5, request_id=delivery, reason="delivery", actor="olga"
        )
        assert (received.status, received.replayed) == ("received", replayed)
        assert (received.sku, received.quantity, received.total) == ("tablet", 5, 5)
    allocated = client.allocate_stock(
        activity_id=sale.activity_id, sku="tablet", quantity=3, request_id=uuid4(), region="north"
    )
    assert (allocated.status, allocated.region, allocated.total) == ("allocated", "north", 3)
    left = client.inventory(sku="tablet")
    assert (left.status, left.sku, left.quantity) == ("in_stock", "tablet", 2)
    assert (client.inventory(sku="never seen")).status == "unknown"


def test_limits_are_set_and_dropped(client: Client, sale: Sale) -> None:
    assert (
        client.set_limit(
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
    buy(client, sale)
    answer = client.reserve(activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1)
    assert (answer.status, answer.limit_name) == ("limit_exceeded", "one a day")
    assert answer.retry_at is not None
    dropped = client.drop_limit(activity_id=sale.activity_id, name="one a day")
    assert dropped.status == "dropped"
    buy(client, sale)


def test_expire_due_counts_what_it_settled(
    client: Client, operator: Connection[Any], superuser: Connection[Any]
) -> None:
    sale = open_sale(operator, units=2, hold_seconds=1)
    buy(client, sale)
    superuser.execute("select pg_sleep(1.1)")
    assert client.expire_due(limit=10, actor="sweeper") == 1
    assert client.expire_due() == 0


# --- reading


def test_history_tells_what_moved(client: Client, sale: Sale) -> None:
    client.confirm(user_id="ann", reservation_id=buy(client, sale))
    kinds = {change.kind for change in client.history(activity_id=sale.activity_id)}
    assert {"allocate", "hold", "confirm"} <= kinds
    of_ann = client.history(activity_id=sale.activity_id, user_id="ann", sku=sale.sku)
    assert {change.user_id for change in of_ann} == {"ann"}
    assert len(client.history(activity_id=sale.activity_id, region="*", limit=1)) == 1


def test_the_books_agree(client: Client, sale: Sale) -> None:
    buy(client, sale)
    assert client.reconcile(activity_id=sale.activity_id) == []


def test_reconcile_gives_violations(client: Client, sale: Sale, superuser: Connection[Any]) -> None:
    superuser.execute("update seckill_private.inventory set quantity = quantity + 1")
    found = client.reconcile(activity_id=sale.activity_id)
    assert found
    assert found[0].invariant.startswith("I")
    assert found[0].expected != found[0].actual


def test_version_and_shard(client: Client) -> None:
    assert (client.schema_version())[:4].isdigit()
    assert client.contract_version() == 1
    assert 0 <= client.shard_of(user_id="ann") < 64


# --- errors


def reopen(client: Client, sale: Sale) -> None:
    client.close_activity(activity_id=sale.activity_id)
    client.open_activity(activity_id=sale.activity_id)


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
def test_errors_by_sqlstate(
    client: Client, sale: Sale, code: str, kind: type[SeckillError], call: Callable[..., Any]
) -> None:
    with pytest.raises(kind) as caught:
        call(client, sale)
    assert type(caught.value) is kind
    assert caught.value.sqlstate == code
    assert caught.value.__cause__ is not None
    assert str(caught.value).startswith(f"{code}: {caught.value.message}")


def test_request_conflict(client: Client, sale: Sale) -> None:
    request_id = uuid4()

    def click(quantity: int, request_id: UUID) -> Any:
        return client.reserve(
            activity_id=sale.activity_id,
            user_id="ann",
            sku=sale.sku,
            quantity=quantity,
            request_id=request_id,
        )

    click(1, request_id)
    with pytest.raises(RequestConflict) as caught:
        click(2, request_id)
    assert caught.value.sqlstate == "SK004"


@pytest.mark.parametrize(
    ("user_id", "quantity", "code"),
    [
        *[("a\0b", 1, None), ("ann", 2**40, "22003"), ("ann", 2**80, "22003"), ("", 1, "SK001")],
        ("\ud800", 1, "SK001"),  # half a pair of surrogates: no UTF-8
    ],
)
def test_values_that_no_parameter_can_take(
    client: Client, sale: Sale, user_id: str, quantity: int, code: str | None
) -> None:
    with pytest.raises(InvalidArgument) as caught:
        client.reserve(
            activity_id=sale.activity_id, user_id=user_id, sku=sale.sku, quantity=quantity
        )
    assert caught.value.sqlstate == code


@pytest.mark.parametrize("given", [str, lambda id: str(id).upper(), lambda id: Tagged(int=id.int)])
def test_a_request_id_of_another_type_is_the_same_one(
    client: Client, sale: Sale, given: Callable[[UUID], Any]
) -> None:
    """What goes together and what `OutcomeUnknown` carries are UUIDs."""
    request_id = uuid4()
    assert type(_calls.bind({"request_id": given(request_id)})["request_id"]) is UUID
    answers = [
        client.reserve(
            activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1, request_id=one
        )
        for one in (given(request_id), request_id)
    ]
    assert [answer.replayed for answer in answers] == [False, True]
    (again,) = client.reserve_batch(
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
def test_what_is_no_request_id_is_refused(client: Client, sale: Sale, given: Any) -> None:
    """Above all an empty one is not made up anew with each click."""
    for call in (client.reserve, client.reserve_now, client.explain):
        with pytest.raises(InvalidArgument, match="request_id is no UUID") as caught:
            call(
                activity_id=sale.activity_id,
                user_id="ann",
                sku=sale.sku,
                quantity=1,
                request_id=given,
            )
        assert caught.value.sqlstate == "SK001"


def test_a_datetime_needs_a_zone(client: Client) -> None:
    with pytest.raises(InvalidArgument, match="starts_at has no zone"):
        client.create_activity(name="a", starts_at=OPENS.replace(tzinfo=None), ends_at=ENDS)


def test_a_buyer_may_not_run_a_sale(db: Database, sale: Sale) -> None:
    with Client(db.dsn("buyer")) as buyer, pytest.raises(SeckillError) as caught:
        buyer.close_activity(activity_id=sale.activity_id)
    assert type(caught.value) is SeckillError
    assert caught.value.sqlstate == "42501"


# --- connections


def test_a_client_must_be_open(db: Database) -> None:
    client = Client(db.dsn("buyer"))
    with pytest.raises(RuntimeError, match="not open"):
        client.schema_version()
    for _ in range(2):
        client.open()
        client.open()
        assert client.schema_version()
        client.close()
        client.close()


def test_who_opens_at_one_time_opens_one_pool(db: Database, superuser: Connection[Any]) -> None:
    count = "select count(*) from pg_stat_activity where application_name = 'opening'"

    def connections() -> int:
        row = superuser.execute(count).fetchone()
        assert row is not None
        return row[0]

    dsn = make_conninfo(db.admin_dsn, application_name="opening")
    client = Client(dsn, min_size=2, max_size=2)
    opening = [background(client.open) for _ in range(6)]
    for one in opening:
        finish(one)
    assert connections() == 2
    client.close()
    until(lambda: connections() == 0)


def test_open_says_at_once_why_it_cannot_connect(db: Database) -> None:
    client = Client(make_conninfo(db.dsn("buyer"), password="wrong"))
    with pytest.raises(Unavailable, match=r"cannot connect: .*auth") as caught:
        client.open()
    assert caught.value.__cause__ is not None


def test_the_dsn_comes_from_the_environment(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECKILL_DSN", raising=False)
    with pytest.raises(ValueError, match="SECKILL_DSN"):
        Client()
    with pytest.raises(ValueError, match="malformed") as caught:
        Client("host=localhost secret")
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("SECKILL_DSN", db.dsn("buyer"))
    with Client() as client:
        assert client.schema_version()


def test_more_callers_than_connections(db: Database, sale: Sale) -> None:
    with Client(db.dsn("operator", pool_size=2), max_size=2) as client:

        def click(user: str) -> bool:
            answer = client.reserve(
                activity_id=sale.activity_id, user_id=user, sku=sale.sku, quantity=1
            )
            return answer.ok

        running = [background(lambda n=n: click(f"user-{n}")) for n in range(40)]
        assert sum([finish(one) for one in running]) == 10


def test_a_full_pool_is_unavailable(db: Database, sale: Sale, operator: Connection[Any]) -> None:
    with Client(db.dsn("operator"), max_size=1, timeout_ms=200, retry=NO_RETRY) as client:
        pool: Any = client._pool  # the only connection, as a long call would have it
        link = pool.take(float("inf"))
        with pytest.raises(Unavailable, match="no free connection in time"):
            client.schema_version()
        pool.give(link)
        assert client.schema_version()


def test_nothing_is_sent_with_no_time_left(client: Client, sale: Sale) -> None:
    """An idle connection is at hand, but what it sends could only become an open question."""
    core: Any = _core
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
            core._attempt_on(pool_of(client), _calls.RESERVE, values, ends)
    assert len(pool_of(client)._idle) == 1
    assert client.list_reservations(user_id="late", activity_id=sale.activity_id) == []


def test_connections_are_replaced_when_old(db: Database) -> None:
    with Client(db.dsn("operator"), max_lifetime_s=0.0) as client:
        pool: Any = client._pool
        first = pool._idle[-1]
        assert client.schema_version()
        assert first.closed
        assert pool._idle[-1] is not first


def test_a_database_without_seckill_says_so_at_once(empty_db: Database) -> None:
    with pytest.raises(IncompatibleSchema, match="not installed in this database"):
        with Client(empty_db.admin_dsn):
            pass
