"""`seckill worker`: sweeps, relays, stops when told, and outlives what it depends on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from seckill.flag import Flag, StockPool
from seckill.runtime import LOGINS, PgBouncer
from seckill.runtime.valkey import Valkey
from tests.fix_database import Database, wait_until
from tests.fix_pgbouncer import PASSWORD
from tests.fix_postgres import Server
from tests.fix_sale import (
    Sale,
    add_units,
    availability,
    cancel,
    confirm,
    open_sale,
    refund,
    reserve,
    set_stock_total,
    violations,
)
from tests.fix_valkey import console
from tests.procedures.rules import move_stock, schedule
from tests.worker.support import end_holds, sale_with_ended_holds, states, worker


def key_of(sale: Sale) -> str:
    return StockPool(sale.activity_id, sale.sku, sale.region).key


def ops_dsn(db: Database) -> str:
    return db.dsn("operator", pool_size=4)


# --- sweeping


def test_once_settles_all_that_is_due_and_ends(db: Database, operator: Connection[Any]) -> None:
    sale = sale_with_ended_holds(db, 250)
    with worker(ops_dsn(db), "--sweep", "--once") as one:
        last = one.ended()
    assert (last["swept"], last["errors"]) == (250, 0)
    assert one.lines[0]["jobs"] == ["sweep"]
    assert states(db, sale) == {"expired": 250}
    assert violations(operator, sale) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_stops_cleanly(number: signal.Signals, db: Database, valkey: Valkey) -> None:
    with worker(ops_dsn(db), "--redis-url", valkey.url) as one:
        one.wait_for("started", jobs=["sweep", "relay"])
        one.wait_for("report")
        one.stop(number)


def test_two_at_once_settle_each_hold_once(db: Database, operator: Connection[Any]) -> None:
    sale = sale_with_ended_holds(db, 600)
    options = ("--sweep", "--once", "--batch", "7", "--pause-ms", "0")
    with worker(ops_dsn(db), *options) as one, worker(ops_dsn(db), *options) as other:
        swept = [one.ended()["swept"], other.ended()["swept"]]
    assert sum(swept) == 600
    assert states(db, sale) == {"expired": 600}
    assert violations(operator, sale) == []


def test_one_that_is_killed_midway_leaves_whole_batches(
    db: Database, operator: Connection[Any]
) -> None:
    sale = sale_with_ended_holds(db, 600)
    with worker(ops_dsn(db), "--sweep", "--batch", "5", "--pause-ms", "5") as one:
        wait_until(lambda: states(db, sale).get("expired", 0) > 20, "some holds swept")
        one.process.kill()
        one.process.wait()
    left = states(db, sale)
    assert left["held"] > 0
    assert violations(operator, sale) == []
    with worker(ops_dsn(db), "--sweep", "--once") as other:
        # What the killed one had begun may have ended after the count, by a batch at most.
        assert left["held"] - 5 <= other.ended()["swept"] <= left["held"]
    assert states(db, sale) == {"expired": 600}
    assert violations(operator, sale) == []


# --- relaying


Act = Callable[[], object]


def cancels(db: Database, operator: Connection[Any], sale: Sale, held: int) -> Act:
    return lambda: cancel(operator, held)


def allocates(db: Database, operator: Connection[Any], sale: Sale, held: int) -> Act:
    return lambda: add_units(operator, sale, 1)


def lets_it_end(db: Database, operator: Connection[Any], sale: Sale, held: int) -> Act:
    """The same worker's sweeper settles it."""

    def end() -> None:
        with db.connect("superuser") as superuser:
            end_holds(superuser, sale)

    return end


def refunds(db: Database, operator: Connection[Any], sale: Sale, held: int) -> Act:
    confirm(operator, held)
    return lambda: refund(operator, held)


def raises_the_total(db: Database, operator: Connection[Any], sale: Sale, held: int) -> Act:
    operator.execute(
        "select seckill.receive_stock(p_sku => %s, p_quantity => 1,"
        " p_request_id => gen_random_uuid())",
        [sale.sku],
    )
    return lambda: set_stock_total(operator, sale, 2)


def moves_units_here(db: Database, operator: Connection[Any], sale: Sale, held: int) -> Act:
    add_units(operator, replace(sale, region="south"), 1)
    return lambda: move_stock(operator, sale, 1, source="south", target=sale.region)


