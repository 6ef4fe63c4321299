"""The known-bad variants, each with the check that catches it.

A new row is a Mutation: a mistake as a textual edit of a living function, and a check of
tests/concurrency that sees it. Here are the mistakes of a purchase and of what becomes of it; those
of sweeps and books are in catalogue_books.py, those of limits in catalogue_limits.py, those of
refunds and cut totals in catalogue_life.py, those of the feed in catalogue_feed.py. Those in Python
are in tests/flag and tests/client, and in the table too. After a change of any, write README.md
anew:

    python -m tests.mutation.catalogue
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

from tests.client import test_coalesce
from tests.concurrency import checks_resolution, checks_single, checks_stampede
from tests.fix_database import Database
from tests.flag import test_checks
from tests.mutation.catalogue_batch import BATCHES
from tests.mutation.catalogue_books import BOOKS, SWEEPS
from tests.mutation.catalogue_feed import FEED
from tests.mutation.catalogue_life import LIFE
from tests.mutation.catalogue_limits import LIMITS, LINES
from tests.mutation.catalogue_order import ORDER
from tests.mutation.catalogue_slots import SLOTS
from tests.mutation.planting import Edit, Mutation

README = Path(__file__).with_name("README.md")
SESSIONS = 6  # of a stampede here; behind its gate the outcome does not depend on the number


def crowd(check: Callable[..., None]) -> Callable[[Database], None]:
    """A stampede with few sessions."""
    return functools.partial(check, sessions=SESSIONS)


NO_BUYER_LOCK = Edit("reserve_one", "seckill_private.lock_subject('user', p_user_id);", "false;")
NO_RESOLUTION_LOCKS = (
    Edit("lock_reservation", "  perform seckill_private.lock_subject('user', p_user_id);\n", ""),
    Edit("lock_reservation", "\n     for update;", ";"),
)

STAMPEDES = [
    Mutation(
        "read the stock, check it, write it back",
        (
            Edit(
                "hold_units",
                "as $function$\nbegin\n",
                """\
as $function$
declare
  v_row seckill_private.pool_slot;
begin
  select s.* into v_row
    from seckill_private.pool_slot as s
   where s.pool_id = p_pool_id and s.slot = 0;
  if v_row.available < p_quantity then
    return;
  end if;
""",
            ),
            Edit("hold_units", "available = s.available -", "available = v_row.available -"),
            Edit("hold_units", "held = s.held +", "held = v_row.held +"),
            Edit("hold_units", "\n     and s.available >= p_quantity", ""),
        ),
        caught_by=crowd(checks_stampede.last_unit),
        symptom="answers: {'held': 6}",
    ),
    Mutation(
        "take units without looking whether there are enough",
        (Edit("hold_units", "\n     and s.available >= p_quantity", ""),),
        caught_by=crowd(checks_stampede.last_unit),
        symptom="'23514': 5",
    ),
    Mutation(
        "a hold that no movement is counted for",
        (Edit("hold_units", "version = s.version + p_lines", "version = s.version"),),
        caught_by=crowd(checks_stampede.last_unit),
        symptom="reconcile: .*I2.*movements",
    ),
    Mutation(
        "lock and count in one statement",
        (
            NO_BUYER_LOCK,
            Edit(
                "reserve_one",
                """\
    v_look := seckill_private.look_at_line(p_activity_id, p_user_id, p_skus[1], p_region);
""",
                """\
    select k.* into v_look
      from (select seckill_private.lock_subject('user', p_user_id) as had offset 0) as l
     cross join lateral seckill_private.look_at_line(
             p_activity_id, p_user_id || case when l.had then '' end, p_skus[1], p_region) as k;
