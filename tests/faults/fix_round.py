"""A round: a sale on real servers, buyers in processes of their own, a fault, and the judge."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO
from uuid import UUID, uuid4

import psycopg
import pytest

from seckill.client import Client
from seckill.errors import SeckillError
from seckill.history import Attempt, Recorder, Verdict, prepare, read_history, verify
from seckill.results import Window
from seckill.retry import NO_RETRY, RetryPolicy
from seckill.runtime import Runtime
from tests.faults.buyers import HOLD_SECONDS, PLENTY, SCARCE, Order
from tests.faults.fix_options import note_round
from tests.fix_database import wait_until

WAYS = ("reserve", "batch", "now")
# The pools of an activity and skus: who has them holds up everybody who buys or sweeps there.
LOCK_SLOTS = """
select s.* from seckill_private.pool_slot as s
  join seckill_private.pool as p on p.pool_id = s.pool_id
 where p.activity_id = %s and p.sku = any (%s) order by s.pool_id for update
"""
_ANSWER = b'"event": "answer"'
_ROOT = Path(__file__).parents[2]


def each_way(title: str, *ways: str, quick: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Run the test once for each way to buy; the quick ones have a round in the ordinary run."""
    marks = {way: pytest.mark.fault(f"{title}, {way}", quick=way in quick) for way in ways}
    return pytest.mark.parametrize("way", [pytest.param(way, marks=marks[way]) for way in ways])


@dataclass(slots=True)
class Crowd:
    """Processes of buyers; they end with the block, and what they had begun is brought to its end.

    `kill` leaves theirs open, as a machine that dies does.
    """

    directory: Path
    processes: list[subprocess.Popen[str]] = field(default_factory=list[subprocess.Popen[str]])

    def answers(self) -> int:
        """Calls answered so far."""
        return sum(file.read_bytes().count(_ANSWER) for file in self.directory.glob("*.jsonl"))

    def wait_for_more(self, count: int = 60, timeout_seconds: float = 60) -> None:
        """Let the buyers get so many more answers."""
        goal = self.answers() + count
        wait_until(
            lambda: self.answers() >= goal or not self.all_run(), "more answers", timeout_seconds
        )
        assert self.all_run(), "a process of buyers could not go on: its words are above"

    def all_run(self) -> bool:
        """Whether no process has ended."""
        return all(process.poll() is None for process in self.processes)

    def kill(self) -> None:
        """SIGKILL to all of them."""
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.wait()
            _pipe(process).close()
        self.processes.clear()

    def stop(self) -> None:
        """Let them end."""
        for process in self.processes:
            _pipe(process).close()
        for process in self.processes:
            assert process.wait(90) == 0, "a process of buyers failed: its words are above"
        self.processes.clear()


