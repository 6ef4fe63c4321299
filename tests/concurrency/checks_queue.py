"""A pool's queue is bounded: who finds it full is told so at once, and nothing was decided.

As checks_stampede: each check makes its own sale and raises Violation when the outcome is wrong.
"""

from __future__ import annotations

import functools
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.books import require_books, require_statuses, require_units
from tests.concurrency.sessions import (
    Gate,
    at_hand,
    require,
    require_equal,
    sessions_of,
    stampede,
    until_settled,
)
from tests.fix_database import Database
from tests.fix_sale import Row, Sale, open_sale, reserve, reserve_batch
from tests.procedures.rules import set_queue_limit


def _bounded(db: Database, units: int, max_waiting: int) -> Sale:
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=units, sku=f"queue_{uuid4()}")
        set_queue_limit(operator, sale, max_waiting)
    return sale


def a_full_queue(db: Database, sessions: int = 12, **options: Any) -> None:
    """Three may wait beside the one that is served; the others are busy, and may ask again."""
    sale = _bounded(db, units=sessions, max_waiting=3)
    calls = [
        functools.partial(reserve, sale=sale, user=f"user {n}", request_id=uuid4())
        for n in range(sessions)
    ]
    with sessions_of(db, sessions, **options) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        answers = stampede(db, buyers, gate, calls)
        require_statuses(answers, {"held": 4, "busy": sessions - 4})
        busy = [row for row in answers if row.status == "busy"]
        require_equal({(row.retry, row.reservation_id) for row in busy}, {("busy", None)}, "busy")
        require_units(db, sale, available=sessions - 4, held=4)
        again = [
            stampede(db, buyers[:1], None, [call])[0]
            for call, first in zip(calls, answers, strict=True)
            if first.status == "busy"
        ]
    require_statuses(again, {"held": sessions - 4})
    require_units(db, sale, available=0, held=sessions)
    require_books(db, sale)


def a_batch_is_one_caller(db: Database) -> None:
    """One batch is served; to the next one the queue is full, for each of its buyers."""
    sale = _bounded(db, units=6, max_waiting=0)

    def batch(connection: Connection[Any], *, name: str) -> list[Row]:
        return reserve_batch(connection, *((sale, f"{name} {n}") for n in range(3)))

    with sessions_of(db, 2) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        answers = stampede(
            db, buyers, gate, [functools.partial(batch, name=name) for name in ("one", "other")]
        )
        for rows, status in zip(sorted(answers, key=_first), ("busy", "held"), strict=True):
            require_statuses(rows, {status: 3})
        require_units(db, sale, available=3, held=3)
        later = stampede(db, buyers[:1], None, [functools.partial(batch, name="later")])
    require_statuses(later[0], {"held": 3})
    require_units(db, sale, available=0, held=6)
    require_books(db, sale)


def _first(rows: list[Row]) -> str:
    return rows[0].status


def other_pools_have_their_own(db: Database, sessions: int = 6, **options: Any) -> None:
    """Whoever waits for one pool takes no place in the queue of another."""
    crowded = _bounded(db, units=sessions, max_waiting=0)
    with at_hand(db, "operator") as operator:
        quiet = open_sale(operator, units=1, sku=f"quiet_{uuid4()}")
        set_queue_limit(operator, quiet, 0)
    with sessions_of(db, sessions, **options) as buyers, Gate(db) as gate:
        gate.lock_slots(crowded)
        for n, buyer in enumerate(buyers[:-1]):
            buyer.send(functools.partial(reserve, sale=crowded, user=f"user {n}"))
        until_settled(buyers[:-1], db)
        buyers[-1].send(functools.partial(reserve, sale=quiet, user="ann"))
        answer = buyers[-1].finish()
        require(answer.status == "held", f"beside a crowd: {answer.status}")
        gate.open()
        require_statuses(
            [buyer.finish() for buyer in buyers[:-1]], {"held": 1, "busy": sessions - 2}
        )
    require_books(db, crowded)
