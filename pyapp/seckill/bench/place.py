"""Where the benchmark runs: the server, the ways to it, and the sales on it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg

from seckill.bench.scripts import SKU, SKUS
from seckill.client import Client
from seckill.runtime import Runtime, find_bindir

_PEERS = Path(__file__).with_name("peers.sql")
# As a server that is meant for a sale: its checkpoints do not fall into a measure. More connections
# than the callers that come directly.
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB", "max_connections": "200"}
STOCK = 100_000_000
_LIMITS = ("user", "phone", "address")


@dataclass(frozen=True, slots=True)
class Ways:
    """How to get there.

    Attributes:
        pooled: as a buyer through PgBouncer.
        direct: as a buyer, straight to PostgreSQL; the same as `pooled` where there is no other.
        ops: as a member of `seckill_ops`.
        admin: straight to PostgreSQL, as one who may create a schema and look at tables; the
            peers that write use it.
        bindir: PostgreSQL's programs, for pgbench.
        direct_prepared: `direct` knows prepared statements.
    """

    pooled: str
    direct: str
    ops: str
    admin: str
    bindir: Path
    direct_prepared: bool = True

    @classmethod
    def of_runtime(cls, runtime: Runtime) -> Ways:
        """To a server of our own."""
        return cls(
            runtime.dsn,
            runtime.direct_dsn("seckill_buyer"),
            runtime.ops_dsn,
            runtime.superuser_dsn,
            runtime.postgres.bindir,
        )

    @classmethod
    def of_dsn(cls, dsn: str, admin_dsn: str) -> Ways:
        """To a server of somebody's: `dsn` as a member of `seckill_ops`, through its PgBouncer."""
        return cls(dsn, dsn, dsn, admin_dsn, find_bindir(), direct_prepared=False)


@dataclass(frozen=True, slots=True)
class Place:
    """The server with its sales open.

    Attributes:
        ways: how to get there.
        one: the sale with one limit, 1 a user.
        three: the one with limits on user, phone and address.
        free: the one without limits.
        gone: the one that is sold out.
        many: the one of the many buyers in one process, with one limit.
        lines: the one of three skus, with one limit, an order a user.
        full: the one that is bought from for the size of its row's table, with one limit.
    """

    ways: Ways
    one: int
    three: int
    free: int
    gone: int
    many: int
    lines: int
    full: int
    client: Client

    def taken(self, activity_id: int) -> int:
        """Units held and sold."""
        skus = SKUS if activity_id == self.lines else (SKU,)
        pools = [self.client.availability(activity_id=activity_id, sku=sku) for sku in skus]
        return sum(pool.held + pool.sold for pool in pools)

    def purchases(self) -> int:
        """Purchases of all sales."""
        sales = (self.one, self.three, self.free, self.gone, self.many, self.full)
        return sum(map(self.taken, sales)) + self.taken(self.lines) // len(SKUS)

    def inserted(self) -> int:
        """Rows of the plain insert."""
        return self._number("select count(*) from seckill_bench.plain")

    def peers_sold(self) -> int:
        """Units that the textbook's transactions have sold, in all."""
        return -self._number("select sum(available) from seckill_bench.stock")

    def pool_bytes(self) -> int:
        """The size of the table of pools, with its indexes."""
        return self._number("select pg_total_relation_size('seckill_private.pool_slot')")

    def _number(self, query: LiteralString) -> int:
        with psycopg.connect(self.ways.admin) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])


@contextmanager
def open_place(ways: Ways) -> Generator[Place]:
    """Make the peers' tables and open the sales; the tables are dropped and the sales closed.

    What was bought stays: a database of somebody's keeps it until he archives the sales.
    """
    with psycopg.connect(ways.admin, autocommit=True) as connection:
        connection.execute(_PEERS.read_bytes())
    with Client(ways.ops, flag="") as client:
        sales = [
            open_sale(client, dimensions, units, skus)
            for dimensions, units, skus in (
                (_LIMITS[:1], STOCK, (SKU,)),
                (_LIMITS, STOCK, (SKU,)),
                ((), STOCK, (SKU,)),
                (_LIMITS[:1], 1, (SKU,)),
                (_LIMITS[:1], STOCK, (SKU,)),
                (_LIMITS[:1], STOCK, SKUS),
                (_LIMITS[:1], STOCK, (SKU,)),
            )
        ]
        one, three, free, gone, many, lines, full = sales
        _sell_out(client, gone)
        try:
            yield Place(ways, one, three, free, gone, many, lines, full, client)
        finally:
            for activity_id in sales:
                client.close_activity(activity_id=activity_id)
            with psycopg.connect(ways.admin, autocommit=True) as connection:
                connection.execute("drop schema if exists seckill_bench cascade")


def open_sale(
    client: Client,
    dimensions: Sequence[str],
    units: int,
    skus: Sequence[str] = (SKU,),
    slots: int = 1,
) -> int:
    """A sale with a limit of one order on each of the dimensions; returns its id."""
    now = datetime.now(UTC)
    activity_id = client.create_activity(
        name="bench",
        starts_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(hours=4),
        hold_seconds=86_400,
    )
    for sku in skus:
        client.receive_stock(sku=sku, quantity=units, request_id=uuid4())
        client.allocate_stock(
            activity_id=activity_id, sku=sku, quantity=units, request_id=uuid4(), slots=slots
        )
    for dimension in dimensions:
        client.set_limit(
            activity_id=activity_id,
            name=f"one_per_{dimension}",
            dimension=dimension,
            metric="units",
            window="activity",
            maximum=len(skus),
        )
    client.open_activity(activity_id=activity_id)
    return activity_id


def _sell_out(client: Client, activity_id: int) -> None:
    held = client.reserve(activity_id=activity_id, user_id="first", sku=SKU, quantity=1)
    assert held.reservation_id is not None
    client.confirm(user_id="first", reservation_id=held.reservation_id)
