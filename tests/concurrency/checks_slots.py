"""A pool in several slots: nobody is refused while units are left, and nobody deadlocks.

A buyer's own slot follows from his name (seckill.shard_of): `users_of` finds names by it.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.books import (
    let_holds_end,
    require_books,
    require_inventory,
    require_units,
)
from tests.concurrency.sessions import (
    Gate,
    Session,
    Violation,
    at_hand,
    describe,
    require,
    require_equal,
    sessions_of,
    stampede,
    until_settled,
)
from tests.fix_database import Database
from tests.fix_sale import (
    Row,
    Sale,
    cancel,
    confirm,
    expire_due,
    open_sale,
    reserve,
    reserve_batch,
    set_stock_total,
)
from tests.procedures.rules import set_slots

SLOTS = 8


def in_slots(db: Database, units: int, slots: int) -> Sale:
    """An open sale of one pool in so many slots."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=units, sku=f"slots_{uuid4()}")
        set_slots(operator, sale, slots)
    return sale


def users_of(db: Database, slot: int, slots: int, count: int = 1) -> list[str]:
    """Buyers whose own slot this is, of so many."""
    with at_hand(db, "superuser") as superuser:
        found = superuser.execute(
            """
            select u.name from (select 'u' || n as name from generate_series(1, 1000) as n) as u
             where seckill.shard_of(u.name) %% %s = %s limit %s""",
            [slots, slot, count],
        ).fetchall()
    return [row.name for row in found]


def hold_slot(connection: Connection[Any], sale: Sale, slot: int) -> None:
    """Have a slot in hand until the transaction ends."""
    connection.execute(
        """
        select from seckill_private.pool_slot as s
          join seckill_private.pool as p on p.pool_id = s.pool_id
         where p.activity_id = %s and s.slot = %s for update of s""",
        [sale.activity_id, slot],
    )


def until_answered(connection: Connection[Any], sale: Sale, user: str, quantity: int) -> Row:
    """Ask again while the answer is busy, as every client does."""
    for _ in range(200):
        answer = reserve(connection, sale, user=user, quantity=quantity)
        if answer.status != "busy":
            return answer
    raise Violation("busy for ever")


def last_units(db: Database, sessions: int = 32, quantity: int = 1, slots: int = SLOTS) -> None:
    """As many units as sessions ask for, in several slots: each gets them, nothing is left."""
    sale = in_slots(db, sessions * quantity, slots)
    with sessions_of(db, sessions) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        answers = stampede(
            db,
            buyers,
            gate,
            [
                functools.partial(until_answered, sale=sale, user=f"u{number}", quantity=quantity)
                for number in range(sessions)
            ],
        )
    told = Counter(map(describe, answers))
    require_equal(told, Counter(held=sessions), "answers")
    require_units(db, sale, available=0, held=sessions * quantity)
    require_books(db, sale)


def orders_of_three(db: Database) -> None:
    """Slots of 13 or 14 units, taken by threes: the last orders go over several slots."""
    last_units(db, quantity=3, slots=7)


def one_after_another(db: Database) -> None:
    """One buyer after another takes the 8 units of 8 slots; then it is sold out."""
    sale = in_slots(db, SLOTS, SLOTS)
    with at_hand(db, "buyer") as buyer:
        told = [until_answered(buyer, sale, f"u{number}", 1).status for number in range(SLOTS + 1)]
    require_equal(told, ["held"] * SLOTS + ["sold_out"], "answers")
    require_books(db, sale)


def fewer_than_asked_for(db: Database, sessions: int = 32) -> None:
    """20 units and 32 buyers: 20 are held, and the others told so when nothing was left."""
    sale = in_slots(db, 20, SLOTS)
    with sessions_of(db, sessions) as buyers:
        answers = stampede(
            db,
            buyers,
            None,
            [
                functools.partial(until_answered, sale=sale, user=f"u{number}", quantity=1)
                for number in range(sessions)
            ],
        )
    told = Counter(map(describe, answers))
    require_equal(told, Counter(held=20, sold_out=sessions - 20), "answers")
    refused = [answer for answer in answers if answer.status == "sold_out"]
    require(all(answer.remaining == 0 for answer in refused), "sold_out with units remaining")
    require_books(db, sale)


