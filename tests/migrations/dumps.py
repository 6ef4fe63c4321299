"""What a database looks like, as text, for tests that hold two of them equal."""

from __future__ import annotations

import os
import subprocess

import psycopg

from ops.dev.dump_schema import dump
from seckill.runtime import find_bindir
from tests.fix_postgres import Server

# Cluster-wide and per database things that pg_dump leaves out.
AROUND = """
select 'role ' || rolname || ' ' || concat_ws(' ', rolsuper, rolinherit, rolcreaterole,
                                              rolcreatedb, rolcanlogin) as line
  from pg_roles where rolname ~ '^seckill_(owner|app|ops|read)$'
union all
select 'member ' || roleid::regrole || ' ' || member::regrole
  from pg_auth_members
 where roleid::regrole::text ~ '^seckill_(owner|app|ops|read)$'
   and member::regrole::text ~ '^seckill_(owner|app|ops|read)$'
union all
select 'database ' || a.privilege_type || ' to '
       || case a.grantee when 0 then 'public' else a.grantee::regrole::text end
  from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as a
 where d.datname = current_database()
union all
select 'revision ' || coalesce(max(version_num), 'none') from seckill_private.alembic_version
order by line
"""


def picture(server: Server, dbname: str) -> str:
    """The normalised dump of a database and what stands around it.

    Always by the newest pg_dump: two dumps of one server are compared, by one program.
    """
    dsn = server.dsn(dbname)
    with psycopg.connect(dsn) as connection:
        around = [str(row[0]) for row in connection.execute(AROUND)]
    return dump(dsn, find_bindir("18")) + "\n".join(around) + "\n"


def psql(server: Server, dbname: str, *arguments: str, script: str | None = None) -> str:
    """Run psql of the server's own version as the superuser; AssertionError with what it said."""
    done = subprocess.run(
        [
            server.bindir / "psql",
            "--no-psqlrc",
            "--quiet",
            "--set=ON_ERROR_STOP=1",
            f"--dbname={server.dsn(dbname)}",
            *arguments,
        ],
        input=script,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PGOPTIONS": "--client-min-messages=warning"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
