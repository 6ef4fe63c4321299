"""Refunds, cut totals, files of payments and the books of the past: what must hold."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.concurrency.books import (
    let_holds_end,
    require_books,
    require_inventory,
    require_units,
)
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
    Sale,
    cancel,
    confirm,
    confirm_batch,
    expire_due,
    get_reservation,
    one,
    open_sale,
    refund,
    reserve,
    set_limit,
    set_stock_total,
    stock_at,
)


def _answer(call: Callable[[], Any]) -> str:
    """The status of a call, or the code of its error."""
    try:
        return describe(call())
    except psycopg.Error as error:
        return describe(error)


def _refunded(call: Callable[[], Any]) -> str:
    """As _answer, with "again" for a replay."""
    try:
        answer = call()
    except psycopg.Error as error:
        return describe(error)
    return describe(answer) + (" again" if getattr(answer, "replayed", False) else "")


def paid_sale(db: Database, *, quantity: int = 3, limit: int | None = None) -> tuple[Sale, int]:
    """Ten units, some of which Ann has bought."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=10, limit=limit, sku=f"life_{uuid4()}")
        held = reserve(buyer, sale, quantity=quantity).reservation_id
        assert confirm(buyer, held).status == "confirmed"
    return sale, held


# --- refunds


def refunds_with_one_request(db: Database) -> None:
    """One refund of one unit, asked for twice: one unit comes back."""
    sale, held = paid_sale(db)
    request_id = uuid4()
    with at_hand(db, "buyer") as buyer:
        answers = [
            _refunded(lambda: refund(buyer, held, quantities=[1], request_id=request_id))
            for _ in range(2)
        ]
    require_equal(answers, ["partly_refunded", "partly_refunded again"], "answers")
    require_units(db, sale, available=8, sold=2)
    require_books(db, sale)


def refunds_at_once(db: Database, sessions: int = 6) -> None:
    """The same refund by many at once, behind the pool's gate: one unit comes back."""
    sale, held = paid_sale(db)
    with sessions_of(db, sessions) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        for buyer in buyers:
            buyer.start(refund, held, quantities=[1], request_id=UUID(int=7))
        gate.open()
        answers = sorted(_refunded(buyer.finish) for buyer in buyers)
    require_equal(
        answers, ["partly_refunded"] + ["partly_refunded again"] * (sessions - 1), "answers"
    )
    require_units(db, sale, available=8, sold=2)
    require_books(db, sale)


def refund_no_more_than_bought(db: Database) -> None:
    """Three units bought: two come back, and then not two more."""
    sale, held = paid_sale(db)
    with at_hand(db, "buyer") as buyer:
        answers = [
            _answer(lambda: refund(buyer, held, quantities=[2], request_id=uuid4()))
            for _ in range(2)
        ]
    require_equal(answers, ["partly_refunded", "SK001"], "two refunds of two of three units")
    require_books(db, sale)


def written_off_units_leave_the_pool(db: Database) -> None:
    """What is not restocked is in no counter any more."""
    sale, held = paid_sale(db)
    with at_hand(db, "buyer") as buyer:
        answer = _answer(
            lambda: refund(buyer, held, quantities=[2], request_id=uuid4(), restock=False)
        )
    require_equal(answer, "partly_refunded", "refund without restock")
    require_units(db, sale, available=7, sold=1)
    require_books(db, sale)


def limits_come_back_where_asked(db: Database) -> None:
    """Limit 3, all of it bought and refunded: room again, unless the refund says no."""
    for restore in (True, False):
        sale, held = paid_sale(db, limit=3)
        with at_hand(db, "buyer") as buyer:
            refund(buyer, held, restore_limits=restore)
            answer = _answer(lambda: reserve(buyer, sale))  # noqa: B023
        require_equal(answer, "held" if restore else "limit_exceeded", f"restore {restore}")
        require_books(db, sale)


# --- a total cut in mid-sale


