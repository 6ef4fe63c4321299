"""Which measures are divided by which, and what is asked of the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from seckill.bench.load import Rate
from seckill.bench.scripts import SLOTS
from seckill.bench.setting import Options

# One round: the name of a measure and what it gave.
Round = Mapping[str, Rate]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A ratio to be reported.

    Attributes:
        scenario: of which it is a part.
        what: in words.
        over: the measure that is divided.
        under: those it is divided by; the best of them counts.
        bar: at least; None: shown for its own sake.
        aim: better.
        at_most: the bar and the aim are the highest that will do, not the lowest.
    """

    scenario: str
    what: str
    over: str
    under: tuple[str, ...]
    bar: float | None = None
    aim: float | None = None
    at_most: bool = False

    def reached(self, value: float, asked: float) -> bool:
        """Whether the value is as good as is asked."""
        return value <= asked if self.at_most else value >= asked


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio as it came out.

    Attributes:
        wanted: which.
        value: the median of the rounds.
        low: the lowest of them.
        high: the highest.
        rounds: how many had both measures.
    """

    wanted: Wanted
    value: float
    low: float
    high: float
    rounds: int

    @property
    def verdict(self) -> str:
        """`aim`, `bar` or `missed`; empty where nothing is asked."""
        if self.wanted.bar is None:
            return ""
        if self.wanted.aim is not None and self.wanted.reached(self.value, self.wanted.aim):
            return "aim"
        return "bar" if self.wanted.reached(self.value, self.wanted.bar) else "missed"


def wanted(options: Options) -> Iterator[Wanted]:
    """The ratios of a run, those with a bar first."""
    crowd = options.crowd
    insert, text, one = (f"insert@{crowd}",), (f"textbook@{crowd}",), (f"select_1@{crowd}",)
    now, sold_out = f"reserve_now@{crowd}", f"sold_out@{crowd}"
    redis = tuple(f"redis_lua@{size}" for size in options.redis_pools)
    clients = f"AsyncClient, {options.buyers:,} buyers ÷ redis-py with Lua, no disk"
    yield Wanted("asyncio", clients, "async_client", redis, 3, 5)
    flown = "reserve_batch of 500, {} in flight ÷ plain insert, " + f"{crowd} callers"
    yield Wanted("batch", flown.format(2), "batch@2", insert, 4, 8)
    yield Wanted("hot", f"reserve_now ÷ plain insert, {crowd} callers", now, insert, 0.35, 0.5)
    yield Wanted("hot", f"reserve_now ÷ textbook transaction, {crowd} callers", now, text, 4, 6)
    yield Wanted("soldout", f"sold_out ÷ select 1, {crowd} callers", sold_out, one, 0.3, 0.45)
    limits = ("limits", "three limits ÷ none, batch of 500", "three_limits@1")
    yield Wanted(*limits, ("no_limit@1",), 0.5, 0.7)
    yield from _ledger(options)
    # What the subjects themselves cost is in both sides of the ratio above, and in one of this.
    plain = "three limits and subjects ÷ one limit a user, batch of 500"
    yield Wanted("limits", plain, "three_limits@1", ("batch@1",))
    yield Wanted("batch", flown.format(1), "batch@1", insert)
    durable = tuple(f"redis_lua_fsync@{size}" for size in options.redis_pools)
    fsync = f"AsyncClient, {options.buyers:,} buyers ÷ redis-py with Lua, fsync always"
    yield Wanted("asyncio", fsync, "async_client", durable)
    three = f"orders of 3 lines ÷ textbook transaction of 3 rows, {crowd} callers"
    yield Wanted("lines", three, f"lines@{crowd}", (f"textbook_lines@{crowd}",))
    aged = f"reserve with an old snapshot held open ÷ without, {crowd} callers"
    yield Wanted("snapshot", aged, f"snapshot@{crowd}", (f"no_snapshot@{crowd}",))
    yield from _hot(options)
    for slots in SLOTS[1:]:
        for way, callers in (("reserve", crowd), ("reserve_now", crowd), ("batch", 2)):
            at = f"{callers} in flight" if way == "batch" else f"{callers} callers"
            over, under = (f"{way}_slots_{number}@{callers}" for number in (slots, SLOTS[0]))
            yield Wanted("slots", f"{way}, {slots} slots ÷ one, {at}", over, (under,))


def _ledger(options: Options) -> Iterator[Wanted]:
    """Processor time: that of the small ledger is divided, since these are purchases a second."""
    rows = f"{options.ledger_rows:,} reservations"
    for side, whose, bar in (("others", "of another sale", 1.15), ("own", "of its own", 1.3)):
        what = f"CPU of a purchase with {rows} {whose} ÷ with 10,000"
        yield Wanted(
            "ledger", what, "cpu_single_small", (f"cpu_single_{side}",), bar, 1.05, at_most=True
        )
        yield Wanted("ledger", f"{what}, batch of 500", "cpu_batch_small", (f"cpu_batch_{side}",))


def _hot(options: Options) -> Iterator[Wanted]:
    crowd = options.crowd
    for callers in options.callers:
        at = f"{callers} caller{'s' if callers > 1 else ''}"
        for over, under, name in (
            ("reserve", "insert", "plain insert"),
            ("reserve", "textbook", "textbook transaction"),
            ("reserve_now", "reserve", "reserve"),
            ("reserve_now", "insert", "plain insert"),
            ("reserve_now", "textbook", "textbook transaction"),
            ("insert", "select_1", "select 1"),
        ):
            asked = callers == crowd and over == "reserve_now" and under != "reserve"
            if not asked:
                what = f"{'plain insert' if over == 'insert' else over} ÷ {name}, {at}"
                yield Wanted("hot", what, f"{over}@{callers}", (f"{under}@{callers}",))


def ratios(options: Options, rounds: Sequence[Round]) -> list[Ratio]:
    """The ratios for which something was measured.

    Each round is divided by itself, so that what slows a whole round falls out. The best of
    several peers is the one that was best over all rounds.
    """
    found: list[Ratio] = []
    for one in wanted(options):
        if one.scenario not in options.scenarios:
            continue
        peers = [name for name in one.under if any(name in round_ for round_ in rounds)]
        if not peers:
            continue
        best = max(peers, key=lambda name: _typical(rounds, name))
        values = [
            round_[one.over].per_second / round_[best].per_second
            for round_ in rounds
            if one.over in round_ and best in round_
        ]
        if values:
            found.append(Ratio(one, median(values), min(values), max(values), len(values)))
    return found


def _typical(rounds: Sequence[Round], name: str) -> float:
    return median(round_[name].per_second for round_ in rounds if name in round_)
