"""A sale goes on while its functions are replaced, which is what an expand migration does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from migrations import freeze
from seckill import resources
from tests.fix_database import Database
from tests.fix_sale import Sale, open_sale, reserve, violations

BUYERS = 4
ROUNDS = 5


def buy_until(db: Database, sale: Sale, buyer: int, done: threading.Event) -> int:
    """Reserve one unit after another until `done`; how many. Any error ends the test."""
    held = 0
    with db.connect("buyer", pool_size=BUYERS) as connection:
        while not done.is_set() or held == 0:
            assert reserve(connection, sale, user=f"buyer {buyer}").status == "held"
            held += 1
    return held


def replace_all(db: Database, rounds: int) -> None:
    """Apply every living file again and again, one transaction a round, as a migration does."""
    living = freeze.living_files(resources.procedures())
    with db.connect("superuser", autocommit=False) as connection:
        for _ in range(rounds):
            connection.execute("set local lock_timeout = '3s'")
            connection.execute("set local role seckill_owner")
            for text in living.values():
                connection.execute(text.encode())
            connection.commit()


@pytest.mark.targets("18-pooled", "18-direct", "15-direct")
def test_no_call_fails_while_functions_are_replaced(db: Database) -> None:
    with db.connect("operator") as operator:
        sale = open_sale(operator, units=100_000)
    done = threading.Event()
    with ThreadPoolExecutor(BUYERS) as threads:
        counts = [threads.submit(buy_until, db, sale, number, done) for number in range(BUYERS)]
        try:
            replace_all(db, ROUNDS)
        finally:
            done.set()
        held = sum(count.result() for count in counts)
    assert held >= BUYERS
    with db.connect("reader") as reader:
        assert violations(reader, sale) == []
