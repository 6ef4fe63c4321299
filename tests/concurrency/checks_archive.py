"""Archiving beside those who still move something in a closed sale."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.sessions import Session, at_hand, describe, require, require_equal
from tests.fix_database import Database
from tests.fix_sale import Row, Sale, close_activity, confirm, one, open_sale, reserve


def archive_activity(connection: Connection[Any], sale: Sale) -> Row:
    """seckill.archive_activity."""
    return one(connection, "select * from seckill.archive_activity(%(id)s)", id=sale.activity_id)


def archive_beside_payment(db: Database) -> None:
    """A second payment leaves its event before the standstill, or not at all, in either order."""
    for archive_first in (False, True):
        with at_hand(db, "operator") as operator:
            sale = open_sale(operator, sku=f"archived_{uuid4()}")
        with Session(db) as buyer, Session(db, "operator") as clerk:
            held = buyer.run(reserve, sale).reservation_id
            buyer.run(confirm, held, payment_ref="1")
            clerk.run(close_activity, sale)
            first, second = (clerk, buyer) if archive_first else (buyer, clerk)
            calls: dict[Session, Callable[[Connection[Any]], Row]] = {
                buyer: functools.partial(confirm, reservation_id=held, payment_ref="2"),
                clerk: functools.partial(archive_activity, sale=sale),
            }
            first.execute("begin")
            done = first.run(calls[first])
            waited = second.start(calls[second]).blocked
            first.execute("commit")
            then = second.finish()
            require(waited, "the second did not wait for the first")
            archived, paid = (done, then) if archive_first else (then, done)
            require_equal(describe(archived), "archived", "archive")
            expected = "SK008" if archive_first else "duplicate_payment"
            require_equal(describe(paid), expected, "second payment")
