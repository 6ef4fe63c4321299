"""seckill doctor: every fault is planted once, seen, and where a command mends it, mended by it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from psycopg import sql

from seckill import doctor, migrate
from seckill.doctor import Finding, catalog, pooling
from seckill.doctor.context import UPGRADE
from seckill.runtime import LOGINS, PgBouncer
from tests.cli.conftest import Run
from tests.fix_database import Database, new_database
from tests.fix_pgbouncer import PASSWORD

BOTH = pytest.mark.targets("18-pooled", "15-direct")


def look(
    check: str,
    db: Database,
    *,
    dsn: str | None = None,
    admin_dsn: str | None = None,
    console_dsn: str | None = None,
) -> Finding:
    """One check: with the operator's DSN and the superuser's, unless others are given."""
    given = (dsn or db.dsn("operator"), admin_dsn or db.admin_dsn, console_dsn)
    with doctor.opened(*given) as context:
        findings = dict(doctor.examine(context))
    return findings[check]


def execute(db: Database, statement: str) -> None:
    db.server.execute(statement, db.name)


def shell(db: Database, command: str) -> None:
    """Run a fix as a person would."""
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        env={
            **os.environ,
            "SECKILL_ADMIN_DSN": db.admin_dsn,
            "PATH": f"{db.server.bindir}:{os.environ['PATH']}",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def mended(check: str, db: Database, found: Finding) -> Finding:
    """What the check says after its own fix was run."""
    assert found.fix is not None
    shell(db, found.fix)
    return look(check, db)


@BOTH
def test_nothing_is_wrong_with_a_new_database(run: Run, db: Database) -> None:
    direct = [] if db.pooled else ["pooler"]
    told = run("doctor", "--dsn", db.dsn("operator"), "--admin-dsn", db.admin_dsn, "--json")
    checks = {check["check"]: check for check in told.json["checks"]}
    assert list(checks) == list(doctor.CHECKS)
    assert [name for name, check in checks.items() if check["status"] == "fail"] == direct
    # The test servers neither wait for their disk nor clean up; nobody gave the pooler's console.
    assert [name for name, check in checks.items() if check["status"] == "warn"] == [
        "durability",
        "autovacuum",
    ]
    assert [name for name, check in checks.items() if check["status"] == "skip"] == [
        "pooler's console",
        "login retry",
        "pool sizes",
    ]
    assert told.status == (1 if direct else 0)


@pytest.mark.parametrize("who", ["buyer", "operator", "reader"])
def test_a_service_needs_no_more_than_its_own_login(run: Run, db: Database, who: str) -> None:
    told = run("doctor", "--dsn", db.dsn(who))
    assert told.status == 0, told.out
    for check in ("revision", "drift", "grants", "pooler"):
        assert any(line.startswith(f"ok   {check}") for line in told.out.splitlines()), told.out


def test_without_any_dsn_it_asks_for_one(run: Run) -> None:
    done = run("doctor")
    assert done.status == 2
    assert "set SECKILL_DSN" in done.complaint


@BOTH
def test_what_was_restored_from_a_dump_is_as_installed(db: Database) -> None:
    """pg_upgrade restores, too. What is stored parsed may then be shown in other words."""
    with new_database(db.server) as name:
        copy = Database(name, db.target, db.server, db.poolers)
        programs = db.server.bindir
        dump = subprocess.run([programs / "pg_dump", db.admin_dsn], check=True, capture_output=True)
        load = [programs / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", copy.admin_dsn]
        subprocess.run(load, check=True, input=dump.stdout, stdout=subprocess.DEVNULL)
        found = look("drift", copy)
        assert found.status == "ok", found
        assert look("grants", copy).status == "ok"


EDITS = {
    "a body of plpgsql": (
        "changed: function seckill.reserve",
        """
        do $do$ begin
          execute replace(pg_get_functiondef('seckill.reserve'::regproc), E'begin\n', E'begin \n');
        end $do$""",
    ),
    "a body of sql": (
        "changed: function seckill_private.moved",
        "create or replace function seckill_private.moved"
        " (p_source text, p_target text, p_account text)"
        " returns integer language sql immutable parallel safe"
        " return (p_target = p_account)::integer",
    ),
    "a setting": (
        "changed: function seckill.confirm",
        "alter function seckill.confirm set search_path = public",
    ),
    "a volatility": (
        "changed: function seckill_private.state_at",
        "do $do$ begin execute (select format('alter function %s volatile', p.oid::regprocedure)"
        " from pg_proc p where p.oid = 'seckill_private.state_at'::regproc); end $do$",
    ),
    "a view": (
        "changed: view seckill.limit_rule",
        "create or replace view seckill.limit_rule as"
        ' select activity_id, name, dimension, metric, window_kind as "window", maximum, sku,'
        " period, time_zone, required from seckill_private.limit_version",
    ),
    "a function that is gone": (
        "missing: function seckill.drop_limit",
        "drop function seckill.drop_limit",
    ),
    "an overload": (
        "not ours: function seckill.reserve(text)",
        "create function seckill.reserve (p_x text) returns text language sql return p_x",
    ),
}


@BOTH
@pytest.mark.parametrize("edit", EDITS)
def test_drift_of_definitions(run: Run, db: Database, edit: str) -> None:
    seen, statement = EDITS[edit]
    execute(db, statement)
    found = look("drift", db)
    assert found.status == "fail"
    assert len(found.details) == 1
    assert found.details[0].startswith(seen)
    assert found.fix is not None
    if found.fix.startswith("seckill "):
        assert run(*found.fix.split()[1:], "--admin-dsn", db.admin_dsn).status == 0
    else:
        shell(db, found.fix)
    assert look("drift", db).status == "ok"


GRANTS = {
    "too much: public has execute on function seckill.reserve": (
        "grant execute on function seckill.reserve to public"
    ),
    "too much: seckill_app has select on table seckill_private.reservation": (
        "grant select on seckill_private.reservation to seckill_app"
    ),
    "too much: seckill_read has update (salt) on table seckill_private.secret": (
        "grant update (salt) on seckill_private.secret to seckill_read"
    ),
    "too much: seckill_buyer has usage on schema seckill_private": (
        "grant usage on schema seckill_private to seckill_buyer"
    ),
    "too much: seckill_app has usage on sequence seckill_private.reservation_number": (
        "grant usage on sequence seckill_private.reservation_number to seckill_app"
    ),
    "missing: seckill_read lacks select on table seckill.pool": (
        "revoke select on seckill.pool from seckill_read"
    ),
    "owner: function seckill.cancel": "alter function seckill.cancel owner to postgres",
    "functions made later would be open to PUBLIC": (
        "alter default privileges for role seckill_owner grant execute on functions to public"
    ),
}


@BOTH
@pytest.mark.parametrize("seen", GRANTS)
def test_grants(db: Database, seen: str) -> None:
    execute(db, GRANTS[seen])
    found = look("grants", db)
    assert found.status == "fail"
    assert len(found.details) == 1
    assert found.details[0].startswith(seen)
    assert mended("grants", db, found).status == "ok"


def test_groups_with_rights_on_the_database(db: Database) -> None:
    name = sql.Identifier(db.name).as_string(None)
    execute(db, f"grant temporary on database {name} to public")
    found = look("roles", db)
    assert found.status == "warn"
    assert mended("roles", db, found).status == "ok"
    execute(db, f"grant create on database {name} to seckill_app")
    found = look("roles", db)
    assert found.status == "fail"
    assert any("seckill_app has create" in line for line in found.details)
    assert mended("roles", db, found).status == "ok"


@pytest.mark.parametrize(
    ("revision", "contract", "status", "said", "fix"),
    [
        ("0000_before", 1, "fail", "older than", "seckill migrate"),
        ("9998_expand_lines", 1, "warn", "newer than", UPGRADE),
        ("9998_expand_lines", 99, "fail", "newer than", UPGRADE),
    ],
)
def test_another_revision(
    db: Database, revision: str, contract: int, status: str, said: str, fix: str
) -> None:
    raise_contract(db, contract)
    execute(db, f"update seckill_private.alembic_version set version_num = '{revision}'")
    found = look("revision", db)
    assert (found.status, found.fix) == (status, fix)
    assert f"at {revision}, {said} this release's {migrate.head()}" in found.message
    assert look("drift", db).status == "skip"


def raise_contract(db: Database, number: int) -> None:
    """As a contract revision does."""
    execute(
        db,
        "create or replace function seckill.contract_version () returns integer language sql"
        f" stable security definer set search_path = pg_catalog, pg_temp return {number}",
    )


def test_a_contract_that_this_release_does_not_know(ops: Run, db: Database) -> None:
    raise_contract(db, 99)
    done = ops("activity", "list")
    assert done.status == 3
    assert done.complaint.endswith("knows 1: upgrade the client")


def test_not_installed(empty_db: Database) -> None:
    found = look("revision", empty_db, dsn=empty_db.admin_dsn)
    assert (found.status, found.fix) == ("fail", "seckill migrate")
    for check in ("drift", "grants", "roles"):
        assert look(check, empty_db, dsn=empty_db.admin_dsn).status == "skip"


@contextmanager
def pooler(db: Database, **settings: str) -> Iterator[PgBouncer]:
    """A pooler of its own in front of the database's server."""
    users = dict.fromkeys(LOGINS, PASSWORD)
    with PgBouncer(db.server.postgres, users=users, settings=settings) as bouncer:
        yield bouncer


