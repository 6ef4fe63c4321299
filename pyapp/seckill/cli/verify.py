"""``seckill verify``: a recorded history against the books."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seckill.cli._common import ExitCode, Json, console, emit, fail
from seckill.cli._sale import examples, usable_dsn
from seckill.cli._show import plain, working

if TYPE_CHECKING:
    from rich.table import Table

    from seckill.history import Verdict

EPILOG = examples(
    "seckill demo --record crowd && seckill verify crowd",
    "seckill verify crowd --dsn postgresql://seckill_admin@db/seckill",
    "seckill verify crowd --json",
)

# More of one kind say no more.
_SHOWN = 20


def verify(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where the history is.")],
    dsn: Annotated[
        str | None,
        typer.Option(
            help="The database, directly, as its owner: the private tables are read. Default: "
            "the books that were written beside the history.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare what buyers were told with what the books have. Exit status 1: something is wrong.

    A history is what --record writes: each call before it is sent, and what became of it.
    Everything that was acknowledged must be in the books, and everything in the books must have
    been asked for, once. A call without an answer is settled by its repeat or by the books.
    """
    from rich.text import Text

    from seckill.history import HistoryError
    from seckill.history import verify as judge

    if dsn is not None:
        usable_dsn(dsn, variable=None)
    try:
        with working("comparing calls") as advance:
            verdict = judge(directory, dsn, advance)
    except HistoryError as error:
        fail(str(error), ExitCode.USAGE)
    if as_json:
        emit(_fields(verdict))
    else:
        console().print(_table(verdict))
        for what, lines in _findings(verdict):
            more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
            for line in [*lines[:_SHOWN], *more]:
                # A buyer's id is text, whatever it looks like.
                console().print(Text.assemble((what, "red"), "  ", plain(line)))
    raise SystemExit(int(ExitCode.OK if verdict.ok else ExitCode.NO))


def _findings(verdict: Verdict) -> list[tuple[str, list[str]]]:
    return [
        ("lost", verdict.lost),
        ("unexpected", verdict.unexpected),
        ("duplicated", verdict.duplicated),
        ("the books disagree", verdict.drift),
    ]


def _fields(verdict: Verdict) -> dict[str, Any]:
    return {"ok": verdict.ok, **asdict(verdict), "unexplained": verdict.unexplained}


def _table(verdict: Verdict) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.ROUNDED, show_header=False, min_width=60)
    table.add_column("")
    table.add_column("", justify="right")
    settled = verdict.settled
    for name, number in (
        ("calls", verdict.calls),
        ("  answered", verdict.answered),
        ("  failed: nothing happened", verdict.failed),
        ("  unknown: no answer came", verdict.unknown),
        ("    settled by the answer to a repeat", settled["answered"]),
        ("    settled by the books: it happened", settled["found"]),
        ("    settled by the books: it did not", settled["absent"]),
        ("acknowledged: held, paid, cancelled", verdict.acknowledged),
    ):
        table.add_row(name, f"{number:,}")
    table.add_section()
    for name, number in (
        ("lost: acknowledged, not in the books", len(verdict.lost)),
        ("unexpected: in the books, nobody asked", len(verdict.unexpected)),
        ("duplicated: one request, two effects", len(verdict.duplicated)),
        ("oversold units", verdict.oversold),
        ("rows from reconcile", len(verdict.drift)),
    ):
        table.add_row(name, f"[green]✓[/] {number}" if not number else f"[red]✗[/] {number:,}")
    return table