def other_slots_are_free(db: Database) -> None:
    """While one slot is in somebody's hand, the units of the others are sold at once."""
    sale = in_slots(db, SLOTS, SLOTS)
    with (
        db.connect("superuser", autocommit=False) as holder,
        sessions_of(db, SLOTS - 1) as buyers,
    ):
        hold_slot(holder, sale, 0)
        told = Counter(
            describe(buyer.run(reserve, sale=sale, user=f"u{n}")) for n, buyer in enumerate(buyers)
        )
        holder.rollback()
    require_equal(told, Counter(held=SLOTS - 1), "answers")
    require_books(db, sale)


def batches_side_by_side(db: Database) -> None:
    """While a batch is not committed, another one sells from other slots."""
    sale = in_slots(db, 8, 2)
    with db.connect("buyer", autocommit=False) as slow, Session(db) as quick:
        said = reserve_batch(slow, *[(sale, f"a{n}") for n in range(3)])
        said += quick.run(reserve_batch, *[(sale, f"b{n}") for n in range(3)])
        slow.commit()
    require_equal([row.status for row in said], ["held"] * 6, "answers")
    require_books(db, sale)


def in_hand_is_no_sold_out(db: Database) -> None:
    """Own slot sold by who was first, the other in somebody's hand: busy, and not waited for.

    Who waited would hold a higher slot meanwhile: a deadlock with whoever takes them in order.
    """
    sale = in_slots(db, 2, 2)
    first, second = users_of(db, 1, 2, 2)
    with (
        db.connect("buyer", autocommit=False) as one_,
        db.connect("superuser", autocommit=False) as holder,
        Session(db) as two,
    ):
        require_equal(reserve(one_, sale, user=first).status, "held", "the first")
        hold_slot(holder, sale, 0)
        two.start(reserve, sale, user=second)
        require(two.blocked, "the second did not wait for its slot")
        one_.commit()
        until_settled([two], db)
        require(two.done, "a lower slot was waited for")
        require_equal(describe(two.finish()), "busy", "the second")
        holder.rollback()
        require_equal(describe(two.run(reserve, sale, user=second)), "held", "the second again")
    require_books(db, sale)


def slots_made_while_a_buyer_waits(db: Database) -> None:
    """Who looked when there was one slot, and got it when its units were spread, finds them."""
    sale = in_slots(db, 8, 1)
    with Session(db, "operator") as merchant, Session(db) as buyer, Gate(db) as gate:
        gate.lock_slots(sale)
        merchant.start(set_slots, sale, 8)
        buyer.start(reserve, sale, user="ann", quantity=4)
        gate.open()
        require_equal(describe(merchant.finish()), "set", "slots")
        require_equal(describe(buyer.finish()), "held", "purchase")
    require_books(db, sale)


def slots_made_while_all_are_locked(db: Database) -> None:
    """Who waits for all slots of a pool gets those that are made meanwhile, too."""
    sale = in_slots(db, 8, 1)
    pool_id = "(select pool_id from seckill_private.pool where activity_id = %s)"
    with (
        Session(db, "operator") as merchant,
        Session(db, "superuser", autocommit=False) as locker,
        at_hand(db, "superuser") as superuser,
        Gate(db) as gate,
    ):
        gate.lock_slots(sale)
        merchant.start(set_slots, sale, 4)
        locker.start(
            lambda connection: connection.execute(
                f"select seckill_private.lock_slots(array[{pool_id}])".encode(), [sale.activity_id]
            )
        )
        gate.open()
        merchant.finish()
        locker.finish()
        free = superuser.execute(
            f"select slot from seckill_private.pool_slot where pool_id = {pool_id}"
            " order by slot for update skip locked".encode(),
            [sale.activity_id],
        ).fetchall()
        require_equal([row.slot for row in free], [], "slots left unlocked")
        locker.execute("rollback")


