"""Which statements of the SQL functions the tests execute, as plpgsql_check's profiler counts.

    python ops/dev/coverage.py               run the contract and races on PostgreSQL 15, and report
    python ops/dev/coverage.py -- ARGS       run what pytest makes of these arguments, and report
    python ops/dev/coverage.py --data DIR    report what a run with SECKILL_COVERAGE=DIR left there
    python ops/dev/coverage.py --all         a line for every function, not only for those with gaps

Debian has the extension for PostgreSQL 15 only, so what runs there counts. Status 1 where a
statement that no test executes is not in GAPS below, with its reason, and where an entry of GAPS
is no gap any more.

Functions in SQL have no statements that can be counted: PostgreSQL counts their calls, but not of
those that it wrote into the statement that calls them ("inlined"). Of these the report says whether
a statement or a function that was executed names them, which is less.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NewType

import psycopg
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from seckill import migrate
from seckill.runtime import Postgres, StartError, find_bindir

ROOT = Path(__file__).resolve().parents[2]
VERSION = "15"
# The directory that a run of the tests shall leave its profiles in.
VARIABLE = "SECKILL_COVERAGE"
TESTS = ("tests/procedures", "tests/concurrency", "--target=15-direct", "-n2", "--dist=loadgroup")
PROFILER: Mapping[str, str] = {
    "shared_preload_libraries": "plpgsql,plpgsql_check",
    "plpgsql_check.profiler": "on",
    # A chunk is thirty statements of one function in one database; what finds none is not counted.
    "plpgsql_check.profiler_max_shared_chunks": "50000",
    "track_functions": "all",
}
PERCENT = re.compile(r"\[ *(\d+)%\]")
ENDS_A_STATEMENT = re.compile(r"(?:;|\bthen|\bloop|\bbegin|\bdeclare)$")

# What no test executes, and why: (function, statement) -> reason.
GAPS: dict[tuple[str, str], str] = {
    (
        "seckill_private.rebase_feed",
        "perform seckill_private.raise_error( 'SK006', 'the database was restored: call changes"
        " once on its primary');",
    ): "on a standby; tests/faults/test_standby.py has one, of PostgreSQL 18",
}

# "schema.function(types) digest": a function as it is defined. Another definition of the same name,
# which a test put in its place, is another function.
Definition = NewType("Definition", str)

DEFINED = """
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_language as l on l.oid = p.prolang and l.lanname in ('plpgsql', 'sql')
 cross join lateral (
   select p.oid::regprocedure || ' ' || md5(pg_get_functiondef(p.oid)) as definition) as d
"""
OURS = """
 where p.pronamespace in (
   select oid from pg_catalog.pg_namespace where nspname in ('seckill', 'seckill_private'))
"""
FUNCTIONS = f"""
select d.definition, p.pronamespace::regnamespace || '.' || p.proname as name,
       l.lanname as language, p.proconfig is null and not p.prosecdef as can_be_inlined,
       p.prosrc as body, pg_get_functiondef(p.oid) as source
{DEFINED} {OURS} order by name"""
STATEMENTS = f"""
select d.definition, s.stmtid, s.lineno, s.stmtname
{DEFINED} cross join lateral plpgsql_profiler_function_statements_tb(p.oid) as s
{OURS} and l.lanname = 'plpgsql' order by 1, 2"""
# Only what was called in this database has an entry in the statistics, also where it failed.
EXECUTED = f"""
select d.definition, s.stmtid, s.exec_stmts
{DEFINED} join pg_catalog.pg_stat_user_functions as u on u.funcid = p.oid
cross join lateral plpgsql_profiler_function_statements_tb(p.oid) as s
{OURS} and l.lanname = 'plpgsql' and s.exec_stmts > 0"""
CALLED = f"""
select d.definition, u.calls
{DEFINED} join pg_catalog.pg_stat_user_functions as u on u.funcid = p.oid
{OURS} and l.lanname = 'sql' and u.calls > 0"""
# The profiler's memory is shared by all databases, and does not notice when one is dropped.
FORGET = f"""
select plpgsql_profiler_reset(p.oid)
{DEFINED} join pg_catalog.pg_stat_user_functions as u on u.funcid = p.oid
{OURS} and l.lanname = 'plpgsql'"""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of a function in PL/pgSQL.

    Attributes:
        number: its place in the function, from 0, the body itself.
        line: of the file that the function stands in.
        text: as it is written, with single spaces.
        executed: how often.
    """

    number: int
    line: int
    text: str
    executed: int


