# WARNING: this file is auto-generated from test_client_flag_async.py by ops/dev/generate_sync.py.
# Do not change it: change the source and generate again.
"""Clients and the sold-out flag: when it is raised, whom it refuses, and whom it must not."""

from __future__ import annotations

from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from seckill import Client, ReserveResult
from seckill._guard import Guard
from seckill.flag import Flag, LocalFlag, StockPool
from seckill.flag_redis import RedisFlag
from seckill.runtime.valkey import Valkey
from tests.client.fix_client import after
from tests.fix_database import Database
from tests.fix_sale import Sale, add_units, availability, cancel, open_sale
from tests.fix_valkey import console

LONG_MS = 60_000  # a flag that does not end while a test runs


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    return open_sale(operator, units=1)


@pytest.fixture
def flag() -> LocalFlag:
    return LocalFlag(ttl_ms=LONG_MS)


def pool_of(sale: Sale) -> StockPool:
    return StockPool(sale.activity_id, sale.sku, sale.region)


def known(flag: LocalFlag, sale: Sale) -> Flag | None:
    (found,) = flag.read([pool_of(sale)])
    return found


def buy(
    client: Client,
    sale: Sale,
    user: str,
    *,
    quantity: int = 1,
    request_id: UUID | None = None,
    **more: Any,
) -> ReserveResult:
    return client.reserve(
        activity_id=sale.activity_id,
        user_id=user,
        sku=sale.sku,
        quantity=quantity,
        request_id=request_id,
        **more,
    )


# --- raised


def test_a_refusal_with_nothing_left_raises_the_flag(
    db: Database, sale: Sale, flag: LocalFlag, operator: Connection[Any]
) -> None:
    with Client(db.dsn("buyer"), flag=flag) as client:
        assert (buy(client, sale, "ann")).ok
        assert known(flag, sale) is None
        refused = buy(client, sale, "bob")
        assert (refused.status, refused.remaining) == ("sold_out", 0)
        assert known(flag, sale) == Flag(availability(operator, sale).epoch, True)


def test_a_refusal_with_something_left_raises_none(
    db: Database, sale: Sale, flag: LocalFlag
) -> None:
    with Client(db.dsn("buyer"), flag=flag) as client:
        refused = buy(client, sale, "ann", quantity=2)
        assert (refused.status, refused.remaining) == ("sold_out", 1)
        assert known(flag, sale) is None


def test_no_other_refusal_raises_one(
    db: Database, operator: Connection[Any], flag: LocalFlag
) -> None:
    sale = open_sale(operator, units=2, limit=1)
    draft = open_sale(operator, units=0, state="draft", sku="pen")
    add_units(operator, draft, 1)
    with Client(db.dsn("buyer"), flag=flag) as client:
        assert (buy(client, sale, "ann")).ok
        assert (buy(client, sale, "ann")).status == "limit_exceeded"
        assert (buy(client, draft, "ann")).status == "not_started"
        assert known(flag, sale) is None
        assert known(flag, draft) is None


def test_a_flag_ends_when_units_may_come_back(
    db: Database, operator: Connection[Any], flag: LocalFlag
) -> None:
    """Never past `retry_at`, however long it may live."""
    sale = open_sale(operator, units=1, hold_seconds=1)
    with Client(db.dsn("buyer"), flag=flag) as client:
        assert (buy(client, sale, "ann")).ok
        refused = buy(client, sale, "bob")
        assert refused.retry_at is not None
        left_s = (refused.retry_at - datetime.now(UTC)).total_seconds()
        after(max(left_s, 0) + 0.05)
        assert (buy(client, sale, "bob")).ok


def test_an_answer_that_was_long_on_its_way_raises_none(
    db: Database, sale: Sale, flag: LocalFlag
) -> None:
    """The flag ends one TTL after the question, so it would be over."""
    guard = Guard(flag)
    with Client(db.dsn("buyer"), flag="") as client:
        assert (buy(client, sale, "ann")).ok
        refused = buy(client, sale, "bob")
    guard.learn([pool_of(sale)], refused, monotonic() - LONG_MS / 1000)
    assert known(flag, sale) is None
    guard.learn([pool_of(sale)], refused, monotonic())
    assert (known(flag, sale) or Flag(0, False)).shut


def test_the_callers_own_transaction_raises_none_and_sees_none(
    db: Database, sale: Sale, flag: LocalFlag
) -> None:
    """What it was told may be rolled back, and nobody would hear of it."""
    with (
        psycopg.Connection.connect(db.dsn("buyer"), prepare_threshold=None) as own,
        Client(db.dsn("buyer"), flag=flag) as client,
    ):
        assert (buy(client, sale, "ann", connection=own)).ok
        assert (buy(client, sale, "bob", connection=own)).status == "sold_out"
        assert known(flag, sale) is None
        own.rollback()
        flag.shut(pool_of(sale), 99, monotonic() + 60)
        assert (buy(client, sale, "bob", connection=own)).ok
        own.rollback()


# --- refuses


def test_a_first_try_is_refused_without_postgresql(
    db: Database, sale: Sale, flag: LocalFlag
) -> None:
    with Client(db.dsn("buyer"), flag=flag) as client:
        flag.shut(pool_of(sale), 7, monotonic() + 60)
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
        assert buy(client, sale, "ann") == expected
        assert buy(client, sale, "ann", request_id=uuid4(), first_try=True) == expected
        # There is a unit, and who asks PostgreSQL gets it.
        assert (buy(client, sale, "ann", request_id=uuid4())).ok


