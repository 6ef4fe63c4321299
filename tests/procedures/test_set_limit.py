"""seckill.set_limit and drop_limit: what they write, their repeats, and what they refuse.

How limits decide a purchase is in test_limits.py and test_limit_days.py.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.fix_sale import Row, Sale, close_activity, one, open_sale
from tests.procedures.instants import BIGGEST_BIGINT, journal, refused
from tests.procedures.rules import ops_history

GOOD: dict[str, Any] = {
    "name": "per user",
    "dimension": "user",
    "metric": "units",
    "window": "day",
    "maximum": 3,
    "sku": None,
    "period": None,
    "time_zone": None,
    "required": True,
    "actor": None,
}


def set_one(connection: Connection[Any], sale: Sale, **changes: Any) -> Row:
    """seckill.set_limit with good arguments but for these."""
    return one(
        connection,
        """
        select * from seckill.set_limit(
                 p_activity_id => %(activity_id)s, p_name => %(name)s,
                 p_dimension => %(dimension)s, p_metric => %(metric)s, p_window => %(window)s,
                 p_maximum => %(maximum)s, p_sku => %(sku)s, p_period => %(period)s,
                 p_time_zone => %(time_zone)s, p_required => %(required)s, p_actor => %(actor)s)""",
        **(GOOD | {"activity_id": sale.activity_id} | changes),
    )


def drop(
    connection: Connection[Any], sale: Sale, name: str | None, actor: str | None = None
) -> Row:
    """seckill.drop_limit."""
    return one(
        connection,
        """
        select * from seckill.drop_limit(
                 p_activity_id => %(activity_id)s, p_name => %(name)s, p_actor => %(actor)s)""",
        activity_id=sale.activity_id,
        name=name,
        actor=actor,
    )


def rules(connection: Connection[Any], sale: Sale) -> list[Row]:
    """The sale's rows of seckill.limit_rule."""
    return connection.execute(
        "select * from seckill.limit_rule where activity_id = %s order by name",
        [sale.activity_id],
    ).fetchall()


def test_a_limit_stands_as_it_was_set(operator, reader):
    sale = open_sale(operator)
    answer = set_one(operator, sale, sku="phone", time_zone="Asia/Tokyo", required=False)
    assert (answer.status, answer.replayed) == ("set", False)
    assert (answer.activity_id, answer.sku) == (sale.activity_id, "phone")
    (rule,) = rules(reader, sale)
    assert (rule.name, rule.dimension, rule.metric, rule.window) == (
        "per user",
        "user",
        "units",
        "day",
    )
    assert (rule.maximum, rule.sku, rule.period) == (3, "phone", None)
    assert (rule.time_zone, rule.required) == ("Asia/Tokyo", False)


def test_the_last_arguments_have_defaults(operator):
    sale = open_sale(operator)
    one(
        operator,
        """
        select * from seckill.set_limit(
                 p_activity_id => %(id)s, p_name => 'l', p_dimension => 'user',
                 p_metric => 'orders', p_window => 'activity', p_maximum => 1)""",
        id=sale.activity_id,
    )
    (rule,) = rules(operator, sale)
    assert (rule.sku, rule.period, rule.time_zone, rule.required) == (None, None, None, True)


def test_a_limit_of_that_name_is_changed(operator):
    sale = open_sale(operator)
    set_one(operator, sale)
    assert set_one(operator, sale, maximum=5, metric="orders").replayed is False
    (rule,) = rules(operator, sale)
    assert (rule.maximum, rule.metric) == (5, "orders")


def test_names_differ_by_case(operator):
    sale = open_sale(operator)
    set_one(operator, sale, name="a")
    set_one(operator, sale, name="A")
    assert len(rules(operator, sale)) == 2


def test_a_repeat_changes_nothing(operator, superuser):
    sale = open_sale(operator)
    set_one(operator, sale)
    before = journal(superuser, sale)
    answer = set_one(operator, sale)
    assert (answer.status, answer.replayed) == ("set", True)
    assert journal(superuser, sale) == before


