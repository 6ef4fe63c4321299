"""Confirm, cancel, expiry and late payments meet, in every order.

Two calls about one hold are lined up behind a gate, so the order in which they are served is known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.books import (
    let_holds_end,
    require_books,
    require_statuses,
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
    stampede,
)
from tests.fix_database import Database
from tests.fix_sale import Row, Sale, cancel, confirm, expire_due, open_sale, reserve

Call = Callable[[Connection[Any], int], Row]
PAYS: Call = functools.partial(confirm, payment_ref="pay 1")
PAYS_AGAIN: Call = functools.partial(confirm, payment_ref="pay 2")


def held_sale(db: Database, *, units: int = 2, limit: int | None = None) -> tuple[Sale, int]:
    """A sale in which ann holds one unit and bob, where there are enough, another."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=units, limit=limit, sku=f"resolved_{uuid4()}")
        reservation_id = reserve(buyer, sale).reservation_id
        if units > 1:
            assert reserve(buyer, sale, user="bob").status == "held"
    return sale, reservation_id


def two_in_order(db: Database, first: Call, second: Call) -> tuple[Sale, Row, Row]:
    """Ann's hold meets two calls: the first is served first, the second had begun by then."""
    sale, reservation_id = held_sale(db)
    with sessions_of(db, 2) as (one, two), Gate(db) as gate:
        gate.lock_slots(sale)
        require(one.start(first, reservation_id).blocked, "the first did not touch the pool")
        two.start(second, reservation_id)
        gate.open()
        answers = one.finish(), two.finish()
    require_books(db, sale)
    return sale, *answers


def confirm_then_cancel(db: Database) -> None:
    """Who has paid keeps the units; the cancel is told so."""
    sale, paid, cancelled = two_in_order(db, PAYS, cancel)
    require_statuses([paid, cancelled], {"confirmed": 2})
    require_units(db, sale, available=0, held=1, sold=1)


def cancel_then_confirm(db: Database) -> None:
    """Who has cancelled cannot pay any more; the units are free."""
    sale, cancelled, paid = two_in_order(db, cancel, PAYS)
    require_statuses([cancelled, paid], {"cancelled": 2})
    require_units(db, sale, available=1, held=1)


def cancel_twice(db: Database) -> None:
    """The units come back once (bob's hold is what a second return would take)."""
    sale, first, second = two_in_order(db, cancel, cancel)
    require_statuses([first, second], {"cancelled": 2})
    require_equal((first.replayed, second.replayed), (False, True), "replayed")
    require_units(db, sale, available=1, held=1)


def confirm_twice(db: Database) -> None:
    """The same payment twice: one sale."""
    sale, first, second = two_in_order(db, PAYS, PAYS)
    require_statuses([first, second], {"confirmed": 2})
    require_equal((first.replayed, second.replayed), (False, True), "replayed")
    require_units(db, sale, available=0, held=1, sold=1)


def two_payments(db: Database) -> None:
    """Two payments for one hold: the second is told, and one event asks for its money back."""
    sale, first, second = two_in_order(db, PAYS, PAYS_AGAIN)
    require_equal([first.status, second.status], ["confirmed", "duplicate_payment"], "answers")
    require_units(db, sale, available=0, held=1, sold=1)
    require_events(db, sale, "duplicate_payment", 1)


def require_events(db: Database, sale: Sale, kind: str, expected: int) -> None:
    """The ledger of the sale tells of this so many times."""
    with at_hand(db, "superuser") as superuser:
        rows = superuser.execute(
            "select from seckill.history(p_activity_id => %s) where kind = %s",
            [sale.activity_id, kind],
        ).fetchall()
    require_equal(len(rows), expected, f"events {kind}")


