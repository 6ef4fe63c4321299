"""Known-bad variants of refunds, cut totals, payment files and the past (catalogue.py)."""

from __future__ import annotations

import functools
from collections.abc import Callable

from tests.concurrency import checks_life, checks_pairs
from tests.fix_database import Database
from tests.mutation.planting import Edit, Mutation


def pair(first: str, second: str) -> Callable[[Database], None]:
    """Two calls side by side."""
    return functools.partial(checks_pairs.pair, first=first, second=second)


LIFE = [
    Mutation(
        "a refund that forgets its request id",
        (Edit("refund_at", "v_result.status := v_earlier.status;", "v_result.status := null;"),),
        caught_by=checks_life.refunds_with_one_request,
        symptom="'partly_refunded', '23505'",
    ),
    Mutation(
        "refunds that look for their request without the reservation's lock",
        (
            Edit(
                "lock_reservation",
                "  perform seckill_private.lock_subject('user', p_user_id);\n",
                "",
            ),
            Edit("lock_reservation", "\n     for update;", ";"),
        ),
        caught_by=checks_life.refunds_at_once,
        symptom="answers: .*(23505|P0002)",
    ),
    Mutation(
        "a refund of more than was bought",
        (Edit("refund_units", "t.units < a.quantity", "false"),),
        caught_by=checks_life.refund_no_more_than_bought,
        symptom="'refunded'.*expected .*'SK001'",
    ),
    Mutation(
        "units written off that stay in the total",
        (
            Edit(
                "post_movements",
                "\n             - v_group.units * seckill_private.moved("
                "p_source, v_target, 'written_off')",
                "",
            ),
        ),
        caught_by=checks_life.written_off_units_leave_the_pool,
        symptom="'23514', expected 'partly_refunded'",
    ),
    Mutation(
        "a refund that gives the limits room it should not",
        (Edit("take_refund", "if p_restore_limits then", "if true then"),),
        caught_by=checks_life.limits_come_back_where_asked,
        symptom="restore False: 'held', expected 'limit_exceeded'",
    ),
    Mutation(
        "a confirmed reservation that stays so when all was refunded",
        (Edit("take_refund", "when 'refunded' then 'refunded' else", "when '' then '' else"),),
        caught_by=pair("refund", "refund"),
        symptom="'SK001'|'duplicate'|reconcile: .*I4",
    ),
    Mutation(
        "a total cut without locking the slots",
        (
            Edit(
                "set_stock_total_at",
                "  perform seckill_private.lock_stock(\n"
                "    array(select p.pool_id from seckill_private.pool as p"
                " where p.activity_id = p_activity_id),\n    p_sku);\n",
                "",
            ),
        ),
        caught_by=checks_life.total_beside_purchase,
        symptom="'23514', expected 'SK007'",
    ),
    Mutation(
        "a total set whatever it was",
        (
            Edit(
                "set_stock_total_at",
                "if p_expected_total <> v_before.total then",
                "if false then",
            ),
        ),
        caught_by=checks_life.total_as_expected,
        symptom=r"\['set', 'set'\], expected \['set', 'SK006'\]",
    ),
    Mutation(
        "revoke the oldest holds",
        (
            Edit(
                "revoke_holds",
                "order by r.created_at desc, r.reservation_id desc",
                "order by r.created_at, r.reservation_id",
            ),
        ),
        caught_by=checks_life.revoke_the_newest,
        symptom=r"\['cancelled', 'cancelled', 'held'\]",
    ),
    Mutation(
        "revoke holds that are just being paid",
        (Edit("revoke_holds", "for update skip locked", "for update"),),
        caught_by=pair("revoke", "confirm"),
        symptom="40P01",
    ),
    Mutation(
        "a cut that leaves ended holds unsettled",
        (
            Edit(
                "set_stock_total_at",
                "perform seckill_private.settle_pool(v_now, p_activity_id, v_pool_id, p_actor);",
                "null;",
            ),
        ),
        caught_by=pair("revoke", "reserve"),
        symptom="'55P03'",
    ),
    Mutation(
        "a debt that nothing pays",
        (Edit("post_movements", "least(v_slot.owed, v_group.units)", "0"),),
        caught_by=checks_life.debt_is_paid_as_units_come_back,
        symptom=r"\(3, 2, 1, 0\), expected \(1, 0, 1, 0\)",
    ),
    Mutation(
        "a debt that the ledger does not tell of",
        (Edit("owe_units", "    from changed as c;", "    from changed as c where false;"),),
        caught_by=pair("drain", "reserve"),
        symptom="reconcile: .*owed",
    ),
    Mutation(
        "cut the releases that come soonest",
        (Edit("cut_unreleased", "order by f.release_at desc", "order by f.release_at"),),
        caught_by=checks_life.latest_release_is_cut_first,
        symptom=r"\[2\]",
    ),
    Mutation(
        "users of a batch locked in the order of the file",
        (
            Edit(
                "lock_reservations",
                "  perform seckill_private.lock_buyers(p_user_ids);\n",
                "  perform seckill_private.lock_subject('user', u.user_id)\n"
                "     from unnest(p_user_ids) as u (user_id);\n",
            ),
        ),
        caught_by=checks_life.batches_in_opposite_orders,
        symptom="40P01",
    ),
    Mutation(
        "a batch that pays one reservation twice",
        (Edit("confirm_batch_at", "\n       and v_paid_by[v_at] is null", ""),),
        caught_by=checks_life.batch_pays_once,
        symptom="answers: ",
    ),
    Mutation(
        "the past by the clock and not by the order of the movements",
        (
            Edit(
                "pool_at",
                "max(l.at) over (partition by l.slot order by l.version nulls first) as done_at",
                "l.at as done_at",
            ),
        ),
        caught_by=checks_life.past_adds_up,
        symptom="available, .* in total",
    ),
    Mutation(
        "ended holds of the past that still count as held",
        (Edit("pool_at", "r.expires_at <= p_at as ended", "false as ended"),),
        caught_by=checks_life.ended_holds_in_the_past,
        symptom="1, expected 2",
    ),
    Mutation(
        "the past judged by the limits of today",
        (Edit("limits_at", "and e.at > p_at", "and false"),),
        caught_by=checks_life.limits_of_the_past,
        symptom=r"\(2, 2\), expected \(2, 5\)",
    ),
    Mutation(
        "the past judged by the reservations of today",
        (Edit("usage_at", "reservation_at(o, p_at)", "reservation_at(o, 'infinity')"),),
        caught_by=checks_life.use_of_the_past,
        symptom=r"0, expected 1",
    ),
]
