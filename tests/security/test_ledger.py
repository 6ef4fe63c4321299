"""The ledger, and every other table, is closed to whoever can log in: no change, and no look."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from seckill.runtime import LOGINS
from tests.fix_database import Database
from tests.fix_sale import confirm, open_sale, reserve
from tests.procedures.test_fuzz import hash_query

LEDGER = {"movement", "inventory_movement", "ops_entry", "refund"}


def tables(superuser: Connection[Any]) -> dict[str, str]:
    """Every table of ours, partitions too, with its first column."""
    rows = superuser.execute(
        """
        select c.oid::regclass::text as name, quote_ident(a.attname) as first
          from pg_class as c
          join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          join pg_namespace as n on n.oid = c.relnamespace
         where n.nspname ~ '^seckill' and c.relkind in ('r', 'p')
           and not exists (select from pg_attribute as b
                            where b.attrelid = c.oid and b.attnum > 0
                              and b.attnum < a.attnum and not b.attisdropped)"""
    ).fetchall()
    return {row.name: row.first for row in rows}


def attempts(table: str, column: str) -> list[str]:
    """Whatever would change or read a table."""
    return [
        f"update {table} set {column} = {column}",
        f"delete from {table}",
        f"truncate {table}",
        f"insert into {table} select * from {table}",
        f"select {column} from {table} for update",
        f"copy {table} to stdout",
        f"begin; lock table {table} in exclusive mode",
        f"alter table {table} disable trigger all",
        f"create trigger mine before insert on {table} execute function pg_notify()",
        f"drop table {table}",
    ]


@pytest.mark.parametrize("login", LOGINS)
def test_every_attempt_is_refused(db: Database, superuser: Connection[Any], login: str) -> None:
    with db.connect("operator") as operator:
        held = reserve(operator, open_sale(operator))
        confirm(operator, held.reservation_id)
    known = tables(superuser)
    assert {name.removeprefix("seckill_private.") for name in known} >= LEDGER
    query = hash_query(superuser).encode()
    before = superuser.execute(query).fetchone()
    with db.connect(login, direct=True) as taken:
        for table, column in known.items():
            for attempt in attempts(table, column):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    taken.execute(attempt.encode())
                taken.execute("rollback")
    assert superuser.execute(query).fetchone() == before


def test_control_a_right_too_many_is_noticed(db: Database, superuser: Connection[Any]) -> None:
    superuser.execute("grant usage on schema seckill_private to seckill_app")
    superuser.execute("grant delete on seckill_private.movement to seckill_app")
    with db.connect("seckill_buyer", direct=True) as taken:
        taken.execute("delete from seckill_private.movement")


def test_each_login_of_the_product_is_tried(superuser: Connection[Any]) -> None:
    """A login role that came by one of our groups belongs into LOGINS, which are tried here."""
    rows = superuser.execute(
        """
        select rolname from pg_roles
         where rolcanlogin and not rolsuper
           and exists (select from pg_roles as g
                        where g.rolname ~ '^seckill_(owner|app|ops|read)$'
                          and pg_has_role(pg_roles.oid, g.oid, 'usage'))"""
    ).fetchall()
    assert {row.rolname for row in rows} == set(LOGINS)
