"""seckill doctor on a server that is set wrong: each fault planted, seen, and mended by its fix."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from seckill import doctor, migrate
from seckill.client import Client
from seckill.doctor import Finding, health
from seckill.runtime import LOGINS, PgBouncer, Postgres, process
from seckill.runtime.binaries import find_bindir
from seckill.runtime.provision import create_logins
from tests.fix_database import wait_until
from tests.fix_pgbouncer import PASSWORD

MOST = 40
SETTINGS = {"max_connections": str(MOST), "max_prepared_transactions": "2"}


@dataclass(frozen=True, slots=True)
class Place:
    """A server as it comes, with Seckill in its database postgres, and a pooler."""

    postgres: Postgres
    pooler: PgBouncer

    @property
    def admin_dsn(self) -> str:
        return self.postgres.dsn("postgres")

    @property
    def dsn(self) -> str:
        return self.pooler.dsn("seckill_operator", PASSWORD)

    def look(self, check: str) -> Finding:
        with doctor.opened(self.dsn, self.admin_dsn, self.pooler.admin_dsn) as context:
            return dict(doctor.examine(context))[check]

    def run(self, *statements: str) -> None:
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            # What is set wrong here may make a commit wait for ever.
            connection.execute("set synchronous_commit = local")
            for statement in statements:
                connection.execute(statement.encode())

    def mend(self, found: Finding) -> None:
        """Run a fix as a person would."""
        assert found.fix is not None
        subprocess.run(
            ["/bin/sh", "-c", found.fix.partition("   ")[0]],
            env={
                **os.environ,
                "SECKILL_ADMIN_DSN": self.admin_dsn,
                "SECKILL_CONSOLE_DSN": self.pooler.admin_dsn,
                "PATH": f"{self.postgres.bindir}:{os.environ['PATH']}",
            },
            check=True,
            capture_output=True,
        )

    def wait_for(self, check: str, status: str) -> Finding:
        """Settings are told to the sessions a moment after they were changed."""
        wait_until(lambda: self.look(check).status == status, f"{check} {status}")
        return self.look(check)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with ExitStack() as stack:
        postgres = stack.enter_context(
            Postgres(bindir=find_bindir("18"), settings=SETTINGS, password=PASSWORD)
        )
        migrate.upgrade(postgres.dsn("postgres"))
        create_logins(postgres.dsn("postgres"), dict.fromkeys(LOGINS, PASSWORD))
        pooler = stack.enter_context(
            PgBouncer(postgres, pool_size=4, users=dict.fromkeys(LOGINS, PASSWORD))
        )
        yield Place(postgres, pooler)


def test_nothing_is_wrong_with_it(place: Place) -> None:
    with doctor.opened(place.dsn, place.admin_dsn, place.pooler.admin_dsn) as context:
        found = {name: one for name, one in doctor.examine(context) if one.status != "ok"}
    assert found == {}


@pytest.mark.parametrize(
    ("check", "setting", "value", "status", "said"),
    [
        ("durability", "fsync", "off", "warn", "fsync off"),
        ("durability", "full_page_writes", "off", "warn", "full_page_writes off"),
        ("durability", "synchronous_commit", "off", "warn", "synchronous_commit is off"),
        ("autovacuum", "autovacuum", "off", "warn", "autovacuum off"),
        ("autovacuum", "track_counts", "off", "warn", "track_counts off"),
        ("replication", "synchronous_standby_names", "'away'", "fail", "0 is connected"),
        ("replication", "synchronous_standby_names", "'any 2 (a, b)'", "fail", "for 2 standby"),
    ],
)
def test_a_setting(
    place: Place, check: str, setting: str, value: str, status: str, said: str
) -> None:
    place.run(f"alter system set {setting} = {value}", "select pg_reload_conf()")
    try:
        found = place.wait_for(check, status)
        assert said in found.message
        place.mend(found)
        assert place.wait_for(check, "ok")
    finally:
        place.run(f"alter system reset {setting}", "select pg_reload_conf()")


@pytest.mark.parametrize("whose", ["role seckill_operator", "database postgres"])
def test_synchronous_commit_of_a_login(place: Place, whose: str) -> None:
    place.run(f"alter {whose} set synchronous_commit = off")
    try:
        place.pooler.restart()  # sessions have what was so when they began
        found = place.look("durability")
        assert found.status == "warn"
        assert found.fix is not None
        assert f"alter {whose} reset" in found.fix
        place.mend(found)
        place.pooler.restart()
        assert place.look("durability").status == "ok"
    finally:
        place.run(f"alter {whose} reset synchronous_commit")


@pytest.mark.parametrize("level", ["local", "remote_write"])
def test_commits_that_do_not_wait_for_the_standby(place: Place, level: str) -> None:
    """Where there is one that commits are to wait for; else they say the same as `on`."""
    place.run(f"alter system set synchronous_commit = {level}", "select pg_reload_conf()")
    try:
        place.pooler.restart()
        assert place.look("durability").status == "ok"
        place.run("alter system set synchronous_standby_names = 'away'", "select pg_reload_conf()")
        found = place.wait_for("durability", "warn")
        assert f"synchronous_commit is {level}" in found.message
        place.mend(found)
        assert place.wait_for("durability", "ok")
    finally:
        place.run(
            "alter system reset synchronous_commit",
            "alter system reset synchronous_standby_names",
            "select pg_reload_conf()",
        )


def test_a_table_that_autovacuum_passes_over(place: Place) -> None:
    place.run("alter table seckill_private.inventory set (autovacuum_enabled = false)")
    found = place.look("autovacuum")
    assert (found.status, "seckill_private.inventory" in found.message) == ("warn", True)
    place.mend(found)
    assert place.look("autovacuum").status == "ok"


def test_dead_rows(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "DEAD_ROWS", 20)
    with Client(place.dsn) as client:
        for _ in range(30):
            client.receive_stock(sku="phone", quantity=1, request_id=uuid4())
    place.run("select pg_stat_force_next_flush()", "update seckill_private.inventory set sku = sku")
    found = place.wait_for("autovacuum", "warn")
    assert "seckill_private.inventory" in found.message
    place.mend(found)
    assert place.wait_for("autovacuum", "ok")


def test_a_transaction_that_stays_open(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "OLD_S", 0.3)
    with psycopg.connect(place.admin_dsn) as idle:
        idle.execute("select 1")
        found = place.wait_for("transactions", "warn")
        assert (
            f"process {idle.info.backend_pid} of postgres, idle in transaction" in found.details[0]
        )
        place.mend(found)
        assert place.wait_for("transactions", "ok")
        with pytest.raises(psycopg.OperationalError):
            idle.execute("select 1")


def test_a_prepared_transaction(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "OLD_S", 0.3)
    with psycopg.connect(place.admin_dsn) as connection:
        connection.execute("create table left_over ()")
        connection.execute("prepare transaction 'for''gotten'")
        connection.rollback()
    found = place.wait_for("transactions", "warn")
    assert "prepared as for'gotten" in found.details[0]
    place.mend(found)
    assert place.wait_for("transactions", "ok")


@pytest.fixture
def elsewhere(place: Place) -> Iterator[str]:
    """A DSN of another database of the cluster."""
    place.run('create database "The Other"')
    yield make_conninfo(place.admin_dsn, dbname="The Other")
    place.run('drop database "The Other" with (force)')


def test_a_transaction_in_another_database(
    place: Place, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds back the feed of changes from when it has written on; a reader does not."""
    monkeypatch.setattr(health, "OLD_S", 0.3)
    with psycopg.connect(elsewhere) as idle:
        idle.execute("select 1")
        time.sleep(0.5)
        assert place.look("transactions").status == "ok"
        idle.execute("select pg_current_xact_id()")
        found = place.wait_for("transactions", "warn")
        assert ' of postgres in database "The Other", idle in transaction' in found.details[0]
        assert "vacuum" not in found.message
        place.mend(found)
        assert place.wait_for("transactions", "ok")
        with pytest.raises(psycopg.OperationalError):
            idle.execute("select 1")


