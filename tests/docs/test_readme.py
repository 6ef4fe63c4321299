"""What the README tells people to type is typed here, in its order, as the roles it names."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.fix_database import Database

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def psql(db: Database, who: str, script: str) -> list[str]:
    """Run a script in psql through PgBouncer; its output lines, unaligned."""
    run = subprocess.run(
        [db.server.bindir / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", db.dsn(who)],
        input=script,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def test_the_sale_by_hand_and_from_python(db: Database) -> None:
    """An operator opens it, a buyer with nothing but psql reserves, confirms and cancels."""
    opening, buying = blocks("sql")
    answers = [line.split("|")[0] for line in psql(db, "operator", opening)]
    assert answers == ["received", "allocated", "set", "set", "open"]

    lines = [line.split("|") for line in psql(db, "buyer", buying)]
    assert [line[0] for line in lines] == [
        "held", "held", "limit_exceeded", "fail", "confirmed", "cancelled", "on_sale",
    ]  # fmt: skip
    assert [line[3] for line in lines[:2]] == ["f", "t"], "the second is a replay"
    assert lines[-1][1:5] == ["100", "99", "0", "1"]

    (program,) = blocks("python")
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "SECKILL_DSN": db.dsn("buyer")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "held 98\n"), run.stderr


def test_links_lead_somewhere() -> None:
    names = (
        "*.md",
        "*/*.md",
        "ops/*/README.md",
        "ops/runbooks/*.md",
        "procedures/*/README.md",
        "tests/*/*.md",
    )
    pages = [page for name in names for page in ROOT.glob(name)]
    assert ROOT / "ops" / "containers" / "README.md" in pages
    for document in pages:
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
