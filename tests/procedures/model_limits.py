"""Limits and their windows in plain Python, by the zone database that comes with Python.

A limit is judged by looking at every reservation there is. Nothing is counted up or down.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EVER = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)

Lines = tuple[tuple[str, int], ...]


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a local date: the first of two midnights, or when clocks go forward."""
    return datetime(day.year, day.month, day.day, tzinfo=zone, fold=0).astimezone(UTC)


def calendar_window(kind: str, zone: ZoneInfo, at: datetime) -> tuple[datetime, datetime]:
    """The half-open window of a calendar kind, or of the whole activity, that holds an instant."""
    today = at.astimezone(zone).date()
    if kind == "activity":
        return EVER
    if kind == "hour":
        begin = midnight(today, zone)
        begin += (at - begin) // HOUR * HOUR
        return begin, min(begin + HOUR, midnight(today + DAY, zone))
    if kind == "day":
        first, after = today, today + DAY
    elif kind == "week":
        first = today - today.weekday() * DAY
        after = first + 7 * DAY
    else:
        assert kind == "month", kind
        first = today.replace(day=1)
        after = (first + 32 * DAY).replace(day=1)
    return midnight(first, zone), midnight(after, zone)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asks for; `lines` are merged and sorted, `subjects` has the user too."""

    activity: int
    region: str
    lines: Lines
    subjects: Mapping[str, str]

    @property
    def user(self) -> str:
        """Who asks."""
        return self.subjects["user"]

    def units(self, sku: str | None) -> int:
        """Units of a sku, or of all."""
        return sum(quantity for other, quantity in self.lines if sku in (None, other))


# What a refund asks for: units of a sku, or all that are left of it; of no sku, simply all.
Asked = tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund that has a request id, and its answer."""

    asked: Asked
    restock: bool
    restore: bool
    status: str


def as_asked(
    order: Order, skus: Sequence[str] | None, quantities: Sequence[int] | None
) -> Asked | None:
    """Lines as a refund names them, merged and sorted; none where they are not as many.

    Quantities alone are those of the order's lines.
    """
    if skus is None and quantities is None:
        return ()
    if skus is None:
        skus = [sku for sku, _ in order.lines]
    if quantities is None:
        return tuple((sku, None) for sku in sorted(set(skus)))
    if len(skus) != len(quantities):
        return None
    units: Counter[str] = Counter()
    for sku, quantity in zip(skus, quantities, strict=True):
        units[sku] += quantity
    return tuple(sorted(units.items()))


@dataclass(slots=True)
class Reservation:
    """A reservation as its buyer knows it."""

    number: int
    request: int
    order: Order
    created_at: datetime
    expires_at: datetime
    state: str = "held"
    payment: str | None = None
    duplicates: set[str | None] = field(default_factory=set)
    late_refusal: str | None = None
    late: bool = False
    resolved_at: datetime | None = None
    refunded: Counter[str] = field(default_factory=Counter)
    # Those of them that the buyer may buy again.
    restored: Counter[str] = field(default_factory=Counter)
    refunds: dict[int | None, Refund] = field(default_factory=dict)
    refunded_at: datetime | None = None

    def left(self, sku: str | None) -> int:
        """Units of a sku, or of all, that were not refunded."""
        return self.order.units(sku) - units_of(self.refunded, sku)

    def used(self, sku: str | None) -> int:
        """Units of a sku, or of all, that limits count."""
        return self.order.units(sku) - units_of(self.restored, sku)

    def to_refund(self, asked: Asked) -> Counter[str] | None:
        """The units that a refund takes; none where fewer are left."""
        left = Counter({sku: self.left(sku) for sku, _ in self.order.lines})
        if not asked:
            return +left
        units: Counter[str] = Counter()
        for sku, quantity in asked:
            if left[sku] < max(quantity or 0, 1):
                return None
            units[sku] = left[sku] if quantity is None else quantity
        return units

    def at(self, now: datetime) -> str:
        """Its state at an instant: a hold is worth nothing from its end on."""
        return "expired" if self.state == "held" and self.expires_at <= now else self.state

    def counts(self, now: datetime) -> bool:
        """Whether limits count its units; a refund alone gives nothing back to them."""
        return self.at(now) in ("held", "confirmed", "refunded")

    def ended_unpaid(self, now: datetime) -> bool:
        """Whether its hold ran out, whatever came after."""
        return self.late or self.at(now) == "expired"


