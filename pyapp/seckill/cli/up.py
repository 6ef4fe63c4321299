"""``seckill up``: the whole thing on this machine, until Ctrl-C."""

from __future__ import annotations

import shutil
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seckill.cli._common import ExitCode, Json, console, emit, fail, note

if TYPE_CHECKING:
    from seckill.runtime import Runtime

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stop_requested() -> Generator[threading.Event]:
    """Give an event that Ctrl-C, SIGTERM or a closed terminal sets.

    Nothing is interrupted midway, so that what was started is also stopped. Who presses Ctrl-C
    a second time before the event is looked at gets KeyboardInterrupt.
    """
    event = threading.Event()

    def request(_number: int, _frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = {number: signal.signal(number, request) for number in _SIGNALS}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Generator[None]:
    """Ignore Ctrl-C and its like, for the steps that clean up; they end by themselves."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def up(
    data_dir: Annotated[
        Path | None,
        typer.Option(help="Keep data and passwords here; the next start goes on from it."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="PgBouncer's port; default: a free one.")
    ] = None,
    pg_bindir: Annotated[
        Path | None,
        typer.Option(
            envvar="SECKILL_PG_BINDIR",
            help="PostgreSQL's programs; default: the embedded ones.",
            show_envvar=True,
        ),
    ] = None,
    pool_size: Annotated[
        int, typer.Option(min=1, max=80, help="Server connections per role in PgBouncer.")
    ] = 8,
    as_json: Json = False,
) -> None:
    """Start PostgreSQL and PgBouncer here, migrate, and run until Ctrl-C.

    Everything listens on 127.0.0.1. Without --data-dir nothing is kept.
    """
    from seckill.runtime import Runtime

    with stop_requested() as stop:
        runtime = Runtime(data_dir, pg_bindir, pool_size, port=port)
        try:
            note("starting PostgreSQL and PgBouncer …")
            runtime.start()
            if not stop.is_set():
                emit(_described(runtime)) if as_json else _show(runtime)
            died = None
            while died is None and not stop.wait(0.5):
                died = runtime.dead()
        finally:
            with uninterrupted():
                runtime.stop()
    if died is not None:
        fail(died, ExitCode.ENVIRONMENT)
    note("stopped" if data_dir is None else f"stopped; the data is in {runtime.data_dir}")


def _described(runtime: Runtime) -> dict[str, Any]:
    return {
        "dsn": runtime.dsn,
        "ops_dsn": runtime.ops_dsn,
        "reader_dsn": runtime.reader_dsn,
        "admin_dsn": runtime.admin_dsn,
        "data_dir": runtime.data_dir,
        "postgres": {
            "port": runtime.postgres.port,
            "pid": runtime.postgres.pid,
            "bindir": runtime.postgres.bindir,
            "socket_dir": runtime.postgres.socket_dir,
        },
        "pgbouncer": {
            "port": runtime.pooler.port,
            "pid": runtime.pooler.pid,
            "socket_dir": runtime.pooler.socket_dir,
        },
    }


def _show(runtime: Runtime) -> None:
    from seckill.runtime import major_version

    out = console()
    psql = shutil.which("psql") or runtime.postgres.bindir / "psql"
    kept = f"kept in {runtime.data_dir}" if runtime.data_dir else "thrown away at the end"
    version = major_version(runtime.postgres.bindir)
    out.print(f"[bold green]Seckill is up.[/] PostgreSQL {version}, data {kept}.\n")
    for title, dsn in (
        ("To buy, through PgBouncer (seckill_app)", runtime.dsn),
        ("To run a sale, through PgBouncer (seckill_ops)", runtime.ops_dsn),
        ("To migrate, straight to PostgreSQL (owner of the database)", runtime.admin_dsn),
    ):
        out.print(f"[bold]{title}[/]")
        out.print(f"  {dsn}", markup=False)
    out.print("\n[bold]With psql[/]")
    out.print(f"  {psql} '{runtime.dsn}'", markup=False)
    out.print("[bold]From Python[/]")
    out.print(
        f'  from seckill import Client\n  with Client("{runtime.dsn}") as client: …', markup=False
    )
    out.print("[bold]For the other commands[/], in another terminal")
    out.print(
        f"  export SECKILL_DSN='{runtime.ops_dsn}'\n"
        f"  export SECKILL_ADMIN_DSN='{runtime.admin_dsn}'",
        markup=False,
    )
    out.print("\nCtrl-C stops everything.")
