"""Checks of a server at work: vacuum, transactions that stay open, standbys, pools.

What is old, late or much here may be so for a reason, such as a backup; so most of it is a warning.
"""

from __future__ import annotations

import re
import shlex

import psycopg

from seckill._compat import Link
from seckill.doctor import pooling
from seckill.doctor.context import Context, Finding, Skip, one_line, psql, row

OLD_S = 60.0
"""A transaction that is open so long is old; a call takes milliseconds."""
DEAD_ROWS = 100_000
"""So many dead rows, when they are also most of a table, and vacuum does not keep up."""
LAG_BYTES = 64 * 1024 * 1024
LAG_S = 30.0
RETRY_S = 2
"""So long PgBouncer may wait before it tries a server again that was away."""
_SHOWN = 5


def _watcher(context: Context) -> Link:
    """The connection to look at other sessions by; Skip where it does not see them."""
    link = context.catalogue()
    sees_all: bool = row(
        link,
        "select rolsuper or pg_has_role(oid, 'pg_read_all_stats', 'usage')"
        " from pg_roles where rolname = current_user",
    )[0]
    if not sees_all:
        raise Skip(
            "this login does not see other sessions: set SECKILL_ADMIN_DSN to one whose role has"
            " pg_read_all_stats"
        )
    return link


def autovacuum(context: Context) -> Finding:
    """The tables that each purchase writes to are cleaned up behind it."""
    link = context.catalogue()
    off = [
        name
        for name in ("autovacuum", "track_counts")
        if row(link, f"select current_setting('{name}')")[0] == "off"
    ]
    if off:
        return Finding(
            "warn",
            f"{' and '.join(off)} off: tables only grow, and each purchase gets slower",
            psql(*(f"alter system set {name} = on" for name in off), "select pg_reload_conf()"),
        )
    without = [
        name
        for (name,) in link.execute(
            """
            select c.oid::regclass::text from pg_class as c
              join pg_namespace as n on n.oid = c.relnamespace
             where n.nspname = 'seckill_private' and c.relkind = 'r'
               and exists (select from unnest(c.reloptions) as o
                            where o in ('autovacuum_enabled=false', 'autovacuum_enabled=off'))
             order by 1"""
        ).fetchall()
    ]
    if without:
        return Finding(
            "warn",
            f"autovacuum passes over {', '.join(without)}",
            psql(*(f"alter table {name} reset (autovacuum_enabled)" for name in without)),
        )
    behind = link.execute(
        """
        select relid::regclass::text, n_dead_tup, n_live_tup from pg_stat_all_tables
         where schemaname = 'seckill_private' and n_dead_tup > greatest(%s, n_live_tup)
         order by n_dead_tup desc""",
        [DEAD_ROWS],
    ).fetchall()
    if behind:
        return Finding(
            "warn",
            "autovacuum does not keep up: most rows of "
            + ", ".join(
                f"{name} are dead ({dead} of {dead + live})" for name, dead, live in behind
            ),
            psql(*(f"vacuum (analyze) {name}" for name, _, _ in behind)),
        )
    return Finding("ok", "autovacuum is on, and keeps up")


def transactions(context: Context) -> Finding:
    """No transaction is left open: it would stop vacuum, and the feed of changes behind it.

    Vacuum minds those of its own database. The feed minds every transaction of the cluster that
    has an id, which is one that wrote.
    """
    link = _watcher(context)
    sessions = link.execute(
        """
        select pid, quote_ident(coalesce(usename, '?')), state,
               extract(epoch from clock_timestamp() - xact_start)::integer,
               case when datname <> current_database() then quote_ident(datname) end
          from pg_stat_activity
         where backend_type = 'client backend' and pid <> pg_backend_pid()
           and (datname = current_database() or backend_xid is not null)
           and xact_start < clock_timestamp() - make_interval(secs => %s)
         order by datname <> current_database(), xact_start""",
        [OLD_S],
    ).fetchall()
    prepared = link.execute(
        """
        select gid, extract(epoch from clock_timestamp() - prepared)::integer,
               case when database <> current_database() then quote_ident(database) end
          from pg_prepared_xacts
         where prepared < clock_timestamp() - make_interval(secs => %s)
         order by database <> current_database(), prepared""",
        [OLD_S],
    ).fetchall()
    if not sessions and not prepared:
        return Finding("ok", f"no transaction has been open for {OLD_S:.0f} seconds")
    details = [
        f"process {pid} of {user}{_elsewhere(other)}, {state}, since {age} seconds"
        for pid, user, state, age, other in sessions[:_SHOWN]
    ] + [
        f"prepared as {gid}{_elsewhere(other)}, since {age} seconds"
        for gid, age, other in prepared[:_SHOWN]
    ]
    if sessions:
        mend = [f"select pg_terminate_backend({sessions[0][0]})"]
    else:
        gid, _, other = prepared[0]
        # Only in the database that prepared it.
        mend = [f"\\connect {other}"] if other else []
        mend.append("rollback prepared '" + str(gid).replace("'", "''") + "'")
    here = any(one[-1] is None for one in (*sessions, *prepared))
    vacuum = "vacuum cleans up nothing after its begin, and " if here else ""
    return Finding(
        "warn",
        f"a transaction stays open: {vacuum}seckill changes waits for its end",
        psql(*mend),
        details,
    )


