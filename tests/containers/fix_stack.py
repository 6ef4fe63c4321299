"""`./seckill test --containers`: ops/compose.yaml, and the client suite against it.

The stack is built and started once (stack.py). tests/containers looks at it as it stands; then
the tests of the client run, each with a database of its own in the contained PostgreSQL, migrated
by the contained command line, through the contained PgBouncer, with prepared statements.

PgBouncer and PostgreSQL, as shipped, let their clients into the database `seckill` and no other. So
each test's database has this name, and there is one process.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql
from psycopg.rows import namedtuple_row

from seckill import _core, _core_async
from tests.containers.stack import Stack, started, why_not
from tests.fix_database import Database, copy_database_grants
from tests.fix_pgbouncer import Poolers
from tests.fix_postgres import CONTAINERS, Server

_HERE = Path(__file__).parent
_OWN_SERVERS = {"server", "fresh_server", "servers"}
TEMPLATE = "seckill_template"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("seckill")
    group.addoption(
        "--containers", action="store_true", help="run ops/compose.yaml and the client suite on it"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--containers"):
        return
    if config.getoption("numprocesses", None):
        raise pytest.UsageError("--containers runs in one process: leave out -n")

    # Whoever ends the run by a signal leaves no containers behind either.
    def end(*_: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGHUP, end)


def _needs_stack(item: pytest.Item) -> bool:
    return "stack" in getattr(item, "fixturenames", ())


def _is_of_client_suite(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    if callspec is None or callspec.params.get("target") != CONTAINERS:
        return False
    # Planted mistakes are found without containers, and a test that maltreats servers of its own is
    # not about these.
    if "mutation" in callspec.params:
        return False
    return _OWN_SERVERS.isdisjoint(getattr(item, "fixturenames", ()))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--containers"):
        # What looks at the stack as it stands comes before what replaces its database.
        kept = [item for item in items if item.path.parent == _HERE]
        kept += [item for item in items if item not in kept and _is_of_client_suite(item)]
    else:
        kept = [item for item in items if not _needs_stack(item)]
    if len(kept) != len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    for item in items:
        if _needs_stack(item) or _is_of_client_suite(item):
            # The first one waits for the images.
            item.add_marker(pytest.mark.timeout(1_800))
            break


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack, built and up."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    with started() as running:
        yield running


# -- the client suite's databases


@dataclass(frozen=True, slots=True)
class ContainedDatabase(Database):
    """The stack's database, new for one test. All but the superuser come through PgBouncer."""

    # A server of this machine and its poolers, which a contained one has not.
    server: Server = field(init=False, repr=False)
    poolers: Poolers = field(init=False, repr=False)
    stack: Stack = field(kw_only=True)

    @property
    def pooled(self) -> bool:
        """Always: PostgreSQL lets nobody else in."""
        return True

    @property
    def admin_dsn(self) -> str:
        """The superuser, directly."""
        return self.stack.superuser_dsn()

    def dsn(self, who: str = "buyer", *, pool_size: int = 1, direct: bool = False) -> str:
        """Through PgBouncer, whose pool is that of the shipped configuration."""
        assert not direct, "there is no direct way into the contained PostgreSQL"
        return self.admin_dsn if who == "superuser" else self.stack.dsn(who)

    def connect(
        self, who: str = "buyer", *, pool_size: int = 1, direct: bool = False, **options: Any
    ) -> Connection[Any]:
        """An autocommit connection with named rows, which prepares each statement at once."""
        defaults: dict[str, Any] = {
            "autocommit": True,
            "row_factory": namedtuple_row,
            "prepare_threshold": 0,
        }
        return psycopg.connect(self.dsn(who, direct=direct), **(defaults | options))


def _admin(stack: Stack) -> psycopg.Connection[Any]:
    return psycopg.connect(stack.superuser_dsn("postgres"), autocommit=True)


def _replace_database(stack: Stack, template: str | None) -> None:
    """Make the database anew: PgBouncer's connections to the old one end."""
    with _admin(stack) as admin:
        admin.execute("drop database if exists seckill with (force)")
        copied = (
            sql.SQL("template {}").format(sql.Identifier(template)) if template else sql.SQL("")
        )
        admin.execute(sql.SQL("create database seckill owner seckill_admin {}").format(copied))
    if template:
        copy_database_grants(stack.superuser_dsn("postgres"), template, "seckill")


@pytest.fixture(scope="session")
def contained(stack: Stack) -> Callable[[], AbstractContextManager[Database]]:
    """`with contained() as db`: a database at head, migrated in the container, for one test."""
    # Its sweeps are no part of what a test of the client looks at.
    stack.compose("stop", "worker")
    _replace_database(stack, None)
    stack.inside(
        *("postgres", "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"),
        *("--host=/run/postgresql", "--dbname=seckill", "--file=/etc/postgresql/auth_query.sql"),
    )
    stack.compose("run", "--rm", "--no-TTY", "--no-deps", "migrate")
    with _admin(stack) as admin:
        admin.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = 'seckill'"
        )
        admin.execute(f"alter database seckill rename to {TEMPLATE}".encode())

    @contextmanager
    def database() -> Iterator[Database]:
        _replace_database(stack, TEMPLATE)
        yield ContainedDatabase("seckill", CONTAINERS, stack=stack)

    return database


@pytest.fixture(scope="session", autouse=True)
def prepared_statements(request: pytest.FixtureRequest) -> Iterator[None]:
    """Clients that leave it open prepare at once, as `prepare_threshold=0` tells them to."""
    if not request.config.getoption("--containers"):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        for client in (_core.Core, _core_async.AsyncCore):
            defaults = client.__init__.__kwdefaults__
            assert defaults is not None
            assert defaults["prepare_threshold"] is None
            patch.setitem(defaults, "prepare_threshold", 0)
        yield
