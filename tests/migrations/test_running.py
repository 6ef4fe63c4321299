"""Running migrations: several at once, by the alembic command, by a pooler, from a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import psycopg
import pytest

from seckill import migrate
from tests.fix_database import Database, together
from tests.fix_postgres import Server

ROOT = Path(__file__).resolve().parents[2]
DIRECT = pytest.mark.targets("18-direct", "15-direct")


def alembic(*arguments: str, dsn: str | None) -> subprocess.CompletedProcess[str]:
    """The alembic command in the checkout, with SECKILL_ADMIN_DSN or without."""
    environment = {name: value for name, value in os.environ.items() if "SECKILL" not in name}
    if dsn is not None:
        environment["SECKILL_ADMIN_DSN"] = dsn
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@DIRECT
def test_four_upgrades_at_once(fresh_server: Server) -> None:
    """The first one migrates, the others wait and find nothing to do. No role exists before."""
    fresh_server.execute("create database shop")
    dsn = fresh_server.dsn("shop")
    commands = [lambda: alembic("upgrade", "head", dsn=dsn)] * 4
    for done in together(commands):
        assert isinstance(done, subprocess.CompletedProcess)
        assert done.returncode == 0, done.stderr
    assert migrate.current(dsn) == migrate.head()


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize("form", ["words", "url", "sqlalchemy"])
def test_alembic_upgrade_head(empty_db: Database, form: str) -> None:
    """Without the `seckill` command, with every form of connection string."""
    dsn = empty_db.admin_dsn
    if form != "words":
        dsn = empty_db.server.postgres.dsn(dbname=empty_db.name)
    if form == "sqlalchemy":
        dsn = dsn.replace("postgresql://", "postgresql+psycopg://")
    done = alembic("upgrade", "head", dsn=dsn)
    assert done.returncode == 0, done.stderr
    assert migrate.current(empty_db.admin_dsn) == migrate.head()
    assert migrate.head() in alembic("current", dsn=dsn).stdout


@DIRECT
def test_looking_changes_nothing(empty_db: Database) -> None:
    assert alembic("current", dsn=empty_db.admin_dsn).returncode == 0
    assert migrate.current(empty_db.admin_dsn) is None
    with psycopg.connect(empty_db.admin_dsn) as connection:
        row = connection.execute("select to_regnamespace('seckill_private')").fetchone()
    assert row == (None,)


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """What a command that failed said, which must be one line."""
    assert done.returncode != 0
    said = (done.stdout + done.stderr).strip()
    assert "\n" not in said, said
    return said


def test_a_missing_dsn_is_one_line() -> None:
    assert "SECKILL_ADMIN_DSN is not set" in refusal(alembic("upgrade", "head", dsn=None))


def test_an_unreachable_server_is_one_line() -> None:
    said = refusal(alembic("upgrade", "head", dsn="postgresql://x:secret@127.0.0.1:1/x"))
    assert "cannot connect with SECKILL_ADMIN_DSN" in said
    assert "secret" not in said


@pytest.mark.targets("18-pooled")
def test_a_pooler_is_refused_in_one_line(db: Database) -> None:
    said = refusal(alembic("upgrade", "head", dsn=db.dsn("operator")))
    assert "pooler" in said
    with pytest.raises(migrate.MigrationError, match="pooler"):
        migrate.upgrade(db.dsn("operator"))


def test_an_unknown_revision_is_a_migration_error(empty_db: Database) -> None:
    with pytest.raises(migrate.MigrationError, match="9999"):
        migrate.upgrade(empty_db.admin_dsn, "9999_never")


def test_an_installed_wheel_migrates(empty_db: Database, tmp_path: Path) -> None:
    """Outside of any checkout: the wheel carries migrations/ and procedures/."""
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "100% installed")
    code = (
        "import sys; from seckill import migrate, resources;"
        "assert 'installed' in str(resources.procedures());"
        "assert 'create table' in migrate.offline_sql();"
        "migrate.upgrade(sys.argv[1]); print(migrate.current(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, empty_db.admin_dsn],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "100% installed")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == migrate.head(), done.stderr
