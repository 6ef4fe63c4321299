"""Every call on a reservation in every state it can be in, against a table of what it answers.

A state is reached by the calls that lead to it; the hold ends at LATE, whether somebody has swept
it or not.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.fix_sale import Sale, get_reservation, violations
from tests.procedures.instants import (
    HOLD,
    OPENS,
    call_for,
    cancel_at,
    confirm_at,
    hold_at,
    reserve_at,
    sale_between,
)

LATE = OPENS + HOLD
REQUEST = UUID(int=42)

# How a state is reached. Ann's sale has one unit and her limit is one, so each step counts.
STATES = (
    "held",
    "due",
    "expired",
    "confirmed",
    "confirmed late",
    "cancelled",
    "late_sold_out",
    "late_limit_exceeded",
    "held, closed",
    "due, closed",
)

# state: (confirm with the first payment, with another one, cancel, state in a replay of reserve,
# status in get_reservation). An answer is its status, with "late" and "again" (replayed) where
# they are true.
ANSWERS = {
    "held": ("confirmed", "confirmed", "cancelled", "held", "held"),
    "due": ("confirmed late", "confirmed late", "expired", "expired", "expired"),
    "expired": ("confirmed late", "confirmed late", "expired", "expired", "expired"),
    "confirmed": ("confirmed again", "duplicate_payment", "confirmed", "confirmed", "confirmed"),
    "confirmed late": (
        "confirmed late again",
        "duplicate_payment late",
        "confirmed late",
        "confirmed",
        "confirmed",
    ),
    "cancelled": ("cancelled", "cancelled", "cancelled again", "cancelled", "cancelled"),
    "late_sold_out": (
        "late_sold_out again",
        "late_sold_out again",
        "expired",
        "expired",
        "expired",
    ),
    "late_limit_exceeded": (
        "late_limit_exceeded again",
        "late_limit_exceeded again",
        "expired",
        "expired",
        "expired",
    ),
    "held, closed": ("confirmed", "confirmed", "cancelled", "held", "held"),
    "due, closed": ("late_sold_out", "late_sold_out", "expired", "expired", "expired"),
}


def reach(state: str, operator: Connection[Any], superuser: Connection[Any]) -> tuple[Sale, int]:
    """A sale with Ann's reservation in a state, and an instant at which it is in it."""
    units = 2 if state == "late_limit_exceeded" else 1
    sale = sale_between(operator, superuser, units=units, limit=1)
    held = hold_at(superuser, sale, OPENS, request_id=REQUEST)
    match state.split(", "):
        case ["expired"]:
            cancel_at(superuser, held, LATE)
        case ["confirmed"]:
            confirm_at(superuser, held, OPENS, payment_ref="first")
        case ["confirmed late"]:
            confirm_at(superuser, held, LATE, payment_ref="first")
        case ["cancelled"]:
            cancel_at(superuser, held, OPENS)
        case ["late_sold_out"]:
            hold_at(superuser, sale, LATE, user="bob")
            confirm_at(superuser, held, LATE, payment_ref="first")
        case ["late_limit_exceeded"]:
            hold_at(superuser, sale, LATE)
            confirm_at(superuser, held, LATE, payment_ref="first")
        case [_, "closed"]:
            call_for(operator, "close_activity", sale)
        case _:
            pass
    return sale, held


def in_words(answer: Any) -> str:
    """An answer of confirm or cancel, as the table has it."""
    words = [answer.status]
    if answer.late:
        words.append("late")
    if answer.replayed:
        words.append("again")
    return " ".join(words)


def instant_of(state: str) -> Any:
    """When the table asks."""
    return OPENS if state in ("held", "confirmed", "cancelled", "held, closed") else LATE


def test_the_table_has_every_state():
    assert tuple(ANSWERS) == STATES


@pytest.mark.parametrize("state", STATES)
def test_confirm_with_the_first_payment(operator, superuser, state):
    sale, held = reach(state, operator, superuser)
    answer = confirm_at(superuser, held, instant_of(state), payment_ref="first")
    assert in_words(answer) == ANSWERS[state][0]
    assert violations(operator, sale) == []


@pytest.mark.parametrize("state", STATES)
def test_confirm_with_another_payment(operator, superuser, state):
    sale, held = reach(state, operator, superuser)
    answer = confirm_at(superuser, held, instant_of(state), payment_ref="second")
    assert in_words(answer) == ANSWERS[state][1]
    assert violations(operator, sale) == []


@pytest.mark.parametrize("state", STATES)
def test_cancel(operator, superuser, state):
    sale, held = reach(state, operator, superuser)
    assert in_words(cancel_at(superuser, held, instant_of(state))) == ANSWERS[state][2]
    assert violations(operator, sale) == []


@pytest.mark.parametrize("state", STATES)
def test_reserve_with_the_same_request_id(operator, superuser, state):
    sale, held = reach(state, operator, superuser)
    answer = reserve_at(superuser, sale, instant_of(state), request_id=REQUEST)
    assert (answer.status, answer.replayed) == ("held", True)
    assert (answer.reservation_id, answer.state) == (held, ANSWERS[state][3])


@pytest.mark.parametrize("state", STATES)
def test_get_reservation(operator, superuser, state):
    sale, held = reach(state, operator, superuser)
    if instant_of(state) == LATE:
        # A refused purchase of Bob's shows the pool no later time, a paid one does.
        superuser.execute(
            """
            update seckill_private.pool_slot as s
               set seen_at = greatest(s.seen_at, %s)
              from seckill_private.pool as p
             where p.pool_id = s.pool_id and p.activity_id = %s""",
            [LATE, sale.activity_id],
        )
    assert get_reservation(superuser, held).status == ANSWERS[state][4]


@pytest.mark.parametrize("state", STATES)
def test_a_second_call_of_the_same_kind_changes_nothing(operator, superuser, state):
    """Whatever the first confirm and cancel did, their repeats leave the counters alone."""
    sale, held = reach(state, operator, superuser)
    at = instant_of(state)
    for call in (confirm_at, cancel_at):
        first = call(superuser, held, at)
        before = counters(superuser, sale)
        again = call(superuser, held, at)
        assert again.status == first.status
        assert again.late == first.late
        assert counters(superuser, sale) == before
    assert violations(operator, sale) == []


def counters(superuser: Connection[Any], sale: Sale) -> list[Any]:
    """The slots of the sale and how many ledger rows it has."""
    return superuser.execute(
        """
        select to_jsonb(s) as slot, (select count(*) from seckill_private.movement as m
                      where m.activity_id = p.activity_id) as lines
          from seckill_private.pool as p
          join seckill_private.pool_slot as s on s.pool_id = p.pool_id
         where p.activity_id = %s""",
        [sale.activity_id],
    ).fetchall()


def test_reservations_of_one_sale_do_not_touch_each_other(operator, superuser):
    sale = sale_between(operator, superuser, units=5)
    held = {user: hold_at(superuser, sale, OPENS, user=user) for user in ("ann", "bob", "cid")}
    confirm_at(superuser, held["ann"], OPENS)
    cancel_at(superuser, held["bob"], OPENS, user="bob")
    assert get_reservation(superuser, held["cid"], user="cid").status == "held"
    again = reserve_at(superuser, sale, OPENS, user="cid", request_id=uuid4())
    assert again.reservation_id != held["cid"]
