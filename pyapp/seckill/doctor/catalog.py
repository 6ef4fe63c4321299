"""What a database holds of ours, read from the catalogue, and what this release says it should.

The expected state is migrations/checksums.json, written by ops/dev/generate_checksums.py from
databases at head. It has digests of definitions and all grants.

A definition is what PostgreSQL shows of a function (arguments, defaults, language, settings, body)
or of a view, so an edit of any of these is seen, also in a body that PostgreSQL stores parsed and
not as text. Two releases of PostgreSQL may show one view differently, and what was restored from a
dump or by pg_upgrade may be shown in other words; the manifest then has all of them.
Not seen: comments on objects, tables, constraints, and the statements inside types.
"""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from seckill import resources

MANIFEST = "checksums.json"
GROUPS = ("seckill_app", "seckill_ops", "seckill_read")
OWNER = "seckill_owner"

# What is shown depends on these; the digests are those of a session that has them.
_SESSION: LiteralString = """
set local search_path = pg_catalog;
set local quote_all_identifiers = off;
set local timezone = 'UTC';
set local datestyle = 'ISO, YMD';
set local intervalstyle = 'postgres';
set local bytea_output = 'hex';
set local extra_float_digits = 1;
"""

_DEFINITIONS: LiteralString = """
select case p.prokind when 'p' then 'procedure' else 'function' end || ' ' || p.oid::regprocedure,
       pg_get_functiondef(p.oid)
  from pg_proc as p
 where p.pronamespace in (select oid from pg_namespace
                           where nspname in ('seckill', 'seckill_private'))
   and p.prokind in ('f', 'p')
 union all
select 'view ' || c.oid::regclass, pg_get_viewdef(c.oid)
  from pg_class as c
 where c.relnamespace in (select oid from pg_namespace
                           where nspname in ('seckill', 'seckill_private'))
   and c.relkind = 'v'
"""

# The alias of a table that is changed: some minor releases write AS before it (17.12 does, 15.18
# and 18.6 do not).
PLAIN: LiteralString = (
    r"regexp_replace(d.text, '(INSERT INTO|UPDATE|DELETE FROM) (\S+) AS ', '\1 \2 ', 'g')"
)

# The digest is made by the server; md5() would be refused by one that runs in FIPS mode.
_DIGESTS: LiteralString = (
    f"select d.name, left(encode(sha256(convert_to({PLAIN}, 'UTF8')), 'hex'), 32)"
    f" from ({_DEFINITIONS}) as d (name, text) order by 1"
)

# Every right that somebody but the owner has, as the words of a GRANT.
_GRANTS: LiteralString = """
with ours as (
  select oid, nspname from pg_namespace where nspname in ('seckill', 'seckill_private')
), thing (kind, name, owner, acl, columns) as (
  select 'schema', quote_ident(n.nspname), n.nspowner,
         coalesce(n.nspacl, acldefault('n', n.nspowner)), ''
    from pg_namespace as n join ours using (oid)
   union all
  select case p.prokind when 'p' then 'procedure' else 'function' end, p.oid::regprocedure::text,
         p.proowner,
         coalesce(p.proacl, acldefault('f', p.proowner)), ''
    from pg_proc as p join ours on ours.oid = p.pronamespace
   where p.prokind in ('f', 'p')
   union all
  select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text,
         c.relowner,
         coalesce(c.relacl, acldefault((case c.relkind when 'S' then 's' else 'r' end)::"char",
                                       c.relowner)), ''
    from pg_class as c join ours on ours.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
   union all
  select 'table', c.oid::regclass::text, c.relowner, a.attacl,
         ' (' || quote_ident(a.attname) || ')'
    from pg_class as c join ours on ours.oid = c.relnamespace
    join pg_attribute as a on a.attrelid = c.oid and a.attacl is not null
)
select lower(g.privilege_type) || t.columns || ' on ' || t.kind || ' ' || t.name,
       case when g.grantee = 0 then 'public' else quote_ident(g.grantee::regrole::text) end
  from thing as t, aclexplode(t.acl) as g
 where g.grantee <> t.owner
"""