@dataclass(frozen=True, slots=True)
class Function:
    """A function and what was executed of it.

    Attributes:
        name: with its schema.
        file: below the checkout; empty for what has no file.
        language: "plpgsql" or "sql".
        statements: none of one in SQL.
        calls: of one in SQL, as far as PostgreSQL counts them.
        inlined: in SQL, no call was counted, and what was executed names it.
    """

    name: str
    file: str
    language: str
    statements: tuple[Statement, ...]
    calls: int
    inlined: bool

    @property
    def gaps(self) -> tuple[Statement, ...]:
        """What nothing executed; the whole body is one gap, not one for each statement."""
        if self.language == "sql":
            seen = self.calls or self.inlined
            return () if seen else (Statement(0, 1, "(the whole function)", 0),)
        if self.statements[0].executed == 0:
            return (Statement(0, self.statements[0].line, "(the whole function)", 0),)
        return tuple(found for found in self.statements if found.executed == 0)


@dataclass(slots=True)
class Profile:
    """What was executed: counts by definition and the statement's number."""

    statements: Counter[tuple[Definition, int]]
    calls: Counter[Definition]

    @classmethod
    def empty(cls) -> Profile:
        """Nothing was executed."""
        return cls(Counter(), Counter())

    def add(self, other: Profile) -> None:
        """Take over the counts of another one."""
        self.statements.update(other.statements)
        self.calls.update(other.calls)

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        statements = [[*key, count] for key, count in sorted(self.statements.items())]
        calls = sorted(self.calls.items())
        text = json.dumps({"statements": statements, "calls": calls})
        path.write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Profile:
        """Read what `write` wrote."""
        found: dict[str, list[Any]] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            Counter({(Definition(name), number): n for name, number, n in found["statements"]}),
            Counter({Definition(name): n for name, n in found["calls"]}),
        )


# -- reading a database ----------------------------------------------------------------------------


def collect(dsn: str) -> Profile:
    """What was executed in a database, which no other session may be using any more."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        end_other_sessions(connection)
        connection.execute("create extension if not exists plpgsql_check with schema pg_catalog")
        executed = connection.execute(EXECUTED.encode()).fetchall()
        called = connection.execute(CALLED.encode()).fetchall()
        connection.execute(FORGET.encode())
    return Profile(
        Counter({(name, number): count for name, number, count in executed}),
        Counter(dict(called)),
    )


def end_other_sessions(connection: psycopg.Connection[Any], timeout_seconds: float = 20) -> None:
    """A session reports its calls to the statistics once a second, and when it ends."""
    query = """
        select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid()"""
    deadline = time.monotonic() + timeout_seconds
    while connection.execute(query).fetchall():
        if time.monotonic() > deadline:
            raise TimeoutError(f"sessions do not end: {connection.info.dsn}")
        time.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Defined:
    """A function as a database has it; `statements` are (number, line of the body, kind)."""

    definition: Definition
    name: str
    language: str
    can_be_inlined: bool
    body: str
    source: str
    statements: tuple[tuple[int, int, str], ...]


def defined(dsn: str) -> list[Defined]:
    """All our functions in a database of a server with plpgsql_check."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("create extension if not exists plpgsql_check with schema pg_catalog")
        statements: dict[Definition, list[tuple[int, int, str]]] = {}
        for definition, *rest in connection.execute(STATEMENTS.encode()).fetchall():
            statements.setdefault(definition, []).append((rest[0], rest[1], rest[2]))
        return [
            Defined(key, name, language, plain, body, source, tuple(statements.get(key, ())))
            for key, name, language, plain, body, source in connection.execute(FUNCTIONS.encode())
        ]


