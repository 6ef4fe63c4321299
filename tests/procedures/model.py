"""What Seckill promises, in plain Python: dictionaries and sums, no SQL, no counters, no sweeper.

The model decides by what it remembers of each reservation and by the time; it has no state that
could be forgotten to update. The state machine compares every answer with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tests.procedures.model_limits import (
    Limit,
    Order,
    Refund,
    Reservation,
    Use,
    as_asked,
    use_of,
)
from tests.procedures.model_stock import Stock

Rules = dict[str, tuple[Limit, bool]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call answers, as far as the model knows it."""

    status: str
    replayed: bool = False
    late: bool = False
    state: str | None = None
    limit_name: str | None = None
    sku: str | None = None
    remaining: int | None = None
    retry: str | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One row of explain; `answer` is what reserve says where it fails, else None."""

    name: str
    answer: str | None = None
    limit_name: str | None = None
    dimension: str | None = None
    sku: str | None = None
    used: int | None = None
    maximum: int | None = None
    remaining: int | None = None
    retry: str | None = None
    retry_at: datetime | None = None


@dataclass(slots=True)
class Model(Stock):
    """A shop with several activities; `limits` are the global ones."""

    limits: dict[str, Limit] = field(default_factory=dict)

    # --- the limits

    def rules(self, activity: int) -> Rules:
        """The limits of an activity by name, and whether each is global."""
        everywhere: Rules = {name: (limit, True) for name, limit in self.limits.items()}
        own: Rules = {
            name: (limit, False) for name, limit in self.activities[activity].limits.items()
        }
        return dict(sorted((everywhere | own).items()))

    def candidates(
        self, limit: Limit, is_global: bool, activity: int, value: str, but: int | None = None
    ) -> list[Reservation]:
        """The reservations of a subject, where a limit counts."""
        return [
            r
            for r in self.reservations
            if r.order.subjects.get(limit.dimension) == value
            and r.number != but
            and (limit.across(is_global) or r.order.activity == activity)
        ]

    def use(
        self, rule: tuple[Limit, bool], activity: int, value: str, now: datetime, wanted: int = 1
    ) -> Use:
        """How much of a limit a subject has used now."""
        found = self.candidates(*rule, activity, value)
        return use_of(rule[0], found, now, now, self.activities[activity].zone, wanted)

    # --- the checks of a purchase

    def checks(self, now: datetime, order: Order) -> list[Check] | str:
        """Every check in order of precedence, or the SQLSTATE."""
        rules = self.rules(order.activity)
        for limit, _ in rules.values():
            missing = limit.dimension not in order.subjects
            if limit.required and missing and limit.wanted(order):
                return "SK001"
        found = [self.check_sale(now, order)]
        found += [self.check_stock(now, order, sku, units) for sku, units in order.lines]
        found += self.check_lists(order)
        for name, rule in rules.items():
            value, wanted = order.subjects.get(rule[0].dimension), rule[0].wanted(order)
            if value is not None and wanted:
                use = self.use(rule, order.activity, value, now, wanted)
                found.append(self.check_limit(name, rule[0], use, order))
        return found

    def check_sale(self, now: datetime, order: Order) -> Check:
        """Whether the sale is on."""
        sale = self.activities[order.activity]
        if sale.state == "closed" or now >= sale.ends_at:
            return Check("sale", "ended", retry="final")
        if now < sale.starts_at:
            return Check("sale", "not_started", retry="not_yet", retry_at=sale.starts_at)
        if sale.state == "paused":
            return Check("sale", "paused", retry="not_yet")
        return Check("sale")

    def check_stock(self, now: datetime, order: Order, sku: str, wanted: int) -> Check:
        """Whether there are units."""
        region = order.region
        pool = self.activities[order.activity].pools[sku, region]
        left = self.available(order.activity, sku, region, now)
        held = self.taken(order.activity, sku, region, now, "held")
        sold = self.taken(order.activity, sku, region, now, "confirmed")
        total = self.total(order.activity, sku, region, now)
        row = Check("stock", sku=sku, used=held + sold, maximum=total, remaining=left)
        if left >= wanted:
            return row
        ends = [
            r.expires_at
            for r in self.of(order.activity, region)
            if r.order.units(sku) and r.at(now) == "held"
        ]
        closed = self.activities[order.activity].state == "closed"
        release = None if closed else pool.next_release(now)
        instants = [*ends, *([release] if release else [])]
        return Check(
            "stock",
            "sold_out",
            sku=sku,
            used=held + sold,
            maximum=total,
            remaining=left,
            retry="not_yet" if release else "may_return" if ends else "final",
            retry_at=min(instants, default=None),
        )

    def check_lists(self, order: Order) -> list[Check]:
        """Whether the buyer is among those who may buy; blocks come first."""
        sale = self.activities[order.activity]
        rows = []
        for dimension, values in sorted(sale.blocked.items()):
            fails = order.subjects.get(dimension) in values
            rows.append(self.check_list("blocked", dimension, fails))
        for dimension in sorted(sale.required):
            fails = order.subjects.get(dimension) not in sale.eligible[dimension]
            rows.append(self.check_list("eligible", dimension, fails))
        return rows

    @staticmethod
    def check_list(name: str, dimension: str, fails: bool) -> Check:
        """A row about a list."""
        if fails:
            return Check(name, "not_eligible", dimension=dimension, retry="final")
        return Check(name, dimension=dimension)

    def check_limit(self, name: str, limit: Limit, use: Use, order: Order) -> Check:
        """Whether a limit allows it."""
        wanted, ends_at = limit.wanted(order), self.activities[order.activity].ends_at
        answer = retry = retry_at = None
        if use.used + wanted > limit.maximum:
            answer, retry = "limit_exceeded", "final"
            if wanted <= limit.maximum:
                if use.used - use.unpaid + wanted <= limit.maximum:
                    retry = "may_return"
                    retry_at = min(at for at in (use.first_expiry, use.resets_at) if at)
                elif use.resets_at and use.resets_at < ends_at:
                    retry, retry_at = "not_yet", use.resets_at
        return Check(
            "limit",
            answer,
            limit_name=name,
            dimension=limit.dimension,
            used=use.used,
            maximum=limit.maximum,
            remaining=max(limit.maximum - use.used, 0),
            retry=retry,
            retry_at=retry_at,
        )

    # --- the calls of a buyer

    def known(self, request: int, order: Order) -> Reservation | None:
        """The reservation that a request id of this user made in this activity."""
        for r in self.reservations:
            same = (r.order.activity, r.order.user) == (order.activity, order.user)
            if r.request == request and same:
                return r
        return None

    def explain(self, now: datetime, request: int, order: Order) -> list[Check] | str:
        """The rows of explain, or the SQLSTATE."""
        known = self.known(request, order)
        if known is None:
            return self.checks(now, order)
        same = (known.order.region, known.order.lines) == (order.region, order.lines)
        return [Check("replay")] if same else "SK004"

    def reserve(self, now: datetime, request: int, order: Order) -> Answer | str:
        """The answer, or the SQLSTATE. A status of held that is no replay must be `add`ed."""
        rows = self.explain(now, request, order)
        if isinstance(rows, str):
            return rows
        known = self.known(request, order)
        if known is not None:
            return Answer("held", replayed=True, state=known.at(now))
        for row in rows:
            if row.answer is not None:
                return Answer(
                    row.answer,
                    limit_name=row.limit_name,
                    sku=row.sku,
                    remaining=row.remaining,
                    retry=row.retry,
                    retry_at=row.retry_at,
                )
        return Answer("held", state="held")

    def add(self, number: int, now: datetime, request: int, order: Order) -> Reservation:
        """Remember a hold."""
        hold = self.activities[order.activity].hold
        made = Reservation(number, request, order, now, now + hold)
        self.reservations.append(made)
        return made

    def confirm(self, now: datetime, r: Reservation, payment: str | None) -> Answer:
        """A payment for a reservation; without a name it is that of any other call."""
        state = r.at(now)
        if state == "confirmed":
            if payment in (None, r.payment):
                return Answer("confirmed", replayed=True, late=r.late)
            known = payment in r.duplicates
            r.duplicates.add(payment)
            return Answer("duplicate_payment", replayed=known, late=r.late)
        if state in ("cancelled", "refunded"):
            return Answer(state, late=r.late)
        if r.late_refusal:
            return Answer(r.late_refusal, replayed=True)
        if state == "expired":
            order = r.order
            lacks = (
                self.available(order.activity, sku, order.region, now) < units
                for sku, units in order.lines
            )
            if any(lacks):
                r.late_refusal = "late_sold_out"
            elif self.too_late_for_a_limit(now, r):
                r.late_refusal = "late_limit_exceeded"
            if r.late_refusal:
                return Answer(r.late_refusal)
        r.state, r.payment, r.late, r.resolved_at = "confirmed", payment, state == "expired", now
        return Answer("confirmed", late=r.late)

    def too_late_for_a_limit(self, now: datetime, r: Reservation) -> bool:
        """Whether a limit on units or orders has gone to other purchases since.

        A rolling window may hold what was bought after it too: none of those that hold the purchase
        may be over full.
        """
        for limit, is_global in self.rules(r.order.activity).values():
            value = r.order.subjects.get(limit.dimension)
            wanted = limit.wanted(r.order)
            if value is None or not wanted or limit.metric not in ("units", "orders"):
                continue
            others = self.candidates(limit, is_global, r.order.activity, value, r.number)
            instants = {r.created_at}
            if limit.period is not None:
                end = r.created_at + limit.period
                instants |= {o.created_at for o in others if r.created_at <= o.created_at < end}
            zone = self.activities[r.order.activity].zone
            most = max(use_of(limit, others, now, at, zone).used for at in instants)
            if most + wanted > limit.maximum:
                return True
        return False

    def cancel(self, now: datetime, r: Reservation) -> Answer:
        """A hold is given back."""
        state = r.at(now)
        if state == "held":
            r.state, r.resolved_at = "cancelled", now
            return Answer("cancelled")
        return Answer(state, replayed=state == "cancelled", late=r.late)

    def refund(
        self,
        now: datetime,
        r: Reservation,
        lines: tuple[Sequence[str] | None, Sequence[int] | None],
        request: int | None,
        restock: bool,
        restore: bool,
    ) -> Answer | str:
        """Units are taken back, those of some lines or all that are left; or the SQLSTATE."""
        if lines != (None, None) and request is None:
            return "SK001"
        asked = as_asked(r.order, *lines)
        if asked is None:
            return "SK001"
        status = None
        earlier = r.refunds.get(request)
        if earlier is not None:
            if (earlier.asked, earlier.restock, earlier.restore) != (asked, restock, restore):
                return "SK004"
            status = earlier.status
        state = r.at(now)
        if state == "refunded" and lines == (None, None):
            status = "refunded"
        if status is not None:
            return Answer(status, replayed=True, late=r.late)
        if state != "confirmed":
            return "SK006"
        units = r.to_refund(asked)
        if units is None:
            return "SK001"
        r.refunded += units
        if restore:
            r.restored += units
        if not restock:
            for sku, quantity in units.items():
                pool = self.activities[r.order.activity].pools[sku, r.order.region]
                pool.units -= quantity
                pool.written_off += quantity
        status = "refunded" if r.left(None) == 0 else "partly_refunded"
        if status == "refunded":
            r.state, r.refunded_at = "refunded", now
        if request is not None:
            r.refunds[request] = Refund(asked, restock, restore, status)
        return Answer(status, late=r.late)