def test_a_prepared_transaction_in_another_database(
    place: Place, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "OLD_S", 0.3)
    with psycopg.connect(elsewhere) as connection:
        connection.execute("create table left_over ()")
        connection.execute("prepare transaction 'forgotten'")
        connection.rollback()
    found = place.wait_for("transactions", "warn")
    assert 'prepared as forgotten in database "The Other"' in found.details[0]
    place.mend(found)
    assert place.wait_for("transactions", "ok")


def test_a_slot_that_nobody_reads(place: Place) -> None:
    place.run("select pg_create_physical_replication_slot('gone', true)")
    found = place.look("replication")
    assert (found.status, "slot gone" in found.message) == ("warn", True)
    place.mend(found)
    assert place.look("replication").status == "ok"


@contextmanager
def standby(place: Place) -> Iterator[Postgres]:
    """A standby of the place's server."""
    scratch = process.make_scratch("standby")
    try:
        copy = [place.postgres.bindir / "pg_basebackup", "-R", "-c", "fast"]
        process.run([*copy, "-D", scratch / "data", "-d", place.admin_dsn], cwd=scratch)
        with Postgres(
            scratch / "data", place.postgres.bindir, SETTINGS, password=PASSWORD
        ) as server:
            yield server
    finally:
        process.remove_scratch(scratch)


