"""The server's own clock jumps by an hour and by a day, there and back, while buyers buy.

test_clock.py hands the instant to the private functions; here libfaketime moves the time under a
whole PostgreSQL 15, and buyers in processes of their own go through PgBouncer, as ever. The server
starts shortly before clocks go back in New York, where the sale is; two units a day for each buyer.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import namedtuple_row

from seckill.history import prepare
from seckill.runtime import Runtime, StartError, find_bindir
from tests.concurrency.checks_feed import Consumer
from tests.faults.buyers import TASKS
from tests.faults.fix_round import Round, open_sale
from tests.faults.test_clock import DAY, HOUR, JUMPS, end_of_day, paid_in
from tests.fix_postgres import unavailable

ZONE = ZoneInfo("America/New_York")
PER_DAY = 2
SLACK = timedelta(minutes=5)
AT_ONCE = 2 * TASKS  # calls of two processes

pytestmark = pytest.mark.timeout(240)

Jump = Callable[[timedelta], None]


def libfaketime() -> Path:
    """The library, of Debian's package."""
    found = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
    if found is None:
        unavailable("libfaketime is missing: apt-get install libfaketime")
    return found


@contextmanager
def runtime_with_clock(
    monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> Iterator[tuple[Runtime, Jump]]:
    """PostgreSQL 15 and PgBouncer in the future, and what moves the time of the former."""
    try:
        runtime = Runtime(bindir=find_bindir("15"))
    except StartError as error:
        unavailable(str(error))
    # The server's account must be able to read it; it is looked at whenever a clock is.
    offset_file = runtime.postgres.scratch / "offset"
    offset = timedelta()

    def jump(by: timedelta) -> None:
        nonlocal offset
        offset += by
        fresh = offset_file.with_suffix(".new")
        fresh.write_text(f"{offset.total_seconds():+.0f}\n", encoding="utf-8")
        fresh.chmod(0o644)
        fresh.rename(offset_file)

    jump(ahead)
    with monkeypatch.context() as environment:  # of the servers, not of the buyers
        environment.setenv("LD_PRELOAD", str(libfaketime()))
        environment.setenv("FAKETIME_TIMESTAMP_FILE", str(offset_file))
        environment.setenv("FAKETIME_NO_CACHE", "1")
        environment.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        try:
            runtime.start()
        except BaseException:
            runtime.stop()
            raise
    try:
        yield runtime, jump
    finally:
        runtime.stop()


def require_that_time_went_on(runtime: Runtime, activity_id: int) -> None:
    """In the order in which a pool's units moved, no instant lies before what the pool had seen.

    But for calls that were under way at once: one may have read the clock before it jumped, and
    have come second. Ended holds are dated by their end, whenever they are settled.
    """
    seen: dict[str, list[datetime]] = {}
    with psycopg.connect(runtime.superuser_dsn, row_factory=namedtuple_row) as session:
        consumer = Consumer(session)
        consumer.catch_up()
    for row in consumer.rows:
        if row.activity_id == activity_id and row.kind != "expire":
            instants = seen.setdefault(row.sku, [])
            before = max(instants[:-AT_ONCE], default=row.at)
            assert row.at > before - SLACK, f"{row.kind} at {row.at}, after {before}"
            instants.append(row.at)
    assert all(len(instants) > 2 * AT_ONCE for instants in seen.values())


def clock_of(runtime: Runtime) -> datetime:
    """What the server takes for the time.

    A log-in that meets a jump may be cut off: to the server it has taken an hour (seen once in 20
    rounds). Buyers ask again, too.
    """
    for is_last in (False, False, True):
        try:
            with psycopg.connect(runtime.superuser_dsn) as session:
                row = session.execute("select clock_timestamp()").fetchone()
        except psycopg.OperationalError:
            if is_last:
                raise
        else:
            assert row is not None
            return row[0]
    raise AssertionError("unreachable")


def clocks_go_back(after: datetime) -> datetime:
    """When that happens next in ZONE."""
    at = after.replace(minute=0, second=0, microsecond=0) + HOUR
    while offset_at(at) >= offset_at(at - HOUR):
        at += HOUR
    return at


def offset_at(at: datetime) -> timedelta:
    """Of ZONE."""
    offset = at.astimezone(ZONE).utcoffset()
    assert offset is not None
    return offset


@pytest.mark.fault("the server's clock jumps by an hour and a day")
def test_clock_of_the_server(
    seed: int, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    print(f"seed {seed}")
    change = clocks_go_back(datetime.now(UTC))
    before = change - HOUR / 2
    last_hour = end_of_day(change, ZONE) - HOUR / 2
    others = list(JUMPS) * 2
    random.Random(seed).shuffle(others)
    jumps = [HOUR, -HOUR, last_hour - before, *others]
    offset = before - datetime.now(UTC)
    with runtime_with_clock(monkeypatch, offset) as (runtime, jump):
        activity_id = open_sale(
            runtime.ops_dsn,
            scarce=2_000,
            now=before,
            ends_in=30 * DAY,
            time_zone=ZONE.key,
            window="day",
        )
        history = prepare(tmp_path / "history")
        fault = Round(runtime, seed, history, request.node, activity_id)
        with fault.buyers() as crowd:
            for by in jumps:
                crowd.wait_for_more(60)
                jump(by)
                offset += by
                fault.faults += 1
                ahead = clock_of(runtime) - datetime.now(UTC)
                assert abs(ahead - offset) < SLACK, f"the clock did not jump: {ahead}"
            crowd.wait_for_more(60)
        fault.judge()
        require_that_time_went_on(runtime, activity_id)
        with psycopg.connect(runtime.superuser_dsn) as session:
            days, _ = paid_in(session, activity_id, ZONE)
        assert max(days.values()) == PER_DAY, "a local day came twice"
