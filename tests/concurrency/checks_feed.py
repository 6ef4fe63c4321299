"""The feed of the ledger beside its writers: no row missed, none twice, pools in their order.

Transactions get their ids in one order, have a pool in another and commit in a third. The checks
make these orders differ on purpose: with steps, and with writers that wait at random.
"""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.checks_durable import (
    TRIES,
    flushed_beyond,
    resting_wal_writer,
    written,
)
from tests.concurrency.sessions import Session, at_hand, require, require_equal
from tests.fix_database import Database
from tests.fix_sale import (
    Row,
    Sale,
    cancel,
    confirm,
    open_sale,
    reserve,
)

WRITERS = 8
CALLS = 40  # of each writer
PAGE = 7
LONGEST_S = 0.03  # that a writer waits before or after its call


def changes(connection: Connection[Any], after: str | None = None, limit: int = 1000) -> list[Row]:
    """seckill.changes."""
    return connection.execute(
        "select * from seckill.changes(p_after => %s, p_limit => %s)", [after, limit]
    ).fetchall()


@dataclasses.dataclass(slots=True)
class Consumer:
    """Reads the feed page by page, and keeps what it got."""

    connection: Connection[Any]
    cursor: str | None = None
    rows: list[Row] = dataclasses.field(default_factory=list[Row])

    def poll(self, limit: int = 1000) -> list[Row]:
        """The next page."""
        page = changes(self.connection, self.cursor, limit)
        if page:
            self.cursor = page[-1].cursor
            self.rows += page
        return page

    def catch_up(self, limit: int = 1000) -> None:
        """All pages that there are."""
        while self.poll(limit):
            pass


@contextmanager
def pooled_consumer(db: Database) -> Iterator[Consumer]:
    """A reader behind PgBouncer in transaction mode, whatever the target."""
    behind = dataclasses.replace(db, target=db.target.replace("-direct", "-pooled"))
    with behind.connect("reader") as connection:
        yield Consumer(connection)


def told(row: Row) -> tuple[Any, ...]:
    """What a line of the feed or of history says."""
    return tuple(row[1:])


def require_feed(db: Database, rows: list[Row], *sales: Sale) -> None:
    """The rows are the whole ledger of the sales, each once, each pool in the order of versions."""
    ids = {sale.activity_id for sale in sales}
    seen = Counter(told(row) for row in rows if row.activity_id in ids)
    with at_hand(db, "superuser") as superuser:
        for sale in sales:
            books = superuser.execute(
                "select * from seckill.history(%s, p_limit => 10000)", [sale.activity_id]
            ).fetchall()
            expected = Counter(map(told, books))
            found = Counter({row: n for row, n in seen.items() if row[2] == sale.activity_id})
            missed, twice = expected - found, found - expected
            require(not missed, f"missed {len(missed)} rows of {len(books)}: {list(missed)[:3]}")
            require(not twice, f"too many: {list(twice)[:3]}")
            require_order(superuser, rows, sale)
    require_equal(len({row.cursor for row in rows}), len(rows), "cursors")


def require_order(superuser: Connection[Any], rows: list[Row], sale: Sale) -> None:
    """What the rows tell of a pool is how its stock moved up to some moment, in that order."""
    moved = superuser.execute(
        """
        select l.kind, l.reservation_id, l.quantity
          from seckill_private.ledger_of(%(activity_id)s) l
          join seckill_private.pool p using (pool_id)
         where l.version is not null and p.sku = %(sku)s and p.region = %(region)s
         order by l.version""",
        dataclasses.asdict(sale),
    ).fetchall()
    expected = [tuple(row) for row in moved]
    events = ("late_sold_out", "late_limit_exceeded", "duplicate_payment")
    found = [
        (row.kind, row.reservation_id, row.quantity)
        for row in rows
        if (row.activity_id, row.sku, row.region) == (sale.activity_id, sale.sku, sale.region)
        and row.kind not in events
    ]
    require(found == expected[: len(found)], "not in the order in which the stock moved")


def slow_writer_is_waited_for(db: Database) -> None:
    """A row whose transaction commits after later ones were shown is not skipped."""
    with at_hand(db, "operator") as operator:
        sales = [open_sale(operator, sku=f"slow_{uuid4()}") for _ in range(2)]
    with Session(db) as slow, Session(db) as quick, pooled_consumer(db) as consumer:
        consumer.catch_up()
        slow.execute("begin")
        slow.run(reserve, sales[0])
        quick.run(reserve, sales[1], user="bob")
        consumer.catch_up()
        slow.execute("commit")
        consumer.catch_up()
        require_feed(db, consumer.rows, *sales)


