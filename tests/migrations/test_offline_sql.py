"""`--sql` prints what an online upgrade runs: a DBA's own tool ends at the same database."""

from __future__ import annotations

from pathlib import Path

import pytest

from seckill import migrate, resources
from tests.fix_database import Database
from tests.fix_postgres import Server
from tests.migrations.dumps import picture, psql


@pytest.mark.targets("18-direct", "15-direct")
def test_the_script_and_the_online_upgrade_agree(fresh_server: Server) -> None:
    """On a server of its own, so that the script has to make the roles too."""
    fresh_server.execute("create database by_script")
    fresh_server.execute("create database online")
    script = migrate.offline_sql()
    psql(fresh_server, "by_script", script=script)
    migrate.upgrade(fresh_server.dsn("online"))
    assert picture(fresh_server, "by_script") == picture(fresh_server, "online")


def test_frozen_files_are_in_the_script_byte_for_byte() -> None:
    """Alembic's own way would turn `'{"a":1}'` into `'{"a"NULL}'` and say nothing."""
    script = migrate.offline_sql()
    files = sorted(Path(resources.migrations(), "sql").glob("*/functions.sql"))
    assert files
    for path in files:
        assert path.read_text(encoding="utf-8").rstrip() in script


def test_a_range_gives_only_what_is_between() -> None:
    head = migrate.head()
    assert "create or replace function" not in migrate.offline_sql(f"{head}:{head}")


def test_a_database_made_by_the_script_is_at_head(empty_db: Database) -> None:
    psql(empty_db.server, empty_db.name, script=migrate.offline_sql())
    assert migrate.current(empty_db.admin_dsn) == migrate.head()
    migrate.upgrade(empty_db.admin_dsn)
    assert migrate.current(empty_db.admin_dsn) == migrate.head()
