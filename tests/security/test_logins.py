"""How PgBouncer learns who may come in: SCRAM, auth_query, and the console on the socket only.

Runs the shipped files, as test_tls.py does.
"""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from seckill.runtime import provision
from tests.security.shipped import OPS, Place, Pooler, replaced, shipped_pgbouncer
from tests.security.test_tls import Refused, connect, console

LOOKUP = "select name, verifier from seckill_pooler.lookup('seckill_buyer')"


def as_superuser(place: Place) -> Connection[Any]:
    """For what the shipped rules let nobody do over the network."""
    return connect(place.superuser)


def only(connection: Connection[Any], query: str) -> Any:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


# -- passwords ------------------------------------------------------------------------------------


def test_only_verifiers_are_kept(place: Place) -> None:
    with as_superuser(place) as superuser:
        kept = superuser.execute(
            "select rolname, rolpassword from pg_authid where rolpassword is not null"
        ).fetchall()
    assert {row.rolname for row in kept} >= {"seckill_buyer", "seckill_pooler", "seckill_admin"}
    assert [row.rolname for row in kept if not row.rolpassword.startswith("SCRAM-SHA-256$")] == []


@pytest.mark.parametrize("password", ["guess", ""])
def test_a_wrong_password_is_refused(pooler: Pooler, password: str) -> None:
    with pytest.raises(Refused):
        connect(pooler.dsn("seckill_buyer", password=password))


def test_the_verifier_is_no_password(place: Place, pooler: Pooler) -> None:
    """Who read the verifier somewhere cannot log in with it."""
    with as_superuser(place) as superuser:
        query = "select rolpassword from pg_authid where rolname = 'seckill_buyer'"
        verifier = only(superuser, query)
    with pytest.raises(Refused):
        connect(pooler.dsn("seckill_buyer", password=verifier))


def test_pgbouncer_asks_for_nothing_but_scram(pooler: Pooler) -> None:
    """A client that takes SCRAM only gets in; one that takes all but that does not."""
    connect(pooler.dsn("seckill_buyer", require_auth="scram-sha-256")).close()
    with pytest.raises(Refused, match="authentication method requirement"):
        connect(pooler.dsn("seckill_buyer", require_auth="!scram-sha-256"))


def test_postgresql_asks_for_nothing_but_scram(place: Place) -> None:
    connect(place.direct("seckill_buyer", sslmode="require", require_auth="scram-sha-256")).close()
    with pytest.raises(Refused, match="authentication method requirement"):
        connect(place.direct("seckill_buyer", sslmode="require", require_auth="!scram-sha-256"))


def test_a_new_password_counts_at_once(place: Place) -> None:
    """And the old one no more: it was copied nowhere."""
    with as_superuser(place) as superuser, shipped_pgbouncer(place) as pooler:
        superuser.execute("create role seckill_short login in role seckill_app password 'first'")
        try:
            connect(pooler.dsn("seckill_short", password="first")).close()
            superuser.execute("alter role seckill_short password 'second'")
            connect(pooler.dsn("seckill_short", password="second")).close()
            with pytest.raises(Refused):
                connect(pooler.dsn("seckill_short", password="first"))
        finally:
            superuser.execute("drop role seckill_short")


KNOWN = "create role seckill_guest password 'known' "


# Each makes a role whose password is known; the first one shows that it then comes in.
@pytest.mark.parametrize(
    ("made", "comes_in"),
    [
        (KNOWN + "login", True),
        (KNOWN + "login valid until '2099-01-01'", True),
        (KNOWN + "login valid until '2020-01-01'", False),
        (KNOWN + "nologin", False),
        (KNOWN + "login superuser", False),
        ("set password_encryption = 'md5'; " + KNOWN + "login", False),
        ("create role seckill_guest login", False),
    ],
)
def test_who_is_found(place: Place, made: str, comes_in: bool) -> None:
    with as_superuser(place) as superuser, shipped_pgbouncer(place) as pooler:
        superuser.execute(made.encode())
        try:
            if comes_in:
                connect(pooler.dsn("seckill_guest", password="known")).close()
            else:
                with pytest.raises(Refused):
                    connect(pooler.dsn("seckill_guest", password="known"))
        finally:
            superuser.execute("drop role seckill_guest")


def test_the_poolers_own_roles_do_not_come_in_from_outside(pooler: Pooler) -> None:
    """The passwords in userlist.txt are for the pooler and the console, and lead nowhere else."""
    for user in ("seckill_pooler", "pgbouncer_console", "seckill_admin", "postgres"):
        with pytest.raises(Refused, match=r"login rejected|no such user"):
            connect(pooler.dsn(user))


# -- the function behind auth_query ---------------------------------------------------------------


def test_the_runtime_has_the_same_function() -> None:
    """`seckill up` and the shipped file install the same text."""
    shipped = (OPS / "pgbouncer" / "auth_query.sql").read_text()
    assert provision.LOOKUP.strip() in shipped
    assert f"auth_query = {provision.AUTH_QUERY}\n" in (
        (OPS / "pgbouncer" / "pgbouncer.ini").read_text()
    )


