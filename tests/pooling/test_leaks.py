"""What one client leaves behind in the shared server connection must not change another's answers.

Transaction pooling hands settings, session locks and temporary state from client to client. With
one server connection every client meets all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import Connection

from seckill import Client
from tests.concurrency.books import require_books, require_units
from tests.concurrency.checks_durable import TRIES, flushed_beyond, resting_wal_writer, written
from tests.concurrency.sessions import require
from tests.fix_database import Database
from tests.fix_sale import (
    availability,
    cancel,
    confirm,
    get_reservation,
    one,
    open_sale,
    reserve,
    set_limit,
)

pytestmark = pytest.mark.targets("18-pooled", "15-pooled")

# Whatever a role without rights may set. Those that only refuse (statement_timeout,
# default_transaction_isolation, default_transaction_read_only) are tested apart.
SETTINGS = {
    "array_nulls": "off",
    "backslash_quote": "off",
    "bytea_output": "escape",
    "check_function_bodies": "off",
    "commit_siblings": "1000",
    "DateStyle": "SQL, DMY",
    "default_text_search_config": "pg_catalog.german",
    "enable_hashjoin": "off",
    "enable_indexscan": "off",
    "enable_nestloop": "off",
    "enable_seqscan": "off",
    "extra_float_digits": "-15",
    "from_collapse_limit": "1",
    "IntervalStyle": "sql_standard",
    "join_collapse_limit": "1",
    "lock_timeout": "1",
    "plan_cache_mode": "force_custom_plan",
    "quote_all_identifiers": "on",
    "row_security": "off",
    "search_path": "pg_temp, public",
    "synchronous_commit": "off",
    "TimeZone": "Pacific/Kiritimati",
    "timezone_abbreviations": "Australia",
    "transform_null_equals": "on",
    "work_mem": "64kB",
    "xmlbinary": "hex",
}


@pytest.fixture
def stranger(db: Database) -> Iterator[Connection[Any]]:
    """Another client of the same login, so of the same server connection."""
    with db.connect("buyer") as connection:
        yield connection


def test_server_connection_is_shared(stranger: Connection[Any], buyer: Connection[Any]) -> None:
    """The other tests here show something only if settings do leak."""
    stranger.execute("set work_mem = '77kB'")
    assert one(buyer, "show work_mem").work_mem == "77kB"


def test_settings_change_no_answer(
    db: Database, operator: Connection[Any], stranger: Connection[Any], buyer: Connection[Any]
) -> None:
    plain = a_purchase(operator, buyer)
    for name, value in SETTINGS.items():
        stranger.execute("select set_config(%s, %s, false)", [name, value])
    assert a_purchase(operator, buyer) == plain
    for who in (stranger, buyer):
        who.execute("reset all")


def a_purchase(operator: Connection[Any], buyer: Connection[Any]) -> list[object]:
    """All that a buyer is told on the way through a sale, without ids and instants."""
    sale = open_sale(operator, units=3, limit=2, sku=f"plain_{uuid4()}", time_zone="Asia/Tokyo")
    set_limit(operator, sale, "a_day", maximum=2, window="day")
    request_id = uuid4()
    subjects = {"phone": "１２３"}
    first = reserve(buyer, sale, request_id=request_id, subjects=subjects)
    again = reserve(buyer, sale, request_id=request_id, subjects=subjects)
    second = reserve(buyer, sale, user="bob")
    told: list[object] = [first.status, (again.status, again.replayed)]
    assert again.reservation_id == first.reservation_id
    assert isinstance(first.expires_at, datetime)
    told += [reserve(buyer, sale, quantity=2)[6:11:2]]
    told += [reserve(buyer, sale, quantity=4).status]
    told += [confirm(buyer, first.reservation_id).status]
    told += [cancel(buyer, second.reservation_id, user="bob").status]
    told += [availability(buyer, sale)[:5], get_reservation(buyer, first.reservation_id).status]
    return told


def test_leaked_settings_may_refuse_but_change_nothing(
    db: Database, operator: Connection[Any], stranger: Connection[Any], buyer: Connection[Any]
) -> None:
    sale = open_sale(operator, units=3)
    for name, value, sqlstate in (
        ("default_transaction_isolation", "repeatable read", "SK005"),
        ("default_transaction_isolation", "serializable", "SK005"),
        ("default_transaction_read_only", "on", "25006"),
    ):
        stranger.execute("select set_config(%s, %s, false)", [name, value])
        with pytest.raises(psycopg.Error) as caught:
            reserve(buyer, sale)
        assert caught.value.sqlstate == sqlstate
        stranger.execute(f"reset {name}".encode())
    require_units(db, sale, available=3)
    assert reserve(buyer, sale).status == "held"


def test_synchronous_commit_of_another_client(
    db: Database, operator: Connection[Any], stranger: Connection[Any], buyer: Connection[Any]
) -> None:
    sale = open_sale(operator, units=100)
    with resting_wal_writer(db) as superuser:
        for _ in range(TRIES):
            stranger.execute("set synchronous_commit = off")
            before = written(superuser)
            assert reserve(buyer, sale).status == "held"
            require(flushed_beyond(superuser, before), "held by a commit that is not on disk")
        stranger.execute("reset synchronous_commit")


def test_a_call_leaves_no_setting_behind(
    operator: Connection[Any], stranger: Connection[Any], buyer: Connection[Any]
) -> None:
    sale = open_sale(operator, units=3)
    names = ("synchronous_commit", "lock_timeout", "search_path", "plan_cache_mode")
    query = ", ".join(f"current_setting('{name}') as {name}" for name in names)
    stranger.execute("set synchronous_commit = off")
    before = one(buyer, f"select {query}")
    reserve(buyer, sale)
    assert one(buyer, f"select {query}") == before
    stranger.execute("reset synchronous_commit")


def test_temporary_table_of_another_client(
    db: Database, operator: Connection[Any], stranger: Connection[Any], buyer: Connection[Any]
) -> None:
    """Our roles may make none; where a DBA allows it, a table named like ours changes nothing."""
    sale = open_sale(operator, units=1, limit=1)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stranger.execute("create temporary table pool_slot (available bigint)")
    db.server.execute(f"grant temporary on database {db.name} to seckill_app")
    stranger.execute("create temporary table pool_slot (pool_id bigint, available bigint)")
    stranger.execute("create temporary table limit_version (maximum bigint)")
    stranger.execute("set search_path = pg_temp, seckill_private, seckill")
    assert reserve(buyer, sale, user="bob").status == "held"
    assert reserve(buyer, sale, user="bob").status == "sold_out"
    stranger.execute("reset search_path")
    require_books(db, sale)


def test_session_locks_of_another_client(
    db: Database, operator: Connection[Any], buyer: Connection[Any]
) -> None:
    """Session advisory locks with small keys, as others use them, do not meet ours.

    They stay with the server connection that took them, so two are needed to see anything.
    """
    sale = open_sale(operator, units=3)
    with (
        db.connect("buyer", direct=True) as stranger,
        db.connect("operator", direct=True) as sweeper,
    ):
        for key in (0, 1, 42, sale.activity_id):
            stranger.execute("select pg_advisory_lock(%s)", [key])
            stranger.execute("select pg_advisory_lock(%s::int, %s::int)", [key, 0])
        stranger.execute("select pg_advisory_lock(hashtextextended('ann', 0))")
        stranger.execute("select pg_advisory_lock(hashtext('ann'))")
        assert reserve(buyer, sale).status == "held"
        sweeper.execute("select seckill.expire_due()")
    require_books(db, sale)


def test_role_set_by_another_client(
    operator: Connection[Any], stranger: Connection[Any], buyer: Connection[Any]
) -> None:
    """A role that was left behind gives no right that the login has not, and loses no unit."""
    sale = open_sale(operator, units=3)
    stranger.execute("set role seckill_app")
    assert reserve(buyer, sale).status == "held"
    for role in ("seckill_ops", "seckill_owner"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stranger.execute(f"set role {role}".encode())
    stranger.execute("reset role")


def test_the_client_prepares_nothing(
    db: Database, operator: Connection[Any], buyer: Connection[Any]
) -> None:
    """The Python client as it comes: many calls over a few server connections (1.18 too)."""
    sale = open_sale(operator, units=300)
    for pool_size in (4, 1):
        dsn = db.dsn("buyer", pool_size=pool_size)
        with Client(dsn) as first, Client(dsn) as second:
            for client in (first, second) * 50:
                answer = client.reserve(
                    activity_id=sale.activity_id,
                    user_id=f"user {uuid4()}",
                    sku=sale.sku,
                    quantity=1,
                    request_id=uuid4(),
                )
                assert answer.status == "held"
    left_behind = one(buyer, "select count(*) as found from pg_prepared_statements")
    assert left_behind.found == 0
    require_units(db, sale, available=100, held=200)