def test_a_standby_that_is_behind(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "LAG_BYTES", 100_000)
    with standby(place) as server:
        assert place.wait_for("replication", "ok").message.endswith("follows")
        dsn = server.dsn("postgres")
        with psycopg.connect(dsn, autocommit=True) as follower:
            follower.execute("select pg_wal_replay_pause()")
            place.run("create table written as select n from generate_series(1, 20000) as n")
            found = place.wait_for("replication", "warn")
            assert found.message.startswith("behind: ")
            assert found.fix is not None
            assert "select pg_wal_replay_resume()" in found.fix
            follower.execute("select pg_wal_replay_resume()")
            assert place.wait_for("replication", "ok")
        with doctor.opened(None, dsn) as context:
            findings = dict(doctor.examine(context))
        assert findings["replication"].message == "the database is a standby"


def test_how_often_the_pooler_tries_again(place: Place) -> None:
    with _pooler(place, server_login_retry="15") as other:
        found = other.look("login retry")
        assert (found.status, "15 s" in found.message) == ("warn", True)
        other.mend(found)
        assert other.look("login retry").status == "ok"


def test_pools_that_are_too_large_together(place: Place) -> None:
    with _pooler(place, default_pool_size="25") as other:
        assert other.look("pool sizes").status == "ok"  # one role has come so far
        with psycopg.connect(other.pooler.dsn("seckill_buyer", PASSWORD)):
            found = other.look("pool sizes")
            assert found.status == "fail"
            assert found.message.startswith(
                f"2 pools may open 50 connections, PostgreSQL takes {MOST - 3}"
            )
            other.mend(found)
            assert other.look("pool sizes").status == "ok"


@contextmanager
def _pooler(place: Place, **settings: str) -> Iterator[Place]:
    users = dict.fromkeys(LOGINS, PASSWORD)
    with PgBouncer(place.postgres, users=users, settings=settings) as pooler:
        yield Place(place.postgres, pooler)


def test_a_service_that_sees_no_other_session(place: Place) -> None:
    with doctor.opened(place.dsn) as context:
        findings = dict(doctor.examine(context))
    for check in ("transactions", "replication"):
        assert findings[check].status == "skip"
        assert "SECKILL_ADMIN_DSN" in findings[check].message
