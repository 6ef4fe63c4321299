"""Limits, lists, releases and orders of several lines: helpers beside those of tests/fix_sale.py.

Each calls one SQL function by named notation. Those that end in `_at` are the bodies behind the
public functions, which take an instant, as the superuser.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from tests.fix_sale import Row, Sale, one

Lines = Sequence[tuple[str, int]]


def set_rule(
    connection: Connection[Any],
    activity_id: int | None,
    name: str | None,
    *,
    maximum: int | None,
    dimension: str | None = "user",
    metric: str | None = "units",
    window: str | None = "activity",
    sku: str | None = None,
    period: timedelta | str | None = None,
    time_zone: str | None = None,
    required: bool | None = True,
    actor: str | None = None,
) -> Row:
    """seckill.set_limit, all of it; no activity makes the limit global."""
    return one(
        connection,
        """
        select * from seckill.set_limit(
                 p_activity_id => %(activity_id)s, p_name => %(name)s,
                 p_dimension => %(dimension)s, p_metric => %(metric)s, p_window => %(window)s,
                 p_maximum => %(maximum)s, p_sku => %(sku)s, p_period => %(period)s,
                 p_time_zone => %(time_zone)s, p_required => %(required)s, p_actor => %(actor)s)""",
        activity_id=activity_id,
        name=name,
        dimension=dimension,
        metric=metric,
        window=window,
        maximum=maximum,
        sku=sku,
        period=period,
        time_zone=time_zone,
        required=required,
        actor=actor,
    )


def drop_rule(
    connection: Connection[Any], activity_id: int | None, name: str | None, actor: str | None = None
) -> Row:
    """seckill.drop_limit."""
    return one(
        connection,
        """
        select * from seckill.drop_limit(
                 p_activity_id => %(activity_id)s, p_name => %(name)s, p_actor => %(actor)s)""",
        activity_id=activity_id,
        name=name,
        actor=actor,
    )


def change_list(
    connection: Connection[Any],
    call: str,
    sale: Sale,
    dimension: str | None,
    values: Iterable[str | None] | None,
    actor: str | None = None,
) -> Row:
    """seckill.add_eligible, remove_eligible, block or unblock."""
    return one(
        connection,
        f"""
        select * from seckill.{call}(
                 p_activity_id => %(activity_id)s, p_dimension => %(dimension)s,
                 p_values => %(values)s, p_actor => %(actor)s)""",
        activity_id=sale.activity_id,
        dimension=dimension,
        values=None if values is None else list(values),
        actor=actor,
    )


def set_slots(connection: Connection[Any], sale: Sale, slots: int | None) -> Row:
    """seckill.set_slots."""
    return one(
        connection,
        "select * from seckill.set_slots(%(activity_id)s, %(sku)s, %(slots)s, %(region)s)",
        activity_id=sale.activity_id,
        sku=sale.sku,
        slots=slots,
        region=sale.region,
    )


def set_queue_limit(
    connection: Connection[Any], sale: Sale, max_waiting: int | None, actor: str | None = None
) -> Row:
    """seckill.set_queue_limit."""
    return one(
        connection,
        "select * from seckill.set_queue_limit(%(activity_id)s, %(max_waiting)s, %(actor)s)",
        activity_id=sale.activity_id,
        max_waiting=max_waiting,
        actor=actor,
    )


def require_list(
    connection: Connection[Any],
    sale: Sale,
    dimension: str | None,
    required: bool | None = True,
    actor: str | None = None,
) -> Row:
    """seckill.require_eligibility."""
    return one(
        connection,
        """
        select * from seckill.require_eligibility(
                 p_activity_id => %(activity_id)s, p_dimension => %(dimension)s,
                 p_required => %(required)s, p_actor => %(actor)s)""",
        activity_id=sale.activity_id,
        dimension=dimension,
        required=required,
        actor=actor,
    )


def schedule(
    connection: Connection[Any],
    sale: Sale,
    releases: Iterable[tuple[datetime | None, int | None]],
    actor: str | None = None,
) -> Row:
    """seckill.schedule_release of the sale's pool."""
    pairs = list(releases)
    return one(
        connection,
        """
        select * from seckill.schedule_release(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s, p_region => %(region)s,
                 p_release_at => %(instants)s::timestamptz[],
                 p_quantities => %(quantities)s::bigint[], p_actor => %(actor)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
        region=sale.region,
        instants=[at for at, _ in pairs],
        quantities=[quantity for _, quantity in pairs],
        actor=actor,
    )


def receive_stock(connection: Connection[Any], sku: str, units: int) -> Row:
    """seckill.receive_stock."""
    return one(
        connection,
        """
        select * from seckill.receive_stock(
                 p_sku => %(sku)s, p_quantity => %(units)s, p_request_id => %(request_id)s)""",
        sku=sku,
        units=units,
        request_id=uuid4(),
    )


def allocate_stock(
    connection: Connection[Any], sale: Sale, units: int, request_id: UUID | None = None
) -> Row:
    """seckill.allocate_stock to the sale's pool."""
    return one(
        connection,
        """
        select * from seckill.allocate_stock(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s, p_quantity => %(units)s,
                 p_request_id => %(request_id)s, p_region => %(region)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
        region=sale.region,
        units=units,
        request_id=request_id or uuid4(),
    )


def move_stock(
    connection: Connection[Any],
    sale: Sale,
    quantity: int | None,
    *,
    source: str | None,
    target: str | None,
    request_id: UUID | None = None,
    actor: str | None = None,
) -> Row:
    """seckill.move_stock of the sale's sku."""
    return one(
        connection,
        """
        select * from seckill.move_stock(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s, p_quantity => %(quantity)s,
                 p_from_region => %(source)s, p_to_region => %(target)s,
                 p_request_id => %(request_id)s, p_actor => %(actor)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
        quantity=quantity,
        source=source,
        target=target,
        request_id=request_id or uuid4(),
        actor=actor,
    )


def reserve_lines(
    connection: Connection[Any],
    sale: Sale,
    lines: Lines,
    *,
    user: str | None = "ann",
    request_id: UUID | None = None,
    subjects: Mapping[str, str] | None = None,
) -> Row:
    """seckill.reserve_lines in the sale's region; the lines as they come."""
    return one(
        connection,
        """
        select * from seckill.reserve_lines(
                 p_activity_id => %(activity_id)s, p_user_id => %(user)s, p_skus => %(skus)s,
                 p_quantities => %(quantities)s, p_request_id => %(request_id)s,
                 p_region => %(region)s, p_subjects => %(subjects)s)""",
        activity_id=sale.activity_id,
        user=user,
        skus=[sku for sku, _ in lines],
        quantities=[quantity for _, quantity in lines],
        request_id=request_id or uuid4(),
        region=sale.region,
        subjects=json.dumps(dict(subjects or {})),
    )


def order_values(
    sale: Sale,
    at: datetime,
    lines: Lines,
    user: str,
    request_id: UUID | None,
    subjects: Mapping[str, str] | None,
) -> dict[str, Any]:
    """The arguments that reserve_at and explain_at share."""
    return {
        "at": at,
        "activity_id": sale.activity_id,
        "user": user,
        "skus": [sku for sku, _ in lines],
        "quantities": [quantity for _, quantity in lines],
        "request_id": request_id or uuid4(),
        "region": sale.region,
        "subjects": json.dumps(dict(subjects or {})),
    }


ORDER_ARGUMENTS = """
                 p_now => %(at)s, p_activity_id => %(activity_id)s, p_user_id => %(user)s,
                 p_skus => %(skus)s, p_quantities => %(quantities)s,
                 p_request_id => %(request_id)s, p_region => %(region)s,
                 p_digests => seckill_private.subject_digests(%(subjects)s)"""


def reserve_lines_at(
    superuser: Connection[Any],
    sale: Sale,
    at: datetime,
    lines: Lines,
    *,
    user: str = "ann",
    request_id: UUID | None = None,
    subjects: Mapping[str, str] | None = None,
) -> Row:
    """The body of seckill.reserve_lines, at an instant; the lines are merged and sorted."""
    return one(
        superuser,
        f"select * from seckill_private.reserve_at({ORDER_ARGUMENTS})",
        **order_values(sale, at, lines, user, request_id, subjects),
    )


def explain_at(
    superuser: Connection[Any],
    sale: Sale,
    at: datetime,
    lines: Lines,
    *,
    user: str = "ann",
    request_id: UUID | None = None,
    subjects: Mapping[str, str] | None = None,
) -> list[Row]:
    """The body of seckill.explain, at an instant; the lines are merged and sorted."""
    return superuser.execute(
        f"select * from seckill_private.explain_at({ORDER_ARGUMENTS})".encode(),
        order_values(sale, at, lines, user, request_id, subjects),
    ).fetchall()


def explain(
    connection: Connection[Any],
    sale: Sale,
    *,
    user: str | None = "ann",
    sku: str | None = None,
    quantity: int | None = 1,
    request_id: UUID | None = None,
    region: str | None = None,
    subjects: Mapping[str, str] | None = None,
) -> list[Row]:
    """seckill.explain."""
    return connection.execute(
        """
        select * from seckill.explain(
                 p_activity_id => %(activity_id)s, p_user_id => %(user)s, p_sku => %(sku)s,
                 p_quantity => %(quantity)s, p_request_id => %(request_id)s,
                 p_region => %(region)s, p_subjects => %(subjects)s)""",
        {
            "activity_id": sale.activity_id,
            "user": user,
            "sku": sale.sku if sku is None else sku,
            "quantity": quantity,
            "request_id": request_id or uuid4(),
            "region": sale.region if region is None else region,
            "subjects": json.dumps(dict(subjects or {})),
        },
    ).fetchall()


def usage_at(
    superuser: Connection[Any],
    sale: Sale,
    at: datetime,
    *,
    user: str = "ann",
    subjects: Mapping[str, str] | None = None,
) -> list[Row]:
    """The body of seckill.limit_usage, at an instant."""
    return superuser.execute(
        """
        select * from seckill_private.usage_checks_at(
                 p_now => %(at)s, p_activity_id => %(activity_id)s, p_user_id => %(user)s,
                 p_digests => seckill_private.subject_digests(%(subjects)s))""",
        {
            "at": at,
            "activity_id": sale.activity_id,
            "user": user,
            "subjects": json.dumps(dict(subjects or {})),
        },
    ).fetchall()


def limit_usage(
    connection: Connection[Any],
    sale: Sale,
    *,
    user: str | None = "ann",
    subjects: Mapping[str, str] | None = None,
) -> list[Row]:
    """seckill.limit_usage."""
    return connection.execute(
        """
        select * from seckill.limit_usage(
                 p_activity_id => %(activity_id)s, p_user_id => %(user)s,
                 p_subjects => %(subjects)s)""",
        {
            "activity_id": sale.activity_id,
            "user": user,
            "subjects": json.dumps(dict(subjects or {})),
        },
    ).fetchall()


def ops_history(
    connection: Connection[Any], activity_id: int | None = None, limit: int | None = 1000
) -> list[Row]:
    """seckill.ops_history."""
    return connection.execute(
        """
        select * from seckill.ops_history(
                 p_activity_id => %(activity_id)s, p_limit => %(limit)s)""",
        {"activity_id": activity_id, "limit": limit},
    ).fetchall()
