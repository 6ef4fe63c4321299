"""Databases at head: a template is migrated once per server, and every test gets a clone.

    def test_something(db: Database) -> None:
        with db.connect("operator") as operator, db.connect("buyer") as buyer:
            sale = open_sale(operator, units=1)
            assert reserve(buyer, sale).status == "held"

Connections are autocommit. fix_sale.py has the helpers that call the functions.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import psycopg
import pytest
from psycopg import Connection, Cursor
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import namedtuple_row
from pytest_postgresql.janitor import DatabaseJanitor

from seckill import migrate
from seckill.runtime import LOGINS
from seckill.runtime.provision import create_logins
from tests.fix_coverage import before_drop
from tests.fix_pgbouncer import PASSWORD, Poolers
from tests.fix_postgres import CONTAINERS, Server

Result = TypeVar("Result")
NUMBERS = itertools.count(1)
USERS = {
    "buyer": "seckill_buyer",
    "operator": "seckill_operator",
    "reader": "seckill_reader",
    "superuser": "postgres",
}


@dataclass(frozen=True, slots=True)
class Database:
    """One database of a test, and the ways to it.

    `target` is such as "18-pooled"; on a pooled one every role but the superuser comes through
    PgBouncer, unless it asks for `direct=True`.
    """

    name: str
    target: str
    server: Server
    poolers: Poolers = field(repr=False)

    @property
    def pooled(self) -> bool:
        """Whether the target leads through PgBouncer."""
        return self.target.endswith("-pooled")

    @property
    def admin_dsn(self) -> str:
        """The superuser, directly."""
        return self.server.dsn(self.name)

    def dsn(self, who: str = "buyer", *, pool_size: int = 1, direct: bool = False) -> str:
        """Connection string (libpq words) of a buyer, operator, reader or superuser.

        `pool_size` is the number of server connections that PgBouncer may open for the role: ask
        for as many as the test has sessions that wait for each other.
        """
        user = USERS.get(who, who)
        if user == "postgres":
            return self.admin_dsn
        if direct or not self.pooled:
            return self.server.dsn(self.name, user, PASSWORD)
        bouncer = self.poolers(self.server, pool_size)
        return make_conninfo(bouncer.dsn(user, PASSWORD, self.name))

    def connect(
        self, who: str = "buyer", *, pool_size: int = 1, direct: bool = False, **options: Any
    ) -> Connection[Any]:
        """An autocommit connection whose rows have the columns as attributes; close it by `with`.

        `options` go to psycopg.connect and win over the defaults.
        """
        defaults: dict[str, Any] = {
            "autocommit": True,
            "row_factory": namedtuple_row,
            "prepare_threshold": None,
        }
        dsn = self.dsn(who, pool_size=pool_size, direct=direct)
        return psycopg.connect(dsn, **(defaults | options))


class Janitor(DatabaseJanitor):
    """Does not drop a database before its sessions are gone.

    `drop database` that finds one looks again after 100 ms only, and one that was ended an instant
    ago (the pooler's, say) is nearly always still there.
    """

    @staticmethod
    def _terminate_connection(cur: Cursor[Any], dbname: str) -> None:
        """End the sessions of a database and wait for their end."""
        left = "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s"
        deadline = time.monotonic() + 5
        while cur.execute(left, [dbname]).fetchone() and time.monotonic() < deadline:
            time.sleep(0.001)


@contextmanager
def new_database(server: Server, template: str | None = None) -> Generator[str]:
    """Make a database, from a template or an empty one; dropped at the end, clients or not."""
    name = f"test_{next(NUMBERS)}"
    janitor = Janitor(
        user="postgres",
        host=server.postgres.host,
        port=server.postgres.port,
        password=str(conninfo_to_dict(server.dsn())["password"]),
        dbname=name,
        template_dbname=template,
    )
    janitor.init()
    try:
        if template:
            copy_database_grants(server.dsn(), template, name)
        yield name
        before_drop(server.version, server.dsn(name))
    finally:
        janitor.drop()


def copy_database_grants(superuser_dsn: str, source: str, target: str) -> None:
    """Give a clone the rights that PUBLIC lost on its template: `create database` copies none."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        for privilege in ("connect", "temporary"):
            query = f"select has_database_privilege('public', '{source}', '{privilege}') as granted"
            row = connection.execute(query.encode()).fetchone()
            if row is not None and not row[0]:
                revoke = f"revoke {privilege} on database {target} from public"
                connection.execute(revoke.encode())


@pytest.fixture(scope="session")
def templates() -> Iterator[Callable[[Server], str]]:
    """`templates(server)`: the name of a database at head in that server, made once."""
    made: dict[str, str] = {}
    with ExitStack() as stack:

        def template(server: Server) -> str:
            if server.version not in made:
                name = stack.enter_context(new_database(server))
                migrate.upgrade(server.dsn(name))
                create_logins(server.dsn(), dict.fromkeys(LOGINS, PASSWORD))
                made[server.version] = name
            return made[server.version]

        yield template


@pytest.fixture
def db(target: str, request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database at head for this test alone (a clone: 50 ms)."""
    if target == CONTAINERS:
        with request.getfixturevalue("contained")() as database:
            yield database
        return
    server: Server = request.getfixturevalue("server")
    with new_database(server, request.getfixturevalue("templates")(server)) as name:
        yield Database(name, target, server, request.getfixturevalue("poolers"))


@pytest.fixture
def empty_db(target: str, server: Server, poolers: Poolers) -> Iterator[Database]:
    """A database in which nothing was installed. The cluster may already have the roles."""
    with new_database(server) as name:
        yield Database(name, target, server, poolers)


@pytest.fixture
def buyer(db: Database) -> Iterator[Connection[Any]]:
    """A session of seckill_buyer, a member of seckill_app."""
    with db.connect("buyer") as connection:
        yield connection


@pytest.fixture
def operator(db: Database) -> Iterator[Connection[Any]]:
    """A session of seckill_operator, a member of seckill_ops."""
    with db.connect("operator") as connection:
        yield connection


@pytest.fixture
def reader(db: Database) -> Iterator[Connection[Any]]:
    """A session of seckill_reader, a member of seckill_read."""
    with db.connect("reader") as connection:
        yield connection


@pytest.fixture
def superuser(db: Database) -> Iterator[Connection[Any]]:
    """A direct session of the superuser, who may look into the private tables."""
    with db.connect("superuser") as connection:
        yield connection


def wait_until(
    condition: Callable[[], bool], what: str = "the condition", timeout_seconds: float = 20
) -> None:
    """Ask again and again; AssertionError when it has not become true in time."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come true in {timeout_seconds} s"
        time.sleep(0.01)


def wait_for_lock(db: Database, sessions: int = 1, timeout_seconds: float = 20) -> None:
    """Wait until this many sessions of the database wait for a lock."""
    query = """
        select count(*) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'"""
    with db.connect("superuser") as superuser:

        def waiting() -> bool:
            row = superuser.execute(query).fetchone()
            return row is not None and row[0] >= sessions

        wait_until(waiting, f"{sessions} sessions waiting for a lock", timeout_seconds)


def together(calls: Sequence[Callable[[], Result]]) -> list[Result | Exception]:
    """Run the calls at one instant, a thread each; what each returned or raised, in order."""
    answers: list[Result | Exception] = [RuntimeError("did not run")] * len(calls)
    start = threading.Barrier(len(calls))

    def run(number: int) -> None:
        try:
            start.wait(30)
            answers[number] = calls[number]()
        except Exception as error:  # noqa: BLE001 - the test judges it
            answers[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers
