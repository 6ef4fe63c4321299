"""The measures: every way to buy, and every peer, at a number of callers."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg

from seckill.bench import scripts
from seckill.bench.arrivals import arrivals
from seckill.bench.buyers import redis_buyers, seckill_buyers
from seckill.bench.ledger import ledger
from seckill.bench.load import BenchError, Rate
from seckill.bench.place import STOCK, Place, open_sale
from seckill.bench.setting import Measure, Options, Setting, require_taken
from seckill.history import Recorder
from seckill.runtime import StartError
from seckill.runtime.valkey import Valkey


@contextmanager
def open_measures(
    place: Place,
    options: Options,
    stop: threading.Event,
    tell: Callable[[str], None] = lambda _: None,
) -> Generator[tuple[Measure, ...]]:
    """The measures of the chosen scenarios, each once, in the order of a round."""
    with contextlib.ExitStack() as stack:
        setting = Setting(place, options, stop, stack, tell)
        made: dict[str, Measure] = {}
        for scenario in options.scenarios:
            for measure in _OF[scenario](setting):
                made[measure.name] = measure
        yield tuple(made.values())


def _hot(setting: Setting) -> Iterator[Measure]:
    sale = setting.place.one
    for callers in setting.options.callers:
        for name, script in (("reserve", scripts.RESERVE), ("reserve_now", scripts.RESERVE_NOW)):
            load = setting.pooled(script, callers, sale)
            yield setting.pgbench(f"{name}@{callers}", load, units=1)
        yield setting.peer("textbook", scripts.TEXTBOOK, callers)
        yield setting.peer("insert", scripts.PLAIN_INSERT, callers)
        yield setting.select_1(callers)


def _slots(setting: Setting) -> Iterator[Measure]:
    """The hot row, and the same pool in several rows."""
    client, crowd = setting.place.client, setting.options.crowd
    for slots in scripts.SLOTS:
        sale = open_sale(client, ("user",), STOCK, slots=slots)
        setting.stack.callback(client.close_activity, activity_id=sale)
        for name, script in (("reserve", scripts.RESERVE), ("reserve_now", scripts.RESERVE_NOW)):
            load = setting.pooled(script, crowd, sale)
            yield setting.pgbench(f"{name}_slots_{slots}@{crowd}", load, units=1)
        yield _batches(setting, f"batch_slots_{slots}", scripts.RESERVE_BATCH, sale, 2)


def _batches(setting: Setting, name: str, script: str, sale: int, in_flight: int) -> Measure:
    load = setting.direct(script, in_flight, sale)
    return setting.pgbench(f"{name}@{in_flight}", load, units=scripts.BATCH)


def _batch(setting: Setting) -> Iterator[Measure]:
    for in_flight in (1, 2):
        yield _batches(setting, "batch", scripts.RESERVE_BATCH, setting.place.one, in_flight)
    yield setting.peer("insert", scripts.PLAIN_INSERT, setting.options.crowd)


def _soldout(setting: Setting) -> Iterator[Measure]:
    crowd = setting.options.crowd
    load = setting.direct(scripts.RESERVE, crowd, setting.place.gone)
    yield setting.pgbench(f"sold_out@{crowd}", load)
    yield setting.select_1(crowd)


def _limits(setting: Setting) -> Iterator[Measure]:
    script = scripts.RESERVE_BATCH_SUBJECTS
    for name, sale in (("no_limit", setting.place.free), ("three_limits", setting.place.three)):
        yield _batches(setting, name, script, sale, 1)


def _lines(setting: Setting) -> Iterator[Measure]:
    crowd, place = setting.options.crowd, setting.place
    load = setting.pooled(scripts.RESERVE_LINES, crowd, place.lines)
    yield setting.pgbench(f"lines@{crowd}", load, units=len(scripts.SKUS))
    yield setting.peer("textbook_lines", scripts.TEXTBOOK_LINES, crowd, units=len(scripts.SKUS))


def _asyncio(setting: Setting) -> Iterator[Measure]:
    place, options, stop = setting.place, setting.options, setting.stop

    recorder = None
    if options.record is not None:
        recorder = setting.stack.enter_context(
            Recorder(options.record, "bench", buyers=options.buyers)
        )

    def ours() -> Rate:
        before = place.taken(place.many)
        rate = seckill_buyers(
            place.ways.pooled, place.many, options.buyers, options.seconds, stop, recorder
        )
        # And the one that connects.
        require_taken("async_client", rate.calls + 1, place.taken(place.many) - before)
        return rate

    def redis(valkey: Valkey, connections: int) -> Callable[[], Rate]:
        path = str(valkey.socket)
        return lambda: redis_buyers(path, connections, options.buyers, options.seconds, stop)

    yield Measure("async_client", ours)
    for name, durable in (("redis_lua", False), ("redis_lua_fsync", True)):
        try:
            valkey = setting.stack.enter_context(Valkey(durable=durable))
        except StartError as error:
            raise BenchError(f"scenario asyncio: {error}") from error
        for connections in options.redis_pools:
            yield Measure(f"{name}@{connections}", redis(valkey, connections))


def _snapshot(setting: Setting) -> Iterator[Measure]:
    """Old versions of the hot row cannot be cleared away while somebody may still read them."""
    place, crowd = setting.place, setting.options.crowd
    load = setting.pooled(scripts.RESERVE, crowd, place.one)

    def aged(name: str, held: bool) -> Rate:
        with psycopg.connect(place.ways.admin) as connection:
            if held:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.execute("select count(*) from seckill_bench.stock")
            # The snapshot grows old before it counts; without one the same is done.
            setting.run_load(name, load, 1)
            return setting.run_load(name, load, 1)

    for name, held in (("snapshot", True), ("no_snapshot", False)):
        yield Measure(f"{name}@{crowd}", lambda name=name, held=held: aged(name, held))


def _table(setting: Setting) -> Iterator[Measure]:
    """Fill one pool: by single purchases for their share of the time, and else by batches."""
    options, place = setting.options, setting.place
    singles = setting.pooled(scripts.RESERVE_NOW, options.crowd, place.full)
    yield setting.pgbench("table_single", singles, units=1)
    each = math.ceil(options.purchases / options.rounds / scripts.BATCH / 2)
    load = replace(setting.direct(scripts.RESERVE_BATCH, 2, place.full), calls=each)
    yield setting.pgbench("table_batch", load, units=scripts.BATCH)


_OF: dict[str, Callable[[Setting], Iterator[Measure]]] = {
    "hot": _hot,
    "batch": _batch,
    "slots": _slots,
    "soldout": _soldout,
    "limits": _limits,
    "lines": _lines,
    "asyncio": _asyncio,
    "open": arrivals,
    "snapshot": _snapshot,
    "table": _table,
    "ledger": ledger,
}
