"""A crowd that shares phones and addresses, under three limits on three dimensions at once.

What was acknowledged goes into the plain model of tests/procedures; at the end the model and the
database must answer alike for every buyer, so the totals are exactly at the model's bounds.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle, product
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from psycopg import Connection

from tests.concurrency.books import require_books
from tests.concurrency.checks_order import two_pools
from tests.concurrency.load import Clock, Crowd, work
from tests.concurrency.sessions import require, require_equal
from tests.fix_database import Database
from tests.fix_postgres import IN_CI
from tests.fix_sale import Sale, cancel, confirm, expire_due
from tests.procedures.model import Model
from tests.procedures.model_limits import Limit, Order
from tests.procedures.model_stock import Activity, Pool
from tests.procedures.rules import explain_at, reserve_lines, set_rule

CALLS = 40 if IN_CI else 24  # of each session
USERS = [f"user {number}" for number in range(48)]
PHONES = [f"phone {number}" for number in range(40)]
ADDRESSES = [f"address {number}" for number in range(20)]
LIMITS = {
    "1 user": Limit("user", "units", "activity", 4),
    "2 phone": Limit("phone", "orders", "rolling", 3, period=timedelta(days=1)),
    "3 address": Limit("address", "units", "day", 6),
}


@dataclass(slots=True)
class Household:
    """One session: it buys for anybody, and pays or cancels what it has bought."""

    crowd: Crowd
    pools: list[Sale]
    connection: Connection[Any]
    choices: random.Random
    orders: dict[int, Order]
    holds: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])

    def buy(self) -> Any:
        """One line, or both in either order."""
        pools = self.choices.sample(self.pools, self.choices.choice((1, 1, 2)))
        lines = [(pool.sku, self.choices.choice((1, 1, 2))) for pool in pools]
        user = self.choices.choice(USERS)
        subjects = {
            "phone": self.choices.choice(PHONES),
            "address": self.choices.choice(ADDRESSES),
        }
        answer = reserve_lines(self.connection, self.pools[0], lines, user=user, subjects=subjects)
        if answer.status == "held":
            order = Order(0, "*", tuple(sorted(lines)), subjects | {"user": user})
            self.holds.append((answer.reservation_id, user))
            with self.crowd.lock:
                self.orders[answer.reservation_id] = order
        return answer

    def pay(self) -> Any:
        """Any of what this session bought, old holds too."""
        if not self.holds:
            return None
        number, user = self.choices.choice(self.holds)
        return confirm(self.connection, number, user=user, payment_ref="pay")

    def give_back(self) -> Any:
        """Cancel one."""
        if not self.holds:
            return None
        number, user = self.choices.choice(self.holds)
        return cancel(self.connection, number, user=user)

    def sweep(self) -> Any:
        """Expire what is due."""
        return expire_due(self.connection)


def shared_limits(
    db: Database, *, sessions: int = 32, calls: int = CALLS, seed: int = 1, **options: Any
) -> Counter[tuple[str, str]]:
    """Let the crowd loose, then compare the books, every subject's use, and every next answer."""
    skus = f"a_{uuid4()}", f"b_{uuid4()}"
    pools = two_pools(db, units=200, skus=skus)
    with db.connect("operator") as operator:
        for name, limit in LIMITS.items():
            set_rule(
                operator,
                pools[0].activity_id,
                name,
                dimension=limit.dimension,
                metric=limit.metric,
                window=limit.window,
                maximum=limit.maximum,
                period=limit.period,
            )
    crowd = Crowd([pools], skus, Counter())
    orders: dict[int, Order] = {}
    clock = Clock(db.connect("superuser"))
    connections = [clock.connection]
    threads: list[threading.Thread] = []
    for number in range(sessions):
        choices = random.Random(f"{seed}.{number}")
        connection = db.connect("operator", **options)
        connections.append(connection)
        one = Household(crowd, pools, connection, choices, orders)
        actions = [one.buy, one.buy, one.buy, one.pay, one.give_back]
        if number % 8 == 0:
            actions.append(one.sweep)
        threads.append(
            threading.Thread(target=work, args=(crowd, actions, choices, calls), daemon=True)
        )
    for thread in threads:
        thread.start()
    # Holds end as long as anybody is at work.
    while any(thread.is_alive() for thread in threads):
        work(crowd, [clock.strike], random.Random(seed), 1)
        threads[-1].join(0.05)
    for thread in threads:
        thread.join()
    for connection in connections:
        connection.close()
    require(not crowd.faults, "\n".join(crowd.faults[:5]))
    require_books(db, *pools)
    require_bounds(db, pools, orders)
    return crowd.seen


def require_bounds(db: Database, pools: list[Sale], orders: dict[int, Order]) -> None:
    """No subject has more than its limit, and each may still have exactly what is left of it."""
    with db.connect("superuser") as superuser:
        now: datetime = superuser.execute("select clock_timestamp() as now").fetchall()[0].now
        model = model_of(superuser, pools, orders, now)
        for (name, limit), values in product(LIMITS.items(), (USERS, PHONES, ADDRESSES)):
            for value in values:
                use = model.use((limit, False), 0, value, now)
                require(use.used <= limit.maximum, f"{name} of {value}: {use.used}")
        for user, phone, address in zip(USERS, cycle(PHONES), cycle(ADDRESSES), strict=False):
            subjects = {"phone": phone, "address": address}
            order = Order(0, "*", ((pools[0].sku, 1),), subjects | {"user": user})
            checks = model.checks(now, order)
            assert not isinstance(checks, str)
            expected = [
                (row.limit_name, row.used, row.remaining) for row in checks if row.name == "limit"
            ]
            rows = explain_at(superuser, pools[0], now, order.lines, user=user, subjects=subjects)
            told = [
                (row.limit_name, row.used, row.remaining)
                for row in rows
                if row.check_name == "limit"
            ]
            require_equal(told, expected, f"explain for {user}, {phone}, {address}")


def model_of(
    superuser: Connection[Any], pools: list[Sale], orders: dict[int, Order], now: datetime
) -> Model:
    """The acknowledged reservations in a model; instants and states as the database shows them."""
    day = timedelta(days=1)
    activity = Activity(
        now - day, now + day, day, ZoneInfo("UTC"), {(pool.sku, "*"): Pool(200) for pool in pools}
    )
    activity.limits = dict(LIMITS)
    model = Model([activity])
    rows = superuser.execute(
        """
        select reservation_id, state, created_at, expires_at, late_status
          from seckill_private.reservation
         where buyer_key >> 40 = %s""",
        [pools[0].activity_id],
    ).fetchall()
    require_equal(
        sorted(row.reservation_id for row in rows), sorted(orders), "reservations, stored and told"
    )
    for row in rows:
        made = model.add(row.reservation_id, row.created_at, 0, orders[row.reservation_id])
        made.expires_at, made.state = row.expires_at, row.state
        made.late = row.late_status == "confirmed"
    return model
