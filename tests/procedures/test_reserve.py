"""seckill.reserve: each status, their precedence, and what a refusal says about trying again.

Statuses that depend on time are asked for at chosen instants, on both sides of each boundary.
Precedence is shown pair by pair: both reasons hold, the higher one is given.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_sale import (
    Sale,
    add_units,
    availability,
    cancel,
    close_activity,
    confirm,
    one,
    open_sale,
    reserve,
    set_limit,
    violations,
)
from tests.procedures.instants import (
    ENDS,
    HOLD,
    INSTANT,
    OPENS,
    call_for,
    confirm_at,
    hold_at,
    kinds,
    lock_row_of,
    refused,
    reserve_at,
    sale_between,
    stored_state,
    time_passes,
)


def purchases(superuser: Connection[Any], sale: Sale) -> list[Any]:
    """Everything that the tables hold about the sale's reservations, counters and events."""
    return superuser.execute(
        """
        select to_jsonb(r) as row from seckill_private.reservation as r
         where r.buyer_key >> 40 = %(id)s
         union all
        select to_jsonb(s) from seckill_private.pool_slot as s
          join seckill_private.pool as p on p.pool_id = s.pool_id
         where p.activity_id = %(id)s
         union all
        select to_jsonb(m) from seckill_private.movement as m
         where m.activity_id = %(id)s
         order by 1""",
        {"id": sale.activity_id},
    ).fetchall()


# --- held


def test_a_hold_is_answered_field_by_field(operator, superuser):
    sale = sale_between(operator, superuser)
    answer = reserve_at(superuser, sale, OPENS, quantity=3)
    assert (answer.status, answer.state, answer.replayed) == ("held", "held", False)
    assert answer.expires_at == OPENS + HOLD
    assert answer.reservation_id is not None
    empty = (answer.limit_name, answer.sku, answer.remaining, answer.retry, answer.retry_at)
    assert empty == (None,) * 5
    assert answer.error_code is None


def test_ordinal_is_one(operator, buyer):
    assert reserve(buyer, open_sale(operator)).ordinal == 1


def test_units_move_from_available_to_held(operator, buyer):
    sale = open_sale(operator, units=10)
    reserve(buyer, sale, quantity=3)
    now = availability(operator, sale)
    assert (now.total, now.available, now.held, now.sold) == (10, 7, 3, 0)


def test_the_last_units_can_be_bought_in_one_order(operator, buyer):
    sale = open_sale(operator, units=10)
    assert reserve(buyer, sale, quantity=10).status == "held"
    assert availability(operator, sale).available == 0


