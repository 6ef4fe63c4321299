"""``seckill demo``: a flash sale from one command."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seckill.cli._common import ExitCode, Json, emit, fail, note
from seckill.cli._sale import examples
from seckill.cli.up import stop_requested, uninterrupted

if TYPE_CHECKING:
    from seckill.demo.run import Options, Played
    from seckill.demo.view import View

EPILOG = examples(
    "seckill demo",
    "seckill demo --redis    (with the sold-out flag on a Valkey that is killed in the middle)",
    "seckill demo --naive    (beside the shop that reads, checks and writes back)",
    "seckill demo --limits    (accounts that share phones and addresses, three limits)",
    "seckill demo --buyers 2000 --units 100 --seed 7 --json",
    "seckill demo --record crowd && seckill verify crowd",
)


def demo(
    buyers: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="Buyers in the crowd.")
    ] = 10_000,
    units: Annotated[int, typer.Option(min=1, max=1_000_000, help="Units on sale.")] = 1_000,
    processes: Annotated[
        int, typer.Option(min=1, max=16, help="Processes that send the calls.")
    ] = 4,
    seed: Annotated[int, typer.Option(help="Decides who does what; who wins, the race.")] = 1,
    hold_seconds: Annotated[
        int, typer.Option(min=1, max=60, help="How long a hold lasts unpaid.")
    ] = 4,
    naive: Annotated[
        bool,
        typer.Option(
            "--naive",
            help="Then send the same crowd to a shop that reads the stock, checks it and "
            "writes it back, and show both.",
        ),
    ] = False,
    limits: Annotated[
        bool,
        typer.Option(
            "--limits",
            help="Many accounts share phones and addresses, and all three are limited: 1 a user, "
            "2 a phone, 3 an address.",
        ),
    ] = False,
    redis: Annotated[
        bool,
        typer.Option(
            "--redis",
            help="Put the sold-out flag in front, on a Valkey that is killed in the middle.",
        ),
    ] = False,
    svg: Annotated[
        Path | None, typer.Option(help="Write the last screen as a picture to this file.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            help="Keep what each buyer was told and the books at the end in this new directory, "
            "for seckill verify.",
            metavar="DIR",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Sell 1,000 units to 10,000 buyers who all click at one instant, and prove the count.

    A throw-away PostgreSQL with PgBouncer in front. Some buyers click twice, some cheat; some
    pay, some cancel, some never pay, and their units are sold again. Exit status 1 if the
    books disagree with what was sold.
    """
    from rich.console import Console

    from seckill.demo import report
    from seckill.demo.run import Interrupted, Options
    from seckill.demo.workers import WorkerFailed
    from seckill.history import prepare

    if svg is not None and not svg.parent.is_dir():
        fail(f"{svg.parent}: no such directory", ExitCode.USAGE)
    if redis:
        _require_redis()
    if record is not None:
        prepare(record)
    options = Options(buyers, units, processes, seed, hold_seconds, limits, redis)
    with stop_requested() as stop:
        try:
            runs = _run(options, naive, stop, record)
        except (Interrupted, KeyboardInterrupt):
            note("stopped, nothing is left behind")
            raise SystemExit(int(ExitCode.INTERRUPTED)) from None
        except WorkerFailed as error:
            fail(str(error), ExitCode.NO)
    if svg is not None:
        svg.write_text(report.svg(options, *runs), encoding="utf-8")
    if as_json:
        emit(report.summary(options, *runs))
    else:
        Console(highlight=False).print(report.report(options, *runs))
    if not runs[0].ok:
        fail("the books do not agree with what was sold", ExitCode.NO)


def _run(
    options: Options, with_naive: bool, stop: threading.Event, record: Path | None
) -> list[Played]:
    from seckill.demo.run import Interrupted, play, play_naive
    from seckill.demo.workers import WorkerFailed
    from seckill.runtime import Runtime

    runtime = Runtime()
    try:
        with _view() as view:
            view.stage("starting PostgreSQL and PgBouncer")
            runtime.start()
            if stop.is_set():
                raise Interrupted
            runs = [play(runtime, options, view, stop, record)]
            if with_naive:
                runs.append(play_naive(runtime, options, view, stop))
            return runs
    except WorkerFailed as error:
        raise WorkerFailed(runtime.dead() or str(error)) from error
    finally:
        with uninterrupted():
            runtime.stop()


def _require_redis() -> None:
    import importlib.util

    from seckill.runtime.valkey import find_valkey

    find_valkey()  # says what is missing before anything is made
    if importlib.util.find_spec("redis") is None:
        fail("the sold-out flag needs redis-py: pip install redis")


def _view() -> View:
    from rich.console import Console

    from seckill.demo.view import Lines, Screen

    console = Console(stderr=True, highlight=False)
    return Screen(console) if console.is_terminal else Lines(console)