def debt_paid_from_two_slots(db: Database) -> None:
    """Cut from 8 to 5, all held: what two bring back at once pays three, and no more."""
    sale = in_slots(db, 8, 4)
    users = [users_of(db, slot, 4)[0] for slot in range(4)]
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        holds = [reserve(buyer, sale, user=user, quantity=2).reservation_id for user in users]
        set_stock_total(operator, sale, 5, "drain")
    with Session(db) as one_, Session(db) as two, Gate(db) as gate:
        hold_slot(gate.connection, sale, 0)
        for session, number in ((one_, 1), (two, 2)):
            session.start(cancel, holds[number], user=users[number])
        gate.open()
        answers = [describe(one_.finish()), describe(two.finish())]
    require_equal(answers, ["cancelled", "cancelled"], "answers")
    require_units(db, sale, available=1, held=4)
    require_inventory(db, sale.sku, 3)
    require_books(db, sale)


def late_payment_from_other_slots(db: Database) -> None:
    """Its own slot has sold what came back to it: the payment takes what the others have."""
    sale = in_slots(db, 6, 3)
    ann, bob = users_of(db, 2, 3, 2)
    with at_hand(db, "operator") as operator, Session(db) as buyer:
        held = reserve(buyer.connection, sale, user=ann, quantity=2).reservation_id
        let_holds_end(db, sale, held)
        require_equal(expire_due(operator), 1, "holds expired")
        require_equal(describe(buyer.run(reserve, sale, user=bob, quantity=2)), "held", "bob")
        answer = buyer.run(confirm, held, user=ann)
    require_equal(describe(answer), "confirmed", "ann's payment")
    require(answer.late, "it was not late")
    require_units(db, sale, available=2, held=2, sold=2)
    require_books(db, sale)


def late_payment_locks_in_order(db: Database) -> None:
    """A hold of the last slot that has ended, while somebody takes slots in their order."""
    sale = in_slots(db, 6, 3)
    [ann] = users_of(db, 2, 3)
    with at_hand(db, "buyer") as buyer:
        held = reserve(buyer, sale, user=ann, quantity=2).reservation_id
    let_holds_end(db, sale, held)
    with db.connect("superuser", autocommit=False) as holder, Session(db) as payer:
        hold_slot(holder, sale, 1)
        payer.start(confirm, held, user=ann)
        require(payer.blocked, "the payment did not wait")
        hold_slot(holder, sale, 2)
        holder.rollback()
        answer = payer.finish()
    require_equal(describe(answer), "confirmed", "the payment")
    require(answer.late, "it was not late")
    require_books(db, sale)


def number_changes_while_selling(db: Database, sessions: int = 12) -> None:
    """Slots come and go, a total is cut and raised, holds are given back: every unit is sold."""
    sale = in_slots(db, 120, 4)
    over = False

    def change(connection: Connection[Any]) -> list[str]:
        said: list[str] = []
        number = 0
        while not over:
            number += 1
            said.append(set_slots(connection, sale, (1, 8, 3, 5)[number % 4]).status)
            total = 100 if number % 2 else 120
            said.append(set_stock_total(connection, sale, total, "drain").status)
            expire_due(connection)
        set_stock_total(connection, sale, 120, "floor")
        return said

    def buy(connection: Connection[Any], name: str) -> int:
        mine = 0
        for number in range(20):
            user = f"{name}.{number}"
            answer = until_answered(connection, sale, user, 1 + number % 3)
            if answer.status != "held":
                continue
            if number % 4 == 3:
                cancel(connection, answer.reservation_id, user=user)
            else:
                mine += 1 + number % 3
        return mine

    with Session(db, "operator") as merchant, sessions_of(db, sessions) as buyers:
        merchant.send(change)
        for number, buyer in enumerate(buyers):
            buyer.send(buy, f"u{number}")
        held = [buyer.finish() for buyer in buyers]
        over = True
        changes = merchant.finish()
    faults = [answer for answer in [*held, changes] if isinstance(answer, Exception)]
    require(not faults, f"faults: {faults}")
    require(set(changes) == {"set"}, f"changes: {Counter(changes)}")
    with at_hand(db, "buyer") as buyer:
        left = 120 - sum(held)
        if left:
            answer = until_answered(buyer, sale, "the last", left)
            require_equal(answer.status, "held", f"the last {left} units")
        require_equal(until_answered(buyer, sale, "late", 1).status, "sold_out", "then")
    require_books(db, sale)