def living() -> list[Defined]:
    """All our functions at head, from a server of this program's own."""
    with Postgres(bindir=find_bindir(VERSION), settings={"fsync": "off", **PROFILER}) as postgres:
        migrate.upgrade(postgres.dsn())
        return defined(postgres.dsn())


# -- judging ---------------------------------------------------------------------------------------


@cache
def files() -> Mapping[str, str]:
    """The file of each function, below the checkout: it is named like the function."""
    return {path.stem: str(path.relative_to(ROOT)) for path in ROOT.glob("procedures/**/*.sql")}


def first_line(file: str) -> int:
    """The line in which the body of the file's function begins."""
    if not file:
        return 1
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    return next((n for n, line in enumerate(lines, 1) if line == "as $function$"), 1)


def text_at(body: str, line: int) -> str:
    """The statement that begins in a line of a body, up to its `;`, `then` or `loop`."""
    words: list[str] = []
    for written in body.splitlines()[line - 1 :]:
        code = re.sub(r"\s*--.*", "", written).strip()
        words += code.split()
        if ENDS_A_STATEMENT.search(code):
            break
    return " ".join(words)


def names(text: str, known: Iterable[str]) -> set[str]:
    """Which of the known functions a piece of SQL names."""
    return set(re.findall(r"\bseckill(?:_private)?\.\w+(?=\s*\()", text)) & set(known)


def judge_functions(functions: Sequence[Defined], profile: Profile) -> list[Function]:
    """Each function with what was executed of it."""
    by_name = {found.name: found for found in functions}
    seen: set[str] = set()
    judged: dict[str, Function] = {}
    for found in functions:
        file = files().get(found.name.split(".")[1], "")
        offset = first_line(file) - 1
        statements = tuple(
            Statement(
                number,
                line + offset,
                text_at(found.body, line),
                profile.statements[found.definition, number],
            )
            for number, line, _ in found.statements
        )
        calls = profile.calls[found.definition]
        judged[found.name] = Function(found.name, file, found.language, statements, calls, False)
        if calls or (statements and statements[0].executed):
            # Of a body in part executed, the whole is taken: what a default or a condition names
            # belongs to no statement.
            seen |= names(found.source, by_name)
    # What an inlined function names is in the same statement.
    inlined: set[str] = set()
    while fresh := {
        name
        for name in seen - inlined
        if by_name[name].can_be_inlined
        and by_name[name].language == "sql"
        and judged[name].calls == 0
    }:
        inlined |= fresh
        for name in fresh:
            seen |= names(by_name[name].source, by_name)
    return [
        Function(f.name, f.file, f.language, f.statements, f.calls, f.name in inlined)
        for f in judged.values()
    ]


@dataclass(frozen=True, slots=True)
class Gap:
    """A statement that nothing executed; `reason` is empty where nobody gave one."""

    function: str
    file: str
    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `stale` are the entries of GAPS that are no gap."""

    functions: tuple[Function, ...]
    gaps: tuple[Gap, ...]
    stale: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every gap has its reason, and every reason its gap."""
        return not self.stale and all(gap.reason for gap in self.gaps)


def report(
    functions: Sequence[Defined],
    profile: Profile,
    excused: Mapping[tuple[str, str], str] = GAPS,
) -> Report:
    """Compare what was executed with what there is."""
    judged = judge_functions(functions, profile)
    gaps = tuple(
        Gap(f.name, f.file, gap.line, gap.text, excused.get((f.name, gap.text), ""))
        for f in judged
        for gap in f.gaps
    )
    open_keys = {(gap.function, gap.text) for gap in gaps}
    stale = tuple(f"{name}: {text}" for name, text in excused if (name, text) not in open_keys)
    return Report(tuple(judged), gaps, stale)


# -- showing ---------------------------------------------------------------------------------------


def as_json(found: Report) -> str:
    """The report for programs."""
    functions = [
        {
            "name": f.name,
            "file": f.file,
            "language": f.language,
            "statements": len(f.statements),
            "executed": sum(s.executed > 0 for s in f.statements),
            "calls": f.calls or (f.statements[0].executed if f.statements else 0),
            "inlined": f.inlined,
        }
        for f in found.functions
    ]
    gaps = [asdict(gap) for gap in found.gaps]
    return json.dumps(
        {"ok": found.ok, "functions": functions, "gaps": gaps, "stale": found.stale}, indent=2
    )


