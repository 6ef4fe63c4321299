"""Refunds, files of payments, cut totals and the past, through the client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from seckill import (
    AsyncClient,
    InvalidArgument,
    RequestConflict,
    StockShortfall,
    UnknownReservation,
    WrongState,
)
from tests.fix_database import Database
from tests.fix_sale import Sale, open_sale


@pytest.fixture
async def client(db: Database) -> AsyncIterator[AsyncClient]:
    """An operator's client: seckill_ops may buy too."""
    async with AsyncClient(db.dsn("operator")) as client:
        yield client


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    """Ten units, at most 3 a user."""
    return open_sale(operator, units=10, limit=3)


async def bought(client: AsyncClient, sale: Sale, quantity: int = 3) -> int:
    answer = await client.reserve(
        activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=quantity
    )
    assert answer.reservation_id is not None
    paid = await client.confirm(user_id="ann", reservation_id=answer.reservation_id)
    assert paid.status == "confirmed"
    return answer.reservation_id


async def test_refund_by_lines_and_in_full(client: AsyncClient, sale: Sale) -> None:
    held = await bought(client, sale)
    request_id = uuid4()
    for again in (False, True):
        answer = await client.refund(
            user_id="ann",
            reservation_id=held,
            skus=[sale.sku],
            quantities=(2,),
            request_id=request_id,
        )
        assert (answer.status, answer.replayed) == ("partly_refunded", again)
    assert (await client.get_reservation(user_id="ann", reservation_id=held)).quantities == [1]
    answer = await client.refund(user_id="ann", reservation_id=held, restock=False)
    assert answer.status == "refunded"
    pool = await client.availability(activity_id=sale.activity_id, sku=sale.sku)
    assert (pool.total, pool.available) == (9, 9)


async def test_refunds_that_are_refused(client: AsyncClient, sale: Sale) -> None:
    held = await bought(client, sale)
    request_id = uuid4()
    with pytest.raises(InvalidArgument):
        await client.refund(user_id="ann", reservation_id=held, quantities=[1])
    with pytest.raises(InvalidArgument):
        await client.refund(
            user_id="ann", reservation_id=held, quantities=[4], request_id=request_id
        )
    with pytest.raises(UnknownReservation):
        await client.refund(user_id="bob", reservation_id=held)
    await client.refund(user_id="ann", reservation_id=held, quantities=[1], request_id=request_id)
    with pytest.raises(RequestConflict):
        await client.refund(
            user_id="ann", reservation_id=held, quantities=[2], request_id=request_id
        )
    await client.refund(user_id="ann", reservation_id=held)
    with pytest.raises(WrongState):
        await client.refund(user_id="ann", reservation_id=held, quantities=[1], request_id=uuid4())


async def test_a_file_of_payments(client: AsyncClient, sale: Sale) -> None:
    answer = await client.reserve(
        activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1
    )
    answers = await client.confirm_batch(
        user_ids=["ann", "bob", None],
        reservation_ids=[answer.reservation_id, answer.reservation_id, None],
        payment_refs=["x", None, "y"],
    )
    assert [(one.status, one.error_code) for one in answers] == [
        ("confirmed", None),
        ("error", "SK008"),
        ("error", "SK001"),
    ]
    assert [one.reservation_id for one in answers][2] is None
    with pytest.raises(InvalidArgument):
        await client.confirm_batch(user_ids=["ann"], reservation_ids=[], payment_refs=[])


async def test_a_total_cut_in_mid_sale(client: AsyncClient, sale: Sale) -> None:
    await bought(client, sale)
    named = {"activity_id": sale.activity_id, "sku": sale.sku}
    with pytest.raises(StockShortfall):
        await client.set_stock_total(**named, total=2, mode="reject")
    with pytest.raises(WrongState):
        await client.set_stock_total(**named, total=5, mode="reject", expected_total=9)
    answer = await client.set_stock_total(
        **named, total=2, mode="floor", expected_total=10, actor="merchant"
    )
    assert (answer.status, answer.quantity, answer.total) == ("set", -7, 3)
    (line, *_) = await client.history(activity_id=sale.activity_id)
    assert (line.kind, line.quantity, line.actor) == ("cut", 7, "merchant")
    assert (line.login, line.note) == ("seckill_operator", "floor from 10 to 2")


async def test_the_past(client: AsyncClient, sale: Sale) -> None:
    before = datetime.now(UTC)
    await bought(client, sale)
    after = datetime.now(UTC) + timedelta(seconds=1)
    named = {"activity_id": sale.activity_id, "sku": sale.sku}
    rows = [await client.stock_at(**named, at=at) for at in (before, after)]
    assert [(row.available, row.sold) for row in rows] == [(10, 0), (7, 3)]
    asked = {"activity_id": sale.activity_id, "user_id": "ann"}
    checks = [await client.limit_usage_at(**asked, at=at) for at in (before, after)]
    assert [(row.status, row.used) for (row,) in checks] == [("pass", 0), ("fail", 3)]
    with pytest.raises(InvalidArgument, match="no zone"):
        await client.stock_at(**named, at=datetime(2030, 1, 1))
