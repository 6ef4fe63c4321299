"""The clock jumps by an hour and by a day, there and back, while buyers buy, pay and cancel.

The public functions read the clock. The private ones behind them take the instant, as those of
tests/procedures/test_clock.py do; here every buyer's clock jumps when the test says so.

One sale is in a zone whose clocks change that day, and has limits by the hour and by the day. Its
books are judged by Python's own calendar, too: `reconcile` asks the same function for windows as a
purchase does.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from seckill.history import Recorder, prepare, verify
from tests.faults.fix_options import note_round
from tests.fix_database import Database
from tests.fix_sale import Sale, set_limit
from tests.procedures.instants import OPENS, cancel_at, confirm_at, reserve_at, sale_between

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
JUMPS = (HOUR, -HOUR, DAY, -DAY)
HOLD = timedelta(seconds=2)
SESSIONS = 4
USERS = 12
PER_DAY, PER_HOUR = 2, 1
# Days of 25 and of 23 hours, and one with two midnights: where, and when clocks change there.
CHANGES = (
    ("America/New_York", datetime(2030, 11, 3, 6, tzinfo=UTC)),
    ("America/New_York", datetime(2030, 3, 10, 7, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2030, 10, 27, 1, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2030, 3, 31, 1, tzinfo=UTC)),
    ("America/Havana", datetime(2030, 11, 3, 5, tzinfo=UTC)),
)

Refusal = tuple[datetime, str]


@dataclass(slots=True)
class Clock:
    """Runs from the middle of the sale on, and jumps."""

    began: float = field(default_factory=time.monotonic)
    offset: timedelta = timedelta(days=3)

    def now(self) -> datetime:
        return OPENS + self.offset + timedelta(seconds=time.monotonic() - self.began)


def buy_on(
    db: Database, sale: Sale, clock: Clock, recorder: Recorder, chance: random.Random, end: Any
) -> list[Refusal]:
    """One purchase after another, each call at what the clock then says; which limits refused."""
    refusals: list[Refusal] = []
    with db.connect("superuser") as session:
        while not end.is_set():
            user = f"user {chance.randrange(USERS)}"
            request_id = UUID(int=chance.getrandbits(128), version=4)
            now = clock.now()
            with recorder.reserve(
                activity_id=sale.activity_id, user_id=user, lines={sale.sku: 1},
                request_id=request_id,
            ) as entry:  # fmt: skip
                said = reserve_at(session, sale, now, user=user, request_id=request_id)
                entry.answered(said)
            if said.limit_name is not None:
                refusals.append((now, said.limit_name))
            if said.status != "held" or chance.random() < 0.3:
                continue
            held = said.reservation_id
            if chance.random() < 0.6:
                with recorder.confirm(user_id=user, reservation_id=held, payment_ref=None) as entry:
                    entry.answered(confirm_at(session, held, clock.now(), user=user))
            else:
                with recorder.cancel(user_id=user, reservation_id=held) as entry:
                    entry.answered(cancel_at(session, held, clock.now(), user=user))
    return refusals


@dataclass(slots=True)
class Jumps:
    """A round: buyers, the jumps of their clock, and the judge."""

    db: Database
    seed: int
    node: pytest.Item
    directory: Path

    def play(self, sale: Sale, clock: Clock, jumps: Sequence[timedelta]) -> list[Refusal]:
        """Buy while the clock jumps; which limits refused, and when."""
        print(f"seed {self.seed}")
        end = threading.Event()
        with (
            Recorder(self.directory, "clock", seed=self.seed) as recorder,
            ThreadPoolExecutor() as threads,
        ):
            chances = [random.Random(f"{self.seed}/{number}") for number in range(SESSIONS)]
            buyers = [
                threads.submit(buy_on, self.db, sale, clock, recorder, chance, end)
                for chance in chances
            ]
            try:
                for jump in jumps:
                    time.sleep(0.25)
                    clock.offset += jump
                time.sleep(0.25)
            finally:
                end.set()
            refusals = [refusal for buyer in buyers for refusal in buyer.result()]
        self._judge(len(jumps))
        return refusals

    def _judge(self, faults: int) -> None:
        verdict = verify(self.directory, self.db.admin_dsn)
        (mark,) = self.node.iter_markers("fault")
        note_round(
            self.node,
            {
                "fault": mark.args[0],
                "faults": faults,
                "calls": verdict.calls,
                "acknowledged": verdict.acknowledged,
                "lost": len(verdict.lost),
                "oversold": verdict.oversold,
                "unexplained": verdict.unexplained,
            },
        )
        assert verdict.ok, verdict
        assert verdict.acknowledged > 20


@pytest.fixture
def round_of_jumps(
    db: Database, seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> Jumps:
    return Jumps(db, seed, request.node, prepare(tmp_path / "history"))


@pytest.mark.targets("18-direct")
@pytest.mark.fault("clock jumps by an hour and a day", quick=True)
def test_clock(
    round_of_jumps: Jumps,
    operator: psycopg.Connection[Any],
    superuser: psycopg.Connection[Any],
    seed: int,
) -> None:
    sale = sale_between(
        operator, superuser, ends_at=OPENS + 30 * DAY, units=100, hold=HOLD, limit=6
    )
    set_limit(operator, sale, "daily", maximum=2, window="day")
    jumps = list(JUMPS) * 2
    random.Random(seed).shuffle(jumps)
    round_of_jumps.play(sale, Clock(), jumps)


def paid_in(
    superuser: psycopg.Connection[Any], activity_id: int, zone: tzinfo
) -> tuple[Counter[Any], Counter[Any]]:
    """What each user has paid for, by local days and by hours, as Python's calendar counts them.

    Only for zones whose clocks change by whole hours.
    """
    rows = superuser.execute(
        """
        select user_id, created_at from seckill_private.reservation
         where buyer_key >> 40 = %s and state = 'confirmed'""",
        [activity_id],
    ).fetchall()
    days = Counter((user, at.astimezone(zone).date()) for user, at in rows)
    hours = Counter((user, int(at.timestamp()) // 3600) for user, at in rows)
    return days, hours


def end_of_day(change: datetime, zone: tzinfo) -> datetime:
    """The local midnight after an instant."""
    local = change.astimezone(zone)
    midnight = datetime(local.year, local.month, local.day, tzinfo=zone) + DAY  # on the wall
    return midnight.astimezone(UTC)


@pytest.mark.targets("18-direct")
@pytest.mark.fault("clock jumps over a change of clocks")
def test_clocks_change(
    round_of_jumps: Jumps,
    operator: psycopg.Connection[Any],
    superuser: psycopg.Connection[Any],
    seed: int,
) -> None:
    """Over the change and back, into the last hour of that day, over its midnight and back."""
    name, change = CHANGES[seed % len(CHANGES)]
    zone = ZoneInfo(name)
    before, midnight = change - HOUR / 2, end_of_day(change, zone)
    assert before.astimezone(zone).utcoffset() != change.astimezone(zone).utcoffset()
    sale = sale_between(
        operator,
        superuser,
        starts_at=change - 2 * DAY,
        ends_at=change + 10 * DAY,
        time_zone=name,
        units=300,
        hold=HOLD,
    )
    set_limit(operator, sale, "daily", maximum=PER_DAY, window="day")
    set_limit(operator, sale, "hourly", maximum=PER_HOUR, window="hour")
    last = list(JUMPS)
    random.Random(seed).shuffle(last)
    jumps = [HOUR, -HOUR, midnight - HOUR / 3 - before, HOUR, -HOUR, *last]
    refusals = round_of_jumps.play(sale, Clock(offset=before - OPENS), jumps)
    refused = {limit for at, limit in refusals if midnight - HOUR <= at < midnight}
    assert "daily" in refused, "nobody was refused in the last hour: the round shows nothing"
    days, hours = paid_in(superuser, sale.activity_id, zone)
    assert max(days.values()) == PER_DAY, "a local day came twice"
    assert max(hours.values()) == PER_HOUR, "an hour came twice"
    assert len({day for _, day in days}) > 1
    assert len({hour for _, hour in hours}) > 2
