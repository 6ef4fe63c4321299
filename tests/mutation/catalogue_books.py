"""Known-bad variants of sweeps, of the books, of lock orders and of durability (catalogue.py)."""

from __future__ import annotations

import functools

from tests.concurrency import (
    checks_durable,
    checks_order,
    checks_pairs,
    checks_running,
    checks_single,
    checks_stock_order,
    checks_sweep,
)
from tests.mutation.planting import Edit, Mutation

SWEEPS = [
    Mutation(
        "take ended holds without SKIP LOCKED",
        (Edit("pick_due_holds", "for update skip locked", "for update"),),
        caught_by=checks_sweep.purchase_beside_sweeper,
        symptom="a buyer waited for a sweeper",
    ),
    Mutation(
        "the same with the slots in hand, and a deadlock with it",
        (
            Edit("pick_due_holds", "for update skip locked", "for update"),
            Edit(
                "settle_short",
                "  v_lines := seckill_private.pick_short(",
                "  perform seckill_private.lock_slots(p_pool_ids);\n"
                "  v_lines := seckill_private.pick_short(",
            ),
        ),
        caught_by=checks_order.payment_never_waits_for_a_hold,
        symptom="40P01",
    ),
    Mutation(
        "a late payment that locks its own pools only",
        (
            Edit(
                "confirm_locked",
                "       where p.activity_id"
                " = seckill_private.activity_of(p_reservation.reservation_id)));\n",
                "       where p.pool_id = any (p_reservation.pool_ids)));\n",
            ),
        ),
        caught_by=checks_order.late_payment_of_a_pool_in_debt,
        symptom="40P01",
    ),
    Mutation(
        "a batch that locks the inventory as it goes",
        (Edit("pools_of_batch", "lock_stock(\n", "lock_slots(\n"),),
        caught_by=checks_order.batch_of_pools_in_debt,
        symptom="40P01",
    ),
    Mutation(
        "a sweep that waits for every sale",
        (Edit("free_activities", "bool_and(u.pool_id is not null)", "true"),),
        caught_by=checks_sweep.hung_purchase_delays_no_other_sale,
        symptom="waits for a purchase in another",
    ),
    Mutation(
        "a sweep that never waits",
        (Edit("expire_due_at", "or v_others = '{}'", "or true"),),
        caught_by=checks_sweep.hung_purchase_delays_no_other_sale,
        symptom="the sweep did not wait for the last sale",
    ),
    Mutation(
        "sweep what was neither locked nor looked at again",
        (
            Edit("pick_due_holds", "\n               for update skip locked", ""),
            Edit(
                "pick_due_holds", "\n       and r.state = 'held'\n    returning", "\n    returning"
            ),
        ),
        caught_by=checks_sweep.two_sweepers,
        symptom="'23514': 1",
    ),
    Mutation(
        "sold out while a sweeper has the holds in hand",
        (
            Edit(
                "take_hold",
                "coalesce(v_result.status, 'busy')",
                "coalesce(v_result.status, 'sold_out')",
            ),
        ),
        caught_by=checks_sweep.purchase_beside_sweeper,
        symptom=r"\('sold_out', 'busy'\)",
    ),
    Mutation(
        "a late payment refused for good while a sweeper has the holds in hand",
        (
            Edit(
                "lock_available",
                "perform seckill_private.raise_error("
                "'55P03', 'holds that have ended are being settled');",
                "return false;",
            ),
        ),
        caught_by=checks_sweep.late_confirm_beside_sweeper,
        symptom="'late_sold_out', expected 'confirmed'",
    ),
    Mutation(
        "a purchase that leaves ended holds to the sweeper",
        (Edit("settle_short", "if v_short is null then", "if true then"),),
        caught_by=checks_sweep.purchase_takes_ended_holds,
        symptom="reserve: 'busy'",
    ),
    Mutation(
        "units of ended holds not counted as available",
        (Edit("pool_balance", "if v_slots.next_expiry <= p_now then", "if false then"),),
        caught_by=checks_sweep.purchase_takes_ended_holds,
        symptom="available: 0, expected 3",
    ),
    Mutation(
        "a hold that lasts from before the wait",
        (
            Edit(
                "take_hold",
                "greatest(p_now, coalesce(p_clock, clock_timestamp())) + v_hold",
                "p_now + v_hold",
            ),
            Edit(
                "answer_newcomer",
                "greatest(v_now, coalesce(p_now, clock_timestamp())) + v_lasts",
                "v_now + v_lasts",
            ),
        ),
        caught_by=checks_sweep.hold_lasts_from_when_it_was_had,
        symptom="a hold shorter than was sold",
    ),
    Mutation(
        "a hold that does not say when it ends",
        (
            Edit(
                "hold_units",
                "next_expiry = least(s.next_expiry, p_expires_at)",
                "next_expiry = s.next_expiry",
            ),
        ),
        caught_by=checks_sweep.purchase_takes_ended_holds,
        symptom="available: 0, expected 3",
    ),
    Mutation(
        "next_expiry set anew beside an uncommitted purchase",
        (Edit("refresh_next_expiry", "\n             for update of s skip locked", ""),),
        caught_by=checks_sweep.sweep_beside_purchase,
        symptom="next_expiry is no lower bound",
    ),
    Mutation(
        "ended holds given back as if none of their units paid a debt",
        (Edit("pick_short", " + sum(s.owed) as lacks", " as lacks"),),
        caught_by=checks_sweep.debt_of_many_ended_holds,
        symptom="the late payment: '55P03', expected 'confirmed'",
    ),
    Mutation(
        "a batch that gives back what ended in its own pools only",
        (
            Edit(
                "pools_of_batch",
                "v_asked, null, p_beyond => pool_ids);",
                "v_asked, pool_ids);",
            ),
        ),
        caught_by=checks_sweep.batch_of_what_ended_elsewhere_too,
        symptom="'busy': 4",
    ),
]

