"""The demo from start to end: the sale, the crowd, the count."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from seckill.client import Client
from seckill.demo import audit, naive
from seckill.demo.audit import Check
from seckill.demo.crowd import buyer
from seckill.demo.flag import FlagReport, FlagServices
from seckill.demo.shop import SKU, Stock
from seckill.demo.view import View
from seckill.demo.worker import Order
from seckill.demo.workers import Progress, Result, WorkerFailed, Workers
from seckill.errors import Unavailable
from seckill.history import judge, read_books, read_history
from seckill.retry import NO_RETRY
from seckill.runtime import Runtime

# A crowd that takes longer hangs.
_LONGEST_S = 600.0
_LOOK_S = 0.25
# Of the whole crowd. Connections: more than these only queue for the same row. Calls at a time: the
# client sends together what waits, so that a tenth of the crowd may; the naive shop has one
# connection for each call.
_CALLERS = 1_000
_BUYING = 8
_PAYING = 8


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of the sale, in units over the whole of it."""

    name: str
    dimension: str
    plural: str
    maximum: int


_PER_USER = Limit("one_per_user", "user", "users", 1)
_PER_PHONE = Limit("two_per_phone", "phone", "phones", 2)
_PER_ADDRESS = Limit("three_per_address", "address", "addresses", 3)


class Interrupted(Exception):
    """The user wants it to stop."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the user chose.

    Attributes:
        buyers: in the crowd.
        units: on sale.
        processes: that the crowd comes from.
        seed: who does what.
        hold_seconds: how long a hold lasts unpaid.
        limits: phones and addresses are limited too.
        redis: put the sold-out flag before it, and kill its Valkey in the middle.
    """

    buyers: int = 10_000
    units: int = 1_000
    processes: int = 4
    seed: int = 1
    hold_seconds: int = 4
    limits: bool = False
    redis: bool = False

    @property
    def rules(self) -> tuple[Limit, ...]:
        """The limits of the sale."""
        return (_PER_USER, _PER_PHONE, _PER_ADDRESS) if self.limits else (_PER_USER,)

    @property
    def expected(self) -> int:
        """Units that must be sold in the end.

        Who wants to pay waits as long as anything may come back, so all that is left unsold has
        nobody who would pay for it and may. Phones lie within addresses: whoever comes first, a
        phone and an address end with what they may have, or with all who want.
        """
        crowd = (buyer(self.seed, n) for n in range(self.buyers))
        payers = [one for one in crowd if one.then == "pay"]
        if not self.limits:
            return min(self.units, len(payers))
        home = {one.phone: one.address for one in payers}
        addresses: Counter[str] = Counter()
        for phone, wanted in Counter(one.phone for one in payers).items():
            addresses[home[phone]] += min(wanted, _PER_PHONE.maximum)
        allowed = sum(min(wanted, _PER_ADDRESS.maximum) for wanted in addresses.values())
        return min(self.units, allowed)


@dataclass(frozen=True, slots=True)
class Played:
    """One run of the crowd.

    Attributes:
        result: what the buyers saw.
        sold: units sold, by the independent count.
        greedy: users who got more than one, by the independent count.
        checks: what was counted; empty for the naive shop, of which nothing is asked.
        flag: what became of the sold-out flag; None: there was none.
    """

    result: Result
    sold: int
    greedy: int
    checks: list[Check]
    flag: FlagReport | None = None

    @property
    def ok(self) -> bool:
        """Whether everything agrees."""
        return all(check.ok for check in self.checks)


def open_sale(ops_dsn: str, options: Options) -> int:
    """Create and open the sale; its activity id.

    Args:
        ops_dsn: of a member of `seckill_ops`.
        options: units, hold seconds.
    """
    now = datetime.now(UTC)
    with Client(ops_dsn, flag="") as client:
        activity_id = client.create_activity(
            name="demo",
            starts_at=now - timedelta(minutes=1),
            ends_at=now + timedelta(hours=1),
            hold_seconds=options.hold_seconds,
        )
        client.receive_stock(sku=SKU, quantity=options.units, request_id=uuid4())
        client.allocate_stock(
            activity_id=activity_id, sku=SKU, quantity=options.units, request_id=uuid4()
        )
        for limit in options.rules:
            client.set_limit(
                activity_id=activity_id,
                name=limit.name,
                dimension=limit.dimension,
                metric="units",
                window="activity",
                maximum=limit.maximum,
            )
        client.open_activity(activity_id=activity_id)
    return activity_id


