"""Sessions that run step by step, and gates that hold them back.

    with Session(db, "confirm") as one, Gate(db) as gate:
        gate.lock_user("ann")
        assert one.start(confirm, reservation_id).blocked
        gate.open()
        assert one.finish().status == "confirmed"

Nothing here sleeps for a guessed time: who should wait for a lock is seen waiting in
pg_stat_activity before the next step is taken.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_sale import Sale

PATIENCE_S = 30.0
POLL_S = 0.002
NUMBERS = itertools.count(1)

Answer = Any  # a row, a number or an exception: what a call came to


class Violation(AssertionError):
    """A check found that the code under test is wrong; any other error is the check's own fault."""


def require(condition: bool, message: str) -> None:
    """Raise Violation unless the condition holds."""
    if not condition:
        raise Violation(message)


def require_equal(actual: object, expected: object, what: str) -> None:
    """Raise Violation unless both are equal."""
    require(actual == expected, f"{what}: {actual!r}, expected {expected!r}")


def use_short_fuses(db: Database) -> None:
    """Have the sessions of a database notice a deadlock early and end by themselves."""
    for setting in ("deadlock_timeout = '100ms'", "statement_timeout = '20s'"):
        db.server.execute(f"alter database {db.name} set {setting}")


def describe(answer: Answer) -> str:
    """What a call came to, in a word: the status, or the SQLSTATE of the error."""
    if isinstance(answer, psycopg.Error):
        return answer.sqlstate or type(answer).__name__
    if isinstance(answer, Exception):
        raise answer  # no answer of a database, but a fault of the test
    return str(getattr(answer, "status", answer))


# By database and role: what `at_hand` keeps where somebody closes it.
_KEPT: dict[str, dict[str, Connection[Any]]] = {}


@contextmanager
def kept_at_hand(db: Database) -> Iterator[None]:
    """Within it `at_hand` opens one connection of a role, and no second one."""
    kept = _KEPT[db.name] = {}
    try:
        yield
    finally:
        del _KEPT[db.name]
        for connection in kept.values():
            connection.close()


@contextmanager
def at_hand(db: Database, role: str) -> Iterator[Connection[Any]]:
    """A connection for what a check does beside its sessions: the scene, looks, the books.

    A new one costs more than most of that: a login, and the plans of every function anew.
    """
    kept = _KEPT.get(db.name)
    if kept is None:
        with db.connect(role) as connection:
            yield connection
        return
    if role not in kept or kept[role].closed:
        kept[role] = db.connect(role)
    yield kept[role]


class Watch:
    """Looks at pg_stat_activity for sessions by their application_name; use it in a `with`."""

    def __init__(self, db: Database) -> None:
        self._stack = ExitStack()
        self._connection = self._stack.enter_context(at_hand(db, "superuser"))

    def waiting(self, names: Sequence[str]) -> set[str]:
        """Which of the sessions wait for a row, a table or an advisory lock at this moment."""
        rows = self._connection.execute(
            """
            select application_name as name from pg_stat_activity
             where datname = current_database() and wait_event_type = 'Lock'
               and wait_event in ('advisory', 'relation', 'transactionid', 'tuple')
               and application_name = any (%s)""",
            [list(names)],
        )
        return {row.name for row in rows}

    def pid(self, name: str) -> int:
        """The backend that serves a session at this moment, also behind a pooler."""
        rows = self._connection.execute(
            """
            select pid from pg_stat_activity
             where datname = current_database() and application_name = %s""",
            [name],
        ).fetchall()
        assert len(rows) == 1, f"{len(rows)} backends of {name}"
        return rows[0].pid

    def terminate(self, name: str) -> None:
        """End the backend of a session, as an operator or the out-of-memory killer would."""
        pid = self.pid(name)
        self._connection.execute("select pg_terminate_backend(%s)", [pid])
        self.until_gone(pid)

    def until_gone(self, pid: int) -> None:
        """Wait until a backend has ended, and with it its locks."""
        query = "select from pg_stat_activity where pid = %s"
        wait_for(
            lambda: self._connection.execute(query, [pid]).fetchone() is None, "the backend's end"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll until the condition holds; TimeoutError, which is no Violation, when it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come in {PATIENCE_S} s")
        time.sleep(POLL_S)


class Session:
    """One client of the database: a connection of its own, in a thread of its own.

    `start` returns as soon as the call is over or waits for a lock. `options` go to db.connect.
    """

    def __init__(self, db: Database, role: str = "buyer", **options: Any) -> None:
        self.name = f"session_{next(NUMBERS)}"
        options = {"direct": True, "application_name": self.name} | options
        self.connection: Connection[Any] = db.connect(role, **options)
        self._db = db
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.name)
        self._running: Future[Answer] | None = None

    def start(self, call: Callable[..., Answer], *arguments: Any, **named: Any) -> Self:
        """Run `call(connection, …)` beside us; returns when it is over or waits for a lock."""
        self.send(call, *arguments, **named)
        until_settled([self], self._db)
        return self

    def send(self, call: Callable[..., Answer], *arguments: Any, **named: Any) -> None:
        """Run `call(connection, …)` beside us, without waiting for anything."""
        assert self._running is None, f"{self.name} is still busy"
        work = functools.partial(call, self.connection, *arguments, **named)
        self._running = self._thread.submit(work)

    @property
    def done(self) -> bool:
        """Whether the call that was started is over."""
        return self._running is None or self._running.done()

    @property
    def blocked(self) -> bool:
        """Whether the call that was started waits for a lock."""
        return not self.done

    def finish(self) -> Answer:
        """Wait for the call that was started: what it returned, or the database's error."""
        assert self._running is not None, f"{self.name} was not started"
        running, self._running = self._running, None
        try:
            return running.result(PATIENCE_S)
        except psycopg.Error as error:
            return error

    def run(self, call: Callable[..., Answer], *arguments: Any, **named: Any) -> Answer:
        """Start and finish in one step."""
        self.send(call, *arguments, **named)
        return self.finish()

    def execute(self, statement: str) -> None:
        """Run a statement here and now, such as begin, commit or rollback."""
        self.connection.execute(statement.encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._running is not None and not self._running.done():
            with self._db.connect("superuser") as superuser:
                superuser.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = %s",
                    [self.name],
                )
        self._thread.shutdown(wait=True)
        self.connection.close()


