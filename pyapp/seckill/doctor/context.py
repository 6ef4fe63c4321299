"""What a check works with: its result, the connections it looks through, how it gives up."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, Literal, LiteralString

import psycopg

from seckill._compat import Link
from seckill.doctor import catalog, pooling

Status = Literal["ok", "warn", "fail", "skip"]

# Seckill is on no package index: by that name there, somebody else's code might come.
UPGRADE = "git pull, in the checkout of Seckill that this was installed from; install it again"

_ANSWER_S = 30.0  # the catalogue of a busy server


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        status: `ok`; `warn`: works, but look at it; `fail`; `skip`: not looked at.
        message: what is so, in one line.
        fix: the one command that mends it, or what to do where no command can.
        details: further lines, such as each function that differs.
    """

    status: Status
    message: str
    fix: str | None = None
    details: list[str] = field(default_factory=list[str])


class Skip(Exception):
    """A check cannot look; the message says why."""


class Context:
    """The connections that checks look through, each made when first asked for.

    Args:
        dsn: as services use it, through PgBouncer; None: not looked at.
        admin_dsn: straight to PostgreSQL; None: the catalogue is read through `dsn`.
        console_dsn: PgBouncer's own console; None: not looked at.
    """

    def __init__(
        self, dsn: str | None, admin_dsn: str | None = None, console_dsn: str | None = None
    ) -> None:
        self.dsn = dsn
        self.admin_dsn = admin_dsn
        self.console_dsn = console_dsn
        self._links: dict[str, Link | psycopg.Error] = {}

    def link(self, dsn: str) -> Link:
        """A connection; psycopg.Error where there is none, the same one at each call."""
        if dsn not in self._links:
            try:
                self._links[dsn] = pooling.connect(dsn)
            except psycopg.Error as error:
                self._links[dsn] = error
        found = self._links[dsn]
        if isinstance(found, psycopg.Error):
            raise found
        found.deadline = monotonic() + _ANSWER_S
        return found

    def catalogue(self) -> Link:
        """The connection to read the catalogue by; Skip where there is none."""
        dsn = self.admin_dsn or self.dsn
        assert dsn is not None
        return self._link_or_skip(dsn)

    def sale(self) -> Link:
        """The connection that services use; Skip where there is none."""
        if self.dsn is None:
            raise Skip("SECKILL_DSN is not set")
        return self._link_or_skip(self.dsn)

    def _link_or_skip(self, dsn: str) -> Link:
        try:
            return self.link(dsn)
        except psycopg.Error:
            raise Skip("there is no connection") from None

    def revision(self) -> str | None:
        """The revision of the database, None where Seckill is not installed; Skip if not told."""
        link = self.catalogue()
        try:
            if row(link, "select to_regprocedure('seckill.schema_version()')")[0] is None:
                return None
            return row(link, "select seckill.schema_version()")[0]
        except psycopg.errors.InsufficientPrivilege:
            raise Skip("this login may call nothing of Seckill") from None

    def contract(self) -> int | None:
        """The number of the database's contract, None where it states none; Skip if not told."""
        link = self.catalogue()
        try:
            if row(link, "select to_regprocedure('seckill.contract_version()')")[0] is None:
                return None
            return row(link, "select seckill.contract_version()")[0]
        except psycopg.errors.InsufficientPrivilege:
            raise Skip("this login may call nothing of Seckill") from None

    def expected(self) -> catalog.Expected:
        """What this release installs; Skip where the database is at another revision."""
        wanted = catalog.expected()
        if self.revision() != wanted.revision:
            raise Skip(f"the database is not at {wanted.revision}")
        return wanted

    def close(self) -> None:
        """Close all connections."""
        for link in self._links.values():
            if isinstance(link, Link):
                link.close()


Check = Callable[[Context], Finding]


def row(link: Link, query: LiteralString) -> tuple[Any, ...]:
    found = link.execute(query).fetchone()
    assert found is not None
    return found


def psql(*statements: str) -> str:
    # One -c each: `alter system` and `vacuum` refuse to share a transaction.
    return 'psql "$SECKILL_ADMIN_DSN"' + "".join(f" -c {shlex.quote(one)}" for one in statements)


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