def show(found: Report, console: Console, *, everything: bool) -> None:
    """The report for people."""
    procedural = [f for f in found.functions if f.language == "plpgsql"]
    table = Table("function", "statements", "executed", "gaps", title="Coverage of the functions")
    for column in table.columns[1:]:
        column.justify = "right"
    for f in procedural:
        if everything or f.gaps:
            executed = sum(s.executed > 0 for s in f.statements)
            missing = len(f.statements) - executed
            table.add_row(f.name, str(len(f.statements)), str(executed), str(missing or ""))
    statements = [s for f in procedural for s in f.statements]
    executed = sum(s.executed > 0 for s in statements)
    table.add_section()
    table.add_row(
        f"{len(procedural)} in PL/pgSQL",
        str(len(statements)),
        str(executed),
        str(len(statements) - executed),
    )
    console.print(table)
    in_sql = [f for f in found.functions if f.language == "sql"]
    console.print(
        f"{len(in_sql)} functions in SQL: {sum(f.calls > 0 for f in in_sql)} were called, "
        f"{sum(f.inlined for f in in_sql)} inlined into what was executed (their own calls cannot "
        "be counted)"
        + (": " + ", ".join(f.name for f in in_sql if f.inlined) if everything else ""),
        soft_wrap=True,
    )
    for gap in found.gaps:
        why = f"[dim]{gap.reason}[/]" if gap.reason else "[red]nothing executes it[/]"
        place = f"{gap.file or gap.function}:{gap.line}"
        console.print(f"{place}: {escape(gap.text)}: {why}", soft_wrap=True, highlight=False)
    for entry in found.stale:
        console.print(f"[red]no longer a gap:[/] {escape(entry)}", soft_wrap=True)


def escape(text: str) -> str:
    """Text in which Rich sees no markup."""
    return text.replace("[", r"\[")


# -- running ---------------------------------------------------------------------------------------


def run_tests(directory: Path, tests: Sequence[str], console: Console) -> int:
    """Run tests that leave their profiles in a directory; pytest's status."""
    command = [sys.executable, "-P", "-m", "pytest", "-v", "-p", "no:cacheprovider", *tests]
    # In CI races run on 15, too, and a server that is missing is a failure.
    environment = {**os.environ, VARIABLE: str(directory), "CI": "true"}
    said: list[str] = []
    with (
        Progress(
            TextColumn("running the tests"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        ) as progress,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
        ) as tests_running,
    ):
        task = progress.add_task("tests", total=100)
        assert tests_running.stdout is not None
        for line in tests_running.stdout:
            said.append(line)
            if at := PERCENT.search(line):
                progress.update(task, completed=int(at[1]))
    if tests_running.returncode != 0:
        console.print("".join(said[-60:]), markup=False, highlight=False)
    return tests_running.returncode


def gathered(directory: Path) -> Profile:
    """What the processes of a run left in a directory; SystemExit where they left nothing."""
    profile = Profile.empty()
    paths = sorted(directory.glob("*.json"))
    if not paths:
        raise SystemExit(f"no profile in {directory}: run the tests with {VARIABLE}={directory}")
    for path in paths:
        profile.add(Profile.read(path))
    return profile


def main() -> int:
    """Run, report; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="read what a run left there, and run nothing")
    parser.add_argument("--all", action="store_true", help="every function, not only gaps")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("tests", nargs="*", help="for pytest; else procedures and races")
    options = parser.parse_args()
    console = Console(stderr=options.json)
    try:
        functions = living()
    except StartError as error:
        raise SystemExit(f"{error} (and postgresql-15-plpgsql-check)") from error
    with tempfile.TemporaryDirectory() as scratch:
        directory: Path = options.data or Path(scratch)
        failed = 0 if options.data else run_tests(directory, options.tests or TESTS, console)
        found = report(functions, gathered(directory))
    if options.json:
        print(as_json(found))
    else:
        show(found, console, everything=options.all)
    return 0 if found.ok and failed == 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
