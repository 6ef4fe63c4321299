"""Every state of a reservation times every call, against the committed table in answers.md.

A cell is what the call answers (an error by its code; "late", and "again" for a replay) and, after
the arrow, what the reservation reads then. Ann's reservation is of two units, which is all that the
pool has and all that her limit allows. After each call the books agree. Where a rule changes:

    SECKILL_WRITE_ANSWERS=1 ./seckill test --target 18-direct -n 0 tests/procedures/test_answers.py

writes the table anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.fix_sale import Row, Sale, one, violations
from tests.procedures.instants import (
    HOLD,
    OPENS,
    call_for,
    cancel_at,
    confirm_at,
    expire_at,
    hold_at,
    reserve_at,
    sale_between,
    stored_state,
)

TABLE = Path(__file__).with_name("answers.md")
LATE = OPENS + HOLD
REQUEST, RETURN, PART = UUID(int=42), UUID(int=43), UUID(int=44)
ACTIVITIES = ("open", "paused", "closed")


@dataclass(frozen=True, slots=True)
class Case:
    """Ann's reservation in a state, and how to ask about it."""

    operator: Connection[Any]
    superuser: Connection[Any]
    sale: Sale
    held: int
    at: datetime


def refund_at(
    case: Case, quantities: list[int] | None = None, request_id: UUID | None = None
) -> Row:
    """The body of seckill.refund, at the case's instant."""
    return one(
        case.superuser,
        """
        select * from seckill_private.refund_at(
                 p_now => %(at)s, p_user_id => 'ann', p_reservation_id => %(held)s,
                 p_skus => null, p_quantities => %(quantities)s::integer[],
                 p_request_id => %(request_id)s, p_restock => true, p_restore_limits => true)""",
        at=case.at,
        held=case.held,
        quantities=quantities,
        request_id=request_id,
    )


def total_at(case: Case, total: int, mode: str) -> Row:
    """The body of seckill.set_stock_total, at the case's instant, with its lock of the activity."""
    with case.superuser.transaction():
        one(
            case.superuser, "select seckill_private.lock_activity(%(id)s)", id=case.sale.activity_id
        )
        return one(
            case.superuser,
            """
            select * from seckill_private.set_stock_total_at(
                     p_now => %(at)s, p_activity_id => %(id)s, p_sku => %(sku)s,
                     p_region => '*', p_total => %(total)s, p_mode => %(mode)s,
                     p_expected_total => null, p_actor => null)""",
            at=case.at,
            id=case.sale.activity_id,
            sku=case.sale.sku,
            total=total,
            mode=mode,
        )


def confirm(case: Case, payment_ref: str | None) -> Row:
    """The body of seckill.confirm, at the case's instant."""
    return confirm_at(case.superuser, case.held, case.at, payment_ref=payment_ref)


def swept(case: Case) -> int:
    """Sweep everything; whether Ann's hold was among it."""
    before = stored_state(case.superuser, case.held)
    expire_at(case.superuser, case.at, limit=10_000)
    return int(before != stored_state(case.superuser, case.held))


# --- the states: what brings Ann's reservation there, and when

Step = Callable[[Case], Any]


def other_buys(case: Case) -> None:
    """Bob holds all that is available."""
    hold_at(case.superuser, case.sale, LATE, user="bob", quantity=2)


def she_buys_again(case: Case) -> None:
    """Ann's limit goes to another purchase of hers."""
    hold_at(case.superuser, case.sale, LATE, quantity=2)


STATES: dict[str, tuple[datetime, tuple[Step, ...]]] = {
    "held": (OPENS, ()),
    "held, past its end": (LATE, ()),
    "expired": (LATE, (lambda case: expire_at(case.superuser, LATE),)),
    "cancelled": (OPENS, (lambda case: cancel_at(case.superuser, case.held, OPENS),)),
    "revoked": (OPENS, (lambda case: total_at(case, 0, "revoke"),)),
    "confirmed": (OPENS, (lambda case: confirm(case, "first"),)),
    "confirmed late": (LATE, (lambda case: confirm(case, "first"),)),
    "late_sold_out": (LATE, (other_buys, lambda case: confirm(case, "first"))),
    "late_limit_exceeded": (LATE, (she_buys_again, lambda case: confirm(case, "first"))),
    "partly refunded": (
        OPENS,
        (lambda case: confirm(case, "first"), lambda case: refund_at(case, [1], RETURN)),
    ),
    "refunded": (
        OPENS,
        (lambda case: confirm(case, "first"), lambda case: refund_at(case, None, RETURN)),
    ),
    "refunded, paid late": (
        LATE,
        (lambda case: confirm(case, "first"), lambda case: refund_at(case, None, RETURN)),
    ),
}

