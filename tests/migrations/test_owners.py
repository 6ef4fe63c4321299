"""Who can migrate: a superuser is not needed, and where roles were made beforehand, nor CREATEROLE.

Each test has a server of its own, as roles belong to the cluster. Both ends of the supported
range, for PostgreSQL 16 changed what the creator of a role may do with it.
"""

from __future__ import annotations

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from seckill import migrate
from tests.fix_postgres import Server
from tests.migrations.dumps import picture

pytestmark = pytest.mark.targets("18-direct", "15-direct")

GROUPS = ("seckill_owner", "seckill_app", "seckill_ops", "seckill_read")


def owner_dsn(server: Server, options: str) -> str:
    """Make a role with these options that owns database `shop`; its connection string."""
    server.execute(f"create role shop_admin login password 'x' {options}")
    server.execute("create database shop owner shop_admin")
    return make_conninfo(server.dsn("shop", "shop_admin", "x"))


def check_installed(server: Server, dsn: str) -> None:
    """At head, and like what a superuser installs; down and up again works."""
    assert migrate.current(dsn) == migrate.head()
    mine = picture(server, "shop")
    server.execute("create database reference owner shop_admin")
    migrate.upgrade(server.dsn("reference"))
    assert picture(server, "reference") == mine
    migrate.downgrade(dsn, "base")
    migrate.upgrade(dsn)
    assert picture(server, "shop") == mine


def test_the_owner_of_the_database_with_createrole(fresh_server: Server) -> None:
    dsn = owner_dsn(fresh_server, "createrole")
    migrate.upgrade(dsn)
    check_installed(fresh_server, dsn)


def test_the_owner_of_the_database_with_roles_made_beforehand(fresh_server: Server) -> None:
    dsn = owner_dsn(fresh_server, "nocreaterole")
    for role in GROUPS:
        fresh_server.execute(f"create role {role} nologin")
    fresh_server.execute("grant seckill_app to seckill_ops")
    fresh_server.execute("grant seckill_owner to shop_admin")
    migrate.upgrade(dsn)
    check_installed(fresh_server, dsn)


def test_without_the_roles_and_without_createrole_nothing_is_left(fresh_server: Server) -> None:
    dsn = owner_dsn(fresh_server, "nocreaterole")
    with pytest.raises(
        migrate.MigrationError, match=r"tables\.sql.*permission denied to create role"
    ):
        migrate.upgrade(dsn)
    assert migrate.current(dsn) is None
    with psycopg.connect(fresh_server.dsn("shop")) as connection:
        row = connection.execute("select to_regnamespace('seckill')").fetchone()
    assert row == (None,)


def test_two_databases_of_one_cluster(fresh_server: Server) -> None:
    """The second finds the roles there, made by the first."""
    first = owner_dsn(fresh_server, "createrole")
    migrate.upgrade(first)
    fresh_server.execute("create database second owner shop_admin")
    second = fresh_server.dsn("second", "shop_admin", "x")
    migrate.upgrade(second)
    assert picture(fresh_server, "second") == picture(fresh_server, "shop")
