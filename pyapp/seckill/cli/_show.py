"""How answers are shown to people: tables, times, and how far a long thing has got."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime

from seckill.cli._common import console

_GRACE_S = 2.0  # what is done sooner needs no progress bar
_PIPED_WIDTH = 1_000  # of a table that no terminal limits


def plain(value: object) -> str:
    """One value as text: times in the local zone, nothing that could steer a terminal."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return local_time(value)
        case _:
            text = str(value)
            return text if text.isprintable() else re.sub(r"[^\S ]|[\x00-\x1f\x7f-\x9f]", "�", text)


def local_time(at: datetime) -> str:
    """An instant in the zone of this machine, with its offset; milliseconds where there are any."""
    exact = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone().isoformat(sep=" ", timespec=exact)


def say(text: str, *, good: bool | None = None) -> None:
    """Print a sentence, its first word coloured by whether it is good news."""
    from rich.text import Text

    line = Text(plain(text))
    if good is not None:
        line.stylize("bold green" if good else "bold red", 0, len(text.split(" ", 1)[0]))
    console().print(line)


def show_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: str = "", empty: str = ""
) -> None:
    """Print a table; numbers stand right. Without rows only what `empty` says."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        say(empty)
        return
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", pad_edge=False)
    for place, name in enumerate(columns):
        numeric = all(isinstance(row[place], int | None) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(value)) for value in row))
    out = console()
    if not out.is_terminal:
        # Away from a terminal no width is known, and a program that reads lines wants whole ones.
        out = Console(highlight=False, width=_PIPED_WIDTH, file=sys.stdout)
    out.print(table)


@contextmanager
def working(what: str, total: int | None = None) -> Generator[Callable[[int], None]]:
    """Show on stderr that something long goes on, once it has taken two seconds.

    Gives a function that counts steps. Nothing is shown where stderr is no terminal.

    Args:
        what: in few words.
        total: steps in all, for a bar; None: not known.
    """
    if not sys.stderr.isatty():
        yield lambda _steps: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )

    amount = [BarColumn(), MofNCompleteColumn()] if total else [TextColumn("{task.completed:.0f}")]
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        *amount,
        TimeElapsedColumn(),
        console=console(stderr=True),
        transient=True,
    )
    task = progress.add_task(what, total=total)
    later = threading.Timer(_GRACE_S, progress.start)
    later.daemon = True
    later.start()
    try:
        yield lambda steps: progress.advance(task, steps)
    finally:
        later.cancel()
        later.join()
        progress.stop()