def releases(db: Database, operator: Connection[Any], sale: Sale, held: int) -> Act:
    add_units(operator, sale, 1)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    schedule(operator, sale, [(tomorrow, 1)])
    return lambda: schedule(operator, sale, [])


Increase = Callable[[Database, Connection[Any], Sale, int], Act]


@pytest.mark.parametrize(
    "increase",
    [cancels, allocates, lets_it_end, refunds, raises_the_total, moves_units_here, releases],
)
def test_an_increase_lowers_the_flag(
    increase: Increase, db: Database, operator: Connection[Any], valkey: Valkey
) -> None:
    sale = open_sale(operator, units=1)
    held = reserve(operator, sale).reservation_id
    act = increase(db, operator, sale, held)
    before = len(operator.execute("select * from seckill.changes(null, 100)").fetchall())
    options = ("--redis-url", valkey.url, "--interval", "0.05")
    with worker(ops_dsn(db), *options) as one, console(valkey) as redis:
        one.wait_for("report", relayed=before)
        epoch = availability(operator, sale).epoch
        redis.set(key_of(sale), Flag(epoch, True).encode())  # no end: only the relay lowers it
        act()
        opened = Flag(epoch + 1, False).encode()
        wait_until(lambda: redis.get(key_of(sale)) == opened, "the lower flag")
        last = one.stop()
    assert last["reopened"] >= 1
    assert (last["errors"], last["flag_errors"]) == (0, 0)
    assert any(line["lag_s"] > 0 for line in one.lines if "lag_s" in line)


def test_a_purchase_lowers_nothing(db: Database, operator: Connection[Any], valkey: Valkey) -> None:
    sale = open_sale(operator, units=2)
    flag = Flag(availability(operator, sale).epoch, True).encode()
    with worker(ops_dsn(db), "--relay", "--redis-url", valkey.url) as one:
        one.wait_for("report", relayed=1)
        with console(valkey) as redis:
            redis.set(key_of(sale), flag)
            held = reserve(operator, sale).reservation_id
            operator.execute("select seckill.confirm('ann', %s)", [held])
            one.wait_for("report", relayed=3)
            assert redis.get(key_of(sale)) == flag
        assert one.lines[0]["jobs"] == ["relay"]


def test_a_relay_waits_for_redis(db: Database, operator: Connection[Any], valkey: Valkey) -> None:
    """Sweeping goes on meanwhile; the newest epoch is written when Redis is back."""
    sale = open_sale(operator, units=1)
    with worker(ops_dsn(db), "--redis-url", valkey.url, "--interval", "0.05") as one:
        one.wait_for("report", relayed=1)
        valkey.kill()
        add_units(operator, sale, 1)
        wait_until(lambda: one.lines[-1].get("flag_errors", 0) > 0, "an error of the flag")
        other = sale_with_ended_holds(db, 10)
        wait_until(lambda: states(db, other) == {"expired": 10}, "a sweep")
        add_units(operator, sale, 1)
        valkey.start()
        opened = Flag(availability(operator, sale).epoch, False).encode()
        with console(valkey) as redis:
            wait_until(lambda: redis.get(key_of(sale)) == opened, "the flag")
        one.stop()


def test_the_place_in_the_feed_is_kept(
    db: Database, operator: Connection[Any], valkey: Valkey, tmp_path: Path
) -> None:
    sale = open_sale(operator, units=5)
    options = ("--relay", "--once", "--redis-url", valkey.url)
    kept = ("--cursor-file", str(tmp_path / "cursor"))
    relayed: list[int] = []
    for _ in range(2):
        with worker(ops_dsn(db), *options, *kept) as one:
            relayed.append(one.ended()["relayed"])
        reserve(operator, sale, user=str(uuid4()))
    assert relayed == [1, 1]
    # A file that is no cursor of this database, or of none: it begins anew, and says so.
    for nonsense in (b"00000000.1.1.1.1.1\n", b"\xff\xfe"):
        (tmp_path / "cursor").write_bytes(nonsense)
        with worker(ops_dsn(db), *options, *kept) as one:
            assert one.ended()["relayed"] == 3
            assert one.saw("rewound")


# --- a full disk