@pytest.mark.parametrize(
    "change",
    [
        {"metric": "orders"},
        {"window": "activity"},
        {"maximum": 4},
        {"sku": "phone"},
        {"time_zone": "UTC"},
        {"required": False},
    ],
)
def test_any_other_argument_is_a_change(operator, change):
    sale = open_sale(operator)
    set_one(operator, sale)
    assert set_one(operator, sale, **change).replayed is False
    assert len(rules(operator, sale)) == 1


def test_what_stood_before_is_kept(operator, superuser):
    sale = open_sale(operator)
    for maximum in (1, 2, 3):
        set_one(operator, sale, maximum=maximum)
    drop(operator, sale, "per user")
    versions = superuser.execute(
        """
        select maximum, until_revision is not null as over
          from seckill_private.limit_version
         where activity_id = %s
         order by since_revision""",
        [sale.activity_id],
    ).fetchall()
    assert [tuple(version) for version in versions] == [(1, True), (2, True), (3, True)]


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"name": ""},
        {"name": "x" * 201},
        {"dimension": None},
        {"dimension": ""},
        {"dimension": "x" * 201},
        {"metric": None},
        {"metric": ""},
        {"metric": "UNITS"},
        {"metric": "open_holds", "window": "day"},
        {"metric": "open_holds", "window": "rolling", "period": timedelta(days=1)},
        {"metric": "expired_holds", "window": "order"},
        {"metric": "expired_holds", "window": None},
        {"window": None},
        {"window": ""},
        {"window": "rolling"},
        {"window": "year"},
        {"window": "rolling", "period": timedelta(0)},
        {"window": "rolling", "period": timedelta(seconds=-1)},
        {"window": "rolling", "period": timedelta(milliseconds=999)},
        {"window": "rolling", "period": timedelta(days=3651)},
        {"window": "rolling", "period": "1 month"},
        {"window": "rolling", "period": "1 year"},
        {"window": "order", "period": timedelta(days=1)},
        {"activity_id": None, "name": "global one"},
        {"activity_id": None, "name": "global one", "window": "week"},
        {"maximum": None},
        {"maximum": 0},
        {"maximum": -1},
        {"maximum": BIGGEST_BIGINT},
        {"maximum": -BIGGEST_BIGINT - 1},
        {"sku": ""},
        {"sku": "x" * 201},
        {"period": timedelta(days=1)},
        {"period": timedelta(0)},
        {"time_zone": ""},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "FOO5"},
        {"time_zone": "x" * 201},
        {"required": None},
        {"actor": ""},
        {"actor": "x" * 201},
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(operator, change):
    sale = open_sale(operator)
    with refused("SK001"):
        set_one(operator, sale, **change)
    assert rules(operator, sale) == []


@pytest.mark.parametrize("activity_id", [0, -1, BIGGEST_BIGINT])
def test_an_activity_that_never_was_is_unknown(operator, activity_id):
    nowhere = Sale(activity_id, "phone", "*")
    with refused("SK002"):
        set_one(operator, nowhere)
    with refused("SK002"):
        drop(operator, nowhere, "per user")


@pytest.mark.parametrize("state", ["draft", "open", "paused"])
def test_a_limit_can_be_set_and_dropped_until_the_sale_is_closed(operator, state):
    sale = open_sale(operator, state="draft" if state == "draft" else "open")
    if state == "paused":
        one(operator, "select seckill.pause_activity(%(id)s)", id=sale.activity_id)
    assert set_one(operator, sale).status == "set"
    assert drop(operator, sale, "per user").status == "dropped"


def test_a_closed_sale_has_the_limits_it_had(operator):
    sale = open_sale(operator)
    set_one(operator, sale)
    close_activity(operator, sale)
    with refused("SK006"):
        set_one(operator, sale, maximum=9)
    with refused("SK006"):
        drop(operator, sale, "per user")
    assert rules(operator, sale)[0].maximum == 3


def test_a_dropped_limit_is_gone(operator):
    sale = open_sale(operator)
    set_one(operator, sale)
    set_one(operator, sale, name="other")
    answer = drop(operator, sale, "per user")
    assert (answer.status, answer.replayed) == ("dropped", False)
    assert answer.activity_id == sale.activity_id
    assert [rule.name for rule in rules(operator, sale)] == ["other"]


def test_a_drop_repeated_changes_nothing(operator, superuser):
    sale = open_sale(operator)
    set_one(operator, sale)
    drop(operator, sale, "per user")
    before = journal(superuser, sale)
    answer = drop(operator, sale, "per user")
    assert (answer.status, answer.replayed) == ("dropped", True)
    assert journal(superuser, sale) == before


