"""Up, down and up again: each step can be taken back, and leads to the same place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from psycopg import Connection

from migrations.freeze import Tree
from seckill import migrate
from tests.fix_database import Database
from tests.fix_sale import open_sale, reserve
from tests.migrations.dumps import picture


def revisions() -> list[str]:
    """All revisions, oldest first."""
    tree = Tree(Path(__file__).resolve().parents[2])
    scripts = ScriptDirectory.from_config(tree.config()).walk_revisions()
    return [script.revision for script in scripts][::-1]


def test_every_step_up_down_and_up_again(empty_db: Database) -> None:
    dsn = empty_db.admin_dsn
    former = "base"
    for revision in revisions():
        migrate.upgrade(dsn, revision)
        once = picture(empty_db.server, empty_db.name)
        migrate.downgrade(dsn, former)
        migrate.upgrade(dsn, revision)
        assert picture(empty_db.server, empty_db.name) == once
        former = revision


def left_over(superuser: Connection[Any]) -> set[tuple[str, str]]:
    """(kind, name) of everything of ours in the database."""
    rows = superuser.execute(
        """
        select 'schema' as kind, nspname as name from pg_namespace where nspname ~ '^seckill'
        union
        select 'relation', c.oid::regclass::text from pg_class c
         where c.relnamespace in (select oid from pg_namespace where nspname ~ '^seckill')
        union
        select 'function', p.oid::regprocedure::text from pg_proc p
         where p.pronamespace in (select oid from pg_namespace where nspname ~ '^seckill')
        union
        select 'type', t.oid::regtype::text from pg_type t
         where t.typnamespace in (select oid from pg_namespace where nspname ~ '^seckill')
        union
        select 'default', d.defaclobjtype::text from pg_default_acl d"""
    )
    return {(row.kind, row.name) for row in rows}


def test_down_leaves_only_what_alembic_needs(db: Database, superuser: Connection[Any]) -> None:
    """The version table and its schema stay; so do the roles, which other databases may use."""
    with db.connect("operator", direct=True) as operator:
        sale = open_sale(operator, units=3, limit=2)
    with db.connect("buyer", direct=True) as buyer:
        assert reserve(buyer, sale).status == "held"
    migrate.downgrade(db.admin_dsn, "base")
    table = "seckill_private.alembic_version"
    assert left_over(superuser) == {
        ("schema", "seckill_private"),
        ("relation", table),
        ("relation", f"{table}_pkc"),
        ("type", table),
        ("type", f"{table}[]"),
    }
    assert migrate.current(db.admin_dsn) is None
    roles = superuser.execute("select rolname from pg_roles where rolname ~ '^seckill_o'")
    assert {row.rolname for row in roles} >= {"seckill_owner", "seckill_ops"}
    migrate.upgrade(db.admin_dsn)
    assert migrate.current(db.admin_dsn) == migrate.head()
