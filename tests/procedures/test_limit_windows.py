"""Windows hour, week, month and rolling, at chosen instants on both sides of their turns.

Days have a file of their own (test_limit_days.py). Instants are written down in UTC from the rules
of the zones; the last tests compare the window function with its own neighbours.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from tests.fix_sale import violations
from tests.procedures.instants import INSTANT, confirm_at, hold_at, reserve_at, sale_between
from tests.procedures.rules import set_rule, usage_at

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def utc(text: str) -> datetime:
    """An instant."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# (window, zone, its begin, its end).
TURNS = [
    ("hour", "UTC", "2026-11-11T10:00", "2026-11-11T11:00"),
    ("hour", "Asia/Kolkata", "2026-11-11T10:30", "2026-11-11T11:30"),
    # 25 October 2026: 03:00 becomes 02:00 in Berlin; hours go on being hours.
    ("hour", "Europe/Berlin", "2026-10-25T00:00", "2026-10-25T01:00"),
    ("hour", "Europe/Berlin", "2026-10-25T01:00", "2026-10-25T02:00"),
    # 1 November 2026: 01:00 becomes 00:00 in Havana; the day begins at the first midnight.
    ("hour", "America/Havana", "2026-11-01T04:00", "2026-11-01T05:00"),
    ("hour", "America/Havana", "2026-11-01T05:00", "2026-11-01T06:00"),
    # 5 April 2026: 02:00 becomes 01:30 on Lord Howe; the day's last hour has half an hour.
    ("hour", "Australia/Lord_Howe", "2026-04-05T12:00", "2026-04-05T13:00"),
    ("hour", "Australia/Lord_Howe", "2026-04-05T13:00", "2026-04-05T13:30"),
    ("week", "UTC", "2026-11-09T00:00", "2026-11-16T00:00"),
    ("week", "Asia/Shanghai", "2026-11-08T16:00", "2026-11-15T16:00"),
    ("week", "Europe/Berlin", "2026-10-18T22:00", "2026-10-25T23:00"),
    ("week", "America/Havana", "2026-10-26T04:00", "2026-11-02T05:00"),
    ("week", "Australia/Lord_Howe", "2026-03-29T13:00", "2026-04-05T13:30"),
    ("month", "UTC", "2028-02-01T00:00", "2028-03-01T00:00"),
    ("month", "Asia/Shanghai", "2026-11-30T16:00", "2026-12-31T16:00"),
    ("month", "Europe/Berlin", "2026-09-30T22:00", "2026-10-31T23:00"),
    ("month", "America/Havana", "2026-11-01T04:00", "2026-12-01T05:00"),
    ("month", "Australia/Lord_Howe", "2026-03-31T13:00", "2026-04-30T13:30"),
]


@pytest.mark.parametrize(("window", "zone", "begin", "end"), TURNS)
def test_a_window_turns_over(operator, superuser, window, zone, begin, end):
    start, after = utc(begin), utc(end)
    sale = sale_between(
        operator,
        superuser,
        starts_at=start - 2 * DAY,
        ends_at=after + 2 * DAY,
        hold=timedelta(days=30),
        time_zone=zone,
    )
    set_rule(operator, sale.activity_id, "one", maximum=1, window=window)
    hold_at(superuser, sale, start - INSTANT)
    confirm_at(superuser, hold_at(superuser, sale, start), start)
    answer = reserve_at(superuser, sale, after - INSTANT)
    assert (answer.status, answer.retry, answer.retry_at) == ("limit_exceeded", "not_yet", after)
    (row,) = usage_at(superuser, sale, after - INSTANT)
    assert (row.used, row.remaining, row.resets_at) == (1, 0, after)
    hold_at(superuser, sale, after)
    assert reserve_at(superuser, sale, after).status == "limit_exceeded"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("window", ["day", "week", "month"])
def test_midnight_of_utc_is_nothing_elsewhere(operator, superuser, window):
    """1 June 2026 is a Monday: three windows turn over in UTC, none of them in Shanghai."""
    midnight_utc = utc("2026-06-01T00:00")
    for zone, status in (("Asia/Shanghai", "limit_exceeded"), ("UTC", "held")):
        sale = sale_between(
            operator,
            superuser,
            starts_at=midnight_utc - DAY,
            ends_at=midnight_utc + DAY,
            time_zone=zone,
        )
        set_rule(operator, sale.activity_id, "one", maximum=1, window=window)
        hold_at(superuser, sale, midnight_utc - INSTANT)
        assert reserve_at(superuser, sale, midnight_utc).status == status


@pytest.mark.parametrize(
    ("window", "instant"), [("week", "2026-11-15T15:00"), ("month", "2026-11-30T15:00")]
)
def test_a_limit_may_have_its_own_zone(operator, superuser, window, instant):
    """In Tokyo it is midnight already, an hour before Shanghai."""
    turn = utc(instant)
    for zone, status in ((None, "limit_exceeded"), ("Asia/Tokyo", "held")):
        sale = sale_between(
            operator,
            superuser,
            starts_at=turn - DAY,
            ends_at=turn + DAY,
            time_zone="Asia/Shanghai",
        )
        set_rule(operator, sale.activity_id, "one", maximum=1, window=window, time_zone=zone)
        hold_at(superuser, sale, turn - INSTANT)
        assert reserve_at(superuser, sale, turn).status == status


# --- rolling


PERIODS = [("1 second", timedelta(seconds=1)), ("90 minutes", 1.5 * HOUR), ("7 days", 7 * DAY)]


