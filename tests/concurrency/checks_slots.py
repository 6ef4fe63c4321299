"""A pool in several slots: nobody is refused while units are left, and nobody deadlocks."""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.books import require_books, require_units
from tests.concurrency.sessions import (
    Gate,
    Violation,
    describe,
    require,
    require_equal,
    sessions_of,
    stampede,
)
from tests.fix_database import Database
from tests.fix_sale import Row, Sale, open_sale, reserve
from tests.procedures.rules import set_slots

SLOTS = 8


def until_answered(connection: Connection[Any], sale: Sale, user: str, quantity: int) -> Row:
    """Ask again while the answer is busy, as every client does."""
    for _ in range(200):
        answer = reserve(connection, sale, user=user, quantity=quantity)
        if answer.status != "busy":
            return answer
    raise Violation("busy for ever")


def last_units(db: Database, sessions: int = 32, quantity: int = 1, slots: int = SLOTS) -> None:
    """As many units as sessions ask for, in several slots: each gets them, nothing is left."""
    with db.connect("operator") as operator:
        sale = open_sale(operator, units=sessions * quantity, sku=f"slots_{uuid4()}")
        set_slots(operator, sale, slots)
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
    with db.connect("operator") as operator, db.connect("buyer") as buyer:
        sale = open_sale(operator, units=SLOTS, sku=f"slots_{uuid4()}")
        set_slots(operator, sale, SLOTS)
        told = [until_answered(buyer, sale, f"u{number}", 1).status for number in range(SLOTS + 1)]
    require_equal(told, ["held"] * SLOTS + ["sold_out"], "answers")
    require_books(db, sale)


def fewer_than_asked_for(db: Database, sessions: int = 32) -> None:
    """20 units and 32 buyers: 20 are held, and the others told so when nothing was left."""
    with db.connect("operator") as operator:
        sale = open_sale(operator, units=20, sku=f"slots_{uuid4()}")
        set_slots(operator, sale, SLOTS)
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
    with db.connect("operator") as operator:
        sale = open_sale(operator, units=SLOTS, sku=f"slots_{uuid4()}")
        set_slots(operator, sale, SLOTS)
    with (
        db.connect("superuser", autocommit=False) as holder,
        sessions_of(db, SLOTS - 1) as buyers,
    ):
        holder.execute(
            """
            select from seckill_private.pool_slot as s
              join seckill_private.pool as p on p.pool_id = s.pool_id
             where p.activity_id = %s and s.slot = 0 for update of s""",
            [sale.activity_id],
        )
        told = Counter(
            describe(buyer.run(reserve, sale=sale, user=f"u{n}")) for n, buyer in enumerate(buyers)
        )
        holder.rollback()
    require_equal(told, Counter(held=SLOTS - 1), "answers")
    require_books(db, sale)
