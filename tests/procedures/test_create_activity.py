"""seckill.create_activity: what it makes, its repeats, and the settings that make no sense."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from tests.fix_database import Database, wait_for_lock
from tests.fix_sale import Row, one
from tests.procedures.instants import BIGGEST_INT, ENDS, OPENS, refused

GOOD: dict[str, Any] = {
    "name": "11.11",
    "starts_at": OPENS,
    "ends_at": ENDS,
    "hold_seconds": 600,
    "time_zone": "Asia/Shanghai",
    "request_id": None,
    "actor": None,
}


def create(connection: Connection[Any], **changes: Any) -> int:
    """seckill.create_activity with good arguments but for these."""
    return one(
        connection,
        """
        select seckill.create_activity(
                 p_name => %(name)s, p_starts_at => %(starts_at)s, p_ends_at => %(ends_at)s,
                 p_hold_seconds => %(hold_seconds)s, p_time_zone => %(time_zone)s,
                 p_request_id => %(request_id)s, p_actor => %(actor)s) as id""",
        **(GOOD | changes),
    ).id


def shown(connection: Connection[Any], activity_id: int) -> Row:
    """Its row in the view seckill.activity."""
    return one(
        connection,
        "select * from seckill.activity where activity_id = %(id)s",
        id=activity_id,
    )


def test_it_makes_a_draft_with_these_settings(operator, reader):
    row = shown(reader, create(operator))
    assert (row.name, row.state, row.starts_at, row.ends_at) == ("11.11", "draft", OPENS, ENDS)
    assert (row.hold_seconds, row.time_zone) == (600, "Asia/Shanghai")


def test_hold_time_and_zone_have_defaults(operator, reader):
    row = one(
        operator,
        """
        select seckill.create_activity(
                 p_name => 'plain', p_starts_at => %(starts_at)s, p_ends_at => %(ends_at)s
               ) as id""",
        starts_at=OPENS,
        ends_at=ENDS,
    )
    made = shown(reader, row.id)
    assert (made.hold_seconds, made.time_zone) == (900, "UTC")


def test_two_activities_may_have_one_name(operator):
    assert create(operator) != create(operator)


def test_a_repeat_gives_the_same_id(operator, reader):
    request_id = uuid4()
    first = create(operator, request_id=request_id)
    assert create(operator, request_id=request_id) == first
    count = one(
        reader, "select count(*) from seckill.activity where activity_id >= %(id)s", id=first
    )
    assert count.count == 1


def test_a_repeat_from_a_session_in_another_zone_is_the_same_call(db: Database):
    request_id = uuid4()
    with db.connect("superuser") as session:
        first = create(session, request_id=request_id)
        session.execute("set time zone 'Asia/Tokyo'")
        assert create(session, request_id=request_id) == first


def test_a_repeat_by_somebody_else_is_a_repeat(operator):
    request_id = uuid4()
    first = create(operator, request_id=request_id, actor="ann")
    assert create(operator, request_id=request_id, actor="bob") == first


@pytest.mark.parametrize(
    "change",
    [
        {"name": "12.12"},
        {"starts_at": OPENS - timedelta(seconds=1)},
        {"ends_at": ENDS + timedelta(seconds=1)},
        {"hold_seconds": 601},
        {"time_zone": "UTC"},
    ],
)
def test_other_arguments_are_a_conflict(operator, change):
    request_id = uuid4()
    create(operator, request_id=request_id)
    with refused("SK004"):
        create(operator, request_id=request_id, **change)


def test_the_request_id_of_another_call_is_a_conflict(operator):
    request_id = uuid4()
    one(
        operator,
        "select * from seckill.receive_stock('phone', 1, %(request_id)s)",
        request_id=request_id,
    )
    with refused("SK004"):
        create(operator, request_id=request_id)


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"name": ""},
        {"name": "x" * 201},
        {"starts_at": None},
        {"ends_at": None},
        {"starts_at": "infinity"},
        {"starts_at": "-infinity"},
        {"ends_at": "infinity"},
        {"ends_at": "-infinity"},
        {"ends_at": OPENS},
        {"ends_at": OPENS - timedelta(microseconds=1)},
        {"hold_seconds": None},
        {"hold_seconds": 0},
        {"hold_seconds": -1},
        {"hold_seconds": BIGGEST_INT},
        {"time_zone": None},
        {"time_zone": ""},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "FOO5"},
        {"time_zone": "+08:00"},
        {"time_zone": "x" * 201},
        {"actor": ""},
        {"actor": "x" * 201},
    ],
)
def test_settings_that_make_no_sense_are_refused(operator, change):
    with refused("SK001"):
        create(operator, **change)


def test_a_sale_of_one_microsecond_is_fine(operator):
    assert create(operator, ends_at=OPENS + timedelta(microseconds=1)) > 0


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        ("4714-11-24 BC", "2030-01-01"),
        ("1969-12-31 23:59:59+00", "2030-01-01"),
        ("2030-01-01", "9999-01-01 00:00:01+00"),
        ("2030-01-01", "294276-12-31"),
    ],
)
def test_years_that_clients_cannot_read_are_refused(operator, starts_at, ends_at):
    with refused("SK001"):
        create(operator, starts_at=starts_at, ends_at=ends_at)


@pytest.mark.parametrize(
    ("starts_at", "ends_at"), [("1970-01-01 00:00:00+00", "9999-01-01 00:00:00+00")]
)
def test_a_sale_of_all_years_is_fine(operator, starts_at, ends_at):
    request_id = uuid4()
    first = create(operator, starts_at=starts_at, ends_at=ends_at, request_id=request_id)
    assert create(operator, starts_at=starts_at, ends_at=ends_at, request_id=request_id) == first


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/New_York", "Etc/GMT-8"])
def test_zones_that_postgresql_lists_are_fine(operator, zone):
    assert create(operator, time_zone=zone) > 0


def test_the_day_of_creation_is_kept(operator, reader):
    row = shown(reader, create(operator))
    assert abs(row.created_at - datetime.now(row.created_at.tzinfo)) < timedelta(minutes=10)


def test_who_waited_for_the_partitions_finds_them_made(db: Database):
    """Both have seen that there are none for this block of activities."""
    with (
        db.connect("superuser", autocommit=False) as first,
        db.connect("superuser") as second,
        ThreadPoolExecutor() as thread,
    ):
        make = "select seckill_private.ensure_partition(6400)"
        first.execute(make)
        waits = thread.submit(second.execute, make)
        wait_for_lock(db)
        first.commit()
        waits.result(20)
        made = one(second, "select count(*) from pg_class where relname = 'movement_6400'")
    assert made.count == 1
