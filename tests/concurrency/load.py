"""A random crowd: buyers, sweepers and operators at work on two sales that share their skus.

One session plays the clock and ends holds, so every path is taken: late payments, purchases that
take ended holds, sweeps of both sales at once. A seed makes each session's choices repeatable,
though not what comes of them.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection

from tests.concurrency.books import require_books
from tests.concurrency.checks_order import two_pools
from tests.concurrency.checks_running import pause_activity
from tests.concurrency.checks_stampede import allocate_stock, receive_stock
from tests.concurrency.sessions import describe, require, require_equal
from tests.fix_database import Database
from tests.fix_postgres import IN_CI
from tests.fix_sale import (
    Sale,
    cancel,
    close_activity,
    confirm,
    expire_due,
    one,
    reserve,
    set_limit,
)
from tests.procedures.rules import set_slots

CALLS = 150 if IN_CI else 60  # of each session
UNITS = 30  # in each pool
SPARE = 200  # of each sku, in the inventory
# What calls may answer here besides their statuses: a sale that is paused already, too small an
# inventory, a late payment for units that a sweeper has in hand.
ALLOWED_ERRORS = {
    ("pause", "SK006"),
    ("allocate", "SK007"),
    ("receive", "SK007"),
    ("pay", "55P03"),
}


@dataclass(slots=True)
class Crowd:
    """What the sessions share: the sales, and what was acknowledged to them."""

    sales: list[list[Sale]]
    skus: tuple[str, str]
    received: Counter[str]
    seen: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    holds: dict[tuple[str, UUID], tuple[Sale, int]] = field(default_factory=dict[Any, Any])
    confirmed: set[int] = field(default_factory=set[int])
    faults: list[str] = field(default_factory=list[str])
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Person:
    """One session with its own choices."""

    name: str
    crowd: Crowd
    connection: Connection[Any]
    choices: random.Random
    holds: list[int] = field(default_factory=list[int])

    def pool(self) -> Sale:
        """Any of the four."""
        return self.choices.choice(self.choices.choice(self.crowd.sales))

    def buy(self) -> Any:
        """A purchase, now and then sent twice."""
        sale, request_id = self.pool(), uuid4()
        quantity = self.choices.choice((1, 1, 1, 2, 3))
        answer = reserve(
            self.connection,
            sale,
            user=self.name,
            quantity=quantity,
            request_id=request_id,
        )
        if answer.status == "held":
            self.holds.append(answer.reservation_id)
            with self.crowd.lock:
                self.crowd.holds[self.name, request_id] = (sale, answer.reservation_id)
            if self.choices.random() < 0.2:
                again = reserve(
                    self.connection,
                    sale,
                    user=self.name,
                    quantity=quantity,
                    request_id=request_id,
                )
                same = (again.status, again.replayed, again.reservation_id)
                require_equal(same, ("held", True, answer.reservation_id), "replay")
        return answer

    def pay(self) -> Any:
        """Pay any of the own holds, old ones too."""
        if not self.holds:
            return None
        chosen = self.choices.choice(self.holds)
        answer = confirm(self.connection, chosen, user=self.name, payment_ref="pay")
        if answer.status == "confirmed":
            with self.crowd.lock:
                self.crowd.confirmed.add(chosen)
        return answer

    def give_back(self) -> Any:
        """Cancel any of the own holds."""
        if not self.holds:
            return None
        return cancel(self.connection, self.choices.choice(self.holds), user=self.name)


@dataclass(slots=True)
class Clerk:
    """An operator's session: stock, limits, pauses, sweeps."""

    crowd: Crowd
    connection: Connection[Any]
    choices: random.Random

    def pool(self) -> Sale:
        """Any of the four."""
        return self.choices.choice(self.choices.choice(self.crowd.sales))

    def sweep(self) -> Any:
        """Expire what is due."""
        return expire_due(self.connection)

    def allocate(self) -> Any:
        """Bring units into a pool."""
        return allocate_stock(self.connection, sale=self.pool(), quantity=1, request_id=uuid4())

    def receive(self) -> Any:
        """Units come into the inventory, or leave it."""
        sku, quantity = self.choices.choice(self.crowd.skus), self.choices.choice((-1, 2))
        answer = receive_stock(self.connection, sku=sku, quantity=quantity, request_id=uuid4())
        with self.crowd.lock:
            self.crowd.received[sku] += quantity
        return answer

    def limit(self) -> Any:
        """A limit changes."""
        maximum = self.choices.randint(3, 30)
        return set_limit(self.connection, self.pool(), "units_per_user", maximum=maximum)

    def pause(self) -> Any:
        """The first sale is paused and goes on."""
        pause_activity(self.connection, self.crowd.sales[0][0])
        return one(
            self.connection,
            "select * from seckill.resume_activity(p_activity_id => %(activity_id)s)",
            activity_id=self.crowd.sales[0][0].activity_id,
        )

    def look(self) -> Any:
        """One statement over everything: no unit is missing, whatever is under way (I8)."""
        row = one(
            self.connection,
            """
            select bool_and(p.total = p.available + p.held + p.sold) as adds_up,
                   bool_and(least(p.available, p.held, p.sold) >= 0) as not_negative,
                   array(select v::text from seckill.reconcile(%(one)s) as v) as first,
                   array(select v::text from seckill.reconcile(%(two)s) as v) as second
              from seckill.pool as p""",
            one=self.crowd.sales[0][0].activity_id,
            two=self.crowd.sales[1][0].activity_id,
        )
        whole = (row.adds_up, row.not_negative, row.first, row.second)
        require_equal(whole, (True, True, [], []), "a look at the books in mid-run")
        return row


