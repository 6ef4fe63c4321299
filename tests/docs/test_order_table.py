"""ops/examples/order_table.py, killed in the middle: what it builds equals the books.

The program is run as a person runs it, and ended by SIGKILL while a transaction of its is open: a
row that it is about to write is kept from it by a lock.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import namedtuple_row

from tests.fix_database import Database, new_database, wait_until
from tests.fix_sale import Sale, open_sale, violations

PROGRAM = Path(__file__).resolve().parents[2] / "ops" / "examples" / "order_table.py"
BUYERS = 700  # more than a page of the program, which has 500 rows


@dataclass(frozen=True, slots=True)
class Shop:
    """The order service: a database of its own, and the program that fills it."""

    db: Database
    dsn: str

    def start(self, program: Path) -> subprocess.Popen[str]:
        """Run the program beside us, until it has caught up."""
        return subprocess.Popen(
            [sys.executable, "-W", "error", str(program), "--once"],
            env={**os.environ, "SECKILL_DSN": self.db.dsn("reader"), "ORDERS_DSN": self.dsn},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self, program: Path) -> None:
        """Run the program to its end."""
        running = self.start(program)
        _, said = running.communicate(timeout=60)
        assert running.returncode == 0, said

    def connect(self) -> Connection:
        """A session in the order service's database."""
        return psycopg.connect(self.dsn, autocommit=True, row_factory=namedtuple_row)

    def kill_midway(self, program: Path, reservation_id: int) -> None:
        """SIGKILL while the program wants to write the line of this reservation."""
        with self.connect() as other, self.connect() as look:
            other.execute("begin")
            other.execute(
                "insert into order_line values (%s, 'phone', '*', 1, 'x', 0, 0, 0, now(), now())",
                [reservation_id],
            )
            running = self.start(program)
            wait_until(
                lambda: (
                    look.execute(
                        "select from pg_stat_activity where datname = current_database()"
                        " and wait_event_type = 'Lock'"
                    ).fetchone()
                    is not None
                ),
                "the program's wait",
            )
            running.send_signal(signal.SIGKILL)
            running.communicate()
            assert running.returncode == -signal.SIGKILL
            # Its server process still waits for the lock. Ended here, it can commit nothing.
            look.execute(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                " where datname = current_database() and wait_event_type = 'Lock'"
            )
            other.execute("rollback")


@pytest.fixture
def shop(db: Database) -> Iterator[Shop]:
    """The order service of a test."""
    with new_database(db.server) as name:
        yield Shop(db, db.server.dsn(name))


def buy(db: Database) -> tuple[Sale, list[int]]:
    """A sale in which every buyer holds, a third pays, a third cancels; ids in order."""
    with db.connect("operator") as operator, db.connect("buyer") as buyer:
        sale = open_sale(operator, units=2 * BUYERS)
        rows = buyer.execute(
            """
            select r.reservation_id as id
              from generate_series(1, %s) as n
             cross join lateral seckill.reserve(
                     %s, 'user ' || n, %s, 1 + n %% 2, gen_random_uuid()) as r""",
            [BUYERS, sale.activity_id, sale.sku],
        ).fetchall()
        ids = [row.id for row in rows]
        for number, call in ((0, "confirm"), (1, "cancel")):
            buyer.execute(
                f"""
                select count(r.status)
                  from unnest(%s::bigint[]) with ordinality as u (id, n)
                 cross join lateral seckill.{call}('user ' || n, u.id) as r
                 where n %% 3 = {number}""".encode(),
                [ids],
            )
    return sale, ids


def lines_of_the_books(db: Database) -> set[tuple[int, str, int, int, int]]:
    """Reservation, user, units held, paid and given back, as the books have them."""
    with db.connect("superuser") as superuser:
        rows = superuser.execute(
            """
            select reservation_id, user_id, q * (state = 'held')::integer as held,
                   q * (state = 'confirmed')::integer as paid,
                   q * (state in ('cancelled', 'expired'))::integer as ended
              from seckill_private.reservation, unnest(quantities) as q"""
        ).fetchall()
    return {tuple(row) for row in rows}


def lines_of_the_shop(shop: Shop) -> set[tuple[int, str, int, int, int]]:
    """The same from the order table."""
    with shop.connect() as connection:
        rows = connection.execute(
            "select reservation_id, user_id, held, paid, ended from order_line"
        ).fetchall()
    return {tuple(row) for row in rows}


def test_killed_in_the_middle(db: Database, shop: Shop) -> None:
    sale, ids = buy(db)
    with db.connect("superuser") as superuser:
        assert violations(superuser, sale) == []
    with shop.connect() as connection:
        connection.execute(tables(PROGRAM))
    shop.kill_midway(PROGRAM, ids[100])
    assert lines_of_the_shop(shop) == set(), "the first page was undone"
    shop.kill_midway(PROGRAM, ids[600])
    assert len(lines_of_the_shop(shop)) == 499, "the first page, which began with the stock"
    shop.finish(PROGRAM)
    assert lines_of_the_shop(shop) == lines_of_the_books(db)
    shop.finish(PROGRAM)
    assert lines_of_the_shop(shop) == lines_of_the_books(db), "a second run changes nothing"


def test_a_cursor_apart_from_the_rows_counts_twice(
    db: Database, shop: Shop, tmp_path: Path
) -> None:
    """The same with the transaction taken out: this test can fail."""
    text = PROGRAM.read_text(encoding="utf-8")
    assert text.count("with connection.transaction():") == 1
    broken = tmp_path / "order_table.py"
    broken.write_text(text.replace("with connection.transaction():", "if True:"))
    _, ids = buy(db)
    with shop.connect() as connection:
        connection.execute(tables(broken))
    shop.kill_midway(broken, ids[100])
    shop.finish(broken)
    assert lines_of_the_shop(shop) != lines_of_the_books(db)


def tables(program: Path) -> bytes:
    """What the program creates."""
    return program.read_text(encoding="utf-8").split('TABLES = """')[1].split('"""')[0].encode()