_OWNERS: LiteralString = """
select case p.prokind when 'p' then 'procedure' else 'function' end || ' ' || p.oid::regprocedure,
       quote_ident(p.proowner::regrole::text)
  from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
 where n.nspname in ('seckill', 'seckill_private') and p.prokind in ('f', 'p')
   and p.proowner::regrole::text <> 'seckill_owner'
 union all
select case c.relkind when 'v' then 'view ' when 'S' then 'sequence ' else 'table ' end
       || c.oid::regclass, quote_ident(c.relowner::regrole::text)
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
 where n.nspname in ('seckill', 'seckill_private') and c.relkind in ('r', 'p', 'v', 'm', 'S')
   and c.relowner::regrole::text <> 'seckill_owner'
 order by 1
"""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a database at this release's head has.

    Attributes:
        revision: the head.
        definitions: "function name(types)" or "view name" to the digests it may have.
        grants: pairs of a right such as "execute on function …" and who has it.
    """

    revision: str
    definitions: Mapping[str, list[str]]
    grants: frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Drift:
    """How definitions differ from the expected ones; names as in `Expected.definitions`."""

    changed: list[str] = field(default_factory=list[str])
    missing: list[str] = field(default_factory=list[str])
    extra: list[str] = field(default_factory=list[str])


def expected() -> Expected:
    """Read the manifest; FileNotFoundError where the installation lacks it."""
    text = (resources.migrations() / MANIFEST).read_text(encoding="utf-8")
    data = json.loads(text)
    digests = {name: text.split() for name, text in data["definitions"].items()}
    grants = {(right, role) for right, roles in data["grants"].items() for role in roles.split()}
    return Expected(data["revision"], digests, frozenset(grants))


@contextmanager
def _looking(connection: psycopg.Connection[Any]) -> Generator[None]:
    """One transaction that reads, in a session that shows all things alike; also by a pooler."""
    with connection.transaction():
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute(_SESSION)
        yield


def definitions(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """The digests of all functions and views in our schemas."""
    with _looking(connection):
        return dict(connection.execute(_DIGESTS).fetchall())


def grants(connection: psycopg.Connection[Any]) -> set[tuple[str, str]]:
    """All rights on things in our schemas that anyone but their owner has."""
    with _looking(connection):
        return set(connection.execute(_GRANTS).fetchall())


def strangers(connection: psycopg.Connection[Any]) -> dict[str, str]:
    """Things in our schemas that do not belong to seckill_owner, and whom they belong to."""
    with _looking(connection):
        return dict(connection.execute(_OWNERS).fetchall())


def compare(wanted: Mapping[str, list[str]], found: Mapping[str, str]) -> Drift:
    """How the definitions of a database differ from those of the manifest."""
    return Drift(
        changed=sorted(n for n in found if n in wanted and found[n] not in wanted[n]),
        missing=sorted(set(wanted) - set(found)),
        extra=sorted(set(found) - set(wanted)),
    )


class RepairError(Exception):
    """The functions were not installed again; the message is one line that says why."""


def reinstall(dsn: str) -> int:
    """Install all functions and views of this release again, over a database at its head.

    One transaction of `create or replace`, which is safe while the sale runs. Comments and the
    grants that belong come back with them; what there is beyond them stays.

    Args:
        dsn: a direct connection of a role that may become seckill_owner.

    Returns:
        How many files were run.

    Raises:
        RepairError: the database is at another revision.
        psycopg.Error: the database refused; nothing was changed.
    """
    wanted = expected().revision
    directory = resources.procedures()
    listed = (directory / "install.sql").read_text(encoding="utf-8")
    names = re.findall(r"^\\ir\s+(\S+)\s*$", listed, re.MULTILINE)
    with psycopg.connect(dsn) as connection:
        if connection.execute("select to_regprocedure('seckill.schema_version()')").fetchone() in (
            None,
            (None,),
        ):
            raise RepairError("Seckill is not installed here: run seckill migrate")
        connection.execute("set local lock_timeout = '3s'")
        # No migration may end in the meantime: these texts would undo what it installed.
        connection.execute("lock table seckill_private.alembic_version in share mode")
        row = connection.execute("select seckill.schema_version()").fetchone()
        if row != (wanted,):
            found = row[0] if row else None
            raise RepairError(f"the database is at {found}, not at {wanted}: run seckill migrate")
        connection.execute(sql.SQL("set local role {}").format(sql.Identifier(OWNER)))
        for name in names:
            # Without parameters the text goes to the server as it is, `%` and all.
            connection.execute((directory / name).read_bytes())
    return len(names)
