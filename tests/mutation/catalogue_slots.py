"""Known-bad variants of pools in several slots (catalogue.py)."""

from __future__ import annotations

from tests.concurrency import checks_slots
from tests.mutation.planting import Edit, Mutation

SLOTS = [
    Mutation(
        "sold_out said by a look at the first slot",
        (
            Edit(
                "pool_balance",
                "where s.pool_id = p_pool_id;",
                "where s.pool_id = p_pool_id and s.slot = 0;",
            ),
            Edit(
                "short_pools",
                "where s.pool_id = l.pool_id);",
                "where s.pool_id = l.pool_id and s.slot = 0);",
            ),
        ),
        caught_by=checks_slots.one_after_another,
        symptom="'sold_out'",
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
]