def test_a_limit_of_another_sale_is_left_alone(operator):
    sale, other = open_sale(operator), open_sale(operator)
    for one_of_both in (sale, other):
        set_one(operator, one_of_both)
    drop(operator, sale, "per user")
    assert len(rules(operator, other)) == 1


@pytest.mark.parametrize(
    ("null", "name", "actor"),
    [
        (False, None, None),
        (False, "", None),
        (False, "x" * 201, None),
        (False, "per user", ""),
        (False, "per user", "x" * 201),
    ],
)
def test_a_drop_that_makes_no_sense_is_refused(operator, null, name, actor):
    sale = Sale(None, "", "") if null else open_sale(operator)  # type: ignore[arg-type]
    with refused("SK001"):
        drop(operator, sale, name, actor)


def test_who_asked_is_kept_with_what_was_asked(operator, superuser):
    sale = open_sale(operator)
    set_one(operator, sale, actor="ann")
    drop(operator, sale, "per user", actor="bob")
    setting, dropping = journal(superuser, sale)[-2:]
    assert (setting.call, setting.actor, setting.login) == (
        "set_limit",
        "ann",
        "seckill_operator",
    )
    asked = {"name": "per user", "dimension": "user", "metric": "units", "maximum": 3}
    assert asked.items() <= setting.arguments.items()
    assert (dropping.call, dropping.actor) == ("drop_limit", "bob")
    assert dropping.arguments["name"] == "per user"


@pytest.mark.parametrize(
    ("metric", "window", "period"),
    [
        *((m, w, None) for m in ("units", "orders") for w in ("order", "hour", "week", "month")),
        *((m, "rolling", "90 minutes") for m in ("units", "orders", "expired_holds")),
        ("open_holds", "activity", None),
        ("expired_holds", "month", None),
    ],
)
def test_every_metric_stands_in_its_windows(operator, reader, metric, window, period):
    sale = open_sale(operator)
    rule = {"dimension": "device", "metric": metric, "window": window, "period": period}
    assert set_one(operator, sale, **rule).replayed is False
    assert set_one(operator, sale, **rule).replayed is True
    (stands,) = rules(reader, sale)
    assert (stands.dimension, stands.metric, stands.window) == ("device", metric, window)
    assert stands.period == (timedelta(minutes=90) if period else None)


def test_a_global_limit_is_no_activitys(operator, reader):
    rule = {
        "activity_id": None,
        "name": "set_limit global",
        "dimension": "no one's",
        "actor": "eve",
    }
    nowhere = Sale(None, "", "")  # type: ignore[arg-type]
    rule |= {"window": "day", "time_zone": "Asia/Tokyo", "required": False}
    try:
        assert set_one(operator, nowhere, **rule).replayed is False
        assert set_one(operator, nowhere, **rule).replayed is True
        (stands,) = reader.execute(
            "select * from seckill.limit_rule where name = 'set_limit global'"
        ).fetchall()
        assert (stands.activity_id, stands.time_zone) == (None, "Asia/Tokyo")
    finally:
        assert drop(operator, nowhere, "set_limit global").replayed is False
    assert drop(operator, nowhere, "set_limit global").replayed is True
    calls = [(e.call, e.activity_id, e.actor) for e in ops_history(reader)[:2]]
    assert calls == [("drop_limit", None, None), ("set_limit", None, "eve")]


def test_ops_history_is_the_journal_newest_first(operator, reader):
    sale = open_sale(operator)
    for maximum in (1, 2):
        set_one(operator, sale, maximum=maximum)
    entries = ops_history(reader, sale.activity_id)
    assert [e.arguments["maximum"] for e in entries if e.call == "set_limit"] == [2, 1]
    assert entries[-1].call == "create_activity"
    assert {e.login for e in entries} == {"seckill_operator"}
    assert [e.at for e in entries] == sorted((e.at for e in entries), reverse=True)
    assert ops_history(reader, sale.activity_id, 1) == entries[:1]
    for limit in (0, -1, None, 10_001):
        with refused("SK001"):
            ops_history(reader, sale.activity_id, limit)
