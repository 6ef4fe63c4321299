"""plpgsql_check reads every PL/pgSQL body as PostgreSQL would run it: types, names, dead code.

Debian has the extension for PostgreSQL 15 only.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_postgres import unavailable

pytestmark = pytest.mark.targets("15-direct")

CHECK = """
select p.oid::regprocedure::text as name, c.lineno, c.level, c.message
  from pg_proc as p
  join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
  cross join lateral plpgsql_check_function_tb(
    p.oid, fatal_errors => false, other_warnings => true, extra_warnings => true,
    performance_warnings => false, security_warnings => true) as c
 where p.pronamespace in ('seckill'::regnamespace, 'seckill_private'::regnamespace)
 order by 1, 2"""
OTHER_TYPE = "target type is different type than source type"
UNREAD = "called for what it does; an assignment is an expression, and perform a query"
NO_RETURN = "control reached end of function without RETURN"
# (function, message) that is meant to be, and why.
EXCEPTIONS = {
    (
        "seckill_private.feed_place",
        OTHER_TYPE,
    ): "digits, says its regular expression",
    ("seckill_private.reserve_batch_at", OTHER_TYPE): "'{}' as the first value of an array",
    ("seckill_private.settle_batch", OTHER_TYPE): "'{}' as the first value of an array",
    ("seckill.reserve", 'never read variable "v_begun"'): UNREAD,
    ("seckill_private.reserve_one", 'never read variable "v_locked"'): UNREAD,
    ("seckill_private.load_sale", NO_RETURN): "its end is always an error, raised by raise_error",
    ("seckill_private.lock_available", NO_RETURN): "its end is always an error, by raise_error",
}

PLANTED = {
    "never read variable": "declare v_a integer; begin v_a := 1; return 1; end",
    "does not exist": "begin return (select nothing from seckill_private.reservation); end",
    "unused variable": "declare v_a integer; begin return 1; end",
    "unreachable code": "begin return 1; return 2; end",
    "control reached end of function": "begin if random() > 2 then return 1; end if; end",
    "text type variable is not sanitized": (
        "declare v_a integer; begin execute 'select ' || p_a into v_a; return v_a; end"
    ),
}

# Public types whose functions return rows of a query, which must have a value for each field. So
# `alter type … add attribute` and these, written anew, belong into one transaction.
GROW_TOGETHER = {
    "change": {"changes", "history"},
    "violation": {
        *("reconcile", "check_inventory", "check_limits", "check_reservations"),
        *("check_rules", "check_slots"),
    },
    "ops_entry": {"ops_history"},
    "archived_row": {"export_activity", "archived_page"},
}


def reported(superuser: Connection[Any]) -> list[Any]:
    """What the extension says of every function."""
    return superuser.execute(CHECK.encode()).fetchall()


@pytest.fixture
def checker(db: Database, superuser: Connection[Any]) -> Connection[Any]:
    """The superuser of a database with the extension."""
    try:
        superuser.execute("create extension plpgsql_check")
    except psycopg.errors.FeatureNotSupported:
        unavailable("plpgsql_check is missing: apt-get install postgresql-15-plpgsql-check")
    return superuser


def test_every_function_is_sound(checker: Connection[Any]) -> None:
    row = checker.execute(
        """
        select count(*) from pg_proc as p
          join pg_language as l on l.oid = p.prolang and l.lanname = 'plpgsql'
         where p.pronamespace in ('seckill'::regnamespace, 'seckill_private'::regnamespace)"""
    ).fetchone()
    assert row is not None
    assert row.count > 100
    found = {(row.name.split("(")[0], row.message) for row in reported(checker)}
    assert found == set(EXCEPTIONS)


@pytest.mark.parametrize("message", PLANTED)
def test_a_fault_is_reported(checker: Connection[Any], message: str) -> None:
    checker.execute(
        f"""create function seckill_private.bad (p_a text) returns integer language plpgsql
        set search_path = pg_catalog, pg_temp as $$ {PLANTED[message]} $$""".encode()
    )
    said = [row.message for row in reported(checker) if ".bad(" in row.name]
    assert any(message in text for text in said), said


def test_a_result_type_grows_with_the_functions_that_query_it(checker: Connection[Any]) -> None:
    """All other functions fill a result field by field, and bear a new one."""
    types = checker.execute(
        """
        select t.oid, t.typname as name
          from pg_type as t join pg_class as c on c.oid = t.typrelid and c.relkind = 'c'
         where t.typnamespace = 'seckill'::regnamespace"""
    ).fetchall()
    assert len(types) == 11
    before = {(row.name, row.message) for row in reported(checker)}
    broken: dict[str, set[str]] = {}
    for found in types:
        with checker.transaction(force_rollback=True):
            checker.execute(f"alter type seckill.{found.name} add attribute trial text".encode())
            rows = checker.execute(
                """
                select p.oid::regprocedure::text as name
                  from pg_proc as p join pg_language as l on l.oid = p.prolang
                 where l.lanname = 'sql' and p.prorettype = %s""",
                [found.oid],
            ).fetchall()
            rows += [row for row in reported(checker) if (row.name, row.message) not in before]
        if rows:
            broken[found.name] = {row.name.split("(")[0].split(".")[1] for row in rows}
    assert broken == GROW_TOGETHER