def test_region_and_subjects_have_defaults(operator, buyer):
    sale = open_sale(operator)
    answer = one(
        buyer,
        """
        select * from seckill.reserve(
                 p_activity_id => %(activity_id)s, p_user_id => 'ann', p_sku => %(sku)s,
                 p_quantity => 1, p_request_id => %(request_id)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
        request_id=uuid4(),
    )
    assert answer.status == "held"


def test_ids_stay_exact_in_json(operator, buyer):
    assert reserve(buyer, open_sale(operator)).reservation_id < 2**53


def test_regions_are_isolated(operator, buyer):
    sale = open_sale(operator, units=1, region="north")
    add_units(operator, Sale(sale.activity_id, sale.sku, "south"), 1)
    assert reserve(buyer, sale, user="ann").status == "held"
    assert reserve(buyer, sale, user="bob").status == "sold_out"
    assert reserve(buyer, sale, user="bob", region="south").status == "held"


def test_activities_are_isolated(operator, buyer):
    one_sale, another = open_sale(operator, units=1), open_sale(operator, units=1)
    assert reserve(buyer, one_sale).status == "held"
    assert availability(operator, another).available == 1


# --- the window of the activity


@pytest.mark.parametrize(
    ("at", "status", "retry", "retry_at"),
    [
        (OPENS - INSTANT, "not_started", "not_yet", OPENS),
        (OPENS, "held", None, None),
        (ENDS - INSTANT, "held", None, None),
        (ENDS, "ended", "final", None),
    ],
)
def test_the_window_is_half_open(operator, superuser, at, status, retry, retry_at):
    sale = sale_between(operator, superuser)
    answer = reserve_at(superuser, sale, at)
    assert (answer.status, answer.retry, answer.retry_at) == (status, retry, retry_at)


def test_a_hold_may_outlive_the_sale(operator, superuser):
    sale = sale_between(operator, superuser)
    held = reserve_at(superuser, sale, ENDS - INSTANT)
    assert held.expires_at == ENDS - INSTANT + HOLD
    assert confirm_at(superuser, held.reservation_id, ENDS).status == "confirmed"


def test_a_draft_has_not_started(operator, superuser):
    sale = sale_between(operator, superuser, state="draft")
    answer = reserve_at(superuser, sale, OPENS)
    assert (answer.status, answer.retry, answer.retry_at) == ("not_started", "not_yet", None)


def test_an_early_draft_says_when_it_could_start(operator, superuser):
    sale = sale_between(operator, superuser, state="draft")
    answer = reserve_at(superuser, sale, OPENS - INSTANT)
    assert (answer.status, answer.retry_at) == ("not_started", OPENS)


def test_a_paused_sale_refuses_until_it_is_resumed(operator, superuser):
    sale = sale_between(operator, superuser)
    call_for(operator, "pause_activity", sale)
    answer = reserve_at(superuser, sale, OPENS)
    assert (answer.status, answer.retry, answer.retry_at) == ("paused", "not_yet", None)
    call_for(operator, "resume_activity", sale)
    assert reserve_at(superuser, sale, OPENS).status == "held"


def test_a_closed_sale_has_ended(operator, superuser):
    sale = sale_between(operator, superuser)
    close_activity(operator, sale)
    answer = reserve_at(superuser, sale, OPENS)
    assert (answer.status, answer.retry) == ("ended", "final")


# --- precedence of the three


def test_closed_before_not_started(operator, superuser):
    sale = sale_between(operator, superuser, state="draft")
    close_activity(operator, sale)
    assert reserve_at(superuser, sale, OPENS - INSTANT).status == "ended"


def test_past_its_end_before_draft(operator, superuser):
    sale = sale_between(operator, superuser, state="draft")
    assert reserve_at(superuser, sale, ENDS).status == "ended"


def test_past_its_end_before_paused(operator, superuser):
    sale = sale_between(operator, superuser)
    call_for(operator, "pause_activity", sale)
    assert reserve_at(superuser, sale, ENDS).status == "ended"


def test_not_started_before_paused(operator, superuser):
    sale = sale_between(operator, superuser)
    call_for(operator, "pause_activity", sale)
    answer = reserve_at(superuser, sale, OPENS - INSTANT)
    assert (answer.status, answer.retry_at) == ("not_started", OPENS)


def test_replay_before_ended(operator, superuser):
    sale = sale_between(operator, superuser)
    request_id = uuid4()
    hold_at(superuser, sale, OPENS, request_id=request_id)
    assert reserve_at(superuser, sale, ENDS, request_id=request_id).status == "held"


def test_request_conflict_before_ended(operator, superuser):
    sale = sale_between(operator, superuser)
    request_id = uuid4()
    hold_at(superuser, sale, OPENS, request_id=request_id)
    with refused("SK004"):
        reserve_at(superuser, sale, ENDS, request_id=request_id, quantity=2)


def test_invalid_argument_before_unknown_activity(buyer):
    with refused("SK001"):
        reserve(buyer, Sale(404, "phone", "*"), quantity=0)


def test_unknown_activity_before_unknown_pool(buyer):
    with refused("SK002"):
        reserve(buyer, Sale(404_404, "no such thing", "*"))


def test_unknown_pool_before_ended(operator, superuser):
    sale = sale_between(operator, superuser)
    with refused("SK003"):
        reserve_at(superuser, Sale(sale.activity_id, "no such thing", "*"), ENDS)


@pytest.mark.parametrize("state", ["ended", "not_started", "paused"])
def test_the_state_of_the_sale_before_sold_out(operator, superuser, state):
    sale = sale_between(operator, superuser, units=1)
    hold_at(superuser, sale, OPENS)
    at = ENDS if state == "ended" else OPENS
    if state == "paused":
        call_for(operator, "pause_activity", sale)
    if state == "not_started":
        at = OPENS + INSTANT
        one(
            operator,
            """
            select * from seckill.update_activity(
                     p_activity_id => %(activity_id)s, p_starts_at => %(starts_at)s)""",
            activity_id=sale.activity_id,
            starts_at=OPENS + 2 * INSTANT,
        )
    assert reserve_at(superuser, sale, at, user="bob").status == state


def test_sold_out_before_limit_exceeded(operator, superuser):
    sale = sale_between(operator, superuser, units=1, limit=1)
    hold_at(superuser, sale, OPENS)
    assert reserve_at(superuser, sale, OPENS).status == "sold_out"


def test_ended_before_limit_exceeded(operator, superuser):
    sale = sale_between(operator, superuser, limit=1)
    hold_at(superuser, sale, OPENS)
    assert reserve_at(superuser, sale, ENDS).status == "ended"


def test_limit_exceeded_before_busy(operator, superuser, shop: Database):
    """The pool's units are all due holds that another session has in hand: busy, but for Ann."""
    sale = sale_between(operator, superuser, units=2)
    due = hold_at(superuser, sale, OPENS, user="bob", quantity=2)
    set_limit(operator, sale, "one", maximum=1)
    with shop.connect("superuser") as other, other.transaction():
        lock_row_of(other, due)
        answer = reserve_at(superuser, sale, OPENS + HOLD, quantity=2)
    assert answer.status == "limit_exceeded"


# --- sold out


def test_sold_out_is_final_when_all_are_paid(operator, superuser):
    sale = sale_between(operator, superuser, units=2)
    confirm_at(superuser, hold_at(superuser, sale, OPENS, quantity=2), OPENS)
    answer = reserve_at(superuser, sale, OPENS, user="bob")
    assert (answer.status, answer.sku, answer.remaining) == ("sold_out", sale.sku, 0)
    assert (answer.retry, answer.retry_at) == ("final", None)
    assert answer.epoch is not None


def test_sold_out_may_return_while_units_are_held(operator, superuser):
    sale = sale_between(operator, superuser, units=2)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + timedelta(minutes=5))
    answer = reserve_at(superuser, sale, OPENS + timedelta(minutes=6), user="bob")
    assert (answer.status, answer.retry) == ("sold_out", "may_return")
    assert answer.retry_at == OPENS + HOLD


