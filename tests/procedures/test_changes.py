"""seckill.changes, one session at a time: rows, cursors, who sees whom, restores.

The races are in tests/concurrency/checks_feed.py. Every test has a database of its own, since the
feed is of all activities.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.concurrency.checks_feed import Consumer, changes, require_feed, told
from tests.fix_database import Database, new_database, wait_for_lock
from tests.fix_sale import (
    Sale,
    add_units,
    cancel,
    close_activity,
    confirm,
    one,
    open_sale,
    reserve,
)
from tests.procedures.instants import HOLD, OPENS, confirm_at, history, hold_at, refused
from tests.procedures.instants import sale_between as sale_at


@pytest.fixture
def operator(db: Database) -> Iterator[Connection[Any]]:
    with db.connect("operator") as connection:
        yield connection


@pytest.fixture
def buyer(db: Database) -> Iterator[Connection[Any]]:
    with db.connect("buyer") as connection:
        yield connection


@pytest.fixture
def reader(db: Database) -> Iterator[Connection[Any]]:
    with db.connect("reader") as connection:
        yield connection


@pytest.fixture
def superuser(db: Database) -> Iterator[Connection[Any]]:
    with db.connect("superuser") as connection:
        yield connection


def some_lives(operator: Connection[Any], buyer: Connection[Any]) -> Sale:
    """A sale with a few purchases, one paid, one cancelled."""
    sale = open_sale(operator)
    held = [reserve(buyer, sale, user=f"u{number}").reservation_id for number in range(4)]
    confirm(buyer, held[0], user="u0")
    cancel(buyer, held[1], user="u1")
    return sale


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_pages_of_any_size_are_the_whole_ledger(db, operator, buyer, reader, page):
    sales = [some_lives(operator, buyer) for _ in range(2)]
    consumer = Consumer(reader)
    consumer.catch_up(page)
    require_feed(db, consumer.rows, *sales)


def test_rows_are_those_of_history(operator, superuser, reader):
    """Every kind that there is without a purchase side by side, events included."""
    sale = sale_at(operator, superuser, units=3)
    late = hold_at(superuser, sale, OPENS)
    too_late = hold_at(superuser, sale, OPENS, user="bob", quantity=2)
    confirm_at(superuser, late, OPENS + HOLD, payment_ref="1")
    confirm_at(superuser, late, OPENS + HOLD, payment_ref="2")
    hold_at(superuser, sale, OPENS + HOLD, user="cid", quantity=1)
    confirm_at(superuser, too_late, OPENS + HOLD, user="bob")
    close_activity(operator, sale)
    feed = changes(reader)
    assert sorted(map(told, feed), key=str) == sorted(map(told, history(reader, sale)), key=str)
    names = [row.kind for row in feed if row.reservation_id == too_late]
    assert names == ["hold", "expire", "late_sold_out"], (
        "what happened is told before what came of it"
    )


def test_nothing_new_is_no_row(operator, buyer, reader):
    some_lives(operator, buyer)
    last = changes(reader)[-1].cursor
    assert changes(reader, last) == []
    assert changes(reader, last) == []


def test_an_order_of_several_lines_is_a_row_for_each_and_keeps_every_pool_in_order(
    db, operator, buyer, reader
):
    """One reservation is one row of the books with one position, in pools that moved apart."""
    sale = open_sale(operator, sku="a")
    other = Sale(sale.activity_id, "b", "*")
    add_units(operator, other, 10)
    with db.connect("buyer", direct=True) as early, db.connect("buyer", direct=True) as idle:
        for connection in (early, idle):
            connection.execute("begin")
            connection.execute("select pg_current_xact_id()")
        reserve(buyer, other, user="first")
        buyer.execute(
            "select seckill.reserve_lines(%s, 'both', array['a', 'b'], array[1, 2],"
            " gen_random_uuid())",
            [sale.activity_id],
        )
        reserve(early, sale, user="last")
        early.execute("commit")
        idle.execute("commit")
    consumer = Consumer(reader)
    consumer.catch_up(1)
    require_feed(db, consumer.rows, sale, other)
    lines = [(row.sku, row.quantity) for row in consumer.rows if row.user_id == "both"]
    assert sorted(lines) == [("a", 1), ("b", 2)]


def test_a_buyers_login_sees_units_and_not_people(operator, buyer, reader):
    some_lives(operator, buyer)
    seen, named = changes(buyer), changes(reader)
    assert {(row.user_id, row.reservation_id) for row in seen} == {(None, None)}
    assert [row.cursor for row in seen] == [row.cursor for row in named]
    assert {row.user_id for row in named} == {None, "u0", "u1", "u2", "u3"}
    assert {row.user_id for row in changes(operator)} == {None, "u0", "u1", "u2", "u3"}


def test_a_read_only_session_may_read(db, operator, buyer):
    some_lives(operator, buyer)
    with db.connect("reader", direct=True) as reader:
        reader.execute("set default_transaction_read_only = on")
        assert len(changes(reader)) == 7


@pytest.mark.parametrize(
    "cursor", ["", "x", "1.2.3", "0000000g.0.1.1.0.1.0", "12345678.0.1.1.0.1.0", "é", "a" * 300]
)
def test_what_is_no_cursor_is_refused(reader, cursor):
    with refused("SK001"):
        changes(reader, cursor)


@pytest.mark.parametrize("limit", [None, 0, -1, 10_001])
def test_pages_have_bounds(reader, limit):
    with refused("SK001"):
        reader.execute("select * from seckill.changes(p_limit => %s)", [limit])


def test_a_writer_in_another_database_delays_and_a_reader_does_not(db, operator, buyer, reader):
    sale = open_sale(operator)
    before = len(changes(reader))
    with new_database(db.server) as elsewhere:
        import psycopg

        with psycopg.connect(db.server.dsn(elsewhere)) as other:
            other.execute("select count(*) from pg_class")
            reserve(buyer, sale)
            assert len(changes(reader)) == before + 1
            other.execute("create table t ()")
            reserve(buyer, sale, user="bob")
            assert len(changes(reader)) == before + 1
            other.rollback()
        assert len(changes(reader)) == before + 2


def test_restored_into_another_cluster_the_feed_begins_anew(db, operator, buyer, reader, superuser):
    """Positions of before are far above the ids of the new cluster."""
    sale = some_lives(operator, buyer)
    old = changes(reader)
    restored_from_far_ahead(superuser)
    reserve(buyer, sale, user="before the first look")
    with refused("SK001") as refusal:
        changes(reader, old[-1].cursor)
    assert "restore" in (refusal.detail or "")
    feed = changes(reader)
    assert len(feed) == len(old) + 1
    reserve(buyer, sale, user="after it")
    fresh = open_sale(operator, sku="fresh")
    consumer = Consumer(reader, feed[-1].cursor, feed)
    consumer.catch_up()
    require_feed(db, consumer.rows, sale, fresh)


def test_two_who_look_first_after_a_restore_begin_one_feed(db, operator, buyer, superuser):
    sale = some_lives(operator, buyer)
    restored_from_far_ahead(superuser)
    with (
        db.connect("reader", direct=True, autocommit=False) as first,
        db.connect("reader", direct=True) as second,
        ThreadPoolExecutor() as thread,
    ):
        told_first = changes(first)
        waits = thread.submit(changes, second)
        wait_for_lock(db)
        first.commit()
        assert waits.result(20) == told_first == changes(first)
    reserve(buyer, sale, user="bob")
    with db.connect("reader") as reader:
        consumer = Consumer(reader, told_first[-1].cursor, told_first)
        consumer.catch_up()
        require_feed(db, consumer.rows, sale)


def test_moved_by_pg_upgrade_the_feed_goes_on(db, operator, buyer, reader, superuser):
    sale = some_lives(operator, buyer)
    consumer = Consumer(reader)
    consumer.catch_up()
    superuser.execute("update seckill_private.feed set system_identifier = 1")
    reserve(buyer, sale, user="bob")
    consumer.catch_up()
    require_feed(db, consumer.rows, sale)


def restored_from_far_ahead(superuser: Connection[Any]) -> None:
    """As if the rows were written in a cluster a million transactions ahead of this one."""
    for statement in (
        "update seckill_private.feed set system_identifier = 1",
        "update seckill_private.pool_slot set position = position + 1000000",
        "update seckill_private.movement set position = position + 1000000",
        "update seckill_private.reservation set position = position + 1000000",
    ):
        superuser.execute(statement.encode())


def plans_of(db: Database) -> list[str]:
    """The plans of the feed's own query, as a session that has it for the first time makes them."""
    with db.connect("superuser") as superuser:
        for setting in (
            "load 'auto_explain'",
            "set auto_explain.log_min_duration = 0",
            "set auto_explain.log_nested_statements = on",
            "set auto_explain.log_format = json",
            "set client_min_messages = log",
        ):
            superuser.execute(setting.encode())
        said: list[str] = []
        superuser.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        changes(superuser)
    return [text for text in said if "reservation_position" in text or "with hold as" in text]