def total_beside_purchase(db: Database) -> None:
    """A purchase has taken the last units when the total is to be cut by them."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=5, sku=f"life_{uuid4()}")
    with Session(db, "operator") as merchant, Session(db) as buyer, Gate(db) as gate:
        gate.lock_slots(sale)
        require(buyer.start(reserve, sale, quantity=4).blocked, "the purchase did not wait")
        merchant.start(set_stock_total, sale, 3, "reject")
        gate.open()
        require_equal(describe(buyer.finish()), "held", "purchase")
        require_equal(describe(merchant.finish()), "SK007", "total cut to 3, 4 of 5 held")
    require_units(db, sale, available=1, held=4)
    require_books(db, sale)


def revoke_the_newest(db: Database) -> None:
    """Who came last has to go first."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=3, sku=f"life_{uuid4()}")
        held = [reserve(buyer, sale, user=user).reservation_id for user in "abc"]
        set_stock_total(operator, sale, 1, "revoke")
        states = [
            get_reservation(buyer, number, user=user).status
            for number, user in zip(held, "abc", strict=True)
        ]
    require_equal(states, ["held", "cancelled", "cancelled"], "holds in their order")
    require_books(db, sale)


def debt_is_paid_as_units_come_back(db: Database) -> None:
    """Cut to 1 while 3 are held: two of them go to the inventory, whoever brings them back."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=3, sku=f"life_{uuid4()}")
        held = [reserve(buyer, sale, user=user).reservation_id for user in "abc"]
        set_stock_total(operator, sale, 1, "drain")
        cancel(buyer, held[0], user="a")
        let_holds_end(db, sale, held[1])
        require_equal(expire_due(operator), 1, "holds expired")
    require_units(db, sale, available=0, held=1)
    require_inventory(db, sale.sku, 2)
    require_books(db, sale)


def total_as_expected(db: Database) -> None:
    """Two merchants who saw 10 units: the second learns that it is no longer so."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=10, sku=f"life_{uuid4()}")
        answers = [
            _answer(lambda t=t: set_stock_total(operator, sale, t, expected=10)) for t in (8, 6)
        ]
    require_equal(answers, ["set", "SK006"], "two changes of a total of 10")


def latest_release_is_cut_first(db: Database) -> None:
    """Two units are to come in an hour and three in two: a cut by three leaves the first two."""
    with at_hand(db, "operator") as operator, at_hand(db, "superuser") as superuser:
        sale = open_sale(operator, units=5, sku=f"life_{uuid4()}")
        one(
            operator,
            """
            select * from seckill.schedule_release(
                     p_activity_id => %(id)s, p_sku => %(sku)s, p_region => '*',
                     p_release_at => array[now() + interval '1 hour', now() + interval '2 hours'],
                     p_quantities => array[2, 3])""",
            id=sale.activity_id,
            sku=sale.sku,
        )
        set_stock_total(operator, sale, 2)
        rows = superuser.execute("select quantity from seckill_private.stock_release").fetchall()
    require_equal([row.quantity for row in rows], [2], "releases that are left")
    require_books(db, sale)


# --- files of payments


def batches_in_opposite_orders(db: Database) -> None:
    """Two files with the same payments, one the other way round: no deadlock, one sale each."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=3, sku=f"life_{uuid4()}")
        payments = [(u, reserve(buyer, sale, user=u).reservation_id, None) for u in "amz"]
    with sessions_of(db, 2) as (one_, two), Gate(db) as gate:
        gate.lock_user("m")
        one_.start(confirm_batch, payments)
        two.start(confirm_batch, payments[::-1])
        gate.open()
        answers = [one_.finish(), two.finish()]
    found = [
        describe(answer)
        if isinstance(answer, Exception)
        else " ".join(str(row.replayed) for row in answer)
        for answer in answers
    ]
    require_equal(sorted(found), ["False False False", "True True True"], "replayed, by file")
    require_units(db, sale, available=0, sold=3)
    require_books(db, sale)


def late_batches_in_opposite_orders(db: Database) -> None:
    """Two files of late payments for two pools, in opposite orders: each sale once."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sales = [open_sale(operator, units=1, sku=f"life_{uuid4()}") for _ in range(2)]
        held = [reserve(buyer, sale).reservation_id for sale in sales]
        payments = [("ann", number, "x") for number in held]
        others = [("bob", number, "x") for number in held]
        for sale in sales:
            let_holds_end(db, sale)
    with sessions_of(db, 2) as (one_, two), Gate(db) as gate:
        gate.lock_slots(sales[0])
        one_.start(confirm_batch, payments)
        two.start(confirm_batch, [*others, *payments[::-1]])
        gate.open()
        answers = [one_.finish(), two.finish()]
    found = [
        describe(a) if isinstance(a, Exception) else " ".join(row.status for row in a)
        for a in answers
    ]
    require_equal(
        found, ["confirmed confirmed", "error error confirmed confirmed"], "answers of two files"
    )
    require_books(db, *sales)


