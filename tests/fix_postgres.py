"""PostgreSQL servers, and the choice of those that a test runs on.

A *target* names a server version and a way to it, such as `18-pooled`. Tests that use `db` run on
the targets of their directory: everything on 18 (embedded) through PgBouncer with one server
connection, the migrations and the catalogue also on 15 (Debian's), directly, and in CI the contract
(tests/procedures) too. A test chooses others by `@pytest.mark.targets("18-direct")`; a person by
`--pg 15` or `--target`. With `--containers` there is one target only, the stack of ops/compose.yaml
(tests/containers/fix_stack.py).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from seckill.runtime import Postgres, StartError, find_bindir
from tests.fix_coverage import profiler_settings

TARGETS = ("18-pooled", "18-direct", "15-pooled", "15-direct")
# PostgreSQL 17 and PgBouncer in containers.
CONTAINERS = "17-containers"
DEFAULT_TARGETS = ("18-pooled",)
BOTH_ENDS = ("18-pooled", "15-direct")
# Directories below tests/ whose tests also run on the oldest PostgreSQL, and directly. The many of
# tests/procedures do so in CI, or by --target: the ordinary run stays within ten minutes.
IN_CI = os.environ.get("CI") == "true"
DIRECTORIES_ON_BOTH_ENDS = {"migrations", "catalog"} | ({"procedures"} if IN_CI else set())
# Races without a pooler: in CI also on 15, where the report of executed statements is counted
# (fix_coverage.py).
DIRECT_IN_CI = ("18-direct", "15-direct") if IN_CI else ("18-direct",)

# Nothing here outlives the run, so nothing need reach the disk. Tests of durability start their
# own server; synchronous_commit stays on, as tests look at it.
SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "deadlock_timeout": "200ms",
    "autovacuum": "off",
    "log_min_messages": "warning",
}


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("seckill")
    group.addoption("--pg", choices=("18", "15"), help="run only on this PostgreSQL")
    group.addoption("--target", action="append", choices=TARGETS, help="run on these targets")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "targets(*names): the targets that this test runs on")


def targets_of(metafunc: pytest.Metafunc) -> list[str]:
    """The targets of a test: of the command line, else its marker, else its directory."""
    marker = metafunc.definition.get_closest_marker("targets")
    inside = metafunc.definition.path.relative_to(Path(__file__).parent).parts[0]
    chosen: list[str] | None = metafunc.config.getoption("--target")
    if metafunc.config.getoption("--containers"):
        chosen = [CONTAINERS]
    if marker is not None:
        names = [str(name) for name in marker.args]
        chosen = [name for name in names if name in chosen] if chosen else names
    elif chosen is None:
        both = inside in DIRECTORIES_ON_BOTH_ENDS
        chosen = list(BOTH_ENDS if both else DEFAULT_TARGETS)
    version: str | None = metafunc.config.getoption("--pg")
    if version is None:
        return chosen
    kept = [name for name in chosen if name.startswith(version)]
    # `--pg 15` asks for a test that would else run on 18 only.
    return kept or ([] if marker else [name.replace("18-", f"{version}-") for name in chosen])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "target" in metafunc.fixturenames:
        metafunc.parametrize("target", targets_of(metafunc), scope="session")


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it where CI=true says that everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass(frozen=True, slots=True)
class Server:
    """A running PostgreSQL: its version ("18") and the process behind it."""

    version: str
    postgres: Postgres

    @property
    def bindir(self) -> Path:
        """Its own programs."""
        return self.postgres.bindir

    def dsn(self, dbname: str = "postgres", user: str = "postgres", password: str = "") -> str:
        """A direct connection, by default the superuser's; libpq words."""
        uri = self.postgres.dsn(user, dbname, password or None)
        return make_conninfo(uri)

    def execute(self, statement: str, dbname: str = "postgres") -> None:
        """Run statements as the superuser, outside of a transaction."""
        with psycopg.connect(self.dsn(dbname), autocommit=True) as connection:
            connection.execute(statement.encode())


def start_server(version: str, stack: ExitStack, **settings: str) -> Server:
    """Start a throw-away server that ends with `stack`; skips (or fails) where there is none."""
    try:
        bindir = find_bindir(version)
    except StartError as error:
        unavailable(str(error))
    chosen = {**SETTINGS, **profiler_settings(version), **settings}
    server = Server(version, stack.enter_context(Postgres(bindir=bindir, settings=chosen)))
    with psycopg.connect(server.dsn()) as connection:
        found = connection.info.server_version // 10_000
    assert str(found) == version, f"asked for PostgreSQL {version}, got {found}"
    return server


@pytest.fixture(scope="session")
def servers() -> Iterator[Callable[[str], Server]]:
    """`servers("15")`: the session's server of that version, started when first asked for."""
    started: dict[str, Server] = {}
    with ExitStack() as stack:

        def server(version: str) -> Server:
            if version not in started:
                started[version] = start_server(version, stack)
            return started[version]

        yield server


@pytest.fixture(scope="session")
def server(target: str, servers: Callable[[str], Server]) -> Server:
    """The server of the target. Its cluster is shared by the session: use `db` for tables."""
    return servers(target.split("-")[0])


@pytest.fixture
def fresh_server(target: str) -> Iterator[Server]:
    """A server of its own for a test that makes roles or kills processes (1.5 s)."""
    with ExitStack() as stack:
        yield start_server(target.split("-")[0], stack)
