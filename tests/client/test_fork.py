"""A process that forks: two on one socket would hear each other's answers.

Each check runs in a process of its own, since pytest's has threads.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fix_database import Database

ROOT = Path(__file__).resolve().parents[2]

SYNC = """
import os, sys
from seckill import Client

client = Client(sys.argv[1], max_size=1)
client.open()
assert client.shard_of(user_id="parent") is not None
{before}
child = os.fork()
if not child:
    try:
        client.shard_of(user_id="child")
    except RuntimeError as error:
        print(error, flush=True)
    {then}
    os._exit(0)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
link = client._pool._idle[-1]
assert client.shard_of(user_id="parent") is not None
assert client._pool._idle[-1] is link, "the child closed the parent's connection"
client.close()
"""

ASYNC = """
import asyncio, os, sys
from seckill import AsyncClient

client = AsyncClient(sys.argv[1], max_size=1)

async def ask(who):
    return await client.shard_of(user_id=who)

async def again():
    await client.open()
    assert await ask("child") is not None
    await client.close()

with asyncio.Runner() as runner:
    runner.run(client.open())
    runner.run(ask("parent"))
    child = os.fork()
    if not child:
        try:
            asyncio.run(ask("child"))
        except RuntimeError as error:
            print(error, flush=True)
        asyncio.run(again())
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    link = client._pool._idle[-1]
    runner.run(ask("parent"))
    assert client._pool._idle[-1] is link, "the child closed the parent's connection"
    runner.run(client.close())
"""

REOPENED = """client.open()
    assert client.shard_of(user_id="child") is not None
    client.close()"""


def said_by(script: str, dsn: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, dsn],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}/pyapp"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("then", ["client.close()", REOPENED], ids=["closes", "opens"])
def test_a_child_opens_its_own(db: Database, then: str) -> None:
    said = said_by(SYNC.format(before="", then=then), db.dsn("buyer", pool_size=2))
    assert said == "the client was opened before a fork: open it in each process\n"


def test_also_where_a_purchase_was_under_way(db: Database) -> None:
    """What another thread held at that instant, nobody lets go of in the child."""
    hold = "client._coalescer._lock.acquire()"
    script = SYNC.format(before=hold, then=REOPENED).replace(
        'client.shard_of(user_id="child")\n    except',
        'client.reserve(activity_id=1, user_id="child", sku="phone", quantity=1)\n    except',
        1,
    )
    said = said_by(script, db.dsn("buyer", pool_size=2))
    assert said == "the client was opened before a fork: open it in each process\n"


def test_also_where_another_thread_was_opening(db: Database) -> None:
    script = SYNC.format(before="client._opening.acquire()", then=REOPENED)
    script = script.replace("link = client", "client._opening.release()\nlink = client", 1)
    said = said_by(script, db.dsn("buyer", pool_size=2))
    assert said == "the client was opened before a fork: open it in each process\n"


def test_tasks(db: Database) -> None:
    said = said_by(ASYNC, db.dsn("buyer", pool_size=2))
    assert said == "the client was opened before a fork: open it in each process\n"