@pytest.mark.parametrize(
    ("settings", "status", "said"),
    [
        ({"pool_mode": "session"}, "fail", "in session mode"),
        ({"pool_mode": "session", "default_pool_size": "2"}, "fail", "second client got no"),
        ({"pool_mode": "statement"}, "fail", "in statement mode"),
        ({"default_pool_size": "1"}, "ok", "in transaction mode"),
        # Servers taken in turn, so that no two transactions in a row have the same.
        ({"server_round_robin": "1", "min_pool_size": "3"}, "ok", "in transaction mode"),
    ],
)
def test_the_mode_of_the_pooler(
    db: Database, settings: dict[str, str], status: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if said.startswith("second client"):
        # Nobody will answer, however long it waits.
        monkeypatch.setattr(pooling, "PATIENCE_S", 2.0)
    with pooler(db, **settings) as bouncer:
        dsn = bouncer.dsn("seckill_operator", PASSWORD, db.name)
        found = look("pooler", db, dsn=dsn)
        told = look("pooler's console", db, dsn=dsn, console_dsn=bouncer.admin_dsn)
    assert found.status == status
    assert said in found.message
    assert told.status == status
    assert f"{settings.get('pool_mode', 'transaction')} mode" in told.message


def test_without_a_pooler(db: Database) -> None:
    found = look("pooler", db, dsn=db.dsn("operator", direct=True))
    assert found.status == "fail"
    assert "straight to PostgreSQL" in found.message


def test_a_pooler_that_is_older_than_any_tested(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seckill.doctor.services.OLDEST_PGBOUNCER", (99, 1))
    with pooler(db) as bouncer:
        dsn = bouncer.dsn("seckill_operator", PASSWORD, db.name)
        found = look("pooler's console", db, dsn=dsn, console_dsn=bouncer.admin_dsn)
    assert (found.status, found.fix) == ("warn", "upgrade it to 99.1 or newer")


def test_a_console_that_does_not_answer(db: Database) -> None:
    found = look("pooler's console", db, console_dsn="host=127.0.0.1 port=1 dbname=pgbouncer")
    assert found.status == "fail"
    assert "refused" in found.message


def test_nobody_answers(db: Database) -> None:
    found = look("connection", db, dsn="postgresql://x:secret@127.0.0.1:1/x")
    assert (found.status, found.fix) == ("fail", "start PgBouncer, or correct SECKILL_DSN")
    assert "refused" in found.details[0]
    assert "secret" not in found.details[0]
    for check in ("login", "session", "pooler", "same database"):
        assert look(check, db, dsn="postgresql://x@127.0.0.1:1/x").status == "skip"
    # One way in is enough for the catalogue.
    assert look("drift", db, dsn="postgresql://x@127.0.0.1:1/x").status == "ok"


def test_two_databases(db: Database, empty_db: Database) -> None:
    found = look("same database", db, admin_dsn=empty_db.admin_dsn)
    assert found.status == "fail"
    assert db.name in found.message
    assert empty_db.name in found.message


def test_a_login_that_no_grant_stops(db: Database) -> None:
    found = look("login", db, dsn=db.admin_dsn)
    assert found.status == "fail"
    assert "postgres, a superuser" in found.message


def test_a_login_of_no_group(db: Database) -> None:
    execute(db, f"create role nobody_yet login password '{PASSWORD}'")
    try:
        dsn = db.server.dsn(db.name, "nobody_yet", PASSWORD)
        found = look("login", db, dsn=dsn)
        assert found.status == "fail"
        assert "who may call nothing" in found.message
        with doctor.opened(dsn) as context:
            assert [name for name, one in doctor.examine(context) if one.status == "fail"] == [
                "login",
                "pooler",
            ]
        assert found.fix is not None
        shell(db, found.fix)
        assert look("login", db, dsn=dsn).status == "ok"
    finally:
        execute(db, "drop role nobody_yet")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("default_transaction_isolation = 'repeatable read'", "SK005"),
        ("default_transaction_read_only = on", "are read only"),
    ],
)
def test_a_login_whose_transactions_cannot_write(db: Database, setting: str, said: str) -> None:
    execute(db, f"alter role seckill_operator in database {db.name} set {setting}")
    found = look("session", db)
    assert found.status == "fail"
    assert said in found.message