@dataclass(slots=True)
class Clock:
    """Ends every other hold on the spot, as if its time had run out."""

    connection: Connection[Any]
    holds_ended: int = 0

    def strike(self) -> None:
        """With the pools' rows locked, so that everybody's purchase is before or after it.

        One instant for the holds and for next_expiry, read after the lock.
        """
        with self.connection.transaction():
            self.connection.execute(
                "select from seckill_private.pool_slot order by pool_id, slot for update"
            )
            now = one(self.connection, "select clock_timestamp() as now").now
            ended = self.connection.execute(
                """
                update seckill_private.reservation as r set expires_at = %(now)s
                 where (r.buyer_key, r.request_id) in (
                         select o.buyer_key, o.request_id from seckill_private.reservation as o
                          where o.state = 'held' and o.expires_at > %(now)s
                            and o.reservation_id %% 2 = 0
                            for update skip locked)""",
                {"now": now},
            )
            self.holds_ended += ended.rowcount
            self.connection.execute(
                "update seckill_private.pool_slot set next_expiry = least(next_expiry, %s)", [now]
            )


def work(
    crowd: Crowd, actions: list[Callable[[], Any]], choices: random.Random, count: int
) -> None:
    """So many calls of one session, in random order; what is not allowed becomes a fault."""
    for _ in range(count):
        action = choices.choice(actions)
        try:
            answer = action()
        except psycopg.Error as error:
            answer = error
            if (action.__name__, error.sqlstate) not in ALLOWED_ERRORS:
                crowd.faults.append(f"{action.__name__}: {error.sqlstate} {error}")
        except AssertionError as error:
            crowd.faults.append(f"{action.__name__}: {error}")
            continue
        if answer is not None:
            with crowd.lock:
                crowd.seen[action.__name__, outcome_of(answer)] += 1


def outcome_of(answer: Any) -> str:
    """The status or SQLSTATE, "late" before the status of a late payment, or "some" of a number."""
    if isinstance(answer, int):
        return "some" if answer else "none"
    if getattr(answer, "late", False):
        return f"late {answer.status}"
    return describe(answer) if hasattr(answer, "status") else getattr(answer, "sqlstate", "seen")