def test_a_place_that_cannot_be_kept_stops_nothing(
    db: Database, operator: Connection[Any], valkey: Valkey, tmp_path: Path
) -> None:
    (tmp_path / "cursor.new").symlink_to("/dev/full")
    options = ("--redis-url", valkey.url, "--interval", "0.05")
    with worker(ops_dsn(db), *options, "--cursor-file", str(tmp_path / "cursor")) as one:
        sale = sale_with_ended_holds(db, 10)
        wait_until(lambda: states(db, sale) == {"expired": 10}, "a sweep")
        one.wait_for("report", relayed=21)
        last = one.stop()
    assert last["file_errors"] > 0
    assert not (tmp_path / "cursor").exists()


def test_reports_that_nobody_can_write_down_stop_nothing(db: Database) -> None:
    with worker(ops_dsn(db), "--sweep", "--interval", "0.05", stdout="/dev/full") as one:
        sale = sale_with_ended_holds(db, 10)
        wait_until(lambda: states(db, sale) == {"expired": 10}, "a sweep")
        time.sleep(0.3)  # some reports
        assert one.process.poll() is None


# --- outages


@pytest.fixture
def own_pooler(server: Server) -> Iterator[PgBouncer]:
    """A pooler to be maltreated."""
    with PgBouncer(server.postgres, pool_size=4, users=dict.fromkeys(LOGINS, PASSWORD)) as pooler:
        yield pooler


def test_it_outlives_a_pooler_that_goes(
    db: Database, own_pooler: PgBouncer, valkey: Valkey, operator: Connection[Any]
) -> None:
    dsn = own_pooler.dsn("seckill_operator", PASSWORD, db.name)
    options = ("--redis-url", valkey.url, "--interval", "0.05")
    with worker(dsn, *options) as one, console(valkey) as redis:
        one.wait_for("report", errors=0)
        own_pooler.kill()
        one.wait_for("lost", job="sweep")
        one.wait_for("lost", job="relay")
        sale = sale_with_ended_holds(db, 10)
        own_pooler.start()
        one.wait_for("back", job="sweep")
        one.wait_for("back", job="relay")
        wait_until(lambda: states(db, sale) == {"expired": 10}, "a sweep")
        opened = Flag(availability(operator, sale).epoch, False).encode()
        wait_until(lambda: redis.get(key_of(sale)) == opened, "the flag")
        last = one.stop()
    assert last["reconnects"] == 2
    assert last["errors"] >= 2


def test_it_outlives_servers_that_are_cut_off(db: Database, valkey: Valkey) -> None:
    """As in a restart of PostgreSQL: every backend of the worker ends at once."""
    with (
        worker(ops_dsn(db), "--redis-url", valkey.url, "--interval", "0.02") as one,
        db.connect("superuser") as superuser,
    ):
        one.wait_for("report")
        for _ in range(20):
            superuser.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where usename = 'seckill_operator' and datname = current_database()"
            )
        sale = sale_with_ended_holds(db, 10)
        wait_until(lambda: states(db, sale) == {"expired": 10}, "a sweep")
        one.stop()


def test_it_may_be_started_before_the_database(db: Database, own_pooler: PgBouncer) -> None:
    dsn = own_pooler.dsn("seckill_operator", PASSWORD, db.name)
    own_pooler.stop()
    with worker(dsn, "--sweep", "--interval", "0.05") as one:
        one.wait_for("lost")
        own_pooler.start()
        one.wait_for("back")
        one.stop()


# --- wrong use


@pytest.mark.parametrize(
    ("who", "arguments", "status", "says"),
    [
        ("operator", ["--relay"], 2, "SECKILL_REDIS_URL"),
        ("operator", ["--redis-url", "nonsense://x"], 2, "scheme"),
        ("operator", ["--cursor-file", "/no/such/place/cursor"], 2, "no such directory"),
        ("buyer", ["--sweep"], 3, "seckill_ops"),
    ],
)
def test_what_waiting_does_not_mend_is_said_in_one_line(
    who: str, arguments: list[str], status: int, says: str, db: Database
) -> None:
    with worker(db.dsn(who), *arguments) as one:
        assert one.process.wait(20) == status
        assert one.process.stderr is not None
        *_, line = one.process.stderr.read().splitlines()
    assert line.startswith("seckill: ")
    assert says in line


def test_without_redis_it_says_that_it_only_sweeps(db: Database) -> None:
    with worker(ops_dsn(db)) as one:
        one.wait_for("started", jobs=["sweep"])
        one.stop()
        assert one.process.stderr is not None
        assert "sweeping only" in one.process.stderr.read()
