"""How the demo shows itself while it runs: a live picture on a terminal, else a line a second."""

from __future__ import annotations

from time import monotonic
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from seckill.demo.shop import Stock
from seckill.demo.workers import Progress

_LINE_S = 1.0
_BAR = 56

ANSWERS = {
    "reserve held": ("held", "green"),
    "reserve replay": ("replayed", "green"),
    "reserve sold_out": ("sold out", "red"),
    "reserve limit_exceeded": ("over the limit", "yellow"),
    "reserve limit_exceeded one_per_user": ("over 1 a user", "yellow"),
    "reserve limit_exceeded two_per_phone": ("over 2 a phone", "yellow"),
    "reserve limit_exceeded three_per_address": ("over 3 an address", "yellow"),
    "reserve busy": ("busy, asked again", "yellow"),
    "pay confirmed": ("paid", "bold green"),
    "pay late_sold_out": ("paid too late", "yellow"),
    "cancel cancelled": ("cancelled", "cyan"),
    "cancel expired": ("cancelled too late", "yellow"),
}

REFUSALS = tuple(
    name for name in ANSWERS if name.startswith(("reserve sold_out", "reserve limit_exceeded"))
)


class View(Protocol):
    """Who is shown how it goes; a context manager."""

    def stage(self, text: str) -> None:
        """Something new begins."""
        ...

    def show(self, running_s: float, stock: Stock, progress: Progress) -> None:
        """The crowd at this instant."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Lines:
    """A line a second, for a log or a pipe.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._next_at = 0.0

    def stage(self, text: str) -> None:
        """Say it."""
        self._console.print(text)

    def show(self, running_s: float, stock: Stock, progress: Progress) -> None:
        """Say it, at most once a second."""
        if monotonic() < self._next_at:
            return
        self._next_at = monotonic() + _LINE_S
        refused = sum(progress.answers[name] for name in REFUSALS)
        self._console.print(
            f"{running_s:5.1f} s  sold {stock.sold}, held {stock.held}, "
            f"available {stock.available}; calls {progress.calls}, refused {refused}, "
            f"waiting {progress.waiting}",
            soft_wrap=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return


class Screen:
    """A picture that changes, for a terminal.

    Args:
        console: where to.
    """

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, auto_refresh=False)
        self._calls = 0
        self._seen_at = 0.0
        self._rate = 0.0

    def stage(self, text: str) -> None:
        """Say it above the picture."""
        self._live.console.print(Text(text, style="dim"))

    def show(self, running_s: float, stock: Stock, progress: Progress) -> None:
        """Draw it."""
        now = monotonic()
        if progress.calls < self._calls:
            self._rate = 0.0  # another crowd
        elif self._seen_at and progress.calls > self._calls:
            newest = (progress.calls - self._calls) / (now - self._seen_at)
            self._rate = 0.6 * self._rate + 0.4 * newest if self._rate else newest
        self._calls, self._seen_at = progress.calls, now
        self._live.update(picture(running_s, stock, progress, self._rate), refresh=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()


def picture(
    running_s: float, stock: Stock, progress: Progress, rate: float | None
) -> RenderableType:
    """The crowd at an instant.

    Args:
        running_s: seconds since the start.
        stock: the shop window.
        progress: of the crowd.
        rate: calls a second now; None: it is over.
    """
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column()
    facts.add_row("stock", _stock_bar(stock))
    facts.add_row("", _stock_words(stock))
    answers = Text()
    for name, (words, style) in ANSWERS.items():
        if progress.answers[name]:
            # Only the gap between two answers may break the line.
            answers.append(words.replace(" ", "\u00a0") + "\u00a0")
            answers.append(f"{progress.answers[name]:,}", style).append("   ")
    facts.add_row("answers", answers)
    facts.add_row(
        "crowd",
        f"{progress.first_answers:,} buyers answered, {progress.waiting:,} wait for units to "
        "come back",
    )
    now = "" if rate is None else f", now {rate:,.0f}/s"
    facts.add_row("calls", f"{progress.calls:,} in {running_s:.1f} s{now}")
    return Panel(facts, title="flash sale", title_align="left", border_style="blue")


def _stock_bar(stock: Stock) -> Text:
    size = max(stock.total, stock.sold + stock.held, 1)
    sold = round(_BAR * stock.sold / size)
    held = round(_BAR * (stock.sold + stock.held) / size) - sold
    return Text.assemble(
        ("█" * sold, "green"), ("█" * held, "yellow"), ("█" * (_BAR - sold - held), "grey30")
    )


def _stock_words(stock: Stock) -> Text:
    words = Text.assemble(
        ("■ ", "green"),
        f"sold {stock.sold:,}   ",
        ("■ ", "yellow"),
        f"held {stock.held:,}   ",
        ("■ ", "grey30"),
        f"available {max(stock.available, 0):,}   of {stock.total:,}",
    )
    too_many = stock.sold + stock.held - stock.total
    if too_many > 0:
        words.append(f"   {too_many:,} too many", "bold red")
    return words
