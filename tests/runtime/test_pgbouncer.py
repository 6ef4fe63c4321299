"""PgBouncer in front: transaction mode, SCRAM, a private console, and a quick return."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from seckill.runtime import PgBouncer, PortTaken, Postgres
from seckill.runtime.pgbouncer import DEFAULT_SETTINGS
from seckill.runtime.provision import AUTH_QUERY, LOOKUP
from tests.runtime.support import first_answer, traces

OPS = Path(__file__).parents[2] / "ops" / "pgbouncer"


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with Postgres() as server:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("create role clerk login password 'clerk''s'")
            connection.execute("create role guest login password 'guest'")
        yield server


@pytest.fixture
def pooler(server: Postgres) -> Iterator[PgBouncer]:
    with PgBouncer(server, pool_size=1, users={"guest": "guest"}) as pooler:
        yield pooler


def console(pooler: PgBouncer, command: str) -> list[tuple[object, ...]]:
    with psycopg.connect(
        pooler.admin_dsn,
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=psycopg.ClientCursor,
    ) as connection:
        cursor = connection.execute(command.encode())
        return cursor.fetchall() if cursor.description else []


def test_server_connection_is_shared_between_transactions(pooler: PgBouncer) -> None:
    dsn = pooler.dsn("guest")
    with psycopg.connect(dsn) as one, psycopg.connect(dsn) as two:
        pids: set[object] = set()
        for connection in (one, two, one, two):
            pids.add(connection.execute("select pg_backend_pid()").fetchone())
            connection.commit()
    assert len(pids) == 1


def test_verifier_serves_as_a_password(server: Postgres, pooler: PgBouncer) -> None:
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute(
            "select rolpassword from pg_authid where rolname = 'clerk'"
        ).fetchone()
    assert row is not None
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(pooler.dsn("clerk", "clerk's"))
    pooler.users["clerk"] = row[0]
    pooler.reload()
    first_answer(pooler.dsn("clerk", "clerk's"), 5)


def test_wrong_password_is_refused(pooler: PgBouncer) -> None:
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(pooler.dsn("guest", "wrong"))


def test_console_is_reached_through_the_socket_only(pooler: PgBouncer) -> None:
    assert ("guest", "transaction") not in console(pooler, "show databases")
    over_tcp = re.sub(r"host=\S+", "host=127.0.0.1", pooler.admin_dsn)
    with pytest.raises(psycopg.OperationalError, match="login rejected"):
        psycopg.connect(over_tcp)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(pooler.dsn("guest", dbname="pgbouncer"))


def test_files_with_secrets_are_private(pooler: PgBouncer) -> None:
    for name in ("userlist.txt", "pgbouncer.ini", "hba.conf"):
        assert (pooler.socket_dir / name).stat().st_mode & 0o777 == 0o600


def test_killed_pooler_comes_back_on_its_port(pooler: PgBouncer) -> None:
    dsn = pooler.dsn("guest")
    pooler.kill()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(dsn)
    pooler.start()
    assert first_answer(dsn, 5) < 3


def test_first_answer_soon_after_a_restart_of_postgresql() -> None:
    with Postgres() as server, PgBouncer(server) as pooler:
        pooler.users["postgres"] = "secret"
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("alter role postgres password 'secret'")
        pooler.reload()
        dsn = pooler.dsn("postgres")
        first_answer(dsn, 5)
        server.kill()
        server.start()
        assert first_answer(dsn, 10) <= 3


def test_stop_leaves_nothing(server: Postgres) -> None:
    with PgBouncer(server) as pooler:
        seen = traces(pooler)
    assert seen.remaining() == []


def test_stop_does_not_wait_for_clients(server: Postgres) -> None:
    with PgBouncer(server, users={"guest": "guest"}) as pooler:
        client = psycopg.connect(pooler.dsn("guest"))
        client.execute("select 1")
        pooler.stop()
        assert pooler.pid is None
        client.close()


def test_taken_port_is_refused(server: Postgres) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken), PgBouncer(server, port=port):
            pass


def test_example_for_production_has_the_same_settings() -> None:
    example = dict(
        re.findall(r"^(\w+) = (.*)$", (OPS / "pgbouncer.ini").read_text(), flags=re.MULTILINE)
    )
    for name, value in DEFAULT_SETTINGS.items():
        if name not in {"max_client_conn", "log_stats"}:
            assert example[name] == value, name
    assert example["auth_query"] == AUTH_QUERY
    assert LOOKUP.strip() in (OPS / "auth_query.sql").read_text()