def until_settled(sessions: Sequence[Session], db: Database) -> None:
    """Wait until each session is either done or waits for a lock, as two looks in a row show."""
    names = [session.name for session in sessions]
    before: set[str] = set()
    with Watch(db) as watch:

        def settled() -> bool:
            nonlocal before
            seen = watch.waiting(names)
            busy = {session.name for session in sessions if not session.done}
            still, before = busy <= seen and busy <= before, seen
            return not busy or still

        wait_for(settled, "a lock to wait for, or an end")


class Gate:
    """Locks held by somebody else, so that sessions queue up behind them until `open`."""

    def __init__(self, db: Database) -> None:
        self.connection = db.connect("superuser", autocommit=False)

    def lock_slots(self, *sales: Sale) -> None:
        """The pools' hot rows."""
        for sale in sales:
            self.connection.execute(
                """
                select from seckill_private.pool_slot join seckill_private.pool using (pool_id)
                 where activity_id = %s and sku = %s and region = %s for update of pool_slot""",
                [sale.activity_id, sale.sku, sale.region],
            )

    def lock_user(self, user: str) -> None:
        """The buyer's advisory lock."""
        self.connection.execute("select seckill_private.lock_subject('user', %s)", [user])

    def lock_reservation(self, reservation_id: int) -> None:
        """The row of a reservation."""
        self.connection.execute(
            "select from seckill_private.reservation where reservation_id = %s for update",
            [reservation_id],
        )

    def lock_inventory(self, sku: str) -> None:
        """The real stock of a sku."""
        self.connection.execute(
            "select from seckill_private.inventory where sku = %s for update", [sku]
        )

    def lock_activity(self, sale: Sale) -> None:
        """The activity's row, as an ops call does."""
        self.connection.execute(
            "select from seckill_private.activity where activity_id = %s for no key update",
            [sale.activity_id],
        )

    def lock_stock(self) -> None:
        """All pools' hot rows, against readers too."""
        self.connection.execute("lock table seckill_private.pool_slot in access exclusive mode")

    def lock_partitions(self) -> None:
        """The attaching of a partition."""
        self.connection.execute(
            "lock table seckill_private.reservation in share update exclusive mode"
        )

    def end_hold(self, reservation_id: int) -> None:
        """Lock the reservation and move its end to this very moment."""
        self.connection.execute(
            """
            update seckill_private.reservation set expires_at = clock_timestamp()
             where reservation_id = %s""",
            [reservation_id],
        )

    def open(self) -> None:
        """Let everybody through."""
        self.connection.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.connection.rollback()
        self.connection.close()


@contextmanager
def sessions_of(
    db: Database, count: int, role: str = "buyer", **options: Any
) -> Iterator[list[Session]]:
    """Several sessions, closed at the end."""
    with ExitStack() as stack:
        yield [stack.enter_context(Session(db, role, **options)) for _ in range(count)]


def stampede(
    db: Database,
    sessions: Sequence[Session],
    gate: Gate | None,
    calls: Sequence[Callable[..., Any]],
) -> list[Answer]:
    """Start all calls, wait until every one is over or waits, open the gate: all answers in order.

    Behind the gate every session has read what it reads without a lock, so that each one decides on
    what it saw before the others moved: the worst interleaving, every time.
    """
    for session, call in zip(sessions, calls, strict=True):
        session.send(call)
    if gate is not None:
        until_settled(sessions, db)
        gate.open()
    return [session.finish() for session in sessions]
