"""Who may do what: the whole matrix, and attempts by the login roles themselves.

BUYING, RUNNING and READING are the matrix; everything that the catalogue grants beyond it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import Connection, sql

from tests.fix_database import Database, new_database
from tests.fix_pgbouncer import Poolers
from tests.fix_postgres import Server
from tests.fix_sale import open_sale, reserve, violations

BUYING = {
    "reserve",
    "reserve_lines",
    "reserve_batch",
    "reserve_now",
    "explain",
    "limit_usage",
    "confirm",
    "cancel",
    "refund",
    "confirm_batch",
    "availability",
    "get_reservation",
    "find_reservation",
    "list_reservations",
}
RUNNING = {
    "create_activity",
    "update_activity",
    "open_activity",
    "pause_activity",
    "resume_activity",
    "close_activity",
    "receive_stock",
    "allocate_stock",
    "set_stock_total",
    "set_slots",
    "set_limit",
    "drop_limit",
    "set_queue_limit",
    "require_eligibility",
    "add_eligible",
    "remove_eligible",
    "block",
    "unblock",
    "move_stock",
    "schedule_release",
    "expire_due",
    "archive_activity",
    "export_activity",
    "drop_archived",
}
# The view seckill.pool is made of seckill.availability, so who reads the one may call the other.
READS_OF_BUYERS = {"availability"}
READING = {
    *("reconcile", "history", "changes", "stock_at", "limit_usage_at", "ops_history"),
    *("inventory", "schema_version", "contract_version", "shard_of"),
}
# The views call these, and a function in a view runs as the one who reads it. Nobody can call them
# by name: that takes USAGE on the schema.
VIEW_HELPERS = {"seckill_private.sale_status", "seckill_private.is_on_sale"}
VIEWS = {"activity", "pool", "limit_rule", "sale_status"}
MATRIX = {
    "public": set[str](),
    "seckill_read": READING | READS_OF_BUYERS,
    "seckill_app": READING | BUYING,
    "seckill_ops": READING | BUYING | RUNNING,
}
ROLES = list(MATRIX)
OURS = "in ('seckill', 'seckill_private')"

Grants = set[tuple[str, str, str]]


def granted(connection: Connection[Any], query: str) -> Grants:
    """(role, object, privilege) of a query over the roles of the matrix, for what is granted."""
    rows = connection.execute(query.encode(), {"roles": ROLES})
    return {(row.role, row.name, row.privilege) for row in rows if row.granted}


def test_functions(superuser: Connection[Any]) -> None:
    found = granted(
        superuser,
        f"""
        select r.role, n.nspname || '.' || p.proname as name, 'execute' as privilege,
               has_function_privilege(r.role, p.oid, 'execute') as granted
          from pg_proc p join pg_namespace n on n.oid = p.pronamespace and n.nspname {OURS},
               unnest(%(roles)s::text[]) as r (role)""",
    )
    readers = set(ROLES) - {"public"}
    assert found == (
        {(role, f"seckill.{name}", "execute") for role in ROLES for name in MATRIX[role]}
        | {(role, name, "execute") for role in readers for name in VIEW_HELPERS}
    )


def test_tables_views_and_their_columns(superuser: Connection[Any]) -> None:
    """No table for anyone; the views are for reading, by all three roles."""
    found = granted(
        superuser,
        f"""
        select r.role, n.nspname || '.' || c.relname as name, p.privilege,
               case when p.privilege in ('select', 'insert', 'update', 'references')
                    then has_any_column_privilege(r.role, c.oid, p.privilege)
                    else has_table_privilege(r.role, c.oid, p.privilege) end as granted
          from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname {OURS},
               unnest(%(roles)s::text[]) as r (role),
               unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references',
                            'trigger']) as p (privilege)
         where c.relkind in ('r', 'p', 'v', 'm', 'f')""",
    )
    readers = set(ROLES) - {"public"}
    assert found == {(role, f"seckill.{view}", "select") for role in readers for view in VIEWS}


def test_sequences(superuser: Connection[Any]) -> None:
    found = granted(
        superuser,
        f"""
        select r.role, n.nspname || '.' || c.relname as name, p.privilege,
               has_sequence_privilege(r.role, c.oid, p.privilege) as granted
          from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname {OURS},
               unnest(%(roles)s::text[]) as r (role),
               unnest(array['usage', 'select', 'update']) as p (privilege)
         where c.relkind = 'S'""",
    )
    assert found == set()


def test_schemas(superuser: Connection[Any]) -> None:
    found = granted(
        superuser,
        """
        select r.role, n.nspname as name, p.privilege,
               has_schema_privilege(r.role, n.oid, p.privilege) as granted
          from pg_namespace n, unnest(%(roles)s::text[]) as r (role),
               unnest(array['usage', 'create']) as p (privilege)
         where n.nspname in ('seckill', 'seckill_private', 'public')""",
    )
    readers = set(ROLES) - {"public"}
    assert found == (
        {(role, "seckill", "usage") for role in readers}
        | {(role, "public", "usage") for role in ROLES}
    )


def test_types(superuser: Connection[Any]) -> None:
    """PostgreSQL lets everybody name a type; nobody got more than that default."""
    rows = superuser.execute(
        f"""
        select t.typname from pg_type t
          join pg_namespace n on n.oid = t.typnamespace and n.nspname {OURS}
         where t.typacl is not null"""
    )
    assert [row.typname for row in rows] == []


def test_database(superuser: Connection[Any]) -> None:
    """Nobody may create schemas or temporary tables."""
    found = granted(
        superuser,
        """
        select r.role, 'database' as name, p.privilege,
               has_database_privilege(r.role, current_database(), p.privilege) as granted
          from unnest(%(roles)s::text[]) as r (role),
               unnest(array['create', 'temporary']) as p (privilege)""",
    )
    assert found == set()


def test_roles_and_their_members(superuser: Connection[Any]) -> None:
    """None may log in or rule; ops includes app, and the login roles are in their one group."""
    powers = superuser.execute(
        """
        select rolname from pg_roles
         where rolname ~ '^seckill_(owner|app|ops|read)$'
           and (rolsuper or rolcreaterole or rolcreatedb or rolcanlogin or rolreplication
                or rolbypassrls)"""
    )
    assert powers.fetchall() == []
    members = superuser.execute(
        """
        select m.roleid::regrole::text as role, m.member::regrole::text as member
          from pg_auth_members m
         where m.roleid::regrole::text ~ '^seckill_' and not m.admin_option
           and m.member <> 'postgres'::regrole"""
    )
    assert {(row.role, row.member) for row in members} == {
        ("seckill_app", "seckill_ops"),
        ("seckill_app", "seckill_buyer"),
        ("seckill_ops", "seckill_operator"),
        ("seckill_read", "seckill_reader"),
    }


@pytest.fixture(scope="module")
def refusing(
    target: str, server: Server, templates: Callable[[Server], str], poolers: Poolers
) -> Iterator[Database]:
    """One database for all attempts: what is refused leaves nothing behind."""
    with new_database(server, templates(server)) as name:
        yield Database(name, target, server, poolers)


@pytest.mark.parametrize("who", ["buyer", "operator", "reader"])
@pytest.mark.parametrize(
    "attempt",
    [
        "select * from seckill_private.pool_slot",
        "select salt from seckill_private.secret",
        "update seckill_private.pool_slot set available = available + 1",
        "delete from seckill_private.movement",
        "update seckill_private.movement set quantity = 1",
        "truncate seckill_private.movement",
        "update seckill_private.refund set restock = false",
        "delete from seckill_private.refund",
        "delete from seckill_private.ops_entry",
        "truncate seckill_private.inventory_movement",
        "insert into seckill_private.inventory (sku, quantity) values ('x', 1)",
        "select seckill_private.begin_write()",
        "select seckill_private.raise_error('SK001', 'x')",
        "select seckill_private.sale_status(null)",
        "update seckill.activity set name = 'x'",
        "create temporary table mine (id integer)",
        "create table public.mine (id integer)",
        "create table seckill.mine (id integer)",
        "create schema mine",
        "create function public.mine () returns integer language sql return 1",
        "create or replace function seckill.shard_of (p_user_id text) returns integer"
        " language sql return 1",
        "drop function seckill.reserve",
        "set role seckill_owner",
    ],
)
def test_a_login_role_is_refused(refusing: Database, who: str, attempt: str) -> None:
    with refusing.connect(who) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(attempt.encode())


@pytest.mark.parametrize(("who", "call"), [
    ("buyer", "select seckill.expire_due()"),
    ("buyer", "select * from seckill.open_activity(p_activity_id => 1)"),
    ("reader", "select * from seckill.cancel(p_user_id => 'ann', p_reservation_id => 1)"),
    ("reader", "select seckill.expire_due()"),
])  # fmt: skip
def test_a_role_is_refused_what_belongs_to_another(refusing: Database, who: str, call: str) -> None:
    with refusing.connect(who) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(call.encode())


def test_a_function_of_tomorrow_is_not_open_to_public(superuser: Connection[Any]) -> None:
    """The default privilege must be the global one: per schema it does not stop PUBLIC."""
    superuser.execute("set role seckill_owner")
    for schema in ("seckill", "seckill_private"):
        name = f"{schema}.made_later"
        superuser.execute(f"create function {name} () returns integer language sql return 1")
        row = superuser.execute(
            f"select has_function_privilege('public', '{name}()', 'execute') as granted"
        ).fetchone()
        assert row is not None
        assert not row.granted


def test_temporary_tables_do_not_shadow_ours(db: Database, superuser: Connection[Any]) -> None:
    """A buyer who may make temporary tables and set search_path still meets the real tables."""
    with db.connect("operator") as operator:
        sale = open_sale(operator, units=5, limit=1)
    superuser.execute(
        sql.SQL("grant temporary on database {} to seckill_app").format(sql.Identifier(db.name))
    )
    tables = superuser.execute(
        """
        select distinct on (c.relname) c.relname as name, string_agg(
                 quote_ident(a.attname) || ' '
                 || format_type(coalesce(nullif(t.typbasetype, 0), t.oid), a.atttypmod), ', '
                 order by a.attnum) as columns
          from pg_class c
          join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          join pg_type t on t.oid = a.atttypid
         where c.relnamespace in ('seckill_private'::regnamespace, 'seckill'::regnamespace)
           and c.relkind in ('r', 'p', 'v') and not c.relispartition
         group by c.oid
         order by c.relname, c.relkind = 'v'"""
    ).fetchall()
    assert {"pool_slot", "reservation"} <= {table.name for table in tables}
    with db.connect("buyer", direct=True) as attacker:
        for table in tables:
            attacker.execute(f'create temporary table "{table.name}" ({table.columns})'.encode())
        attacker.execute("set search_path = pg_temp, seckill, public")
        answers = [reserve(attacker, sale, user="mallory").status for _ in range(3)]
        for table in tables:
            count = f'select count(*) from pg_temp."{table.name}"'
            row = attacker.execute(count.encode()).fetchone()
            assert row is not None
            assert row.count == 0, table.name
    assert answers == ["held", "limit_exceeded", "limit_exceeded"]
    with db.connect("reader") as reader:
        assert violations(reader, sale) == []