def test_the_feed_is_read_along_its_index(db, operator, buyer, superuser):
    """With tables that the statistics know nothing of: no scan of a whole table, no sort of it."""
    some_lives(operator, buyer)
    found = plans_of(db)
    assert found
    text = "".join(found)
    plan = json.loads(text[text.index("{") : text.rindex("}") + 1].split("}\n{")[0] or "{}")
    nodes = list(walk(plan["Plan"]))
    ledgers = {
        node["Index Name"]
        for node in nodes
        if str(node.get("Relation Name", "")).startswith(("reservation", "movement"))
    }
    assert ledgers == {"reservation_0_position_idx", "movement_0_position_idx"}
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan"]


def walk(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A plan's nodes."""
    yield node
    for child in node.get("Plans", []):
        yield from walk(child)


def test_a_slow_writer_hides_what_came_after_it_and_nothing_else(db, operator, buyer, reader):
    sale, other = open_sale(operator), open_sale(operator, sku="other")
    reserve(buyer, sale, user="before")
    with db.connect("buyer", direct=True, autocommit=False) as slow:
        reserve(slow, other, user="slow")
        reserve(buyer, sale, user="after")
        assert [row.user_id for row in changes(reader) if row.user_id] == ["before"]
    assert [row.user_id for row in changes(reader) if row.user_id] == ["before", "slow", "after"]


def test_time_is_that_of_the_decision(operator, superuser, reader):
    sale = sale_at(operator, superuser)
    hold_at(superuser, sale, OPENS + timedelta(minutes=1))
    assert one(
        reader, "select at from seckill.changes() where kind = 'hold'"
    ).at == OPENS + timedelta(minutes=1)