BOOKS = [
    Mutation(
        "movements without a ledger row",
        (
            Edit(
                "post_movements",
                "     where l.pool_id = v_group.pool_id and l.slot = v_group.slot;\n    if v_paid",
                "     where false;\n    if v_paid",
            ),
        ),
        caught_by=checks_single.cancelled_twice_in_turn,
        symptom="reconcile: .*I2.*movements",
    ),
    Mutation(
        "units for a pool that leave no inventory",
        (Edit("move_inventories", "having sum(u.delta) <> 0", "having false"),),
        caught_by=checks_single.stock_is_not_made_up,
        symptom="'no error', expected 'SK007'",
    ),
    Mutation(
        "units that come back to a closed pool stay in it",
        (Edit("post_movements", "and v_slot.closed\n", "and false\n"),),
        caught_by=checks_single.closed_pool_keeps_nothing,
        symptom=r"\(2, 1, 1, 0\), expected \(1, 0, 1, 0\)",
    ),
    Mutation(
        "a pool that does not know that it is closed",
        (Edit("return_unsold", "set closed = true", "set closed = s.closed"),),
        caught_by=checks_running.close_beside_resolution,
        symptom=r"\(2, 1, 1, 0\), expected \(1, 0, 1, 0\)",
    ),
    Mutation(
        "stock that comes back in the same epoch",
        (Edit("post_movements", " + (v_target = 'available')::integer * v_group.lines", ""),),
        caught_by=checks_single.epoch_grows_with_stock,
        symptom="epochs .* do not grow",
    ),
    Mutation(
        "slots locked in another order",
        (
            Edit(
                "lock_slots",
                "order by u.id loop",
                "order by u.id desc loop",
            ),
        ),
        caught_by=checks_order.close_against_sweep,
        symptom="40P01",
    ),
    Mutation(
        "slots locked in another order by the close",
        (
            Edit(
                "return_unsold",
                "order by s.pool_id, s.slot\n",
                "order by s.pool_id desc, s.slot\n",
            ),
        ),
        caught_by=checks_order.close_against_sweep,
        symptom="40P01",
    ),
    Mutation(
        "inventory rows locked in the order of the pools",
        (Edit("move_inventories", 'order by p.sku collate "C", p.pool_id', "order by p.pool_id"),),
        caught_by=checks_order.sweep_of_closed_sales,
        symptom="40P01",
    ),
    Mutation(
        "inventory rows locked by the close in the order of its pools",
        (
            Edit(
                "return_unsold",
                'order by i.sku collate "C"\n',
                "order by (select p.pool_id from seckill_private.pool as p"
                " where p.activity_id = p_activity_id and p.sku = i.sku)\n",
            ),
        ),
        caught_by=checks_order.closes_with_shared_skus,
        symptom="40P01",
    ),
    Mutation(
        "inventory rows locked by the close as it goes",
        (
            Edit(
                "return_unsold", "where i.sku = any (array(", "where false and i.sku = any (array("
            ),
        ),
        caught_by=checks_stock_order.close_of_a_pool_in_debt,
        symptom="40P01",
    ),
    Mutation(
        "a close that leaves ended holds to the sweeper",
        (
            Edit(
                "return_unsold",
                "  foreach v_pool_id in array v_pool_ids loop\n    perform seckill_private.settle",
                "  foreach v_pool_id in array array[0] loop\n    perform seckill_private.settle",
            ),
        ),
        caught_by=functools.partial(checks_pairs.pair, first="close", second="close"),
        symptom=r"'2 = 0 \+ 1 \+ 1', '2'\], expected",
    ),
    Mutation(
        "the close of an activity that nobody locked",
        (Edit("lock_activity", "\n     for no key update;", ";"),),
        caught_by=checks_running.allocate_beside_close,
        symptom="'23514'",
    ),
    Mutation(
        "older snapshots let in",
        (
            Edit(
                "begin_write",
                "when current_setting('transaction_isolation') = 'read committed'",
                "when true",
            ),
        ),
        caught_by=checks_single.older_snapshots_are_refused,
        symptom="REPEATABLE_READ: .*expected 'SK005'",
    ),
    Mutation(
        "synchronous_commit not raised",
        (Edit("commit_durably", "then set_config('synchronous_commit', 'on', true)", "then null"),),
        caught_by=checks_durable.answers_are_durable,
        symptom="answered before its commit was on disk",
    ),
    Mutation(
        "a replay that does not wait for the disk",
        (Edit("ensure_durable", "perform pg_logical_emit_message(true, '', '');", "null;"),),
        caught_by=checks_durable.replays_are_durable,
        symptom="a repeated reserve answered by a commit that was not on disk",
    ),
    Mutation(
        "a ledger that tells of what is not on disk",
        (Edit("history", "  perform seckill_private.ensure_durable(v_newest);\n", ""),),
        caught_by=checks_durable.replays_are_durable,
        symptom="history answered by a commit that was not on disk",
    ),
    Mutation(
        "an explanation by an answer that is not on disk",
        (
            Edit(
                "explain",
                "perform seckill_private.ensure_durable(clock_timestamp());",
                "null;",
            ),
        ),
        caught_by=checks_durable.replays_are_durable,
        symptom="explain answered by a commit that was not on disk",
    ),
    Mutation(
        "digests without salt",
        (Edit("subject_digest", "sha256(p_salt || convert_to(", "sha256(convert_to("),),
        caught_by=checks_single.digests_are_salted,
        symptom="does not depend on the salt",
    ),
]
