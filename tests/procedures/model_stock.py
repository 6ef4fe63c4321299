"""Where the units are, in plain Python: pools, what they still owe, and the inventory behind them.

Nothing is counted up or down: a pool knows how many units it is to have, and everything else
follows from the reservations and the time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.procedures.model_limits import Limit, Reservation

Lists = defaultdict[str, set[str]]
Key = tuple[str, str]


@dataclass(slots=True)
class Pool:
    """Units of a sku in a region, and when those are released that are not yet.

    `units` are those that it is to have: fewer than are held and sold while it owes the rest (mode
    drain). What was written off is no longer among them.
    """

    units: int
    releases: dict[datetime, int] = field(default_factory=dict)
    written_off: int = 0

    def unreleased(self, now: datetime) -> int:
        """Units that come later."""
        return sum(units for at, units in self.releases.items() if at > now)

    def next_release(self, now: datetime) -> datetime | None:
        """When the next ones come."""
        return min((at for at in self.releases if at > now), default=None)

    def cut_releases(self, now: datetime, units: int) -> None:
        """So many of those that come later come no more, the latest first."""
        for at in sorted((at for at in self.releases if at > now), reverse=True):
            cut = min(units, self.releases[at])
            units -= cut
            self.releases[at] -= cut
            if not self.releases[at]:
                del self.releases[at]


@dataclass(slots=True)
class Activity:
    """One sale."""

    starts_at: datetime
    ends_at: datetime
    hold: timedelta
    zone: ZoneInfo
    pools: dict[Key, Pool]
    state: str = "open"
    limits: dict[str, Limit] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    eligible: Lists = field(default_factory=lambda: defaultdict(set))
    blocked: Lists = field(default_factory=lambda: defaultdict(set))


@dataclass(frozen=True, slots=True)
class Change:
    """What a call that sets a total answers, and how many holds it cancelled."""

    replayed: bool
    quantity: int
    total: int
    revoked: int = 0


@dataclass(slots=True)
class Stock:
    """The pools of several activities; `received` are the units of each sku that ever came in."""

    activities: list[Activity]
    reservations: list[Reservation] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)

    # --- what follows from the reservations

    def of(self, activity: int, region: str) -> list[Reservation]:
        """The reservations in a region of an activity."""
        return [
            r for r in self.reservations if (r.order.activity, r.order.region) == (activity, region)
        ]

    def taken(self, activity: int, sku: str, region: str, now: datetime, state: str) -> int:
        """Units of a pool in reservations that are in a state, but for what was refunded."""
        return sum(r.left(sku) for r in self.of(activity, region) if r.at(now) == state)

    def out(self, activity: int, sku: str, region: str, now: datetime) -> int:
        """Units of a pool that are held or sold."""
        states = ("held", "confirmed")
        return sum(self.taken(activity, sku, region, now, state) for state in states)

    def spare(self, activity: int, sku: str, region: str, now: datetime) -> int:
        """Units that may be bought; below zero, those that an open sale owes.

        While it is below zero nothing can be bought, so it only rises: as units come back, are
        allocated or moved here. What comes after that stays.
        """
        pool = self.activities[activity].pools[sku, region]
        return pool.units - pool.unreleased(now) - self.out(activity, sku, region, now)

    def available(self, activity: int, sku: str, region: str, now: datetime) -> int:
        """Units that may be bought; a closed sale has given them back."""
        if self.activities[activity].state == "closed":
            return 0
        return max(self.spare(activity, sku, region, now), 0)

    def owed(self, activity: int, sku: str, region: str, now: datetime) -> int:
        """Units that go to the inventory as soon as they come back."""
        return max(-self.spare(activity, sku, region, now), 0)

    def later(self, activity: int, sku: str, region: str, now: datetime) -> int:
        """Units that are released later; closing a sale ends that."""
        sale = self.activities[activity]
        return 0 if sale.state == "closed" else sale.pools[sku, region].unreleased(now)

    def total(self, activity: int, sku: str, region: str, now: datetime) -> int:
        """All units of a pool."""
        pool = (activity, sku, region, now)
        return self.available(*pool) + self.out(*pool) + self.later(*pool)

    def inventory(self, sku: str, now: datetime) -> int:
        """Units of a sku that are in no pool, once all that has ended was swept."""
        left = self.received[sku]
        for number, sale in enumerate(self.activities):
            for (other, region), pool in sale.pools.items():
                if other == sku:
                    left -= self.total(number, sku, region, now) + pool.written_off
        return left

    # --- the calls of an operator that may be refused

    def schedule(
        self, now: datetime, activity: int, pool: Key, releases: dict[datetime, int]
    ) -> bool:
        """What is not yet released comes at these instants instead; whether there are the units."""
        found = self.activities[activity].pools[pool]
        free = self.available(activity, *pool, now) + found.unreleased(now)
        if sum(releases.values()) > free:
            return False
        found.releases = dict(releases)
        return True

    def allocate(self, now: datetime, activity: int, key: Key, units: int) -> bool:
        """Units come from the inventory, and pay what the pool owes; whether there are as many."""
        if self.inventory(key[0], now) < units:
            return False
        self.activities[activity].pools[key].units += units
        return True

    def move(
        self, now: datetime, activity: int, sku: str, regions: tuple[str, str], n: int
    ) -> bool:
        """Units go to another region; whether there are as many."""
        if self.available(activity, sku, regions[0], now) < n:
            return False
        pools = self.activities[activity].pools
        pools[sku, regions[0]].units -= n
        pools[sku, regions[1]].units += n
        return True

    def set_total(
        self, now: datetime, activity: int, key: Key, total: int, mode: str, expected: int | None
    ) -> Change | str:
        """Another number of units, now or as they come back; or the SQLSTATE."""
        before = self.total(activity, *key, now)
        if expected not in (None, before):
            return "SK006"
        if total > before and total - before > self.inventory(key[0], now):
            return "SK007"
        owed, free = self.owed(activity, *key, now), self.available(activity, *key, now)
        held, sold = (self.taken(activity, *key, now, state) for state in ("held", "confirmed"))
        revoked = 0
        if total < held + sold:
            if mode == "reject" or (mode == "revoke" and total < sold):
                return "SK007"
            if mode == "revoke":
                revoked = self.revoke(now, activity, key, held + sold - total)
        pool = self.activities[activity].pools[key]
        # What was asked for, whatever the pool owed until now. Later releases go before holds do.
        pool.units = max(total, held + sold) if mode == "floor" else total
        pool.cut_releases(now, max(before - total - free, 0))
        after, still = self.total(activity, *key, now), self.owed(activity, *key, now)
        return Change((before, owed) == (after, still), after - before, after, revoked)

    def revoke(self, now: datetime, activity: int, key: Key, units: int) -> int:
        """The newest open holds end, until so many units of a pool are free; how many."""
        newest = sorted(self.of(activity, key[1]), key=lambda r: (r.created_at, r.number))
        count = 0
        while units > 0:
            r = newest.pop()
            if r.at(now) == "held" and r.left(key[0]):
                r.state, r.resolved_at = "cancelled", now
                units -= r.left(key[0])
                count += 1
        return count
