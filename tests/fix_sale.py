"""Helpers that read as sentences: open a sale, reserve, confirm, look at the books.

Each takes an autocommit connection (`db.connect(...)`) and calls one SQL function by named
notation, so the tests go the way that a shop goes. Rows have the fields as attributes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

Row = Any  # a named tuple of the function's result type


@dataclass(frozen=True, slots=True)
class Sale:
    """An activity with one pool, as open_sale made it."""

    activity_id: int
    sku: str
    region: str


def one(connection: Connection[Any], query: str, **values: Any) -> Row:
    """The only row of a query."""
    rows = connection.execute(query.encode(), values).fetchall()
    assert len(rows) == 1, rows
    return rows[0]


def open_sale(
    connection: Connection[Any],
    *,
    units: int = 10,
    limit: int | None = None,
    orders: int | None = None,
    hold_seconds: int = 900,
    sku: str = "phone",
    region: str = "*",
    name: str = "sale",
    starts_in: timedelta = timedelta(hours=-1),
    ends_in: timedelta = timedelta(hours=1),
    time_zone: str = "UTC",
    state: str = "open",
) -> Sale:
    """Make a sale of `units` of one sku, as an operator.

    `limit` is the most units, `orders` the most orders of a user in the whole activity. `state`
    is "draft" or "open".
    """
    activity = one(
        connection,
        """
        select seckill.create_activity(
                 p_name => %(name)s, p_starts_at => now() + %(starts_in)s,
                 p_ends_at => now() + %(ends_in)s, p_hold_seconds => %(hold_seconds)s,
                 p_time_zone => %(time_zone)s) as activity_id""",
        name=name,
        starts_in=starts_in,
        ends_in=ends_in,
        hold_seconds=hold_seconds,
        time_zone=time_zone,
    )
    sale = Sale(activity.activity_id, sku, region)
    if units:
        add_units(connection, sale, units)
    if limit is not None:
        set_limit(connection, sale, "units_per_user", maximum=limit, metric="units")
    if orders is not None:
        set_limit(connection, sale, "orders_per_user", maximum=orders, metric="orders")
    if state == "open":
        open_activity(connection, sale)
    return sale


def open_activity(connection: Connection[Any], sale: Sale) -> Row:
    """seckill.open_activity."""
    return one(
        connection,
        "select * from seckill.open_activity(p_activity_id => %(activity_id)s)",
        activity_id=sale.activity_id,
    )


def close_activity(connection: Connection[Any], sale: Sale) -> Row:
    """seckill.close_activity."""
    return one(
        connection,
        "select * from seckill.close_activity(p_activity_id => %(activity_id)s)",
        activity_id=sale.activity_id,
    )


def add_units(connection: Connection[Any], sale: Sale, units: int) -> Row:
    """Receive units into the inventory and allocate all of them to the sale's pool."""
    one(
        connection,
        """
        select * from seckill.receive_stock(
                 p_sku => %(sku)s, p_quantity => %(units)s, p_request_id => %(request_id)s)""",
        sku=sale.sku,
        units=units,
        request_id=uuid4(),
    )
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
        request_id=uuid4(),
    )


def set_limit(
    connection: Connection[Any],
    sale: Sale,
    name: str,
    *,
    maximum: int,
    metric: str = "units",
    window: str = "activity",
    dimension: str = "user",
    sku: str | None = None,
) -> Row:
    """seckill.set_limit for the sale's activity."""
    return one(
        connection,
        """
        select * from seckill.set_limit(
                 p_activity_id => %(activity_id)s, p_name => %(name)s,
                 p_dimension => %(dimension)s, p_metric => %(metric)s, p_window => %(window)s,
                 p_maximum => %(maximum)s, p_sku => %(sku)s)""",
        activity_id=sale.activity_id,
        name=name,
        dimension=dimension,
        metric=metric,
        window=window,
        maximum=maximum,
        sku=sku,
    )


def reserve(
    connection: Connection[Any],
    sale: Sale,
    *,
    user: str = "ann",
    quantity: int = 1,
    request_id: UUID | None = None,
    sku: str | None = None,
    region: str | None = None,
    subjects: Mapping[str, str] | None = None,
) -> Row:
    """seckill.reserve; a new request id where none is given."""
    return one(
        connection,
        """
        select * from seckill.reserve(
                 p_activity_id => %(activity_id)s, p_user_id => %(user)s, p_sku => %(sku)s,
                 p_quantity => %(quantity)s, p_request_id => %(request_id)s,
                 p_region => %(region)s, p_subjects => %(subjects)s)""",
        activity_id=sale.activity_id,
        user=user,
        sku=sale.sku if sku is None else sku,
        quantity=quantity,
        request_id=request_id or uuid4(),
        region=sale.region if region is None else region,
        subjects=json.dumps(dict(subjects or {})),
    )


def confirm(
    connection: Connection[Any],
    reservation_id: int,
    *,
    user: str = "ann",
    payment_ref: str | None = None,
) -> Row:
    """seckill.confirm."""
    return one(
        connection,
        """
        select * from seckill.confirm(
                 p_user_id => %(user)s, p_reservation_id => %(reservation_id)s,
                 p_payment_ref => %(payment_ref)s)""",
        user=user,
        reservation_id=reservation_id,
        payment_ref=payment_ref,
    )


