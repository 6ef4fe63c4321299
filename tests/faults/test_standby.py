"""The feed and the reads of a buyer on a standby, which shows what has arrived there."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from tests.concurrency.checks_feed import changes
from tests.faults.fix_round import open_sale
from tests.faults.fix_standby import Pair, pair
from tests.fix_database import wait_until
from tests.fix_sale import Sale, availability, get_reservation, reserve, violations
from tests.procedures.instants import history, refused
from tests.procedures.rules import explain

pytestmark = pytest.mark.timeout(120)


def wait_for_arrival(servers: Pair) -> None:
    """Until the standby has all that the primary has written."""
    with (
        psycopg.connect(servers.runtime.superuser_dsn, autocommit=True) as primary,
        psycopg.connect(servers.standby_dsn, autocommit=True) as standby,
    ):
        row = primary.execute("select pg_current_wal_flush_lsn()::text").fetchone()
        assert row is not None
        query = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
        wait_until(lambda: standby.execute(query, row).fetchone() == (True,), "the standby", 30)


def test_reads_on_a_standby() -> None:
    with pair(synchronous=False) as servers:
        sale = Sale(open_sale(servers.runtime.ops_dsn), "plenty", "*")
        dsns = (servers.runtime.superuser_dsn, servers.standby_dsn)
        with (
            psycopg.connect(dsns[0], autocommit=True, row_factory=namedtuple_row) as primary,
            psycopg.connect(dsns[1], autocommit=True, row_factory=namedtuple_row) as standby,
        ):
            held = reserve(primary, sale).reservation_id
            wait_for_arrival(servers)
            assert get_reservation(standby, held) == get_reservation(primary, held)
            assert availability(standby, sale) == availability(primary, sale)
            assert history(standby, sale) == history(primary, sale) != []
            request_id = get_reservation(primary, held).request_id
            assert [row.check_name for row in explain(standby, sale, request_id=request_id)] == [
                "replay"
            ]
            assert violations(standby, sale) == []
            assert changes(standby) == changes(primary) != []
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                reserve(standby, sale, user="bob")

            # Restored from a dump, and nobody has called changes on the primary yet.
            primary.execute("update seckill_private.feed set system_identifier = 1")
            wait_for_arrival(servers)
            with refused("SK006") as refusal:
                changes(standby)
            assert "on its primary" in (refusal.detail or "")
            feed = changes(primary)
            wait_for_arrival(servers)
            assert changes(standby) == feed
