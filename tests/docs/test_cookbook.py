"""Every command and every statement of the cookbook is run, and says what the page says it says.

Each section is played twice, by its commands and by its SQL, each time in a database of its own in
which the sale of the introduction was opened the same way.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.cli.conftest import Run
from tests.cli.conftest import ops as ops
from tests.cli.conftest import run as run
from tests.fix_database import Database
from tests.fix_sale import Sale, violations

PAGE = Path(__file__).resolve().parents[2] / "procedures" / "COOKBOOK.md"

# Everything that a clock would have moved, by psql or by us.
TURN_THE_CLOCK = """
update seckill_private.reservation
   set created_at = created_at - %(by)s::interval, expires_at = expires_at - %(by)s::interval,
       resolved_at = resolved_at - %(by)s::interval;
update seckill_private.pool_slot
   set next_expiry = next_expiry - %(by)s::interval, seen_at = seen_at - %(by)s::interval,
       next_release = next_release - %(by)s::interval;
update seckill_private.stock_release set release_at = release_at - %(by)s::interval;
update seckill_private.activity
   set starts_at = starts_at - %(by)s::interval, ends_at = ends_at - %(by)s::interval;
"""

# What a command's exit status is where the page says that it answers this; else 0.
REFUSALS = ("limit_exceeded", "not_eligible", "sold_out", "No:")


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it in code."""

    title: str
    commands: str
    statements: str


def sections() -> list[Section]:
    """The introduction first; each has one block of commands and one of SQL."""
    found: list[Section] = []
    for part in re.split(r"^#+ (?=[A-Z])", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[
        1:
    ]:
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)
        title = part.splitlines()[0]
        assert [language for language, _ in blocks] == ["sh", "sql"], title
        found.append(Section(title, blocks[0][1], blocks[1][1]))
    return found


INTRODUCTION, *SECTIONS = sections()
each_section = pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.title)


def later(line: str) -> str | None:
    """`1 day` of a line such as `# 1 day later`."""
    match = re.fullmatch(r"(?:#|--) (\d+ \w+) later", line)
    return match[1] if match else None


def turn(superuser: Connection[Any], by: str) -> None:
    with psycopg.ClientCursor(superuser) as cursor:
        cursor.execute(TURN_THE_CLOCK, {"by": by})


def type_in(ops: Run, superuser: Connection[Any], commands: str) -> int:
    """Type the commands; how many answers were compared."""
    compared = 0
    for line in commands.splitlines():
        if (by := later(line)) is not None:
            turn(superuser, by)
            continue
        words = shlex.split(line, comments=True)
        claim = line.partition("  # ")[2]
        assert words[0] == "seckill"
        done = ops(*words[1:])
        wanted = 2 if claim.startswith("SK") else int(claim.startswith(REFUSALS))
        assert done.status == wanted, (line, done)
        assert claim in done.out + done.err, (line, done)
        compared += bool(claim)
    return compared


def answer(operator: Connection[Any], statement: str) -> set[str]:
    """The different rows of a statement, or the code of its error."""
    try:
        rows = operator.execute(statement.encode()).fetchall()
    except psycopg.Error as error:
        return {str(error.sqlstate)}
    return {", ".join("null" if value is None else str(value) for value in row) for row in rows}


def run_sql(operator: Connection[Any], superuser: Connection[Any], statements: str) -> int:
    """Run the statements; how many answers were compared."""
    compared = 0
    statement: list[str] = []
    for line in statements.splitlines():
        if (by := later(line)) is not None:
            assert not statement
            turn(superuser, by)
            continue
        code, end, claim = line.partition(";  -- ")
        statement.append(code)
        if end:
            said = answer(operator, "\n".join(statement))
            assert said == {claim}, ("\n".join(statement), said)
            compared += 1
            statement.clear()
    assert not statement, "a statement without its answer"
    return compared


@each_section
def test_commands(
    section: Section,
    ops: Run,
    db: Database,
    operator: Connection[Any],
    superuser: Connection[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "members.txt").write_text("ann\nbob\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    type_in(ops, superuser, INTRODUCTION.commands)
    assert type_in(ops, superuser, section.commands) >= 2
    assert violations(operator, Sale(1, "phone", "*")) == []


@each_section
def test_statements(
    section: Section, operator: Connection[Any], superuser: Connection[Any]
) -> None:
    run_sql(operator, superuser, INTRODUCTION.statements)
    assert run_sql(operator, superuser, section.statements) >= 2
    assert violations(operator, Sale(1, "phone", "*")) == []


def test_the_page_has_every_window_and_metric() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for word in (
        "order", "hour", "day", "week", "month", "activity", "rolling",
        "units", "orders", "open_holds", "expired_holds",
    ):  # fmt: skip
        assert f"'{word}'" in text, word


def test_a_wrong_claim_is_seen(operator: Connection[Any], superuser: Connection[Any]) -> None:
    run_sql(operator, superuser, INTRODUCTION.statements)
    with pytest.raises(AssertionError, match="sold_out"):
        run_sql(
            operator,
            superuser,
            "select status from seckill.reserve(1, 'ann', 'phone', 91, gen_random_uuid());"
            "  -- held\n",
        )
