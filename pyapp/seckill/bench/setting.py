"""What a scenario is given, and what it gives: measures."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from seckill.bench import scripts
from seckill.bench.buyers import POOL_SIZES
from seckill.bench.load import BenchError, Load, NoCalls, Rate
from seckill.bench.place import Place

# What runs in a first look; `ledger` takes minutes to fill its tables.
QUICK_SCENARIOS = (
    *("hot", "batch", "soldout", "limits", "lines", "asyncio", "open", "snapshot", "table"),
)
SCENARIOS = (*QUICK_SCENARIOS, "slots", "ledger")
# The callers that the bars are about.
_CROWD = 32


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose.

    Attributes:
        scenarios: which of `SCENARIOS`.
        rounds: each takes every measure once.
        seconds: of one measure.
        callers: on the hot row; the bars are about 32 of them, or else the most.
        buyers: in the asyncio scenario.
        budget_s: no measure begins later than this; None: no end.
        redis_pools: connections that the buyers of Redis share, one measure each.
        purchases: of one pool, for the size of its row's table.
        ledger_rows: reservations that a large ledger holds.
        ledger_calls: of `reserve`, of which a measure of the ledger takes the processor time.
        ledger_batches: of 500, the same.
        record: an empty directory for the history of the asyncio scenario's buyers.
        warm_up_s: what a measure by pgbench runs before, uncounted.
    """

    scenarios: tuple[str, ...] = SCENARIOS
    rounds: int = 5
    seconds: int = 2
    callers: tuple[int, ...] = (1, 8, 32, 128)
    buyers: int = 2_000
    budget_s: float | None = None
    redis_pools: tuple[int, ...] = POOL_SIZES
    purchases: int = 1_000_000
    ledger_rows: int = 5_000_000
    ledger_calls: int = 3_000
    ledger_batches: int = 60
    record: Path | None = None
    warm_up_s: int = 1

    def quick(self) -> Options:
        """The same as a first look, within 90 seconds, where `ledger` is not asked for."""
        return replace(
            self,
            rounds=2,
            seconds=1,
            warm_up_s=0,
            callers=(1, 32),
            budget_s=60.0,
            redis_pools=POOL_SIZES[1:2],
            purchases=50_000,
            ledger_rows=100_000,
            ledger_calls=500,
            ledger_batches=20,
        )

    @property
    def crowd(self) -> int:
        """The callers that the bars are about."""
        return _CROWD if _CROWD in self.callers else max(self.callers)


@dataclass(frozen=True, slots=True)
class Measure:
    """One way at one number of callers.

    Attributes:
        name: as the ratios name it.
        run: how; gives purchases (or answers) a second.
    """

    name: str
    run: Callable[[], Rate]


@dataclass(frozen=True, slots=True)
class Setting:
    """Where and how the measures of a scenario are taken.

    Attributes:
        place: the server and its sales.
        options: what the user chose.
        stop: the user wants it to end.
        stack: closes what a scenario opens.
        tell: hears what takes long.
    """

    place: Place
    options: Options
    stop: threading.Event
    stack: contextlib.ExitStack
    tell: Callable[[str], None]

    def pgbench(self, name: str, load: Load, units: int = 0) -> Measure:
        """A measure by pgbench.

        Args:
            name: of the measure.
            load: what.
            units: that each call must take from the pool of its sale; 0 for what takes none.
        """
        return Measure(name, lambda: self.run_load(name, load, units))

    def run_load(
        self, name: str, load: Load, units: int, taken: Callable[[], int] | None = None
    ) -> Rate:
        """The load for the seconds of a measure, and a look at the books, or at `taken`."""
        sale = load.activity_id
        count = taken or (lambda: self.place.taken(sale) if sale else 0)
        before = count()
        bindir, seconds = self.place.ways.bindir, self.options.seconds
        try:
            warm = replace(load, warm_up_s=self.options.warm_up_s)
            rate = warm.run(bindir, seconds, self.stop)
        except NoCalls:
            rate = load.run(bindir, 4 * seconds, self.stop)
        # An answer is not looked at; the books are.
        require_taken(name, rate.calls, count() - before, units)
        return Rate(rate.calls * max(units, 1), rate.per_second * max(units, 1))

    def pooled(self, script: str, callers: int, activity_id: int) -> Load:
        """Calls through PgBouncer."""
        return Load(self.place.ways.pooled, script, callers, False, activity_id)

    def direct(self, script: str, callers: int, activity_id: int = 0) -> Load:
        """Calls straight to PostgreSQL."""
        ways = self.place.ways
        return Load(ways.direct, script, callers, ways.direct_prepared, activity_id)

    def peer(self, name: str, script: str, callers: int, *, units: int = 1) -> Measure:
        """A peer that writes, direct and prepared; it must do its work, too."""
        load = Load(self.place.ways.admin, script, callers, prepared=True)
        count = self.place.inserted if script == scripts.PLAIN_INSERT else self.place.peers_sold
        name = f"{name}@{callers}"
        return Measure(name, lambda: self.run_load(name, load, units, count))

    def select_1(self, callers: int) -> Measure:
        """The cheapest call there is."""
        return self.pgbench(f"select_1@{callers}", self.direct(scripts.SELECT_1, callers))


def require_taken(name: str, calls: int, taken: int, units: int = 1) -> None:
    """Each call must have taken its units, or the measure counts what is no purchase.

    Raises:
        BenchError: they have not.
    """
    if taken != calls * units:
        raise BenchError(f"{name}: {calls} calls took {taken} units, not {units} each")
