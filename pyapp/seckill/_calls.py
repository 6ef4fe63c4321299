"""The SQL of every call, without any IO: text, result, and whether it may be tried again.

The columns are named one by one, so that a field added to a result type does not disturb this
client, and the call stands in FROM: `(f()).*` would run it once for each field. Integers are
cast because the driver sends the narrowest type that holds the value; one too large then is a
clean 22003 and not an unknown function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, LiteralString, TypeVar, cast
from uuid import UUID

from psycopg.rows import BaseRowFactory, class_row, scalar_row
from psycopg.types.json import Jsonb

from seckill.errors import InvalidArgument
from seckill.results import (
    ArchivedRow,
    AvailabilityResult,
    Change,
    CheckResult,
    InventoryResult,
    OpsEntry,
    OpsResult,
    ReservationResult,
    ReserveResult,
    ResolveResult,
    Violation,
)
from seckill.retry import Effect

T = TypeVar("T")

# The columns of an answer.
_RESERVE_COLUMNS: LiteralString = (
    "status, ordinal, reservation_id, replayed, state, expires_at, limit_name, sku, "
    "remaining, epoch, retry, retry_at, error_code"
)
_RESOLVE_COLUMNS: LiteralString = "status, reservation_id, replayed, late, error_code"
_RESERVATION_COLUMNS: LiteralString = (
    "status, reservation_id, activity_id, user_id, request_id, region, skus, quantities, "
    "expires_at, created_at, resolved_at, payment_ref"
)
_AVAILABILITY_COLUMNS: LiteralString = "status, total, available, held, sold, epoch"
_CHECK_COLUMNS: LiteralString = (
    "status, check_name, limit_name, dimension, used, maximum, remaining, resets_at, retry"
)
_OPS_COLUMNS: LiteralString = "status, replayed, activity_id, sku, region, quantity, total"
_CHANGE_COLUMNS: LiteralString = (
    "cursor, at, kind, activity_id, sku, region, reservation_id, user_id, quantity, actor, "
    "login, note, source, target"
)


def _any_answer(_: Any) -> bool:
    return True


def _is_held(answer: ReserveResult) -> bool:
    # A refusal stores nothing: an earlier attempt that is still waiting for a lock may yet hold.
    return answer.status == "held"


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One function of the API.

    Attributes:
        sql: the statement, with named parameters.
        row: makes the result of a row.
        effect: what a second call would do (see `retry.Effect`).
        proves: whether an answer shows what became of an earlier attempt whose answer was lost.
        commits_after: the function after whose end it commits, to go on after that; None where
            the commit is the last that it does.
    """

    sql: LiteralString
    row: BaseRowFactory[T]
    effect: Effect
    proves: Callable[[T], bool] = _any_answer
    commits_after: str | None = None


def bind(parameters: Mapping[str, object]) -> dict[str, object]:
    """Values as the driver is to send them.

    Raises:
        InvalidArgument: a datetime without a zone. Its meaning would hang on the time zone of
            whatever server connection the pooler picks. Or a request id that is none.
    """
    return {name: _bind_one(name, value) for name, value in parameters.items()}


# Sent as they are. Looked at first: the abstract classes below take longer to ask.
_PLAIN = frozenset({str, int, bool, UUID, type(None)})


def _bind_one(name: str, value: object) -> object:
    if name == "request_id" or (name == "request_ids" and isinstance(value, str | UUID)):
        return _request_id(name, value)
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return Jsonb(dict[Any, Any](value))  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, datetime) and value.utcoffset() is None:
        raise _invalid(f"{name} has no zone")
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        # The driver writes a list as an array, and a tuple as a row.
        return [_bind_one(name, item) for item in cast("Sequence[object]", value)]
    return value


def _request_id(name: str, value: object) -> UUID | None:
    """Of exactly this type, which purchases that go together and `OutcomeUnknown` need.

    Others have it as a text, or as a subclass from their driver or from a library for UUIDs.
    """
    if value is None or type(value) is UUID:
        return value
    try:
        return UUID(str(value))
    except ValueError:
        raise _invalid(f"{name} is no UUID") from None


def _invalid(detail: str) -> InvalidArgument:
    return InvalidArgument("invalid argument", sqlstate="SK001", detail=detail)


# --- buying

