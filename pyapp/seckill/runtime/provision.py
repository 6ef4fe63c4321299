"""What a runtime's server needs around the migrations: the database, its owner, the login roles.

On a real installation these are the DBA's: migrations/README.md and ops/pgbouncer/ show how. Every
step here may be repeated.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql

DATABASE = "seckill"
ADMIN = "seckill_admin"
POOLER = "seckill_pooler"
# login role -> the role whose rights it has
LOGINS: Mapping[str, str] = {
    "seckill_buyer": "seckill_app",
    "seckill_operator": "seckill_ops",
    "seckill_reader": "seckill_read",
}
AUTH_QUERY = "select name, verifier from seckill_pooler.lookup($1)"

# Owned by the superuser: reading the verifiers needs one. The function gives the pooler no more
# than it must have, and nobody else anything. A superuser cannot log in through the pooler.
LOOKUP = """
create schema if not exists seckill_pooler;
revoke all on schema seckill_pooler from public;

create or replace function seckill_pooler.lookup (p_name text)
  returns table (name text, verifier text)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $function$
  select a.rolname::text, a.rolpassword
    from pg_catalog.pg_authid as a
   where a.rolname = p_name
     and a.rolcanlogin
     and not a.rolsuper
     and (a.rolvaliduntil is null or a.rolvaliduntil > pg_catalog.clock_timestamp())
$function$;

comment on function seckill_pooler.lookup (text) is
  'PgBouncer''s auth_query: the password verifier of one login role.';
revoke all on function seckill_pooler.lookup (text) from public;
grant usage on schema seckill_pooler to seckill_pooler;
grant execute on function seckill_pooler.lookup (text) to seckill_pooler;
"""


def _create_role(
    connection: psycopg.Connection, name: str, options: sql.SQL, password: str
) -> None:
    known = connection.execute("select from pg_roles where rolname = %s", [name]).fetchone()
    if known is None:
        connection.execute(
            sql.SQL("create role {} {} password {}").format(
                sql.Identifier(name), options, sql.Literal(password)
            )
        )


def prepare_server(superuser_dsn: str, passwords: Mapping[str, str]) -> None:
    """Make the roles that migrate and pool, and the database, where they are missing.

    Args:
        superuser_dsn: of the database ``postgres``.
        passwords: role to password.
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        _create_role(connection, ADMIN, sql.SQL("login createrole"), passwords[ADMIN])
        _create_role(connection, POOLER, sql.SQL("login"), passwords[POOLER])
        known = connection.execute(
            "select from pg_database where datname = %s", [DATABASE]
        ).fetchone()
        if known is None:
            connection.execute(
                sql.SQL("create database {} owner {}").format(
                    sql.Identifier(DATABASE), sql.Identifier(ADMIN)
                )
            )


def create_pooler_lookup(superuser_dsn: str) -> None:
    """Install PgBouncer's auth_query in one database.

    Args:
        superuser_dsn: of that database.
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        connection.execute(LOOKUP)


def create_logins(superuser_dsn: str, passwords: Mapping[str, str]) -> None:
    """Make the login roles and put each in its group; the migrations have made the groups.

    Args:
        superuser_dsn: of any database of the server.
        passwords: role to password.
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        for login, group in LOGINS.items():
            _create_role(connection, login, sql.SQL("login"), passwords[login])
            connection.execute(
                sql.SQL("grant {} to {}").format(sql.Identifier(group), sql.Identifier(login))
            )
