"""Hypothesis walks through the life of a sale, and the plain model of model.py walks beside it.

Every answer is compared; after each step the pools at that instant, and the stored counters (I1);
at the end the books. SECKILL_STATE_EXAMPLES (and _WALKS), _STEPS and _SEED ask for more, longer or
other walks; _SHRINK=1 for the shortest walk to a fault.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_sale import Sale, add_units, one, set_limit, violations
from tests.procedures.instants import (
    OPENS,
    another_pool,
    call_for,
    cancel_at,
    confirm_at,
    expire_at,
    refused,
    reserve_at,
    sale_between,
    units_of,
)
from tests.procedures.model import Answer, Limit, Model, Reservation

SEED = int(os.environ.get("SECKILL_STATE_SEED", "20301111"))
EXAMPLES = int(os.environ.get("SECKILL_STATE_EXAMPLES", "60"))
WALKS = int(os.environ.get("SECKILL_STATE_WALKS", "40"))
STEPS = int(os.environ.get("SECKILL_STATE_STEPS", "30"))

# Minutes of work, so only for a person who looks for the shortest walk to a fault.
SHRINK = os.environ.get("SECKILL_STATE_SHRINK") == "1"

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
HOLD = 10 * MINUTE
ZONE = "Asia/Shanghai"

users = st.sampled_from(["ann", "bob", "cid"])
quantities = st.sampled_from([1, 1, 1, 2, 3])
choices = st.integers(0, 10_000)
orders = st.tuples(users, st.sampled_from([0, 0, 1]), quantities)
# None: until the oldest open hold ends.
waits = st.sampled_from([timedelta(0), None, MINUTE, None, HOLD, 4 * HOUR])
settling = st.sampled_from(["first", "first", "second", "cancel"])


class Life(RuleBasedStateMachine):
    """One sale of two skus, from its opening on."""

    operator: ClassVar[Connection[Any]]
    superuser: ClassVar[Connection[Any]]
    # What reserve, confirm and cancel have answered, and "again" where it was a replay.
    seen: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        # A little before local midnight.
        self.now = OPENS + timedelta(hours=15, minutes=30)
        ends_at = OPENS + timedelta(days=3)
        first = sale_between(
            self.operator, self.superuser, ends_at=ends_at, units=4, hold=HOLD, time_zone=ZONE
        )
        self.pools = [first, another_pool(self.operator, self.superuser, first, units=3)]
        self.model = Model(
            ends_at=ends_at,
            hold=HOLD,
            zone=ZoneInfo(ZONE),
            units={self.pools[0].sku: 4, self.pools[1].sku: 3},
        )
        self.requests = 0

    @property
    def sale(self) -> Sale:
        """The sale; its own pool is the first."""
        return self.pools[0]

    def one_of(self, choice: int) -> Reservation:
        """A reservation, the newest ones more often."""
        made = self.model.reservations
        return made[-1 - choice % min(len(made), 5)]

    @initialize(more=st.sampled_from([0, 0, 20]), maximum=st.sampled_from([None, 1, 2, 3]))
    def some_sales_are_larger_and_have_a_limit(self, more: int, maximum: int | None) -> None:
        if more:
            add_units(self.operator, self.sale, more)
            self.model.units[self.sale.sku] += more
        if maximum:
            self.set_a_limit("b", "units", "activity", maximum, None)

    # --- the buyers

    @rule(wait=waits, purchases=st.lists(orders, min_size=1, max_size=4))
    def reserve(self, wait: timedelta | None, purchases: list[tuple[str, int, int]]) -> None:
        self.time_goes_on(wait)
        for user, pool, quantity in purchases:
            self.requests += 1
            self.try_to_reserve(self.requests, user, self.pools[pool], quantity)

    @precondition(lambda self: self.model.reservations)
    @rule(choice=choices, change=st.sampled_from(["nothing", "nothing", "user", "quantity", "sku"]))
    def reserve_with_an_old_request_id(self, choice: int, change: str) -> None:
        old = self.one_of(choice)
        same = 0 if old.sku == self.pools[0].sku else 1
        pool = self.pools[1 - same if change == "sku" else same]
        user = "dan" if change == "user" else old.user
        quantity = old.quantity + (change == "quantity")
        self.try_to_reserve(old.request, user, pool, quantity)

    def try_to_reserve(self, request: int, user: str, pool: Sale, quantity: int) -> None:
        expected = self.model.reserve(self.now, request, user, pool.sku, quantity)
        arguments: dict[str, Any] = {
            "user": user,
            "quantity": quantity,
            "request_id": UUID(int=request),
        }
        if isinstance(expected, str):
            with refused(expected):
                reserve_at(self.superuser, pool, self.now, **arguments)
            return
        answer = reserve_at(self.superuser, pool, self.now, **arguments)
        got = Answer(
            answer.status,
            replayed=answer.replayed,
            state=answer.state,
            limit_name=answer.limit_name,
            remaining=answer.remaining,
            retry=None if answer.status == "limit_exceeded" else answer.retry,
        )
        assert got == expected
        self.seen.add(f"reserve {answer.status}{' again' if answer.replayed else ''}")
        if answer.status == "held":
            known = [r for r in self.model.reservations if r.number == answer.reservation_id]
            assert bool(known) == answer.replayed
            if not known:
                known = [
                    self.model.add(
                        answer.reservation_id, self.now, request, user, pool.sku, quantity
                    )
                ]
            assert answer.expires_at == known[0].expires_at
            assert (known[0].request, known[0].user) == (request, user)

    @precondition(lambda self: self.model.reservations)
    @rule(wait=waits, choice=choices, calls=st.lists(settling, min_size=1, max_size=4))
    def settle(self, wait: timedelta | None, choice: int, calls: list[str]) -> None:
        """Pay or cancel, perhaps several times over."""
        self.time_goes_on(wait)
        r = self.one_of(choice)
        for call in calls:
            if call == "cancel":
                expected = self.model.cancel(self.now, r)
                answer = cancel_at(self.superuser, r.number, self.now, user=r.user)
            else:
                expected = self.model.confirm(self.now, r, call)
                answer = confirm_at(
                    self.superuser, r.number, self.now, user=r.user, payment_ref=call
                )
            assert Answer(answer.status, answer.replayed, answer.late) == expected
            name = "cancel" if call == "cancel" else "confirm"
            late = " late" if answer.late else ""
            again = " again" if answer.replayed else ""
            self.seen.add(f"{name} {answer.status}{late}{again}")

    @precondition(lambda self: self.model.reservations)
    @rule(choice=choices, user=users)
    def look(self, choice: int, user: str) -> None:
        """A read, by its buyer or by somebody else."""
        r = self.one_of(choice)
        rows = self.superuser.execute(
            """
            select s.*
              from seckill_private.reservation as r
             cross join lateral seckill_private.show_reservation(r, %(now)s) as s
             where r.reservation_id = %(number)s and r.user_id = %(user)s""",
            {"now": self.now, "number": r.number, "user": user},
        ).fetchall()
        assert len(rows) == (user == r.user)
        for row in rows:
            state = r.at(self.now)
            assert (row.status, row.skus, row.quantities) == (state, [r.sku], [r.quantity])
            resolved_at = r.expires_at if state == "expired" else r.resolved_at
            assert (row.expires_at, row.resolved_at) == (r.expires_at, resolved_at)
            assert row.payment_ref == r.payment

    # --- time and the sweeper

    @rule(wait=waits, limit=st.sampled_from([1, 2, 1000]))
    def sweep(self, wait: timedelta | None, limit: int) -> None:
        self.time_goes_on(wait)
        expire_at(self.superuser, self.now, limit=limit)

    def time_goes_on(self, wait: timedelta | None) -> None:
        """By so much, or to the instant that matters most: the end of the oldest open hold."""
        ends = [r.expires_at for r in self.model.reservations if r.at(self.now) == "held"]
        if wait is not None:
            self.now += wait
        elif ends:
            self.now = min(ends)

    # --- the operators

    @rule(
        name=st.sampled_from(["a", "b"]),
        metric=st.sampled_from(["units", "orders"]),
        window=st.sampled_from(["order", "day", "activity"]),
        maximum=st.integers(1, 4),
        pool=st.sampled_from([None, None, 0, 1]),
    )
    def set_a_limit(
        self, name: str, metric: str, window: str, maximum: int, pool: int | None
    ) -> None:
        sku = None if pool is None else self.pools[pool].sku
        arguments: dict[str, Any] = {
            "maximum": maximum,
            "metric": metric,
            "window": window,
            "sku": sku,
        }
        if self.model.state == "closed":
            with refused("SK006"):
                set_limit(self.operator, self.sale, name, **arguments)
            return
        limit = Limit(metric, window, maximum, sku)
        answer = set_limit(self.operator, self.sale, name, **arguments)
        assert answer.replayed == (self.model.limits.get(name) == limit)
        self.model.limits[name] = limit

    @precondition(lambda self: self.model.state != "closed" and len(self.model.reservations) > 1)
    @rule(what=st.sampled_from(["pause", "allocate", "drop", "close"]))
    def operate(self, what: str) -> None:
        if what == "allocate":
            add_units(self.operator, self.sale, 2)
            self.model.units[self.sale.sku] += 2
        elif what == "drop":
            answer = one(
                self.operator,
                "select * from seckill.drop_limit(%(id)s, 'a')",
                id=self.sale.activity_id,
            )
            assert answer.replayed == (self.model.limits.pop("a", None) is None)
        elif what == "close":
            call_for(self.operator, "close_activity", self.sale)
            self.model.state = "closed"
        elif self.model.state == "open":
            call_for(self.operator, "pause_activity", self.sale)
            self.model.state = "paused"
        else:
            call_for(self.operator, "resume_activity", self.sale)
            self.model.state = "open"

    # --- what always holds

    @invariant()
    def the_pools_agree(self) -> None:
        for pool in self.pools:
            row = one(
                self.superuser,
                """
                select b.*
                  from seckill_private.pool as p
                 cross join lateral seckill_private.pool_balance(
                         p.activity_id, p.pool_id, %(now)s) as b
                 where p.activity_id = %(id)s and p.sku = %(sku)s""",
                now=self.now,
                id=pool.activity_id,
                sku=pool.sku,
            )
            available = self.model.available(pool.sku, self.now)
            held = self.model.taken(pool.sku, self.now, "held")
            sold = self.model.taken(pool.sku, self.now, "confirmed")
            assert (row.available, row.held, row.sold) == (available, held, sold)
            assert row.total == available + held + sold

    @invariant()
    def the_counters_are_sound(self) -> None:
        """I1, on what is stored."""
        rows = self.superuser.execute(
            """
            select s.total, s.available, s.held, s.sold
              from seckill_private.pool as p
              join seckill_private.pool_slot as s on s.pool_id = p.pool_id
             where p.activity_id = %s""",
            [self.sale.activity_id],
        ).fetchall()
        for row in rows:
            assert min(row.available, row.held, row.sold) >= 0
            assert 0 <= row.held + row.sold <= row.total
            assert row.total == row.available + row.held + row.sold

    def teardown(self) -> None:
        assert violations(self.operator, self.sale) == []
        for _ in range(20):
            expire_at(self.superuser, self.now)
        assert violations(self.operator, self.sale) == []
        for pool in self.pools:
            held = self.model.taken(pool.sku, self.now, "held")
            sold = self.model.taken(pool.sku, self.now, "confirmed")
            back = self.model.units[pool.sku] - held - sold
            expected = back if self.model.state == "closed" else 0
            assert units_of(self.operator, pool.sku) == expected


@pytest.fixture
def walk(db: Database) -> Iterator[type[Life]]:
    """The machine, in a database of its own."""
    with (
        db.connect("operator", direct=True) as operator,
        db.connect("superuser") as superuser,
    ):
        yield type("Walk", (Life,), {"operator": operator, "superuser": superuser, "seen": set()})


def test_every_walk_ends_where_the_model_does(db: Database, walk: type[Life]):
    examples = EXAMPLES if db.target.startswith("18") else max(EXAMPLES // 3, 1)
    print(f"SECKILL_STATE_SEED={SEED} SECKILL_STATE_EXAMPLES={examples}")
    run_state_machine_as_test(
        seed(SEED)(walk),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink] if SHRINK else [Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


# What the calls can answer, "again" where nothing was changed.
POSSIBLE = {
    *("reserve held", "reserve held again", "reserve sold_out", "reserve limit_exceeded"),
    *("reserve paused", "reserve ended"),
    *("confirm confirmed", "confirm confirmed again", "confirm confirmed late"),
    *("confirm confirmed late again", "confirm cancelled"),
    *("confirm duplicate_payment", "confirm duplicate_payment again"),
    *("confirm duplicate_payment late", "confirm duplicate_payment late again"),
    *("confirm late_sold_out", "confirm late_sold_out again"),
    *("confirm late_limit_exceeded", "confirm late_limit_exceeded again"),
    *("cancel cancelled", "cancel cancelled again", "cancel expired"),
    *("cancel confirmed", "cancel confirmed late"),
}


@pytest.mark.targets("18-pooled")
def test_plain_chance_meets_every_answer(walk: type[Life]):
    """Hypothesis prefers simple walks; these take every step with the same chance."""
    chance = random.Random(SEED)
    for _ in range(WALKS):
        life = walk()
        life.some_sales_are_larger_and_have_a_limit(
            chance.choice((0, 20)), chance.choice((None, 1, 2))
        )
        for _ in range(STEPS):
            step_by_chance(life, chance)
            life.the_pools_agree()
            life.the_counters_are_sound()
        life.teardown()
    assert walk.seen == POSSIBLE


def step_by_chance(life: Life, chance: random.Random) -> None:
    """One rule with arguments drawn evenly."""
    waits = (timedelta(0), timedelta(0), None, MINUTE, HOLD, HOUR)
    wait = chance.choices(waits, (4, 4, 4, 4, 4, 1))[0]
    number = chance.randrange(10_000)
    draw = chance.random()
    if draw < 0.4 or not life.model.reservations:
        order = (chance.choice("abc"), chance.choice((0, 0, 1)), chance.choice((1, 1, 2)))
        life.reserve(wait, [order])
    elif draw < 0.48:
        life.reserve_with_an_old_request_id(
            number, chance.choice(("nothing", "user", "quantity", "sku"))
        )
    elif draw < 0.8:
        calls = chance.choices(("first", "first", "second", "cancel"), k=chance.randint(1, 3))
        life.settle(wait, number, calls)
    elif draw < 0.85:
        life.sweep(wait, chance.choice((1, 1000)))
    elif draw < 0.9:
        life.look(number, chance.choice("abc"))
    elif draw < 0.93 or life.model.state == "closed":
        window = chance.choice(("order", "day", "activity"))
        metric, pool = chance.choice(("units", "orders")), chance.choice((None, 0, 1))
        life.set_a_limit(chance.choice("ab"), metric, window, chance.randint(1, 4), pool)
    else:
        calls = ("pause", "allocate", "drop", "close")
        life.operate(chance.choices(calls, (4, 2, 2, 1))[0])


def test_the_model_knows_a_local_day():
    """A model that is wrong in the same way as the functions would prove nothing."""
    model = Model(ends_at=OPENS, hold=HOLD, zone=ZoneInfo(ZONE), units={})
    midnight = datetime(2030, 1, 2, tzinfo=ZoneInfo(ZONE))
    assert model.day(midnight) != model.day(midnight - timedelta(microseconds=1))
