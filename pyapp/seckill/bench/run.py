"""A run of the benchmark, from the first round to the table of ratios."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

from seckill.bench.load import Interrupted, Rate
from seckill.bench.measures import open_measures
from seckill.bench.place import Place, Ways, open_place
from seckill.bench.ratios import Ratio, Round, ratios
from seckill.bench.setting import Options
from seckill.history import Verdict, judge, read_books, read_history

# The pool's table, after a million purchases.
TABLE_BAR_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Machine:
    """What it ran on, and how busy that was.

    Attributes:
        cores: that this process may use.
        load_before: average length of the queue for them, a minute back, at the start.
        load_after: the same at the end.
    """

    cores: int
    load_before: float
    load_after: float


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found.

    Attributes:
        options: what was asked for.
        seconds: it took.
        machine: where.
        rounds: what was measured.
        ratios: the result.
        purchases: made in all.
        full: purchases of the one pool that is filled for the size of its row's table.
        full_single: of these, by calls of one buyer, each an update of the row.
        pool_bytes: the size of the pools' table after all; None where it was not asked for.
        cut_short: the time was over before all rounds were.
        verdict: on the history, where one was recorded.
    """

    options: Options
    seconds: float
    machine: Machine
    rounds: Sequence[Round]
    ratios: Sequence[Ratio]
    purchases: int
    full: int
    full_single: int
    pool_bytes: int | None
    cut_short: bool
    verdict: Verdict | None = None


@dataclass(slots=True)
class _Rounds:
    done: list[dict[str, Rate]] = field(default_factory=list[dict[str, Rate]])
    cut_short: bool = False


def run(ways: Ways, options: Options, tell: Callable[[str], None], stop: threading.Event) -> Report:
    """Measure everything in turn.

    Args:
        ways: to the server.
        options: what and how long.
        tell: hears what is being measured.
        stop: set when the user wants it to end.

    Raises:
        Interrupted: `stop` was set.
        BenchError: a measure cannot count.
    """
    began, load_before = monotonic(), os.getloadavg()[0]
    until = None if options.budget_s is None else began + options.budget_s
    with open_place(ways) as place:
        rounds = _measure(place, options, tell, stop, until)
        table = place.pool_bytes() if "table" in options.scenarios else None
        verdict = None
        if options.record is not None:
            books = read_books(ways.admin, [place.many])
            books.save(options.record)
            verdict = judge(read_history(options.record), books)
        purchases, full = place.purchases(), place.taken(place.full)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Report(
        options,
        monotonic() - began,
        Machine(cores or 1, load_before, os.getloadavg()[0]),
        rounds.done,
        ratios(options, rounds.done),
        purchases,
        full,
        sum(one["table_single"].calls for one in rounds.done if "table_single" in one),
        table,
        rounds.cut_short,
        verdict,
    )


def _measure(
    place: Place,
    options: Options,
    tell: Callable[[str], None],
    stop: threading.Event,
    until: float | None,
) -> _Rounds:
    rounds = _Rounds()
    with open_measures(place, options, stop, tell) as measures:
        for number in range(1, options.rounds + 1):
            rounds.done.append({})
            # Every other round backwards: nobody always comes after the same one.
            for measure in measures if number % 2 else reversed(measures):
                if stop.is_set():
                    raise Interrupted
                if until is not None and monotonic() > until:
                    rounds.cut_short = True
                    return rounds
                tell(f"round {number} of {options.rounds}: {measure.name}")
                rounds.done[-1][measure.name] = measure.run()
    return rounds
