"""How the client is used, for the type checker: `test_typing.py` runs it over this file.

Types are part of the interface. A line that must not pass carries an ignore, and an ignore that
is not needed is an error too.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, assert_type
from uuid import uuid4

import psycopg
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

from seckill import (
    AsyncClient,
    CheckResult,
    Client,
    OpsEntry,
    OutcomeUnknown,
    ReservationResult,
    ReserveResult,
    TotalMode,
)
from seckill._calls import Call


async def use_async(
    client: AsyncClient,
    own: psycopg.AsyncConnection[tuple[int]],
    connection: AsyncConnection,
    session: AsyncSession,
    wrong: Session,
) -> None:
    answer = await client.reserve(
        activity_id=1, user_id="ann", sku="phone", quantity=1, request_id=uuid4()
    )
    assert_type(answer, ReserveResult)
    if answer.status == "held":
        assert_type(answer.status, Literal["held"])
    if answer.status == "sold":  # pyright: ignore[reportUnnecessaryComparison]
        pass
    answer.status = "held"  # pyright: ignore[reportAttributeAccessIssue]
    await client.confirm(user_id="ann", reservation_id=1, connection=own)
    await client.confirm(user_id="ann", reservation_id=1, connection=connection)
    await client.confirm(user_id="ann", reservation_id=1, connection=session)
    await client.confirm(
        user_id="ann",
        reservation_id=1,
        connection=wrong,  # pyright: ignore[reportArgumentType]
    )
    await client.confirm("ann", 1)  # pyright: ignore[reportCallIssue]
    await client.confirm(user_id="ann", reservation_id="1")  # pyright: ignore[reportArgumentType]
    assert_type(await client.expire_due(), int)
    async with client as entered:
        assert_type(entered, AsyncClient)


def use_sync(
    client: Client,
    own: psycopg.Connection[tuple[int]],
    connection: Connection,
    session: Session,
    wrong: AsyncSession,
) -> None:
    assert_type(client.list_reservations(user_id="ann"), list[ReservationResult])
    client.cancel(user_id="ann", reservation_id=1, connection=own)
    client.cancel(user_id="ann", reservation_id=1, connection=connection)
    client.cancel(user_id="ann", reservation_id=1, connection=session)
    client.cancel(
        user_id="ann",
        reservation_id=1,
        connection=wrong,  # pyright: ignore[reportArgumentType]
    )
    checks = client.explain(activity_id=1, user_id="ann", sku="phone", quantity=1)
    assert_type(checks, list[CheckResult])
    assert_type(checks[0].status, Literal["pass", "fail"])
    assert_type(checks[0].resets_at, datetime | None)
    assert_type(client.ops_history(), list[OpsEntry])
    client.reserve_lines(activity_id=1, user_id="ann", skus=("phone", "case"), quantities=[1, 2])
    client.block(activity_id=1, dimension="ip", values={"192.0.2.7"})  # pyright: ignore[reportArgumentType]
    client.set_limit(
        activity_id=None,
        name="two unpaid",
        dimension="user",
        metric="open_holds",
        window=None,
        maximum=2,
        period=timedelta(days=1),
    )
    client.set_stock_total(
        activity_id=1,
        sku="phone",
        total=5,
        mode="drian",  # pyright: ignore[reportArgumentType]
    )
    client.set_limit(
        activity_id=1,
        name="x",
        dimension="user",
        metric="unit",  # pyright: ignore[reportArgumentType]
        window="daily",  # pyright: ignore[reportArgumentType]
        maximum=2,
    )
    client.export_activity(activity_id=1, part="pools")  # pyright: ignore[reportArgumentType]
    mode: TotalMode = "drain"
    client.set_stock_total(activity_id=1, sku="phone", total=5, mode=mode)
    client.set_limit(  # pyright: ignore[reportCallIssue]
        activity_id=1, name="x", dimension="user", metric="units", maximum=2
    )
    try:
        assert_type(client.schema_version(), str)
    except OutcomeUnknown as error:
        print(error.request_id, error.sqlstate)


def no_sql_from_data(call: Call[int], name: str) -> None:
    """SQL is written in the source; one put together at run time does not pass."""
    Call(f"select {name}()", call.row, "read")  # pyright: ignore[reportArgumentType]
