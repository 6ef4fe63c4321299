"""PgBouncer is paused, reloaded, killed and restarted while a crowd buys: lost 0, duplicates 0."""

from __future__ import annotations

import pytest
from psycopg import Connection

from seckill.runtime import PgBouncer
from tests.concurrency.books import require_books, require_units
from tests.fix_database import Database
from tests.fix_sale import open_sale
from tests.pooling.support import Crowd, console, own_pooler, stored

pytestmark = pytest.mark.targets("18-pooled")
UNITS = 1_000_000


def require_all_found(db: Database, crowd: Crowd) -> None:
    """What was answered is stored, what is stored was answered, and the pool agrees."""
    assert crowd.faults == []
    assert stored(db) == crowd.answered
    held = len(crowd.answered)
    require_units(db, crowd.sale, available=UNITS - held, held=held)
    require_books(db, crowd.sale)


def test_killed_and_restarted_pooler(db: Database, operator: Connection) -> None:
    sale = open_sale(operator, units=UNITS)
    with own_pooler(db, pool_size=3) as pooler:
        with Crowd(pooler, db, sale) as crowd:
            for _ in range(3):
                crowd.wait_for_more()
                pooler.kill()
                pooler.start()
            crowd.wait_for_more()
            pooler.restart()
            crowd.wait_for_more()
        assert crowd.unknown > 0, "no purchase was cut off: the test shows nothing"
        require_all_found(db, crowd)


def test_pause_and_resume(db: Database, operator: Connection) -> None:
    """PAUSE waits for the transactions under way; the others wait for RESUME and see no error."""
    sale = open_sale(operator, units=UNITS)
    with own_pooler(db, pool_size=3) as pooler:
        with Crowd(pooler, db, sale) as crowd:
            for _ in range(2):
                crowd.wait_for_more()
                console(pooler, f"pause {db.name}")
                before = crowd.answers()
                assert paused(pooler, db)
                assert crowd.answers() <= before + crowd.buyers
                console(pooler, f"resume {db.name}")
                crowd.wait_for_more()
        assert crowd.unknown == 0
        require_all_found(db, crowd)


def paused(pooler: PgBouncer, db: Database) -> bool:
    """Whether the pooler says that it holds the database's clients back."""
    (row,) = (row for row in console(pooler, "show databases") if row.name == db.name)
    return row.paused in (1, "1")


def test_reload(db: Database, operator: Connection) -> None:
    """A reload with another pool size loses no call."""
    sale = open_sale(operator, units=UNITS)
    with own_pooler(db, pool_size=3) as pooler:
        with Crowd(pooler, db, sale) as crowd:
            for pool_size in (1, 4):
                crowd.wait_for_more()
                pooler.settings["default_pool_size"] = str(pool_size)
                pooler.reload()
                crowd.wait_for_more()
        assert crowd.unknown == 0
        require_all_found(db, crowd)


def test_server_connections_are_killed(db: Database, operator: Connection) -> None:
    """The server ends the pooler's connections, as a restart would: unknown, then settled."""
    sale = open_sale(operator, units=UNITS)
    with own_pooler(db, pool_size=3) as pooler:
        with Crowd(pooler, db, sale) as crowd, db.connect("superuser") as superuser:
            for _ in range(3):
                crowd.wait_for_more()
                superuser.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and usename = 'seckill_buyer'"
                )
            crowd.wait_for_more()
        assert crowd.unknown > 0, "no purchase was cut off: the test shows nothing"
        require_all_found(db, crowd)


def test_many_clients_on_one_server_connection(db: Database, operator: Connection) -> None:
    """Forty buyers and one server connection: they queue, and all are served."""
    sale = open_sale(operator, units=UNITS)
    with own_pooler(db, pool_size=1) as pooler:
        with Crowd(pooler, db, sale, buyers=40) as crowd:
            crowd.wait_for_more(80)
        assert crowd.unknown == 0
        require_all_found(db, crowd)
