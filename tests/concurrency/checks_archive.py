"""Archiving beside those who still move something in a closed sale."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.sessions import Gate, Session, at_hand, describe, require, require_equal
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


def list_reservations(connection: Connection[Any], user: str) -> list[Row]:
    """seckill.list_reservations, of all sales."""
    return connection.execute("select * from seckill.list_reservations(%s)", [user]).fetchall()


def list_beside_drop(db: Database) -> None:
    """A sale is dropped while its buyer is read his reservations: he sees it whole, or not at all.

    The newer reservation is held up on its way; the older one's pool goes meanwhile.
    """
    user = f"reader {uuid4()}"
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        old, young = (open_sale(operator, sku=f"dropped_{uuid4()}") for _ in range(2))
        for sale in (old, young):
            held = reserve(buyer, sale, user=user).reservation_id
            confirm(buyer, held, user=user, payment_ref="1")
        close_activity(operator, old)
        archive_activity(operator, old)
    with Session(db) as reader, Gate(db) as gate:
        gate.lock_stock()
        require(reader.start(list_reservations, user).blocked, "the reader did not wait")
        gate.connection.execute("select seckill.drop_archived(%s, 1)", [old.activity_id])
        gate.open()
        rows = reader.finish()
        seen = [(row.activity_id, row.region, row.skus) for row in rows]
    require_equal(seen, [(young.activity_id, young.region, [young.sku])], "what is listed")