RESERVE = Call(
    f"""
    select {_RESERVE_COLUMNS}
      from seckill.reserve(
             p_activity_id => %(activity_id)s::bigint,
             p_user_id => %(user_id)s,
             p_sku => %(sku)s,
             p_quantity => %(quantity)s::integer,
             p_request_id => %(request_id)s,
             p_region => %(region)s,
             p_subjects => %(subjects)s)
    """,
    class_row(ReserveResult),
    "repeatable",
    _is_held,
)

RESERVE_LINES = Call(
    f"""
    select {_RESERVE_COLUMNS}
      from seckill.reserve_lines(
             p_activity_id => %(activity_id)s::bigint,
             p_user_id => %(user_id)s,
             p_skus => %(skus)s::text[],
             p_quantities => %(quantities)s::integer[],
             p_request_id => %(request_id)s,
             p_region => %(region)s,
             p_subjects => %(subjects)s)
    """,
    class_row(ReserveResult),
    "repeatable",
    _is_held,
)

RESERVE_BATCH = Call(
    f"""
    select {_RESERVE_COLUMNS}
      from seckill.reserve_batch(
             p_activity_ids => %(activity_ids)s::bigint[],
             p_user_ids => %(user_ids)s::text[],
             p_skus => %(skus)s::text[],
             p_quantities => %(quantities)s::integer[],
             p_request_ids => %(request_ids)s::uuid[],
             p_regions => %(regions)s::text[],
             p_subjects => %(subjects)s::jsonb[])
    """,
    class_row(ReserveResult),
    "repeatable",
    _is_held,
)

RESERVE_NOW = Call(
    """
    call seckill.reserve_now(
           p_activity_id => %(activity_id)s::bigint,
           p_user_id => %(user_id)s,
           p_sku => %(sku)s,
           p_quantity => %(quantity)s::integer,
           p_request_id => %(request_id)s,
           p_region => %(region)s,
           p_subjects => %(subjects)s)
    """,
    class_row(ReserveResult),
    "repeatable",
    _is_held,
    commits_after="reserve",
)

CONFIRM = Call(
    f"""
    select {_RESOLVE_COLUMNS}
      from seckill.confirm(
             p_user_id => %(user_id)s,
             p_reservation_id => %(reservation_id)s::bigint,
             p_payment_ref => %(payment_ref)s)
    """,
    class_row(ResolveResult),
    "repeatable",
)

CANCEL = Call(
    f"""
    select {_RESOLVE_COLUMNS}
      from seckill.cancel(
             p_user_id => %(user_id)s,
             p_reservation_id => %(reservation_id)s::bigint,
             p_reason => %(reason)s)
    """,
    class_row(ResolveResult),
    "repeatable",
)

REFUND = Call(
    f"""
    select {_RESOLVE_COLUMNS}
      from seckill.refund(
             p_user_id => %(user_id)s,
             p_reservation_id => %(reservation_id)s::bigint,
             p_skus => %(skus)s::text[],
             p_quantities => %(quantities)s::integer[],
             p_request_id => %(request_id)s,
             p_restock => %(restock)s,
             p_restore_limits => %(restore_limits)s)
    """,
    class_row(ResolveResult),
    "repeatable",
)

CONFIRM_BATCH = Call(
    f"""
    select {_RESOLVE_COLUMNS}
      from seckill.confirm_batch(
             p_user_ids => %(user_ids)s::text[],
             p_reservation_ids => %(reservation_ids)s::bigint[],
             p_payment_refs => %(payment_refs)s::text[])
    """,
    class_row(ResolveResult),
    "repeatable",
)

AVAILABILITY = Call(
    f"""
    select {_AVAILABILITY_COLUMNS}
      from seckill.availability(
             p_activity_id => %(activity_id)s::bigint,
             p_sku => %(sku)s,
             p_region => %(region)s)
    """,
    class_row(AvailabilityResult),
    "read",
)

GET_RESERVATION = Call(
    f"""
    select {_RESERVATION_COLUMNS}
      from seckill.get_reservation(
             p_user_id => %(user_id)s,
             p_reservation_id => %(reservation_id)s::bigint)
    """,
    class_row(ReservationResult),
    "read",
)

FIND_RESERVATION = Call(
    f"""
    select {_RESERVATION_COLUMNS}
      from seckill.find_reservation(
             p_activity_id => %(activity_id)s::bigint,
             p_user_id => %(user_id)s,
             p_request_id => %(request_id)s)
    """,
    class_row(ReservationResult),
    "read",
)

LIST_RESERVATIONS = Call(
    f"""
    select {_RESERVATION_COLUMNS}
      from seckill.list_reservations(
             p_user_id => %(user_id)s,
             p_activity_id => %(activity_id)s::bigint,
             p_limit => %(limit)s::integer)
    """,
    class_row(ReservationResult),
    "read",
)

