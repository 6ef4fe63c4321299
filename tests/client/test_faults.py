# WARNING: this file is auto-generated from test_faults_async.py by ops/dev/generate_sync.py.
# Do not change it: change the source and generate again.
"""What a call says, and leaves behind, when something breaks while it is under way.

The rule under test: a result, an error that means that nothing happened, or OutcomeUnknown; and
one request id buys once, however often it is sent.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from seckill import (
    NO_RETRY,
    Client,
    OutcomeUnknown,
    ReserveResult,
    RetryPolicy,
    Unavailable,
)
from seckill.runtime import LOGINS, PgBouncer, Runtime
from tests.client.fix_client import (
    background,
    blocked_pids,
    finish,
    held_by,
    pool_locked,
    until,
)
from tests.client.fix_coalesce import waiting
from tests.fix_database import Database
from tests.fix_pgbouncer import PASSWORD
from tests.fix_postgres import Server
from tests.fix_sale import Sale, open_sale

QUICK = RetryPolicy(settle_ms=1_000)


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    return open_sale(operator, units=2)


@pytest.fixture
def own_pooler(server: Server) -> Iterator[PgBouncer]:
    """A pooler to be maltreated, with one server connection."""
    with PgBouncer(
        server.postgres,
        pool_size=1,
        users=dict.fromkeys(LOGINS, PASSWORD),
        settings={"query_wait_timeout": "1"},
    ) as pooler:
        yield pooler


@pytest.fixture
def cancels(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Cancel requests that the driver was asked to send."""
    asked: list[str] = []

    def note(self: Any, *_: Any, **__: Any) -> None:
        asked.append("cancel")

    for kind in (psycopg.Connection, psycopg.Connection):
        monkeypatch.setattr(kind, "cancel", note)
        monkeypatch.setattr(kind, "cancel_safe", note)
    return asked


def buy(client: Client, sale: Sale, request_id: UUID | None = None) -> ReserveResult:
    return client.reserve(
        activity_id=sale.activity_id,
        user_id="ann",
        sku=sale.sku,
        quantity=1,
        request_id=request_id,
    )


# --- the connection is lost


