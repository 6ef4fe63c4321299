"""The clock jumps by an hour and by a day, there and back, while buyers buy, pay and cancel.

The public functions read the clock. The private ones behind them take the instant, as those of
tests/procedures/test_clock.py do; here every buyer's clock jumps when the test says so.
"""

from __future__ import annotations

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

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


@dataclass(slots=True)
class Clock:
    """Runs from the middle of the sale on, and jumps."""

    began: float = field(default_factory=time.monotonic)
    offset: timedelta = timedelta(days=3)

    def now(self) -> datetime:
        return OPENS + self.offset + timedelta(seconds=time.monotonic() - self.began)


def buy_on(
    db: Database, sale: Sale, clock: Clock, recorder: Recorder, chance: random.Random, end: Any
) -> None:
    """One purchase after another, each call at what the clock then says."""
    with db.connect("superuser") as session:
        while not end.is_set():
            user = f"user {chance.randrange(USERS)}"
            request_id = UUID(int=chance.getrandbits(128), version=4)
            with recorder.reserve(
                activity_id=sale.activity_id, user_id=user, lines={sale.sku: 1},
                request_id=request_id,
            ) as entry:  # fmt: skip
                said = reserve_at(session, sale, clock.now(), user=user, request_id=request_id)
                entry.answered(said)
            if said.status != "held" or chance.random() < 0.3:
                continue
            held = said.reservation_id
            if chance.random() < 0.6:
                with recorder.confirm(user_id=user, reservation_id=held, payment_ref=None) as entry:
                    entry.answered(confirm_at(session, held, clock.now(), user=user))
            else:
                with recorder.cancel(user_id=user, reservation_id=held) as entry:
                    entry.answered(cancel_at(session, held, clock.now(), user=user))


@pytest.mark.targets("18-direct")
@pytest.mark.fault("clock jumps by an hour and a day", quick=True)
def test_clock(
    db: Database,
    operator: psycopg.Connection[Any],
    superuser: psycopg.Connection[Any],
    seed: int,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    print(f"seed {seed}")
    sale = sale_between(
        operator, superuser, ends_at=OPENS + 30 * DAY, units=100, hold=HOLD, limit=6
    )
    set_limit(operator, sale, "daily", maximum=2, window="day")
    directory, clock, end = prepare(tmp_path / "history"), Clock(), threading.Event()
    order = random.Random(seed)
    with Recorder(directory, "clock", seed=seed) as recorder, ThreadPoolExecutor() as threads:
        buyers = [
            threads.submit(
                buy_on, db, sale, clock, recorder, random.Random(f"{seed}/{number}"), end
            )
            for number in range(SESSIONS)
        ]
        try:
            jumps = list(JUMPS) * 2
            order.shuffle(jumps)
            for jump in jumps:
                time.sleep(0.25)
                clock.offset += jump
        finally:
            end.set()
        for buyer in buyers:
            buyer.result()
    verdict = verify(directory, db.admin_dsn)
    note_round(
        request.node,
        {
            "fault": "clock jumps by an hour and a day",
            "faults": len(jumps),
            "calls": verdict.calls,
            "acknowledged": verdict.acknowledged,
            "lost": len(verdict.lost),
            "oversold": verdict.oversold,
            "unexplained": verdict.unexplained,
        },
    )
    assert verdict.ok, verdict
    assert verdict.acknowledged > 20
