"""procedures/ is what the newest revision installed: nothing more, nothing less."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from migrations import freeze
from seckill import resources
from tests.fix_database import Database
from tests.migrations.dumps import picture, psql


def test_applying_the_living_files_changes_nothing(db: Database) -> None:
    before = picture(db.server, db.name)
    psql(
        db.server,
        db.name,
        "--command=set role seckill_owner",
        f"--file={resources.procedures() / 'install.sql'}",
    )
    assert picture(db.server, db.name) == before


def test_every_function_and_view_has_a_living_file(
    superuser: Connection[Any],
) -> None:
    rows = superuser.execute(
        """
        select n.nspname || '.' || p.proname as name
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         where n.nspname in ('seckill', 'seckill_private')
        union
        select n.nspname || '.' || c.relname
          from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('seckill', 'seckill_private') and c.relkind = 'v'"""
    )
    living = freeze.living_files(resources.procedures())
    created = {name for text in living.values() for _, name in freeze.OBJECT.findall(text)}
    assert {row.name for row in rows} == created


def test_the_check_of_a_changed_body_can_fail(db: Database) -> None:
    """The comparison sees a body, a comment and a grant that differ."""
    before = picture(db.server, db.name)
    for change in (
        "comment on function seckill.reserve is 'x'",
        "grant execute on function seckill.reserve to seckill_read",
        "alter function seckill.reserve cost 7",
        "revoke temporary on database {name} from seckill_read;"
        "grant temporary on database {name} to seckill_read",
    ):
        db.server.execute(change.format(name=db.name), db.name)
        after = picture(db.server, db.name)
        assert after != before, change
        before = after
