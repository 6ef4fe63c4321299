"""What came of it: a table for people, an object for programs, a picture for the README."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from seckill.bench.percentile import percentile
from seckill.demo.run import Options, Played
from seckill.demo.shop import Stock
from seckill.demo.view import ANSWERS, REFUSALS, picture
from seckill.demo.workers import Progress

_CAPTION = (
    "From the click: since the instant at which the buyer meant to call, waiting for a free "
    "connection included; all clicked at the same one. One call: from sending to the answer. "
    "Buyers answered: until each had his first answer; calls: those of the whole run."
)
_PICTURE_WIDTH = 92


def report(options: Options, ours: Played, naive: Played | None = None) -> RenderableType:
    """The table at the end.

    Args:
        options: of the run.
        ours: Seckill's run.
        naive: the naive shop's, where it was run.
    """
    runs = [ours] if naive is None else [ours, naive]
    table = Table(
        title=f"{options.buyers:,} buyers, {options.units:,} units, {_allowed(options)}",
        caption=_CAPTION,
        title_justify="left",
        caption_justify="left",
        min_width=60,
        box=box.ROUNDED,
    )
    table.add_column("")
    table.add_column("Seckill", justify="right")
    if naive is not None:
        table.add_column("naive shop", justify="right")
    for heading, rows in (
        ("Buyers and units", _sale_rows),
        ("Answers to calls", _answer_rows),
        ("Speed", _speed_rows),
    ):
        table.add_row(f"[bold]{heading}[/]")
        for name, *cells in rows(options, runs):
            table.add_row(name, *cells)
        table.add_section()
    title = Text("Counted from the ledger, with SQL of its own", style="italic")
    return Group(table, Text(), title, _proof(ours))


def summary(options: Options, ours: Played, naive: Played | None = None) -> dict[str, Any]:
    """The same as one JSON object.

    Args:
        options: of the run.
        ours: Seckill's run.
        naive: the naive shop's, where it was run.
    """
    told: dict[str, Any] = {
        "ok": ours.ok,
        "buyers": options.buyers,
        "units": options.units,
        "processes": options.processes,
        "seed": options.seed,
        "hold_seconds": options.hold_seconds,
        "limits": {rule.name: rule.maximum for rule in options.rules},
        "seckill": _told(options, ours),
        "checks": [
            {"what": c.what, "expected": c.expected, "actual": c.actual, "ok": c.ok}
            for c in ours.checks
        ],
    }
    if ours.flag is not None:
        told["flag"] = {
            "refused": ours.result.flagged,
            "killed_seconds": _rounded(ours.flag.killed_s),
            "reopened": ours.flag.reopened,
            "swept": ours.flag.swept,
        }
    if naive is not None:
        told["naive"] = _told(options, naive)
    return told


def svg(options: Options, ours: Played, naive: Played | None = None) -> str:
    """The last screen as a picture (SVG), which loads nothing from elsewhere.

    Args:
        options: of the run.
        ours: Seckill's run.
        naive: the naive shop's, where it was run.
    """
    console = Console(
        record=True, width=_PICTURE_WIDTH, file=io.StringIO(), highlight=False, force_terminal=True
    )
    flags = "".join(
        f" --{name}"
        for name, given in (
            ("limits", options.limits),
            ("redis", options.redis),
            ("naive", naive is not None),
        )
        if given
    )
    console.print("[bold]$ ./seckill demo[/]" + flags)
    result = ours.result
    end = Stock(options.units, options.units - ours.sold, 0, ours.sold)
    progress = Progress(result.answers, options.buyers, 0)
    console.print(picture(result.total_s, end, progress, None))
    console.print(report(options, ours, naive))
    drawn = console.export_svg(title="seckill demo")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    return re.sub(r"<text ([^>]*?)>([^<]*)</text>", _words_in_place, drawn)


def _words_in_place(match: re.Match[str]) -> str:
    """A text of the picture, each of its words where it belongs in any font and any viewer.

    Not every viewer keeps spaces, or stretches a text to the length that it is to have.
    """
    attributes, text = match[1], match[2].replace("&#160;", " ")
    place = re.search(r' x="([\d.]+)"', attributes)
    length = re.search(r' textLength="([\d.]+)"', attributes)
    if place is None or length is None or not text.strip():
        return match[0]
    width = float(length[1]) / len(html.unescape(text))
    parts: list[str] = []
    for word in re.finditer(r"\S+", text):
        before = len(html.unescape(text[: word.start()]))
        placed = attributes.replace(place[0], f' x="{float(place[1]) + before * width:.1f}"')
        stretched = f' textLength="{len(html.unescape(word[0])) * width:.1f}"'
        parts.append(f"<text {placed.replace(length[0], stretched)}>{word[0]}</text>")
    return "".join(parts)


def _allowed(options: Options) -> str:
    if not options.limits:
        return "1 each"
    return ", ".join(f"{rule.maximum} per {rule.dimension}" for rule in options.rules)


def _told(options: Options, played: Played) -> dict[str, Any]:
    result = played.result
    return {
        "sold": played.sold,
        "sold_too_many": max(played.sold - options.units, 0),
        "users_with_more_than_one": played.greedy,
        "answers": dict(sorted(result.answers.items())),
        "outcomes": dict(sorted(result.outcomes.items())),
        "buyers_per_second": round(options.buyers / result.answered_s, 1),
        "calls_per_second": round(_measured(played) / result.total_s, 1),
        "answered_seconds": round(result.answered_s, 3),
        "total_seconds": round(result.total_s, 3),
        "latency_ms": {
            kind: {
                f"{since}_p{percent}": _rounded(percentile(values, percent))
                for since, values in (("click", seen.click), ("call", seen.call))
                for percent in (50, 99)
            }
            for kind, seen in result.latencies.items()
        },
    }


def _sale_rows(options: Options, runs: list[Played]) -> list[list[str]]:
    too_many = [max(run.sold - options.units, 0) for run in runs]
    flags: list[list[str]] = []
    if runs[0].flag is not None:
        killed_s = runs[0].flag.killed_s
        empty = [""] * (len(runs) - 1)
        flags = [
            ["refused by the flag alone", f"{runs[0].result.flagged:,}", *empty],
            ["Valkey killed after", "-" if killed_s is None else f"{killed_s:.1f} s", *empty],
        ]
    return [
        ["units sold", *(f"{run.sold:,}" for run in runs)],
        ["units sold too many", *(_bad(number) for number in too_many)],
        ["users who got more than one", *(_bad(run.greedy) for run in runs)],
        ["clicks that bought twice", *(_bad(len(run.result.broken)) for run in runs)],
        *(
            [f"buyers who {name}", *(f"{run.result.outcomes[name]:,}" for run in runs)]
            for name in ("cancelled", "never paid", "left empty-handed")
        ),
        *flags,
    ]


def _answer_rows(_options: Options, runs: list[Played]) -> list[list[str]]:
    seen = {name for run in runs for name in run.result.answers}
    known = [name for name in ANSWERS if name in seen]
    return [
        [
            ("refused: " if name in REFUSALS else "")
            + (ANSWERS[name][0] if name in ANSWERS else name),
            *(f"{run.result.answers[name]:,}" for run in runs),
        ]
        for name in [*known, *sorted(seen - ANSWERS.keys())]
    ]


def _speed_rows(options: Options, runs: list[Played]) -> list[list[str]]:
    rows = [
        [
            "buyers answered a second",
            *(f"{options.buyers / run.result.answered_s:,.0f}" for run in runs),
        ],
        ["calls a second", *(f"{_measured(r) / r.result.total_s:,.0f}" for r in runs)],
        ["seconds until the last buyer was done", *(f"{r.result.total_s:.1f}" for r in runs)],
    ]
    for kind, what in (("reserve", "reserve"), ("pay", "confirm")):
        rows.append(
            [
                f"{what} from the click, p50 / p99",
                *(_pair(run.result.latencies[kind].click) for run in runs),
            ]
        )
        rows.append(
            [
                f"{what} one call, p50 / p99",
                *(_pair(run.result.latencies[kind].call) for run in runs),
            ]
        )
    return rows


def _proof(played: Played) -> RenderableType:
    proof = Table.grid(padding=(0, 2))
    proof.add_column()
    proof.add_column(justify="right")
    proof.add_column()
    for check in played.checks:
        verdict = "[green]✓[/]" if check.ok else f"[bold red]✗ must be {check.expected:,}[/]"
        proof.add_row(check.what, f"{check.actual:,}", verdict)
    return proof


def _measured(played: Played) -> int:
    return sum(len(seen.call) for seen in played.result.latencies.values())


def _bad(number: int) -> str:
    return f"[bold red]{number:,}[/]" if number else "0"


def _pair(values: Sequence[float]) -> str:
    p50, p99 = percentile(values, 50), percentile(values, 99)
    return "-" if p50 is None or p99 is None else f"{_time(p50)} / {_time(p99)}"


def _time(milliseconds: float) -> str:
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