def pool_keeps_its_order(db: Database) -> None:
    """Who had the pool last comes last, though his transaction was the first to begin."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, sku=f"order_{uuid4()}")
    with (
        Session(db) as first,
        Session(db) as idle,
        Session(db) as second,
        pooled_consumer(db) as consumer,
    ):
        for session in (first, idle):
            session.execute("begin")
            session.execute("select pg_current_xact_id()")
        second.run(reserve, sale, user="second")
        first.run(reserve, sale, user="first")
        first.execute("commit")
        consumer.catch_up()
        with at_hand(db, "superuser") as superuser:
            require_order(superuser, consumer.rows, sale)
        idle.execute("commit")
        consumer.catch_up()
        require_feed(db, consumer.rows, sale)


def one_transaction_over_pages(db: Database) -> None:
    """What one transaction did to several pools, the later pool first, ends in several pages."""
    with at_hand(db, "operator") as operator:
        sales = [open_sale(operator, sku=f"pages_{uuid4()}") for _ in range(3)]
    with Session(db) as buyer, pooled_consumer(db) as consumer:
        buyer.execute("begin")
        held = [buyer.run(reserve, sale).reservation_id for sale in sales[::-1]]
        buyer.execute("commit")
        buyer.execute("begin")
        for reservation_id in held:
            buyer.run(cancel, reservation_id)
        buyer.execute("commit")
        consumer.catch_up(1)
        require_feed(db, consumer.rows, *sales)


def feed_is_durable(db: Database) -> None:
    """Nothing is shown before it is on disk, though another session's commit may be visible."""
    with (
        db.connect("operator", direct=True) as operator,
        db.connect("reader", direct=True) as reader,
        resting_wal_writer(db) as superuser,
    ):
        sale = open_sale(operator, units=100, sku=f"durable_{uuid4()}")
        superuser.execute("set synchronous_commit = off")
        for _ in range(TRIES):
            consumer = Consumer(reader)
            consumer.catch_up()
            superuser.execute("begin")
            reserve(superuser, sale)
            superuser.execute("set local synchronous_commit = off")
            superuser.execute("commit")
            before = written(superuser)
            require(
                not consumer.poll() or flushed_beyond(superuser, before),
                "the feed shows what is not on disk",
            )


def beside_writers(db: Database, writers: int = WRITERS, calls: int = CALLS, seed: int = 1) -> None:
    """Writers with random delays, one that is slow, and a reader that polls small pages."""
    with at_hand(db, "operator") as operator:
        sales = [open_sale(operator, units=500, sku=f"feed_{uuid4()}") for _ in range(2)]
        sales += [dataclasses.replace(sales[0], region="north")]
        for call in (
            "select seckill.receive_stock(%(sku)s, 500, gen_random_uuid())",
            "select seckill.allocate_stock(%(activity_id)s, %(sku)s, 500, gen_random_uuid(),"
            " %(region)s)",
        ):
            operator.execute(call, dataclasses.asdict(sales[2]))
        alone = open_sale(operator, sku=f"slow_{uuid4()}")
    over = threading.Event()
    with Session(db) as slow, pooled_consumer(db) as consumer, ThreadPoolExecutor() as threads:
        slow.execute("begin")
        slow.run(reserve, alone, user="slow")
        work = [
            threads.submit(write_at_random, db, sales, random.Random(f"{seed} {number}"), calls)
            for number in range(writers)
        ]
        reading = threads.submit(poll_until, consumer, over)
        try:
            for number, writer in enumerate(work):
                writer.result()
                if number == writers // 2:
                    slow.execute("commit")
        finally:
            over.set()
        reading.result()
        consumer.catch_up(PAGE)
        require_feed(db, consumer.rows, alone, *sales)


def poll_until(consumer: Consumer, over: threading.Event) -> None:
    """Read page after page; where there is none, look again a little later."""
    while not over.is_set():
        if not consumer.poll(PAGE):
            over.wait(0.002)


def write_at_random(db: Database, sales: list[Sale], rng: random.Random, calls: int) -> None:
    """Reserve, confirm and cancel, a call a transaction, which waits before or after it.

    One in ten thinks better of it and rolls back.
    """
    held: list[tuple[str, int]] = []
    with db.connect("buyer", direct=True) as buyer:
        for _ in range(calls):
            buyer.execute("begin")
            if rng.random() < 0.5:
                buyer.execute("select pg_current_xact_id()")
                time.sleep(rng.random() * LONGEST_S)
            kept = rng.random() > 0.1
            if not held or rng.random() < 0.5:
                user = f"u{rng.getrandbits(32)}"
                answer = reserve(buyer, rng.choice(sales), user=user)
                if kept:
                    held.append((user, answer.reservation_id))
            else:
                user, reservation_id = rng.choice(held)
                resolve: Callable[..., Row] = rng.choice([confirm, cancel])
                resolve(buyer, reservation_id, user=user)
                if kept:
                    held.remove((user, reservation_id))
            time.sleep(rng.random() * LONGEST_S)
            buyer.execute("commit" if kept else "rollback")