""",
            ),
        ),
        caught_by=crowd(checks_stampede.one_per_user),
        symptom="answers: {'held': 6}",
    ),
    Mutation(
        "count without the buyer's lock",
        (NO_BUYER_LOCK,),
        caught_by=crowd(checks_stampede.one_per_user),
        symptom="answers: {'held': 6}",
    ),
    Mutation(
        "an early refusal that does not look for the buyer's hold",
        (
            Edit(
                "answer_newcomer",
                "if p_look.is_known is not false or not",
                "if not",
            ),
        ),
        caught_by=checks_stampede.last_unit_retried,
        symptom=r"answers: .*'sold_out': 19",
    ),
    Mutation(
        "one request served by all its tries, without the buyer's lock",
        (NO_BUYER_LOCK,),
        caught_by=crowd(checks_stampede.same_request),
        symptom="'23505': 5",
    ),
    Mutation(
        "idempotency as one CTE",
        (
            NO_BUYER_LOCK,
            Edit(
                "write_hold",
                "  insert into seckill_private.reservation (",
                "  with written as (\n  insert into seckill_private.reservation (",
            ),
            Edit(
                "write_hold",
                "p_taken.versions, p_digests);",
                """\
p_taken.versions, p_digests)
  on conflict do nothing
  returning reservation_id)
  select w.reservation_id into v_result.reservation_id
    from written as w
   union all
  select r.reservation_id
    from seckill_private.reservation as r
   where r.buyer_key = seckill_private.buyer_key(p_activity_id, p_user_id)
     and r.request_id = p_request_id
   limit 1;