def orders(
    dsn: str,
    activity_id: int | None,
    options: Options,
    redis_url: str = "",
    record: Path | None = None,
) -> list[Order]:
    """What each process of the crowd is told.

    Args:
        dsn: of the buyers, through PgBouncer.
        activity_id: the sale; None: the naive shop.
        options: buyers, processes, seed.
        redis_url: of the sold-out flag; empty: none.
        record: directory of the history; None for the naive shop.
    """
    callers = _BUYING
    if activity_id is not None:
        callers = max(min(options.buyers // 10, _CALLERS), _BUYING)
    return [
        Order(
            dsn=dsn,
            activity_id=activity_id,
            seed=options.seed,
            first=number,
            step=options.processes,
            buyers=options.buyers,
            callers=max(callers // options.processes, 1),
            buying=max(_BUYING // options.processes, 1),
            paying=max(_PAYING // options.processes, 1),
            limits=options.limits,
            redis_url=redis_url,
            record="" if record is None else str(record),
        )
        for number in range(options.processes)
    ]


def play(
    runtime: Runtime,
    options: Options,
    view: View,
    stop: threading.Event,
    record: Path | None = None,
) -> Played:
    """Run the crowd against Seckill and count.

    Args:
        runtime: the servers.
        options: what the user chose.
        view: where it is shown.
        stop: set when the user wants it to end.
        record: an empty directory for the history and the books; None: they are not kept.

    Raises:
        Interrupted: `stop` was set.
        WorkerFailed: a process of the crowd could not go on.
    """
    view.stage("opening the sale, starting the crowd")
    activity_id = open_sale(runtime.ops_dsn, options)
    with contextlib.ExitStack() as stack:
        client = stack.enter_context(Client(runtime.ops_dsn, retry=NO_RETRY, flag=""))
        flag = stack.enter_context(FlagServices(runtime.ops_dsn)) if options.redis else None

        def stock() -> Stock:
            said = client.availability(activity_id=activity_id, sku=SKU)
            return Stock(said.total, said.available, said.held, said.sold)

        if record is None:
            record = Path(stack.enter_context(TemporaryDirectory(prefix="seckill-history-")))
        told = orders(runtime.dsn, activity_id, options, flag.url if flag else "", record)
        with Workers(told) as workers:
            result = _watch(runtime, workers, options, stock, view, stop, flag)
        view.stage("counting")
        _wait_for_holds(stock, stop)
        while client.expire_due():
            pass
        flag_report = flag.report() if flag else None
        books = read_books(runtime.superuser_dsn, [activity_id])
        books.save(record)
        verdict = judge(read_history(record), books)
    checks = audit.count(
        runtime.superuser_dsn,
        activity_id,
        units=options.units,
        sold=options.expected,
        limit=_PER_USER.maximum,
        verdict=verdict,
    )
    for limit in options.rules[1:]:
        checks += audit.count_shared(
            runtime.superuser_dsn, activity_id, limit.dimension, limit.plural, limit.maximum
        )
    checks.append(Check("answers that contradict each other", 0, len(result.broken)))
    counted = {check.what: check.actual for check in checks}
    return Played(result, counted[audit.SOLD], counted[audit.GREEDY], checks, flag_report)


def play_naive(runtime: Runtime, options: Options, view: View, stop: threading.Event) -> Played:
    """Run the same crowd against the naive shop and count.

    Raises:
        Interrupted: `stop` was set.
        WorkerFailed: a process of the crowd could not go on.
    """
    view.stage("the same crowd, in the shop that reads, checks and writes back")
    naive.set_up(
        runtime.superuser_dsn,
        "seckill_buyer",
        units=options.units,
        hold_seconds=options.hold_seconds,
    )
    with (
        naive.window(runtime.superuser_dsn) as stock,
        Workers(orders(runtime.dsn, None, options)) as workers,
    ):
        result = _watch(runtime, workers, options, stock, view, stop)
    sold, greedy = audit.count_naive(runtime.superuser_dsn)
    return Played(result, sold, greedy, [])


def _watch(
    runtime: Runtime,
    workers: Workers,
    options: Options,
    stock: Callable[[], Stock],
    view: View,
    stop: threading.Event,
    flag: FlagServices | None = None,
) -> Result:
    """Let them go, and show how it goes until the last buyer is done."""
    workers.go()
    while True:
        workers.listen(_LOOK_S)
        if flag and not flag.killed and _in_the_middle(workers.progress, options):
            flag.kill(workers.running_s)
            view.stage("Valkey is killed, and all flags with it; the sale goes on")
        if stop.is_set():
            raise Interrupted
        if (died := runtime.dead()) is not None:
            raise WorkerFailed(died)
        if workers.running_s > _LONGEST_S:
            raise WorkerFailed(f"the crowd was not done after {_LONGEST_S:.0f} seconds")
        with contextlib.suppress(Unavailable):
            view.show(max(workers.running_s, 0.0), stock(), workers.progress)
        if workers.done:
            return workers.result()


def _in_the_middle(progress: Progress, options: Options) -> bool:
    """Whether flags have refused a third of those who cannot buy at once.

    Or another third has been refused without them: they came late, and some must live the outage.
    """
    refused = max(options.buyers - options.units, 0)
    return (
        progress.flagged >= max(refused // 3, 1)
        or progress.first_answers >= options.buyers - refused // 3
    )


def _wait_for_holds(stock: Callable[[], Stock], stop: threading.Event) -> None:
    """Wait until the last unpaid hold has ended; where buyers were many, it has."""
    while stock().held:
        if stop.wait(_LOOK_S):
            raise Interrupted
