"""Checks of the way in that services take: the login, the session, the pooler."""

from __future__ import annotations

import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

from seckill.doctor import catalog, pooling
from seckill.doctor.context import Context, Finding, Skip, one_line, psql, row

OLDEST_PGBOUNCER = (1, 18)


def login(context: Context) -> Finding:
    """SECKILL_DSN logs in as a member of a group, who can do no more than the group."""
    link = context.sale()
    if row(link, "select to_regrole('seckill_owner') is null")[0]:
        raise Skip("Seckill is not installed")
    name, is_super, is_owner, groups = row(
        link,
        """
        select quote_ident(current_user), r.rolsuper,
               pg_has_role(current_user, 'seckill_owner', 'member'),
               array(select g.rolname::text from pg_roles as g
                      where g.rolname in ('seckill_app', 'seckill_ops', 'seckill_read')
                        and pg_has_role(current_user, g.oid, 'usage') order by 1)
          from pg_roles as r where r.rolname = current_user""",
    )
    if is_super or is_owner:
        what = "a superuser" if is_super else f"a member of {catalog.OWNER}"
        return Finding(
            "fail",
            f"SECKILL_DSN logs in as {name}, {what}, whom no grant stops",
            psql("create role shop login in role seckill_app") + "   and use that login",
        )
    if not groups:
        return Finding(
            "fail",
            f"SECKILL_DSN logs in as {name}, who may call nothing",
            psql(f"grant seckill_app to {name}"),
        )
    return Finding("ok", f"SECKILL_DSN logs in as {name}, a member of {', '.join(groups)}")


def session(context: Context) -> Finding:
    """What a new session is given lets calls write: not a standby, READ COMMITTED, read-write."""
    isolation, read_only, standby, name = row(
        context.sale(),
        """
        select current_setting('default_transaction_isolation'),
               current_setting('default_transaction_read_only') = 'on', pg_is_in_recovery(),
               quote_ident(current_user)""",
    )
    if standby:
        return Finding(
            "fail",
            "SECKILL_DSN leads to a standby, which takes no writes",
            "point PgBouncer to the primary",
        )
    faults: dict[str, str] = {}
    if isolation != "read committed":
        faults[f"begin {isolation.upper()}, and calls that write raise SK005"] = (
            f"alter role {name} set default_transaction_isolation = 'read committed'"
        )
    if read_only:
        faults["are read only"] = f"alter role {name} set default_transaction_read_only = off"
    if faults:
        return Finding(
            "fail", f"transactions of {name} {' and '.join(faults)}", psql(*faults.values())
        )
    return Finding("ok", "new transactions are READ COMMITTED and may write")


def pooler(context: Context) -> Finding:
    """SECKILL_DSN leads through a pooler in transaction mode."""
    if context.dsn is None:
        raise Skip("SECKILL_DSN is not set")
    context.sale()
    set_mode = "set pool_mode = transaction in pgbouncer.ini, and reload PgBouncer"
    match pooling.pooling(context.dsn):
        case "transaction":
            return Finding("ok", "SECKILL_DSN leads through a pooler in transaction mode")
        case "none":
            return Finding(
                "fail",
                "SECKILL_DSN leads straight to PostgreSQL: every caller takes a server process",
                "put PgBouncer in front (ops/pgbouncer/) and its port into SECKILL_DSN",
            )
        case "starved":
            return Finding(
                "fail",
                "a second client got no server connection while the first lay idle:"
                " the pooler is in session mode, or its pool is full",
                set_mode,
            )
        case mode:
            return Finding(
                "fail", f"the pooler is in {mode} mode, not in transaction mode", set_mode
            )


def console(context: Context) -> Finding:
    """PgBouncer's own word about its version and mode."""
    if context.console_dsn is None:
        raise Skip("give --console-dsn to ask PgBouncer itself")
    if context.dsn is None:
        raise Skip("SECKILL_DSN is not set")
    where = conninfo_to_dict(context.dsn)
    user = str(where.get("user") or "")
    database = str(where.get("dbname") or user)
    try:
        version, mode = pooling.console(context.console_dsn, database, user)
    except psycopg.Error as error:
        return Finding("fail", f"PgBouncer's console: {one_line(error)}", "correct --console-dsn")
    if mode != "transaction":
        return Finding(
            "fail",
            f"PgBouncer {version} pools database {database} for {user} in {mode} mode",
            "set pool_mode = transaction in pgbouncer.ini, and reload PgBouncer",
        )
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers < OLDEST_PGBOUNCER:
        return Finding(
            "warn",
            f"PgBouncer {version} is older than any that we test with",
            f"upgrade it to {'.'.join(map(str, OLDEST_PGBOUNCER))} or newer",
        )
    return Finding("ok", f"PgBouncer {version} says transaction mode")
