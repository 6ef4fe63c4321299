"""What buyers do on a walk: reserve, one line or several, ask again, pay, cancel, look, explain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.fix_sale import Row, confirm_batch, refund
from tests.procedures.instants import cancel_at, confirm_at, refused
from tests.procedures.model import Answer, Check
from tests.procedures.model_limits import Asked, Order, Reservation
from tests.procedures.rules import (
    explain_at,
    reserve_lines,
    reserve_lines_at,
    usage_at,
)
from tests.procedures.walk import ANY_LINES, REGIONS, Walk, Wish, waits

choices = st.integers(0, 10_000)
users = st.sampled_from(["ann", "bob", "cid"])
# How a refund names what it takes: not at all, by sku, by quantity, one line by both, a line for
# each unit, by a sku that was not bought; or it is a repeat of an earlier one.
WHAT = ("all", "skus", "quantities", "line", "line", "units", "other", "again", "again")
REQUESTS = ("new", "new", "new", "old", "none")
PAYMENTS = ("first", "second", None, "")
PAYERS = ("buyer", "stranger", "nobody")


@dataclass(frozen=True, slots=True)
class Ask:
    """A refund that somebody asks for."""

    what: str
    units: int
    request: str
    restock: bool
    restore: bool


asks_ = st.builds(
    Ask,
    what=st.sampled_from(WHAT),
    units=st.integers(1, 2),
    request=st.sampled_from(REQUESTS),
    restock=st.booleans(),
    restore=st.booleans(),
)
settling = st.sampled_from(["first", "first", "second", "cancel"])
CHANGES = ("nothing", "nothing", "subjects", "user", "quantity", "sku", "region", "activity")
wishes = st.builds(
    Wish,
    activity=st.sampled_from([0, 0, 0, 1]),
    user=users,
    lines=st.sampled_from(ANY_LINES),
    region=st.sampled_from([*REGIONS, "*", "*"]),
    phone=st.sampled_from(["1", "1", "2", None]),
    address=st.sampled_from(["x", "y", "x", None]),
)


def as_answer(row: Row) -> Answer:
    """What a reserve answered, as the model says it."""
    return Answer(
        row.status,
        replayed=row.replayed,
        state=row.state,
        limit_name=row.limit_name,
        sku=row.sku,
        remaining=row.remaining,
        retry=row.retry,
        retry_at=row.retry_at,
    )


def as_arguments(asked: Asked) -> tuple[list[str] | None, list[int] | None]:
    """The lines that a refund named, as it could name them again."""
    quantities = [quantity for _, quantity in asked if quantity is not None]
    return [sku for sku, _ in asked] or None, quantities or None


def same_row(row: Row, check: Check) -> bool:
    """Whether a row of explain says what the model's check says."""
    said = (row.status, row.check_name, row.limit_name, row.dimension, row.retry)
    meant = (
        "fail" if check.answer else "pass",
        check.name,
        check.limit_name,
        check.dimension,
        check.retry,
    )
    numbers = (row.used, row.maximum, row.remaining)
    return said == meant and numbers == (check.used, check.maximum, check.remaining)


