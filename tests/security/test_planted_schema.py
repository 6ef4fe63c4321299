"""Who made our schema before us, or objects that our names could mean, gains nothing by it."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from seckill import migrate
from tests.fix_database import Database

EVIL = "seckill_evil_tests"


@pytest.fixture
def evil(empty_db: Database) -> Any:
    """The superuser of an empty database, and a role that may create schemas in it."""
    with empty_db.connect("superuser") as superuser:
        superuser.execute(f"create role {EVIL} login password 'x'".encode())
        superuser.execute(f"grant create on database {empty_db.name} to {EVIL}".encode())
        superuser.execute(f"grant create on schema public to {EVIL}".encode())
        try:
            yield superuser
        finally:
            superuser.execute(f"drop owned by {EVIL}; drop role {EVIL}".encode())


def acting(superuser: Connection[Any], *statements: str) -> None:
    """Run statements as the evil role."""
    superuser.execute(f"set role {EVIL}".encode())
    for statement in statements:
        superuser.execute(statement.encode())
    superuser.execute("reset role")


def test_a_function_in_a_schema_made_beforehand_stops_the_migration(
    empty_db: Database, evil: Connection[Any]
) -> None:
    acting(
        evil,
        "create schema seckill_private",
        """create function seckill_private.raise_error (p_sqlstate text, p_detail text)
           returns void language plpgsql as $$ begin end $$""",
    )
    with pytest.raises(migrate.MigrationError, match="must be owner of function raise_error"):
        migrate.upgrade(empty_db.admin_dsn)


def test_an_operator_in_public_is_not_taken_for_ours(
    empty_db: Database, evil: Connection[Any]
) -> None:
    """Operators that fit better than PostgreSQL's own, where public is searched first."""
    acting(
        evil,
        """create function public.lies (a bigint, b integer) returns boolean
           language sql as 'select true'""",
        """create operator public.>= (leftarg = bigint, rightarg = integer,
           function = public.lies)""",
        """create operator public.> (leftarg = bigint, rightarg = integer,
           function = public.lies)""",
        """create operator public.<> (leftarg = bigint, rightarg = integer,
           function = public.lies)""",
    )
    role = f"alter role postgres in database {empty_db.name}"
    evil.execute(f"{role} set search_path = public, pg_catalog".encode())
    try:
        migrate.upgrade(empty_db.admin_dsn)
        rows = evil.execute(
            """
            select pg_describe_object(d.classid, d.objid, d.objsubid) as ours
              from pg_depend as d
              join pg_operator as o on o.oid = d.refobjid and d.refclassid = 'pg_operator'::regclass
             where o.oprnamespace = 'public'::regnamespace
               and d.classid <> 'pg_operator'::regclass"""
        ).fetchall()
        assert [row.ours for row in rows] == []
    finally:
        evil.execute(f"{role} reset search_path".encode())