EXPLAIN = Call(
    f"""
    select {_CHECK_COLUMNS}
      from seckill.explain(
             p_activity_id => %(activity_id)s::bigint,
             p_user_id => %(user_id)s,
             p_sku => %(sku)s,
             p_quantity => %(quantity)s::integer,
             p_request_id => %(request_id)s,
             p_region => %(region)s,
             p_subjects => %(subjects)s)
    """,
    class_row(CheckResult),
    "read",
)

LIMIT_USAGE = Call(
    f"""
    select {_CHECK_COLUMNS}
      from seckill.limit_usage(
             p_activity_id => %(activity_id)s::bigint,
             p_user_id => %(user_id)s,
             p_subjects => %(subjects)s)
    """,
    class_row(CheckResult),
    "read",
)

# --- running a sale

CREATE_ACTIVITY: Call[int] = Call(
    """
    select seckill.create_activity(
             p_name => %(name)s,
             p_starts_at => %(starts_at)s,
             p_ends_at => %(ends_at)s,
             p_hold_seconds => %(hold_seconds)s::integer,
             p_time_zone => %(time_zone)s,
             p_request_id => %(request_id)s,
             p_actor => %(actor)s)
    """,
    scalar_row,
    "repeatable",
)

UPDATE_ACTIVITY = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.update_activity(
             p_activity_id => %(activity_id)s::bigint,
             p_name => %(name)s,
             p_starts_at => %(starts_at)s,
             p_ends_at => %(ends_at)s,
             p_hold_seconds => %(hold_seconds)s::integer,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

OPEN_ACTIVITY = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.open_activity(
             p_activity_id => %(activity_id)s::bigint,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

PAUSE_ACTIVITY = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.pause_activity(
             p_activity_id => %(activity_id)s::bigint,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

RESUME_ACTIVITY = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.resume_activity(
             p_activity_id => %(activity_id)s::bigint,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

CLOSE_ACTIVITY = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.close_activity(
             p_activity_id => %(activity_id)s::bigint,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

RECEIVE_STOCK = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.receive_stock(
             p_sku => %(sku)s,
             p_quantity => %(quantity)s::bigint,
             p_request_id => %(request_id)s,
             p_reason => %(reason)s,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "repeatable",
)

ALLOCATE_STOCK = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.allocate_stock(
             p_activity_id => %(activity_id)s::bigint,
             p_sku => %(sku)s,
             p_quantity => %(quantity)s::bigint,
             p_request_id => %(request_id)s,
             p_region => %(region)s,
             p_slots => %(slots)s::integer,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "repeatable",
)

MOVE_STOCK = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.move_stock(
             p_activity_id => %(activity_id)s::bigint,
             p_sku => %(sku)s,
             p_quantity => %(quantity)s::bigint,
             p_from_region => %(from_region)s,
             p_to_region => %(to_region)s,
             p_request_id => %(request_id)s,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "repeatable",
)

SCHEDULE_RELEASE = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.schedule_release(
             p_activity_id => %(activity_id)s::bigint,
             p_sku => %(sku)s,
             p_region => %(region)s,
             p_release_at => %(release_at)s::timestamptz[],
             p_quantities => %(quantities)s::bigint[],
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

SET_SLOTS = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.set_slots(
             p_activity_id => %(activity_id)s::bigint,
             p_sku => %(sku)s,
             p_slots => %(slots)s::integer,
             p_region => %(region)s,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

SET_STOCK_TOTAL = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.set_stock_total(
             p_activity_id => %(activity_id)s::bigint,
             p_sku => %(sku)s,
             p_total => %(total)s::bigint,
             p_mode => %(mode)s,
             p_region => %(region)s,
             p_expected_total => %(expected_total)s::bigint,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

SET_LIMIT = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.set_limit(
             p_activity_id => %(activity_id)s::bigint,
             p_name => %(name)s,
             p_dimension => %(dimension)s,
             p_metric => %(metric)s,
             p_window => %(window)s,
             p_maximum => %(maximum)s::bigint,
             p_sku => %(sku)s,
             p_period => %(period)s,
             p_time_zone => %(time_zone)s,
             p_required => %(required)s,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

DROP_LIMIT = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.drop_limit(
             p_activity_id => %(activity_id)s::bigint,
             p_name => %(name)s,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

SET_QUEUE_LIMIT = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.set_queue_limit(
             p_activity_id => %(activity_id)s::bigint,
             p_max_waiting => %(max_waiting)s::integer,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "repeatable",
)

REQUIRE_ELIGIBILITY = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.require_eligibility(
             p_activity_id => %(activity_id)s::bigint,
             p_dimension => %(dimension)s,
             p_required => %(required)s,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

ADD_ELIGIBLE = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.add_eligible(
             p_activity_id => %(activity_id)s::bigint,
             p_dimension => %(dimension)s,
             p_values => %(values)s::text[],
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

REMOVE_ELIGIBLE = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.remove_eligible(
             p_activity_id => %(activity_id)s::bigint,
             p_dimension => %(dimension)s,
             p_values => %(values)s::text[],
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

BLOCK = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.block(
             p_activity_id => %(activity_id)s::bigint,
             p_dimension => %(dimension)s,
             p_values => %(values)s::text[],
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

UNBLOCK = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.unblock(
             p_activity_id => %(activity_id)s::bigint,
             p_dimension => %(dimension)s,
             p_values => %(values)s::text[],
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "once",
)

EXPIRE_DUE: Call[int] = Call(
    """
    select seckill.expire_due(
             p_limit => %(limit)s::integer,
             p_actor => %(actor)s)
    """,
    scalar_row,
    "once",
)

ARCHIVE_ACTIVITY = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.archive_activity(
             p_activity_id => %(activity_id)s::bigint,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "repeatable",
)

EXPORT_ACTIVITY = Call(
    """
    select cursor, data
      from seckill.export_activity(
             p_activity_id => %(activity_id)s::bigint,
             p_part => %(part)s,
             p_after => %(after)s,
             p_limit => %(limit)s::integer)
    """,
    class_row(ArchivedRow),
    "read",
)

DROP_ARCHIVED = Call(
    f"""
    select {_OPS_COLUMNS}
      from seckill.drop_archived(
             p_activity_id => %(activity_id)s::bigint,
             p_limit => %(limit)s::integer,
             p_actor => %(actor)s)
    """,
    class_row(OpsResult),
    "repeatable",
)

# --- reading

HISTORY = Call(
    f"""
    select {_CHANGE_COLUMNS}
      from seckill.history(
             p_activity_id => %(activity_id)s::bigint,
             p_sku => %(sku)s,
             p_region => %(region)s,
             p_user_id => %(user_id)s,
             p_limit => %(limit)s::integer)
    """,
    class_row(Change),
    "read",
)

STOCK_AT = Call(
    f"""
    select {_AVAILABILITY_COLUMNS}
      from seckill.stock_at(
             p_activity_id => %(activity_id)s::bigint,
             p_sku => %(sku)s,
             p_at => %(at)s,
             p_region => %(region)s)
    """,
    class_row(AvailabilityResult),
    "read",
)

LIMIT_USAGE_AT = Call(
    f"""
    select {_CHECK_COLUMNS}
      from seckill.limit_usage_at(
             p_activity_id => %(activity_id)s::bigint,
             p_user_id => %(user_id)s,
             p_at => %(at)s,
             p_subjects => %(subjects)s)
    """,
    class_row(CheckResult),
    "read",
)

CHANGES = Call(
    f"""
    select {_CHANGE_COLUMNS}
      from seckill.changes(
             p_after => %(after)s,
             p_limit => %(limit)s::integer)
    """,
    class_row(Change),
    "read",
)

RECONCILE = Call(
    """
    select invariant, subject, expected, actual
      from seckill.reconcile(
             p_activity_id => %(activity_id)s::bigint)
    """,
    class_row(Violation),
    "read",
)

OPS_HISTORY = Call(
    """
    select at, actor, login, call, activity_id, arguments
      from seckill.ops_history(
             p_activity_id => %(activity_id)s::bigint,
             p_limit => %(limit)s::integer)
    """,
    class_row(OpsEntry),
    "read",
)

INVENTORY = Call(
    """
    select status, sku, quantity
      from seckill.inventory(
             p_sku => %(sku)s)
    """,
    class_row(InventoryResult),
    "read",
)

SCHEMA_VERSION: Call[str] = Call("select seckill.schema_version()", scalar_row, "read")

CONTRACT_VERSION: Call[int] = Call("select seckill.contract_version()", scalar_row, "read")

SHARD_OF: Call[int] = Call(
    """
    select seckill.shard_of(
             p_user_id => %(user_id)s)
    """,
    scalar_row,
    "read",
)