def many_resolutions(db: Database, sessions: int = 20) -> None:
    """Confirms, cancels and sweeps of one ended hold all at once: one resolution (I4)."""
    sale, reservation_id = held_sale(db, units=1)
    let_holds_end(db, sale)
    calls: list[Callable[..., Row]] = [PAYS, PAYS_AGAIN, cancel]
    with (
        sessions_of(db, sessions) as buyers,
        Session(db, "operator") as sweeper,
        Gate(db) as gate,
    ):
        gate.lock_reservation(reservation_id)
        answers = stampede(
            db,
            [*buyers, sweeper],
            gate,
            [
                *(
                    functools.partial(calls[number % 3], reservation_id=reservation_id)
                    for number in range(sessions)
                ),
                expire_due,
            ],
        )
    known = {"confirmed", "duplicate_payment", "expired", "0", "1"}
    seen = set(map(describe, answers))
    require(seen <= known, f"answers {seen - known}")
    require_units(db, sale, available=0, sold=1)
    require_books(db, sale)


def sweep_then_confirm(db: Database, *, undone: bool = False) -> None:
    """The sweeper has the hold in hand when its payment comes: late, and taken again."""
    sale, reservation_id = held_sale(db)
    let_holds_end(db, sale, reservation_id)
    with Session(db, "operator") as sweeper, Session(db) as buyer:
        sweeper.execute("begin")
        require_equal(sweeper.run(expire_due), 1, "holds expired")
        require(buyer.start(confirm, reservation_id).blocked, "confirm did not wait for a sweeper")
        sweeper.execute("rollback" if undone else "commit")
        answer = buyer.finish()
    require_equal(describe(answer), "confirmed", "answer to a payment after the end")
    require(answer.late, "the payment was not late")
    require_units(db, sale, available=0, held=1, sold=1)
    require_books(db, sale)


def confirm_then_sweep(db: Database) -> None:
    """The payment has the hold in hand when the sweeper comes: it passes on without waiting."""
    sale, reservation_id = held_sale(db)
    let_holds_end(db, sale, reservation_id)
    with Session(db, "operator") as sweeper, Session(db) as buyer, Gate(db) as gate:
        gate.lock_slots(sale)
        require(buyer.start(confirm, reservation_id).blocked, "confirm did not touch the pool")
        sweeper.start(expire_due)
        require(sweeper.done, "the sweeper waits for a buyer")
        require_equal(sweeper.finish(), 0, "holds expired")
        gate.open()
        answer = buyer.finish()
    require_equal((answer.status, answer.late), ("confirmed", True), "status and late")
    require_units(db, sale, available=0, held=1, sold=1)
    require_books(db, sale)


def confirm_waits_past_the_end(db: Database) -> None:
    """The hold ends while its payment waits for a lock: it is judged by when it is served."""
    sale, reservation_id = held_sale(db)
    with Session(db) as buyer, Gate(db) as gate:
        gate.lock_reservation(reservation_id)
        require(buyer.start(confirm, reservation_id).blocked, "confirm did not wait")
        gate.end_hold(reservation_id)
        gate.open()
        answer = buyer.finish()
    require_equal((describe(answer), answer.late), ("confirmed", True), "status and late")
    require_books(db, sale)


def cancel_waits_past_the_end(db: Database) -> None:
    """The hold ends while its cancel waits: it expired."""
    sale, reservation_id = held_sale(db)
    with Session(db) as buyer, Gate(db) as gate:
        gate.lock_reservation(reservation_id)
        require(buyer.start(cancel, reservation_id).blocked, "cancel did not wait")
        gate.end_hold(reservation_id)
        gate.open()
        answer = buyer.finish()
    require_equal(describe(answer), "expired", "answer to a cancel after the end")
    require_units(db, sale, available=1, held=1)
    require_books(db, sale)


def ended_sale(db: Database, *, limit: int | None = None, units: int = 1) -> tuple[Sale, int]:
    """A sale whose unit ann held too long: swept, available again, her payment still to come."""
    sale, reservation_id = held_sale(db, units=units, limit=limit)
    let_holds_end(db, sale)
    with at_hand(db, "operator") as operator:
        assert expire_due(operator) >= 1
    return sale, reservation_id


