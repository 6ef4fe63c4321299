"""Mistakes planted in a copy of the Python package, and the checks that must see them.

As tests/mutation does for the SQL: the whole package is copied, the mistake planted in the copy,
and the check run in a process that imports it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fix_postgres import IN_CI

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "pyapp" / "seckill"


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mistake that somebody could make, and the check that must see it.

    Attributes:
        name: the mistake, in a few words.
        file: of the package.
        old: stands there exactly once.
        new: what it becomes.
        caught_by: a check.
        symptom: a regular expression that the check's complaint must match.
    """

    name: str
    file: str
    old: str
    new: str
    caught_by: str
    symptom: str


def to_plant(mutations: Sequence[Mutation]) -> Sequence[Mutation]:
    """All of them in CI, else every fourth: each starts a process, and takes seconds."""
    return mutations if IN_CI else mutations[::4]


def run_check(
    module: str, name: str, arguments: Sequence[str], package_root: Path = PACKAGE.parent
) -> subprocess.CompletedProcess[str]:
    """A check, in a process that imports the package from there."""
    return subprocess.run(
        [sys.executable, "-m", module, name, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{package_root}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def planted(mutation: Mutation, directory: Path) -> Path:
    """A copy of the package with the mistake in it."""
    shutil.copytree(PACKAGE, directory / "seckill", ignore=shutil.ignore_patterns("__pycache__"))
    path = directory / "seckill" / mutation.file
    text = path.read_text(encoding="utf-8")
    assert text.count(mutation.old) == 1, f"{text.count(mutation.old)} places"
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")
    return directory


def require_caught(
    mutation: Mutation, module: str, arguments: Sequence[str], directory: Path
) -> None:
    """The check fails on the mistake, and for the reason given."""
    done = run_check(module, mutation.caught_by, arguments, planted(mutation, directory))
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("Violation: "), done.stdout + done.stderr
    assert re.search(mutation.symptom, done.stdout), done.stdout