def _pipe(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None
    return process.stdin


@contextmanager
def crowd_of(orders: Iterable[Order], directory: Path) -> Generator[Crowd]:
    """A process of buyers for each order, until the end of the block."""
    crowd = Crowd(directory)
    try:
        for order in orders:
            child = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.buyers"],
                cwd=_ROOT,
                stdin=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
            crowd.processes.append(child)
            _pipe(child).write(order.line())
            _pipe(child).flush()
        yield crowd
        crowd.stop()
    finally:
        crowd.kill()


@dataclass(slots=True)
class Round:
    """One round of one fault.

    Attributes:
        runtime: PostgreSQL with PgBouncer in front.
        seed: decides what buyers want.
        directory: of the history.
        item: the test.
        activity_id: the sale.
        faults: how often it went wrong.
    """

    runtime: Runtime
    seed: int
    directory: Path
    item: pytest.Item
    activity_id: int
    faults: int = 0

    @contextmanager
    def buyers(
        self,
        way: str = "reserve",
        *,
        dsn: str | None = None,
        processes: int = 2,
        timeout_ms: int = 3_000,
        rush: int = 0,
        redis: str = "",
    ) -> Generator[Crowd]:
        """Buyers who buy until the end of the block; in a rush so many, each of whom wants one.

        `redis`: the URL of their sold-out flag.
        """
        orders = [
            Order(
                dsn or self.runtime.dsn,
                self.activity_id,
                way,
                f"{self.seed}/{number}",
                str(self.directory),
                timeout_ms=timeout_ms,
                rush=rush // processes,
                redis=redis,
            )
            for number in range(processes)
        ]
        with crowd_of(orders, self.directory) as crowd:
            yield crowd

    def first_answer_s(self) -> float:
        """Seconds until a new buyer gets an answer through PgBouncer."""
        began = time.monotonic()
        while True:
            try:
                with Client(self.runtime.dsn, retry=NO_RETRY, flag="") as client:
                    client.availability(activity_id=self.activity_id, sku=PLENTY)
                return time.monotonic() - began
            except SeckillError:
                assert time.monotonic() - began < 60, "no answer for a minute"
                time.sleep(0.02)

    def repeat_unknown(self) -> int:
        """Send again what had no answer when its process was killed; how many."""
        open_calls = [one for one in read_history(self.directory) if one.ended_at is None]
        retry = RetryPolicy(deadline_ms=60_000, max_attempts=200, settle_ms=1_500)
        with (
            Recorder(self.directory, "repeat") as recorder,
            Client(self.runtime.dsn, retry=retry, flag="") as client,
        ):
            for call in open_calls:
                _repeat(call, client, recorder)
        return len(open_calls)

    def wait_until_quiet(self, dsn: str | None = None) -> None:
        """Wait until no buyer's call is under way in the server."""
        query = (
            "select count(*) from pg_stat_activity where state <> 'idle'"
            " and usename = 'seckill_buyer'"
        )
        with psycopg.connect(dsn or self.runtime.superuser_dsn, autocommit=True) as watcher:

            def quiet() -> bool:
                row = watcher.execute(query).fetchone()
                return row is not None and row[0] == 0

            wait_until(quiet, "the end of all calls", 30)

    def errors(self) -> list[str]:
        """Of calls, but for a late payment that is to come again (seckill.confirm, 55P03)."""
        return [
            one.error
            for one in read_history(self.directory)
            if one.outcome == "failed"
            and not (
                one.call == "confirm" and "holds that have ended are being settled" in one.error
            )
        ]

    def judge(self, dsn: str | None = None, *, loses: bool = False) -> Verdict:
        """What the history checker says; it must find nothing, unless the round is to lose.

        Args:
            dsn: of the superuser, where the books are now.
            loses: a control, which must lose what it acknowledged.
        """
        self.wait_until_quiet(dsn)
        verdict = verify(self.directory, dsn or self.runtime.superuser_dsn)
        note_round(
            self.item,
            {
                "fault": _title(self.item),
                "faults": self.faults,
                "calls": verdict.calls,
                "acknowledged": verdict.acknowledged,
                "unknown": verdict.unknown,
                "repeated": verdict.settled["answered"],
                "in books": verdict.settled["found"],
                "absent": verdict.settled["absent"],
                "lost": len(verdict.lost),
                "oversold": verdict.oversold,
                "unexplained": verdict.unexplained,
            },
        )
        assert verdict.acknowledged > 20, "too little was bought: the round shows nothing"
        assert self.faults > 0, "nothing went wrong: the round shows nothing"
        if loses:
            assert verdict.lost, (
                "the control lost nothing: the judge is blind, or the fault is none"
            )
        else:
            assert verdict.ok, verdict
        return verdict


def _title(item: pytest.Item) -> str:
    mark = item.get_closest_marker("fault")
    assert mark is not None
    return str(mark.args[0])


def _repeat(call: Attempt, client: Client, recorder: Recorder) -> None:
    told = call.arguments
    if call.buys:
        activity_id, user_id, request_id = call.request
        ((sku, quantity),) = told["lines"].items()
        with recorder.reserve(
            activity_id=activity_id, user_id=user_id, lines={sku: quantity}, request_id=request_id
        ) as entry:
            entry.answered(
                client.reserve(
                    activity_id=activity_id,
                    user_id=user_id,
                    sku=sku,
                    quantity=quantity,
                    request_id=UUID(request_id),
                )
            )
    elif call.call == "confirm":
        with recorder.confirm(**told) as entry:
            entry.answered(client.confirm(**told))
    else:
        with recorder.cancel(**told) as entry:
            entry.answered(client.cancel(**told))


def open_sale(
    ops_dsn: str,
    *,
    scarce: int = 20,
    hold_seconds: int = HOLD_SECONDS,
    now: datetime | None = None,
    ends_in: timedelta = timedelta(hours=2),
    time_zone: str = "UTC",
    window: Window = "activity",
) -> int:
    """A sale of something scarce, limited to two units each, and of something plentiful.

    `window` is that of the limit; `now` what the server takes for the time.
    """
    now = now or datetime.now(UTC)
    with Client(ops_dsn, flag="") as client:
        activity_id = client.create_activity(
            name="fault",
            starts_at=now - timedelta(hours=1),
            ends_at=now + ends_in,
            hold_seconds=hold_seconds,
            time_zone=time_zone,
        )
        for sku, units in ((SCARCE, scarce), (PLENTY, 1_000_000)):
            client.receive_stock(sku=sku, quantity=units, request_id=uuid4())
            client.allocate_stock(
                activity_id=activity_id, sku=sku, quantity=units, request_id=uuid4()
            )
        client.set_limit(
            activity_id=activity_id,
            name="two_each",
            dimension="user",
            metric="units",
            window=window,
            maximum=2,
            sku=SCARCE,
        )
        client.open_activity(activity_id=activity_id)
    return activity_id


@contextmanager
def round_on(
    runtime: Runtime, seed: int, directory: Path, request: pytest.FixtureRequest
) -> Generator[Round]:
    """A round on servers that the test has started."""
    print(f"seed {seed}")
    activity_id = open_sale(runtime.ops_dsn)
    yield Round(runtime, seed, prepare(directory / "history"), request.node, activity_id)


@pytest.fixture(scope="session")
def fault_runtime() -> Iterator[Runtime]:
    """Servers that survive what is done to them, for all rounds of this process."""
    with ExitStack() as stack:
        yield stack.enter_context(Runtime())


@pytest.fixture
def fault(
    fault_runtime: Runtime, seed: int, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Round]:
    """A round on the servers of the session, which run again afterwards whatever happened."""
    fault_runtime.postgres.start()
    fault_runtime.pooler.start()
    with round_on(fault_runtime, seed, tmp_path, request) as made:
        yield made
