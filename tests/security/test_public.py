"""No function of ours may be called by PUBLIC: after each migration, up and down and up again."""

from __future__ import annotations

from typing import Any

from psycopg import Connection

from seckill import migrate
from tests.fix_database import Database
from tests.migrations.test_stairway import revisions


def open_to_public(superuser: Connection[Any]) -> set[str]:
    """Functions of our schemas, and of the pooler's, that everybody may call."""
    rows = superuser.execute(
        """
        select p.oid::regprocedure::text as name
          from pg_proc as p
          join pg_namespace as n on n.oid = p.pronamespace
         where n.nspname ~ '^seckill'
           and has_function_privilege('public', p.oid, 'execute')"""
    )
    return {row.name for row in rows}


def test_after_every_migration(empty_db: Database) -> None:
    with empty_db.connect("superuser") as superuser:
        former = "base"
        for revision in revisions():
            for target in (revision, former, revision):
                step = migrate.upgrade if target == revision else migrate.downgrade
                step(empty_db.admin_dsn, target)
                assert open_to_public(superuser) == set(), target
            former = revision
        count = superuser.execute(
            "select count(*) from pg_proc where pronamespace = 'seckill_private'::regnamespace"
        ).fetchone()
        assert count is not None
        assert count[0] > 100
        # The control: whoever makes a function otherwise is seen.
        superuser.execute(
            "create function seckill.forgotten () returns integer language sql return 1"
        )
        assert open_to_public(superuser) == {"seckill.forgotten()"}