def test_only_its_own_pool_is_refused(
    db: Database, operator: Connection[Any], flag: LocalFlag
) -> None:
    here = open_sale(operator, units=1, region="north")
    there = Sale(here.activity_id, here.sku, "south")
    add_units(operator, there, 1)
    other = open_sale(operator, units=1)
    with Client(db.dsn("buyer"), flag=flag) as client:
        flag.shut(pool_of(here), 7, monotonic() + 60)
        assert (buy(client, here, "ann", region="north")).status == "sold_out"
        assert (buy(client, there, "ann", region="south")).ok
        assert (buy(client, other, "ann")).ok


def test_a_flag_of_any_line_refuses_an_order(
    db: Database, operator: Connection[Any], flag: LocalFlag
) -> None:
    sale = open_sale(operator, units=2)
    other = Sale(sale.activity_id, "case", "*")
    add_units(operator, other, 1)
    order: dict[str, Any] = {"activity_id": sale.activity_id, "user_id": "ann"}
    order |= {"skus": ["phone", "case"], "quantities": [1, 1]}
    with Client(db.dsn("buyer"), flag=flag) as client:
        assert (client.reserve_lines(**order)).ok
        # PostgreSQL says which line it was, and that one is flagged.
        refused = client.reserve_lines(**order)
        assert (refused.status, refused.sku) == ("sold_out", "case")
        assert known(flag, sale) is None
        assert (known(flag, other) or Flag(0, False)).shut
        flagged = client.reserve_lines(**order)
        assert (flagged.sku, flagged.retry, flagged.retry_at) == ("case", "may_return", None)
        again = client.reserve_lines(**order, request_id=uuid4())
        assert again.retry_at is not None


def test_a_held_request_is_answered_held_again_under_a_flag(
    db: Database, sale: Sale, flag: LocalFlag
) -> None:
    """I6: the same request id, the same answer."""
    request_id = uuid4()
    with Client(db.dsn("buyer"), flag=flag) as client:
        held = buy(client, sale, "ann", request_id=request_id, first_try=True)
        assert held.ok
        assert (buy(client, sale, "bob")).status == "sold_out"
        assert (known(flag, sale) or Flag(0, False)).shut
        again = buy(client, sale, "ann", request_id=request_id)
        assert (again.status, again.replayed) == ("held", True)
        assert again.reservation_id == held.reservation_id


def test_a_flag_that_nobody_vouches_for_refuses_one_ttl_long(db: Database, sale: Sale) -> None:
    """I9, with a store that lies for ever: the client's own clock ends it."""

    class Liar(LocalFlag):
        def read(self, pools: Any) -> Any:
            return [Flag(99, True)] * len(pools)

    with Client(db.dsn("buyer"), flag=Liar(ttl_ms=150)) as client:
        assert (buy(client, sale, "ann")).status == "sold_out"
        after(0.16)
        assert (buy(client, sale, "ann")).ok
        # Now it is true, and PostgreSQL has to say so, time and again.
        for _ in range(2):
            assert (buy(client, sale, "bob")).epoch != 99
            assert (buy(client, sale, "bob")).epoch == 99
            after(0.16)


def test_units_that_come_back_are_sold_when_the_flag_has_ended(
    db: Database, sale: Sale, operator: Connection[Any]
) -> None:
    """Without a relay: one TTL later."""
    with Client(db.dsn("buyer"), flag=LocalFlag(ttl_ms=100)) as client:
        held = buy(client, sale, "ann")
        assert held.reservation_id is not None
        assert (buy(client, sale, "bob")).status == "sold_out"
        cancel(operator, held.reservation_id)
        after(0.11)
        assert (buy(client, sale, "bob")).ok


# --- where the flag comes from


def test_clients_share_a_flag_in_redis(db: Database, sale: Sale, valkey: Valkey) -> None:
    with (
        Client(db.dsn("buyer"), flag=valkey.url) as one,
        Client(db.dsn("buyer"), flag=valkey.url) as other,
    ):
        assert (buy(one, sale, "ann")).ok
        assert (buy(one, sale, "bob")).retry_at is not None
        with console(valkey) as look:
            deadline = monotonic() + 10
            while not look.exists(pool_of(sale).key):
                assert monotonic() < deadline
                after(0.001)
            look.persist(pool_of(sale).key)
        flagged = buy(other, sale, "cid")
        assert (flagged.status, flagged.retry, flagged.retry_at) == ("sold_out", "may_return", None)


def test_the_environment_names_the_flag(
    db: Database, sale: Sale, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECKILL_REDIS_URL", valkey.url)
    with console(valkey) as meddle:
        meddle.set(pool_of(sale).key, "7 shut")
    with Client(db.dsn("buyer")) as client:
        assert (buy(client, sale, "ann")).epoch == 7
    with Client(db.dsn("buyer"), flag="") as client:
        assert (buy(client, sale, "ann")).ok


def test_a_client_may_be_opened_again(db: Database, sale: Sale, valkey: Valkey) -> None:
    client = Client(db.dsn("buyer"), flag=valkey.url)
    with client:
        assert (buy(client, sale, "ann")).ok
    with client:
        assert (buy(client, sale, "bob")).status == "sold_out"


def test_a_store_that_was_given_is_left_open(db: Database, sale: Sale, valkey: Valkey) -> None:
    flag = RedisFlag(valkey.url, timeout_ms=2_000)
    with Client(db.dsn("buyer"), flag=flag) as client:
        assert (buy(client, sale, "ann")).ok
    with console(valkey) as meddle:
        meddle.set(pool_of(sale).key, "7 shut")
    assert flag.read([pool_of(sale)]) == [Flag(7, True)]
    flag.close()