def _elsewhere(database: str | None) -> str:
    return "" if database is None else f" in database {database}"


def replication(context: Context) -> Finding:
    """Standbys follow, and what commits wait for is there."""
    link = _watcher(context)
    if row(link, "select pg_is_in_recovery()")[0]:
        raise Skip("the database is a standby")
    names: str = row(link, "select current_setting('synchronous_standby_names')")[0]
    standbys = link.execute(
        """
        select coalesce(nullif(application_name, ''), client_addr::text, 'a standby'),
               sync_state in ('sync', 'quorum'),
               coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0)::bigint,
               coalesce(extract(epoch from replay_lag), 0)::double precision
          from pg_stat_replication where state <> 'backup' order by 1"""
    ).fetchall()
    wanted = (
        int(found[1]) if (found := re.match(r"\s*(?:first|any)?\s*(\d+)\s*\(", names, re.I)) else 1
    )
    there = sum(1 for _, waited_for, _, _ in standbys if waited_for)
    if names and there < wanted:
        return Finding(
            "fail",
            f"commits wait for {wanted} standby of {names}, and {there} is connected:"
            " no purchase ends",
            psql("alter system set synchronous_standby_names = ''", "select pg_reload_conf()")
            + "   sells on with one copy; better start the standby",
        )
    late = [one for one in standbys if one[2] > LAG_BYTES or one[3] > LAG_S]
    if late:
        return Finding(
            "warn",
            "behind: "
            + ", ".join(f"{name} by {size >> 20} MiB, {age:.0f} s" for name, _, size, age in late),
            "psql \"$STANDBY_DSN\" -c 'select pg_wal_replay_resume()'   where its replay was"
            " paused; else look at its disk and network",
        )
    slots = link.execute(
        """
        select slot_name::text, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint
          from pg_replication_slots where not active and not temporary order by 1"""
    ).fetchall()
    if slots:
        return Finding(
            "warn",
            "nobody reads from "
            + ", ".join(f"slot {name}, which keeps {(size or 0) >> 20} MiB" for name, size in slots)
            + ": it ends with a full disk",
            psql(*(f"select pg_drop_replication_slot('{name}')" for name, _ in slots)),
        )
    if not standbys:
        return Finding("ok", "there is no standby, and none is waited for")
    return Finding("ok", f"{', '.join(str(one[0]) for one in standbys)} follows")


def _console(context: Context) -> pooling.Pools:
    if context.console_dsn is None:
        raise Skip("give --console-dsn to ask PgBouncer itself")
    try:
        return pooling.pools(context.console_dsn)
    except psycopg.Error as error:
        raise Skip(f"PgBouncer's console: {one_line(error)}") from None


def _set(name: str, value: int) -> str:
    return f'psql "$SECKILL_CONSOLE_DSN" -c {shlex.quote(f"set {name} = {value}")}'


_KEEP = "and the same in pgbouncer.ini: PgBouncer forgets it when it ends"


def login_retry(context: Context) -> Finding:
    """After PostgreSQL was away, PgBouncer does not add seconds of its own."""
    retry = float(_console(context).config["server_login_retry"])
    if retry <= RETRY_S:
        return Finding("ok", f"PgBouncer tries a server that was away every {retry:g} s")
    return Finding(
        "warn",
        f"after a restart of PostgreSQL, PgBouncer stays away for up to {retry:g} s more",
        _set("server_login_retry", 1),
        [_KEEP],
    )


def pool_sizes(context: Context) -> Finding:
    """All pools together may open no more connections than PostgreSQL takes."""
    found = _console(context)
    most, kept = row(
        context.catalogue(),
        """
        select current_setting('max_connections')::integer,
               current_setting('superuser_reserved_connections')::integer
               + coalesce(current_setting('reserved_connections', true)::integer, 0)""",
    )
    wanted = found.connections
    pools = "1 pool" if found.count == 1 else f"{found.count} pools"
    said = f"{pools} may open {wanted} connections, PostgreSQL takes {most - kept}"
    if wanted <= most - kept:
        return Finding("ok", said)
    fair = max((most - kept) // max(found.count, 1) - found.reserve, 1)
    if found.own_sizes:
        mend = "lower pool_size of the databases in pgbouncer.ini, and reload PgBouncer"
    else:
        mend = _set("default_pool_size", fair)
    return Finding("fail", f"{said}: at the peak, purchases are refused (53300)", mend, [_KEEP])