def units_of(units: Counter[str], sku: str | None) -> int:
    """Those of a sku, or all."""
    return units.total() if sku is None else units[sku]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `maximum` of `metric` for each subject of `dimension` in `window`."""

    dimension: str
    metric: str
    window: str
    maximum: int
    sku: str | None = None
    period: timedelta | None = None
    zone: str | None = None
    required: bool = True

    def wanted(self, order: Order) -> int:
        """How much of it an order asks for; 0 where it does not cover the order."""
        units = order.units(self.sku)
        return units if self.metric == "units" else min(units, 1)

    def amount(self, r: Reservation) -> int:
        """How much of it a reservation has used that counts."""
        if self.metric in ("open_holds", "expired_holds"):
            return 1
        used = r.used(self.sku)
        return used if self.metric == "units" else min(used, 1)

    def across(self, is_global: bool) -> bool:
        """Whether it counts over all activities together."""
        return is_global and (self.metric == "open_holds" or self.window != "activity")

    def dated(self, r: Reservation) -> datetime:
        """The instant at which it counts a reservation."""
        return r.expires_at if self.metric == "expired_holds" else r.created_at

    def counts(self, r: Reservation, now: datetime) -> bool:
        """Whether a reservation of a subject is use of it at all."""
        if not r.order.units(self.sku):
            return False
        if self.metric == "open_holds":
            return r.at(now) == "held"
        if self.metric == "expired_holds":
            return r.ended_unpaid(now)
        return r.counts(now) and self.amount(r) > 0


@dataclass(frozen=True, slots=True)
class Use:
    """Use of a limit by one subject, and what of it are open holds."""

    used: int = 0
    unpaid: int = 0
    first_expiry: datetime | None = None
    resets_at: datetime | None = None


def use_of(
    limit: Limit,
    candidates: Iterable[Reservation],
    now: datetime,
    at: datetime,
    zone: ZoneInfo,
    wanted: int = 1,
) -> Use:
    """Use of a limit in its window that holds an instant, among the reservations of a subject.

    `zone` is the activity's. A rolling window that holds `at` ends there; a purchase has left it
    when exactly the period has passed. `resets_at` is when the window turns over, or when so much
    has left a rolling one that `wanted` more fit.
    """
    if limit.window == "order":
        return Use()
    counted = [r for r in candidates if limit.counts(r, now)]
    if limit.window == "rolling":
        assert limit.period is not None
        inside = [r for r in counted if at - limit.period < limit.dated(r) <= at]
        resets_at = leaves_at(limit, inside, now, wanted)
    else:
        own = ZoneInfo(limit.zone) if limit.zone else zone
        begin, end = calendar_window(limit.window, own, at)
        # The metric open_holds has no window.
        inside = [r for r in counted if begin <= limit.dated(r) < end]
        resets_at = None if limit.window == "activity" else end
    unpaid = [r for r in inside if r.at(now) == "held"]
    first_expiry = min((r.expires_at for r in unpaid), default=None)
    return Use(
        used=sum(map(limit.amount, inside)),
        unpaid=sum(map(limit.amount, unpaid)),
        first_expiry=first_expiry,
        resets_at=first_expiry if limit.metric == "open_holds" else resets_at,
    )


def leaves_at(
    limit: Limit, inside: Iterable[Reservation], now: datetime, wanted: int
) -> datetime | None:
    """When enough has left a rolling window for `wanted` more; the first to leave, if they fit now.

    An open hold leaves it when it ends, if that is sooner.
    """
    assert limit.period is not None
    leaving = []
    for r in inside:
        leaves = limit.dated(r) + limit.period
        leaving.append(
            (min(leaves, r.expires_at) if r.at(now) == "held" else leaves, limit.amount(r))
        )
    rest = sum(amount for _, amount in leaving)
    for instant, amount in sorted(leaving):
        rest -= amount
        if rest + wanted <= limit.maximum:
            return instant
    return None
