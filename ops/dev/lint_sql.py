"""pgspot and squawk on what `seckill migrate --sql` prints: who could abuse it, whom it would stop.

    python ops/dev/lint_sql.py

Everything that they find fails, but for the exceptions below, each with its reason. An exception
that nothing needs any more fails too.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROGRAMS = Path(sys.executable).parent
SECTION = re.compile(r"^(?=-- file: )", re.MULTILINE)
# `return …` and `begin atomic`: what the body names was bound when the function was made.
BOUND = re.compile(r"^create or replace function [^$]*^(?:return\b|begin atomic)", re.MULTILINE)
# What libpg_query, which knows no catalogue, or pgspot cannot read in bodies in PL/pgSQL, and the
# same in words that they can: fields of a variable of a composite type; parameters by their
# function's name, which only a procedure without search_path has to write; `return next`.
READABLE = (
    (re.compile(r"^(  v_\w+) seckill(?:_private)?\.\w+(?=;| :=)", re.M), r"\1 record"),
    (re.compile(r"\breserve_now\.(?!p_)(?=\w)"), ""),
    (re.compile(r"\breturn next (?=\S)"), "perform "),
)
PGSPOT_LINE = re.compile(r"^(PS\d{3}): (.*) at line (\d+)$")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a program says of a place.

    Attributes:
        rule: its name, such as PS010 or prefer-bigint-over-int.
        where: what pgspot names, or the line of SQL that squawk points at.
    """

    rule: str
    where: str


@dataclass(frozen=True, slots=True)
class Excepted:
    """Findings that are meant to be: of this rule, where the regular expression is found."""

    rule: str
    where: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Whether the finding is one of these."""
        return self.rule == finding.rule and re.search(self.where, finding.where) is not None


NOT_A_COUNTER = (
    "a slot, a shard or a part's number: tens of them, chosen by us, and in every index of the"
    " hot tables, where two bytes count"
)
UNITS = "units of one order: an argument of type integer, at most 2^31 - 1 by the interface"
EXCEPTIONS = (
    Excepted(
        "PS010",
        r"schema creation: seckill_private$",
        "Alembic's version table lives in it before the first revision. What somebody planted in it"
        " beforehand stops the migration (tests/security/test_planted_schema.py)",
    ),
    Excepted(
        "PS005",
        r"^Function without explicit search_path: seckill\.reserve_now\(",
        "a procedure that commits can have no SET clause. It runs with its caller's rights, and"
        " every name in it is written in full",
    ),
    Excepted(
        "prefer-text-field", r"version_num VARCHAR\(32\)", "Alembic makes its own version table"
    ),
    Excepted(
        "require-lock-timeout",
        r"^create schema if not exists seckill_private;$",
        "a new schema waits for nobody; each of our files begins with set local lock_timeout"
        " (tests/migrations)",
    ),
    Excepted(
        "require-statement-timeout",
        r"^create schema if not exists seckill_private;$",
        "the first revision makes new tables, which nobody waits for; one that fills a large table"
        " must be let run, and one that locks a hot one has its lock_timeout",
    ),
    Excepted(
        "ban-create-domain-with-constraint",
        r"^create domain seckill_private\.\w+ as (?:bigint|text) constraint \w+ check \(",
        "what a table checks is planned by every statement that writes it, what a domain checks"
        " once in a session; a new check can be added to it not valid and validated later",
    ),
    Excepted(
        "prefer-bigint-over-smallint",
        r"^\s+(?:slot|shard|slots|slot_rows) smallint(?:\[\])? not null(?: default 1)?,$",
        NOT_A_COUNTER,
    ),
    Excepted(
        "prefer-bigint-over-int",
        r"^\s+(?:(?:asked_)?quantities|refunded|restored) integer\[\](?: not null)?,$",
        UNITS,
    ),
    Excepted(
        "prefer-bigint-over-int",
        r"^\s+hold_seconds integer not null,$",
        "a day at most, by its check; an argument of type integer",
    ),
    Excepted(
        "prefer-bigint-over-int",
        r"^\s+max_waiting integer,$",
        "how many calls may wait at once: an argument of type integer",
    ),
    Excepted(
        "prefer-bigint-over-int",
        r"^\s+ordinal integer not null,$",
        "which refund of one reservation this is: at most as many as it has units",
    ),
    Excepted(
        "prefer-bigint-over-int",
        r"^\s+drops integer not null,$",
        "how often a limit's name was dropped, by people",
    ),
)


def for_pgspot(script: str) -> tuple[str, int]:
    """The script in words that pgspot can read, and how many functions it lacks: bound ones."""
    sections = SECTION.split(script)
    kept = [section for section in sections if not BOUND.search(section)]
    text = "".join(kept)
    for unreadable, readable in READABLE:
        text = unreadable.sub(readable, text)
    return text, len(sections) - len(kept)


def pgspot(script: Path) -> Iterator[Finding]:
    """Run pgspot, also into bodies in PL/pgSQL; RuntimeError where it has not seen all."""
    done = subprocess.run(
        [PROGRAMS / "pgspot", script], capture_output=True, text=True, check=False
    )
    if re.search(r"^ *Errors: \d+ Warnings: \d+ Unknown: 0\s*\Z", done.stdout, re.M) is None:
        raise RuntimeError(f"pgspot gave up: {done.stdout[-300:]}{done.stderr[-300:]}")
    for line in done.stdout.splitlines():
        if found := PGSPOT_LINE.match(line):
            yield Finding(found[1], found[2])


def squawk(script: Path) -> Iterator[Finding]:
    """Run squawk as for the oldest PostgreSQL that is supported."""
    done = subprocess.run(
        [PROGRAMS / "squawk", "--reporter=json", "--pg-version=15", script],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(f"squawk gave up: {done.stderr[-300:]}")
    lines = script.read_text(encoding="utf-8").splitlines()
    found: dict[str, Any]
    for found in json.loads(done.stdout):
        yield Finding(str(found["rule_name"]), lines[int(found["line"])])


def judge(findings: Sequence[Finding]) -> list[str]:
    """What is wrong: findings without an exception, and exceptions without a finding."""
    wrong = [
        f"{finding.rule}: {finding.where.strip()}"
        for finding in findings
        if not any(excepted.covers(finding) for excepted in EXCEPTIONS)
    ]
    stale = [
        f"no longer needed: {excepted.rule} {excepted.where}"
        for excepted in EXCEPTIONS
        if not any(excepted.covers(finding) for finding in findings)
    ]
    return wrong + stale


def look_at(script: str) -> tuple[list[Finding], int]:
    """All findings in a script, and how many functions pgspot was not given."""
    with tempfile.TemporaryDirectory() as directory:
        whole, part = Path(directory, "whole.sql"), Path(directory, "part.sql")
        whole.write_text(script, encoding="utf-8")
        text, bound = for_pgspot(script)
        part.write_text(text, encoding="utf-8")
        return [*pgspot(part), *squawk(whole)], bound


def offline_script() -> str:
    """All revisions, as `seckill migrate --sql` prints them."""
    return subprocess.run(
        [PROGRAMS / "seckill", "migrate", "--sql"], capture_output=True, text=True, check=True
    ).stdout


def main() -> int:
    """Print what is wrong; the exit status."""
    script = offline_script()
    findings, bound = look_at(script)
    wrong = judge(findings)
    for line in wrong:
        print(line)
    functions = len(re.findall(r"^create or replace (?:function|procedure) ", script, re.M))
    print(
        f"{functions} functions; pgspot read all but {bound} whose names are bound; "
        f"{len(findings)} findings, {len(wrong)} of them without an exception"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