def test_retry_at_passes_over_holds_that_are_due(operator, superuser):
    """The due hold's unit is there already, and one is not enough."""
    sale = sale_between(operator, superuser, units=2)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + timedelta(minutes=5))
    answer = reserve_at(superuser, sale, OPENS + HOLD, user="bob", quantity=2)
    assert (answer.remaining, answer.retry) == (1, "may_return")
    assert answer.retry_at == OPENS + HOLD + timedelta(minutes=5)


def test_sold_out_says_how_many_are_left(operator, buyer):
    sale = open_sale(operator, units=3)
    answer = reserve(buyer, sale, quantity=4)
    assert (answer.status, answer.remaining, answer.retry) == ("sold_out", 3, "final")


def test_the_epoch_grows_when_units_come_back(operator, buyer):
    sale = open_sale(operator, units=1)
    held = reserve(buyer, sale)
    sold_out = reserve(buyer, sale, user="bob")
    cancel(buyer, held.reservation_id)
    assert availability(operator, sale).epoch > sold_out.epoch


def test_the_epoch_does_not_grow_when_units_leave(operator, buyer):
    sale = open_sale(operator, units=3)
    before = availability(operator, sale).epoch
    confirm(buyer, reserve(buyer, sale).reservation_id)
    assert availability(operator, sale).epoch == before


