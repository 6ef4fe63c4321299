"""The login that ops/README.md gives for Redis: the flag works with it, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import redis

from seckill.flag import Flag, StockPool
from seckill.flag_redis import AsyncRedisFlag
from seckill.runtime.valkey import Valkey
from tests.client.fix_client import until_async
from tests.fix_valkey import console

README = Path(__file__).parents[2] / "ops" / "README.md"
POOL = StockPool(7, "phone", "*")
PASSWORD = "secret"


def shipped_rule() -> list[str]:
    """The words of the one `ACL SETUSER` line."""
    (line,) = re.findall(r"^ACL SETUSER .*$", README.read_text(), re.MULTILINE)
    return line.split()


@contextmanager
def logged_in(valkey: Valkey, rule: list[str]) -> Iterator[tuple[redis.Redis, str]]:
    """A session of the role, and its URL."""
    name = rule[2]
    with console(valkey) as admin:
        admin.execute_command(*rule)
    url = valkey.url.replace("unix://", f"unix://{name}:{PASSWORD}@", 1)
    with redis.Redis.from_url(url) as client:
        yield client, url


async def test_the_flag_works_with_it(valkey: Valkey) -> None:
    with logged_in(valkey, shipped_rule()) as (_, url):
        flag = AsyncRedisFlag(url, timeout_ms=2_000)
        try:
            await flag.shut(POOL, 5, monotonic() + 5)
            await until_async(lambda: not flag._writing)
            assert list(await flag.read([POOL])) == [Flag(5, True)]
            assert await flag.reopen(POOL, 6)
            assert list(await flag.read([POOL])) != [Flag(5, True)]
        finally:
            await flag.close()


REFUSED: list[tuple[Any, ...]] = [
    ("GET", "session:ann"),
    ("SET", "session:ann", "x"),
    ("GET", "seckill:other"),
    ("EVAL", "return redis.call('get', 'session:ann')", 0),
    ("EVAL", "return redis.call('del', KEYS[1])", 1, POOL.key),
    ("EVAL", "return redis.call('set', KEYS[1], 'x')", 1, "session:ann"),
    ("EVAL", "return redis.call('flushall')", 0),
    ("DEL", POOL.key),
    ("EXPIRE", POOL.key, 1_000_000),
    ("KEYS", "*"),
    ("SCAN", 0),
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "dir", "/tmp"),
    ("ACL", "LIST"),
    ("ACL", "SETUSER", "mine", "on"),
    ("MONITOR",),
    ("CLIENT", "KILL", "TYPE", "normal"),
    ("SCRIPT", "FLUSH"),
    ("FUNCTION", "LIST"),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("SUBSCRIBE", "news"),
    ("PUBLISH", "news", "x"),
    ("SHUTDOWN", "NOSAVE"),
    ("LATENCY", "RESET"),
]


@pytest.mark.parametrize("command", REFUSED, ids=lambda command: " ".join(map(str, command))[:40])
def test_everything_else_is_refused(valkey: Valkey, command: tuple[Any, ...]) -> None:
    with console(valkey) as admin:
        admin.set("session:ann", "hers")
    with logged_in(valkey, shipped_rule()) as (client, _):
        with pytest.raises(redis.ResponseError, match=r"NOPERM|permission|can't access"):
            client.execute_command(*command)
    with console(valkey) as admin:
        assert admin.get("session:ann") == b"hers"


def test_control_a_wider_rule_lets_it_through(valkey: Valkey) -> None:
    wider = [word.replace("~seckill:soldout:*", "~*") for word in shipped_rule()]
    with console(valkey) as admin:
        admin.set("session:ann", "hers")
    with logged_in(valkey, wider) as (client, _):
        assert client.get("session:ann") == b"hers"


def test_no_password_no_entry(valkey: Valkey) -> None:
    with logged_in(valkey, shipped_rule()) as (_, url):
        with redis.Redis.from_url(url.replace(PASSWORD, "guess")) as guessing:
            with pytest.raises(redis.AuthenticationError):
                guessing.get(POOL.key)
