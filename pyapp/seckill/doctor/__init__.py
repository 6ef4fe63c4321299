"""What is wrong with an installation, and the one command that mends it.

A check is a function that takes a :class:`Context` and returns a :class:`Finding`; add it to
``CHECKS``. It raises :class:`Skip` where it cannot look because of something that another check
reports. An error of the database fails the check with what the database said.

Nothing is changed anywhere.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import psycopg

from seckill.doctor import health, installed, server, services
from seckill.doctor.context import Check, Context, Finding, Skip, Status, one_line

__all__ = ["CHECKS", "Check", "Context", "Finding", "Skip", "Status", "examine", "opened"]

CHECKS: dict[str, Check] = {
    "connection": server.reachable,
    "server version": server.server_version,
    "encoding": server.encoding,
    "letter case": server.letter_case,
    "durability": server.durability,
    "autovacuum": health.autovacuum,
    "transactions": health.transactions,
    "replication": health.replication,
    "revision": installed.revision,
    "drift": installed.drift,
    "grants": installed.grants,
    "roles": installed.roles,
    "login": services.login,
    "session": services.session,
    "pooler": services.pooler,
    "pooler's console": services.console,
    "login retry": health.login_retry,
    "pool sizes": health.pool_sizes,
    "same database": server.same_database,
}
"""What the doctor looks at, in the order in which it is told."""


def examine(context: Context) -> Iterator[tuple[str, Finding]]:
    """Run the checks one by one; the name of each and what it found."""
    for name, check in CHECKS.items():
        try:
            yield name, check(context)
        except Skip as reason:
            yield name, Finding("skip", str(reason))
        except psycopg.Error as error:
            yield name, Finding("fail", f"could not be checked: {one_line(error)}")


@contextmanager
def opened(
    dsn: str | None, admin_dsn: str | None = None, console_dsn: str | None = None
) -> Generator[Context]:
    """A context whose connections are closed at the end; ValueError where no DSN is given."""
    if dsn is None and admin_dsn is None:
        raise ValueError("neither SECKILL_DSN nor SECKILL_ADMIN_DSN is set")
    context = Context(dsn, admin_dsn, console_dsn)
    try:
        yield context
    finally:
        context.close()
