"""Every command of every runbook is executed, on servers that are in the trouble it is for."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from seckill import migrate
from seckill.client import Client
from seckill.history import prepare, verify
from seckill.runtime import StartError, find_bindir, process
from tests.docs.fix_machine import PAGES, Machine, machine, script_in
from tests.faults.buyers import Order
from tests.faults.fix_round import crowd_of
from tests.faults.fix_round import open_sale as fault_sale
from tests.fix_database import wait_until
from tests.fix_postgres import IN_CI, unavailable
from tests.fix_revision import all_functions
from tests.fix_sale import Sale, one, open_sale, reserve

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not IN_CI, reason="takes minutes: .ci/run plays the runbooks (CI=true)"),
]

UNITS = 30


@pytest.fixture
def place() -> Iterator[Machine]:
    with machine() as made:
        yield made


def operator(place: Machine) -> psycopg.Connection[Any]:
    return psycopg.connect(
        place.dsn("seckill_operator"), autocommit=True, row_factory=namedtuple_row
    )


def a_sale(place: Machine, *, sold: int = 3) -> Sale:
    """A sale of 30 phones, of which some are sold."""
    with operator(place) as connection:
        sale = open_sale(connection, units=UNITS)
        for number in range(sold):
            buy(connection, sale, f"buyer {number}")
    assert sale.activity_id == 1
    return sale


def buy(connection: psycopg.Connection[Any], sale: Sale, user: str) -> int:
    held: int = reserve(connection, sale, user=user).reservation_id
    connection.execute("select seckill.confirm(%s, %s, %s)", [user, held, f"pay {user}"])
    return held


def sold(place: Machine) -> int:
    with operator(place) as connection:
        return one(connection, "select * from seckill.availability(1, 'phone')").sold


def test_every_page_is_listed_and_tried() -> None:
    listed = (PAGES / "README.md").read_text(encoding="utf-8")
    here = Path(__file__).read_text(encoding="utf-8")
    for page in PAGES.glob("*.md"):
        if page.stem != "README":
            assert f"({page.name})" in listed
            assert f'"{page.stem}"' in here
            assert len(page.read_text(encoding="utf-8").splitlines()) <= 70


@pytest.mark.parametrize(("claim", "status"), [("yes", 0), ("no", 99)])
def test_a_wrong_claim_is_seen(claim: str, status: int) -> None:
    script = script_in(f"```sh\nword=yes\necho $word  # {claim}\n```\n")
    assert subprocess.run(["/bin/bash", "-c", script], check=False).returncode == status


def test_open_a_sale(place: Machine) -> None:
    place.play("open-a-sale")
    place.play("open-a-sale")  # again: nothing comes twice
    assert place.value("select available from seckill.availability(1, 'phone')") == UNITS
    assert place.value("select status from seckill.sale_status where activity_id = 1") == "on_sale"


def test_cut_the_stock(place: Machine) -> None:
    sale = a_sale(place, sold=4)
    with operator(place) as connection:
        for number in range(3):
            reserve(connection, sale, user=f"holder {number}")
    place.play("cut-the-stock")
    found = "select {} from seckill.availability(1, 'phone')"
    assert place.value(found.format("sold")) == 4
    assert place.value(found.format("available")) == 0


def test_stuck_sweeper(place: Machine) -> None:
    sale = a_sale(place, sold=0)
    with operator(place) as connection, operator(place) as hung:
        reserve(connection, sale, user="ann")
        place.run(
            "update seckill_private.reservation set expires_at = clock_timestamp()",
            "update seckill_private.pool_slot set next_expiry = '-infinity'",
        )
        hung.autocommit = False
        reserve(hung, sale, user="bob")
        time.sleep(5)  # so long has a transaction to be open to be found
        said = place.play("stuck-sweeper")
        assert "it waits for somebody" in said
        with pytest.raises(psycopg.OperationalError):
            hung.execute("select 1")
    assert place.value("select held from seckill.availability(1, 'phone')") == 0


def test_pgbouncer_down(place: Machine) -> None:
    a_sale(place)
    pid_file = place.scratch / "pgbouncer.pid"
    os.kill(int(pid_file.read_text()), 9)
    pid_file.unlink()
    place.play("pgbouncer-down")
    with Client(place.environment["SECKILL_DSN"]) as client:
        assert client.availability(activity_id=1, sku="phone").sold == 3


def test_failover(place: Machine) -> None:
    sale = a_sale(place)
    port = process.free_port()
    standby = place.scratch / "standby"
    place.run("alter system set wal_log_hints = on", "alter system set wal_keep_size = '256MB'")
    place.control("restart")
    place.as_server(
        place.bindir / "pg_basebackup", "-D", standby, "-R", "-c", "fast",
        "-d", place.dsn() + "?application_name=standby",
    )  # fmt: skip
    with (standby / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"port = {port}\n")
    start = Machine(place.scratch, place.version, port, 0)
    place.as_server(
        "/bin/sh", "-c", 'exec "$@" > /dev/null 2>&1', "sh", place.bindir / "pg_ctl",
        "-D", standby, "-w", "-l", f"{standby}.log", "start",
    )  # fmt: skip
    place.run("alter system set synchronous_standby_names = 'standby'", "select pg_reload_conf()")
    wait_until(
        lambda: (
            place.value("select count(*) from pg_stat_replication where sync_state = 'sync'") == 1
        )
    )
    with operator(place) as connection:
        held = buy(connection, sale, "the last")
    (place.scratch / "payments.csv").write_text(f"the last,{held},pay the last\n", encoding="utf-8")
    place.play("failover", {"STANDBY_DATA": str(standby), "STANDBY_PORT": str(port)})
    assert sold(start) == 4
    with Client(place.environment["SECKILL_DSN"]) as client:
        answer = client.reserve(
            activity_id=1, user_id="eve", sku="phone", quantity=1, request_id=uuid4()
        )
    assert answer.status == "held"
    # The old primary follows the new one, whose configuration pg_rewind has brought along.
    with (place.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write(f"port = {place.port}\n")
    place.control("start")
    wait_until(lambda: sold(place) == 4, "the old primary as a standby")
    assert place.value("select pg_is_in_recovery()") is True


def test_restore_to_a_point_in_time(place: Machine) -> None:
    sale = a_sale(place)
    archive, backup = place.scratch / "archive", place.scratch / "backup"
    place.as_server("mkdir", archive)
    variables = {"ARCHIVE": str(archive), "BACKUP": str(backup)}
    place.play("restore-to-a-point-in-time", variables, part=1)
    with operator(place) as connection:
        buy(connection, sale, "after the backup")
    good = str(place.value("select clock_timestamp()::text"))
    iso = str(place.value("select to_char(clock_timestamp() at time zone 'UTC',"
                          " 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"))  # fmt: skip
    time.sleep(0.1)
    with operator(place) as connection:
        buy(connection, sale, "too late")
    place.run("drop schema seckill_private cascade")
    place.play("restore-to-a-point-in-time", variables | {"GOOD": good, "GOOD_ISO": iso}, part=2)
    assert sold(place) == 4
    with Client(place.environment["SECKILL_DSN"]) as client:
        assert client.reconcile(activity_id=1) == []


# What an expand revision may do (migrations/README.md), and every function again.
UP = """
alter table seckill_private.movement add column trial text;
create table seckill_private.trial (trial_id bigint primary key);
create function seckill.trial () returns text language sql return 'trial';
grant execute on function seckill.trial () to seckill_read;
"""
DOWN = """
drop function seckill.trial ();
drop table seckill_private.trial;
alter table seckill_private.movement drop column trial;
"""


def test_upgrade_the_schema(place: Machine, tmp_path: Path) -> None:
    """To a revision that is not there yet, while today's clients buy: no call fails."""
    a_sale(place)
    busy = fault_sale(place.environment["SECKILL_DSN"])
    revision = place.release("expand_trial", UP + all_functions(), all_functions() + DOWN)
    history = prepare(tmp_path / "history")
    dsn = place.dsn("seckill_buyer", place.pool_port)
    orders = [
        Order(dsn, busy, way, f"runbook/{way}", str(history), timeout_ms=20_000)
        for way in ("batch", "now")
    ]
    with crowd_of(orders, history) as crowd:
        crowd.wait_for_more()
        before = crowd.answers()
        place.play("upgrade-the-schema")
        assert crowd.answers() - before > 50, "nobody bought meanwhile: this shows nothing"
        crowd.wait_for_more()
    assert migrate.current(place.dsn()) == revision
    assert place.value("select seckill.trial()") == "trial"
    assert sold(place) == 3
    verdict = verify(history, place.dsn())
    assert verdict.ok, verdict
    assert (verdict.unknown, verdict.failed) == (0, 0)


def test_upgrade_postgresql() -> None:
    try:
        find_bindir("15")
    except StartError as error:
        unavailable(str(error))
    with machine("15") as place:
        a_sale(place)
        changes = "select count(*) from seckill.changes(null, 100)"
        before = place.value(changes)
        # Debian's 15 may be of a later round of minor releases than the wheel's 18 (the page says
        # what to do then). From 15.20 on it notes this at columns, and 18.6 cannot take it over.
        place.run(
            "set allow_system_table_mods = on;"
            " update pg_attribute set attoptions = null where attoptions::text like '{pg_attver=%}'"
        )
        new = place.scratch / "data18"
        place.play(
            "upgrade-postgresql",
            {
                "OLD_BIN": str(place.bindir),
                "OLD_DATA": str(place.data),
                "PGBIN": str(find_bindir("18")),
                "PGDATA": str(new),
                "SOCKETS": str(place.scratch),
            },
        )
        assert str(place.value("show server_version")).startswith("18")
        assert (sold(place), place.value(changes)) == (3, before)
