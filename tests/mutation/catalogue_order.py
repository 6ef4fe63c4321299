"""Known-bad variants of the lock order of ops calls and orders over many pools (catalogue.py)."""

from __future__ import annotations

from tests.concurrency import checks_stock_order as checks
from tests.mutation.planting import Edit, Mutation

ORDER = [
    Mutation(
        "slots made meanwhile locked when the later pools are",
        (
            Edit(
                "lock_slots",
                "select distinct u.id from unnest(p_pool_ids) as u (id) order by u.id loop",
                "select 1 loop",
            ),
            Edit(
                "lock_slots",
                "        where s.pool_id = v_pool_id\n        order by s.slot\n",
                "        where s.pool_id = any (p_pool_ids)\n        order by s.pool_id, s.slot\n",
            ),
            Edit(
                "lock_slots",
                "as s where s.pool_id = v_pool_id);",
                "as s where s.pool_id = any (p_pool_ids));",
            ),
        ),
        caught_by=checks.slots_made_while_an_order_waits,
        symptom="40P01",
    ),
    Mutation(
        "the inventory of a cut pool locked after that of its orders' other pools",
        (
            Edit(
                "set_stock_total_at",
                "p.activity_id = p_activity_id),\n    p_sku);\n",
                "p.activity_id = p_activity_id));\n",
            ),
        ),
        caught_by=checks.revoke_beside_a_pool_in_debt,
        symptom="40P01",
    ),
    Mutation(
        "the inventory of a pool to move from locked after those of ended orders",
        (
            Edit(
                "move_units",
                "array[p_quantity, 0], false,\n       (select p.sku"
                " from seckill_private.pool as p where p.pool_id = p_from_pool_id)) then",
                "array[p_quantity, 0]) then",
            ),
        ),
        caught_by=checks.move_beside_a_pool_in_debt,
        symptom="40P01",
    ),
    Mutation(
        "what has ended given back twice, each time with an inventory of its own",
        (
            Edit(
                "settle_short",
                "    perform seckill_private.lock_stock(\n      p_pool_ids ||"
                " array(select l.pool_id from unnest(v_lines) as l), p_sku);\n",
                "    perform seckill_private.lock_slots(\n      p_pool_ids ||"
                " array(select l.pool_id from unnest(v_lines) as l));\n",
            ),
        ),
        caught_by=checks.order_of_pools_in_debt,
        symptom="40P01",
    ),
    Mutation(
        "a purchase from a pool in slots that gives back twice what ended",
        (
            Edit(
                "take_units",
                "  elsif p_is_short and p_slots = 1 then\n",
                "  elsif p_is_short then\n",
            ),
        ),
        caught_by=checks.purchase_that_settles_twice,
        symptom="40P01",
    ),
]
