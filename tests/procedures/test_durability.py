"""An answer rests on what is on disk: synchronous_commit is raised, replays and reads flush.

Whether the disk really has it after a crash is for the tests of faults; these look at the setting
inside of the transaction, at the transaction id that a WAL message needs, and at the WAL itself.
Each has its own database, since it leaves a session's setting behind, as a leaky pooler would.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.concurrency.checks_durable import TRIES, flushed_beyond, resting_wal_writer, written
from tests.fix_database import Database
from tests.fix_sale import (
    Sale,
    availability,
    cancel,
    confirm,
    expire_due,
    get_reservation,
    one,
    open_sale,
    reserve,
    reserve_now,
    set_limit,
)
from tests.procedures.instants import call_for, history
from tests.procedures.rules import explain

REQUEST = UUID(int=99)


def find(connection: Connection[Any], sale: Sale, _held: int) -> Any:
    """seckill.find_reservation of REQUEST."""
    return one(
        connection,
        "select * from seckill.find_reservation(%(id)s, 'ann', %(request_id)s)",
        id=sale.activity_id,
        request_id=REQUEST,
    )


def receive(connection: Connection[Any], request_id: UUID) -> Any:
    """seckill.receive_stock of one unit."""
    return one(
        connection,
        "select * from seckill.receive_stock('phone', 1, %(id)s)",
        id=request_id,
    )


def update(connection: Connection[Any], sale: Sale) -> Any:
    """seckill.update_activity of the name."""
    return one(
        connection, "select * from seckill.update_activity(%(id)s, 'new')", id=sale.activity_id
    )


Call = Callable[[Connection[Any], Sale, int], Any]

WRITES: dict[str, Call] = {
    "reserve": lambda c, sale, _: reserve(c, sale, user="bob"),
    "confirm": lambda c, _, held: confirm(c, held),
    "cancel": lambda c, _, held: cancel(c, held),
    "expire_due": lambda c, *_: expire_due(c),
    "create_activity": lambda c, *_: open_sale(c, units=0, state="draft"),
    "update_activity": lambda c, sale, _: update(c, sale),
    "pause_activity": lambda c, sale, _: call_for(c, "pause_activity", sale),
    "close_activity": lambda c, sale, _: call_for(c, "close_activity", sale),
    "receive_stock": lambda c, *_: receive(c, uuid4()),
    "set_limit": lambda c, sale, _: set_limit(c, sale, "new", maximum=1),
}

# What answers by rows that another session may have written a moment ago.
READS: dict[str, Call] = {
    "replay": lambda c, sale, _: reserve(c, sale, request_id=REQUEST),
    "get_reservation": lambda c, _, held: get_reservation(c, held),
    "find_reservation": find,
    "list_reservations": lambda c, sale, _: one(
        c, "select * from seckill.list_reservations('ann', %(id)s)", id=sale.activity_id
    ),
    "history": lambda c, sale, _: history(c, sale, user="ann"),
    "explain": lambda c, sale, _: explain(c, sale, request_id=REQUEST),
}
# These do so whenever they meet a request that was answered before.
REPEATS = {"replay", "explain"}


def sale_with_a_hold(db: Database) -> tuple[Sale, int]:
    """A sale and Ann's hold in it, made by sessions of their own."""
    with db.connect("operator") as operator:
        sale = open_sale(operator)
        return sale, reserve(operator, sale, request_id=REQUEST).reservation_id


@pytest.mark.parametrize("leaked", ["off", "local", "remote_write"])
@pytest.mark.parametrize("name", WRITES)
def test_a_writer_raises_what_leaked_through_the_pooler(db: Database, name, leaked):
    """Another client's SET meets us in the pooler's one server connection."""
    sale, held = sale_with_a_hold(db)
    with db.connect("operator") as careless, db.connect("operator") as session:
        target = careless if db.pooled else session
        target.execute(f"set synchronous_commit = {leaked}".encode())
        assert setting(session) == leaked
        with session.transaction():
            WRITES[name](session, sale, held)
            assert setting(session) == "on"
        assert setting(session) == leaked


@pytest.mark.parametrize("name", READS)
def test_a_replay_or_read_raises_it_too(db: Database, name):
    sale, held = sale_with_a_hold(db)
    with db.connect("operator") as session:
        session.execute("set synchronous_commit = off")
        with session.transaction():
            READS[name](session, sale, held)
            assert setting(session) == "on"


