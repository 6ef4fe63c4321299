"""``seckill migrate`` and ``seckill doctor``: the database that a sale runs in."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seckill.cli._common import (
    AdminDsn,
    Dsn,
    ExitCode,
    Json,
    console,
    emit,
    fail,
)
from seckill.cli._sale import agreed, examples, outcome, usable_dsn
from seckill.cli._show import plain, say, working

if TYPE_CHECKING:
    from seckill.doctor import Finding

MIGRATE_EPILOG = examples(
    "seckill migrate",
    "seckill migrate --sql > seckill.sql    (for an empty database)",
    "seckill migrate --sql --revision 0001_core:head    (for one at 0001_core)",
    "seckill migrate --repair    (where doctor says that a function was edited)",
)
DOCTOR_EPILOG = examples("seckill doctor", "seckill doctor --json")

_SHOWN = 8  # details of a finding, for people


def migrate(
    revision: Annotated[
        str, typer.Option(help="Up to this one; with --sql also FROM:TO.")
    ] = "head",
    sql: Annotated[
        bool,
        typer.Option("--sql", help="Print the whole script for psql or a DBA's own tool instead."),
    ] = False,
    down: Annotated[
        str | None,
        typer.Option(
            metavar="REVISION",
            help="Go back to this one. Tables made since then go, with what they hold; "
            "base removes everything.",
        ),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Install the functions of this release again, at its head."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --down.")] = False,
    admin_dsn: AdminDsn = None,
    as_json: Json = False,
) -> None:
    """Bring the database to this release's revision; a repeat changes nothing.

    Takes a direct connection (no pooler) of a role that owns the database
    and may create roles. Sales may go on meanwhile.
    """
    from psycopg.errors import InsufficientPrivilege

    from seckill import migrate as migrations

    if sum((sql, down is not None, repair)) > 1:
        fail("--sql, --down and --repair exclude each other", ExitCode.USAGE)
    if sql:
        # Bytes, so that the script is UTF-8 whatever the terminal's language.
        typer.echo(migrations.offline_sql(revision).encode(), nl=False)
        return
    dsn = usable_dsn(admin_dsn, "--admin-dsn", "SECKILL_ADMIN_DSN")
    if repair:
        _repair(dsn, as_json)
        return
    before = None
    # Who may not read the revision may not migrate either, and there it is told why.
    with suppress(InsufficientPrivilege):
        before = migrations.current(dsn)
    if down is not None:
        agreed(
            yes,
            "--down may destroy data",
            f"Go back from {before} to {down}? Tables made since then are dropped.",
        )
    with working("migrating"):
        if down is None:
            migrations.upgrade(dsn, revision)
        else:
            migrations.downgrade(dsn, down)
    after = migrations.current(dsn)
    if as_json:
        emit({"before": before, "revision": after, "changed": before != after})
    elif before == after:
        say(f"The database is at {after or 'no revision'} already.", good=True)
    else:
        say(f"Migrated from {before or 'nothing'} to {after or 'nothing'}.", good=True)


def _repair(dsn: str, as_json: bool) -> None:
    from seckill.doctor import catalog

    try:
        count = catalog.reinstall(dsn)
    except catalog.RepairError as error:
        fail(str(error), ExitCode.ENVIRONMENT)
    if as_json:
        emit({"installed": count})
    else:
        say(f"Installed {count} functions and views again.", good=True)


def doctor(
    dsn: Dsn = None,
    admin_dsn: AdminDsn = None,
    console_dsn: Annotated[
        str | None,
        typer.Option(
            envvar="SECKILL_CONSOLE_DSN",
            help="PgBouncer's own console (database pgbouncer), to ask it too.",
            show_envvar=True,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong, and say what mends it. Exit status 1: something is.

    Compares revision, functions, views and grants with this release, and
    looks at the server, the login and the pooler. Changes nothing. One of
    the two connection strings is enough.
    """
    from seckill import doctor as surgery

    if not dsn and not admin_dsn:
        usable_dsn(None)
    given = (
        (dsn, "--dsn", "SECKILL_DSN"),
        (admin_dsn, "--admin-dsn", "SECKILL_ADMIN_DSN"),
        (console_dsn, "--console-dsn", "SECKILL_CONSOLE_DSN"),
    )
    used = [usable_dsn(*one) if one[0] else None for one in given]
    told: list[dict[str, Any]] = []
    with surgery.opened(*used) as context, working("looking"):
        for name, finding in surgery.examine(context):
            told.append(
                {
                    "check": name,
                    "status": finding.status,
                    "message": finding.message,
                    "fix": finding.fix,
                    "details": finding.details,
                }
            )
            if not as_json:
                _show(name, finding)
    healthy = all(one["status"] != "fail" for one in told)
    if as_json:
        emit({"healthy": healthy, "checks": told})
    outcome(healthy)


def _show(name: str, finding: Finding) -> None:
    from rich.text import Text

    colour = {"ok": "green", "warn": "yellow", "fail": "bold red", "skip": "dim"}[finding.status]
    line = Text(f"{finding.status:<5}", style=colour)
    line.append(f"{name:<17}", style="bold" if finding.status in ("warn", "fail") else "default")
    line.append(plain(finding.message), style="dim" if finding.status == "skip" else "default")
    out = console()
    out.print(line)
    for detail in finding.details[:_SHOWN]:
        out.print(Text(f"{'':22}{plain(detail)}"))
    if len(finding.details) > _SHOWN:
        out.print(Text(f"{'':22}and {len(finding.details) - _SHOWN} more: --json shows all"))
    if finding.fix is not None:
        out.print(Text(f"{'':22}fix: {plain(finding.fix)}"))
