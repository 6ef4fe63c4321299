"""Known-bad variants of batches and of early lock release (catalogue.py)."""

from __future__ import annotations

from tests.concurrency import checks_batch, checks_queue
from tests.mutation.planting import Edit, Mutation

BATCHES = [
    Mutation(
        "a queue without a bound",
        (Edit("enter_queue", "    return false;\n", "    continue pools;\n"),),
        caught_by=checks_queue.a_full_queue,
        symptom="answers: {'held': 12}",
    ),
    Mutation(
        "a batch that passes the queue by",
        (
            Edit(
                "grant_plain",
                "    continue when not seckill_private.enter_queue(\n"
                "      array[v_pool.pool_id], v_pool.max_waiting, v_pool.slots);\n",
                "",
            ),
        ),
        caught_by=checks_queue.a_batch_is_one_caller,
        symptom="answers: {'held': 3}",
    ),
    Mutation(
        "one queue for all pools",
        (Edit("enter_queue", "v_pool_id || '/' || v_place", "'/' || v_place"),),
        caught_by=checks_queue.other_pools_have_their_own,
        symptom="beside a crowd: busy",
    ),
    Mutation(
        "a batch that ignores duplicates of one user",
        (Edit("mark_plain", "              and r.user_id <> all (v_twice)\n", ""),),
        caught_by=checks_batch.duplicates_in_a_batch,
        symptom=r"one user twice: \['held', 'held', 'held'\]",
    ),
    Mutation(
        "a batch that ignores duplicates of one phone",
        (Edit("mark_within", "and q.digest <> all (v_twice)", ""),),
        caught_by=checks_batch.duplicates_in_a_batch,
        symptom="answers: {'held': 5}",
    ),
    Mutation(
        "a batch that is bound by a limit set after it had locked its subjects",
        (
            Edit("reserve_one", "and p_sale is null then", "then"),
            Edit("reserve_one", "coalesce(p_sale, ", "coalesce("),
        ),
        caught_by=checks_batch.a_limit_set_beside_batches,
        symptom="errors: .*'40P01'",
    ),
    Mutation(
        "late payments of a batch that are bound by a limit set after their subjects were locked",
        (
            Edit(
                "confirm_batch_at",
                "(\n          select s from unnest(v_locked.sales) as s\n"
                "           where (s.activity).activity_id = "
                "seckill_private.activity_of(v_row.reservation_id)),",
                "seckill_private.load_sale(seckill_private.activity_of(v_row.reservation_id)),",
            ),
        ),
        caught_by=checks_batch.a_limit_set_beside_late_payments,
        symptom="I3",
    ),
    Mutation(
        "a batch that grants what it counted in memory",
        (Edit("hold_units", "\n     and s.available >= p_quantity", ""),),
        caught_by=checks_batch.last_units_in_batches,
        symptom="errors: .*'23514'",
    ),
    Mutation(
        "users of a batch locked in its order",
        (
            Edit(
                "lock_buyers",
                """\
     from (select distinct seckill_private.lock_key('user', u.user_id) as key
             from unnest(p_user_ids) as u (user_id)
            where u.user_id is not null
            order by key
           offset 0) as k;""",
                """\
     from (select seckill_private.lock_key('user', u.user_id) as key
             from unnest(p_user_ids) as u (user_id)
            where u.user_id is not null
           offset 0) as k;""",
            ),
        ),
        caught_by=checks_batch.batches_in_opposite_orders,
        symptom="40P01",
    ),
    Mutation(
        "payments whose users are locked in an order of their own",
        (
            Edit(
                "lock_reservations",
                "  perform seckill_private.lock_buyers(p_user_ids);\n",
                "  perform seckill_private.lock_subject('user', u.user_id)\n"
                "     from (select user_id from unnest(p_user_ids) as i (user_id)\n"
                "            order by user_id offset 0) as u;\n",
            ),
        ),
        caught_by=checks_batch.purchases_beside_payments,
        symptom="errors: .*'40P01'",
    ),
    Mutation(
        "a batch that does not lock its users",
        (
            Edit(
                "reserve_batch_at",
                "  perform seckill_private.lock_buyers(\n"
                "    array(select r.user_id from unnest(p_requests) as r"
                " where r.error_code is null));\n",
                "",
            ),
        ),
        caught_by=checks_batch.a_batch_beside_single_calls,
        symptom="units of two users with a limit of one: [3-8]",
    ),
    Mutation(
        "early lock release without the second write",
        (
            Edit(
                "reserve_now",
                "    perform pg_catalog.pg_logical_emit_message(true, '', '');\n",
                "",
            ),
        ),
        caught_by=checks_batch.early_release_is_durable,
        symptom="answered before its commit was on disk",
    ),
]
