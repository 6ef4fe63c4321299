"""What most shops write: read the stock, check, write it back, in separate statements.

Every statement is right by itself, and one buyer after another it sells what it has. Its tables
are in a schema of their own, in the demo's throw-away database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, LiteralString, Self
from uuid import UUID

import psycopg
from psycopg import sql

from seckill.demo.shop import SKU, Answer, Stock

_SCHEMA = """
create schema naive_shop;
create table naive_shop.product (
  sku text primary key,
  total integer not null,
  stock integer not null,
  hold_seconds integer not null
);
create table naive_shop.purchase (
  purchase_id bigint generated always as identity primary key,
  sku text not null,
  user_id text not null,
  request_id uuid not null,
  state text not null,
  expires_at timestamptz not null
);
create index on naive_shop.purchase (user_id);
create index on naive_shop.purchase (expires_at) where state = 'held';
"""

_STOCK = """
select p.total, p.stock,
       (select count(*) from naive_shop.purchase where state = 'held'),
       (select count(*) from naive_shop.purchase where state = 'paid')
  from naive_shop.product as p where p.sku = %s
"""


def set_up(superuser_dsn: str, role: str, *, units: int, hold_seconds: int) -> None:
    """Make the shop's tables and fill its shelf.

    Args:
        superuser_dsn: of the demo's database.
        role: who may buy there.
        units: on sale.
        hold_seconds: how long a purchase stays unpaid.
    """
    with psycopg.connect(superuser_dsn) as connection:
        connection.execute(_SCHEMA)
        connection.execute(
            "insert into naive_shop.product values (%s, %s, %s, %s)",
            [SKU, units, units, hold_seconds],
        )
        connection.execute(
            sql.SQL(
                "grant usage on schema naive_shop to {0};"
                "grant select, insert, update on all tables in schema naive_shop to {0}"
            ).format(sql.Identifier(role))
        )


@contextmanager
def window(superuser_dsn: str) -> Generator[Callable[[], Stock]]:
    """Give a function that looks at the shop's stock, past the crowd.

    Args:
        superuser_dsn: of the demo's database.
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:

        def look() -> Stock:
            row = connection.execute(_STOCK, [SKU]).fetchone()
            assert row is not None
            return Stock(*row)

        yield look


class NaiveShop:
    """The naive shop, through PgBouncer.

    Args:
        dsn: of the role that may buy there.
        connections: how many to use.
    """

    def __init__(self, dsn: str, *, connections: int) -> None:
        self._dsn = dsn
        self._connections = connections
        self._idle: asyncio.LifoQueue[psycopg.AsyncConnection[Any]] = asyncio.LifoQueue()

    async def __aenter__(self) -> Self:
        for _ in range(self._connections):
            self._idle.put_nowait(
                await psycopg.AsyncConnection.connect(
                    self._dsn, autocommit=True, prepare_threshold=None
                )
            )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        while not self._idle.empty():
            await self._idle.get_nowait().close()

    async def reserve(self, user_id: str, request_id: UUID, *, first_try: bool) -> Answer:
        """Read the stock, look whether this user has one, write the stock back."""
        connection = await self._idle.get()
        try:
            stock = await _number(
                connection, "select stock from naive_shop.product where sku = %s", SKU
            )
            if stock < 1:
                return Answer("sold_out", may_return=True)
            bought = await _number(
                connection,
                """
                select count(*) from naive_shop.purchase
                 where user_id = %s and state in ('held', 'paid')
                """,
                user_id,
            )
            if bought >= 1:
                return Answer("limit_exceeded")
            await connection.execute(
                "update naive_shop.product set stock = %s where sku = %s", [stock - 1, SKU]
            )
            purchase_id = await _number(
                connection,
                """
                insert into naive_shop.purchase (sku, user_id, request_id, state, expires_at)
                select sku, %s, %s, 'held', now() + hold_seconds * interval '1 second'
                  from naive_shop.product where sku = %s
                returning purchase_id
                """,
                user_id,
                request_id,
                SKU,
            )
            return Answer("held", purchase_id)
        finally:
            self._idle.put_nowait(connection)

    async def pay(self, user_id: str, reservation_id: int) -> Answer:
        """Mark the purchase as paid."""
        connection = await self._idle.get()
        try:
            paid = await _resolve(connection, reservation_id, "paid")
            return Answer("confirmed" if paid else "late_sold_out", reservation_id)
        finally:
            self._idle.put_nowait(connection)

    async def cancel(self, user_id: str, reservation_id: int) -> Answer:
        """Mark the purchase as cancelled and put its unit back."""
        connection = await self._idle.get()
        try:
            if not await _resolve(connection, reservation_id, "cancelled"):
                return Answer("expired", reservation_id)
            await _put_back(connection)
            return Answer("cancelled", reservation_id)
        finally:
            self._idle.put_nowait(connection)

    async def stock(self) -> Stock:
        """Give back what was not paid in time, as the shop's cron job would, then look."""
        connection = await self._idle.get()
        try:
            due = await connection.execute(
                "select purchase_id from naive_shop.purchase"
                " where state = 'held' and expires_at < now()"
            )
            for (purchase_id,) in await due.fetchall():
                if await _resolve(connection, purchase_id, "expired"):
                    await _put_back(connection)
            found = await connection.execute(_STOCK, [SKU])
            row = await found.fetchone()
            assert row is not None
            return Stock(*row)
        finally:
            self._idle.put_nowait(connection)


async def _number(
    connection: psycopg.AsyncConnection[Any], query: LiteralString, *values: object
) -> int:
    found = await connection.execute(query, values)
    row = await found.fetchone()
    assert row is not None
    return row[0]


async def _resolve(connection: psycopg.AsyncConnection[Any], purchase_id: int, state: str) -> bool:
    done = await connection.execute(
        "update naive_shop.purchase set state = %s where purchase_id = %s and state = 'held'",
        [state, purchase_id],
    )
    return done.rowcount == 1


async def _put_back(connection: psycopg.AsyncConnection[Any]) -> None:
    stock = await _number(connection, "select stock from naive_shop.product where sku = %s", SKU)
    await connection.execute(
        "update naive_shop.product set stock = %s where sku = %s", [stock + 1, SKU]
    )
