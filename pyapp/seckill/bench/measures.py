"""The measures: every way to buy, and every peer, at a number of callers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from seckill.bench import scripts
from seckill.bench.buyers import POOL_SIZES, redis_buyers, seckill_buyers
from seckill.bench.load import BenchError, Load, Rate
from seckill.bench.place import Place
from seckill.history import Recorder
from seckill.runtime import StartError
from seckill.runtime.valkey import Valkey

SCENARIOS = ("hot", "batch", "soldout", "limits", "asyncio", "table")


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose.

    Attributes:
        scenarios: which of `SCENARIOS`.
        rounds: each takes every measure once.
        seconds: of one measure.
        callers: on the hot row; the last number is the one that the bars are about.
        buyers: in the asyncio scenario.
        budget_s: no measure begins later than this; None: no end.
        record: an empty directory for the history of the asyncio scenario's buyers.
    """

    scenarios: tuple[str, ...] = SCENARIOS
    rounds: int = 5
    seconds: int = 2
    callers: tuple[int, ...] = (1, 8, 32)
    buyers: int = 2_000
    budget_s: float | None = None
    record: Path | None = None

    def quick(self) -> Options:
        """The same as a first look, within 90 seconds."""
        return replace(self, rounds=3, seconds=1, callers=(1, 32), budget_s=75.0)

    @property
    def crowd(self) -> int:
        """The most callers on the hot row."""
        return max(self.callers)


@dataclass(frozen=True, slots=True)
class Measure:
    """One way at one number of callers.

    Attributes:
        name: as the ratios name it.
        run: how; gives purchases (or answers) a second.
    """

    name: str
    run: Callable[[], Rate]


@contextmanager
def open_measures(
    place: Place, options: Options, stop: threading.Event
) -> Generator[tuple[Measure, ...]]:
    """The measures of the chosen scenarios, each once, in the order of a round."""
    with contextlib.ExitStack() as stack:
        made: dict[str, Measure] = {}
        for scenario in options.scenarios:
            for measure in _OF[scenario](place, options, stop, stack):
                made[measure.name] = measure
        yield tuple(made.values())


def _pgbench(
    name: str, place: Place, load: Load, options: Options, stop: threading.Event, units: int = 0
) -> Measure:
    """A measure by pgbench.

    Args:
        name: of the measure.
        place: where.
        load: what.
        options: how long.
        stop: the user wants it to end.
        units: that each call must take from the pool of its sale; 0 for what takes none.
    """

    def run() -> Rate:
        sale = load.activity_id
        before = place.taken(sale) if sale else 0
        rate = load.run(place.ways.bindir, options.seconds, stop)
        # An answer is not looked at; the books are.
        taken = (place.taken(sale) if sale else 0) - before
        if taken != rate.calls * units:
            raise BenchError(f"{name}: {rate.calls} calls took {taken} units, not {units} each")
        return Rate(rate.calls * max(units, 1), rate.per_second * max(units, 1))

    return Measure(name, run)


def _peer(
    name: str, script: str, callers: int, place: Place, options: Options, stop: threading.Event
) -> Measure:
    load = Load(place.ways.admin, script, callers, prepared=True)
    return _pgbench(f"{name}@{callers}", place, load, options, stop)


def _hot(
    place: Place, options: Options, stop: threading.Event, _stack: contextlib.ExitStack
) -> Generator[Measure]:
    for callers in options.callers:
        for name, script in (("reserve", scripts.RESERVE), ("reserve_now", scripts.RESERVE_NOW)):
            load = Load(place.ways.pooled, script, callers, False, place.one)
            yield _pgbench(f"{name}@{callers}", place, load, options, stop, units=1)
        yield _peer("textbook", scripts.TEXTBOOK, callers, place, options, stop)
        yield _peer("insert", scripts.PLAIN_INSERT, callers, place, options, stop)
        yield _select_1(callers, place, options, stop)


def _select_1(callers: int, place: Place, options: Options, stop: threading.Event) -> Measure:
    load = Load(place.ways.direct, scripts.SELECT_1, callers, place.ways.direct_prepared)
    return _pgbench(f"select_1@{callers}", place, load, options, stop)


def _batches(
    name: str,
    script: str,
    sale: int,
    in_flight: int,
    place: Place,
    options: Options,
    stop: threading.Event,
) -> Measure:
    load = Load(place.ways.direct, script, in_flight, place.ways.direct_prepared, sale)
    return _pgbench(f"{name}@{in_flight}", place, load, options, stop, units=scripts.BATCH)


def _batch(
    place: Place, options: Options, stop: threading.Event, _stack: contextlib.ExitStack
) -> Generator[Measure]:
    for in_flight in (1, 2):
        yield _batches("batch", scripts.RESERVE_BATCH, place.one, in_flight, place, options, stop)
    yield _peer("insert", scripts.PLAIN_INSERT, options.crowd, place, options, stop)


def _soldout(
    place: Place, options: Options, stop: threading.Event, _stack: contextlib.ExitStack
) -> Generator[Measure]:
    ways = place.ways
    load = Load(ways.direct, scripts.RESERVE, options.crowd, ways.direct_prepared, place.gone)
    yield _pgbench(f"sold_out@{options.crowd}", place, load, options, stop)
    yield _select_1(options.crowd, place, options, stop)


def _limits(
    place: Place, options: Options, stop: threading.Event, _stack: contextlib.ExitStack
) -> Generator[Measure]:
    script = scripts.RESERVE_BATCH_SUBJECTS
    for name, sale in (("no_limit", place.free), ("three_limits", place.three)):
        yield _batches(name, script, sale, 1, place, options, stop)


def _asyncio(
    place: Place, options: Options, stop: threading.Event, stack: contextlib.ExitStack
) -> Generator[Measure]:
    try:
        valkey = stack.enter_context(Valkey())
    except StartError as error:
        raise BenchError(f"scenario asyncio: {error}") from error

    recorder = None
    if options.record is not None:
        recorder = stack.enter_context(Recorder(options.record, "bench", buyers=options.buyers))

    def ours() -> Rate:
        return seckill_buyers(
            place.ways.pooled, place.many, options.buyers, options.seconds, stop, recorder
        )

    def redis(connections: int) -> Callable[[], Rate]:
        path = str(valkey.socket)
        return lambda: redis_buyers(path, connections, options.buyers, options.seconds, stop)

    yield Measure("async_client", ours)
    for connections in POOL_SIZES:
        yield Measure(f"redis_lua@{connections}", redis(connections))


def _table(
    _place: Place, _options: Options, _stop: threading.Event, _stack: contextlib.ExitStack
) -> Generator[Measure]:
    # It looks at the table that the others leave.
    yield from ()


_OF = {
    "hot": _hot,
    "batch": _batch,
    "soldout": _soldout,
    "limits": _limits,
    "asyncio": _asyncio,
    "table": _table,
}