def test_a_terminated_backend_is_settled_by_a_retry(
    db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    with Client(db.dsn("buyer")) as client:
        with pool_locked(db.admin_dsn, sale):
            running = background(lambda: buy(client, sale))
            until(lambda: bool(blocked_pids(superuser)))
            lost = blocked_pids(superuser)
            superuser.execute("select pg_terminate_backend(%s)", lost)
            until(lambda: bool(set(blocked_pids(superuser)) - set(lost)))
        answer = finish(running)
    assert answer.ok
    assert held_by(superuser, sale, "ann") == 1


def test_without_retries_the_outcome_is_unknown(
    db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    request_id = uuid4()
    with Client(db.dsn("buyer"), retry=NO_RETRY) as client:
        with pool_locked(db.admin_dsn, sale):
            running = background(lambda: buy(client, sale, request_id))
            until(lambda: bool(blocked_pids(superuser)))
            superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
            with pytest.raises(OutcomeUnknown) as caught:
                finish(running)
        assert caught.value.request_id == request_id
        assert caught.value.sqlstate == "57P01"
        assert caught.value.__cause__ is not None
        assert (buy(client, sale, request_id)).ok
    assert held_by(superuser, sale, "ann") == 1


def test_a_made_up_request_id_is_told(db: Database, sale: Sale, superuser: Connection[Any]) -> None:
    with Client(db.dsn("buyer"), retry=NO_RETRY) as client:
        with pool_locked(db.admin_dsn, sale):
            running = background(lambda: buy(client, sale))
            until(lambda: bool(blocked_pids(superuser)))
            superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
            with pytest.raises(OutcomeUnknown) as caught:
                finish(running)
        assert caught.value.request_id is not None
        assert (buy(client, sale, caught.value.request_id)).ok


def test_calls_that_may_not_repeat_are_not_repeated(
    db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    with psycopg.connect(db.admin_dsn) as holder:
        holder.execute("lock table seckill_private.activity in access exclusive mode")
        with Client(db.dsn("operator")) as client:
            running = background(lambda: client.pause_activity(activity_id=sale.activity_id))
            until(lambda: bool(blocked_pids(superuser)))
            superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
            with pytest.raises(OutcomeUnknown) as caught:
                finish(running)
    assert caught.value.request_id is None


def test_reads_are_never_an_open_question(
    db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    with psycopg.connect(db.admin_dsn) as holder:
        holder.execute("lock table seckill_private.activity in access exclusive mode")
        with Client(db.dsn("buyer"), retry=NO_RETRY, timeout_ms=5_000) as client:
            running = background(
                lambda: client.availability(activity_id=sale.activity_id, sku=sale.sku)
            )
            until(lambda: bool(blocked_pids(superuser)))
            superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
            with pytest.raises(Unavailable) as caught:
                finish(running)
    assert caught.value.sqlstate == "57P01"


def test_a_killed_pooler_is_settled_by_a_retry(
    db: Database, sale: Sale, superuser: Connection[Any], own_pooler: PgBouncer
) -> None:
    dsn = own_pooler.dsn("seckill_buyer", PASSWORD, db.name)
    with Client(dsn) as client:
        with pool_locked(db.admin_dsn, sale):
            running = background(lambda: buy(client, sale))
            until(lambda: bool(blocked_pids(superuser)))
            lost = blocked_pids(superuser)
            own_pooler.kill()
            own_pooler.start()
            until(lambda: bool(set(blocked_pids(superuser)) - set(lost)))
        answer = finish(running)
        assert answer.ok
        assert (buy(client, sale)).ok
    assert held_by(superuser, sale, "ann") == 2


def test_idle_connections_that_died_are_not_used(
    db: Database, sale: Sale, own_pooler: PgBouncer
) -> None:
    dsn = own_pooler.dsn("seckill_buyer", PASSWORD, db.name)
    with Client(dsn, min_size=3, retry=NO_RETRY) as client:
        own_pooler.kill()
        with pytest.raises(Unavailable, match="cannot connect"):
            buy(client, sale)
        own_pooler.start()
        assert (buy(client, sale)).ok


def test_a_full_pooler_means_nothing_happened(
    db: Database, sale: Sale, superuser: Connection[Any], own_pooler: PgBouncer
) -> None:
    dsn = own_pooler.dsn("seckill_buyer", PASSWORD, db.name)
    with Client(dsn, retry=NO_RETRY) as client:
        with psycopg.connect(dsn, prepare_threshold=None) as other:
            other.execute("select 1")  # keeps the pooler's only server connection
            with pytest.raises(Unavailable, match="query_wait_timeout") as caught:
                buy(client, sale)
    assert caught.value.sqlstate == "08P01"
    assert held_by(superuser, sale, "ann") == 0


def test_close_ends_no_call(db: Database, sale: Sale, superuser: Connection[Any]) -> None:
    """Not even one whose answer was lost, and which waits to ask again: else nobody would know."""
    retry = RetryPolicy(base_ms=2_000, cap_ms=2_000)
    client = Client(db.dsn("buyer"), retry=retry)
    client.open()
    with pool_locked(db.admin_dsn, sale):
        running = background(lambda: buy(client, sale))
        until(lambda: bool(blocked_pids(superuser)))
        superuser.execute("select pg_terminate_backend(%s)", blocked_pids(superuser))
        until(lambda: not blocked_pids(superuser))
        client.close()
        with pytest.raises(RuntimeError, match="not open"):
            buy(client, sale)
    assert (finish(running)).ok
    assert held_by(superuser, sale, "ann") == 1


# --- a call that commits and goes on


@contextmanager
def pause(superuser: Connection[Any]) -> Iterator[None]:
    """In this database reserve_now waits between its two commits, for as long as it is let."""
    emit = "pg_catalog.pg_logical_emit_message"
    row = superuser.execute(
        "select pg_get_function_identity_arguments(oid) from pg_proc"
        " where proname = 'pg_logical_emit_message' and prorettype = 'pg_lsn'::regtype"
        " and proargtypes[2] = 'text'::regtype"
    ).fetchone()
    assert row is not None
    superuser.execute(f"alter function {emit} ({row[0]}) rename to emit_at_once".encode())
    superuser.execute(
        f"create function {emit} (boolean, text, text) returns pg_lsn language sql"
        " as $$ select pg_catalog.pg_sleep(60); select null::pg_lsn $$".encode()
    )
    try:
        yield
    finally:
        superuser.execute(f"drop function {emit} (boolean, text, text)".encode())
        superuser.execute(
            f"alter function pg_catalog.emit_at_once ({row[0]})"
            " rename to pg_logical_emit_message".encode()
        )


def buy_now(client: Client, sale: Sale, request_id: UUID, user: str = "ann") -> ReserveResult:
    return client.reserve_now(
        activity_id=sale.activity_id, user_id=user, sku=sale.sku, quantity=1, request_id=request_id
    )


def test_what_is_broken_off_after_its_commit_may_have_happened(
    db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    sleeping = (
        "select pid from pg_stat_activity"
        " where datname = current_database() and wait_event = 'PgSleep'"
    )
    request_id = uuid4()
    with Client(db.dsn("buyer"), retry=NO_RETRY) as client:
        with pause(superuser):
            running = background(lambda: buy_now(client, sale, request_id))
            until(lambda: superuser.execute(sleeping).fetchone() is not None)
            superuser.execute(f"select pg_cancel_backend(pid) from ({sleeping}) as s".encode())
            with pytest.raises(OutcomeUnknown) as caught:
                finish(running)
        assert (caught.value.sqlstate, caught.value.request_id) == ("57014", request_id)
        assert held_by(superuser, sale, "ann") == 1
        assert (buy_now(client, sale, request_id)).replayed


def test_what_is_broken_off_before_its_commit_did_nothing(
    db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    with Client(db.dsn("buyer"), retry=NO_RETRY) as client:
        with pool_locked(db.admin_dsn, sale):
            running = background(lambda: buy_now(client, sale, uuid4()))
            until(lambda: bool(blocked_pids(superuser)))
            superuser.execute("select pg_cancel_backend(%s)", blocked_pids(superuser))
            with pytest.raises(Unavailable) as caught:
                finish(running)
        assert caught.value.sqlstate == "57014"
    assert held_by(superuser, sale, "ann") == 0


# --- the answer takes too long


def test_a_timeout_drops_the_connection_and_sends_no_cancel(
    db: Database, sale: Sale, superuser: Connection[Any], cancels: list[str]
) -> None:
    request_id = uuid4()
    with Client(db.dsn("buyer"), timeout_ms=300, retry=NO_RETRY) as client:
        pool: Any = client._pool
        link = pool._idle[-1]
        with pool_locked(db.admin_dsn, sale):
            started = time.monotonic()
            with pytest.raises(OutcomeUnknown, match="no answer in time") as caught:
                buy(client, sale, request_id)
            assert 0.3 <= time.monotonic() - started < 1.5
            assert link.closed
            # PostgreSQL notices by itself that nobody waits for the answer any more.
            until(lambda: not blocked_pids(superuser))
        assert caught.value.request_id == request_id
        assert (buy(client, sale, request_id)).ok
    assert cancels == []
    assert held_by(superuser, sale, "ann") == 1


def test_a_timeout_is_settled_by_a_retry(
    db: Database, sale: Sale, superuser: Connection[Any]
) -> None:
    with Client(db.dsn("buyer"), timeout_ms=500, retry=QUICK) as client:
        with pool_locked(db.admin_dsn, sale):
            running = background(lambda: buy(client, sale))
            until(lambda: bool(blocked_pids(superuser)))
            first = blocked_pids(superuser)
            until(lambda: bool(set(blocked_pids(superuser)) - set(first)))
        assert (finish(running)).ok
    assert held_by(superuser, sale, "ann") == 1


def test_unknown_to_the_end(db: Database, sale: Sale, superuser: Connection[Any]) -> None:
    retry = RetryPolicy(deadline_ms=1_000)
    with Client(db.dsn("buyer"), timeout_ms=300, retry=retry) as client:
        with pool_locked(db.admin_dsn, sale):
            started = time.monotonic()
            with pytest.raises(OutcomeUnknown):
                buy(client, sale)
            assert 0.8 <= time.monotonic() - started < 3
            until(lambda: not blocked_pids(superuser))
    assert held_by(superuser, sale, "ann") == 0


def test_a_refusal_after_a_lost_call_is_not_trusted_at_once(
    db: Database, sale: Sale, superuser: Connection[Any], operator: Connection[Any]
) -> None:
    """The lost call might still be waiting in the server, and get what the retry did not."""
    with Client(db.dsn("buyer"), timeout_ms=400, retry=QUICK) as client:
        with pool_locked(db.admin_dsn, sale):
            running = background(lambda: buy(client, sale))
            until(lambda: bool(blocked_pids(superuser)))
            # From now on every later call is refused without waiting for the pool.
            operator.execute("select seckill.pause_activity(%s)", [sale.activity_id])
            started = time.monotonic()
            answer = finish(running)
            taken_s = time.monotonic() - started
    assert answer.status == "paused"
    assert taken_s > 1.0
    assert held_by(superuser, sale, "ann") == 0


def test_a_lock_timeout_means_nothing_happened(
    db: Database, sale: Sale, superuser: Connection[Any], operator: Connection[Any]
) -> None:
    other = open_sale(operator, units=1, sku="tablet", name="other")
    with Client(db.dsn("buyer", pool_size=2), retry=NO_RETRY) as client:
        with pool_locked(db.admin_dsn, sale), pool_locked(db.admin_dsn, other, "eve"):
            running: list[Any] = [
                background(call)
                for call in (
                    lambda: buy(client, sale),
                    lambda: buy_now(client, other, uuid4(), "bob"),
                )
            ]
            for one in running:
                with pytest.raises(Unavailable) as caught:
                    finish(one)
                assert caught.value.sqlstate == "55P03"
        assert (buy(client, sale)).ok
    assert held_by(superuser, sale, "ann") == 1


# --- the server itself


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    """A server of our own, to be killed."""
    with Runtime(pool_size=2) as runtime:
        yield runtime


@pytest.fixture
def runtime_sale(runtime: Runtime) -> Sale:
    with psycopg.connect(runtime.ops_dsn, autocommit=True, prepare_threshold=None) as connection:
        connection.row_factory = psycopg.rows.namedtuple_row  # type: ignore[assignment]
        return open_sale(connection, units=5)


def test_a_killed_server_is_waited_for(runtime: Runtime, runtime_sale: Sale) -> None:
    with Client(runtime.dsn) as client:
        with pool_locked(runtime.superuser_dsn, runtime_sale) as holder:
            running = background(lambda: buy(client, runtime_sale))
            with psycopg.connect(runtime.superuser_dsn, autocommit=True) as watcher:
                until(lambda: bool(blocked_pids(watcher)))
            runtime.postgres.kill()
            holder.close()
            runtime.postgres.start()
        answer = finish(running)
    assert answer.ok
    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as watcher:
        assert held_by(watcher, runtime_sale, "ann") == 1


def test_an_answer_that_did_not_wait_for_its_standby(runtime: Runtime, runtime_sale: Sale) -> None:
    """A cancelled wait is success with WARNING 01000, and must not pass for one."""
    waiting = (
        "select pid from pg_stat_activity where wait_event = 'SyncRep' and datname = 'seckill'"
    )
    request_id = uuid4()
    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
        superuser.execute("alter system set synchronous_standby_names = 'nobody'")
        superuser.execute("select pg_reload_conf()")
        try:
            with Client(runtime.dsn, retry=NO_RETRY) as client:
                running = background(lambda: buy(client, runtime_sale, request_id))
                until(lambda: superuser.execute(waiting).fetchone() is not None)
                superuser.execute(f"select pg_cancel_backend(pid) from ({waiting}) as w".encode())
                with pytest.raises(OutcomeUnknown, match="standby") as caught:
                    finish(running)
                assert caught.value.sqlstate == "01000"
        finally:
            superuser.execute("alter system reset synchronous_standby_names")
            superuser.execute("select pg_reload_conf()")
        with Client(runtime.dsn, retry=NO_RETRY) as client:
            again = buy(client, runtime_sale, request_id)
    assert (again.ok, again.replayed) == (True, True)


def test_a_batch_lost_after_its_commit_is_replayed(runtime: Runtime, runtime_sale: Sale) -> None:
    """All of it is open, and whoever asks again has what the lost batch gave."""
    in_wait = (
        "select pid from pg_stat_activity where wait_event = 'SyncRep' and datname = 'seckill'"
    )
    clicks = [uuid4() for _ in range(3)]

    def outcome(client: Client, click: UUID) -> object:
        try:
            return buy(client, runtime_sale, click)
        except OutcomeUnknown as error:
            return error.request_id

    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
        superuser.execute("alter system set synchronous_standby_names = 'nobody'")
        superuser.execute("select pg_reload_conf()")
        try:
            with Client(runtime.dsn, retry=NO_RETRY, in_flight=1) as client:
                with pool_locked(runtime.superuser_dsn, runtime_sale):
                    running = [background(lambda: outcome(client, clicks[0]))]
                    until(lambda: bool(blocked_pids(superuser)))
                    running += [background(partial(outcome, client, id)) for id in clicks[1:]]
                    until(lambda: waiting(client) == 2)
                for _ in range(2):  # the single call, then the batch
                    until(lambda: superuser.execute(in_wait).fetchone() is not None)
                    lost = superuser.execute(in_wait).fetchall()
                    superuser.execute("select pg_terminate_backend(%s)", lost[0])
                    until(partial(_gone, superuser, lost[0][0]))
                assert [finish(one) for one in running] == clicks
        finally:
            superuser.execute("alter system reset synchronous_standby_names")
            superuser.execute("select pg_reload_conf()")
        with Client(runtime.dsn, retry=NO_RETRY) as client:
            for click in clicks:
                again = buy(client, runtime_sale, click)
                assert (again.ok, again.replayed) == (True, True)
        assert held_by(superuser, runtime_sale, "ann") == 3


def _gone(superuser: Connection[Any], pid: int) -> bool:
    found = superuser.execute("select from pg_stat_activity where pid = %s", [pid])
    return found.fetchone() is None
