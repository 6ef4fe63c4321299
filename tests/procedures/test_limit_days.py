"""Windows `day`: they turn over at local midnight of the activity's zone, or the limit's own.

Purchases are made at chosen instants on both sides of a midnight; clocks that change give days of
23 and 25 hours. The last tests compare the window function with its own neighbours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from psycopg import Connection

from tests.fix_sale import Sale, one, set_limit
from tests.procedures.instants import (
    INSTANT,
    cancel_at,
    confirm_at,
    hold_at,
    reserve_at,
    sale_between,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
DAY = timedelta(days=1)


def daily_sale(
    operator: Connection[Any], superuser: Connection[Any], first_day: datetime, *, zone: str
) -> Sale:
    """A sale of ten days with a limit of one unit a day."""
    sale = sale_between(
        operator,
        superuser,
        starts_at=first_day.astimezone(UTC) - 3 * DAY,
        ends_at=first_day.astimezone(UTC) + 7 * DAY,
        time_zone=zone,
        hold=timedelta(days=30),
    )
    set_limit(operator, sale, "daily", maximum=1, window="day")
    return sale


def test_a_day_turns_over_at_midnight_in_shanghai(operator, superuser):
    midnight = datetime(2026, 11, 11, tzinfo=SHANGHAI)
    sale = daily_sale(operator, superuser, midnight, zone="Asia/Shanghai")
    hold_at(superuser, sale, midnight - INSTANT)
    assert reserve_at(superuser, sale, midnight - INSTANT).status == "limit_exceeded"
    assert reserve_at(superuser, sale, midnight).status == "held"
    assert reserve_at(superuser, sale, midnight).status == "limit_exceeded"


def test_midnight_of_utc_is_nothing_in_shanghai(operator, superuser):
    midnight_utc = datetime(2026, 11, 11, tzinfo=UTC)
    sale = daily_sale(operator, superuser, midnight_utc, zone="Asia/Shanghai")
    hold_at(superuser, sale, midnight_utc - INSTANT)
    assert reserve_at(superuser, sale, midnight_utc).status == "limit_exceeded"


def test_retry_at_is_the_next_local_midnight(operator, superuser):
    noon = datetime(2026, 11, 11, 12, tzinfo=SHANGHAI)
    sale = daily_sale(operator, superuser, noon, zone="Asia/Shanghai")
    confirm_at(superuser, hold_at(superuser, sale, noon), noon)
    answer = reserve_at(superuser, sale, noon)
    assert (answer.retry, answer.retry_at) == (
        "not_yet",
        datetime(2026, 11, 12, tzinfo=SHANGHAI),
    )


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (datetime(2026, 3, 8, tzinfo=NEW_YORK), 23),
        (datetime(2026, 11, 1, tzinfo=NEW_YORK), 25),
        (datetime(2026, 6, 1, tzinfo=NEW_YORK), 24),
    ],
)
def test_a_day_of_changing_clocks_ends_at_local_midnight(operator, superuser, day, hours):
    starts = day.astimezone(UTC)
    ends = starts + timedelta(hours=hours)
    sale = daily_sale(operator, superuser, day, zone="America/New_York")
    hold_at(superuser, sale, starts - INSTANT)
    hold_at(superuser, sale, starts)
    answer = reserve_at(superuser, sale, ends - INSTANT)
    assert answer.status == "limit_exceeded"
    hold_at(superuser, sale, ends)


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        (datetime(2026, 3, 8, tzinfo=NEW_YORK), 23),
        (datetime(2026, 11, 1, tzinfo=NEW_YORK), 25),
    ],
)
def test_retry_at_knows_that_clocks_change(operator, superuser, day, hours):
    starts = day.astimezone(UTC)
    sale = daily_sale(operator, superuser, day, zone="America/New_York")
    confirm_at(superuser, hold_at(superuser, sale, starts), starts)
    assert reserve_at(superuser, sale, starts).retry_at == starts + timedelta(hours=hours)


def test_the_session_time_zone_has_no_say(operator, superuser):
    midnight = datetime(2026, 11, 11, tzinfo=SHANGHAI)
    sale = daily_sale(operator, superuser, midnight, zone="Asia/Shanghai")
    hold_at(superuser, sale, midnight - INSTANT)
    with superuser.transaction():
        superuser.execute("set local time zone 'America/Los_Angeles'")
        assert reserve_at(superuser, sale, midnight - INSTANT).status == "limit_exceeded"
        assert reserve_at(superuser, sale, midnight).status == "held"


def test_a_limit_may_have_its_own_zone(operator, superuser):
    midnight = datetime(2026, 11, 11, tzinfo=SHANGHAI)
    sale = sale_between(
        operator, superuser, starts_at=midnight - DAY, ends_at=midnight + DAY, hold=DAY
    )
    one(
        operator,
        """
        select * from seckill.set_limit(
                 p_activity_id => %(activity_id)s, p_name => 'daily', p_dimension => 'user',
                 p_metric => 'units', p_window => 'day', p_maximum => 1,
                 p_time_zone => 'Asia/Shanghai')""",
        activity_id=sale.activity_id,
    )
    hold_at(superuser, sale, midnight - INSTANT)
    assert reserve_at(superuser, sale, midnight).status == "held"
    midnight_utc = midnight + timedelta(hours=8)
    assert reserve_at(superuser, sale, midnight_utc).status == "limit_exceeded"


def test_a_cancel_on_the_next_day_gives_use_back_to_the_day_of_the_purchase(operator, superuser):
    midnight = datetime(2026, 11, 11, tzinfo=SHANGHAI)
    sale = daily_sale(operator, superuser, midnight, zone="Asia/Shanghai")
    yesterday = hold_at(superuser, sale, midnight - INSTANT)
    hold_at(superuser, sale, midnight)
    assert cancel_at(superuser, yesterday, midnight + timedelta(hours=1)).status == "cancelled"
    answer = reserve_at(superuser, sale, midnight + timedelta(hours=2))
    assert answer.status == "limit_exceeded"


def test_a_late_payment_counts_on_the_day_of_the_purchase(operator, superuser):
    midnight = datetime(2026, 11, 11, tzinfo=SHANGHAI)
    sale = sale_between(
        operator,
        superuser,
        starts_at=midnight - DAY,
        ends_at=midnight + 2 * DAY,
        time_zone="Asia/Shanghai",
        hold=timedelta(minutes=10),
    )
    set_limit(operator, sale, "daily", maximum=1, window="day")
    yesterday = hold_at(superuser, sale, midnight - timedelta(minutes=1))
    today = hold_at(superuser, sale, midnight + timedelta(minutes=10))
    answer = confirm_at(superuser, yesterday, midnight + timedelta(minutes=11))
    assert (answer.status, answer.late) == ("confirmed", True)
    assert confirm_at(superuser, today, midnight + timedelta(minutes=12)).status == "confirmed"


def test_the_sale_ends_before_the_window_does(operator, superuser):
    noon = datetime(2026, 11, 11, 12, tzinfo=SHANGHAI)
    sale = sale_between(
        operator,
        superuser,
        starts_at=noon,
        ends_at=noon + timedelta(hours=12),
        time_zone="Asia/Shanghai",
    )
    set_limit(operator, sale, "daily", maximum=1, window="day")
    confirm_at(superuser, hold_at(superuser, sale, noon), noon)
    answer = reserve_at(superuser, sale, noon)
    assert (answer.status, answer.retry, answer.retry_at) == ("limit_exceeded", "final", None)


# Where midnight comes twice (Havana, the Azores), never (Beirut, Cairo, Santiago), where a whole
# day is missing (Apia), and where clocks change by half an hour (Lord Howe).
ODD_MIDNIGHTS = [
    ("America/Havana", datetime(2026, 11, 1, tzinfo=UTC)),
    ("America/Havana", datetime(2026, 3, 8, tzinfo=UTC)),
    ("Atlantic/Azores", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Atlantic/Azores", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Africa/Cairo", datetime(2026, 4, 24, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 9, 6, tzinfo=UTC)),
    ("America/Santiago", datetime(2026, 4, 5, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 10, 4, tzinfo=UTC)),
    ("America/New_York", datetime(2026, 11, 1, tzinfo=UTC)),
    ("Asia/Shanghai", datetime(2026, 11, 11, tzinfo=UTC)),
]


@pytest.mark.parametrize(("zone", "around"), ODD_MIDNIGHTS)
def test_every_instant_lies_in_its_own_day(superuser, zone, around):
    outside = superuser.execute(
        """
        select t.at, seckill_private.window_of('day', null, %(zone)s, t.at)
          from generate_series(%(around)s::timestamptz - interval '2 days',
                               %(around)s::timestamptz + interval '2 days',
                               interval '10 minutes') as t (at)
         where not t.at <@ seckill_private.window_of('day', null, %(zone)s, t.at)""",
        {"zone": zone, "around": around},
    ).fetchall()
    assert outside == []


@pytest.mark.parametrize(("zone", "around"), ODD_MIDNIGHTS)
def test_days_neither_overlap_nor_leave_a_gap(superuser, zone, around):
    days = superuser.execute(
        """
        select distinct seckill_private.window_of('day', null, %(zone)s, t.at) as day
          from generate_series(%(around)s::timestamptz - interval '2 days',
                               %(around)s::timestamptz + interval '2 days',
                               interval '10 minutes') as t (at)
         order by 1""",
        {"zone": zone, "around": around},
    ).fetchall()
    for day, next_day in pairwise(days):
        assert day.day.upper == next_day.day.lower


def test_a_midnight_that_comes_twice_is_no_way_around_the_limit(operator, superuser):
    """In Havana the hour from 00:00 to 01:00 of 2026-11-01 comes twice: that day has 25 hours."""
    first_midnight = datetime(2026, 11, 1, 4, tzinfo=UTC)
    sale = daily_sale(operator, superuser, first_midnight, zone="America/Havana")
    hold_at(superuser, sale, first_midnight)
    for minutes in (10, 70, 130):
        at = first_midnight + timedelta(minutes=minutes)
        assert reserve_at(superuser, sale, at).status == "limit_exceeded", minutes
