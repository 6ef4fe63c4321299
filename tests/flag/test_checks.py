"""The flag passes every check, and each known-bad variant of it is caught by one.

As tests/mutation does for the SQL. What is mutated here is Python and Lua, so the whole package
is copied, the mistake planted in the copy, and the check run in a process that imports it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fix_database import Database
from tests.flag.checks import CHECKS, Arena

ROOT = Path(__file__).resolve().parents[2]
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


MUTATIONS = (
    Mutation(
        "a stale writer without the epoch compare",
        "soldout.lua",
        "epoch > asked or ",
        "",
        "late_writer",
        r"after the reopening: 'sold_out'",
    ),
    Mutation(
        "look and write in two steps: the look is thrown away",
        "soldout.lua",
        "local kept = redis.pcall('get', KEYS[1])",
        "local kept = nil",
        "late_writer",
        r"after the reopening: 'sold_out'",
    ),
    Mutation(
        "a stale writer without the epoch compare, in the process",
        "flag.py",
        "if kept is None or kept[0].epoch <= epoch:",
        "if True:",
        "late_writer_here",
        r"after the reopening: 'sold_out'",
    ),
    Mutation(
        "a late relay lowers a newer flag",
        "soldout.lua",
        "(epoch == asked and ARGV[2] == 'open')",
        "false",
        "late_relay",
        r"shut=False",
    ),
    Mutation(
        "a repeat is taken for a first try",
        "client_async.py",
        "pools=[StockPool(activity_id, sku, region)],\n"
        "            first_try=first_try or request_id is None",
        "pools=[StockPool(activity_id, sku, region)],\n            first_try=True",
        "repeat",
        r"repeat: \('sold_out', None\)",
    ),
    Mutation(
        "whatever the store says is believed",
        "flag.py",
        "return now < until",
        "return True",
        "liar",
        r"still sold_out",
    ),
    Mutation(
        "belief is renewed by the store's own word",
        "flag.py",
        "            if until is None:\n",
        "            if until is None or until <= now:\n",
        "liar",
        r"still sold_out",
    ),
    Mutation(
        "a flag outlives the hold that keeps the pool empty",
        "_guard_async.py",
        "if answer.retry_at is not None:",
        "if False:",
        "flag_and_hold_end",
        r"after the hold has ended: 'sold_out'",
    ),
    Mutation(
        "a transaction that may be rolled back raises the flag",
        "_core_async.py",
        "if guard is None or connection is not None:",
        "if guard is None:",
        "own_transaction",
        r"after the rollback: 'sold_out'",
    ),
    Mutation(
        "a pool with units left is shut",
        "_guard_async.py",
        "answer.remaining != 0",
        "answer.remaining is None",
        "something_left",
        r"one of one: 'sold_out'",
    ),
    Mutation(
        "the life of a flag begins when it is written",
        "_guard_async.py",
        "ends_at = asked_at + self._flag.ttl_s",
        "ends_at = monotonic() + 60",
        "old_answer",
        r"older than a TTL",
    ),
    Mutation(
        "only each piece of an answer is bounded in time",
        "flag_redis.py",
        "async with asyncio.timeout(self._timeout_s):\n                answer",
        "async with asyncio.timeout(None):\n                answer",
        "slow_in_pieces",
        r"within 0.5 s took",
    ),
)


def dsns(db: Database) -> list[str]:
    """Of a buyer and of an operator."""
    return [db.dsn(who, pool_size=4) for who in ("buyer", "operator")]


def run_check(name: str, db: Database, package_root: Path) -> subprocess.CompletedProcess[str]:
    """A check, in a process that imports the package from there."""
    return subprocess.run(
        [sys.executable, "-m", "tests.flag.checks", name, *dsns(db)],
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


@pytest.mark.parametrize("name", CHECKS)
async def test_the_flag_passes(name: str, db: Database) -> None:
    await CHECKS[name](Arena(*dsns(db)))


def test_the_gate_itself_passes_the_living_code(db: Database) -> None:
    done = run_check("repeat", db, ROOT / "pyapp")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[m.name for m in MUTATIONS])
def test_the_mutation_is_caught(mutation: Mutation, db: Database, tmp_path: Path) -> None:
    done = run_check(mutation.caught_by, db, planted(mutation, tmp_path))
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.startswith("Violation: "), done.stdout + done.stderr
    assert re.search(mutation.symptom, done.stdout), done.stdout


def test_every_check_catches_something() -> None:
    assert {mutation.caught_by for mutation in MUTATIONS} == set(CHECKS)
