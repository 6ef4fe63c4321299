# WARNING: this file is auto-generated from test_books_async.py by ops/dev/generate_sync.py.
# Do not change it: change the source and generate again.
"""Refunds, files of payments, cut totals and the past, through the client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from seckill import (
    Client,
    InvalidArgument,
    RequestConflict,
    StockShortfall,
    UnknownReservation,
    WrongState,
)
from tests.fix_database import Database
from tests.fix_sale import Sale, open_sale


@pytest.fixture
def client(db: Database) -> Iterator[Client]:
    """An operator's client: seckill_ops may buy too."""
    with Client(db.dsn("operator")) as client:
        yield client


@pytest.fixture
def sale(operator: Connection[Any]) -> Sale:
    """Ten units, at most 3 a user."""
    return open_sale(operator, units=10, limit=3)


def bought(client: Client, sale: Sale, quantity: int = 3) -> int:
    answer = client.reserve(
        activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=quantity
    )
    assert answer.reservation_id is not None
    paid = client.confirm(user_id="ann", reservation_id=answer.reservation_id)
    assert paid.status == "confirmed"
    return answer.reservation_id


def test_refund_by_lines_and_in_full(client: Client, sale: Sale) -> None:
    held = bought(client, sale)
    request_id = uuid4()
    for again in (False, True):
        answer = client.refund(
            user_id="ann",
            reservation_id=held,
            skus=[sale.sku],
            quantities=(2,),
            request_id=request_id,
        )
        assert (answer.status, answer.replayed) == ("partly_refunded", again)
    assert (client.get_reservation(user_id="ann", reservation_id=held)).quantities == [1]
    answer = client.refund(user_id="ann", reservation_id=held, restock=False)
    assert answer.status == "refunded"
    pool = client.availability(activity_id=sale.activity_id, sku=sale.sku)
    assert (pool.total, pool.available) == (9, 9)


def test_refunds_that_are_refused(client: Client, sale: Sale) -> None:
    held = bought(client, sale)
    request_id = uuid4()
    with pytest.raises(InvalidArgument):
        client.refund(user_id="ann", reservation_id=held, quantities=[1])
    with pytest.raises(InvalidArgument):
        client.refund(user_id="ann", reservation_id=held, quantities=[4], request_id=request_id)
    with pytest.raises(UnknownReservation):
        client.refund(user_id="bob", reservation_id=held)
    client.refund(user_id="ann", reservation_id=held, quantities=[1], request_id=request_id)
    with pytest.raises(RequestConflict):
        client.refund(user_id="ann", reservation_id=held, quantities=[2], request_id=request_id)
    client.refund(user_id="ann", reservation_id=held)
    with pytest.raises(WrongState):
        client.refund(user_id="ann", reservation_id=held, quantities=[1], request_id=uuid4())


def test_a_file_of_payments(client: Client, sale: Sale) -> None:
    answer = client.reserve(activity_id=sale.activity_id, user_id="ann", sku=sale.sku, quantity=1)
    answers = client.confirm_batch(
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
        client.confirm_batch(user_ids=["ann"], reservation_ids=[], payment_refs=[])


def test_a_total_cut_in_mid_sale(client: Client, sale: Sale) -> None:
    bought(client, sale)
    named = {"activity_id": sale.activity_id, "sku": sale.sku}
    with pytest.raises(StockShortfall):
        client.set_stock_total(**named, total=2, mode="reject")
    with pytest.raises(WrongState):
        client.set_stock_total(**named, total=5, mode="reject", expected_total=9)
    answer = client.set_stock_total(
        **named, total=2, mode="floor", expected_total=10, actor="merchant"
    )
    assert (answer.status, answer.quantity, answer.total) == ("set", -7, 3)
    (line, *_) = client.history(activity_id=sale.activity_id)
    assert (line.kind, line.quantity, line.actor) == ("cut", 7, "merchant")
    assert (line.login, line.note) == ("seckill_operator", "floor from 10 to 2")


def test_the_past(client: Client, sale: Sale) -> None:
    before = datetime.now(UTC)
    bought(client, sale)
    after = datetime.now(UTC) + timedelta(seconds=1)
    named = {"activity_id": sale.activity_id, "sku": sale.sku}
    rows = [client.stock_at(**named, at=at) for at in (before, after)]
    assert [(row.available, row.sold) for row in rows] == [(10, 0), (7, 3)]
    asked = {"activity_id": sale.activity_id, "user_id": "ann"}
    checks = [client.limit_usage_at(**asked, at=at) for at in (before, after)]
    assert [(row.status, row.used) for (row,) in checks] == [("pass", 0), ("fail", 3)]
    with pytest.raises(InvalidArgument, match="no zone"):
        client.stock_at(**named, at=datetime(2030, 1, 1))
