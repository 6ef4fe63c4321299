"""The result as a table for people and as JSON for programs."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from seckill.bench.ratios import Ratio
from seckill.bench.run import TABLE_BAR_BYTES, Report

_STYLES = {"aim": "bold green", "bar": "green", "missed": "red", "": ""}
_WORDS = {"aim": "aim reached", "bar": "bar reached", "missed": "bar missed", "": ""}


def number(value: float | None) -> str:
    """A ratio with as many digits as it is good for."""
    if value is None:
        return ""
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def words(ratio: Ratio) -> str:
    """The verdict for people."""
    return _WORDS[ratio.verdict]


def about(report: Report) -> str:
    """On what, how long, how busy it was: two sentences."""
    machine, options = report.machine, report.options
    return (
        f"{options.rounds} rounds of {options.seconds} s a measure, {report.seconds:.0f} s in all"
        f"{', cut short by the time allowed' if report.cut_short else ''}; each ratio is the "
        f"median of the rounds' own. {machine.cores} cores, load {machine.load_before:.1f} at the "
        f"start and {machine.load_after:.1f} at the end (this benchmark alone makes 2 or more)."
    )


def table_size(report: Report) -> str | None:
    """The size of the pools' table in words, or None."""
    if report.pool_bytes is None:
        return None
    return (
        f"The pools' table has {report.pool_bytes / 1000:,.0f} kB after {report.purchases:,} "
        f"purchases (asked: at most {TABLE_BAR_BYTES / 1e6:.0f} MB after 1,000,000)."
    )


def report_table(report: Report) -> Group:
    """For the terminal."""
    table = Table(title="seckill bench: ratios of one run", title_justify="left")
    table.add_column("ratio", overflow="fold")
    for name in ("median", "lowest", "highest", "at least", "aim"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for ratio in report.ratios:
        style = _STYLES[ratio.verdict]
        table.add_row(
            ratio.wanted.what,
            Text(number(ratio.value), style=style),
            number(ratio.low),
            number(ratio.high),
            number(ratio.wanted.bar),
            number(ratio.wanted.aim),
            Text(words(ratio), style=style),
        )
    notes = [text for text in (table_size(report), about(report)) if text]
    return Group(table, *notes)


def as_json(report: Report) -> dict[str, Any]:
    """For programs. Rates a second are of this machine at this hour: compare ratios."""
    return {
        "scenarios": list(report.options.scenarios),
        "rounds_wanted": report.options.rounds,
        "seconds_a_measure": report.options.seconds,
        "seconds": round(report.seconds, 1),
        "cut_short": report.cut_short,
        "cores": report.machine.cores,
        "load_before": round(report.machine.load_before, 2),
        "load_after": round(report.machine.load_after, 2),
        "purchases": report.purchases,
        "pool_bytes": report.pool_bytes,
        "ratios": [
            {
                "scenario": ratio.wanted.scenario,
                "what": ratio.wanted.what,
                "over": ratio.wanted.over,
                "under": list(ratio.wanted.under),
                "median": ratio.value,
                "low": ratio.low,
                "high": ratio.high,
                "rounds": ratio.rounds,
                "bar": ratio.wanted.bar,
                "aim": ratio.wanted.aim,
                "verdict": ratio.verdict or None,
            }
            for ratio in report.ratios
        ],
        "rounds": [
            {name: round(rate.per_second, 1) for name, rate in one.items()} for one in report.rounds
        ],
    }
