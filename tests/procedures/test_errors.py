"""What an error tells: a stable code, a constant message, and nothing of what is inside.

Every SK error that this suite provokes goes through `refused`, which looks for private names in
it; these tests look for people's data.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.fix_sale import (
    Sale,
    availability,
    cancel,
    close_activity,
    confirm,
    get_reservation,
    one,
    open_sale,
    reserve,
    set_limit,
    violations,
)
from tests.procedures.instants import call_for, history, refused

SECRET = "Zq7secret"
REQUEST = UUID(int=5)
Call = Callable[[Connection[Any], Sale, int], Any]

# Calls that fail although their arguments carry somebody's data.
CALLS: dict[str, tuple[str, Call]] = {
    "SK001 subject": (
        "SK001",
        lambda c, sale, _: reserve(c, sale, user=SECRET, subjects={"phone": SECRET * 30}),
    ),
    "SK001 dimension": (
        "SK001",
        lambda c, sale, _: reserve(c, sale, subjects={SECRET * 30: "1"}),
    ),
    "SK001 empty subject": (
        "SK001",
        lambda c, sale, _: reserve(c, sale, subjects={"phone": SECRET, "ip": ""}),
    ),
    "SK001 user": ("SK001", lambda c, sale, _: reserve(c, sale, user=SECRET * 30)),
    "SK001 payment": ("SK001", lambda c, _, held: confirm(c, held, payment_ref=SECRET * 30)),
    "SK001 reason": ("SK001", lambda c, _, held: cancel(c, held, reason=SECRET * 30)),
    "SK002": (
        "SK002",
        lambda c, sale, _: reserve(
            c, Sale(-1, sale.sku, "*"), user=SECRET, subjects={"phone": SECRET}
        ),
    ),
    "SK003": (
        "SK003",
        lambda c, sale, _: reserve(
            c, sale, region="nowhere", user=SECRET, subjects={"phone": SECRET}
        ),
    ),
    "SK004": (
        "SK004",
        lambda c, sale, _: reserve(
            c, sale, quantity=2, request_id=REQUEST, user=SECRET, subjects={"phone": SECRET}
        ),
    ),
    "SK006": ("SK006", lambda c, sale, _: call_for(c, "resume_activity", sale, SECRET)),
    "SK007": (
        "SK007",
        lambda c, sale, _: one(
            c,
            "select * from seckill.receive_stock('none', -1, gen_random_uuid(), %(secret)s)",
            secret=SECRET,
        ),
    ),
    "SK008 get": ("SK008", lambda c, _, held: get_reservation(c, held, user="somebody")),
    "SK008 confirm": (
        "SK008",
        lambda c, _, held: confirm(c, held, user="somebody", payment_ref=SECRET),
    ),
    "SK008 cancel": (
        "SK008",
        lambda c, _, held: cancel(c, held, user="somebody", reason=SECRET),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_no_error_repeats_peoples_data(operator, name):
    """The hold in the sale is that of the user SECRET, who must not show either."""
    sale = open_sale(operator, region="north", state="draft")
    if name != "SK006":
        call_for(operator, "open_activity", sale)
        held = reserve(operator, sale, user=SECRET, request_id=REQUEST).reservation_id
    else:
        held = 0
    sqlstate, call = CALLS[name]
    with refused(sqlstate) as caught:
        call(operator, sale, held)
    assert SECRET not in caught.text


def test_every_code_of_the_release_is_provoked_here_or_elsewhere():
    """SK005 has a file of its own, test_isolation.py."""
    assert {code for code, _ in CALLS.values()} == {
        f"SK00{number}" for number in (1, 2, 3, 4, 6, 7, 8)
    }


def test_a_conflict_names_the_request_id_only(operator, buyer):
    sale = open_sale(operator)
    reserve(buyer, sale, request_id=REQUEST)
    with refused("SK004") as caught:
        reserve(buyer, sale, request_id=REQUEST, quantity=2)
    assert str(REQUEST) in caught.detail


def test_an_error_leaves_the_session_as_it_was(operator, buyer):
    sale = open_sale(operator)
    with refused("SK001"):
        reserve(buyer, sale, quantity=0)
    assert reserve(buyer, sale).status == "held"


@pytest.mark.parametrize("call", ["reserve", "confirm", "cancel", "set_limit", "close"])
def test_an_error_in_a_callers_transaction_changes_nothing(operator, call):
    sale = open_sale(operator)
    held = reserve(operator, sale).reservation_id
    calls: dict[str, Callable[[], Any]] = {
        "reserve": lambda: reserve(operator, sale, user="bob"),
        "confirm": lambda: confirm(operator, held),
        "cancel": lambda: cancel(operator, held),
        "set_limit": lambda: set_limit(operator, sale, "new", maximum=1),
        "close": lambda: close_activity(operator, sale),
    }
    before = (availability(operator, sale), history(operator, sale))
    with refused("SK001"), operator.transaction():
        calls[call]()
        reserve(operator, sale, quantity=0)
    assert (availability(operator, sale), history(operator, sale)) == before
    assert violations(operator, sale) == []


@pytest.mark.parametrize(
    "statement",
    [
        "select * from seckill_private.reservation",
        "select seckill_private.shard('ann')",
        "select * from seckill_private.secret",
        "select seckill_private.reserve_at(now(), 1, 'a', 'b', 1, null, '*', null)",
        "update seckill_private.pool_slot set sold = 0",
        "delete from seckill_private.movement",
        "create table seckill.mine (a int)",
        "create temp table activity (a int)",
    ],
)
@pytest.mark.parametrize("who", ["buyer", "operator", "reader"])
def test_the_private_schema_is_closed_to_every_login(sessions, who, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        sessions[who].execute(statement)
