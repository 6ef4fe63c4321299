"""A pool without units: whatever comes before sold_out is said all the same, and at what price.

`answer_newcomer` takes a short way to sold_out; each test here is a reason why it must not.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_sale import (
    Sale,
    add_units,
    close_activity,
    open_sale,
    reserve,
    reserve_batch,
    set_limit,
)
from tests.procedures.instants import (
    ENDS,
    HOLD,
    OPENS,
    call_for,
    new_name,
    refused,
    reserve_at,
    sale_between,
)
from tests.procedures.rules import schedule


@pytest.fixture
def superuser(db: Database) -> Iterator[Connection[Any]]:
    """In a database of the test's own: it counts calls of functions."""
    with db.connect("superuser") as connection:
        yield connection


@pytest.fixture
def operator(db: Database) -> Iterator[Connection[Any]]:
    with db.connect("operator") as connection:
        yield connection


@pytest.fixture
def buyer(db: Database) -> Iterator[Connection[Any]]:
    with db.connect("buyer") as connection:
        yield connection


@pytest.fixture
def gone(operator: Connection[Any], buyer: Connection[Any]) -> Sale:
    """A sale whose only unit bob holds."""
    sale = open_sale(operator, units=1, sku=new_name())
    assert reserve(buyer, sale, user="bob").status == "held"
    return sale


def test_what_is_said_of_a_pool_without_units(buyer, gone):
    answer = reserve(buyer, gone)
    assert (answer.status, answer.sku, answer.remaining) == ("sold_out", gone.sku, 0)
    assert (answer.retry, answer.replayed, answer.reservation_id) == ("may_return", False, None)
    assert answer.retry_at is not None
    assert answer.epoch == 1


def test_an_earlier_request_is_answered_as_before(buyer, operator):
    sale = open_sale(operator, units=1)
    click = uuid4()
    held = reserve(buyer, sale, request_id=click)
    again = reserve(buyer, sale, request_id=click)
    assert (again.status, again.replayed) == ("held", True)
    assert again.reservation_id == held.reservation_id
    with refused("SK004"):
        reserve(buyer, sale, request_id=click, quantity=2)


def test_a_dimension_that_a_limit_requires_is_missing(buyer, operator, gone):
    set_limit(operator, gone, "phones", maximum=1, dimension="phone")
    with refused("SK001"):
        reserve(buyer, gone)
    assert reserve(buyer, gone, subjects={"phone": "1"}).status == "sold_out"


@pytest.mark.parametrize(
    ("call", "status"), [("pause_activity", "paused"), ("close_activity", "ended")]
)
def test_a_sale_that_is_not_on(buyer, operator, gone, call, status):
    if call == "close_activity":
        close_activity(operator, gone)
    else:
        call_for(operator, call, gone)
    assert reserve(buyer, gone).status == status


def test_a_sale_before_its_start_and_after_its_end(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    reserve_at(superuser, sale, OPENS, user="bob")
    assert reserve_at(superuser, sale, ENDS).status == "ended"
    early = sale_between(operator, superuser, units=1)
    assert reserve_at(superuser, early, OPENS - timedelta(seconds=1), quantity=2).status == (
        "not_started"
    )


def test_a_hold_that_has_ended_unswept_is_no_more(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    reserve_at(superuser, sale, OPENS, user="bob")
    just_before = OPENS + HOLD - timedelta(microseconds=1)
    assert reserve_at(superuser, sale, just_before).status == "sold_out"
    assert reserve_at(superuser, sale, OPENS + HOLD).status == "held"


def test_a_release_that_is_due(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    due = OPENS + timedelta(minutes=1)
    schedule(operator, sale, [(due, 1)])
    # What the schedule keeps back is not for sale before.
    waiting = reserve_at(superuser, sale, OPENS)
    assert (waiting.status, waiting.retry, waiting.retry_at) == ("sold_out", "not_yet", due)
    assert reserve_at(superuser, sale, due).status == "held"


def test_the_limits_of_other_sales_are_not_read(operator, superuser, gone):
    """A refusal costs the same, however many sales there are."""
    for number in range(30):
        other = open_sale(operator, name=f"other {number}")
        set_limit(operator, other, "phones", maximum=1, dimension="phone")
    superuser.execute("set track_functions = 'all'")
    click = [gone.activity_id, gone.sku, uuid4()]
    said = superuser.execute("select status from seckill.reserve(%s, 'ann', %s, 1, %s)", click)
    assert said.fetchall() == [("sold_out",)]
    superuser.execute("select pg_stat_force_next_flush()")
    counted = superuser.execute("select funcname, calls from pg_stat_user_functions").fetchall()
    calls = {row.funcname: row.calls for row in counted}
    assert calls["answer_newcomer"] == 1
    assert "digest_of" not in calls


@pytest.mark.parametrize("user", ["ann", "bob"], ids=["unknown", "known"])
def test_the_holds_of_other_pools_are_not_read(operator, buyer, superuser, user):
    """Those that end before the first one of this pool: however many there are."""
    sale = open_sale(operator, units=400, sku=new_name())
    gone = Sale(sale.activity_id, new_name(), "*")
    add_units(operator, gone, 1)
    held = reserve_batch(buyer, *((sale, f"u{number}") for number in range(400)))
    assert {row.status for row in held} == {"held"}
    last = reserve(buyer, gone, user="bob")
    with superuser.transaction():
        before = _holds_read(superuser)
        answer = reserve(superuser, gone, user=user)
        assert (answer.status, answer.retry_at) == ("sold_out", last.expires_at)
        assert _holds_read(superuser) - before < 20


def _holds_read(connection: Connection[Any]) -> int:
    """Rows of reservations that this transaction has read."""
    row = connection.execute(
        """
        select sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) as tuples
          from pg_stat_xact_all_tables where relname like 'reservation%'"""
    ).fetchone()
    assert row is not None
    return int(row.tuples)
