"""``seckill replay``: a purchase log against an activity."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seckill.cli._common import ExitCode, Json, emit, fail, note
from seckill.cli._sale import examples, explained, usable_dsn
from seckill.cli._show import plain
from seckill.cli.up import stop_requested, uninterrupted

if TYPE_CHECKING:
    from seckill.replay import Limit, Outcome, Purchase, Summary
    from seckill.results import Violation

EPILOG = examples(
    "seckill replay purchases.csv --stock 80000 --limit-units 10 --limit-orders 5",
    "seckill replay log.csv --stock phone=100 --stock case=500 --concurrency 8",
    "seckill replay purchases.csv --activity 1 --confirm --out -",
)


def replay(
    file: Annotated[Path, typer.Argument(help="The log, a CSV file.", metavar="FILE.csv")],
    activity: Annotated[
        int | None, typer.Option(help="An activity that is there; default: make one.")
    ] = None,
    dsn: Annotated[
        str | None,
        typer.Option(
            help="Run there: a connection URI of a member of seckill_ops, through PgBouncer. "
            "A new activity receives its stock into the inventory. Default: SECKILL_DSN with "
            "--activity, else a throw-away PostgreSQL.",
        ),
    ] = None,
    stock: Annotated[
        list[str] | None,
        typer.Option(
            help="Units of each pool of the new activity: a number for all, or SKU=NUMBER.",
            metavar="[SKU=]NUMBER",
        ),
    ] = None,
    limit_units: Annotated[
        int | None, typer.Option(min=1, help="The most units of a user in the new activity.")
    ] = None,
    limit_orders: Annotated[
        int | None, typer.Option(min=1, help="The most orders of a user in the new activity.")
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option(
            help="Another limit per user: units or orders, per order, day or activity.",
            metavar="NAME:METRIC:WINDOW:MAX",
        ),
    ] = None,
    hold_seconds: Annotated[
        int, typer.Option(min=1, help="How long the new activity's holds last unpaid.")
    ] = 86_400,
    concurrency: Annotated[
        int, typer.Option(min=1, max=64, help="Lines at a time; 1 keeps the order.")
    ] = 1,
    confirm: Annotated[
        bool, typer.Option("--confirm/--no-confirm", help="Pay for each hold at once.")
    ] = False,
    out: Annotated[
        Path, typer.Option(help="Where the outcomes go, a CSV file; - is stdout.")
    ] = Path("replay-outcomes.csv"),
    as_json: Json = False,
) -> None:
    """Run a purchase log against an activity, and write what became of each line.

    Columns: user_id, sku, quantity; at, region and request_id where they are there; any other is
    a dimension of the buyer. With neither --dsn nor --activity it runs on a throw-away
    PostgreSQL, whatever SECKILL_DSN says. Lines without a request_id get one of activity and
    line number, so running it again on the same activity changes nothing and finishes what was
    interrupted.
    """
    import seckill.replay as replaying
    from seckill.client import Client
    from seckill.settings import Settings

    if as_json and str(out) == "-":
        fail("--json and --out - both want stdout", ExitCode.USAGE)
    given = stock or limit or limit_units or limit_orders
    if activity is not None and given:
        fail("stock and limits are those of --activity: leave them out", ExitCode.USAGE)
    if activity is None and not stock:
        fail("give --stock, or --activity with one that is there", ExitCode.USAGE)
    if activity is not None:
        dsn = usable_dsn(dsn or Settings.from_environment().dsn)
    elif dsn is not None:
        usable_dsn(dsn, variable=None)
    units = _stock(stock or [])
    limits = _limits(limit or [], limit_units, limit_orders)
    try:
        purchases = replaying.read_log(file)
    except replaying.BadFile as error:
        fail(str(error), ExitCode.USAGE)

    summary = replaying.Summary()
    drafts: list[int] = []

    def so_far() -> str:
        if activity is None and drafts and dsn is not None:
            return (
                f"activity {drafts[0]} is a draft without all that it was to have:"
                " close it, and begin anew"
            )
        ran = f"{summary.purchases} of {len(purchases)} lines"
        if activity is None or dsn is None:
            return "" if activity is None else ran
        return f"{ran}; --activity {activity} goes on from there"

    with (
        stop_requested() as stop,
        _database(dsn) as address,
        explained(so_far=so_far),
        Client(address, max_size=concurrency, retry=replaying.RETRY, flag="") as client,
    ):
        if activity is None and not stop.is_set():
            activity = replaying.create_activity(
                client, file.name, purchases, units, limits, hold_seconds, drafts.append
            )
        if activity is None:
            raise SystemExit(int(ExitCode.INTERRUPTED))
        with _outcomes(out, purchases) as write, _progress(len(purchases)) as advance:

            def done(outcome: replaying.Outcome) -> None:
                summary.add(outcome)
                write(outcome)
                advance()

            began = monotonic()
            replaying.Replay(client, activity, confirm, stop).run(purchases, concurrency, done)
            summary.seconds = monotonic() - began
        if stop.is_set():
            note(f"stopped after {so_far()}")
            raise SystemExit(int(ExitCode.INTERRUPTED))
        note("checking the books")
        violations = client.reconcile(activity_id=activity)
    if as_json:
        emit(_told(activity, summary, violations, out))
    else:
        _show(activity, summary, violations, out)
    if violations:
        fail("the books do not agree, see seckill reconcile", ExitCode.NO)
    if summary.errors:
        fail("some lines are errors; the outcomes say which", ExitCode.NO)


def _stock(words: Sequence[str]) -> dict[str | None, int]:
    units: dict[str | None, int] = {}
    for word in words:
        sku, equals, number = word.rpartition("=")
        if not number.isascii() or not number.isdigit():
            fail(f"--stock {word}: want NUMBER or SKU=NUMBER", ExitCode.USAGE)
        units[sku if equals else None] = int(number)
    return units


def _limits(words: Sequence[str], units: int | None, orders: int | None) -> list[Limit]:
    from seckill.replay import Limit

    limits: list[Limit] = []
    for metric, maximum in (("units", units), ("orders", orders)):
        if maximum is not None:
            limits.append(Limit(f"{metric}_per_user", metric, "activity", maximum))
    for word in words:
        parts = word.split(":")
        if len(parts) != 4 or not parts[3].isascii() or not parts[3].isdigit():
            fail(f"--limit {word}: want NAME:METRIC:WINDOW:MAX", ExitCode.USAGE)
        limits.append(Limit(parts[0], parts[1], parts[2], int(parts[3])))
    return limits


@contextmanager
def _database(dsn: str | None) -> Generator[str]:
    """The DSN to run on: the given one, or that of a runtime which lasts as long as we do."""
    if dsn is not None:
        yield dsn
        return
    from seckill.runtime import Runtime

    note("starting a throw-away PostgreSQL and PgBouncer")
    runtime = Runtime()
    try:
        runtime.start()
        yield runtime.ops_dsn
    finally:
        with uninterrupted():
            runtime.stop()


@contextmanager
def _outcomes(out: Path, purchases: Sequence[Purchase]) -> Generator[Callable[[Outcome], None]]:
    from seckill.replay import Outcomes

    stdout = str(out) == "-"
    with contextlib.nullcontext(sys.stdout) if stdout else out.open("w", encoding="utf-8") as file:
        outcomes = Outcomes(file, purchases)
        try:
            yield outcomes.add
        finally:
            outcomes.close()


@contextmanager
def _progress(total: int) -> Generator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=total)
        yield lambda: bar.advance(task)


def _told(
    activity: int, summary: Summary, violations: Sequence[Violation], out: Path
) -> dict[str, Any]:
    return {
        "activity_id": activity,
        "purchases": summary.purchases,
        "units": summary.units,
        "held_units": summary.held_units,
        "replayed": summary.replayed,
        "statuses": dict(sorted(summary.statuses.items())),
        "confirmed": dict(sorted(summary.confirmed.items())),
        "seconds": round(summary.seconds, 3),
        "violations": len(violations),
        "outcomes": str(out),
    }


def _show(activity: int, summary: Summary, violations: Sequence[Violation], out: Path) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"activity {activity}", title_justify="left", box=box.ROUNDED)
    table.add_column("")
    table.add_column("lines", justify="right")
    for name, count in sorted(summary.statuses.items(), key=lambda item: -item[1]):
        # A limit's name is text, whatever it looks like.
        table.add_row(Text(plain(name.replace("_", " ", 1))), f"{count:,}")
    for name, count in sorted(summary.confirmed.items()):
        table.add_row(Text(plain(f"paid: {name}")), f"{count:,}")
    table.add_section()
    table.add_row("lines", f"{summary.purchases:,}")
    table.add_row("held before", f"{summary.replayed:,}")
    table.add_row("units asked for", f"{summary.units:,}")
    table.add_row("units held", f"{summary.held_units:,}")
    table.add_row("lines a second", f"{summary.purchases / max(summary.seconds, 0.001):,.0f}")
    table.add_row("rows from reconcile", f"{len(violations):,}")
    to_stdout = str(out) != "-"
    Console(stderr=not to_stdout, highlight=False).print(table)
    if to_stdout:
        print(f"outcomes: {out}")
