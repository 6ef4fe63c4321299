"""``seckill worker``: the sweeper and the relay."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seckill.cli._common import Dsn, ExitCode, fail, note
from seckill.cli._sale import examples, explained, usable_dsn

EPILOG = examples(
    "seckill worker",
    "seckill worker --redis-url redis://localhost/0",
    "seckill worker --sweep --once    (in a crontab)",
)


def worker(
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Only settle holds that have ended.")
    ] = False,
    relay: Annotated[
        bool, typer.Option("--relay", help="Only lower the flags of pools with units again.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="Do what there is to do, then end.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.01, help="Seconds between two rounds of sweeping.")
    ] = 1.0,
    batch: Annotated[
        int, typer.Option(min=1, max=10_000, help="Holds that are settled in one transaction.")
    ] = 100,
    pause_ms: Annotated[
        float, typer.Option(min=0, help="Milliseconds between two batches, for the buyers.")
    ] = 10.0,
    poll_ms: Annotated[
        float, typer.Option(min=1, help="Milliseconds between two looks at the feed of changes.")
    ] = 20.0,
    report: Annotated[float, typer.Option(min=0.1, help="Seconds between two reports.")] = 10.0,
    cursor_file: Annotated[
        Path | None,
        typer.Option(
            help="Where the relay keeps its place in the feed. Without it, it reads the feed to "
            "its end when it starts: quick, unless the books are long.",
        ),
    ] = None,
    alive_file: Annotated[
        Path | None,
        typer.Option(
            help="Touched about every second, as long as every job goes round: for a health check.",
        ),
    ] = None,
    redis_url: Annotated[
        str | None,
        typer.Option(
            envvar="SECKILL_REDIS_URL",
            help="Redis or Valkey with the sold-out flags; without it nothing is relayed.",
            show_envvar=True,
        ),
    ] = None,
    dsn: Dsn = None,
) -> None:
    """Settle ended holds, and let buyers through the sold-out flag when units come back.

    Runs until Ctrl-C or SIGTERM and prints a JSON object a line. Any number may run at once, and
    none has to: see ops/README.md.
    """
    import asyncio

    from seckill.worker.run import Options, Unusable, work

    both = sweep == relay
    usable = usable_dsn(dsn)
    if relay and not redis_url:
        fail("--relay needs --redis-url or SECKILL_REDIS_URL", ExitCode.USAGE)
    for path in (cursor_file, alive_file):
        if path is not None and not path.parent.is_dir():
            fail(f"{path.parent}: no such directory", ExitCode.USAGE)
    if both and not redis_url:
        note("no --redis-url and no SECKILL_REDIS_URL: sweeping only")
    options = Options(
        usable,
        sweep=sweep or both,
        redis_url=redis_url if relay or both else None,
        once=once,
        interval_s=interval,
        batch=batch,
        pause_s=pause_ms / 1000,
        poll_s=poll_ms / 1000,
        report_s=report,
        cursor_file=cursor_file,
        alive_file=alive_file,
    )
    with explained():
        try:
            asyncio.run(work(options))
        except Unusable as error:
            fail(str(error), ExitCode.USAGE)
