"""Known-bad variants of pools in several slots (catalogue.py)."""

from __future__ import annotations

import functools

from tests.concurrency import checks_pairs, checks_slots
from tests.mutation.planting import Edit, Mutation

UNLOCKED_RETURNS = Edit(
    "post_movements", "  perform seckill_private.lock_returns(p_target, p_lines);\n", ""
)

SLOTS = [
    Mutation(
        "sold_out said by a look at the first slot",
        (
            Edit(
                "look_at_line",
                "if v_look.slot_rows > 1 then",
                "if false then",
            ),
        ),
        caught_by=checks_slots.one_after_another,
        symptom="'held', 'sold_out', 'sold_out'",
    ),
    Mutation(
        "sold_out said by a look at the slot that was had",
        (
            Edit(
                "pool_balance",
                "where s.pool_id = p_pool_id;",
                "where s.pool_id = p_pool_id and s.slot = 1;",
            ),
        ),
        caught_by=checks_slots.in_hand_is_no_sold_out,
        symptom="'sold_out', expected 'busy'",
    ),
    Mutation(
        "a lower slot waited for with a higher one in hand",
        (Edit("lock_rest", "  if v_below > 0 then\n", "  if false then\n"),),
        caught_by=checks_slots.in_hand_is_no_sold_out,
        symptom="a lower slot was waited for",
    ),
    Mutation(
        "an order that no slot has the units for",
        (
            Edit(
                "gather_units",
                "  elsif (seckill_private.slots_of(p_pool_id)).available < p_quantity then\n",
                "  else\n",
            ),
        ),
        caught_by=checks_slots.orders_of_three,
        symptom="busy for ever",
    ),
    Mutation(
        "one slot believed to be the only one",
        (
            Edit(
                "take_units",
                "    if v_version is null then\n      v_hold",
                "    if v_version is null and p_slots > 1 then\n      v_hold",
            ),
        ),
        caught_by=checks_slots.slots_made_while_a_buyer_waits,
        symptom="purchase: 'busy', expected 'held'",
    ),
    Mutation(
        "all slots locked but those made meanwhile",
        (Edit("lock_slots", "      exit when v_locked = (\n", "      exit when 0 <= (\n"),),
        caught_by=checks_slots.slots_made_while_all_are_locked,
        symptom="slots left unlocked",
    ),
    Mutation(
        "slots made that the pool does not know of",
        (Edit("add_slots", "set slot_rows = p.slots\n", "set slot_rows = p.slot_rows\n"),),
        caught_by=checks_slots.slots_made_while_a_buyer_waits,
        symptom="reconcile: .*slot rows",
    ),
    Mutation(
        "a debt paid from two slots at once",
        (UNLOCKED_RETURNS,),
        caught_by=checks_slots.debt_paid_from_two_slots,
        symptom="'23514'",
    ),
    Mutation(
        "a debt read in the statement that waits for the slot",
        (
            UNLOCKED_RETURNS,
            Edit(
                "post_movements",
                "    select s.shard, s.version, s.closed, s.owed, p.activity_id,\n",
                "    select s.shard, s.version, s.closed, p.activity_id,\n"
                "           (select o.owed from seckill_private.pool_slot as o\n"
                "             where o.pool_id = s.pool_id and o.slot = 0) as owed,\n",
            ),
            Edit(
                "post_movements",
                "    if v_target = 'available' and v_group.slot > 0 then\n",
                "    if false then\n",
            ),
        ),
        caught_by=functools.partial(checks_pairs.pair_on_slots, first="drain", second="cancel"),
        symptom="reconcile: .*available while units are owed",
    ),
    Mutation(
        "a late payment of units that its slot has not",
        (
            Edit(
                "confirm_late",
                "  perform seckill_private.gather_units(v_now, l.pool_id, l.quantity, l.slot)\n"
                "     from unnest(seckill_private.unit_lines(p_reservation)) as l;\n",
                "",
            ),
        ),
        caught_by=checks_slots.late_payment_from_other_slots,
        symptom="23514",
    ),
    Mutation(
        "a late payment that locks its own slot first",
        (
            Edit(
                "confirm_locked",
                "    perform seckill_private.lock_stock(array(\n"
                "      select p.pool_id\n"
                "        from seckill_private.pool as p\n"
                "       where p.activity_id"
                " = seckill_private.activity_of(p_reservation.reservation_id)));\n",
                "    null;\n",
            ),
        ),
        caught_by=checks_slots.late_payment_locks_in_order,
        symptom="40P01|deadlock",
    ),
]
