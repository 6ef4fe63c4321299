"""What Seckill promises, in plain Python: dictionaries and sums, no SQL, no counters, no sweeper.

The model decides by what it remembers of each reservation and by the time; it has no state that
could be forgotten to update. The state machine compares every answer with it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo


@dataclass(slots=True)
class Reservation:
    """A reservation as its buyer knows it."""

    number: int
    request: int
    user: str
    sku: str
    quantity: int
    created_at: datetime
    expires_at: datetime
    state: str = "held"
    payment: str | None = None
    duplicates: set[str] = field(default_factory=set)
    late_refusal: str | None = None
    late: bool = False
    resolved_at: datetime | None = None

    def at(self, now: datetime) -> str:
        """Its state at an instant: a hold is worth nothing from its end on."""
        return "expired" if self.state == "held" and self.expires_at <= now else self.state

    def counts(self, now: datetime) -> bool:
        """Whether its units are taken at an instant."""
        return self.at(now) in ("held", "confirmed")


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `maximum` of `metric` for each user in `window`, of one sku or of all."""

    metric: str
    window: str
    maximum: int
    sku: str | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answers, as far as the model knows it."""

    status: str
    replayed: bool = False
    late: bool = False
    state: str | None = None
    limit_name: str | None = None
    remaining: int | None = None
    retry: str | None = None


@dataclass(slots=True)
class Model:
    """One activity."""

    ends_at: datetime
    hold: timedelta
    zone: ZoneInfo
    units: dict[str, int]
    state: str = "open"
    limits: dict[str, Limit] = field(default_factory=dict)
    reservations: list[Reservation] = field(default_factory=list)

    # --- what follows from the reservations

    def taken(self, sku: str, now: datetime, state: str) -> int:
        """Units of a sku in reservations that are in a state."""
        return sum(r.quantity for r in self.reservations if r.sku == sku and r.at(now) == state)

    def available(self, sku: str, now: datetime) -> int:
        """Units that may be bought; a closed sale has given them back."""
        if self.state == "closed":
            return 0
        held, sold = self.taken(sku, now, "held"), self.taken(sku, now, "confirmed")
        return self.units[sku] - held - sold

    def day(self, at: datetime) -> object:
        """The local day of an instant."""
        return at.astimezone(self.zone).date()

    def use(self, limit: Limit, user: str, now: datetime, at: datetime, but: int | None) -> int:
        """How much of a limit a user has used in the window that holds an instant."""
        if limit.window == "order":
            return 0
        mine = [
            r
            for r in self.reservations
            if r.user == user
            and r.number != but
            and r.counts(now)
            and (limit.sku is None or r.sku == limit.sku)
            and (limit.window == "activity" or self.day(r.created_at) == self.day(at))
        ]
        return sum(r.quantity for r in mine) if limit.metric == "units" else len(mine)

    def exceeded(
        self, user: str, sku: str, quantity: int, now: datetime, at: datetime, but: int | None
    ) -> tuple[str, int] | None:
        """The first limit, by name, that forbids it, and what it would still allow."""
        for name, limit in sorted(self.limits.items()):
            if limit.sku not in (None, sku):
                continue
            wanted = quantity if limit.metric == "units" else 1
            used = self.use(limit, user, now, at, but)
            if used + wanted > limit.maximum:
                return name, max(limit.maximum - used, 0)
        return None

    # --- the calls

    def reserve(
        self, now: datetime, request: int, user: str, sku: str, quantity: int
    ) -> Answer | str:
        """The answer, or the SQLSTATE. A status of held that is no replay must be `add`ed."""
        for r in self.reservations:
            if (r.request, r.user) == (request, user):
                if (r.sku, r.quantity) != (sku, quantity):
                    return "SK004"
                return Answer("held", replayed=True, state=r.at(now))
        if self.state == "closed" or now >= self.ends_at:
            return Answer("ended", retry="final")
        if self.state == "paused":
            return Answer("paused", retry="not_yet")
        left = self.available(sku, now)
        if left < quantity:
            held = self.taken(sku, now, "held")
            return Answer("sold_out", remaining=left, retry="may_return" if held else "final")
        over = self.exceeded(user, sku, quantity, now, now, None)
        if over:
            return Answer("limit_exceeded", limit_name=over[0], remaining=over[1])
        return Answer("held", state="held")

    def add(
        self, number: int, now: datetime, request: int, user: str, sku: str, quantity: int
    ) -> Reservation:
        """Remember a hold."""
        made = Reservation(number, request, user, sku, quantity, now, now + self.hold)
        self.reservations.append(made)
        return made

    def confirm(self, now: datetime, r: Reservation, payment: str) -> Answer:
        """A payment for a reservation."""
        state = r.at(now)
        if state == "confirmed":
            if payment == r.payment:
                return Answer("confirmed", replayed=True, late=r.late)
            known = payment in r.duplicates
            r.duplicates.add(payment)
            return Answer("duplicate_payment", replayed=known, late=r.late)
        if state == "cancelled":
            return Answer("cancelled")
        if r.late_refusal:
            return Answer(r.late_refusal, replayed=True)
        if state == "expired":
            if self.available(r.sku, now) < r.quantity:
                r.late_refusal = "late_sold_out"
            elif self.exceeded(r.user, r.sku, r.quantity, now, r.created_at, r.number):
                r.late_refusal = "late_limit_exceeded"
            if r.late_refusal:
                return Answer(r.late_refusal)
        r.state, r.payment, r.late, r.resolved_at = "confirmed", payment, state == "expired", now
        return Answer("confirmed", late=r.late)

    def cancel(self, now: datetime, r: Reservation) -> Answer:
        """A hold is given back."""
        state = r.at(now)
        if state == "held":
            r.state, r.resolved_at = "cancelled", now
            return Answer("cancelled")
        return Answer(state, replayed=state == "cancelled", late=r.late)
