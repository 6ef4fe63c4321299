"""seckill migrate: up, again, down, the script for a DBA, and the repair of functions."""

from __future__ import annotations

import subprocess

import pytest
from psycopg.rows import tuple_row

from seckill import doctor, migrate
from seckill.doctor import catalog
from tests.cli.conftest import Run
from tests.fix_database import Database

DIRECT = pytest.mark.targets("18-direct", "15-direct")


@pytest.fixture
def admin(run: Run, empty_db: Database, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run` with SECKILL_ADMIN_DSN of an empty database."""
    monkeypatch.setenv("SECKILL_ADMIN_DSN", empty_db.admin_dsn)
    return run


@DIRECT
def test_up_again_and_down(admin: Run) -> None:
    head = migrate.head()
    assert admin("migrate").out == f"Migrated from nothing to {head}.\n"
    assert admin("migrate").out == f"The database is at {head} already.\n"
    again = admin("migrate", "--revision", head, "--json").json
    assert again == {"before": head, "revision": head, "changed": False}
    assert "add --yes" in admin("migrate", "--down", "base").complaint
    assert admin("migrate", "--down", "base", "--yes").out == f"Migrated from {head} to nothing.\n"


def test_sql_prints_the_script_and_nothing_else(run: Run) -> None:
    done = run("migrate", "--sql")
    assert (done.status, done.err) == (0, "")
    assert done.out == migrate.offline_sql()
    nothing = run("migrate", "--sql", "--revision", f"{migrate.head()}:head")
    assert "create or replace function" not in nothing.out


@DIRECT
def test_the_script_installs_what_migrate_does(run: Run, empty_db: Database) -> None:
    script = run("migrate", "--sql").out
    subprocess.run(
        [empty_db.server.bindir / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", empty_db.admin_dsn],
        input=script,
        text=True,
        check=True,
        capture_output=True,
    )
    done = run("migrate", "--admin-dsn", empty_db.admin_dsn)
    assert "already" in done.out


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ([], 2, "set SECKILL_ADMIN_DSN"),
        (["--admin-dsn", "secret words"], 2, "neither key=value words nor a postgresql:// URI"),
        (["--sql", "--repair"], 2, "exclude each other"),
        (["--sql", "--revision", "9999_never"], 3, "9999_never"),
        (["--admin-dsn", "host=127.0.0.1 port=1 user=x password=secret"], 3, "refused"),
    ],
)
def test_what_is_wrong_is_one_line(run: Run, arguments: list[str], status: int, said: str) -> None:
    done = run("migrate", *arguments)
    assert done.status == status
    assert said in done.complaint
    assert "secret" not in done.complaint


def test_a_pooler_is_refused(run: Run, db: Database) -> None:
    done = run("migrate", "--admin-dsn", db.dsn("operator"))
    assert done.status == 3
    assert "pooler" in done.complaint


def test_repair_takes_a_database_at_head(admin: Run, empty_db: Database) -> None:
    none = admin("migrate", "--repair")
    assert none.status == 3
    assert "not installed" in none.complaint
    assert admin("migrate").status == 0
    assert admin("migrate", "--repair", "--json").json["installed"] > 50
    version = "update seckill_private.alembic_version set version_num = '9999_newer'"
    empty_db.server.execute(version, empty_db.name)
    newer = admin("migrate", "--repair")
    assert newer.status == 3
    assert "at 9999_newer, not at" in newer.complaint


@DIRECT
def test_repair_gives_back_what_was_edited_or_dropped(run: Run, db: Database) -> None:
    for edit in (
        "create or replace function seckill_private.moved"
        " (p_source text, p_target text, p_account text) returns integer"
        " language sql immutable return 0",
        "drop function seckill.expire_due",
        "create or replace view seckill.activity as select activity_id, name, state, starts_at,"
        " ends_at, hold_seconds, time_zone, created_at, max_waiting from seckill_private.activity"
        " where false",
    ):
        db.server.execute(edit, db.name)
    assert differing(db) == 3
    assert run("migrate", "--repair", "--admin-dsn", db.admin_dsn).status == 0
    assert differing(db) == 0
    with doctor.opened(None, db.admin_dsn) as context:
        assert doctor.CHECKS["grants"](context).status == "ok"


def differing(db: Database) -> int:
    """Functions and views that are not as installed."""
    with db.connect("superuser", row_factory=tuple_row) as connection:
        drift = catalog.compare(catalog.expected().definitions, catalog.definitions(connection))
    return len(drift.changed + drift.missing + drift.extra)


@DIRECT
def test_the_checksums_are_those_of_head(db: Database) -> None:
    """Else: python ops/dev/generate_checksums.py."""
    assert catalog.expected().revision == migrate.head()
    assert differing(db) == 0
    with db.connect("superuser", row_factory=tuple_row) as connection:
        assert catalog.grants(connection) == catalog.expected().grants