def cancel(
    connection: Connection[Any],
    reservation_id: int,
    *,
    user: str = "ann",
    reason: str | None = None,
) -> Row:
    """seckill.cancel."""
    return one(
        connection,
        """
        select * from seckill.cancel(
                 p_user_id => %(user)s, p_reservation_id => %(reservation_id)s,
                 p_reason => %(reason)s)""",
        user=user,
        reservation_id=reservation_id,
        reason=reason,
    )


def refund(
    connection: Connection[Any],
    reservation_id: int,
    *,
    user: str = "ann",
    skus: Sequence[str] | None = None,
    quantities: Sequence[int] | None = None,
    request_id: UUID | None = None,
    restock: bool = True,
    restore_limits: bool = True,
) -> Row:
    """seckill.refund; no request id where none is given."""
    return one(
        connection,
        """
        select * from seckill.refund(
                 p_user_id => %(user)s, p_reservation_id => %(reservation_id)s,
                 p_skus => %(skus)s, p_quantities => %(quantities)s::integer[],
                 p_request_id => %(request_id)s, p_restock => %(restock)s,
                 p_restore_limits => %(restore_limits)s)""",
        user=user,
        reservation_id=reservation_id,
        skus=None if skus is None else list(skus),
        quantities=None if quantities is None else list(quantities),
        request_id=request_id,
        restock=restock,
        restore_limits=restore_limits,
    )


def confirm_batch(
    connection: Connection[Any], payments: Sequence[tuple[str | None, int | None, str | None]]
) -> list[Row]:
    """seckill.confirm_batch of (user, reservation id, payment ref)."""
    return connection.execute(
        """
        select * from seckill.confirm_batch(
                 p_user_ids => %s::text[], p_reservation_ids => %s::bigint[],
                 p_payment_refs => %s::text[])""",
        [[payment[place] for payment in payments] for place in range(3)],
    ).fetchall()


def set_stock_total(
    connection: Connection[Any],
    sale: Sale,
    total: int | None,
    mode: str | None = "reject",
    *,
    expected: int | None = None,
    actor: str | None = None,
) -> Row:
    """seckill.set_stock_total of the sale's pool."""
    return one(
        connection,
        """
        select * from seckill.set_stock_total(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s, p_total => %(total)s,
                 p_mode => %(mode)s, p_region => %(region)s, p_expected_total => %(expected)s,
                 p_actor => %(actor)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
        region=sale.region,
        total=total,
        mode=mode,
        expected=expected,
        actor=actor,
    )


def stock_at(connection: Connection[Any], sale: Sale, at: datetime | None) -> Row:
    """seckill.stock_at of the sale's pool."""
    return one(
        connection,
        """
        select * from seckill.stock_at(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s, p_at => %(at)s,
                 p_region => %(region)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
        at=at,
        region=sale.region,
    )


def availability(connection: Connection[Any], sale: Sale) -> Row:
    """seckill.availability of the sale's pool."""
    return one(
        connection,
        """
        select * from seckill.availability(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s, p_region => %(region)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
        region=sale.region,
    )


def get_reservation(connection: Connection[Any], reservation_id: int, *, user: str = "ann") -> Row:
    """seckill.get_reservation."""
    return one(
        connection,
        """
        select * from seckill.get_reservation(
                 p_user_id => %(user)s, p_reservation_id => %(reservation_id)s)""",
        user=user,
        reservation_id=reservation_id,
    )


def expire_due(connection: Connection[Any]) -> int:
    """seckill.expire_due; how many holds it expired."""
    return one(connection, "select seckill.expire_due() as expired").expired


def violations(connection: Connection[Any], sale: Sale) -> list[Row]:
    """What seckill.reconcile finds; an empty list is the proof that the books agree."""
    return connection.execute(
        "select * from seckill.reconcile(p_activity_id => %s)", [sale.activity_id]
    ).fetchall()


def reserve_batch(
    connection: Connection[Any],
    *requests: tuple[Sale, str],
    quantity: int = 1,
    subjects: Mapping[str, str] | None = None,
) -> list[Row]:
    """seckill.reserve_batch: (sale, user) each, with new request ids and the same subjects."""
    return connection.execute(
        """
        select * from seckill.reserve_batch(
                 p_activity_ids => %(activities)s, p_user_ids => %(users)s, p_skus => %(skus)s,
                 p_quantities => %(quantities)s::integer[], p_request_ids => %(requests)s,
                 p_regions => %(regions)s, p_subjects => %(subjects)s::jsonb[])""",
        {
            "activities": [sale.activity_id for sale, _ in requests],
            "users": [user for _, user in requests],
            "skus": [sale.sku for sale, _ in requests],
            "quantities": [quantity] * len(requests),
            "requests": [uuid4() for _ in requests],
            "regions": [sale.region for sale, _ in requests],
            "subjects": [json.dumps(dict(subjects or {}))] * len(requests),
        },
    ).fetchall()


def reserve_now(connection: Connection[Any], sale: Sale, *, user: str = "ann") -> Row:
    """Call seckill.reserve_now, on an autocommit connection."""
    return one(
        connection,
        """
        call seckill.reserve_now(
               p_activity_id => %(activity_id)s, p_user_id => %(user)s, p_sku => %(sku)s,
               p_quantity => 1, p_request_id => %(request_id)s, p_region => %(region)s)""",
        activity_id=sale.activity_id,
        user=user,
        sku=sale.sku,
        request_id=uuid4(),
        region=sale.region,
    )
