"""The result as a table for people and as JSON for programs."""

from __future__ import annotations

from dataclasses import asdict
from statistics import median
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from seckill.bench.arrivals import LOADS
from seckill.bench.ratios import Ratio
from seckill.bench.run import TABLE_BAR_BYTES, Report

ARRIVALS = "Buyers who arrive at a fixed rate; waits from the intended start"
ARRIVALS_HEADS = ("of capacity", "answered at the end", "errors", "p50", "p99", "p99.9")
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
    rounds = "round" if options.rounds == 1 else "rounds"
    return (
        f"{options.rounds} {rounds} of {options.seconds} s a measure "
        f"(pgbench: after {options.warm_up_s} s of warming up), {report.seconds:.0f} s in all"
        f"{', cut short by the time allowed' if report.cut_short else ''}; each ratio is the "
        f"median of the rounds' own. {machine.cores} cores, load {machine.load_before:.1f} at the "
        f"start and {machine.load_after:.1f} at the end (this benchmark alone makes 2 or more)."
    )


def table_size(report: Report) -> str | None:
    """The size of the pools' table in words, or None."""
    if report.pool_bytes is None:
        return None
    return (
        f"The pools' table has {report.pool_bytes / 1000:,.0f} kB after {report.full:,} purchases "
        f"of one pool, {report.full_single:,} of them one at a time and the rest in batches of "
        f"500, and {report.purchases - report.full:,} of other pools (asked: at most "
        f"{TABLE_BAR_BYTES / 1e6:.0f} MB after 1,000,000)."
    )


def arrivals(report: Report) -> list[tuple[str, ...]]:
    """Of each load of the open loop: the load, share answered, errors, p50, p99, p99.9."""
    rows: list[tuple[str, ...]] = []
    for load in LOADS:
        all_ = [one[f"open@{load}"].arrivals for one in report.rounds if f"open@{load}" in one]
        seen = [one for one in all_ if one is not None]
        if seen:
            waits = (
                median(one.p50_ms for one in seen),
                median(one.p99_ms for one in seen),
                median(one.p999_ms for one in seen),
            )
            rows.append(
                (
                    f"{load} %",
                    f"{median(one.answered for one in seen):.0%}",
                    f"{sum(one.errors for one in seen):,}",
                    *(f"{wait:,.0f} ms" for wait in waits),
                )
            )
    return rows


def _arrivals_table(rows: list[tuple[str, ...]]) -> Table:
    table = Table(title=ARRIVALS, title_justify="left")
    for name in ARRIVALS_HEADS:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*row)
    return table


def report_table(report: Report) -> Group:
    """For the terminal."""
    table = Table(title="seckill bench: ratios of one run", title_justify="left")
    table.add_column("ratio", overflow="fold")
    for name in ("median", "lowest", "highest", "asked", "aim"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for ratio in report.ratios:
        style = _STYLES[ratio.verdict]
        table.add_row(
            ratio.wanted.what,
            Text(number(ratio.value), style=style),
            number(ratio.low),
            number(ratio.high),
            ("≤ " if ratio.wanted.at_most else "") + number(ratio.wanted.bar),
            number(ratio.wanted.aim),
            Text(words(ratio), style=style),
        )
    notes = [text for text in (table_size(report), about(report)) if text]
    rows = arrivals(report)
    return Group(table, *([_arrivals_table(rows)] if rows else []), *notes)


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
        "purchases_of_one_pool": report.full,
        "purchases_of_one_pool_single": report.full_single,
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
                "at_most": ratio.wanted.at_most,
                "verdict": ratio.verdict or None,
            }
            for ratio in report.ratios
        ],
        "arrivals": [
            {name: asdict(rate.arrivals) for name, rate in one.items() if rate.arrivals is not None}
            for one in report.rounds
        ],
        "rounds": [
            {name: round(rate.per_second, 1) for name, rate in one.items()} for one in report.rounds
        ],
    }
