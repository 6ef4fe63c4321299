"""require_eligibility, add_eligible, remove_eligible, block, unblock: who may buy."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from tests.fix_sale import Sale, close_activity, open_sale, reserve
from tests.procedures.instants import BIGGEST_BIGINT, call_for, journal, refused
from tests.procedures.rules import change_list, explain, ops_history, require_list

CALLS = {
    "add_eligible": "added",
    "remove_eligible": "removed",
    "block": "blocked",
    "unblock": "unblocked",
}
PHONE = {"phone": "13800138000"}


def refusal(answer) -> tuple[str, str | None]:
    """Status and retry."""
    return answer.status, answer.retry


# --- eligible


@pytest.mark.parametrize(("dimension", "value"), [("user", "ann"), ("phone", "13800138000")])
def test_only_who_is_on_the_list_may_buy(operator, buyer, dimension, value):
    sale = open_sale(operator)
    assert require_list(operator, sale, dimension).status == "required"
    assert refusal(reserve(buyer, sale, subjects=PHONE)) == ("not_eligible", "final")
    answer = change_list(operator, "add_eligible", sale, dimension, [value])
    assert (answer.status, answer.quantity) == ("added", 1)
    assert reserve(buyer, sale, subjects=PHONE).status == "held"
    other = {"user": "bob", "subjects": {"phone": "2"}}
    assert reserve(buyer, sale, **other).status == "not_eligible"


def test_a_list_counts_only_where_it_is_required(operator, buyer):
    sale = open_sale(operator)
    change_list(operator, "add_eligible", sale, "user", ["bob"])
    assert reserve(buyer, sale).status == "held"
    require_list(operator, sale, "user")
    assert reserve(buyer, sale).status == "not_eligible"
    require_list(operator, sale, "user", False)
    assert reserve(buyer, sale).status == "held"


def test_an_emptied_list_closes_the_sale(operator, buyer):
    sale = open_sale(operator)
    change_list(operator, "add_eligible", sale, "user", ["ann"])
    require_list(operator, sale, "user")
    assert reserve(buyer, sale).status == "held"
    change_list(operator, "remove_eligible", sale, "user", ["ann"])
    for user in ("ann", "bob"):
        assert reserve(buyer, sale, user=user).status == "not_eligible"


def test_every_required_dimension_must_pass(operator, buyer):
    sale = open_sale(operator)
    for dimension, value in (("user", "ann"), ("phone", "1"), ("voucher", "V-1")):
        require_list(operator, sale, dimension)
        change_list(operator, "add_eligible", sale, dimension, [value])
    good = {"phone": "1", "voucher": "v-1"}
    assert reserve(buyer, sale, subjects=good).status == "held"
    assert reserve(buyer, sale, user="bob", subjects=good).status == "not_eligible"
    for wrong in ({"phone": "1"}, {"voucher": "v-1"}, good | {"phone": "2"}, {}):
        assert reserve(buyer, sale, subjects=wrong).status == "not_eligible", wrong


# --- blocked


@pytest.mark.parametrize(("dimension", "value"), [("user", "ann"), ("phone", "13800138000")])
def test_who_is_blocked_may_not_buy(operator, buyer, dimension, value):
    sale = open_sale(operator)
    answer = change_list(operator, "block", sale, dimension, [value])
    assert (answer.status, answer.quantity) == ("blocked", 1)
    assert refusal(reserve(buyer, sale, subjects=PHONE)) == ("not_eligible", "final")
    assert reserve(buyer, sale, user="bob", subjects={"phone": "2"}).status == "held"
    change_list(operator, "unblock", sale, dimension, [value])
    assert reserve(buyer, sale, subjects=PHONE).status == "held"


def test_any_block_refuses_also_who_is_eligible(operator, buyer):
    sale = open_sale(operator)
    require_list(operator, sale, "user")
    change_list(operator, "add_eligible", sale, "user", ["ann", "bob"])
    change_list(operator, "block", sale, "phone", ["1"])
    change_list(operator, "block", sale, "ip", ["::1"])
    assert reserve(buyer, sale, subjects={"phone": "2", "ip": "::2"}).status == "held"
    for blocked in ({"phone": "1", "ip": "::2"}, {"phone": "2", "ip": "::1"}):
        assert reserve(buyer, sale, subjects=blocked).status == "not_eligible"
    # A dimension that is not carried cannot be blocked.
    assert reserve(buyer, sale, user="bob").status == "held"


def test_a_block_of_one_sale_is_nothing_to_another(operator, buyer):
    sale, other = open_sale(operator), open_sale(operator)
    change_list(operator, "block", sale, "user", ["ann"])
    assert reserve(buyer, other).status == "held"


def test_a_hold_of_before_is_replayed_and_may_be_paid(operator, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    change_list(operator, "block", sale, "user", ["ann"])
    row = operator.execute(
        "select status from seckill.confirm('ann', %s)", [held.reservation_id]
    ).fetchall()
    assert [each.status for each in row] == ["confirmed"]


# --- values


@pytest.mark.parametrize("call", ["add_eligible", "block"])
def test_subjects_are_normalised_users_are_not(operator, buyer, call):
    sale = open_sale(operator)
    change_list(operator, call, sale, "phone", [" １３８ "])
    change_list(operator, call, sale, "user", ["Ann"])
    if call == "add_eligible":
        require_list(operator, sale, "phone")
        require_list(operator, sale, "user")
    on_both = reserve(buyer, sale, user="Ann", subjects={"phone": "138"}).status
    on_none = reserve(buyer, sale, user="ann", subjects={"phone": "139"}).status
    expected = ("held", "not_eligible") if call == "add_eligible" else ("not_eligible", "held")
    assert (on_both, on_none) == expected


def test_the_raw_value_stands_nowhere(operator, superuser):
    sale = open_sale(operator)
    for call in CALLS:
        change_list(operator, call, sale, "phone", ["zq9secret"])
    rows = superuser.execute(
        """
        select l.subject::text, (select string_agg(e::text, ',') from seckill_private.ops_entry as e
                                  where e.activity_id = %(id)s) as journal
          from seckill_private.listed_subject as l where l.activity_id = %(id)s""",
        {"id": sale.activity_id},
    ).fetchall()
    assert "zq9secret" not in str(rows)
    assert "zq9secret" not in str(journal(superuser, sale))


@pytest.mark.parametrize(
    ("put", "take"), [("add_eligible", "remove_eligible"), ("block", "unblock")]
)
def test_quantity_is_what_changed(operator, put, take):
    sale = open_sale(operator)
    counts = [
        (put, ["a", "b", "a", " A "], 2),
        (put, ["b", "c"], 1),
        (put, ["a", "b", "c"], 0),
        (take, ["c", "d"], 1),
        (take, ["c", "d"], 0),
    ]
    for call, values, changed in counts:
        answer = change_list(operator, call, sale, "phone", values)
        assert (answer.status, answer.activity_id) == (CALLS[call], sale.activity_id)
        assert (answer.quantity, answer.replayed) == (changed, changed == 0), (call, values)


def test_ten_thousand_values_a_call(operator, buyer):
    sale = open_sale(operator)
    require_list(operator, sale, "voucher")
    for part in range(3):
        values = [f"v{number}" for number in range(part * 10_000, (part + 1) * 10_000)]
        assert change_list(operator, "add_eligible", sale, "voucher", values).quantity == 10_000
    assert reserve(buyer, sale, subjects={"voucher": "V29999"}).status == "held"
    assert reserve(buyer, sale, subjects={"voucher": "v30000"}).status == "not_eligible"
    with refused("SK001"):
        change_list(operator, "add_eligible", sale, "voucher", [str(n) for n in range(10_001)])


# --- precedence


def test_sold_out_comes_before_not_eligible_and_that_before_limits(operator, buyer):
    sale = open_sale(operator, units=2, limit=1)
    change_list(operator, "block", sale, "user", ["ann"])
    assert reserve(buyer, sale, quantity=3).status == "sold_out"
    assert reserve(buyer, sale, quantity=2).status == "not_eligible"
    change_list(operator, "unblock", sale, "user", ["ann"])
    assert reserve(buyer, sale, quantity=2).status == "limit_exceeded"
    call_for(operator, "pause_activity", sale)
    change_list(operator, "block", sale, "user", ["ann"])
    assert reserve(buyer, sale).status == "paused"


def test_a_further_block_leaves_the_row_that_each_purchase_reads(operator, superuser):
    """An old snapshot would keep a version of it for each block."""
    sale = open_sale(operator)
    versions = set()
    for user in ("ann", "bob", "cid"):
        change_list(operator, "block", sale, "user", [user])
        row = superuser.execute(
            "select a.ctid::text from seckill_private.activity as a where a.activity_id = %s",
            [sale.activity_id],
        ).fetchone()
        versions.add(row[0])
    assert len(versions) == 1


def test_explain_names_the_dimension(operator, buyer):
    sale = open_sale(operator)
    change_list(operator, "block", sale, "phone", ["1"])
    require_list(operator, sale, "voucher")
    rows = explain(buyer, sale, subjects={"phone": "1"})
    lists = [(row.check_name, row.dimension, row.status, row.retry) for row in rows[2:]]
    assert lists == [
        ("blocked", "phone", "fail", "final"),
        ("eligible", "voucher", "fail", "final"),
    ]


# --- repeats, states, nonsense


@pytest.mark.parametrize("required", [True, False])
def test_a_switch_repeated_changes_nothing(operator, superuser, required):
    sale = open_sale(operator)
    require_list(operator, sale, "user", not required)
    assert require_list(operator, sale, "user", required).replayed is False
    before = journal(superuser, sale)
    answer = require_list(operator, sale, "user", required)
    assert (answer.status, answer.replayed) == ("required", True)
    assert journal(superuser, sale) == before


def noted(superuser: Connection[Any], sale: Sale) -> int:
    """Units that a newcomer may order with no look at limits and lists; 0: look."""
    row = superuser.execute(
        "select newcomer_units from seckill_private.activity where activity_id = %s",
        [sale.activity_id],
    ).fetchone()
    assert row is not None
    return row[0]


def test_a_list_that_decides_nothing_costs_nobody_a_look(operator, superuser):
    """One that is loaded before it is required, or required no more."""
    sale = open_sale(operator)
    anything = noted(superuser, sale)
    assert require_list(operator, sale, "user", False).replayed is True
    change_list(operator, "add_eligible", sale, "user", ["ann"])
    assert noted(superuser, sale) == anything > 0
    require_list(operator, sale, "user")
    assert noted(superuser, sale) == 0
    require_list(operator, sale, "user", False)
    assert noted(superuser, sale) == anything
    change_list(operator, "block", sale, "user", ["eve"])
    assert noted(superuser, sale) == 0


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "change",
    [
        {"dimension": None},
        {"dimension": ""},
        {"dimension": "x" * 201},
        {"values": None},
        {"values": []},
        {"values": [None]},
        {"values": [""]},
        {"values": ["a", " "]},
        {"values": ["x" * 201]},
        {"actor": ""},
        {"actor": "x" * 201},
    ],
)
def test_nonsense_is_refused(operator, superuser, call, change):
    sale = open_sale(operator, units=0)
    before = journal(superuser, sale)
    with refused("SK001"):
        change_list(operator, call, sale, **({"dimension": "phone", "values": ["a"]} | change))
    assert journal(superuser, sale) == before


@pytest.mark.parametrize(
    "change", [{"dimension": None}, {"dimension": ""}, {"required": None}, {"actor": ""}]
)
def test_a_switch_that_makes_no_sense_is_refused(operator, change):
    sale = open_sale(operator, units=0)
    with refused("SK001"):
        require_list(operator, sale, **({"dimension": "phone"} | change))


@pytest.mark.parametrize("activity_id", [0, -1, BIGGEST_BIGINT])
def test_an_activity_that_never_was_is_unknown(operator, activity_id):
    nowhere = Sale(activity_id, "phone", "*")
    for call in CALLS:
        with refused("SK002"):
            change_list(operator, call, nowhere, "phone", ["1"])
    with refused("SK002"):
        require_list(operator, nowhere, "phone")


@pytest.mark.parametrize("state", ["draft", "open", "paused"])
def test_lists_change_until_the_sale_is_closed(operator, state):
    sale = open_sale(operator, state="draft" if state == "draft" else "open")
    if state == "paused":
        call_for(operator, "pause_activity", sale)
    for call, status in CALLS.items():
        assert change_list(operator, call, sale, "phone", ["1"]).status == status
    require_list(operator, sale, "phone")
    close_activity(operator, sale)
    for call in CALLS:
        with refused("SK006"):
            change_list(operator, call, sale, "phone", ["1"])
    with refused("SK006"):
        require_list(operator, sale, "phone", False)


def test_who_asked_is_kept(operator):
    sale = open_sale(operator)
    change_list(operator, "block", sale, "phone", ["1", "2"], actor="eve")
    require_list(operator, sale, "voucher", actor="dan")
    switch, block = ops_history(operator, sale.activity_id)[:2]
    assert (block.call, block.actor, block.login) == ("block", "eve", "seckill_operator")
    assert block.arguments["dimension"] == "phone"
    assert (switch.call, switch.actor) == ("require_eligibility", "dan")
    assert switch.arguments == {"dimension": "voucher", "required": True}