def random_load(
    db: Database,
    *,
    sessions: int = 16,
    calls: int = CALLS,
    seed: int = 1,
    slots: int = 1,
    **options: Any,
) -> Counter[tuple[str, str]]:
    """Let the crowd loose, then close both sales and compare the books with what was answered.

    Returns how often each action had each outcome, so that a test can see that it met them all.
    """
    skus = f"a_{uuid4()}", f"b_{uuid4()}"
    orders = skus, (skus[1], skus[0])
    crowd = Crowd([two_pools(db, units=UNITS, skus=order) for order in orders], skus, Counter())
    with db.connect("operator") as operator:
        for sku in skus:
            crowd.received[sku] = 2 * UNITS + SPARE
            receive_stock(operator, sku=sku, quantity=SPARE, request_id=uuid4())
        for sale in (sale for pools in crowd.sales for sale in pools):
            set_slots(operator, sale, slots)
    clerks = sessions // 4
    threads: list[threading.Thread] = []
    connections: list[Connection[Any]] = []
    clock = Clock(db.connect("superuser"))
    connections.append(clock.connection)
    threads.append(
        threading.Thread(
            target=work, args=(crowd, [clock.strike], random.Random(seed), calls), daemon=True
        )
    )
    for number in range(sessions):
        choices = random.Random(f"{seed}.{number}")
        role = "operator" if number < clerks else "buyer"
        connection = db.connect(role, **options)
        connections.append(connection)
        if role == "operator":
            clerk = Clerk(crowd, connection, choices)
            actions = [clerk.sweep, clerk.sweep, clerk.sweep, clerk.allocate, clerk.receive]
            actions += [clerk.limit, clerk.pause, clerk.look]
        else:
            person = Person(f"user {number % 7}", crowd, connection, choices)
            actions = [person.buy, person.buy, person.pay, person.give_back]
        threads.append(
            threading.Thread(target=work, args=(crowd, actions, choices, calls), daemon=True)
        )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()
    require(not crowd.faults, "\n".join(crowd.faults[:5]))
    settle(db, crowd)
    require(clock.holds_ended > 0, "no hold ended in mid-run")
    return crowd.seen


def settle(db: Database, crowd: Crowd) -> None:
    """Close both sales, let every hold end, and count everything once more."""
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        require_books(db, *[sale for pools in crowd.sales for sale in pools])
        for pools in crowd.sales:
            close_activity(operator, pools[0])
        superuser.execute(
            """
            update seckill_private.reservation
               set expires_at = clock_timestamp() where state = 'held';
            update seckill_private.pool_slot set next_expiry = '-infinity'"""
        )
        expire_due(operator)
        require_books(db, *[sale for pools in crowd.sales for sale in pools])
        known = superuser.execute(
            "select user_id, request_id, reservation_id, state from seckill_private.reservation"
        ).fetchall()
        stored = {(row.user_id, row.request_id): row.reservation_id for row in known}
        told = {key: reservation_id for key, (_, reservation_id) in crowd.holds.items()}
        require_equal(stored, told, "reservations, stored and acknowledged")
        paid = {row.reservation_id for row in known if row.state == "confirmed"}
        require_equal(paid, crowd.confirmed, "confirmed, stored and acknowledged")
        for sku in crowd.skus:
            row = one(
                superuser,
                """
                select (select quantity from seckill.inventory(%(sku)s)) as quantity,
                       sum(p.sold)::bigint as sold, sum(p.available + p.held)::bigint as rest
                  from seckill.pool as p where p.sku = %(sku)s""",
                sku=sku,
            )
            require_equal(row.rest, 0, f"units of {sku} left in closed pools")
            require_equal(
                row.quantity + row.sold, crowd.received[sku], f"units of {sku}, kept and sold"
            )
