"""The views: activity, pool, limit_rule and sale_status, next to what the functions say."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from tests.fix_sale import (
    Row,
    Sale,
    add_units,
    availability,
    cancel,
    confirm,
    open_sale,
    reserve,
)
from tests.procedures.instants import ENDS, OPENS, call_for, sale_between


def rows(connection: Connection[Any], view: str, sale: Sale) -> list[Row]:
    """The rows of a view about a sale."""
    return connection.execute(
        f"select * from seckill.{view} where activity_id = %s".encode(), [sale.activity_id]
    ).fetchall()


def test_activity_shows_the_settings(operator, superuser, reader):
    sale = sale_between(operator, superuser, time_zone="Asia/Shanghai")
    (row,) = rows(reader, "activity", sale)
    assert (row.name, row.state, row.starts_at, row.ends_at) == ("sale", "open", OPENS, ENDS)
    assert (row.hold_seconds, row.time_zone) == (900, "Asia/Shanghai")


def test_pool_shows_what_availability_says(operator, buyer, reader):
    sale = open_sale(operator, units=10, region="north")
    south = Sale(sale.activity_id, sale.sku, "south")
    add_units(operator, south, 5)
    confirm(buyer, reserve(buyer, sale, quantity=2).reservation_id)
    reserve(buyer, sale, quantity=3)
    shown = {row.region: row for row in rows(reader, "pool", sale)}
    assert set(shown) == {"north", "south"}
    for pool in (sale, south):
        row, now = shown[pool.region], availability(reader, pool)
        assert (row.total, row.available, row.held, row.sold, row.epoch) == (
            now.total,
            now.available,
            now.held,
            now.sold,
            now.epoch,
        )


def test_sale_status_adds_up_the_pools(operator, buyer, reader):
    sale = open_sale(operator, units=10, region="north")
    add_units(operator, Sale(sale.activity_id, sale.sku, "south"), 5)
    confirm(buyer, reserve(buyer, sale, quantity=2).reservation_id)
    reserve(buyer, sale, quantity=3)
    cancel(buyer, reserve(buyer, sale, quantity=1).reservation_id)
    (row,) = rows(reader, "sale_status", sale)
    assert (row.name, row.status, row.pools) == ("sale", "on_sale", 2)
    assert (row.total, row.available, row.held, row.sold) == (15, 10, 3, 2)


@pytest.mark.parametrize(
    ("calls", "status"),
    [
        ((), "not_started"),
        (("open_activity",), "on_sale"),
        (("open_activity", "pause_activity"), "paused"),
        (("close_activity",), "ended"),
    ],
)
def test_sale_status_knows_the_state(operator, reader, calls, status):
    sale = open_sale(operator, units=0, state="draft")
    for call in calls:
        call_for(operator, call, sale)
    (row,) = rows(reader, "sale_status", sale)
    assert (row.status, row.pools, row.total) == (status, 0, 0)


def test_sale_status_knows_the_clock(operator, superuser, reader):
    early = sale_between(operator, superuser)
    (row,) = rows(reader, "sale_status", early)
    assert row.status == "not_started"


@pytest.mark.parametrize("who", ["buyer", "operator", "reader"])
@pytest.mark.parametrize("view", ["activity", "pool", "limit_rule", "sale_status"])
def test_every_role_may_look(sessions, operator, view, who):
    sale = open_sale(operator, limit=1)
    connection = sessions[who]
    assert len(rows(connection, view, sale)) == 1
