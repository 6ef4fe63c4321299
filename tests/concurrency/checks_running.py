"""Running a sale beside its buyers: stock, closing, pauses and limits change in mid-purchase."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.books import (
    let_holds_end,
    require_books,
    require_inventory,
    require_statuses,
    require_units,
)
from tests.concurrency.checks_resolution import held_sale
from tests.concurrency.checks_stampede import allocate_stock, receive_stock
from tests.concurrency.sessions import (
    Gate,
    Session,
    at_hand,
    describe,
    require,
    require_equal,
    sessions_of,
)
from tests.fix_database import Database
from tests.fix_sale import (
    Row,
    Sale,
    cancel,
    close_activity,
    confirm,
    expire_due,
    one,
    open_sale,
    reserve,
    set_limit,
)

Resolution = Literal["confirm", "cancel", "expire"]


def pause_activity(connection: Connection[Any], sale: Sale) -> Row:
    """seckill.pause_activity."""
    return one(
        connection,
        "select * from seckill.pause_activity(p_activity_id => %(activity_id)s)",
        activity_id=sale.activity_id,
    )


def close_beside_purchase(db: Database) -> None:
    """Closing and a purchase, in both orders: what is not held is in the inventory, once."""
    for close_first in (True, False):
        with at_hand(db, "operator") as operator:
            sale = open_sale(operator, units=5, sku=f"closing_{uuid4()}")
        with Session(db, "operator") as clerk, Session(db) as buyer, Gate(db) as gate:
            gate.lock_slots(sale)
            if close_first:
                require(clerk.start(close_activity, sale).blocked, "close did not wait")
                require(buyer.start(reserve, sale).blocked, "reserve did not wait")
            else:
                require(buyer.start(reserve, sale).blocked, "reserve did not wait")
                require(clerk.start(close_activity, sale).blocked, "close did not wait")
            gate.open()
            answer, closed = buyer.finish(), clerk.finish()
            require_equal(describe(closed), "closed", "close")
            require_equal(describe(answer), "ended" if close_first else "held", "reserve")
            held = 0 if close_first else 1
            require_units(db, sale, available=0, held=held)
            require_inventory(db, sale.sku, 5 - held)
            require_equal(describe(buyer.run(reserve, sale, user="bob")), "ended", "afterwards")
            require_books(db, sale)
            if held:
                require_equal(
                    describe(buyer.run(cancel, answer.reservation_id)), "cancelled", "cancel"
                )
                require_units(db, sale, available=0)
                require_inventory(db, sale.sku, 5)
                require_books(db, sale)


def close_beside_resolution(
    db: Database, what: Resolution = "cancel", *, close_first: bool = True
) -> None:
    """Closing while a hold is paid, cancelled or swept: its unit is sold or in the inventory."""
    sale, reservation_id = held_sale(db)
    calls: dict[Resolution, tuple[str, Callable[..., Any], tuple[Any, ...]]] = {
        "confirm": ("buyer", confirm, (reservation_id,)),
        "cancel": ("buyer", cancel, (reservation_id,)),
        "expire": ("operator", expire_due, ()),
    }
    role, call, arguments = calls[what]
    if what == "expire":
        let_holds_end(db, sale, reservation_id)
    with Session(db, "operator") as clerk, Session(db, role) as other, Gate(db) as gate:
        gate.lock_slots(sale)
        if close_first:
            require(clerk.start(close_activity, sale).blocked, "close did not wait")
        require(other.start(call, *arguments).blocked, f"{what} did not wait")
        if not close_first:
            require(clerk.start(close_activity, sale).blocked, "close did not wait")
        gate.open()
        require_equal(describe(clerk.finish()), "closed", "close")
        expected = {"confirm": "confirmed", "cancel": "cancelled", "expire": "1"}
        require_equal(describe(other.finish()), expected[what], what)
    sold = int(what == "confirm")
    require_units(db, sale, available=0, held=1, sold=sold)
    require_inventory(db, sale.sku, 1 - sold)
    require_books(db, sale)


def late_confirm_beside_close(db: Database) -> None:
    """Late payments are taken until the activity is closed, and then never again."""
    for close_first in (True, False):
        sale, reservation_id = held_sale(db, units=1)
        let_holds_end(db, sale)
        with at_hand(db, "operator") as operator:
            assert expire_due(operator) == 1
        with Session(db, "operator") as clerk, Session(db) as buyer, Gate(db) as gate:
            gate.lock_slots(sale)
            order: list[tuple[Session, Callable[..., Any], Any]] = [
                (clerk, close_activity, sale),
                (buyer, confirm, reservation_id),
            ]
            for session, call, argument in order if close_first else reversed(order):
                require(session.start(call, argument).blocked, f"{call} did not wait")
            gate.open()
            require_equal(describe(clerk.finish()), "closed", "close")
            require_equal(
                describe(buyer.finish()),
                "late_sold_out" if close_first else "confirmed",
                "late payment",
            )
        require_inventory(db, sale.sku, 1 if close_first else 0)
        require_books(db, sale)


def allocate_beside_purchase(db: Database) -> None:
    """Stock comes while buyers queue for the pool: nobody is forgotten, nothing counted twice."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=2, sku=f"more_{uuid4()}")
        receive_stock(operator, sku=sale.sku, quantity=3, request_id=uuid4())
    with sessions_of(db, 3) as buyers, Session(db, "operator") as clerk, Gate(db) as gate:
        gate.lock_slots(sale)
        require(
            clerk.start(allocate_stock, sale=sale, quantity=3, request_id=uuid4()).blocked,
            "allocate did not wait",
        )
        for number, buyer in enumerate(buyers):
            buyer.start(reserve, sale, user=f"user {number}")
        gate.open()
        answers = [buyer.finish() for buyer in buyers]
        require_equal(clerk.finish().total, 5, "total answered to allocate")
    require_statuses(answers, {"held": 3})
    require_units(db, sale, available=2, held=3)
    require_inventory(db, sale.sku, 0)
    require_books(db, sale)


