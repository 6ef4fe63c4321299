"""The coverage report notices what no test executed, and a reason that nothing needs any more."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pytest

from ops.dev.coverage import (
    GAPS,
    PROFILER,
    ROOT,
    Definition,
    Profile,
    Report,
    collect,
    defined,
    gathered,
    report,
)
from seckill.runtime import StartError
from tests.fix_database import new_database
from tests.fix_postgres import Server, start_server, unavailable

PLANTED = """
create schema seckill;
create schema seckill_private;
create function seckill.sign (p_a integer) returns text language plpgsql as $function$
begin
  if p_a > 0 then
    return 'plus';
  elsif p_a < 0 then
    perform seckill_private.refuse(
      p_a); -- in two lines
  end if;
  return seckill_private.nothing();
end
$function$;
create function seckill_private.refuse (p_a integer) returns void language plpgsql as $function$
begin
  raise 'negative: %', p_a;
end
$function$;
create function seckill_private.nothing () returns text language sql
return 'zero';
create function seckill_private.counted () returns text language sql set search_path = ''
return 'one';"""
NEGATIVE = "perform seckill_private.refuse( p_a);"
WHOLE = "(the whole function)"
ALL_GAPS = {
    ("seckill.sign", WHOLE),
    ("seckill_private.refuse", WHOLE),
    ("seckill_private.nothing", WHOLE),
    ("seckill_private.counted", WHOLE),
}


@pytest.fixture(scope="module")
def profiled() -> Iterator[Server]:
    """A PostgreSQL 15 with the profiler."""
    with ExitStack() as stack:
        try:
            server = start_server("15", stack, **PROFILER)
        except StartError:
            unavailable("plpgsql_check is missing: apt-get install postgresql-15-plpgsql-check")
        yield server


@pytest.fixture
def dsn(profiled: Server) -> Iterator[str]:
    """A database with four functions that call each other, for each test."""
    with new_database(profiled) as name:
        profiled.execute(PLANTED, name)
        yield profiled.dsn(name)


def run(dsn: str, *statements: str) -> Profile:
    """What statements execute; those that fail, too."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            with suppress(psycopg.errors.RaiseException):
                connection.execute(statement.encode())
    return collect(dsn)


def gaps(found: Report) -> set[tuple[str, str]]:
    """What is not executed, by function."""
    return {(gap.function, gap.text) for gap in found.gaps}


def test_a_statement_that_nothing_executes_is_a_gap(dsn: str) -> None:
    functions = defined(dsn)
    assert gaps(report(functions, Profile.empty(), {})) == ALL_GAPS

    profile = run(dsn, "select seckill.sign(1)", "select seckill.sign(0)")
    found = report(functions, profile, {})
    assert not found.ok
    assert gaps(found) == {
        ("seckill.sign", NEGATIVE),
        ("seckill_private.refuse", WHOLE),
        ("seckill_private.counted", WHOLE),
    }
    assert {gap.line for gap in found.gaps if gap.function == "seckill.sign"} == {6}

    # Also a statement that fails was executed, and its transaction's end does not undo that.
    profile.add(run(dsn, "select seckill.sign(-1)", "select seckill_private.counted()"))
    assert report(functions, profile, {}).ok


def test_a_function_in_sql_is_called_inlined_or_a_gap(dsn: str) -> None:
    found = report(defined(dsn), run(dsn, "select seckill_private.counted()"), {})
    counted = {f.name: f.calls for f in found.functions if f.language == "sql"}
    assert counted == {"seckill_private.counted": 1, "seckill_private.nothing": 0}

    found = report(defined(dsn), run(dsn, "select seckill.sign(0)"), {})
    inlined = {f.name: f.inlined for f in found.functions if f.language == "sql"}
    assert inlined == {"seckill_private.counted": False, "seckill_private.nothing": True}


def test_another_definition_of_the_name_does_not_count(dsn: str) -> None:
    functions = defined(dsn)
    profile = run(
        dsn,
        """
        create or replace function seckill.sign (p_a integer) returns text language plpgsql
        as $$ begin return 'mutant'; end $$""",
        "select seckill.sign(1)",
    )
    assert gaps(report(functions, profile, {})) == ALL_GAPS


def test_a_reason_excuses_a_gap_and_nothing_else(dsn: str) -> None:
    functions = defined(dsn)
    profile = run(dsn, "select seckill.sign(1)", "select seckill_private.counted()")
    profile.add(run(dsn, "select seckill.sign(0)"))
    excused = {
        ("seckill.sign", NEGATIVE): "cannot be",
        ("seckill_private.refuse", WHOLE): "cannot be",
    }
    assert report(functions, profile, excused).ok
    stale = report(functions, profile, {**excused, ("seckill.sign", "return 'plus';"): "wrong"})
    assert not stale.ok
    assert stale.stale == ("seckill.sign: return 'plus';",)


def test_profiles_of_several_processes_are_added(dsn: str, tmp_path: Path) -> None:
    run(dsn, "select seckill.sign(1)").write(tmp_path / "first.json")
    run(dsn, "select seckill.sign(0)").write(tmp_path / "second.json")
    body = next(f.definition for f in defined(dsn) if f.name == "seckill.sign")
    assert gathered(tmp_path).statements[body, 0] == 2


def test_the_program_judges_every_function(profiled: Server, tmp_path: Path) -> None:
    nothing = Profile.empty()
    nothing.calls[Definition("seckill.no_such() 0")] = 1
    nothing.write(tmp_path / "nothing.json")
    done = subprocess.run(
        [sys.executable, ROOT / "ops/dev/coverage.py", "--json", "--data", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    said = json.loads(done.stdout)
    files = {gap["file"] for gap in said["gaps"]}
    assert files == {str(path.relative_to(ROOT)) for path in ROOT.glob("procedures/*ing/*.sql")} | {
        str(path.relative_to(ROOT)) for path in ROOT.glob("procedures/internal/*/*.sql")
    }
    assert len(said["stale"]) == sum(text != WHOLE for _, text in GAPS)
