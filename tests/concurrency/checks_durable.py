"""An answer never rests on a commit that is not on disk, whatever a pooled session was set to.

The server's log positions tell: what was written up to an answer must be flushed once the answer is
there. The WAL writer, which would flush a moment later anyway, is told to rest meanwhile.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.checks_stampede import receive_stock
from tests.concurrency.sessions import at_hand, require, wait_for
from tests.fix_database import Database
from tests.fix_sale import (
    cancel,
    confirm,
    get_reservation,
    one,
    open_sale,
    reserve,
)
from tests.procedures.instants import history
from tests.procedures.rules import explain

TRIES = 4  # the WAL writer may come by once


@contextmanager
def resting_wal_writer(db: Database) -> Iterator[Connection[Any]]:
    """Nothing but a commit flushes the log for ten seconds; gives a superuser to look with."""
    with at_hand(db, "superuser") as superuser:
        superuser.execute("alter system set wal_writer_delay = '10s'")
        superuser.execute("alter system set wal_writer_flush_after = '1GB'")
        superuser.execute("select pg_reload_conf()")
        wait_for(
            lambda: one(superuser, "show wal_writer_delay").wal_writer_delay == "10s", "the reload"
        )
        try:
            yield superuser
        finally:
            superuser.execute("alter system reset wal_writer_delay")
            superuser.execute("alter system reset wal_writer_flush_after")
            superuser.execute("select pg_reload_conf()")


def written(superuser: Connection[Any]) -> str:
    """The end of the log as it stands."""
    return one(superuser, "select pg_current_wal_insert_lsn()::text as position").position


def flushed_beyond(superuser: Connection[Any], position: str) -> bool:
    """Whether more than what was there at this position is on disk."""
    return one(
        superuser,
        "select pg_current_wal_flush_lsn() > %(position)s::pg_lsn as beyond",
        position=position,
    ).beyond


def flushed_up_to(superuser: Connection[Any], position: str) -> bool:
    """Whether all that was there at this position is on disk."""
    return one(
        superuser,
        "select pg_current_wal_flush_lsn() >= %(position)s::pg_lsn as reached",
        position=position,
    ).reached


def answers_are_durable(db: Database) -> None:
    """Sessions that somebody set to synchronous_commit = off or local answer from disk."""
    with (
        db.connect("operator", direct=True) as operator,
        db.connect("buyer", direct=True) as buyer,
        resting_wal_writer(db) as superuser,
    ):
        sale = open_sale(operator, units=100, sku=f"durable_{uuid4()}")
        for level in ("off", "local"):
            for session in (operator, buyer):
                session.execute(f"set synchronous_commit = {level}".encode())
            for _ in range(TRIES):
                held = [reserve(buyer, sale).reservation_id for _ in range(2)]
                calls: dict[str, Callable[[], Any]] = {
                    "reserve": lambda: reserve(buyer, sale),
                    "confirm": lambda held=held: confirm(buyer, held[0]),
                    "cancel": lambda held=held: cancel(buyer, held[1]),
                    "receive_stock": lambda: receive_stock(
                        operator, sku=sale.sku, quantity=1, request_id=uuid4()
                    ),
                }
                for name, call in calls.items():
                    before = written(superuser)
                    call()
                    require(
                        flushed_beyond(superuser, before),
                        f"{name} answered before its commit was on disk",
                    )


def replays_are_durable(db: Database) -> None:
    """A repeat and a read that rest on a commit not yet on disk bring it there before they answer.

    Such a commit is what a superuser makes here with synchronous_commit = off.
    """
    with (
        db.connect("operator", direct=True) as operator,
        db.connect("buyer", direct=True) as buyer,
        resting_wal_writer(db) as superuser,
    ):
        sale = open_sale(operator, units=100, sku=f"replayed_{uuid4()}")
        superuser.execute("set synchronous_commit = off")
        met = 0
        for _ in range(TRIES):
            request_id = uuid4()
            delivery = functools.partial(
                receive_stock, operator, sku=sale.sku, quantity=1, request_id=uuid4()
            )
            delivery()
            reservation_id = reserve(buyer, sale, request_id=request_id).reservation_id
            calls: dict[str, Callable[[], Any]] = {
                "a repeated reserve": lambda request_id=request_id: reserve(
                    buyer, sale, request_id=request_id
                ),
                "get_reservation": lambda reservation_id=reservation_id: get_reservation(
                    buyer, reservation_id
                ),
                "a repeated receive_stock": delivery,
                "history": lambda: history(operator, sale, limit=1),
                "explain": lambda request_id=request_id: explain(
                    buyer, sale, request_id=request_id
                ),
            }
            for name, call in calls.items():
                superuser.execute("insert into seckill_private.inventory values ('x', 0)")
                superuser.execute("delete from seckill_private.inventory where sku = 'x'")
                before = written(superuser)
                met += not flushed_up_to(superuser, before)
                call()
                require(
                    flushed_up_to(superuser, before),
                    f"{name} answered by a commit that was not on disk",
                )
    assert met > 0, "no commit was seen that was not on disk: the check shows nothing"
