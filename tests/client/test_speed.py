# WARNING: this file is auto-generated from test_speed_async.py by ops/dev/generate_sync.py.
# Do not change it: change the source and generate again.
"""Batches and early release through the client."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from seckill import Client, InvalidArgument, UnknownPool
from tests.fix_database import Database
from tests.fix_sale import open_sale


def test_a_batch_answers_each_in_its_place(db: Database, operator: Connection[Any]) -> None:
    sale = open_sale(operator, units=2)
    requests = [uuid4() for _ in range(5)]
    batch: dict[str, Any] = {
        "activity_ids": (sale.activity_id,) * 5,
        "user_ids": ["ann", "bob", "cid", "dan", "bob"],
        "skus": [sale.sku, sale.sku, sale.sku, "no such sku", sale.sku],
        "quantities": [1, 1, 1, 1, 1],
        "request_ids": [*requests[:4], requests[1]],
        "regions": ["*"] * 5,
        "subjects": [{"phone": "1"}, {}, {}, {}, {}],
    }
    with Client(db.dsn("buyer")) as client:
        answers = client.reserve_batch(**batch)
        assert [(a.ordinal, a.status) for a in answers] == [
            *((1, "held"), (2, "held"), (3, "sold_out"), (4, "error"), (5, "held"))
        ]
        assert answers[3].error_code == "SK003"
        assert answers[4].replayed
        assert answers[4].reservation_id == answers[1].reservation_id
        short: dict[str, Any] = batch | {"skus": [sale.sku]}
        with pytest.raises(InvalidArgument):
            client.reserve_batch(**short)
        # The whole batch again: who has units still has them.
        again = client.reserve_batch(**batch)
        assert [a.replayed for a in again] == [True, True, False, None, True]


def test_early_release_answers_like_reserve(db: Database, operator: Connection[Any]) -> None:
    sale = open_sale(operator, units=5, limit=1)
    call: dict[str, Any] = {"activity_id": sale.activity_id, "sku": sale.sku, "quantity": 1}
    request = uuid4()
    with Client(db.dsn("buyer")) as client:
        held = client.reserve_now(user_id="ann", request_id=request, **call)
        assert (held.status, held.replayed, held.state) == ("held", False, "held")
        again = client.reserve_now(user_id="ann", request_id=request, **call)
        assert (again.reservation_id, again.replayed) == (held.reservation_id, True)
        refused = client.reserve_now(user_id="ann", **call)
        assert (refused.status, refused.limit_name) == ("limit_exceeded", "units_per_user")
        unknown: dict[str, Any] = call | {"sku": "no such sku"}
        with pytest.raises(UnknownPool):
            client.reserve_now(user_id="ann", **unknown)