class Buyers(Walk):
    """The calls of the role seckill_app."""

    @rule(wait=waits, purchases=st.lists(wishes, min_size=1, max_size=4))
    def reserve(self, wait: str, purchases: list[Wish]) -> None:
        self.time_goes_on(wait)
        for wish in purchases:
            self.requests += 1
            self.try_to_reserve(self.requests, self.order(wish))

    @rule(wish=wishes, reverse=st.booleans())
    def reserve_as_a_shop_does(self, wish: Wish, reverse: bool) -> None:
        """Through the public function, with a line for each unit, in any order."""
        self.requests += 1
        order = self.order(wish)
        lines = [(sku, 1) for sku, quantity in order.lines for _ in range(quantity)]
        self.pools_see_the_time()
        self.try_to_reserve(self.requests, order, lines[::-1] if reverse else lines)

    @precondition(lambda self: self.model.reservations)
    @rule(choice=choices, change=st.sampled_from(CHANGES))
    def reserve_with_an_old_request_id(self, choice: int, change: str) -> None:
        r = self.one_of(choice)
        old = r.order
        subjects, lines = dict(old.subjects), dict(old.lines)
        activity, region = old.activity, old.region
        if change == "subjects":
            subjects = {"user": old.user, "phone": f"{self.tag} 9", "address": f"{self.tag} 9"}
        elif change == "user":
            subjects["user"] = f"{self.tag} dan"
        elif change == "quantity":
            lines[self.skus[0]] = lines.get(self.skus[0], 0) + 1
        elif change == "sku" and (activity, region) == (0, "*"):
            lines = {self.skus[0]: 1} if self.skus[1] in lines else {**lines, self.skus[1]: 1}
        elif change in ("region", "activity") and self.skus[1] not in lines:
            # Another activity is another request; another region is the same one, changed.
            other = {"region": (0, "north" if region == "*" else "*"), "activity": (1, "*")}
            activity, region = other[change] if activity == 0 else (0, "*")
        order = Order(activity, region, tuple(sorted(lines.items())), subjects)
        self.try_to_reserve(r.request, order)

    def try_to_reserve(
        self, request: int, order: Order, as_written: list[tuple[str, int]] | None = None
    ) -> None:
        """Explain, then reserve; the lines as they were written go through the public function."""
        others = {key: value for key, value in order.subjects.items() if key != "user"}
        named: dict[str, Any] = {
            "user": order.user,
            "request_id": UUID(int=request),
            "subjects": others,
        }
        pool = self.pool(order)
        self.compare_explain(request, order, named)
        expected = self.model.reserve(self.now, request, order)
        if isinstance(expected, str):
            self.seen[f"reserve {expected}"] += 1
            with refused(expected):
                reserve_lines_at(self.superuser, pool, self.now, order.lines, **named)
            return
        if as_written is None:
            answer = reserve_lines_at(self.superuser, pool, self.now, order.lines, **named)
        else:
            answer = reserve_lines(self.operator, pool, as_written, **named)
        assert as_answer(answer) == expected
        self.seen[f"reserve {answer.status}{' again' if answer.replayed else ''}"] += 1
        if answer.status == "limit_exceeded":
            limit, is_global = self.model.rules(order.activity)[answer.limit_name]
            everywhere = "global " if is_global else ""
            self.seen[f"{everywhere}{limit.dimension} {limit.metric} {limit.window}"] += 1
            self.seen[f"limit {answer.retry}"] += 1
        if answer.status == "held":
            known = [r for r in self.model.reservations if r.number == answer.reservation_id]
            assert bool(known) == answer.replayed
            if not known:
                known = [self.model.add(answer.reservation_id, self.now, request, order)]
            assert answer.expires_at == known[0].expires_at
            assert (known[0].request, known[0].order.user) == (request, order.user)

    def compare_explain(self, request: int, order: Order, named: dict[str, Any]) -> None:
        """Every row of explain is a check of the model, in order; none changes anything."""
        expected = self.model.explain(self.now, request, order)
        pool = self.pool(order)
        if isinstance(expected, str):
            with refused(expected):
                explain_at(self.superuser, pool, self.now, order.lines, **named)
            return
        rows = explain_at(self.superuser, pool, self.now, order.lines, **named)
        assert len(rows) == len(expected), (rows, expected)
        for row, check in zip(rows, expected, strict=True):
            assert same_row(row, check), (row, check)

    @rule(wish=wishes)
    def ask_for_the_use_of_limits(self, wish: Wish) -> None:
        order = self.order(wish)
        others = {key: value for key, value in order.subjects.items() if key != "user"}
        rows = usage_at(
            self.superuser, self.pool(order), self.now, user=order.user, subjects=others
        )
        expected = []
        for name, rule_ in self.model.rules(order.activity).items():
            limit, value = rule_[0], order.subjects.get(rule_[0].dimension)
            if value is not None:
                use = self.model.use(rule_, order.activity, value, self.now)
                one_more = replace(order, lines=((limit.sku or self.skus[0], 1),))
                check = self.model.check_limit(name, limit, use, one_more)
                expected.append(
                    (name, limit.dimension, use.used, limit.maximum, check.remaining, use.resets_at)
                )
        assert [
            (r.limit_name, r.dimension, r.used, r.maximum, r.remaining, r.resets_at) for r in rows
        ] == expected

    @precondition(lambda self: self.model.reservations)
    @rule(wait=waits, choice=choices, calls=st.lists(settling, min_size=1, max_size=4))
    def settle(self, wait: str, choice: int, calls: list[str]) -> None:
        """Pay or cancel, perhaps several times over."""
        self.time_goes_on(wait)
        r = self.one_of(choice)
        for call in calls:
            if call == "cancel":
                expected = self.model.cancel(self.now, r)
                answer = cancel_at(self.superuser, r.number, self.now, user=r.order.user)
                self.compare("cancel", answer, expected)
            else:
                self.pay(r, call)

    def pay(self, r: Reservation, payment: str) -> None:
        """One payment."""
        expected = self.model.confirm(self.now, r, payment)
        answer = confirm_at(
            self.superuser, r.number, self.now, user=r.order.user, payment_ref=payment
        )
        self.compare("confirm", answer, expected)

    def compare(self, name: str, answer: Row, expected: Answer) -> None:
        """What became of a reservation, and that it was met."""
        assert Answer(answer.status, answer.replayed, answer.late) == expected
        late = " late" if answer.late else ""
        again = " again" if answer.replayed else ""
        self.seen[f"{name} {answer.status}{late}{again}"] += 1

    @precondition(lambda self: self.model.reservations)
    @rule(
        wait=waits,
        payments=st.lists(
            st.tuples(choices, st.sampled_from(PAYMENTS), st.sampled_from(["buyer", *PAYERS])),
            max_size=6,
        ),
    )
    def settle_together(self, wait: str, payments: list[tuple[int, str | None, str]]) -> None:
        """A file of payments: each is answered as if it came alone, after those before it."""
        self.time_goes_on(wait)
        self.pools_see_the_time()
        file: list[tuple[str | None, int | None, str | None]] = []
        expected: list[Answer | str] = []
        for choice, payment, payer in payments:
            r = self.one_of(choice)
            user = {"buyer": r.order.user, "stranger": f"{self.tag} eve", "nobody": None}[payer]
            file.append((user, r.number, payment))
            if user is None or payment == "":
                expected.append("SK001")
            elif user != r.order.user:
                expected.append("SK008")
            else:
                expected.append(self.model.confirm(self.now, r, payment))
        rows = confirm_batch(self.operator, file)
        assert [row.reservation_id for row in rows] == [number for _, number, _ in file]
        for row, answer in zip(rows, expected, strict=True):
            if isinstance(answer, str):
                assert (row.status, row.error_code) == ("error", answer)
            else:
                assert Answer(row.status, row.replayed, row.late) == answer
                assert row.error_code is None
            self.seen[f"batch {row.error_code or row.status}{' late' if row.late else ''}"] += 1

    @precondition(lambda self: self.model.reservations)
    @rule(wait=waits, choice=choices, asks=st.lists(asks_, min_size=1, max_size=4))
    def refund(self, wait: str, choice: int, asks: list[Ask]) -> None:
        """Take back what was bought, perhaps in several steps; seldom what was not."""
        self.time_goes_on(wait)
        self.pools_see_the_time()
        paid = [r for r in self.model.reservations if r.state in ("confirmed", "refunded")]
        several = [r for r in paid if r.left(None) > 1]
        paid = several if several and choice % 2 else paid
        r = paid[-1 - choice % min(len(paid), 5)] if paid and choice % 8 else self.one_of(choice)
        if r.at(self.now) == "held" and choice % 4:
            # Hypothesis rarely thinks of paying before.
            self.pay(r, "first")
        for ask in asks:
            self.refund_once(r, ask)

    def refund_once(self, r: Reservation, ask: Ask) -> None:
        """One call, which may be a repeat or have the request id of another."""
        lines, restock, restore = self.lines_to_refund(r, ask), ask.restock, ask.restore
        self.requests += 1
        request = None if ask.request == "none" else self.requests
        old = sorted(key for key in r.refunds if key is not None)
        if old and (ask.request == "old" or ask.what == "again"):
            request = old[self.requests % len(old)]
        if old and ask.what == "again":
            earlier = r.refunds[request]
            restock, restore = earlier.restock, earlier.restore
            lines = as_arguments(earlier.asked)
        expected = self.model.refund(self.now, r, lines, request, restock, restore)
        named: dict[str, Any] = {
            "user": r.order.user,
            "skus": lines[0],
            "quantities": lines[1],
            "request_id": None if request is None else UUID(int=request),
            "restock": restock,
            "restore_limits": restore,
        }
        if isinstance(expected, str):
            self.seen[f"refund {expected}"] += 1
            with refused(expected):
                refund(self.operator, r.number, **named)
            return
        self.compare("refund", refund(self.operator, r.number, **named), expected)

    def lines_to_refund(
        self, r: Reservation, ask: Ask
    ) -> tuple[list[str] | None, list[int] | None]:
        """What a refund of a reservation names, skus in any order."""
        skus, units = [sku for sku, _ in reversed(r.order.lines)], ask.units
        if ask.what == "skus":
            return skus[:units], None
        if ask.what == "quantities":
            return None, [units] * len(skus)
        if ask.what == "line":
            return skus[-1:], [units]
        if ask.what == "units":
            return skus * units, [1] * len(skus * units)
        return (["no such sku"], [1]) if ask.what == "other" else (None, None)

    @precondition(lambda self: self.model.reservations)
    @rule(choice=choices, user=users)
    def look(self, choice: int, user: str) -> None:
        """A read, by its buyer or by somebody else."""
        r = self.one_of(choice)
        asks = f"{self.tag} {user}"
        rows = self.superuser.execute(
            """
            select s.*
              from seckill_private.reservation as r
             cross join lateral seckill_private.show_reservation(r, %(now)s) as s
             where r.reservation_id = %(number)s and r.user_id = %(user)s""",
            {"now": self.now, "number": r.number, "user": asks},
        ).fetchall()
        assert len(rows) == (asks == r.order.user)
        for row in rows:
            state = r.at(self.now)
            lines = tuple(zip(row.skus, row.quantities, strict=True))
            left = [(sku, r.left(sku)) for sku, _ in r.order.lines if r.left(sku)]
            # What is refunded whole reads as it was bought.
            meant = r.order.lines if state == "refunded" else tuple(left)
            assert (row.status, row.region, lines) == (state, r.order.region, meant)
            instants = {"expired": r.expires_at, "refunded": r.refunded_at}
            resolved_at = instants.get(state, r.resolved_at)
            assert (row.expires_at, row.resolved_at) == (r.expires_at, resolved_at)
            assert row.payment_ref == r.payment
