"""How a pooler pools, found out by using it, and by its console where that is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal, LiteralString

import psycopg
from psycopg.rows import dict_row

from seckill._compat import DeadlinePassed, Link

PATIENCE_S = 5.0

Pooling = Literal["none", "transaction", "session", "statement", "starved"]
"""`none`: the connection leads straight to PostgreSQL. `starved`: a second client got no server
connection although the first lay idle: session mode with a full pool, or a pool that others fill.
"""

# Not a strict turn: one that takes servers in turn would then give each client always the same.
_TURNS = "AABABBABAABB"


def connect(dsn: str) -> Link:
    """A connection that fails, and never hangs; each `ask` has its own time limit."""
    return Link.connect(
        dsn,
        autocommit=True,
        prepare_threshold=None,
        connect_timeout=int(PATIENCE_S),
        application_name="seckill doctor",
    )


def _server_of(link: Link) -> int:
    """The process id of the server process that answers."""
    link.deadline = monotonic() + PATIENCE_S
    row = link.execute("select pg_catalog.pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def pooling(dsn: str) -> Pooling:
    """Find out how the pooler behind a DSN hands out its server connections.

    A pooler makes up the process id that it tells its clients, so the server's own answer differs.
    Two clients that are connected at once share a server process only where the pooler takes it
    back after each transaction; in session mode each keeps its own.

    Raises:
        psycopg.Error: no connection, or no answer.
    """
    with connect(dsn) as first:
        if _server_of(first) == first.info.backend_pid:
            return "none"
        try:
            with first.transaction():
                first.execute("select 1")
        except psycopg.errors.ProtocolViolation:
            return "statement"
        with connect(dsn) as second:
            seen: dict[str, set[int]] = {"A": set(), "B": set()}
            for turn in _TURNS:
                try:
                    seen[turn].add(_server_of(first if turn == "A" else second))
                except DeadlinePassed:
                    return "starved"
                if len(seen[turn]) > 1 or seen["A"] & seen["B"]:
                    return "transaction"
    return "session"


def console(console_dsn: str, database: str, user: str) -> tuple[str, str]:
    """Ask PgBouncer's console for its version, and the pool mode of one database and user.

    Raises:
        psycopg.Error: no connection, or not allowed to ask.
    """
    with _asking(console_dsn) as connection:
        version = _show(connection, "show version")[0]["version"]
        mode = (
            _own_mode(_show(connection, "show users"), user)
            or _own_mode(_show(connection, "show databases"), database)
            or next(r["value"] for r in _show(connection, "show config") if r["key"] == "pool_mode")
        )
    return version.removeprefix("PgBouncer").strip(), mode


@dataclass(frozen=True, slots=True)
class Pools:
    """What PgBouncer says about its pools.

    Attributes:
        config: its settings.
        count: pools, each of a database and a role, that somebody has used.
        connections: server connections that all of them may open together.
        reserve: of these, how many more a pool may open when its clients wait.
        own_sizes: some database has a size of its own, which no setting changes.
    """

    config: Mapping[str, str]
    count: int
    connections: int
    reserve: int
    own_sizes: bool


def pools(console_dsn: str) -> Pools:
    """Ask PgBouncer's console for its settings and pools.

    Raises:
        psycopg.Error: no connection, or not allowed to ask.
    """
    with _asking(console_dsn) as connection:
        config = {r["key"]: str(r["value"]) for r in _show(connection, "show config")}
        databases = {str(r["name"]): r for r in _show(connection, "show databases")}
        used = [str(r["database"]) for r in _show(connection, "show pools")]
    reserve = int(config.get("reserve_pool_size", "0"))
    default = int(config["default_pool_size"])
    connections = count = 0
    for name in set(used) - {"pgbouncer"}:
        of_database = databases.get(name, {})
        size = int(of_database.get("pool_size", default)) + reserve
        most = int(of_database.get("max_connections") or 0)
        wanted = size * used.count(name)
        connections += min(wanted, most) if most else wanted
        count += used.count(name)
    own = any(
        int(databases[n]["pool_size"]) != default
        for n in set(used) & set(databases) - {"pgbouncer"}
    )
    return Pools(config, count, connections, reserve, own)


def _asking(console_dsn: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        console_dsn,
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=psycopg.ClientCursor,  # the console has no other protocol
        connect_timeout=int(PATIENCE_S),
    )


def _show(connection: psycopg.Connection[Any], command: LiteralString) -> list[dict[str, Any]]:
    with psycopg.ClientCursor(connection, row_factory=dict_row) as cursor:
        return cursor.execute(command).fetchall()


def _own_mode(rows: list[dict[str, Any]], name: str) -> str | None:
    return next((row["pool_mode"] for row in rows if row["name"] == name), None)
