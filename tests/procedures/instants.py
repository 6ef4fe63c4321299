"""Sales at chosen instants, refusals, and the books: helpers beside those of tests/fix_sale.py.

The public functions read the clock. Tests of time call the private functions behind them, which
take an instant, as the superuser; or they let time pass for a sale's pools (time_passes), and then
call the public ones.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection

from tests.fix_sale import Row, Sale, add_units, one, open_activity, set_limit

OPENS = datetime(2030, 1, 1, tzinfo=UTC)
ENDS = OPENS + timedelta(hours=1)
HOLD = timedelta(minutes=15)
INSTANT = timedelta(microseconds=1)
BIGGEST_INT = 2**31 - 1
BIGGEST_BIGINT = 2**63 - 1

# What no answer may show: names of tables and constraints, and anything after "seckill_private."
# that is no function (their names stand in the context that PL/pgSQL writes).
PRIVATE_NAMES = re.compile(
    r"pool_slot|limit_version|limits_revision|ops_entry|inventory_movement|_pkey|_is_unique"
    r"|seckill_private\.(?:activity|pool|reservation|movement|inventory|secret|feed|refund)\b"
    r"|stock_release|list_dimension|listed_subject|constraint"
    r"|relation|column"
)


@dataclass(slots=True)
class Refusal:
    """The error that `refused` caught."""

    error: psycopg.Error | None = None

    @property
    def text(self) -> str:
        """Everything that the server said, as a client could log it."""
        assert self.error is not None
        diag = self.error.diag
        parts = (
            diag.message_primary,
            diag.message_detail,
            diag.message_hint,
            diag.context,
            diag.schema_name,
            diag.table_name,
            diag.column_name,
            diag.constraint_name,
        )
        return "\n".join(part for part in parts if part)

    @property
    def detail(self) -> str:
        """DETAIL of the error."""
        assert self.error is not None
        return self.error.diag.message_detail or ""


MESSAGES = {
    "SK001": "invalid argument",
    "SK002": "unknown activity",
    "SK003": "unknown pool",
    "SK004": "request id was used for another request",
    "SK005": "transaction is not READ COMMITTED",
    "SK006": "not allowed in this state",
    "SK007": "not enough units",
    "SK008": "unknown reservation",
}


@contextmanager
def refused(sqlstate: str) -> Iterator[Refusal]:
    """The block must raise this SQLSTATE, with its constant message and no private name."""
    caught = Refusal()
    try:
        yield caught
    except psycopg.Error as error:
        caught.error = error
    assert caught.error is not None, f"no error, expected {sqlstate}"
    assert caught.error.sqlstate == sqlstate, caught.error
    assert caught.error.diag.message_primary == MESSAGES[sqlstate]
    assert not PRIVATE_NAMES.search(caught.text), caught.text


def new_name(what: str = "sku") -> str:
    """A name that no other test uses."""
    return f"{what}-{uuid4().hex[:12]}"


def sale_between(
    operator: Connection[Any],
    superuser: Connection[Any],
    *,
    starts_at: datetime = OPENS,
    ends_at: datetime = ENDS,
    units: int = 10,
    hold: timedelta = HOLD,
    time_zone: str = "UTC",
    limit: int | None = None,
    orders: int | None = None,
    sku: str | None = None,
    state: str = "open",
) -> Sale:
    """Make a sale with a window of instants, and forget when its units were allocated.

    A pool remembers the latest time it has seen, which is the clock's at its allocation; a test
    whose instants lie before that would be lifted to it.
    """
    activity = one(
        operator,
        """
        select seckill.create_activity(
                 p_name => 'sale', p_starts_at => %(starts_at)s, p_ends_at => %(ends_at)s,
                 p_hold_seconds => %(hold_seconds)s, p_time_zone => %(time_zone)s
               ) as activity_id""",
        starts_at=starts_at,
        ends_at=ends_at,
        hold_seconds=int(hold.total_seconds()),
        time_zone=time_zone,
    )
    sale = Sale(activity.activity_id, sku or new_name(), "*")
    if units:
        add_units(operator, sale, units)
        forget_the_clock(superuser, sale)
    if limit is not None:
        set_limit(operator, sale, "units_per_user", maximum=limit, metric="units")
    if orders is not None:
        set_limit(operator, sale, "orders_per_user", maximum=orders, metric="orders")
    if state == "open":
        open_activity(operator, sale)
    return sale


def another_pool(
    operator: Connection[Any],
    superuser: Connection[Any],
    sale: Sale,
    *,
    units: int = 10,
    sku: str | None = None,
    region: str = "*",
) -> Sale:
    """Add a pool to the sale's activity; a Sale that names it."""
    other = Sale(sale.activity_id, sku or new_name(), region)
    add_units(operator, other, units)
    forget_the_clock(superuser, other)
    return other


def forget_the_clock(superuser: Connection[Any], sale: Sale) -> None:
    """Make the sale's pools forget the latest time they have seen."""
    time_passes(superuser, sale, datetime(2000, 1, 1, tzinfo=UTC))


def time_passes(superuser: Connection[Any], sale: Sale, until: datetime) -> None:
    """Make this the latest time that the pools of the activity have seen.

    Decisions use the greater of that and the clock, so an instant in the future is "now" for all
    public functions.
    """
    superuser.execute(
        """
        update seckill_private.pool_slot as s
           set seen_at = %s
          from seckill_private.pool as p
         where p.pool_id = s.pool_id
           and p.activity_id = %s""",
        [until, sale.activity_id],
    )


