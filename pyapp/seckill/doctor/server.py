"""Checks of the server: that it is there, and fit for us."""

from __future__ import annotations

from typing import LiteralString

import psycopg

from seckill.doctor.context import UPGRADE, Context, Finding, Skip, one_line, psql, row

OLDEST, NEWEST = 15, 18


def reachable(context: Context) -> Finding:
    """Every connection string that was given leads somewhere."""
    given = {"SECKILL_DSN": context.dsn, "SECKILL_ADMIN_DSN": context.admin_dsn}
    broken: dict[str, str] = {}
    for name, dsn in given.items():
        if dsn is not None:
            try:
                row(context.link(dsn), "select 1")
            except psycopg.Error as error:
                broken[name] = one_line(error)
    names = [name for name, dsn in given.items() if dsn is not None]
    if not broken:
        return Finding("ok", f"a server answers by {' and by '.join(names)}")
    first = next(iter(broken))
    server = "PgBouncer" if first == "SECKILL_DSN" else "PostgreSQL"
    return Finding(
        "fail",
        f"cannot connect with {' and '.join(broken)}",
        f"start {server}, or correct {first}",
        [f"{name}: {said}" for name, said in broken.items()],
    )


def same_database(context: Context) -> Finding:
    """The pooler and the direct connection lead to one database of one server."""
    if context.admin_dsn is None or context.dsn is None:
        raise Skip("takes both SECKILL_DSN and SECKILL_ADMIN_DSN")
    query: LiteralString = """
        select current_database()::text, oid::bigint, pg_postmaster_start_time(),
               pg_is_in_recovery()
          from pg_database where datname = current_database()"""
    pooled, direct = row(context.sale(), query), row(context.catalogue(), query)
    if pooled == direct:
        return Finding("ok", f"both lead to database {pooled[0]} of one server")
    where = "a standby" if pooled[3] else f"database {pooled[0]}"
    return Finding(
        "fail",
        f"SECKILL_DSN leads to {where}, SECKILL_ADMIN_DSN to database {direct[0]} elsewhere",
        "correct the database or host in pgbouncer.ini, or one of the two",
    )


def server_version(context: Context) -> Finding:
    """PostgreSQL is one that we are tested with."""
    number = int(row(context.catalogue(), "show server_version_num")[0])
    major, minor = number // 10_000, number % 10_000
    if major < OLDEST:
        return Finding(
            "fail",
            f"PostgreSQL {major}.{minor} is older than {OLDEST}",
            f"upgrade it to {OLDEST} or newer",
        )
    if major > NEWEST:
        return Finding(
            "warn",
            f"PostgreSQL {major}.{minor} is newer than any that this release was tested on",
            UPGRADE,
        )
    return Finding("ok", f"PostgreSQL {major}.{minor}")


def encoding(context: Context) -> Finding:
    """Texts of any language can be stored, and are compared alike."""
    found = str(row(context.catalogue(), "show server_encoding")[0])
    if found == "UTF8":
        return Finding("ok", "the database is encoded in UTF8")
    return Finding(
        "fail",
        f"the database is encoded in {found}, not UTF8",
        "createdb --encoding=UTF8 --template=template0 NAME, and move there",
    )


def letter_case(context: Context) -> Finding:
    """Subjects that differ only in the case of a letter are one, whatever the letter."""
    link = context.catalogue()
    if row(link, "show server_encoding")[0] != "UTF8":
        raise Skip("the database is not encoded in UTF8")
    alike, locale = row(
        link,
        """
        select lower(chr(196)) = chr(228), coalesce(datctype, '')
          from pg_database where datname = current_database()""",
    )
    if alike:
        return Finding("ok", "letters of all scripts have an upper and a lower case")
    return Finding(
        "warn",
        f"LC_CTYPE {locale} knows the case of ASCII letters only: subjects that differ in that of"
        " others, such as Ä and ä, count as two",
        "createdb --locale=C.UTF-8 --template=template0 NAME, and move there before the sale",
    )


def durability(context: Context) -> Finding:
    """A commit is on disk, and on the standby that is waited for, when the server says so."""
    try:
        link = context.sale()
    except Skip:
        link = context.catalogue()
    settings = ("fsync", "full_page_writes")
    values = row(link, "select current_setting('fsync'), current_setting('full_page_writes')")
    off = [name for name, value in zip(settings, values, strict=True) if value == "off"]
    if off:
        return Finding(
            "warn",
            f"{' and '.join(off)} off: a crash of the machine loses sales",
            psql(*(f"alter system set {name} = on" for name in off), "select pg_reload_conf()"),
        )
    level, source, user, database = row(
        link,
        """
        select s.setting, s.source, quote_ident(current_user), quote_ident(current_database())
          from pg_settings as s where s.name = 'synchronous_commit'""",
    )
    waited_for = row(link, "select current_setting('synchronous_standby_names')")[0]
    short = level == "off" or (waited_for and level in ("local", "remote_write"))
    if not short:
        return Finding("ok", "a commit that was acknowledged is on disk")
    statement = {
        "user": f"alter role {user} reset synchronous_commit",
        "database user": f"alter role {user} in database {database} reset synchronous_commit",
        "database": f"alter database {database} reset synchronous_commit",
    }.get(source, "alter system set synchronous_commit = on")
    loss = {
        "off": "is lost in a crash",
        "local": "is lost when the standby takes over",
        "remote_write": "is lost when the standby's machine crashes, too",
    }[level]
    return Finding(
        "warn",
        f"synchronous_commit is {level} for {user}: calls of Seckill are durable all the same, what"
        f" else is committed (orders, say) {loss}",
        psql(statement, "select pg_reload_conf()"),
    )