def test_a_pool_is_open_again_after_an_allocation(operator, buyer):
    sale = open_sale(operator, units=1)
    reserve(buyer, sale)
    assert reserve(buyer, sale, user="bob").status == "sold_out"
    add_units(operator, sale, 1)
    assert reserve(buyer, sale, user="bob").status == "held"


def test_a_refused_request_id_may_try_again(operator, buyer):
    sale = open_sale(operator, units=1)
    held = reserve(buyer, sale)
    request_id = uuid4()
    assert reserve(buyer, sale, user="bob", request_id=request_id).status == "sold_out"
    cancel(buyer, held.reservation_id)
    again = reserve(buyer, sale, user="bob", request_id=request_id)
    assert (again.status, again.replayed) == ("held", False)


@pytest.mark.parametrize("reason", ["ended", "not_started", "sold_out", "limit_exceeded"])
def test_a_refusal_changes_and_stores_nothing(operator, superuser, reason):
    sale = sale_between(operator, superuser, units=3, limit=2)
    hold_at(superuser, sale, OPENS, user="bob")
    before = purchases(superuser, sale)
    at, quantity = OPENS, 1
    if reason == "ended":
        at = ENDS
    if reason == "not_started":
        call_for(operator, "pause_activity", sale)
        reason = "paused"
    if reason == "sold_out":
        quantity = 3
    if reason == "limit_exceeded":
        set_limit(operator, sale, "units_per_user", maximum=1)
        quantity = 2
    assert reserve_at(superuser, sale, at, quantity=quantity).status == reason
    assert purchases(superuser, sale) == before


# --- due holds


def test_a_purchase_takes_due_holds(operator, superuser):
    sale = sale_between(operator, superuser, units=1)
    due = hold_at(superuser, sale, OPENS)
    assert reserve_at(superuser, sale, OPENS + HOLD - INSTANT, user="bob").status == "sold_out"
    hold_at(superuser, sale, OPENS + HOLD, user="bob")
    assert stored_state(superuser, due) == "expired"
    assert kinds(operator, sale) == ["allocate", "expire", "hold", "hold"]
    assert violations(operator, sale) == []


def test_a_purchase_takes_as_many_due_holds_as_it_needs(operator, superuser):
    sale = sale_between(operator, superuser, units=5)
    for user in ("a", "b", "c", "d", "e"):
        hold_at(superuser, sale, OPENS, user=user)
    hold_at(superuser, sale, OPENS + HOLD, user="bob", quantity=5)
    assert violations(operator, sale) == []


def test_a_purchase_that_lacks_no_units_leaves_due_holds(operator, superuser):
    sale = sale_between(operator, superuser, units=2)
    due = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + HOLD, user="bob")
    assert stored_state(superuser, due) == "held"
    assert violations(operator, sale) == []


def test_the_buyers_own_due_hold_is_taken_too(operator, superuser):
    sale = sale_between(operator, superuser, units=1, limit=1)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS + HOLD)
    assert violations(operator, sale) == []


def test_due_holds_that_another_session_has_in_hand_are_busy(operator, superuser, shop: Database):
    sale = sale_between(operator, superuser, units=1)
    due = hold_at(superuser, sale, OPENS)
    with shop.connect("superuser") as other:
        with other.transaction():
            lock_row_of(other, due)
            answer = reserve_at(superuser, sale, OPENS + HOLD, user="bob")
            assert (answer.status, answer.retry, answer.replayed) == ("busy", "busy", False)
        assert reserve_at(superuser, sale, OPENS + HOLD, user="bob").status == "held"


def test_the_hold_time_is_that_of_the_activity(operator, superuser):
    sale = sale_between(operator, superuser, hold=timedelta(seconds=1))
    assert reserve_at(superuser, sale, OPENS).expires_at == OPENS + timedelta(seconds=1)


def test_public_calls_read_the_clock(operator, superuser, buyer):
    sale = sale_between(operator, superuser)
    time_passes(superuser, sale, OPENS + timedelta(minutes=1))
    assert reserve(buyer, sale).expires_at == OPENS + timedelta(minutes=1) + HOLD