def late_confirm_then_reserve(db: Database) -> None:
    """Her late payment comes just before another buyer: she has the last unit."""
    sale, reservation_id = ended_sale(db)
    with sessions_of(db, 2) as (ann, bob), Gate(db) as gate:
        gate.lock_slots(sale)
        require(ann.start(confirm, reservation_id).blocked, "the payment did not touch the pool")
        bob.start(reserve, sale, user="bob")
        gate.open()
        require_equal(describe(ann.finish()), "confirmed", "the late payment")
        require_equal(describe(bob.finish()), "sold_out", "the buyer after it")
    require_units(db, sale, available=0, sold=1)
    require_books(db, sale)


def reserve_then_late_confirm(db: Database) -> None:
    """Another buyer comes just before her late payment: it is refused, for good."""
    sale, reservation_id = ended_sale(db)
    with sessions_of(db, 2) as (ann, bob), Gate(db) as gate:
        gate.lock_slots(sale)
        require(bob.start(reserve, sale, user="bob").blocked, "the buyer did not touch the pool")
        ann.start(confirm, reservation_id)
        gate.open()
        bobs = bob.finish()
        require_equal(describe(bobs), "held", "the buyer before it")
        require_equal(describe(ann.finish()), "late_sold_out", "the late payment")
        require_units(db, sale, available=0, held=1)
        require_equal(bob.run(cancel, bobs.reservation_id, user="bob").status, "cancelled", "bob")
        again = ann.run(confirm, reservation_id)
    require_equal((again.status, again.replayed), ("late_sold_out", True), "the payment, repeated")
    require_units(db, sale, available=1)
    require_events(db, sale, "late_sold_out", 1)
    require_books(db, sale)


def late_confirms(db: Database, sessions: int = 10) -> None:
    """Late payments of many buyers for the last unit: one has it."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=1, sku=f"late_{uuid4()}")
        ids: dict[str, int] = {}
        for user in (f"user {number}" for number in range(sessions)):
            ids[user] = reserve(buyer, sale, user=user).reservation_id
            let_holds_end(db, sale)
            assert expire_due(operator) == 1
    with sessions_of(db, sessions) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        calls = [
            functools.partial(confirm, reservation_id=reservation_id, user=user)
            for user, reservation_id in ids.items()
        ]
        answers = stampede(db, buyers, gate, calls)
    require_statuses(answers, {"confirmed": 1, "late_sold_out": sessions - 1})
    require_units(db, sale, available=0, sold=1)
    require_books(db, sale)


def late_confirm_against_own_limit(db: Database) -> None:
    """Limit 1: her late payment and her new purchase cannot both have a unit."""
    for late_first in (True, False):
        sale, reservation_id = ended_sale(db, limit=1, units=5)
        pay = functools.partial(confirm, reservation_id=reservation_id)
        buy = functools.partial(reserve, sale=sale)
        first, second = (pay, buy) if late_first else (buy, pay)
        with sessions_of(db, 2) as (one, two), Gate(db) as gate:
            gate.lock_slots(sale)
            require(one.start(first).blocked, "the first did not touch the pool")
            require(two.start(second).blocked, "the second did not wait for the first")
            gate.open()
            answers = [describe(one.finish()), describe(two.finish())]
        expected = (
            ["confirmed", "limit_exceeded"] if late_first else ["held", "late_limit_exceeded"]
        )
        require_equal(answers, expected, "answers")
        require_books(db, sale)


def late_confirm_while_own_hold_ends(db: Database) -> None:
    """A late payment waits for the pool while the buyer's other hold ends and is swept.

    With a limit of 1 either answer is right, but the books must agree with it.
    """
    sale, reservation_id = ended_sale(db, units=3, limit=1)
    with Session(db) as buyer, Gate(db) as gate:
        other = buyer.run(reserve, sale)
        require_equal(describe(other), "held", "purchase while the first hold has ended")
        gate.lock_slots(sale)
        require(buyer.start(confirm, reservation_id).blocked, "the payment did not touch the pool")
        gate.end_hold(other.reservation_id)
        gate.connection.execute(
            "update seckill_private.pool_slot set next_expiry = least(next_expiry, now())"
        )
        require_equal(expire_due(gate.connection), 1, "holds expired")
        gate.open()
        answer = describe(buyer.finish())
    require(answer in ("confirmed", "late_limit_exceeded"), f"late payment: {answer}")
    require_books(db, sale)