""",
            ),
        ),
        caught_by=crowd(checks_stampede.same_request),
        symptom="holds: [2-6], expected 1",
    ),
    Mutation(
        "an ops call repeated without the lock of its request id",
        (
            Edit(
                "ops_replay",
                "  perform seckill_private.lock_subject('ops request', p_request_id::text);\n",
                "",
            ),
        ),
        caught_by=crowd(checks_stampede.same_delivery),
        symptom="'23505': [1-5]",
    ),
    Mutation(
        "partitions made without a lock",
        (
            Edit(
                "ensure_partition",
                "  perform seckill_private.lock_subject('partition', v_first::text);\n",
                "",
            ),
        ),
        caught_by=checks_stampede.new_activities,
        symptom="errors: .*(42P07|23505)",
    ),
]

RESOLUTIONS = [
    Mutation(
        "TTL by now()",
        (Edit("now_at", "coalesce(p_now, clock_timestamp())", "coalesce(p_now, now())"),),
        caught_by=checks_resolution.confirm_waits_past_the_end,
        symptom=r"status and late: \('confirmed', False\)",
    ),
    Mutation(
        "cancel without a state guard",
        (Edit("cancel_at", "if v_row.state = 'held' then", "if v_row.state <> 'expired' then"),),
        caught_by=checks_single.cancelled_twice_in_turn,
        symptom=r"\(2, 2, 0, 0\), expected \(2, 1, 1, 0\)",
    ),
    Mutation(
        "cancel without a state guard, the calls side by side",
        (
            *NO_RESOLUTION_LOCKS,
            Edit("resolve_reservation", "\n     and r.state = p_reservation.state", ""),
        ),
        caught_by=checks_resolution.cancel_twice,
        symptom="reconcile: .*I4",
    ),
    Mutation(
        "confirm and cancel without locking the reservation",
        NO_RESOLUTION_LOCKS,
        caught_by=checks_resolution.confirm_then_cancel,
        symptom="'P0002': 1",
    ),
    Mutation(
        "pay an ended hold as if nobody had to sweep it",
        (
            Edit(
                "confirm_locked",
                "seckill_private.settle_reservation(p_now, p_reservation);",
                "p_reservation;",
            ),
        ),
        caught_by=checks_single.ended_hold_is_paid_late,
        symptom=r"\('confirmed', False\)",
    ),
    Mutation(
        "forget what time the pool has seen",
        (Edit("now_at", "select max(s.seen_at)", "select min('-infinity'::timestamptz)"),),
        caught_by=checks_single.time_does_not_run_back,
        symptom="available: 0, expected 2",
    ),
    Mutation(
        "late payment without asking for units",
        (
            Edit(
                "confirm_late",
                "if not seckill_private.lock_available(",
                "if false and not seckill_private.lock_available(",
            ),
        ),
        caught_by=crowd(checks_resolution.late_confirms),
        symptom="'23514': 5",
    ),
    Mutation(
        "late payment without asking for limits",
        (Edit("confirm_late", "if v_check.answer is not null then", "if false then"),),
        caught_by=checks_resolution.late_confirm_against_own_limit,
        symptom=r"answers: \['held', 'confirmed'\]",
    ),
    Mutation(
        "count a hold by who has swept it, not by when it ended",
        (
            Edit(
                "counted",
                "when (p_reservation).state in ('held', 'expired') and",
                "when (p_reservation).state = 'expired' or (p_reservation).state = 'held' and",
            ),
            Edit("confirm_late", "if v_check.seen_at > v_now then", "if false then"),
        ),
        caught_by=checks_resolution.late_confirm_while_own_hold_ends,
        symptom="reconcile: .*I3",
    ),
    Mutation(
        "count ended holds as if they were open",
        (
            Edit(
                "counted",
                "when (p_reservation).state in ('held', 'expired') and (p_reservation).expires_at"
                " <= p_now then 0",
                "when (p_reservation).state = 'expired' then 0",
            ),
        ),
        caught_by=checks_single.own_ended_hold_does_not_count,
        symptom="'limit_exceeded', expected 'held'",
    ),
    Mutation(
        "a limit that lets one more through",
        (
            Edit(
                "limit_check",
                "if v_use.used + v_wanted <= p_limit.maximum then",
                "if v_use.used < p_limit.maximum then",
            ),
        ),
        caught_by=checks_single.limit_of_orders_and_units,
        symptom="1 [+] 3 of 3: 'held'",
    ),
    Mutation(
        "a limit that newcomers are not asked for",
        (
            Edit(
                "decide",
                "seckill_private.wanted(v_limit, p_skus, p_quantities) <= v_limit.maximum",
                "true",
            ),
        ),
        caught_by=checks_single.limit_of_orders_and_units,
        symptom="0 [+] 4 of 3: 'held'",
    ),
    Mutation(
        "a limit that is passed over for everybody",
        (Edit("decide", "continue when not p_is_known\n      and", "continue when"),),
        caught_by=checks_single.limit_of_orders_and_units,
        symptom="1 [+] 3 of 3: 'held'",
    ),
    Mutation(
        "a limit of orders that counts units",
        (
            Edit(
                "wanted",
                "when (p_limit).metric = 'units' then p_quantities[1]",
                "when true then p_quantities[1]",
            ),
        ),
        caught_by=checks_single.limit_of_orders_and_units,
        symptom="second of 2 orders: 'limit_exceeded', expected 'held'",
    ),
    Mutation(
        "a request id that stands for any request",
        (Edit("same_request", "return p_reservation", "return true or p_reservation"),),
        caught_by=checks_single.request_stands_for_itself,
        symptom="'no error', expected 'SK004'",
    ),
]

MUTATIONS = [
    *STAMPEDES,
    *RESOLUTIONS,
    *SWEEPS,
    *BOOKS,
    *LIFE,
    *LIMITS,
    *LINES,
    *FEED,
    *BATCHES,
    *SLOTS,
    *ORDER,
]

HEAD = """\
# Known-bad variants

A check that never failed proves nothing. Each row is a mistake, planted in the functions of a
database of its own. The check passes on the living functions, and must fail on the variant, for the
reason given; one that survives fails the suite. Those below that name a file of the Python package
(the flag, the purchases that go together) are planted in a copy of it, by `tests/flag` and
`tests/client`; CI plants all of them, the ordinary run every fourth. The table is made from
`catalogue.py` and theirs by `python -m tests.mutation.catalogue`.

| mistake | in | caught by | which says |
|---|---|---|---|
"""


def row(name: str, place: str, caught_by: str, symptom: str) -> str:
    """A line of the table."""
    escaped = symptom.replace("|", r"\|")
    return f"| {name} | {place} | {caught_by} | `{escaped}` |\n"


def table() -> str:
    """README.md as it should be."""
    rows = [
        row(m.name, ", ".join(sorted({edit.function for edit in m.edits})), m.checked_by, m.symptom)
        for m in MUTATIONS
    ]
    rows += [
        row(m.name, m.file, m.caught_by, m.symptom)
        for m in (*test_checks.MUTATIONS, *test_coalesce.MUTATIONS)
    ]
    return HEAD + "".join(rows)


if __name__ == "__main__":
    README.write_text(table(), encoding="utf-8")
