"""Poolers of a test's own, their console, and a crowd that keeps buying while they suffer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection
from psycopg.rows import namedtuple_row

from seckill.runtime import LOGINS, PgBouncer
from tests.fix_database import Database
from tests.fix_pgbouncer import PASSWORD
from tests.fix_sale import Sale, reserve

PATIENCE_S = 30.0


@contextmanager
def own_pooler(db: Database, pool_size: int = 1, **settings: str) -> Iterator[PgBouncer]:
    """A pooler that a test may kill."""
    users = dict.fromkeys(LOGINS, PASSWORD)
    with PgBouncer(
        db.server.postgres, pool_size=pool_size, users=users, settings=settings
    ) as pooler:
        yield pooler


def connect(pooler: PgBouncer, db: Database, user: str = "seckill_buyer") -> Connection[Any]:
    """An autocommit connection through the pooler."""
    return psycopg.connect(
        pooler.dsn(user, PASSWORD, db.name),
        autocommit=True,
        prepare_threshold=None,
        row_factory=namedtuple_row,
        connect_timeout=5,
    )


def console(pooler: PgBouncer, command: str) -> list[Any]:
    """Run a command on the pooler's console; its rows, by column name."""
    with psycopg.connect(
        pooler.admin_dsn,
        autocommit=True,
        prepare_threshold=None,
        cursor_factory=psycopg.ClientCursor,
        row_factory=namedtuple_row,
    ) as connection:
        cursor = connection.execute(command.encode())
        return cursor.fetchall() if cursor.description else []


@dataclass(slots=True)
class Crowd:
    """Buyers, a thread each, who reserve one unit after another and repeat what had no answer.

    Every purchase has its request id before it is sent. An error of the connection leaves its
    outcome unknown: the buyer connects again and repeats it until there is an answer.
    """

    pooler: PgBouncer
    db: Database
    sale: Sale
    buyers: int = 6
    answered: dict[tuple[str, UUID], int] = field(default_factory=dict[Any, Any])
    unknown: int = 0
    replayed: int = 0
    faults: list[str] = field(default_factory=list[str])
    stop: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list[threading.Thread])
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, user: str) -> None:
        """One buyer, until `stop`; the purchase under way is brought to its end."""
        connection: Connection[Any] | None = None
        request_id = uuid4()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                if connection is None:
                    connection = connect(self.pooler, self.db)
                answer = reserve(connection, self.sale, user=user, request_id=request_id)
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    self.faults.append(f"no answer in {PATIENCE_S} s: {error}")
                    return
                with self.lock:
                    self.unknown += connection is not None
                if connection is not None:
                    connection.close()
                    connection = None
                time.sleep(0.02)  # not for an event: a pooler that is down is not hammered
                continue
            except Exception as error:  # noqa: BLE001 - the test judges it
                self.faults.append(repr(error))
                return
            if answer.status != "held":
                self.faults.append(answer.status)
                return
            with self.lock:
                self.answered[user, request_id] = answer.reservation_id
                self.replayed += answer.replayed
            if self.stop.is_set():
                connection.close()
                return
            request_id = uuid4()
            deadline = time.monotonic() + PATIENCE_S

    def answers(self) -> int:
        """How many purchases were answered so far."""
        with self.lock:
            return len(self.answered)

    def wait_for_more(self, count: int = 30) -> None:
        """Let the crowd get so many more answers."""
        goal = self.answers() + count
        deadline = time.monotonic() + PATIENCE_S
        while self.answers() < goal and not self.faults:
            assert time.monotonic() < deadline, "the crowd gets no answers"
            time.sleep(0.005)

    def __enter__(self) -> Crowd:
        for number in range(self.buyers):
            thread = threading.Thread(target=self.run, args=(f"user {number}",), daemon=True)
            self.threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()


def stored(db: Database) -> dict[tuple[str, UUID], int]:
    """What the ledger has: (user, request id) to reservation."""
    with db.connect("superuser") as superuser:
        rows = superuser.execute(
            "select user_id, request_id, reservation_id from seckill_private.reservation"
        ).fetchall()
    return {(row.user_id, row.request_id): row.reservation_id for row in rows}