@pytest.mark.parametrize(("written", "period"), PERIODS)
def test_a_purchase_leaves_a_rolling_window_when_the_period_has_passed(
    operator, superuser, written, period
):
    bought = utc("2026-11-11T10:00")
    sale = sale_between(
        operator,
        superuser,
        starts_at=bought,
        ends_at=bought + period + DAY,
        hold=timedelta(days=30),
    )
    set_rule(operator, sale.activity_id, "one", maximum=1, window="rolling", period=written)
    confirm_at(superuser, hold_at(superuser, sale, bought), bought)
    answer = reserve_at(superuser, sale, bought + period - INSTANT)
    assert (answer.status, answer.retry) == ("limit_exceeded", "not_yet")
    assert answer.retry_at == bought + period
    hold_at(superuser, sale, bought + period)
    assert violations(operator, sale) == []


def test_a_day_of_a_rolling_window_has_24_hours(operator, superuser):
    """In Berlin the clocks went back meanwhile."""
    bought = utc("2026-10-24T20:00")
    sale = sale_between(
        operator,
        superuser,
        starts_at=bought,
        ends_at=bought + 3 * DAY,
        hold=2 * DAY,
        time_zone="Europe/Berlin",
    )
    set_rule(operator, sale.activity_id, "one", maximum=1, window="rolling", period="1 day")
    hold_at(superuser, sale, bought)
    with superuser.transaction():
        superuser.execute("set local time zone 'Europe/Berlin'")
        at = bought + DAY - INSTANT
        assert reserve_at(superuser, sale, at).status == "limit_exceeded"
        assert reserve_at(superuser, sale, bought + DAY).status == "held"


def test_a_rolling_window_says_when_enough_has_left_it(operator, superuser):
    start = utc("2026-11-11T10:00")
    sale = sale_between(operator, superuser, starts_at=start, ends_at=start + 3 * DAY)
    set_rule(operator, sale.activity_id, "four", maximum=4, window="rolling", period="1 day")
    for hours in (0, 1, 2):
        at = start + hours * HOUR
        confirm_at(superuser, hold_at(superuser, sale, at), at)
    now = start + 3 * HOUR
    for quantity, hours in ((2, 24), (3, 25), (4, 26)):
        answer = reserve_at(superuser, sale, now, quantity=quantity)
        assert (answer.retry, answer.retry_at) == ("not_yet", start + hours * HOUR), quantity
    (row,) = usage_at(superuser, sale, now)
    assert (row.used, row.remaining, row.resets_at) == (3, 1, start + DAY)


def test_a_hold_leaves_a_rolling_window_when_it_ends(operator, superuser):
    """The paid unit leaves after a day, the hold after its quarter of an hour: then both fit."""
    start = utc("2026-11-11T10:00")
    sale = sale_between(operator, superuser, starts_at=start, ends_at=start + 3 * DAY)
    set_rule(operator, sale.activity_id, "two", maximum=2, window="rolling", period="1 day")
    confirm_at(superuser, hold_at(superuser, sale, start), start)
    now = start + 20 * HOUR
    hold_at(superuser, sale, now)
    answer = reserve_at(superuser, sale, now, quantity=2)
    assert (answer.retry, answer.retry_at) == ("not_yet", start + DAY)
    hold_at(superuser, sale, start + DAY, quantity=2)


def test_a_late_payment_counts_when_it_was_bought(operator, superuser):
    """Two a day. Those of the evening before and of the evening after are never in one window."""
    start = utc("2026-11-11T00:00")
    sale = sale_between(operator, superuser, starts_at=start, ends_at=start + 9 * DAY)
    set_rule(operator, sale.activity_id, "two", maximum=2, window="rolling", period="1 day")
    confirm_at(superuser, hold_at(superuser, sale, start), start)
    late = hold_at(superuser, sale, start + 18 * HOUR)
    at = start + 36 * HOUR
    confirm_at(superuser, hold_at(superuser, sale, at), at)
    answer = confirm_at(superuser, late, at + HOUR)
    assert (answer.status, answer.late) == ("confirmed", True)
    assert violations(operator, sale) == []


def test_a_late_payment_may_not_fill_a_later_window(operator, superuser):
    start = utc("2026-11-11T00:00")
    sale = sale_between(operator, superuser, starts_at=start, ends_at=start + 9 * DAY)
    set_rule(operator, sale.activity_id, "one", maximum=1, window="rolling", period="1 day")
    late = hold_at(superuser, sale, start)
    at = start + DAY - INSTANT
    confirm_at(superuser, hold_at(superuser, sale, at), at)
    assert confirm_at(superuser, late, at).status == "late_limit_exceeded"


# --- the window function


ZONES = [
    ("Europe/Berlin", "2026-10-25"),
    ("Europe/Berlin", "2026-03-29"),
    ("America/Havana", "2026-11-01"),
    ("America/Havana", "2026-03-08"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Asia/Beirut", "2026-10-25"),
    ("Africa/Cairo", "2026-04-24"),
    ("America/Santiago", "2026-09-06"),
    ("Asia/Kathmandu", "2026-01-01"),
]


@pytest.mark.parametrize("window", ["hour", "week", "month"])
@pytest.mark.parametrize(("zone", "around"), ZONES)
def test_windows_neither_overlap_nor_leave_a_gap(superuser, window, zone, around):
    rows = superuser.execute(
        """
        select t.at, seckill_private.window_of(%(window)s, null, %(zone)s, t.at) as bounds
          from generate_series(%(around)s::timestamptz - interval '2 days',
                               %(around)s::timestamptz + interval '2 days',
                               interval '10 minutes') as t (at)
         order by 1""",
        {"window": window, "zone": zone, "around": around},
    ).fetchall()
    for row in rows:
        assert row.bounds.lower <= row.at < row.bounds.upper, row
    for before, after in pairwise(rows):
        same = before.bounds == after.bounds
        assert same or before.bounds.upper == after.bounds.lower, (before, after)
