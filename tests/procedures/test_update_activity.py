"""seckill.update_activity: settings change one by one, and holds keep what they were promised."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from psycopg import Connection

from tests.fix_sale import Row, Sale, close_activity, get_reservation, one, violations
from tests.procedures.instants import (
    ENDS,
    HOLD,
    INSTANT,
    OPENS,
    call_for,
    hold_at,
    journal,
    refused,
    reserve_at,
    sale_between,
)


def update(connection: Connection[Any], sale: Sale, **changes: Any) -> Row:
    """seckill.update_activity with these arguments, null for all others."""
    nothing = dict.fromkeys(("name", "starts_at", "ends_at", "hold_seconds", "actor"))
    return one(
        connection,
        """
        select * from seckill.update_activity(
                 p_activity_id => %(activity_id)s, p_name => %(name)s,
                 p_starts_at => %(starts_at)s, p_ends_at => %(ends_at)s,
                 p_hold_seconds => %(hold_seconds)s, p_actor => %(actor)s)""",
        **(nothing | {"activity_id": sale.activity_id} | changes),
    )


def settings(connection: Connection[Any], sale: Sale) -> tuple[Any, ...]:
    """Name, window, hold time and zone of the sale."""
    return tuple(
        one(
            connection,
            """
            select name, starts_at, ends_at, hold_seconds, time_zone
              from seckill.activity
             where activity_id = %(id)s""",
            id=sale.activity_id,
        )
    )


OLD = {
    "name": "sale",
    "starts_at": OPENS,
    "ends_at": ENDS,
    "hold_seconds": 900,
    "time_zone": "UTC",
}


@pytest.mark.parametrize(
    "change",
    [
        {"name": "new"},
        {"starts_at": OPENS - timedelta(days=1)},
        {"ends_at": ENDS + timedelta(days=1)},
        {"hold_seconds": 1},
        {"name": "new", "starts_at": ENDS, "ends_at": ENDS + INSTANT, "hold_seconds": 60},
    ],
)
def test_what_is_named_changes_and_nothing_else(operator, superuser, change):
    sale = sale_between(operator, superuser)
    answer = update(operator, sale, **change)
    assert (answer.status, answer.replayed) == ("open", False)
    assert answer.activity_id == sale.activity_id
    assert settings(operator, sale) == tuple((OLD | change).values())


def test_nothing_named_is_a_repeat(operator, superuser):
    sale = sale_between(operator, superuser)
    before = journal(superuser, sale)
    assert update(operator, sale).replayed is True
    assert journal(superuser, sale) == before


def test_a_repeat_changes_nothing(operator, superuser):
    sale = sale_between(operator, superuser)
    update(operator, sale, name="new")
    before = journal(superuser, sale)
    assert update(operator, sale, name="new").replayed is True
    assert journal(superuser, sale) == before


@pytest.mark.parametrize(("state", "call"), [("draft", None), ("paused", "pause_activity")])
def test_the_status_is_the_state(operator, superuser, state, call):
    sale = sale_between(operator, superuser, state="draft" if call is None else "open")
    if call:
        call_for(operator, call, sale)
    assert update(operator, sale, name="new").status == state


def test_a_sale_is_made_longer_while_it_runs(operator, superuser):
    sale = sale_between(operator, superuser)
    assert reserve_at(superuser, sale, ENDS).status == "ended"
    update(operator, sale, ends_at=ENDS + INSTANT)
    assert reserve_at(superuser, sale, ENDS).status == "held"


def test_open_holds_keep_their_end(operator, superuser):
    sale = sale_between(operator, superuser)
    held = hold_at(superuser, sale, OPENS)
    update(operator, sale, hold_seconds=60)
    assert get_reservation(superuser, held).expires_at == OPENS + HOLD
    later = reserve_at(superuser, sale, OPENS, user="bob")
    assert later.expires_at == OPENS + timedelta(seconds=60)
    assert violations(operator, sale) == []


def test_a_closed_activity_is_not_changed(operator, superuser):
    sale = sale_between(operator, superuser)
    close_activity(operator, sale)
    with refused("SK006"):
        update(operator, sale, name="new")


@pytest.mark.parametrize("activity_id", [0, -1, 2**63 - 1])
def test_an_activity_that_never_was_is_unknown(operator, activity_id):
    with refused("SK002"):
        update(operator, Sale(activity_id, "phone", "*"), name="new")


@pytest.mark.parametrize(
    "change",
    [
        {"activity_id": None},
        {"name": ""},
        {"name": "x" * 201},
        {"starts_at": "infinity"},
        {"ends_at": "-infinity"},
        {"starts_at": ENDS},
        {"ends_at": OPENS},
        {"hold_seconds": 0},
        {"hold_seconds": -1},
        {"hold_seconds": 2**31 - 1},
        {"actor": ""},
        {"actor": "x" * 201},
    ],
)
def test_settings_that_make_no_sense_are_refused(operator, superuser, change):
    sale = sale_between(operator, superuser)
    with refused("SK001"):
        update(operator, sale, **change)
    assert settings(operator, sale) == tuple(OLD.values())


def test_the_journal_names_what_was_asked(operator, superuser):
    sale = sale_between(operator, superuser)
    update(operator, sale, name="new", actor="ann")
    entry = journal(superuser, sale)[-1]
    assert (entry.call, entry.arguments, entry.actor) == (
        "update_activity",
        {"name": "new"},
        "ann",
    )
