"""`connection=`: a call is part of the caller's transaction, whichever library owns it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
from psycopg import AsyncConnection, AsyncRawCursor, Connection
from sqlalchemy import text

from seckill import (
    AsyncClient,
    OutcomeUnknown,
    SeckillError,
    Unavailable,
    UnknownActivity,
    WrongIsolation,
)
from tests.client.fix_client import (
    background_async,
    blocked_pids,
    finish_async,
    held_by,
    make_engine_async,
    make_session_async,
    pool_locked,
    until_async,
)
from tests.fix_database import Database
from tests.fix_sale import Sale, open_sale


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    return open_sale(operator, units=10)


@pytest.fixture
async def client(db: Database) -> AsyncIterator[AsyncClient]:
    """A client that needs no connection of its own."""
    async with AsyncClient(db.dsn("buyer"), min_size=0) as client:
        yield client


async def buy(client: AsyncClient, sale: Sale, connection: Any) -> None:
    answer = await client.reserve(
        activity_id=sale.activity_id,
        user_id="ann",
        sku=sale.sku,
        quantity=1,
        connection=connection,
    )
    assert answer.status == "held"


@pytest.mark.parametrize("commit", [True, False])
async def test_psycopg(
    client: AsyncClient, db: Database, sale: Sale, superuser: Connection[Any], commit: bool
) -> None:
    async with await AsyncConnection.connect(
        db.dsn("buyer"), prepare_threshold=None, cursor_factory=AsyncRawCursor
    ) as connection:
        await buy(client, sale, connection)
        assert held_by(superuser, sale, "ann") == 0
        await (connection.commit() if commit else connection.rollback())
    assert held_by(superuser, sale, "ann") == commit


async def test_psycopg_with_autocommit(
    client: AsyncClient, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    async with await AsyncConnection.connect(
        db.dsn("buyer"), prepare_threshold=None, autocommit=True
    ) as connection:
        await buy(client, sale, connection)
        assert held_by(superuser, sale, "ann") == 1


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("first", [True, False])
async def test_sqlalchemy_connection(
    client: AsyncClient,
    db: Database,
    sale: Sale,
    superuser: Connection[Any],
    commit: bool,
    first: bool,
) -> None:
    engine = make_engine_async(db.dsn("buyer"))
    async with engine.connect() as connection:
        if not first:
            await connection.execute(text("select 1"))
        await buy(client, sale, connection)
        assert held_by(superuser, sale, "ann") == 0
        await (connection.commit() if commit else connection.rollback())
        await connection.execute(text("select 1"))
    await engine.dispose()
    assert held_by(superuser, sale, "ann") == commit


@pytest.mark.parametrize("commit", [True, False])
async def test_sqlalchemy_session(
    client: AsyncClient, db: Database, sale: Sale, superuser: Connection[Any], commit: bool
) -> None:
    engine = make_engine_async(db.dsn("buyer"))
    async with make_session_async(engine) as session:
        await buy(client, sale, session)
        assert held_by(superuser, sale, "ann") == 0
        await (session.commit() if commit else session.rollback())
    await engine.dispose()
    assert held_by(superuser, sale, "ann") == commit


async def test_sqlalchemy_begin_block_commits(
    client: AsyncClient, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    engine = make_engine_async(db.dsn("buyer"))
    async with engine.begin() as connection:
        await buy(client, sale, connection)
    await engine.dispose()
    assert held_by(superuser, sale, "ann") == 1


async def test_reads_see_the_caller_s_own_transaction(
    client: AsyncClient, db: Database, sale: Sale
) -> None:
    async with await AsyncConnection.connect(db.dsn("buyer"), prepare_threshold=None) as connection:
        await buy(client, sale, connection)
        mine = await client.list_reservations(user_id="ann", connection=connection)
        assert [one.status for one in mine] == ["held"]
        await connection.rollback()


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
async def test_isolation_must_be_read_committed(
    client: AsyncClient, db: Database, sale: Sale, level: str
) -> None:
    async with await AsyncConnection.connect(
        db.dsn("buyer"), prepare_threshold=None, autocommit=True
    ) as connection:
        await connection.execute(f"begin isolation level {level}".encode())
        with pytest.raises(WrongIsolation) as caught:
            await buy(client, sale, connection)
        await connection.rollback()
    assert caught.value.sqlstate == "SK005"


async def test_errors_are_the_same_and_end_the_transaction(
    client: AsyncClient, db: Database, sale: Sale
) -> None:
    async with await AsyncConnection.connect(db.dsn("buyer"), prepare_threshold=None) as connection:
        with pytest.raises(UnknownActivity):
            await client.availability(activity_id=-1, sku="none", connection=connection)
        with pytest.raises(SeckillError) as caught:
            await buy(client, sale, connection)
        assert caught.value.sqlstate == "25P02"
        await connection.rollback()
        await buy(client, sale, connection)
        await connection.rollback()


async def test_a_lost_connection_is_not_tried_again(
    client: AsyncClient, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    connection = await AsyncConnection.connect(db.dsn("buyer"), prepare_threshold=None)
    with pool_locked(db.admin_dsn, sale):
        running = background_async(lambda: buy(client, sale, connection))
        await until_async(lambda: bool(blocked_pids(superuser)))
        superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
        # Unlike elsewhere that is no open question: nobody can commit this transaction any more.
        with pytest.raises(Unavailable) as caught:
            await finish_async(running)
    assert caught.value.sqlstate == "57P01"
    with pytest.raises(Unavailable, match="closed"):
        await buy(client, sale, connection)
    await connection.close()
    assert held_by(superuser, sale, "ann") == 0


async def test_a_lost_connection_in_autocommit_is_an_open_question(
    client: AsyncClient, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    """There the call is a transaction of its own."""
    connection = await AsyncConnection.connect(
        db.dsn("buyer"), prepare_threshold=None, autocommit=True
    )
    with pool_locked(db.admin_dsn, sale):
        running = background_async(lambda: buy(client, sale, connection))
        await until_async(lambda: bool(blocked_pids(superuser)))
        superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
        with pytest.raises(OutcomeUnknown) as caught:
            await finish_async(running)
    assert caught.value.request_id is not None
    await connection.close()


async def test_a_lost_connection_in_a_block_in_autocommit_is_not(
    client: AsyncClient, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    connection = await AsyncConnection.connect(
        db.dsn("buyer"), prepare_threshold=None, autocommit=True
    )
    await connection.execute("begin")
    with pool_locked(db.admin_dsn, sale):
        running = background_async(lambda: buy(client, sale, connection))
        await until_async(lambda: bool(blocked_pids(superuser)))
        superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
        with pytest.raises(Unavailable):
            await finish_async(running)
    await connection.close()
    assert held_by(superuser, sale, "ann") == 0


async def test_other_things_are_refused(client: AsyncClient, sale: Sale) -> None:
    for wrong in (object(), "postgresql://", psycopg):
        with pytest.raises(TypeError, match="connection="):
            await buy(client, sale, wrong)
