"""A walk through the life of a shop, beside the plain model: its set-up, its time, its invariants.

The rules are in walk_buyers.py and walk_operators.py; test_state_machine.py puts them together.

Public calls read the clock, and decisions use the greater of the clock and what the rows have seen:
so a walk that lies in the future lets its pools see its own time before it makes one.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant
from psycopg import Connection

from tests.fix_sale import Sale, violations
from tests.procedures.instants import another_pool, expire_at, sale_between, time_passes, units_of
from tests.procedures.model import Model
from tests.procedures.model_limits import DAY, HOUR, Limit, Order, Reservation, midnight
from tests.procedures.model_stock import Activity, Pool
from tests.procedures.rules import drop_rule, set_rule

MINUTE = timedelta(minutes=1)
HOLD = 10 * MINUTE
REGIONS = ("*", "north")

# Half an hour before a local midnight with which a month begins, or the day on which clocks change
# begins or ends; some of these are a Monday's too.
STARTS = [
    ("Asia/Shanghai", datetime(2030, 1, 31, 23, 30)),
    ("Europe/Berlin", datetime(2030, 3, 31, 23, 30)),
    ("America/Havana", datetime(2030, 11, 2, 23, 30)),
    ("Australia/Lord_Howe", datetime(2030, 4, 7, 23, 30)),
]
# What time does between two calls. All but the first three go to an instant at which answers
# change: the end of the oldest open hold, a local midnight, a release, and the instant at which a
# purchase leaves a rolling window.
WAITS = ("nothing", "minute", "hours", "hold", "midnight", "release", "rolling")
waits = st.sampled_from([*WAITS, "nothing", "hold", "rolling"])


@dataclass(frozen=True, slots=True)
class Wish:
    """What a buyer wants, before it has names: numbers of activity, user, phone, address, skus."""

    activity: int
    user: str
    lines: tuple[tuple[int, int], ...]
    region: str
    phone: str | None
    address: str | None


# The second activity has the first sku only, and so has the second region.
FIRST_SKU_ONLY = [((0, 1),), ((0, 1),), ((0, 2),), ((0, 1), (0, 1))]
ANY_LINES = [
    *(((0, 1),), ((0, 1),), ((1, 1),), ((0, 2),), ((1, 2),), ((0, 3),)),
    *(((1, 1), (0, 1)), ((0, 1), (1, 2)), ((1, 1), (0, 1), (1, 1))),
]


class Walk(RuleBasedStateMachine):
    """A shop of two sales, from the opening of the first one on."""

    operator: ClassVar[Connection[Any]]
    superuser: ClassVar[Connection[Any]]
    # How often each kind of answer was met.
    seen: ClassVar[Counter[str]]
    numbers: ClassVar[Iterator[int]] = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        # Names are of this walk alone: global limits count what other walks have left behind.
        self.tag = f"w{next(self.numbers)}"
        self.skus = [f"{self.tag} sku {number}" for number in range(2)]
        self.sales: list[Sale] = []
        self.requests = 0
        self.model = Model([])
        self.now = datetime.max.replace(tzinfo=UTC)

    @initialize(
        start=st.sampled_from(STARTS),
        more=st.sampled_from([20, 0, 2]),
        maximum=st.sampled_from([None, 1, 2, 3]),
    )
    def open_the_shop(self, start: tuple[str, datetime], more: int, maximum: int | None) -> None:
        zone = ZoneInfo(start[0])
        self.now = start[1].replace(tzinfo=zone).astimezone(UTC)
        for number, (starts_in, lasts) in enumerate([(0 * HOUR, 3 * DAY), (HOUR, 40 * DAY)]):
            starts_at = self.now + starts_in
            ends_at = starts_at + lasts
            units = {(self.skus[0], "*"): 4 + more}
            if number == 0:
                units |= {(self.skus[1], "*"): 3, (self.skus[0], "north"): 2}
            sale = sale_between(
                self.operator,
                self.superuser,
                starts_at=starts_at,
                ends_at=ends_at,
                units=units[self.skus[0], "*"],
                hold=HOLD,
                time_zone=start[0],
                sku=self.skus[0],
            )
            for sku, region in list(units)[1:]:
                another_pool(
                    self.operator,
                    self.superuser,
                    sale,
                    units=units[sku, region],
                    sku=sku,
                    region=region,
                )
            self.sales.append(sale)
            pools = {key: Pool(quantity) for key, quantity in units.items()}
            for key, quantity in units.items():
                self.model.received[key[0]] += quantity
            self.model.activities.append(Activity(starts_at, ends_at, HOLD, zone, pools))
        if maximum:
            limit = Limit("user", "units", "activity", maximum)
            self.write_limit(0, f"{self.tag} b", limit)
            self.model.activities[0].limits[f"{self.tag} b"] = limit

    # --- names

    def order(self, wish: Wish) -> Order:
        """A wish with the names of this walk."""
        only_first = wish.activity == 1 or wish.region != "*"
        lines: Counter[str] = Counter()
        for sku, quantity in wish.lines:
            lines[self.skus[0 if only_first else sku]] += quantity
        region = "*" if wish.activity == 1 else wish.region
        named = {"user": wish.user, "phone": wish.phone, "address": wish.address}
        subjects = {key: f"{self.tag} {value}" for key, value in named.items() if value}
        return Order(wish.activity, region, tuple(sorted(lines.items())), subjects)

    def pool(self, order: Order) -> Sale:
        """The sale and region of an order."""
        sale = self.sales[order.activity]
        return Sale(sale.activity_id, sale.sku, order.region)

    def one_of(self, choice: int) -> Reservation:
        """A reservation, the newest ones more often."""
        made = self.model.reservations
        return made[-1 - choice % min(len(made), 5)]

    def write_limit(self, scope: int | None, name: str, limit: Limit) -> Any:
        """Set a limit of an activity, or a global one."""
        return set_rule(
            self.operator,
            None if scope is None else self.sales[scope].activity_id,
            name,
            dimension=limit.dimension,
            metric=limit.metric,
            window=limit.window,
            maximum=limit.maximum,
            sku=limit.sku,
            period=limit.period,
            time_zone=limit.zone,
            required=limit.required,
        )

    # --- time

    def time_goes_on(self, wait: str) -> None:
        """By so much, or to the next instant of a kind, where there is one."""
        if wait in ("nothing", "minute", "hours"):
            self.now += {"nothing": 0 * MINUTE, "minute": MINUTE, "hours": 4 * HOUR}[wait]
            return
        instants = [instant for instant in self.next_instants(wait) if instant > self.now]
        self.now = min(instants, default=self.now)

    def next_instants(self, wait: str) -> list[datetime]:
        """The instants at which something of a kind happens."""
        model = self.model
        if wait == "hold":
            return [r.expires_at for r in model.reservations if r.state == "held"]
        if wait == "midnight":
            zones = [model.activities[0].zone, ZoneInfo("UTC")]
            return [midnight(self.now.astimezone(z).date() + DAY, z) for z in zones]
        if wait == "release":
            pools = [pool for sale in model.activities for pool in sale.pools.values()]
            return [at for pool in pools for at in pool.releases]
        limits = [*model.limits.values()]
        limits += [limit for sale in model.activities for limit in sale.limits.values()]
        return [
            limit.dated(r) + limit.period
            for limit in limits
            if limit.period
            for r in model.reservations
        ]

    def pools_see_the_time(self) -> None:
        """Public calls are made now, not when the test runs."""
        for sale in self.sales:
            time_passes(self.superuser, sale, self.now)

    # --- what always holds

    @invariant()
    def the_pools_agree(self) -> None:
        """Now, whatever of it has been swept; and I1 on what is stored."""
        numbers = {sale.activity_id: number for number, sale in enumerate(self.sales)}
        rows = self.superuser.execute(
            """
            select p.activity_id, p.sku, p.region, b.*, to_json(s) as stored,
                   greatest(0, s.owed - d.units) as owed
              from seckill_private.pool as p
              join seckill_private.pool_slot as s on s.pool_id = p.pool_id
             cross join lateral seckill_private.pool_balance(
                     p.activity_id, p.pool_id, %(now)s) as b
             cross join lateral seckill_private.due_units(
                     p.activity_id, p.pool_id, %(now)s) as d (units)
             where p.activity_id = any (%(ids)s)""",
            {"now": self.now, "ids": list(numbers)},
        ).fetchall()
        assert len(rows) == sum(len(sale.pools) for sale in self.model.activities)
        for row in rows:
            number = numbers[row.activity_id]
            pool = (number, row.sku, row.region, self.now)
            held, sold = (self.model.taken(*pool, state) for state in ("held", "confirmed"))
            assert (row.available, row.held, row.sold) == (self.model.available(*pool), held, sold)
            assert row.total == self.model.total(*pool)
            # A closed pool gives all that comes back to the inventory, owed or not.
            closed = self.model.activities[number].state == "closed"
            assert closed or row.owed == self.model.owed(*pool)
            self.is_sound(row.stored)

    def is_sound(self, slot: dict[str, int]) -> None:
        """I1; and that nothing can be bought while units are owed."""
        available, owed = slot["available"], slot["owed"]
        held, sold, unreleased = slot["held"], slot["sold"], slot["unreleased"]
        assert min(available, held, sold, unreleased, owed) >= 0
        assert slot["total"] == available + held + sold + unreleased
        assert 0 in (available, owed)

    def teardown(self) -> None:
        for name in self.model.limits:
            drop_rule(self.operator, None, name)
        self.the_books_agree()
        self.sweep_all()
        self.the_books_agree()
        for sku in self.skus:
            assert units_of(self.operator, sku) == self.model.inventory(sku, self.now)

    def sweep_all(self) -> None:
        """What has ended is given back, to the inventory where that is where it goes."""
        while expire_at(self.superuser, self.now):
            pass

    def the_books_agree(self) -> None:
        """reconcile of both sales."""
        for sale in self.sales:
            found = violations(self.operator, sale)
            assert found == [], found