@pytest.mark.parametrize("leaked", ["off", "local"])
def test_early_release_answers_from_disk_whatever_leaked(db: Database, leaked):
    """Its last transaction is over with the answer, so the log's end tells."""
    sale, _ = sale_with_a_hold(db)
    with db.connect("operator", direct=True) as session, resting_wal_writer(db) as superuser:
        session.execute(f"set synchronous_commit = {leaked}".encode())
        for number in range(TRIES):
            before = written(superuser)
            assert reserve_now(session, sale, user=f"user {number}").status == "held"
            assert flushed_beyond(superuser, before)
        assert setting(session) == leaked


@pytest.mark.parametrize("asked", ["on", "remote_apply"])
def test_a_setting_that_is_durable_is_left_alone(db: Database, asked):
    sale, _ = sale_with_a_hold(db)
    with db.connect("operator") as session:
        session.execute(f"set synchronous_commit = {asked}".encode())
        with session.transaction():
            reserve(session, sale, user="bob")
            assert setting(session) == asked


@pytest.mark.parametrize("name", READS)
def test_a_replay_or_read_of_a_young_row_writes_a_commit_record(db: Database, name):
    sale, held = sale_with_a_hold(db)
    with db.connect("operator") as session:
        before = wal_position(db)
        with session.transaction():
            READS[name](session, sale, held)
            assert has_transaction_id(session)
        assert wal_position(db) > before


@pytest.mark.parametrize("name", READS)
def test_a_row_that_was_resolved_a_moment_ago_is_young(db: Database, name):
    sale, held = sale_with_a_hold(db)
    with db.connect("superuser") as superuser:
        grow_old(superuser, held)
    with db.connect("operator") as session:
        confirm(session, held)
        with session.transaction():
            READS[name](session, sale, held)
            assert has_transaction_id(session)


@pytest.mark.parametrize("name", [name for name in READS if name not in REPEATS])
def test_a_read_of_an_old_row_needs_none(db: Database, name):
    sale, held = sale_with_a_hold(db)
    with db.connect("superuser") as superuser:
        grow_old(superuser, held)
    with db.connect("operator") as session, session.transaction():
        READS[name](session, sale, held)
        assert not has_transaction_id(session)


@pytest.mark.parametrize("name", READS)
def test_a_read_only_transaction_reads(db: Database, name):
    """A pooler may hand out sessions that default to read only."""
    sale, held = sale_with_a_hold(db)
    with db.connect("operator") as session, session.transaction():
        session.execute("set transaction read only")
        READS[name](session, sale, held)


def test_a_repeated_ops_call_writes_a_commit_record(db: Database):
    request_id = uuid4()
    with db.connect("operator") as session:
        receive(session, request_id)
        with session.transaction():
            assert receive(session, request_id).replayed
            assert has_transaction_id(session)


def test_an_explanation_of_a_new_request_writes_nothing(db: Database):
    sale, _ = sale_with_a_hold(db)
    with db.connect("operator") as session, session.transaction():
        assert [row.check_name for row in explain(session, sale)] == ["sale", "stock"]
        assert not has_transaction_id(session)


def test_availability_answers_by_no_single_purchase_and_writes_nothing(db: Database):
    sale, _ = sale_with_a_hold(db)
    with db.connect("operator") as session, session.transaction():
        availability(session, sale)
        assert not has_transaction_id(session)


@pytest.mark.parametrize("reason", ["sold_out", "limit_exceeded", "paused"])
def test_a_refusal_writes_nothing(db: Database, reason):
    with db.connect("operator") as session:
        sale = open_sale(session, units=2, limit=1)
        if reason == "paused":
            call_for(session, "pause_activity", sale)
        with session.transaction():
            quantity = 3 if reason == "sold_out" else 2
            assert reserve(session, sale, quantity=quantity).status == reason
            assert not has_transaction_id(session)


def setting(session: Connection[Any]) -> str:
    """synchronous_commit as it is now."""
    return one(session, "select current_setting('synchronous_commit') as value").value


def has_transaction_id(session: Connection[Any]) -> bool:
    """Whether the present transaction has written something."""
    return one(session, "select pg_current_xact_id_if_assigned() as xid").xid is not None


def wal_position(db: Database) -> int:
    """How many bytes of WAL were inserted."""
    with db.connect("superuser") as superuser:
        row = one(superuser, "select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes")
    return int(row.bytes)


def grow_old(superuser: Connection[Any], reservation_id: int) -> None:
    """Make a reservation a minute older, and then some."""
    row = one(
        superuser,
        """
        update seckill_private.reservation
           set created_at = created_at - interval '61 seconds'
         where reservation_id = %(id)s
        returning created_at""",
        id=reservation_id,
    )
    assert row.created_at < datetime.now(row.created_at.tzinfo) - timedelta(seconds=2)