CALLS: dict[str, Step] = {
    "reserve, same request": lambda case: reserve_at(
        case.superuser, case.sale, case.at, quantity=2, request_id=REQUEST
    ),
    "confirm, first payment": lambda case: confirm(case, "first"),
    "confirm, another payment": lambda case: confirm(case, "second"),
    "confirm, no payment": lambda case: confirm(case, None),
    "cancel": lambda case: cancel_at(case.superuser, case.held, case.at),
    "refund": lambda case: refund_at(case),
    "refund one unit": lambda case: refund_at(case, [1], PART),
    "refund, same request": lambda case: refund_at(
        case, [1] if reads(case).startswith("confirmed") else None, RETURN
    ),
    "expire_due": lambda case: swept(case),
    "set_stock_total 0, revoke": lambda case: total_at(case, 0, "revoke"),
    "close_activity": lambda case: call_for(case.operator, "close_activity", case.sale),
}


def reach(state: str, activity: str, operator: Connection[Any], superuser: Connection[Any]) -> Case:
    """A sale of its own with Ann's reservation in a state, and its activity in one."""
    at, steps = STATES[state]
    units = 4 if state == "late_limit_exceeded" else 2
    sale = sale_between(operator, superuser, units=units, limit=2)
    held = hold_at(superuser, sale, OPENS, quantity=2, request_id=REQUEST)
    case = Case(operator, superuser, sale, held, at)
    for step in steps:
        step(case)
    if activity != "open":
        call_for(operator, {"paused": "pause_activity", "closed": "close_activity"}[activity], sale)
    return case


def reads(case: Case) -> str:
    """What the reservation reads at the case's instant."""
    row = one(
        case.superuser,
        """
        select s.status, s.quantities
          from seckill_private.reservation as r
         cross join lateral seckill_private.show_reservation(r, %(at)s) as s
         where r.reservation_id = %(held)s""",
        at=case.at,
        held=case.held,
    )
    return row.status if row.quantities == [2] else f"{row.status} {row.quantities[0]}"


def cell(case: Case, call: Step) -> str:
    """One call and what it led to, as the table has it."""
    try:
        answer = call(case)
    except psycopg.Error as error:
        words = [str(error.sqlstate)]
    else:
        words = [str(getattr(answer, "status", answer))]
        words += ["late"] * bool(getattr(answer, "late", False))
        words += ["again"] * bool(getattr(answer, "replayed", False))
    assert violations(case.operator, case.sale) == []
    return f"{' '.join(words)} → {reads(case)}"


def line(cells: list[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |\n"


def committed() -> dict[tuple[str, str], list[str]]:
    """The cells of the table, by state and activity."""
    rows: dict[tuple[str, str], list[str]] = {}
    for text in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [part.strip() for part in text.strip("|").split("|")]
        if text.startswith("|") and cells[0] in STATES:
            for activity in cells[1].split(", "):
                rows[cells[0], activity] = cells[2:]
    return rows


@pytest.mark.parametrize("activity", ACTIVITIES)
@pytest.mark.parametrize("state", STATES)
def test_every_call(operator, superuser, state, activity):
    found = [cell(reach(state, activity, operator, superuser), call) for call in CALLS.values()]
    if os.environ.get("SECKILL_WRITE_ANSWERS"):
        FOUND[state, activity] = found
        return
    expected = dict(zip(CALLS, committed()[state, activity], strict=True))
    assert dict(zip(CALLS, found, strict=True)) == expected


FOUND: dict[tuple[str, str], list[str]] = {}
HEAD = """\
# What every call answers in every state

Executed, cell by cell, by `test_answers.py`, which also writes it. Left of the arrow is the answer
(an error by its code; `late`, and `again` for a replay), right of it what the reservation reads
then (with its units, once some were refunded).

"""


def test_the_table_is_complete():
    if os.environ.get("SECKILL_WRITE_ANSWERS"):
        text = HEAD + line(["reservation", "activity", *CALLS]) + line(["---"] * (len(CALLS) + 2))
        for state in STATES:
            rows: dict[tuple[str, ...], list[str]] = {}
            for activity in ACTIVITIES:
                rows.setdefault(tuple(FOUND[state, activity]), []).append(activity)
            text += "".join(
                line([state, ", ".join(activities), *cells]) for cells, activities in rows.items()
            )
        TABLE.write_text(text, encoding="utf-8")
    assert set(committed()) == {(state, activity) for state in STATES for activity in ACTIVITIES}