def reserve_at(
    superuser: Connection[Any],
    sale: Sale,
    at: datetime,
    *,
    user: str = "ann",
    quantity: int = 1,
    request_id: UUID | None = None,
    subjects: Mapping[str, str] | None = None,
) -> Row:
    """The body of seckill.reserve, at an instant."""
    return one(
        superuser,
        """
        select * from seckill_private.reserve_at(
                 p_now => %(at)s, p_activity_id => %(activity_id)s, p_user_id => %(user)s,
                 p_skus => array[%(sku)s], p_quantities => array[%(quantity)s]::integer[],
                 p_request_id => %(request_id)s, p_region => %(region)s,
                 p_digests => seckill_private.subject_digests(%(subjects)s))""",
        at=at,
        activity_id=sale.activity_id,
        user=user,
        sku=sale.sku,
        quantity=quantity,
        request_id=request_id or uuid4(),
        region=sale.region,
        subjects=json.dumps(dict(subjects or {})),
    )


def hold_at(
    superuser: Connection[Any],
    sale: Sale,
    at: datetime,
    *,
    user: str = "ann",
    quantity: int = 1,
    request_id: UUID | None = None,
    subjects: Mapping[str, str] | None = None,
) -> int:
    """Reserve at an instant, which must succeed; the reservation's id."""
    answer = reserve_at(
        superuser,
        sale,
        at,
        user=user,
        quantity=quantity,
        request_id=request_id,
        subjects=subjects,
    )
    assert answer.status == "held", answer
    return answer.reservation_id


def confirm_at(
    superuser: Connection[Any],
    reservation_id: int,
    at: datetime,
    *,
    user: str = "ann",
    payment_ref: str | None = None,
) -> Row:
    """The body of seckill.confirm, at an instant."""
    return one(
        superuser,
        """
        select * from seckill_private.confirm_at(
                 p_now => %(at)s, p_user_id => %(user)s, p_reservation_id => %(reservation_id)s,
                 p_payment_ref => %(payment_ref)s)""",
        at=at,
        user=user,
        reservation_id=reservation_id,
        payment_ref=payment_ref,
    )


def cancel_at(
    superuser: Connection[Any], reservation_id: int, at: datetime, *, user: str = "ann"
) -> Row:
    """The body of seckill.cancel, at an instant."""
    return one(
        superuser,
        """
        select * from seckill_private.cancel_at(
                 p_now => %(at)s, p_user_id => %(user)s, p_reservation_id => %(reservation_id)s,
                 p_reason => null)""",
        at=at,
        user=user,
        reservation_id=reservation_id,
    )


def expire_at(superuser: Connection[Any], at: datetime, *, limit: int = 1000) -> int:
    """The body of seckill.expire_due, at an instant: it sweeps all activities of the database."""
    return one(
        superuser,
        """
        select seckill_private.expire_due_at(
                 p_now => %(at)s, p_limit => %(limit)s, p_actor => null) as expired""",
        at=at,
        limit=limit,
    ).expired


def history(
    connection: Connection[Any],
    sale: Sale,
    *,
    user: str | None = None,
    sku: str | None = None,
    region: str | None = None,
    limit: int = 1000,
) -> list[Row]:
    """seckill.history, newest first."""
    return connection.execute(
        """
        select * from seckill.history(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s, p_region => %(region)s,
                 p_user_id => %(user)s, p_limit => %(limit)s)""",
        {
            "activity_id": sale.activity_id,
            "sku": sku,
            "region": region,
            "user": user,
            "limit": limit,
        },
    ).fetchall()


def kinds(connection: Connection[Any], sale: Sale, **filters: Any) -> list[str]:
    """The kinds of the sale's ledger lines, sorted."""
    return sorted(line.kind for line in history(connection, sale, **filters))


def stored_state(superuser: Connection[Any], reservation_id: int) -> str:
    """The state of a reservation as its row has it: `held` until it is swept."""
    return one(
        superuser,
        "select state from seckill_private.reservation where reservation_id = %(id)s",
        id=reservation_id,
    ).state


def units_of(connection: Connection[Any], sku: str) -> int:
    """Units of a sku in the inventory."""
    return one(connection, "select * from seckill.inventory(p_sku => %(sku)s)", sku=sku).quantity


def journal(superuser: Connection[Any], sale: Sale) -> list[Row]:
    """The journal of the ops calls about an activity, oldest first."""
    return superuser.execute(
        """
        select call, request_id, arguments, answer, actor, login
          from seckill_private.ops_entry
         where activity_id = %s
         order by entry_id""",
        [sale.activity_id],
    ).fetchall()


def call_for(connection: Connection[Any], name: str, sale: Sale, actor: str | None = None) -> Row:
    """seckill.<name>(p_activity_id, p_actor): open, pause, resume or close an activity."""
    return one(
        connection,
        f"select * from seckill.{name}(p_activity_id => %(activity_id)s, p_actor => %(actor)s)",
        activity_id=sale.activity_id,
        actor=actor,
    )


def lock_row_of(session: Connection[Any], reservation_id: int) -> None:
    """Hold the lock of a reservation's row until the session's transaction ends."""
    one(
        session,
        """
        select state from seckill_private.reservation
         where reservation_id = %(id)s
           for update""",
        id=reservation_id,
    )