def test_the_function_is_pinned_and_owned_by_a_superuser(place: Place) -> None:
    with as_superuser(place) as superuser:
        row = superuser.execute(
            """
            select p.prosecdef, p.proconfig, r.rolsuper, p.provolatile, p.proacl::text[] as acl,
                   n.nspacl::text[] as schema_acl
              from pg_proc p
              join pg_namespace n on n.oid = p.pronamespace
              join pg_roles r on r.oid = p.proowner
             where n.nspname = 'seckill_pooler'"""
        ).fetchall()
    (lookup,) = row  # the schema holds nothing else
    assert lookup.prosecdef
    assert lookup.proconfig == ["search_path=pg_catalog, pg_temp"]
    assert lookup.rolsuper
    assert sorted(lookup.acl) == ["postgres=X/postgres", "seckill_pooler=X/postgres"]
    assert sorted(lookup.schema_acl) == ["postgres=UC/postgres", "seckill_pooler=U/postgres"]


def test_the_pooler_may_ask_and_nobody_else(place: Place) -> None:
    with connect(place.direct("seckill_pooler", sslmode="require")) as asking:
        assert only(asking, "select verifier from seckill_pooler.lookup('seckill_buyer')")
        assert asking.execute("select from seckill_pooler.lookup('postgres')").fetchall() == []
        # It finds the one it asks for, no pattern and no list.
        for name in ("%", "", "seckill_buyer' or '1'='1", "SECKILL_BUYER"):
            found = asking.execute("select from seckill_pooler.lookup(%s)", [name]).fetchall()
            assert found == [], name
    for user in ("seckill_buyer", "seckill_operator", "seckill_reader"):
        with connect(place.direct(user, sslmode="require")) as other:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                other.execute(LOOKUP)
    socket = str(place.postgres.socket_dir)
    with connect(place.direct("seckill_admin", host=socket)) as admin:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            admin.execute(LOOKUP)


@pytest.mark.parametrize(
    "attempt",
    [
        "select rolpassword from pg_authid",
        "select * from seckill_private.reservation",
        "select * from seckill.activity",
        "select * from seckill.availability(1)",
        "select * from seckill.cancel('ann', 1)",
        "create temporary table mine (id integer)",
        "create table public.mine (id integer)",
        "create table seckill_pooler.mine (id integer)",
        "create or replace function seckill_pooler.lookup (p_name text) returns integer"
        " language sql return 1",
        "create role mine",
    ],
)
def test_the_pooler_may_do_nothing_else(place: Place, attempt: str) -> None:
    """Who takes PgBouncer's machine has verifiers of those who can be looked up, and no more."""
    with connect(place.direct("seckill_pooler", sslmode="require")) as taken:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            taken.execute(attempt.encode())


def unpinned(body: str) -> bytes:
    """The function's text without its pin and the schemas of what it names."""
    changes = {"  set search_path = pg_catalog, pg_temp\n": "", "pg_catalog.pg_authid": "pg_authid"}
    return replaced(body, changes).encode()


def test_a_temporary_table_does_not_become_the_list_of_passwords(place: Place) -> None:
    """Should the pooler's role ever get TEMP: `pg_authid` means the catalogue's, not its own."""
    theirs = (
        "create temporary table pg_authid (rolname name, rolpassword text, rolcanlogin boolean,"
        " rolsuper boolean, rolvaliduntil timestamptz)"
    )
    forged = "insert into pg_temp.pg_authid values ('postgres', 'forged', true, false, null)"

    def attack() -> list[Any]:
        with connect(place.direct("seckill_pooler", sslmode="require")) as taken:
            taken.execute(theirs)
            taken.execute(forged)
            taken.execute("set search_path = pg_temp, pg_catalog")
            return taken.execute("select * from seckill_pooler.lookup('postgres')").fetchall()

    with as_superuser(place) as superuser:
        superuser.execute("grant temporary on database seckill to seckill_pooler")
        try:
            assert attack() == []
            # The control: the same function without the pin believes the forged row.
            superuser.execute(unpinned(provision.LOOKUP))
            assert [row.verifier for row in attack()] == ["forged"]
        finally:
            superuser.execute(provision.LOOKUP)
            superuser.execute("revoke temporary on database seckill from seckill_pooler")


# -- the console ----------------------------------------------------------------------------------


def test_the_console_answers_on_the_socket(pooler: Pooler) -> None:
    with console(pooler.console()) as admin:
        pools = admin.execute("show pools").fetchall()
    assert {row.pool_mode for row in pools if row.database == "seckill"} <= {"transaction"}
    with pytest.raises(Refused):
        console(pooler.console(password="guess"))


@pytest.mark.parametrize("sslmode", ["verify-full", "disable"])
def test_the_console_does_not_answer_over_the_network(pooler: Pooler, sslmode: str) -> None:
    """Not even with its password."""
    with pytest.raises(Refused):
        console(pooler.dsn("pgbouncer_console", dbname="pgbouncer", sslmode=sslmode))


def test_control_without_its_lines_it_would(place: Place) -> None:
    open_wide = {"host     pgbouncer  all                0.0.0.0/0    reject": (
        "hostssl  pgbouncer  all                0.0.0.0/0    scram-sha-256"
    )}  # fmt: skip
    with shipped_pgbouncer(place, edits=open_wide) as weak:
        console(weak.dsn("pgbouncer_console", dbname="pgbouncer")).close()


@pytest.mark.parametrize("user", ["seckill_buyer", "seckill_operator", "postgres", "nobody"])
def test_nobody_else_has_the_console(pooler: Pooler, user: str) -> None:
    """Refused, at once: 1.18 keeps their connections for ever where auth_user is global."""
    password = pooler.place.passwords.get(user, "guess")
    for way in (pooler.console(user=user, password=password), pooler.dsn(user, dbname="pgbouncer")):
        with pytest.raises(Refused) as refused:
            console(way)
        assert not isinstance(refused.value, psycopg.errors.ConnectionTimeout)
