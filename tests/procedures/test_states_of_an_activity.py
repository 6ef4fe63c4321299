"""open_activity, pause_activity, resume_activity and close_activity in every state.

The table says what each call answers in each state; the rest of close_activity is in
test_close_activity.py.
"""

from __future__ import annotations

import pytest

from tests.fix_sale import Sale, one
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    call_for,
    journal,
    refused,
    sale_between,
)

# What leads to a state from a draft.
PATHS = {
    "draft": (),
    "open": ("open_activity",),
    "paused": ("open_activity", "pause_activity"),
    "closed": ("close_activity",),
}

# (state, call): the state it leads to, "… again" where nothing is changed, or the SQLSTATE.
ANSWERS = {
    ("draft", "open_activity"): "open",
    ("draft", "pause_activity"): "SK006",
    ("draft", "resume_activity"): "SK006",
    ("draft", "close_activity"): "closed",
    ("open", "open_activity"): "open again",
    ("open", "pause_activity"): "paused",
    ("open", "resume_activity"): "open again",
    ("open", "close_activity"): "closed",
    ("paused", "open_activity"): "SK006",
    ("paused", "pause_activity"): "paused again",
    ("paused", "resume_activity"): "open",
    ("paused", "close_activity"): "closed",
    ("closed", "open_activity"): "SK006",
    ("closed", "pause_activity"): "SK006",
    ("closed", "resume_activity"): "SK006",
    ("closed", "close_activity"): "closed again",
}


@pytest.mark.parametrize(("state", "call"), ANSWERS)
def test_a_call_in_a_state(operator, superuser, state, call):
    sale = sale_between(operator, superuser, state="draft")
    for step in PATHS[state]:
        call_for(operator, step, sale)
    expected = ANSWERS[state, call]
    before = journal(superuser, sale)
    if expected == "SK006":
        with refused("SK006"):
            call_for(operator, call, sale)
        expected = f"{state} again"
    else:
        answer = call_for(operator, call, sale)
        assert answer.activity_id == sale.activity_id
        assert (answer.status, answer.replayed) == (
            expected.removesuffix(" again"),
            expected.endswith(" again"),
        )
    row = one(
        operator,
        "select state from seckill.activity where activity_id = %(id)s",
        id=sale.activity_id,
    )
    assert row.state == expected.removesuffix(" again")
    # What changed nothing is not written down.
    written = len(journal(superuser, sale)) - len(before)
    assert written == (0 if expected.endswith(" again") else 1)


CALLS = ("open_activity", "pause_activity", "resume_activity", "close_activity")


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("activity_id", [0, -1, BIGGEST_BIGINT])
def test_an_activity_that_never_was_is_unknown(operator, call, activity_id):
    with refused("SK002"):
        call_for(operator, call, Sale(activity_id, "phone", "*"))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(("null", "actor"), [(True, None), (False, ""), (False, "x" * 201)])
def test_nonsense_is_refused(operator, superuser, call, null, actor):
    sale = sale_between(operator, superuser, units=0, state="draft")
    with refused("SK001"):
        call_for(operator, call, Sale(None, "", "") if null else sale, actor)  # type: ignore[arg-type]


@pytest.mark.parametrize("call", ["open_activity", "close_activity"])
def test_who_asked_is_kept_beside_the_login(operator, superuser, call):
    sale = sale_between(operator, superuser, state="draft")
    call_for(operator, call, sale, actor="ann of the night shift")
    entry = journal(superuser, sale)[-1]
    assert (entry.call, entry.actor, entry.login) == (
        call,
        "ann of the night shift",
        "seckill_operator",
    )


def test_pause_and_resume_may_be_repeated_for_ever(operator, superuser):
    sale = sale_between(operator, superuser)
    for _ in range(3):
        assert call_for(operator, "pause_activity", sale).replayed is False
        assert call_for(operator, "resume_activity", sale).replayed is False
