"""The flag passes every check, and each known-bad variant of it is caught by one.

What is mutated is Python and Lua: `tests/fix_planted.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fix_database import Database
from tests.fix_planted import Mutation, require_caught, run_check, to_plant
from tests.flag.checks import CHECKS, Arena

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


@pytest.mark.parametrize("name", CHECKS)
async def test_the_flag_passes(name: str, db: Database) -> None:
    await CHECKS[name](Arena(*dsns(db)))


def test_the_gate_itself_passes_the_living_code(db: Database) -> None:
    done = run_check("tests.flag.checks", "repeat", dsns(db))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("mutation", to_plant(MUTATIONS), ids=lambda mutation: mutation.name)
def test_the_mutation_is_caught(mutation: Mutation, db: Database, tmp_path: Path) -> None:
    require_caught(mutation, "tests.flag.checks", dsns(db), tmp_path)


def test_every_check_catches_something() -> None:
    assert {mutation.caught_by for mutation in MUTATIONS} == set(CHECKS)