def test_another_encoding(db: Database) -> None:
    with new_database(db.server) as name:
        db.server.execute(f"drop database {name}")
        db.server.execute(f"create database {name} encoding 'LATIN1' locale 'C' template template0")
        found = look("encoding", db, admin_dsn=db.server.dsn(name))
    assert found.status == "fail"
    assert "LATIN1" in found.message


@BOTH
def test_a_locale_that_knows_ascii_only(db: Database) -> None:
    assert look("letter case", db).status == "ok"
    with new_database(db.server) as name:
        db.server.execute(f"drop database {name}")
        db.server.execute(f"create database {name} encoding 'UTF8' locale 'C' template template0")
        found = look("letter case", db, admin_dsn=db.server.dsn(name))
    assert (found.status, "LC_CTYPE C knows" in found.message) == ("warn", True)
    assert found.fix is not None


@pytest.mark.parametrize(
    ("oldest", "newest", "status"), [(15, 18, "ok"), (99, 99, "fail"), (9, 10, "warn")]
)
def test_another_server(
    db: Database, monkeypatch: pytest.MonkeyPatch, oldest: int, newest: int, status: str
) -> None:
    monkeypatch.setattr("seckill.doctor.server.OLDEST", oldest)
    monkeypatch.setattr("seckill.doctor.server.NEWEST", newest)
    found = look("server version", db)
    assert (found.status, found.fix is None) == (status, status == "ok")


def test_people_see_what_is_wrong_and_the_fix(run: Run, db: Database) -> None:
    execute(db, "grant execute on function seckill.reserve to public")
    done = run("doctor", "--dsn", db.dsn("operator"))
    assert done.status == 1
    lines = done.out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("fail grants"))
    assert lines[place + 1].strip().startswith("too much: public has execute on function")
    assert lines[place + 2].strip().startswith('fix: psql "$SECKILL_ADMIN_DSN" -c')


@pytest.mark.parametrize("change", ["UPDATE s.t", "DELETE FROM s.t", "INSERT INTO s.t"])
def test_as_before_an_alias_is_no_drift(db: Database, change: str) -> None:
    """Minor releases differ in it: what one was installed by, another shows."""
    with db.connect("superuser") as connection:
        row = connection.execute(
            f"select {catalog.PLAIN} from (values (%s)) as d (text)", [f"{change} AS x SET y"]
        ).fetchone()
    assert row is not None
    assert row[0] == f"{change} x SET y"