def batch_pays_once(db: Database) -> None:
    """The same reservation twice in a file: the second payment is another one."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=3, sku=f"life_{uuid4()}")
        held = reserve(buyer, sale).reservation_id
        answers = confirm_batch(buyer, [("ann", held, "first"), ("ann", held, "second")])
    require_equal(
        [answer.status for answer in answers], ["confirmed", "duplicate_payment"], "answers"
    )
    require_books(db, sale)


# --- the books of the past


def past_adds_up(db: Database) -> None:
    """A purchase that read the clock before it waited for units which came back later.

    Its hold is dated before the return that made it possible; no instant has units below zero.
    """
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=2, sku=f"life_{uuid4()}")
        held = reserve(buyer, sale).reservation_id
    with Session(db) as bob, Gate(db) as gate:
        gate.lock_slots(sale)
        require(bob.start(reserve, sale, user="bob").blocked, "the purchase did not wait")
        reserve(gate.connection, sale, user="cid")
        cancel(gate.connection, held)
        gate.open()
        require_equal(describe(bob.finish()), "held", "the purchase that waited")
    with at_hand(db, "superuser") as superuser:
        instants: list[datetime] = [
            row.at
            for row in superuser.execute(
                "select at from seckill_private.ledger_of(%s)", [sale.activity_id]
            )
        ]
        for at in instants:
            row = stock_at(superuser, sale, at)
            require(
                row.available >= 0 and row.total in (0, 2),
                f"at {at}: {row.available} available, {row.total} in total",
            )
        then = stock_at(superuser, sale, max(instants))
    require_equal((then.total, then.available, then.held), (2, 0, 2), "total, available, held")
    require_books(db, sale)


def ended_holds_in_the_past(db: Database) -> None:
    """Between its end and its sweep a hold was worth nothing, and stock_at says so."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=2, sku=f"life_{uuid4()}")
        held = reserve(buyer, sale).reservation_id
        ends: datetime = get_reservation(buyer, held).expires_at
        for at, available in ((ends - timedelta(microseconds=1), 1), (ends, 2)):
            require_equal(stock_at(operator, sale, at).available, available, f"available at {at}")


def use_of_the_past(db: Database) -> None:
    """A hold that was cancelled since was use of a limit before."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=9, limit=5, sku=f"life_{uuid4()}")
        held = reserve(buyer, sale).reservation_id
        before: datetime = one(operator, "select clock_timestamp() as at").at
        cancel(buyer, held)
        row = one(
            operator,
            "select * from seckill.limit_usage_at(%(id)s, 'ann', %(at)s)",
            id=sale.activity_id,
            at=before,
        )
        require_equal(row.used, 1, "used")


def limits_of_the_past(db: Database) -> None:
    """The limit was 5 and is 2: an instant before the change has the one of then."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=9, limit=5, sku=f"life_{uuid4()}")
        reserve(buyer, sale, quantity=2)
        before: datetime = one(operator, "select clock_timestamp() as at").at
        reserve(buyer, sale, quantity=2)
        set_limit(operator, sale, "units_per_user", maximum=2)
        for at, expected in ((before, (2, 5)), (before + timedelta(hours=1), (0, 2))):
            row = one(
                operator,
                "select * from seckill.limit_usage_at(%(id)s, 'ann', %(at)s)",
                id=sale.activity_id,
                at=at,
            )
            require_equal((row.used, row.maximum), expected, "used, maximum")