def allocate_beside_close(db: Database) -> None:
    """An allocation and the close: it is refused, or all of it comes back."""
    for close_first in (True, False):
        with at_hand(db, "operator") as operator:
            sale = open_sale(operator, units=2, sku=f"too_late_{uuid4()}")
            receive_stock(operator, sku=sale.sku, quantity=3, request_id=uuid4())
        close = functools.partial(close_activity, sale=sale)
        allocate = functools.partial(allocate_stock, sale=sale, quantity=3, request_id=uuid4())
        first, second = (close, allocate) if close_first else (allocate, close)
        with sessions_of(db, 2, "operator") as (one_, two), Gate(db) as gate:
            gate.lock_slots(sale)
            require(one_.start(first).blocked, "the first did not wait")
            require(two.start(second).blocked, "the second did not wait")
            gate.open()
            answers = [describe(one_.finish()), describe(two.finish())]
        expected = ["closed", "SK006"] if close_first else ["allocated", "closed"]
        require_equal(answers, expected, "answers")
        require_units(db, sale, available=0)
        require_inventory(db, sale.sku, 5)
        require_books(db, sale)


def close_twice(db: Database) -> None:
    """Two operators close at once: the second changes nothing."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=4, sku=f"closed_{uuid4()}")
    with sessions_of(db, 2, "operator") as (one_, two), Gate(db) as gate:
        gate.lock_slots(sale)
        require(one_.start(close_activity, sale).blocked, "close did not wait")
        require(two.start(close_activity, sale).blocked, "the second close did not wait")
        gate.open()
        answers = [one_.finish(), two.finish()]
    require_statuses(answers, {"closed": 2})
    require_equal([row.replayed for row in answers], [False, True], "replayed")
    require_inventory(db, sale.sku, 4)
    require_books(db, sale)


def last_stock_for_two_sales(db: Database) -> None:
    """Two sales ask for the last units of the inventory: one gets them, the other SK007."""
    sku = f"shared_{uuid4()}"
    with at_hand(db, "operator") as operator:
        sales = [open_sale(operator, units=1, sku=sku) for _ in range(2)]
        receive_stock(operator, sku=sku, quantity=5, request_id=uuid4())
    with sessions_of(db, 3, "operator") as clerks, Gate(db) as gate:
        gate.lock_inventory(sku)
        for clerk, sale in zip(clerks[:2], sales, strict=True):
            require(
                clerk.start(allocate_stock, sale=sale, quantity=4, request_id=uuid4()).blocked,
                "allocate did not wait",
            )
        require(
            clerks[2].start(receive_stock, sku=sku, quantity=-4, request_id=uuid4()).blocked,
            "receive did not wait",
        )
        gate.open()
        answers = [clerk.finish() for clerk in clerks]
    require_equal(sorted(map(describe, answers))[:2], ["SK007", "SK007"], "refusals")
    require_inventory(db, sku, 1)
    require_books(db, *sales)


def pause_beside_purchase(db: Database) -> None:
    """Who had begun before the pause may still get the units; nobody after it."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=2, sku=f"paused_{uuid4()}")
    with Session(db, "operator") as clerk, Session(db) as buyer, Gate(db) as gate:
        gate.lock_slots(sale)
        require(buyer.start(reserve, sale).blocked, "reserve did not wait")
        require_equal(describe(clerk.run(pause_activity, sale)), "paused", "pause")
        gate.open()
        require_equal(describe(buyer.finish()), "held", "who had begun before the pause")
        require_equal(describe(buyer.run(reserve, sale, user="bob")), "paused", "who came after")
    require_units(db, sale, available=1, held=1)
    require_books(db, sale)


def limit_beside_purchase(db: Database) -> None:
    """A limit is set while a purchase is under way: judged by what stood, counted from then on."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=9, limit=5, sku=f"limited_{uuid4()}")
    with Session(db, "operator") as clerk, sessions_of(db, 2) as (first, second), Gate(db) as gate:
        gate.lock_slots(sale)
        require(first.start(reserve, sale, quantity=3).blocked, "reserve did not wait")
        answer = clerk.run(set_limit, sale, "units_per_user", maximum=2)
        require_equal(describe(answer), "set", "set_limit")
        require(second.start(reserve, sale).blocked, "the buyer's second call did not wait")
        gate.open()
        require_equal(describe(first.finish()), "held", "under the old limit")
        refused = second.finish()
        require_equal(describe(refused), "limit_exceeded", "under the new limit")
        require_equal(refused.remaining, 0, "remaining")
        require_equal(describe(first.run(reserve, sale, user="bob", quantity=2)), "held", "bob")
    require_units(db, sale, available=4, held=5)
    require_books(db, sale)
