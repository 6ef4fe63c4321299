"""``seckill bench``: how fast it is beside its peers."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seckill.cli._common import ExitCode, fail, note
from seckill.cli._sale import examples, usable_dsn
from seckill.cli.up import stop_requested, uninterrupted

if TYPE_CHECKING:
    from seckill.bench.place import Ways
    from seckill.bench.setting import Options

EPILOG = examples(
    "seckill bench --quick    (within 90 seconds)",
    "seckill bench --html bench.html --json bench.json",
    "seckill bench --scenario batch --scenario soldout",
    "seckill bench --scenario asyncio --record calls && seckill verify calls",
)


def bench(
    quick: Annotated[
        bool, typer.Option("--quick", help="A first look within 90 seconds: short rounds.")
    ] = False,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="Only this one, may be repeated: hot, batch, soldout, limits, lines, asyncio, "
            "open, snapshot, table, slots, ledger.",
            metavar="NAME",
        ),
    ] = None,
    rounds: Annotated[int | None, typer.Option(min=1, max=50, help="Rounds; default 5.")] = None,
    seconds: Annotated[
        int | None, typer.Option(min=1, max=60, help="Seconds of each measure; default 2.")
    ] = None,
    dsn: Annotated[
        str | None,
        typer.Option(
            help="Measure this server instead of a throw-away one: a member of seckill_ops, "
            "through PgBouncer. Never a shop's own: it opens sales and leaves what they sold.",
        ),
    ] = None,
    admin_dsn: Annotated[
        str | None,
        typer.Option(help="With --dsn: a direct connection that may create a schema."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Keep each call of the asyncio scenario's buyers and the books in this new "
            "directory, for seckill verify. The other scenarios' calls are pgbench's, which "
            "writes none down. It makes that scenario slower.",
            metavar="DIR",
        ),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the result to this file.", metavar="FILE")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a page with bars to this file.", metavar="FILE")
    ] = None,
) -> None:
    """Measure our ways to buy beside select 1, a plain insert, the textbook, and Redis with Lua.

    All in one run and in turn, on a throw-away PostgreSQL with PgBouncer in front, everything
    durable. Only ratios are printed: rates say more about the machine than about the program.
    """
    from dataclasses import replace

    from rich.console import Console

    from seckill.bench.load import BenchError, Interrupted
    from seckill.bench.page import page
    from seckill.bench.report import as_json, report_table
    from seckill.bench.run import run
    from seckill.history import prepare

    for file in (json_file, html):
        if file is not None and not file.parent.is_dir():
            fail(f"{file.parent}: no such directory", ExitCode.USAGE)
    options = _options(quick, scenario, rounds, seconds)
    if record is not None:
        if "asyncio" not in options.scenarios:
            fail("--record is for scenario asyncio, which is not chosen", ExitCode.USAGE)
        options = replace(options, record=prepare(record))
    with stop_requested() as stop:
        try:
            with _ways(dsn, admin_dsn, stop) as ways:
                report = run(ways, options, note, stop)
        except (Interrupted, KeyboardInterrupt):
            note("stopped")
            raise SystemExit(int(ExitCode.INTERRUPTED)) from None
        except BenchError as error:
            fail(str(error))
    if json_file is not None:
        json_file.write_text(json.dumps(as_json(report), indent=2) + "\n", encoding="utf-8")
    if html is not None:
        html.write_text(page(report), encoding="utf-8")
    console = Console(highlight=False)
    # In a file or a pipe, as wide as the lines want to be.
    if not console.is_terminal:
        console.width = 120
    console.print(report_table(report))
    if report.verdict is not None and not report.verdict.ok:
        fail(f"the books do not agree with the answers: seckill verify {record}", ExitCode.NO)


def _options(
    quick: bool, scenario: list[str] | None, rounds: int | None, seconds: int | None
) -> Options:
    import importlib.util
    from dataclasses import replace

    from seckill.bench.setting import QUICK_SCENARIOS, SCENARIOS, Options

    for name in scenario or ():
        if name not in SCENARIOS:
            fail(f"no scenario {name!r}: {', '.join(SCENARIOS)}", ExitCode.USAGE)
    options = Options(tuple(dict.fromkeys(scenario)) if scenario else SCENARIOS)
    if quick and not scenario:
        options = replace(options, scenarios=QUICK_SCENARIOS)
        note(
            "a first look: without 128 callers and the scenarios slots and ledger, few purchases"
            " for table"
        )
    if quick:
        options = options.quick()
    if rounds is not None:
        options = replace(options, rounds=rounds)
    if seconds is not None:
        options = replace(options, seconds=seconds)
    if "asyncio" in options.scenarios and importlib.util.find_spec("redis") is None:
        fail("scenario asyncio needs redis-py: pip install redis, or choose others")
    return options


@contextmanager
def _ways(dsn: str | None, admin_dsn: str | None, stop: threading.Event) -> Generator[Ways]:
    from seckill.bench.load import Interrupted
    from seckill.bench.place import SETTINGS, Ways
    from seckill.runtime import Runtime

    if (dsn is None) != (admin_dsn is None):
        fail("give --dsn and --admin-dsn together, or neither", ExitCode.USAGE)
    if dsn is not None and admin_dsn is not None:
        yield Ways.of_dsn(
            usable_dsn(dsn, variable=None), usable_dsn(admin_dsn, "--admin-dsn", None)
        )
        return
    runtime = Runtime(settings=SETTINGS)
    with contextlib.ExitStack() as stack:

        def stop_quietly() -> None:
            with uninterrupted():
                runtime.stop()

        stack.callback(stop_quietly)
        note("starting PostgreSQL and PgBouncer")
        runtime.start()
        if stop.is_set():
            raise Interrupted
        yield Ways.of_runtime(runtime)
