# WARNING: this file is auto-generated from test_join_async.py by ops/dev/generate_sync.py.
# Do not change it: change the source and generate again.
"""`connection=`: a call is part of the caller's transaction, whichever library owns it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection, RawCursor
from sqlalchemy import text

from seckill import (
    Client,
    OutcomeUnknown,
    SeckillError,
    Unavailable,
    UnknownActivity,
    WrongIsolation,
)
from tests.client.fix_client import (
    background,
    blocked_pids,
    finish,
    held_by,
    make_engine,
    make_session,
    pool_locked,
    until,
)
from tests.fix_database import Database
from tests.fix_sale import Sale, open_sale


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    return open_sale(operator, units=10)


@pytest.fixture
def client(db: Database) -> Iterator[Client]:
    """A client that needs no connection of its own."""
    with Client(db.dsn("buyer"), min_size=0) as client:
        yield client


def buy(client: Client, sale: Sale, connection: Any) -> None:
    answer = client.reserve(
        activity_id=sale.activity_id,
        user_id="ann",
        sku=sale.sku,
        quantity=1,
        connection=connection,
    )
    assert answer.status == "held"


@pytest.mark.parametrize("commit", [True, False])
def test_psycopg(
    client: Client, db: Database, sale: Sale, superuser: Connection[Any], commit: bool
) -> None:
    with Connection.connect(
        db.dsn("buyer"), prepare_threshold=None, cursor_factory=RawCursor
    ) as connection:
        buy(client, sale, connection)
        assert held_by(superuser, sale, "ann") == 0
        (connection.commit() if commit else connection.rollback())
    assert held_by(superuser, sale, "ann") == commit


def test_psycopg_with_autocommit(
    client: Client, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    with Connection.connect(db.dsn("buyer"), prepare_threshold=None, autocommit=True) as connection:
        buy(client, sale, connection)
        assert held_by(superuser, sale, "ann") == 1


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_sqlalchemy_connection(
    client: Client,
    db: Database,
    sale: Sale,
    superuser: Connection[Any],
    commit: bool,
    first: bool,
) -> None:
    engine = make_engine(db.dsn("buyer"))
    with engine.connect() as connection:
        if not first:
            connection.execute(text("select 1"))
        buy(client, sale, connection)
        assert held_by(superuser, sale, "ann") == 0
        (connection.commit() if commit else connection.rollback())
        connection.execute(text("select 1"))
    engine.dispose()
    assert held_by(superuser, sale, "ann") == commit


@pytest.mark.parametrize("commit", [True, False])
def test_sqlalchemy_session(
    client: Client, db: Database, sale: Sale, superuser: Connection[Any], commit: bool
) -> None:
    engine = make_engine(db.dsn("buyer"))
    with make_session(engine) as session:
        buy(client, sale, session)
        assert held_by(superuser, sale, "ann") == 0
        (session.commit() if commit else session.rollback())
    engine.dispose()
    assert held_by(superuser, sale, "ann") == commit


def test_sqlalchemy_begin_block_commits(
    client: Client, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    engine = make_engine(db.dsn("buyer"))
    with engine.begin() as connection:
        buy(client, sale, connection)
    engine.dispose()
    assert held_by(superuser, sale, "ann") == 1


def test_reads_see_the_caller_s_own_transaction(client: Client, db: Database, sale: Sale) -> None:
    with Connection.connect(db.dsn("buyer"), prepare_threshold=None) as connection:
        buy(client, sale, connection)
        mine = client.list_reservations(user_id="ann", connection=connection)
        assert [one.status for one in mine] == ["held"]
        connection.rollback()


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_isolation_must_be_read_committed(
    client: Client, db: Database, sale: Sale, level: str
) -> None:
    with Connection.connect(db.dsn("buyer"), prepare_threshold=None, autocommit=True) as connection:
        connection.execute(f"begin isolation level {level}".encode())
        with pytest.raises(WrongIsolation) as caught:
            buy(client, sale, connection)
        connection.rollback()
    assert caught.value.sqlstate == "SK005"


def test_errors_are_the_same_and_end_the_transaction(
    client: Client, db: Database, sale: Sale
) -> None:
    with Connection.connect(db.dsn("buyer"), prepare_threshold=None) as connection:
        with pytest.raises(UnknownActivity):
            client.availability(activity_id=-1, sku="none", connection=connection)
        with pytest.raises(SeckillError) as caught:
            buy(client, sale, connection)
        assert caught.value.sqlstate == "25P02"
        connection.rollback()
        buy(client, sale, connection)
        connection.rollback()


def test_a_lost_connection_is_not_tried_again(
    client: Client, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    connection = Connection.connect(db.dsn("buyer"), prepare_threshold=None)
    with pool_locked(db.admin_dsn, sale):
        running = background(lambda: buy(client, sale, connection))
        until(lambda: bool(blocked_pids(superuser)))
        superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
        # Unlike elsewhere that is no open question: nobody can commit this transaction any more.
        with pytest.raises(Unavailable) as caught:
            finish(running)
    assert caught.value.sqlstate == "57P01"
    with pytest.raises(Unavailable, match="closed"):
        buy(client, sale, connection)
    connection.close()
    assert held_by(superuser, sale, "ann") == 0


def test_a_lost_connection_in_autocommit_is_an_open_question(
    client: Client, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    """There the call is a transaction of its own."""
    connection = Connection.connect(db.dsn("buyer"), prepare_threshold=None, autocommit=True)
    with pool_locked(db.admin_dsn, sale):
        running = background(lambda: buy(client, sale, connection))
        until(lambda: bool(blocked_pids(superuser)))
        superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
        with pytest.raises(OutcomeUnknown) as caught:
            finish(running)
    assert caught.value.request_id is not None
    connection.close()


def test_a_lost_connection_in_a_block_in_autocommit_is_not(
    client: Client, db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    connection = Connection.connect(db.dsn("buyer"), prepare_threshold=None, autocommit=True)
    connection.execute("begin")
    with pool_locked(db.admin_dsn, sale):
        running = background(lambda: buy(client, sale, connection))
        until(lambda: bool(blocked_pids(superuser)))
        superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
        with pytest.raises(Unavailable):
            finish(running)
    connection.close()
    assert held_by(superuser, sale, "ann") == 0


def test_other_things_are_refused(client: Client, sale: Sale) -> None:
    for wrong in (object(), "postgresql://", psycopg):
        with pytest.raises(TypeError, match="connection="):
            buy(client, sale, wrong)
