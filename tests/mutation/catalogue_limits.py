"""Known-bad variants of limits, lists, releases and orders of several lines (catalogue.py)."""

from __future__ import annotations

from tests.concurrency import checks_limits, checks_lines, checks_shared
from tests.mutation.planting import Edit, Mutation

LIMITS = [
    Mutation(
        "a limit on phones that nobody asks",
        (
            Edit(
                "limit_check",
                "or p_limit.dimension <> 'user' and v_digest is null",
                "or p_limit.dimension <> 'user'",
            ),
        ),
        caught_by=checks_shared.one_per_phone,
        symptom="answers: {'held': 2}",
    ),
    Mutation(
        "a shared subject that is not locked",
        (
            Edit(
                "reserve_one",
                "    perform seckill_private.lock_digests(p_digests, v_sale.limits);\n",
                "",
            ),
        ),
        caught_by=checks_shared.one_per_phone,
        symptom="answers: {'held': 2}",
    ),
    Mutation(
        "a shared subject that is locked, but not for one alone",
        (
            Edit(
                "lock_digests",
                "perform pg_advisory_xact_lock(v_key);",
                "perform pg_advisory_xact_lock_shared(v_key);",
            ),
        ),
        caught_by=checks_shared.one_per_phone,
        symptom="answers: {'held': 2}",
    ),
    Mutation(
        "a subject without a limit that is not locked",
        (Edit("lock_digests", "perform pg_advisory_xact_lock_shared(v_key);", "null;"),),
        caught_by=checks_shared.limit_beside_a_purchase,
        symptom=r"answers: \('held', 'held'\)",
    ),
    Mutation(
        "a payment in time that does not lock who shares its limits",
        (
            Edit(
                "confirm_at",
                "  perform seckill_private.lock_digests(v_row.subjects, v_sale.limits);\n",
                "",
            ),
        ),
        caught_by=checks_shared.payment_as_a_shared_hold_ends,
        symptom="both had the phone's only unit",
    ),
    Mutation(
        "late payments that do not lock who shares their limits",
        (
            Edit(
                "confirm_at",
                "  perform seckill_private.lock_digests(v_row.subjects, v_sale.limits);\n",
                "",
            ),
        ),
        caught_by=checks_shared.late_payments_of_one_phone,
        symptom="answers: {'confirmed': 2}",
    ),
    Mutation(
        "a late payment dated before what it has seen",
        (Edit("confirm_late", "if v_check.seen_at > v_now then", "if false then"),),
        caught_by=checks_shared.late_payment_beside_a_cancel,
        symptom="reconcile: .*I3",
    ),
    Mutation(
        "use given back twice",
        (Edit("counted", "state = 'cancelled' then 0", "state = 'cancelled' then -1"),),
        caught_by=checks_shared.cancel_frees_one,
        symptom="answers: .*'held': 2",
    ),
    Mutation(
        "days and hours counted in UTC",
        (Edit("limit_check", "coalesce(p_limit.time_zone, p_activity.time_zone)", "'UTC'"),),
        caught_by=checks_limits.windows_turn_over_at_local_midnight,
        symptom="day at .*: 'limit_exceeded', expected 'held'",
    ),
    Mutation(
        "a rolling window closed at its start",
        (Edit("window_of", "'()')", "'[)')"),),
        caught_by=checks_limits.rolling_window_is_open_at_its_start,
        symptom="'limit_exceeded', expected 'held'",
    ),
    Mutation(
        "an unpaid hold that stays in a rolling window when it ends",
        (
            Edit(
                "leaves_window",
                "then least(\n    (p_reservation).expires_at,",
                "then (",
            ),
        ),
        caught_by=checks_limits.own_hold_is_waited_for,
        symptom="rolling, limit_usage: '2030-05-02 23:55",
    ),
    Mutation(
        "a buyer told to wait for his hold although the window turns over first",
        (
            Edit(
                "limit_check", "least(v_use.first_expiry, v_check.resets_at)", "v_use.first_expiry"
            ),
        ),
        caught_by=checks_limits.own_hold_is_waited_for,
        symptom="hour, reserve: '2030-05-02 00:10",
    ),
    Mutation(
        "a global limit counted in each activity by itself",
        (Edit("crosses_activities", "not in ('order', 'activity')", "is null"),),
        caught_by=checks_limits.global_limit_counts_over_all_sales,
        symptom="'held', expected 'limit_exceeded'",
    ),
    Mutation(
        "a block that nobody reads",
        (
            Edit(
                "list_checks",
                "if v_listed = (v_list = 'blocked') then",
                "if v_list = 'eligible' and not v_listed then",
            ),
        ),
        caught_by=checks_limits.lists_decide_who_buys,
        symptom="blocked: 'held'",
    ),
    Mutation(
        "an empty list of eligible subjects that opens the sale",
        (
            Edit(
                "list_checks",
                "if v_listed = (v_list = 'blocked') then",
                """\
if v_listed = (v_list = 'blocked') and exists (
        select from seckill_private.listed_subject as l
         where l.activity_id = v_dimension.activity_id and l.list = v_list) then""",
            ),
        ),
        caught_by=checks_limits.lists_decide_who_buys,
        symptom="an empty list: 'held'",
    ),
    Mutation(
        "a limit that newcomers are not told of",
        (Edit("set_limit", "  perform seckill_private.note_rules(p_activity_id);\n", ""),),
        caught_by=checks_limits.newcomers_meet_every_rule,
        symptom="more than a limit's units: 'held'",
    ),
    Mutation(
        "a limit on all sales that newcomers are not asked about",
        (
            Edit(
                "look_at_line",
                "case when l.global_limits = 0 then a.newcomer_units else 0 end",
                "a.newcomer_units",
            ),
        ),
        caught_by=checks_limits.newcomers_meet_every_rule,
        symptom="known elsewhere, a limit on all sales: 'held'",
    ),
    Mutation(
        "a limit on phones that newcomers are not asked about",
        (Edit("newcomer_units", "l.dimension <> 'user'", "l.dimension is null"),),
        caught_by=checks_limits.newcomers_meet_every_rule,
        symptom="'no error', expected 'SK001'",
    ),
    Mutation(
        "a block that newcomers are not told of",
        (Edit("change_list", "    perform seckill_private.note_rules(p_activity_id);\n", ""),),
        caught_by=checks_limits.newcomers_meet_every_rule,
        symptom="blocked: 'held'",
    ),
    Mutation(
        "a required list that newcomers are not told of",
        (
            Edit(
                "require_eligibility", "  perform seckill_private.note_rules(p_activity_id);\n", ""
            ),
        ),
        caught_by=checks_limits.newcomers_meet_a_required_list,
        symptom="an empty list: 'held'",
    ),
    Mutation(
        "a release before its time",
        (Edit("release_due", "\n       and r.release_at <= p_until", ""),),
        caught_by=checks_limits.release_waits_for_its_time,
        symptom=r"before its time: \('held', None\)",
    ),
    Mutation(
        "a release that never comes",
        (Edit("pool_balance", "if v_slots.next_release <= p_now then", "if false then"),),
        caught_by=checks_limits.release_waits_for_its_time,
        symptom="at its time: 'sold_out'",
    ),
]

LINES = [
    Mutation(
        "a line forgotten when two of one sku are merged",
        (Edit("merge_lines", "sum(u.quantity)::bigint", "max(u.quantity)::bigint"),),
        caught_by=checks_lines.same_sku_twice,
        symptom="2 [+] 1 of 2: 'held'",
    ),
    Mutation(
        "the pools of an order locked in the order of its lines",
        (
            Edit("take_hold", "if cardinality(p_pool_ids) > 1 then", "if false then"),
            Edit(
                "take_units",
                "if cardinality(p_pool_ids) > 1 then\n    if not",
                "if false then\n    if not",
            ),
        ),
        caught_by=checks_lines.lines_against_close,
        symptom="40P01",
    ),
]
