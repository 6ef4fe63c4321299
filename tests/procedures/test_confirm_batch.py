"""seckill.confirm_batch: a file of payments is answered as if each had come alone, in its order."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.fix_database import wait_for_lock
from tests.fix_sale import (
    availability,
    cancel,
    close_activity,
    confirm,
    confirm_batch,
    get_reservation,
    open_sale,
    reserve,
    set_limit,
    violations,
)
from tests.procedures.instants import (
    HOLD,
    OPENS,
    another_pool,
    cancel_at,
    confirm_at,
    hold_at,
    kinds,
    new_name,
    refused,
    sale_between,
    time_passes,
)

Payment = tuple[str | None, int | None, str | None]


def words(answers: list[Any]) -> list[str]:
    """Each answer in a few words."""
    return [
        " ".join(
            [
                answer.error_code or answer.status,
                *(["late"] if answer.late else []),
                *(["again"] if answer.replayed else []),
            ]
        )
        for answer in answers
    ]


def test_all_are_confirmed_in_order(operator, buyer):
    sale = open_sale(operator, units=5, sku=new_name())
    users = ["cid", "ann", "bob"]
    held = {user: reserve(buyer, sale, user=user).reservation_id for user in users}
    answers = confirm_batch(buyer, [(user, held[user], f"pay {user}") for user in users])
    assert words(answers) == ["confirmed"] * 3
    assert [answer.reservation_id for answer in answers] == [held[user] for user in users]
    assert [answer.late for answer in answers] == [False] * 3
    for user in users:
        read = get_reservation(buyer, held[user], user=user)
        assert (read.status, read.payment_ref) == ("confirmed", f"pay {user}")
    row = availability(buyer, sale)
    assert (row.available, row.held, row.sold) == (2, 0, 3)
    assert violations(operator, sale) == []


def test_an_empty_batch_has_no_rows(buyer):
    assert confirm_batch(buyer, []) == []


def test_a_fault_is_a_row_and_the_others_go_on(operator, buyer):
    sale = open_sale(operator, sku=new_name())
    held = reserve(buyer, sale).reservation_id
    answers = confirm_batch(
        buyer,
        [
            (None, held, "x"),
            ("", held, "x"),
            ("u" * 201, held, "x"),
            ("ann", None, "x"),
            ("ann", held, ""),
            ("ann", held, "p" * 201),
            ("bob", held, "x"),
            ("ann", held + 1, "x"),
            ("ann", -1, "x"),
            ("ann", 2**63 - 1, None),
            ("ann", held, "p" * 200),
        ],
    )
    assert words(answers) == ["SK001"] * 6 + ["SK008"] * 4 + ["confirmed"]
    assert {answer.status for answer in answers[:10]} == {"error"}
    assert [answer.reservation_id for answer in answers[:4]] == [held, held, held, None]
    assert violations(operator, sale) == []


def test_the_same_reservation_twice_in_a_batch(operator, buyer):
    sale = open_sale(operator, sku=new_name())
    held = reserve(buyer, sale).reservation_id
    answers = confirm_batch(
        buyer,
        [("ann", held, ref) for ref in ("first", "first", "second", "second", None)],
    )
    assert words(answers) == [
        "confirmed",
        "confirmed again",
        "duplicate_payment",
        "duplicate_payment again",
        "confirmed again",
    ]
    assert kinds(operator, sale).count("duplicate_payment") == 1
    assert violations(operator, sale) == []


def test_every_state_answers_as_a_single_call(operator, superuser):
    """Two sales that went the same way: one is paid in a batch, the other one by one."""
    answers: list[list[str]] = []
    for batch in (True, False):
        sale = sale_between(operator, superuser, units=9, limit=2)
        held = {
            user: hold_at(superuser, sale, OPENS, user=user)
            for user in ("limited", "due", "gone", "paid", "cancelled", "refunded")
        }
        confirm_at(superuser, held["paid"], OPENS, user="paid", payment_ref="x")
        cancel_at(superuser, held["cancelled"], OPENS, user="cancelled")
        confirm_at(superuser, held["refunded"], OPENS, user="refunded")
        superuser.execute(
            "select * from seckill_private.refund_at("
            "%s, 'refunded', %s, null, null, null, true, true)",
            [OPENS, held["refunded"]],
        )
        cancel_at(superuser, held["gone"], OPENS + HOLD, user="gone")
        hold_at(superuser, sale, OPENS + HOLD, user="limited", quantity=2)
        held["open"] = hold_at(superuser, sale, OPENS + HOLD, user="open", quantity=2)
        # Then one unit of the nine is left for two late payments.
        hold_at(superuser, sale, OPENS + HOLD, user="rest", quantity=2)
        hold_at(superuser, sale, OPENS + HOLD, user="rest two", quantity=1)
        time_passes(superuser, sale, OPENS + HOLD)
        payments = [(user, held[user], "x") for user in (*held, *held)]
        rows = (
            confirm_batch(superuser, payments)
            if batch
            else [
                confirm(superuser, number, user=user, payment_ref=ref)
                for user, number, ref in payments
            ]
        )
        answers.append(words(rows))
        assert violations(operator, sale) == []
    assert answers[0] == answers[1]
    assert "late_sold_out" in answers[0]
    assert "late_limit_exceeded" in answers[0]
    assert "confirmed late" in answers[0]


@pytest.mark.parametrize("seed", range(6))
def test_a_batch_is_its_payments_one_after_another(operator, superuser, seed):
    """The same random sale twice: as batches, and as single calls at the same instants."""
    outcomes: list[Any] = []
    for batched in (True, False):
        chance = random.Random(seed)
        sale = sale_between(operator, superuser, units=12, limit=5)
        other = another_pool(operator, superuser, sale, units=4)
        set_limit(operator, sale, "orders", maximum=3, metric="orders")
        now = OPENS
        made: list[tuple[str, int]] = []
        answers: list[str] = []
        for _ in range(8):
            for _ in range(6):
                user = chance.choice("abcd")
                pool = chance.choice((sale, other))
                row = superuser.execute(
                    """
                    select * from seckill_private.reserve_at(
                             %s, %s, %s, array[%s], array[%s], gen_random_uuid(), '*', null)""",
                    [now, sale.activity_id, user, pool.sku, chance.choice((1, 2))],
                ).fetchone()
                if row.status == "held":
                    made.append((user, row.reservation_id))
            now += HOLD * chance.choice((0.3, 0.6, 1))
            picks = [chance.randrange(len(made)) for _ in range(10)]
            refs = [chance.choice(("x", "y", None)) for _ in picks]
            payments = [(*made[pick], ref) for pick, ref in zip(picks, refs, strict=True)]
            answers += pay_at(superuser, now, payments, batched=batched)
        row = availability(superuser, sale)
        outcomes.append((answers, row.total, row.available, row.held, row.sold))
        assert violations(operator, sale) == []
    assert outcomes[0] == outcomes[1]


def pay_at(
    superuser: Connection[Any],
    now: Any,
    payments: list[tuple[str, int, str | None]],
    *,
    batched: bool,
) -> list[str]:
    """Confirm at an instant, as one batch or one by one."""
    if not batched:
        return words(
            [
                confirm_at(superuser, number, now, user=user, payment_ref=ref)
                for user, number, ref in payments
            ]
        )
    return words(
        superuser.execute(
            "select * from seckill_private.confirm_batch_at("
            "%s, %s::text[], %s::bigint[], %s::text[])",
            [now, *([payment[place] for payment in payments] for place in range(3))],
        ).fetchall()
    )


def test_a_closed_activity_gives_late_units_to_the_inventory(operator, superuser):
    sales = [sale_between(operator, superuser, units=1) for _ in range(3)]
    payments: list[Payment] = []
    for sale in sales:
        payments.append(("ann", hold_at(superuser, sale, OPENS), "x"))
        close_activity(operator, sale)
        time_passes(superuser, sale, OPENS + HOLD)
    assert words(confirm_batch(superuser, payments)) == ["late_sold_out"] * 3
    assert [violations(operator, sale) for sale in sales] == [[], [], []]


@pytest.mark.parametrize(
    "arrays",
    [
        ("null", "array[1]", "array['x']"),
        ("array['ann']", "null", "array['x']"),
        ("array['ann']", "array[1]", "null"),
        ("array['ann', 'bob']", "array[1]", "array['x']"),
        ("array['ann']", "array[1, 2]", "array['x']"),
        ("array['ann']", "array[1]", "array['x', 'y']"),
        ("array[['ann', 'bob']]", "array[1, 2]", "array['x', 'y']"),
        ("array['ann', 'bob']", "array[[1, 2]]", "array['x', 'y']"),
        ("'[0:0]={ann}'", "array[1]", "array['x']"),
        (
            "array_fill('x'::text, array[501])",
            "array_fill(1, array[501])",
            "array_fill('x'::text, array[501])",
        ),
    ],
)
def test_arrays_that_make_no_sense_are_refused(buyer, arrays):
    users, numbers, refs = arrays
    with refused("SK001"):
        buyer.execute(
            f"select * from seckill.confirm_batch("
            f"({users})::text[], ({numbers})::bigint[], ({refs})::text[])".encode()
        )


def test_five_hundred_are_taken(operator, buyer):
    sale = open_sale(operator, units=500, sku=new_name())
    held = [
        (f"user {number}", reserve(buyer, sale, user=f"user {number}").reservation_id, None)
        for number in range(500)
    ]
    assert words(confirm_batch(buyer, held)) == ["confirmed"] * 500
    assert availability(buyer, sale).sold == 500
    assert violations(operator, sale) == []


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_older_snapshots_are_refused(db, isolation):
    with db.connect("buyer", autocommit=False) as session:
        session.execute(f"set transaction isolation level {isolation}")
        with refused("SK005"):
            confirm_batch(session, [])


def test_a_payment_that_became_late_while_the_locks_were_taken_is_asked_for_again(db):
    """Its subjects are not locked, as those of late payments are: so nothing happens."""
    with (
        db.connect("operator") as operator,
        db.connect("superuser", autocommit=False) as other,
        db.connect("superuser") as superuser,
        ThreadPoolExecutor() as thread,
    ):
        sale = sale_between(operator, superuser, units=2)
        held = hold_at(superuser, sale, OPENS)
        time_passes(other, sale, OPENS + HOLD)
        waits = thread.submit(pay_at, superuser, OPENS, [("ann", held, "x")], batched=True)
        wait_for_lock(db)
        other.commit()
        with pytest.raises(psycopg.errors.LockNotAvailable):
            waits.result(20)
        row = availability(superuser, sale)
        assert (row.available, row.held, row.sold) == (2, 0, 0)
        assert pay_at(superuser, OPENS, [("ann", held, "x")], batched=True) == ["confirmed late"]
        assert violations(operator, sale) == []


def test_a_cancelled_one_stays_cancelled(operator, buyer):
    sale = open_sale(operator, sku=new_name())
    held = reserve(buyer, sale).reservation_id
    cancel(buyer, held)
    assert words(confirm_batch(buyer, [("ann", held, "x")])) == ["cancelled"]
