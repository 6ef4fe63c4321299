"""The network between buyers and PgBouncer, or PgBouncer and PostgreSQL, is slow, cut or parted.

A proxy of ours stands between. While it is parted, bytes wait and arrive late: a call may be done
after its buyer has given up and asked again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from seckill.runtime import PgBouncer, Runtime
from tests.faults.fix_proxy import Proxy
from tests.faults.fix_round import Round

# Less than the time for which it is parted, so that buyers give up and repeat.
_TIMEOUT_MS = 1_000
_PARTED_S = 2.0

pytestmark = pytest.mark.timeout(240)


def slow(proxy: Proxy) -> None:
    proxy.delay_s = 0.2
    time.sleep(_PARTED_S)
    proxy.delay_s = 0.0


def cut(proxy: Proxy) -> None:
    proxy.cut()


def parted(proxy: Proxy) -> None:
    proxy.part()
    time.sleep(_PARTED_S)
    proxy.heal()


def half_open(proxy: Proxy) -> None:
    """Calls arrive, answers do not; then it breaks."""
    proxy.part(there=False)
    time.sleep(_PARTED_S)
    proxy.cut()
    proxy.heal()


@contextmanager
def proxy_before_pooler(runtime: Runtime) -> Generator[tuple[Proxy, str]]:
    with Proxy(runtime.pooler.port) as proxy:
        yield proxy, at_port(runtime.dsn, proxy.port)


@contextmanager
def proxy_behind_pooler(runtime: Runtime) -> Generator[tuple[Proxy, str]]:
    with Proxy(runtime.postgres.port) as proxy:
        user = urlsplit(runtime.dsn)
        assert user.username is not None
        assert user.password is not None
        with PgBouncer(
            runtime.postgres,
            users={user.username: user.password},
            upstream=("127.0.0.1", proxy.port),
            settings={"query_wait_timeout": "5"},
        ) as pooler:
            yield proxy, at_port(runtime.dsn, pooler.port)


def at_port(dsn: str, port: int) -> str:
    parts = urlsplit(dsn)
    return parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}").geturl()


PLACES = {"before PgBouncer": proxy_before_pooler, "behind PgBouncer": proxy_behind_pooler}
FAULTS = {"slow": slow, "cut": cut, "parted": parted, "half open": half_open}
QUICK = {("before PgBouncer", "parted")}


@pytest.mark.parametrize(
    ("place", "how"),
    [
        pytest.param(
            place,
            how,
            marks=pytest.mark.fault(f"network {how}, {place}", quick=(place, how) in QUICK),
        )
        for place in PLACES
        for how in FAULTS
    ],
)
def test_network(fault: Round, place: str, how: str) -> None:
    hurt: Callable[[Proxy], None] = FAULTS[how]
    with PLACES[place](fault.runtime) as (proxy, dsn):
        with fault.buyers("batch", dsn=dsn, timeout_ms=_TIMEOUT_MS) as crowd:
            for _ in range(2):
                crowd.wait_for_more()
                hurt(proxy)
                fault.faults += 1
            crowd.wait_for_more()
        verdict = fault.judge()
    if how != "slow":
        assert verdict.unknown > 0, "no call was cut off: the round shows nothing"
