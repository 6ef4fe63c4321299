"""What the stores keep and what they refuse to keep, without any client or sale."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

import pytest

from seckill.flag import Belief, Breaker, Flag, LocalFlag, StockPool
from seckill.flag_redis import AsyncRedisFlag, RedisFlag
from seckill.runtime.valkey import Valkey
from tests.client.fix_client import until_async
from tests.fix_valkey import Proxy, console

POOL = StockPool(7, "phone", "*")


@pytest.fixture
async def flag(valkey: Valkey) -> AsyncIterator[AsyncRedisFlag]:
    store = AsyncRedisFlag(valkey.url, timeout_ms=2_000)
    yield store
    await store.close()


async def known(flag: AsyncRedisFlag, pool: StockPool = POOL) -> Flag | None:
    (found,) = await flag.read([pool])
    return found


async def shut(flag: AsyncRedisFlag, epoch: int, *, lives_s: float = 5.0) -> None:
    """Raise the flag and wait until Redis has answered."""
    before = await flag.reopen(POOL, 0)  # epoch 0 changes nothing; shows that Redis is there
    assert before
    await flag.shut(POOL, epoch, monotonic() + lives_s)
    await until_async(lambda: not flag._writing)


@pytest.mark.parametrize(
    ("pool", "key"),
    [
        (POOL, "seckill:soldout:7:phone:*"),
        (StockPool(7, "a:b", "c"), "seckill:soldout:7:a%3Ab:c"),
        (StockPool(7, "a", "b:c"), "seckill:soldout:7:a:b%3Ac"),
        (StockPool(7, "100%", " "), "seckill:soldout:7:100%25:%20"),
        (StockPool(7, "手机\n", "*"), "seckill:soldout:7:%E6%89%8B%E6%9C%BA%0A:*"),
        (StockPool(7, "\ud800", "*"), "seckill:soldout:7:%3F:*"),
    ],
)
def test_each_pool_has_a_key_of_its_own(pool: StockPool, key: str) -> None:
    assert pool.key == key


@pytest.mark.parametrize("flag", [Flag(0, True), Flag(10**14, False)])
def test_what_is_written_is_read(flag: Flag) -> None:
    assert Flag.decode(flag.encode()) == flag


@pytest.mark.parametrize(
    "value",
    [
        *[None, "5 shut", 5, b"", b"shut", b"5", b"-5 shut", b"5 shut\n", b"5  shut", b"5 SHUT"],
        *[b"1" * 16 + b" shut", "٥ shut".encode(), b"\xff\xfe", b"5 shut 6 shut", [b"5 shut"]],
    ],
)
def test_what_is_not_ours_is_no_flag(value: object) -> None:
    assert Flag.decode(value) is None


# --- Redis


async def test_a_flag_ends_by_itself(flag: AsyncRedisFlag, valkey: Valkey) -> None:
    assert await known(flag) is None
    await shut(flag, 5, lives_s=0.2)
    assert await known(flag) == Flag(5, True)
    with console(valkey) as look:
        life: Any = look.pttl(POOL.key)
        assert 0 < life <= 200
        await until_async(lambda: not look.exists(POOL.key))
    assert await known(flag) is None


async def test_a_flag_that_is_over_is_not_raised(flag: AsyncRedisFlag) -> None:
    await shut(flag, 5, lives_s=-0.001)
    assert await known(flag) == Flag(0, False)


async def test_an_older_epoch_shuts_nothing(flag: AsyncRedisFlag) -> None:
    assert await flag.reopen(POOL, 6)
    await shut(flag, 5)
    assert await known(flag) == Flag(6, False)
    await shut(flag, 6)
    assert await known(flag) == Flag(6, True)


async def test_a_reopening_that_comes_late_opens_nothing(flag: AsyncRedisFlag) -> None:
    """The units of epoch 6 came, were bought, and the relay hears of it after that."""
    await shut(flag, 6)
    assert await flag.reopen(POOL, 6)
    assert await known(flag) == Flag(6, True)
    assert await flag.reopen(POOL, 7)
    assert await known(flag) == Flag(7, False)


async def test_a_reopening_is_remembered_longer_than_any_flag(
    flag: AsyncRedisFlag, valkey: Valkey
) -> None:
    await flag.reopen(POOL, 6)
    with console(valkey) as look:
        life: Any = look.pttl(POOL.key)
        assert life > 1_000_000


@pytest.mark.parametrize(
    "junk", ["junk", "", "9" * 400 + " shut", "-1 shut", "1e300 shut", "shut", b"\x00\xff", "5"]
)
async def test_junk_is_read_as_nothing_and_overwritten(
    flag: AsyncRedisFlag, valkey: Valkey, junk: Any
) -> None:
    with console(valkey) as meddle:
        meddle.set(POOL.key, junk)
        assert await known(flag) is None
        await shut(flag, 5)
        assert await known(flag) == Flag(5, True)


async def test_another_kind_of_key_is_overwritten(flag: AsyncRedisFlag, valkey: Valkey) -> None:
    with console(valkey) as meddle:
        meddle.rpush(POOL.key, "a", "b")
        assert await known(flag) is None
        await shut(flag, 5)
    assert await known(flag) == Flag(5, True)


async def test_epochs_beyond_32_bits_are_compared_exactly(flag: AsyncRedisFlag) -> None:
    await flag.reopen(POOL, 10**14 + 1)
    await shut(flag, 10**14)
    assert await known(flag) == Flag(10**14 + 1, False)


async def test_a_restarted_redis_gets_the_script_again(
    flag: AsyncRedisFlag, valkey: Valkey
) -> None:
    await shut(flag, 5)
    await shut(flag, 6)
    with console(valkey) as meddle:
        meddle.script_flush()
    await shut(flag, 7)
    assert await known(flag) == Flag(7, True)


async def test_a_login_that_may_touch_flags_only_is_enough(valkey: Valkey) -> None:
    with console(valkey) as admin:
        admin.execute_command(
            *["ACL", "SETUSER", "shop", "on", ">secret", "resetchannels", "~seckill:soldout:*"],
            *["-@all", "+get", "+set", "+eval", "+evalsha"],
        )
    store = AsyncRedisFlag(f"unix://shop:secret@{valkey.socket}", timeout_ms=2_000)
    await shut(store, 5)
    assert await known(store) == Flag(5, True)
    await store.close()


async def test_many_who_ask_for_one_pool_share_a_question(valkey: Valkey, proxy: Proxy) -> None:
    store = AsyncRedisFlag(proxy.url, timeout_ms=2_000)
    await shut(store, 5)
    before = proxy.arrived
    proxy.delay_s = 0.05
    found = await asyncio.gather(*(known(store) for _ in range(500)))
    assert set(found) == {Flag(5, True)}
    assert proxy.arrived == before + 1
    await store.close()


async def test_a_cancelled_caller_does_not_spoil_the_others(proxy: Proxy) -> None:
    store = AsyncRedisFlag(proxy.url, timeout_ms=2_000)
    await shut(store, 5)
    proxy.delay_s = 0.1
    first, second = (asyncio.create_task(known(store)) for _ in range(2))
    await until_async(lambda: bool(store._reading))
    first.cancel()
    assert await second == Flag(5, True)
    assert first.cancelled()
    await store.close()


async def test_a_pool_of_connections_that_is_used_up_is_no_fault(valkey: Valkey) -> None:
    store = AsyncRedisFlag(valkey.url, timeout_ms=2_000)
    pools = [StockPool(number, "phone", "*") for number in range(200)]
    for pool in pools:
        assert await store.reopen(pool, pool.activity_id)
    assert await store.read(pools) == [Flag(number, False) for number in range(200)]
    await store.close()


def test_the_store_of_threads_sees_the_same(valkey: Valkey) -> None:
    store = RedisFlag(valkey.url, timeout_ms=2_000)
    with console(valkey) as meddle:
        meddle.set(POOL.key, "5 shut")
    assert store.read([POOL, StockPool(8, "phone", "*")]) == [Flag(5, True), None]
    store.shut(POOL, 6, monotonic() + 5)
    store.close()  # waits for what is under way
    with console(valkey) as look:
        assert look.get(POOL.key) == b"6 shut"
    # It may be used again.
    assert store.read([POOL]) == [Flag(6, True)]
    store.close()


def test_a_store_of_threads_used_again_has_nothing_of_before(valkey: Valkey) -> None:
    """Each time it has another event loop, to which connections, locks and tasks are bound."""
    store = RedisFlag(valkey.url, timeout_ms=2_000)
    pools = [StockPool(number, "phone", "*") for number in range(200)]
    with console(valkey) as meddle:
        for pool in pools:
            meddle.set(pool.key, "5 shut")
    for _ in range(3):
        assert store.read(pools) == [Flag(5, True)] * len(pools)
        store.close()


def test_a_store_whose_loop_ended_with_a_question_under_way(valkey: Valkey, proxy: Proxy) -> None:
    """The next loop cannot wait for it, and asks by itself."""
    store = AsyncRedisFlag(proxy.url, timeout_ms=1_000)
    with console(valkey) as meddle:
        meddle.set(POOL.key, "5 shut")
    proxy.silent = True
    before = asyncio.new_event_loop()
    asked = before.create_task(known(store))
    before.run_until_complete(until_async(lambda: bool(store._reading)))
    connections: Any = store._redis
    proxy.silent = False
    assert asyncio.run(_read_and_close(store)) == Flag(5, True)
    # The old loop ends in order after all, so that this test leaves no socket behind.
    before.run_until_complete(asked)
    before.run_until_complete(connections.aclose())
    before.close()


async def _read_and_close(store: AsyncRedisFlag) -> Flag | None:
    try:
        return await known(store)
    finally:
        await store.close()


def test_a_malformed_url_or_time_is_refused() -> None:
    for kind in (AsyncRedisFlag, RedisFlag):
        with pytest.raises(ValueError, match="scheme"):
            kind("nonsense://x")
        with pytest.raises(ValueError, match="ttl_ms"):
            kind("redis://x", ttl_ms=0)


# --- without Redis


def test_local_flags() -> None:
    flag = LocalFlag(ttl_ms=50)
    now = monotonic()
    assert flag.read([POOL]) == [None]
    flag.shut(POOL, 5, now + 60)
    assert flag.read([POOL]) == [Flag(5, True)]
    flag.reopen(POOL, 5)
    assert flag.read([POOL]) == [Flag(5, True)]
    flag.reopen(POOL, 6)
    assert flag.read([POOL]) == [Flag(6, False)]
    flag.shut(POOL, 5, now + 60)
    assert flag.read([POOL]) == [Flag(6, False)]
    flag.shut(POOL, 6, now - 1)  # over already
    assert flag.read([POOL]) == [Flag(6, False)]


def test_belief_lasts_one_ttl_and_then_as_long_as_postgresql_says_so() -> None:
    belief = Belief(ttl_s=1.0)
    assert belief.holds(POOL, 10.0)
    assert belief.holds(POOL, 10.99)
    assert not belief.holds(POOL, 11.0)
    assert not belief.holds(POOL, 100.0)
    belief.confirm(POOL, 101.0)
    assert belief.holds(POOL, 100.99)
    assert not belief.holds(POOL, 101.0)
    assert belief.holds(StockPool(8, "phone", "*"), 101.0)


def test_memory_is_bounded() -> None:
    belief = Belief(ttl_s=1.0)
    flag = LocalFlag()
    for number in range(10_100):
        belief.holds(StockPool(number, "phone", "*"), 0.0)
        flag.shut(StockPool(number, "phone", "*"), 1, 0.0)
    assert len(belief._until) == len(flag._flags) == 10_000


def test_the_breaker_opens_and_tries_again_one_at_a_time() -> None:
    breaker = Breaker(failures=2, pause_s=1.0, longest_s=3.0)
    breaker.failed(0.0)
    assert breaker.allows(0.0)
    breaker.failed(0.0)
    assert not breaker.allows(0.9)
    assert breaker.rests(0.9)
    assert not breaker.rests(1.0)
    assert breaker.allows(1.0)
    assert not breaker.allows(1.0)  # another asks already
    breaker.failed(1.1)
    assert not breaker.allows(3.0)  # twice as long
    assert breaker.allows(3.2)
    breaker.failed(3.2)
    assert not breaker.allows(6.1)
    assert breaker.allows(6.2)  # no longer than the longest
    breaker.succeeded()
    assert breaker.allows(6.2)
    breaker.failed(6.3)
    assert breaker.allows(6.3)


@pytest.mark.parametrize("kind", ["hung", "silent", "drip", "junk", "dead", "slow"])
async def test_no_answer_takes_longer_than_its_time(
    valkey: Valkey, proxy: Proxy, kind: str
) -> None:
    """And a breaker sees to it that few callers wait at all."""
    store = AsyncRedisFlag(proxy.url, timeout_ms=50)
    with console(valkey) as meddle:
        meddle.set(POOL.key, "5 shut")
    proxy.silent = kind == "silent"
    proxy.junk = kind == "junk"
    proxy.drip_s = 0.03 if kind == "drip" else 0.0
    proxy.delay_s = 0.4 if kind == "slow" else 0.0
    if kind == "hung":
        valkey.hang()
    if kind == "dead":
        valkey.kill()
    times: list[float] = []
    for _ in range(50):
        began = monotonic()
        assert await known(store) is None
        times.append(monotonic() - began)
    # A machine with more to do than this adds some; without a bound it would be for ever.
    assert max(times) < 0.5
    assert sum(times) < 1.5
    await store.close()


async def test_it_is_used_again_once_it_answers(valkey: Valkey) -> None:
    store = AsyncRedisFlag(valkey.url, timeout_ms=50, breaker=Breaker(pause_s=0.05))
    with console(valkey) as meddle:
        meddle.set(POOL.key, "5 shut")
    valkey.hang()
    for _ in range(5):
        assert await known(store) is None
    assert store.rests
    valkey.go_on()
    deadline = monotonic() + 10
    while await known(store) != Flag(5, True):
        assert monotonic() < deadline
        await asyncio.sleep(0.01)
    await store.close()
