"""Clients that give up, are killed, or wait too long leave nothing half-made."""

from __future__ import annotations

import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from psycopg.conninfo import make_conninfo

from tests.concurrency.books import require_books, require_units
from tests.concurrency.checks_resolution import held_sale
from tests.concurrency.checks_stampede import allocate_stock
from tests.concurrency.sessions import (
    Gate,
    Session,
    Watch,
    describe,
    require_equal,
    sessions_of,
    wait_for,
)
from tests.fix_database import Database
from tests.fix_sale import cancel, confirm, reserve

CLIENT = """
import sys, psycopg
with psycopg.connect(sys.argv[1], autocommit=True, prepare_threshold=None) as connection:
    connection.execute(sys.argv[2])
"""


def waiting_too_long(db: Database) -> None:
    """After five seconds of waiting: 55P03, nothing has happened, and the call may be repeated.

    Buyers wait for the pool, for a hold and for the buyer's lock; an operator for the activity.
    """
    sale, reservation_id = held_sale(db, units=5)
    buy = functools.partial(reserve, sale=sale, user="dan", request_id=uuid4())
    allocate = functools.partial(allocate_stock, sale=sale, quantity=1, request_id=uuid4())
    calls: list[tuple[str, Callable[..., Any], str]] = [
        ("buyer", buy, "held"),
        ("buyer", functools.partial(confirm, reservation_id=reservation_id), "confirmed"),
        ("buyer", functools.partial(reserve, sale=sale, user="eve"), "held"),
        ("operator", allocate, "SK007"),
    ]
    buyers = sessions_of(db, 3)
    with buyers as (one, two, three), Session(db, "operator") as clerk, Gate(db) as gate:
        gate.lock_slots(sale)
        gate.lock_reservation(reservation_id)
        gate.lock_activity(sale)
        gate.lock_user("eve")
        sessions = [one, two, three, clerk]
        for session, (_, call, _) in zip(sessions, calls, strict=True):
            session.start(call)
        answers = [describe(session.finish()) for session in sessions]
        require_equal(set(answers), {"55P03"}, "answers after five seconds")
        require_units(db, sale, available=3, held=2)
        gate.open()
        require_books(db, sale)
        for session, (_, call, expected) in zip(sessions, calls, strict=True):
            require_equal(describe(session.run(call)), expected, "the same call, later")
    require_books(db, sale)


def killed_client(db: Database, **options: Any) -> None:
    """SIGKILL for a client whose call waits for a lock: the call is gone with it."""
    sale, reservation_id = held_sale(db, units=5)
    calls = {
        "reserve": f"select seckill.reserve({sale.activity_id}, 'eve', '{sale.sku}', 1,"
        f" '{uuid4()}')",
        "confirm": f"select seckill.confirm('ann', {reservation_id})",
    }
    for name, call in calls.items():
        application = f"client_{name}"
        with Gate(db) as gate, Watch(db) as watch:
            gate.lock_slots(sale)
            dsn = make_conninfo(db.dsn("buyer", **options), application_name=application)
            process = subprocess.Popen([sys.executable, "-c", CLIENT, dsn, call])
            try:
                wait_for(
                    lambda watch=watch, application=application: bool(watch.waiting([application])),
                    f"{name} to wait",
                )
                pid = watch.pid(application)
            finally:
                process.kill()
                process.wait()
            watch.until_gone(pid)
            gate.open()
        require_units(db, sale, available=3, held=2)
        require_books(db, sale)


def killed_backend(db: Database) -> None:
    """The server ends a session that waits for a lock: 57P01, and nothing has happened."""
    sale, reservation_id = held_sale(db, units=5)
    calls: list[Callable[..., Any]] = [
        functools.partial(reserve, sale=sale, user="eve"),
        functools.partial(confirm, reservation_id=reservation_id),
        functools.partial(cancel, reservation_id=reservation_id),
    ]
    for call in calls:
        with Session(db) as session, Gate(db) as gate, Watch(db) as watch:
            gate.lock_slots(sale)
            assert session.start(call).blocked
            watch.terminate(session.name)
            require_equal(describe(session.finish()), "57P01", "the ended session")
            gate.open()
        require_units(db, sale, available=3, held=2)
    require_books(db, sale)
