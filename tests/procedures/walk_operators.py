"""What operators do on a walk: limits, lists, releases, stock, and the states of a sale."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.fix_sale import Sale, set_stock_total
from tests.procedures.instants import call_for, expire_at, refused, units_of
from tests.procedures.model_limits import DAY, HOUR, Limit
from tests.procedures.rules import (
    allocate_stock,
    change_list,
    drop_rule,
    move_stock,
    receive_stock,
    require_list,
    schedule,
)
from tests.procedures.walk import MINUTE, Walk, waits

WINDOWS = ("order", "hour", "day", "week", "month", "activity", "rolling")
# Every metric with every window that it goes with.
MEASURES = [
    *(("units", window) for window in WINDOWS),
    *(("orders", window) for window in WINDOWS),
    *(("expired_holds", window) for window in WINDOWS[1:]),
    ("open_holds", "activity"),
]
CALENDAR = ("hour", "day", "week", "month")
PERIODS = (10 * MINUTE, HOUR, DAY)
ZONES = (None, None, "Asia/Tokyo", "America/Havana")
NAMES = ("a", "b", "c")
SCOPES = (0, 0, 0, 1, None)
DIMENSIONS = ("user", "phone", "address")
VALUES = {"user": ("ann", "bob"), "phone": ("1", "2"), "address": ("x", "y")}
# The pools of the first sale, by number of the sku; the second has the first of them.
POOLS = ((0, "*"), (1, "*"), (0, "north"))
MODES = ("reject", "floor", "drain", "revoke")
# A new total is some units more or less than the old one, or than what is held and sold.
BASES = ("total", "out")
# Which total the caller expects: he knows it, is wrong about it, or does not say.
EXPECTED = ("right", "wrong", "none")
CALLS = ("pause", "pause", "close")

scopes = st.sampled_from(SCOPES)
names = st.sampled_from(NAMES)
dimensions = st.sampled_from(DIMENSIONS)
sales = st.sampled_from([0, 0, 0, 1])


class Operators(Walk):
    """The calls of the role seckill_ops."""

    @rule(
        scope=scopes,
        name=names,
        dimension=dimensions,
        measure=st.sampled_from(MEASURES),
        maximum=st.integers(1, 4),
        sku=st.sampled_from([None, None, 0, 1]),
        period=st.sampled_from(PERIODS),
        zone=st.sampled_from(ZONES),
        required=st.sampled_from([True, False, False]),
    )
    def set_a_limit(
        self,
        scope: int | None,
        name: str,
        dimension: str,
        measure: tuple[str, str],
        maximum: int,
        sku: int | None,
        period: timedelta,
        zone: str | None,
        required: bool,
    ) -> None:
        metric, window = measure
        if scope is None and window in CALENDAR and zone is None:
            zone = "Asia/Tokyo"
        limit = Limit(
            dimension,
            metric,
            window,
            maximum,
            sku=None if sku is None else self.skus[sku],
            period=period if window == "rolling" else None,
            zone=zone,
            required=required,
        )
        full = f"{self.tag} {name}"
        if scope is not None and self.model.activities[scope].state == "closed":
            with refused("SK006"):
                self.write_limit(scope, full, limit)
            return
        stands = self.limits_of(scope)
        assert self.write_limit(scope, full, limit).replayed == (stands.get(full) == limit)
        stands[full] = limit

    def limits_of(self, scope: int | None) -> dict[str, Limit]:
        """The model's limits of an activity, or the global ones."""
        return self.model.limits if scope is None else self.model.activities[scope].limits

    @rule(scope=scopes, name=names)
    def drop_a_limit(self, scope: int | None, name: str) -> None:
        activity_id = None if scope is None else self.sales[scope].activity_id
        full = f"{self.tag} {name}"
        if scope is not None and self.model.activities[scope].state == "closed":
            with refused("SK006"):
                drop_rule(self.operator, activity_id, full)
            return
        answer = drop_rule(self.operator, activity_id, full)
        assert answer.replayed == (self.limits_of(scope).pop(full, None) is None)

    @rule(number=sales, dimension=dimensions, value=st.sampled_from([0, 1]), block=st.booleans())
    def block_or_unblock(self, number: int, dimension: str, value: int, block: bool) -> None:
        text = f"{self.tag} {VALUES[dimension][value]}"
        call = "block" if block else "unblock"
        if self.model.activities[number].state == "closed":
            with refused("SK006"):
                change_list(self.operator, call, self.sales[number], dimension, [text])
            return
        answer = change_list(self.operator, call, self.sales[number], dimension, [text])
        blocked = self.model.activities[number].blocked
        assert answer.quantity == ((text in blocked.get(dimension, ())) != block)
        if block:
            blocked[dimension].add(text)
        elif dimension in blocked:
            blocked[dimension].discard(text)

    @rule(
        number=sales,
        dimension=dimensions,
        chosen=st.sampled_from([(0,), (1,), (0, 1), (0, 0)]),
        add=st.sampled_from([True, True, False]),
    )
    def change_who_is_eligible(
        self, number: int, dimension: str, chosen: tuple[int, ...], add: bool
    ) -> None:
        eligible = self.model.activities[number].eligible[dimension]
        values = [f"{self.tag} {VALUES[dimension][value]}" for value in chosen]
        call = "add_eligible" if add else "remove_eligible"
        if self.model.activities[number].state == "closed":
            with refused("SK006"):
                change_list(self.operator, call, self.sales[number], dimension, values)
            return
        answer = change_list(self.operator, call, self.sales[number], dimension, values)
        before = len(eligible)
        (eligible.update if add else eligible.difference_update)(values)
        assert answer.quantity == abs(len(eligible) - before)

    @rule(number=sales, dimension=dimensions, required=st.sampled_from([True, False, False]))
    def require_a_list(self, number: int, dimension: str, required: bool) -> None:
        sale = self.model.activities[number]
        if sale.state == "closed":
            with refused("SK006"):
                require_list(self.operator, self.sales[number], dimension, required)
            return
        answer = require_list(self.operator, self.sales[number], dimension, required)
        assert answer.replayed == ((dimension in sale.required) == required)
        (sale.required.add if required else sale.required.discard)(dimension)

    @rule(
        wait=waits,
        number=sales,
        pool=st.sampled_from(POOLS),
        plan=st.lists(st.tuples(st.sampled_from([0, 1, 30, 600]), st.integers(1, 3)), max_size=3),
    )
    def plan_releases(
        self, wait: str, number: int, pool: tuple[int, str], plan: list[tuple[int, int]]
    ) -> None:
        """So many minutes from now; what is due at once counts like the rest."""
        self.time_goes_on(wait)
        key = self.key(number, pool)
        at = {self.now + minutes * MINUTE: units for minutes, units in plan}
        self.pools_see_the_time()
        sale = Sale(self.sales[number].activity_id, *key)
        if self.model.activities[number].state == "closed":
            with refused("SK006"):
                schedule(self.operator, sale, at.items())
        elif self.model.schedule(self.now, number, key, at):
            answer = schedule(self.operator, sale, at.items())
            assert answer.status == "scheduled"
            assert answer.total == self.model.total(number, *key, self.now)
        else:
            with refused("SK007"):
                schedule(self.operator, sale, at.items())

    def key(self, number: int, pool: tuple[int, str]) -> tuple[str, str]:
        """Sku and region of a pool of a sale."""
        return (self.skus[0], "*") if number == 1 else (self.skus[pool[0]], pool[1])

    @rule(
        wait=waits,
        number=sales,
        pool=st.sampled_from(POOLS),
        base=st.sampled_from(BASES),
        more=st.integers(-3, 2),
        mode=st.sampled_from(MODES),
        expected=st.sampled_from([*EXPECTED, "right"]),
    )
    def set_a_total(
        self,
        wait: str,
        number: int,
        pool: tuple[int, str],
        base: str,
        more: int,
        mode: str,
        expected: str,
    ) -> None:
        self.time_goes_on(wait)
        key = self.key(number, pool)
        sale = Sale(self.sales[number].activity_id, *key)
        before = self.model.total(number, *key, self.now)
        start = before if base == "total" else self.model.out(number, *key, self.now)
        total = max(start + more, 0)
        compared = {"right": before, "wrong": before + 1, "none": None}[expected]
        self.inventory_has(key[0], total - before)
        self.pools_see_the_time()
        if self.model.activities[number].state == "closed":
            with refused("SK006"):
                set_stock_total(self.operator, sale, total, mode, expected=compared)
            return
        change = self.model.set_total(self.now, number, key, total, mode, compared)
        if isinstance(change, str):
            way = "raise" if total > before else "lower"
            self.seen["total SK006" if change == "SK006" else f"total {way} {change}"] += 1
            with refused(change):
                set_stock_total(self.operator, sale, total, mode, expected=compared)
            return
        answer = set_stock_total(self.operator, sale, total, mode, expected=compared)
        assert (answer.status, answer.replayed) == ("set", change.replayed)
        assert (answer.quantity, answer.total) == (change.quantity, change.total)
        what = mode if total < before else "raise"
        if change.replayed:
            what = "again"
        elif change.revoked:
            what = "revoke revoking"
        elif self.model.owed(number, *key, self.now):
            what = "drain owing"
        self.seen[f"total {what}"] += 1

    def inventory_has(self, sku: str, units: int) -> None:
        """What ended holds bring it may be enough, once they are swept."""
        if units > units_of(self.operator, sku):
            self.sweep_all()

    @rule(
        wait=waits,
        number=sales,
        pool=st.sampled_from(POOLS),
        units=st.integers(1, 4),
        received=st.booleans(),
    )
    def allocate(
        self, wait: str, number: int, pool: tuple[int, str], units: int, received: bool
    ) -> None:
        """Units that have just come in, or some that are there; a repeat adds none."""
        self.time_goes_on(wait)
        key = self.key(number, pool)
        sale = Sale(self.sales[number].activity_id, *key)
        if received:
            receive_stock(self.operator, key[0], units)
            self.model.received[key[0]] += units
        self.inventory_has(key[0], units)
        self.pools_see_the_time()
        request_id = uuid4()
        if self.model.activities[number].state == "closed":
            with refused("SK006"):
                allocate_stock(self.operator, sale, units, request_id)
            return
        owed = self.model.owed(number, *key, self.now)
        if self.model.allocate(self.now, number, key, units):
            answer = allocate_stock(self.operator, sale, units, request_id)
            total = self.model.total(number, *key, self.now)
            assert (answer.replayed, answer.total) == (False, total)
            again = allocate_stock(self.operator, sale, units, request_id)
            assert (again.replayed, again.total) == (True, total)
            self.seen["allocate paying" if owed else "allocate"] += 1
        else:
            with refused("SK007"):
                allocate_stock(self.operator, sale, units, request_id)
            self.seen["allocate SK007"] += 1

    @rule(back=st.booleans(), units=st.integers(1, 3))
    def move_to_another_region(self, back: bool, units: int) -> None:
        source, target = ("north", "*") if back else ("*", "north")
        self.pools_see_the_time()
        arguments = (self.operator, self.sales[0], units)
        if self.model.activities[0].state == "closed":
            with refused("SK006"):
                move_stock(*arguments, source=source, target=target)
        elif self.model.move(self.now, 0, self.skus[0], (source, target), units):
            answer = move_stock(*arguments, source=source, target=target)
            total = self.model.total(0, self.skus[0], target, self.now)
            assert (answer.status, answer.total) == ("moved", total)
        else:
            with refused("SK007"):
                move_stock(*arguments, source=source, target=target)

    @rule(wait=waits, limit=st.sampled_from([1, 2, 1000]))
    def sweep(self, wait: str, limit: int) -> None:
        self.time_goes_on(wait)
        expire_at(self.superuser, self.now, limit=limit)

    @precondition(lambda self: len(self.model.reservations) > 1)
    @rule(number=sales, what=st.sampled_from(CALLS))
    def operate(self, number: int, what: str) -> None:
        sale = self.model.activities[number]
        if sale.state == "closed":
            return
        if what == "close":
            self.pools_see_the_time()
            back = sum(
                self.model.available(number, *pool, self.now)
                + self.model.later(number, *pool, self.now)
                for pool in sale.pools
            )
            # Swept or not, what has ended is given back at once.
            assert call_for(self.operator, "close_activity", self.sales[number]).quantity == back
            # closed_at is the clock's; global limits pass over what was closed long before.
            self.superuser.execute(
                "update seckill_private.activity set closed_at = %s where activity_id = %s",
                [self.now, self.sales[number].activity_id],
            )
            sale.state = "closed"
        else:
            goes_on = sale.state == "paused"
            call_for(
                self.operator,
                "resume_activity" if goes_on else "pause_activity",
                self.sales[number],
            )
            sale.state = "open" if goes_on else "paused"

    @rule(wait=waits)
    def look_at_the_books(self, wait: str) -> None:
        self.time_goes_on(wait)
        self.the_books_agree()
