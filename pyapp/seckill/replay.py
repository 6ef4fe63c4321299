"""Running a purchase log against an activity: what ``seckill replay`` does.

The log is a CSV file with the columns `user_id, sku, quantity` and, where they are there, `at` (for
people: decisions use the clock), `region` and `request_id`. Every further column is a dimension of
the buyer; an empty cell leaves it out.
"""

from __future__ import annotations

import csv
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO
from uuid import NAMESPACE_OID, UUID, uuid4, uuid5

from seckill.client import Client
from seckill.errors import OutcomeUnknown, SeckillError, Unavailable
from seckill.results import ReserveResult, ResolveResult
from seckill.retry import RetryPolicy

_KNOWN = ("at", "user_id", "sku", "quantity", "region", "request_id")
_REQUIRED = ("user_id", "sku", "quantity")

OUTCOME_COLUMNS = (
    "line",
    "request_id",
    "user_id",
    "sku",
    "region",
    "quantity",
    "status",
    "reservation_id",
    "replayed",
    "limit_name",
    "remaining",
    "retry",
    "error_code",
    "confirmed",
)

# Nobody waits for the answers, so an outage may last.
RETRY = RetryPolicy(deadline_ms=60_000, max_attempts=200)
_BUSY_S = 0.01


class BadFile(ValueError):
    """The file is not such a log; the message is one line that says where."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """One line of the log.

    Attributes:
        line: its number in the file; the header is 1.
        user_id: the buyer.
        sku: what.
        quantity: units.
        region: of the pool.
        request_id: of the file; None where it has none.
        subjects: further dimensions.
    """

    line: int
    user_id: str
    sku: str
    quantity: int
    region: str
    request_id: UUID | None
    subjects: Mapping[str, str]

    def request_id_in(self, activity_id: int) -> UUID:
        """The request id to call with: the file's, else one of activity and line.

        So a replay that was interrupted can be run again on the same activity: what is in the
        books already is answered as before and taken no second time.
        """
        name = f"seckill replay/{activity_id}/{self.line}"
        return self.request_id or uuid5(NAMESPACE_OID, name)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit per user for the activity that a replay creates."""

    name: str
    metric: str
    window: str
    maximum: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one purchase.

    Attributes:
        purchase: the line.
        request_id: as sent.
        answer: of `reserve`; None where it raised.
        error_code: SQLSTATE of what was raised: by `reserve` where there is no answer, else by
            `confirm`; the units are held then.
        confirmed: the answer of `confirm`, where it gave one.
    """

    purchase: Purchase
    request_id: UUID
    answer: ReserveResult | None
    error_code: str | None
    confirmed: ResolveResult | None

    @property
    def status(self) -> str:
        """As the SQL API says it; `error` where the call raised."""
        return "error" if self.answer is None else self.answer.status

    @property
    def paid(self) -> str | None:
        """What `confirm` answered; `error` where it raised, None where it was not called."""
        if self.confirmed is not None:
            return self.confirmed.status
        return "error" if self.answer is not None and self.error_code is not None else None

    def cells(self) -> list[object]:
        """A row of the outcomes file, in the order of `OUTCOME_COLUMNS`."""
        asked, said = self.purchase, self.answer
        return [
            asked.line,
            self.request_id,
            asked.user_id,
            asked.sku,
            asked.region,
            asked.quantity,
            self.status,
            said.reservation_id if said else None,
            str(bool(said.replayed)).lower() if said else None,
            said.limit_name if said else None,
            said.remaining if said else None,
            said.retry if said else None,
            self.error_code,
            self.paid,
        ]


@dataclass(slots=True)
class Summary:
    """A replay in numbers.

    Attributes:
        purchases: lines that were run.
        units: units that they asked for.
        held_units: units that they got, replays included.
        statuses: how many lines were answered what; `limit_exceeded` by limit, as
            `limit_exceeded: NAME`.
        replayed: holds that were in the books before.
        confirmed: answers of `confirm`; what it raised as `error: SQLSTATE`.
        seconds: from the first call to the last answer.
    """

    purchases: int = 0
    units: int = 0
    held_units: int = 0
    statuses: Counter[str] = field(default_factory=Counter[str])
    replayed: int = 0
    confirmed: Counter[str] = field(default_factory=Counter[str])
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count one line."""
        quantity = outcome.purchase.quantity
        self.purchases += 1
        self.units += quantity
        name = outcome.status
        if outcome.answer is not None and outcome.answer.limit_name is not None:
            name += f": {outcome.answer.limit_name}"
        elif outcome.answer is None:
            name += f": {outcome.error_code}"
        self.statuses[name] += 1
        if outcome.answer is not None and outcome.status == "held":
            self.held_units += quantity
            self.replayed += bool(outcome.answer.replayed)
        if outcome.confirmed is not None:
            self.confirmed[outcome.confirmed.status] += 1
        elif outcome.paid is not None:
            self.confirmed[f"{outcome.paid}: {outcome.error_code}"] += 1

    @property
    def errors(self) -> bool:
        """Whether a call of some line raised."""
        return any(name.startswith("error") for name in (*self.statuses, *self.confirmed))


def read_log(path: Path) -> list[Purchase]:
    """Read and check the whole file, before anything is called.

    Raises:
        BadFile: a column is missing, or a line cannot be read.
        OSError: the file cannot be read.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        try:
            header = [name.strip() for name in next(rows, list[str]())]
            missing = [name for name in _REQUIRED if name not in header]
            if missing:
                raise BadFile(f"{path}: no column {', '.join(missing)} in the first line")
            if len(set(header)) < len(header) or "" in header:
                raise BadFile(f"{path}: a column of the first line has no name of its own")
            return [_purchase(path, rows.line_num, header, row) for row in rows if row]
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadFile(f"{path}, line {rows.line_num}: {error}") from error


def _purchase(path: Path, line: int, header: Sequence[str], row: Sequence[str]) -> Purchase:
    where = f"{path}, line {line}"
    if len(row) != len(header):
        raise BadFile(f"{where}: {len(row)} cells, the first line has {len(header)}")
    cells = dict(zip(header, row, strict=True))
    try:
        quantity = int(cells["quantity"])
    except ValueError:
        raise BadFile(f"{where}: quantity {cells['quantity']!r} is no whole number") from None
    given = cells.get("request_id", "").strip()
    try:
        request_id = UUID(given) if given else None
    except ValueError:
        raise BadFile(f"{where}: request_id {given!r} is no uuid") from None
    return Purchase(
        line,
        cells["user_id"],
        cells["sku"],
        quantity,
        cells.get("region") or "*",
        request_id,
        {name: cell for name, cell in cells.items() if name not in _KNOWN and cell},
    )


def create_activity(
    client: Client,
    name: str,
    purchases: Iterable[Purchase],
    stock: Mapping[str | None, int],
    limits: Iterable[Limit],
    hold_seconds: int,
    made: Callable[[int], None],
) -> int:
    """Create and open an activity for a log; its id.

    Args:
        client: of a member of `seckill_ops`.
        name: of the activity.
        purchases: the log; it gets a pool for each sku and region that is in it.
        stock: units by sku, for each region; None: for every other sku.
        limits: per user.
        hold_seconds: how long a hold lasts unpaid.
        made: is told the id at once; what fails after that leaves a draft.
    """
    now = datetime.now(UTC)
    activity_id = client.create_activity(
        name=name,
        starts_at=now - timedelta(minutes=1),
        ends_at=now + timedelta(days=30),
        hold_seconds=hold_seconds,
    )
    made(activity_id)
    for sku, region in sorted({(one.sku, one.region) for one in purchases}):
        units = stock.get(sku, stock.get(None, 0))
        if units:
            client.receive_stock(
                sku=sku, quantity=units, request_id=uuid4(), reason=f"replay {activity_id}"
            )
            client.allocate_stock(
                activity_id=activity_id,
                sku=sku,
                quantity=units,
                request_id=uuid4(),
                region=region,
            )
    for limit in limits:
        client.set_limit(
            activity_id=activity_id,
            name=limit.name,
            dimension="user",
            metric=limit.metric,  # pyright: ignore[reportArgumentType] (the database says which)
            window=limit.window,  # pyright: ignore[reportArgumentType]
            maximum=limit.maximum,
        )
    client.open_activity(activity_id=activity_id)
    return activity_id


class Outcomes:
    """The file of outcomes, written in the order of the log.

    Args:
        file: where to.
        purchases: the log.
    """

    def __init__(self, file: TextIO, purchases: Sequence[Purchase]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(OUTCOME_COLUMNS)
        self._lines = deque(one.line for one in purchases)
        self._early: dict[int, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        """Write a line, or keep it until those before it are there."""
        self._early[outcome.purchase.line] = outcome
        while self._lines and self._lines[0] in self._early:
            self._writer.writerow(self._early.pop(self._lines.popleft()).cells())

    def close(self) -> None:
        """Write what is still kept: a replay was stopped and lines before it have no outcome."""
        for line in sorted(self._early):
            self._writer.writerow(self._early.pop(line).cells())


@dataclass(frozen=True, slots=True)
class Replay:
    """A log and where it runs.

    Attributes:
        client: of a member of `seckill_app`, with a connection for each caller.
        activity_id: the activity.
        confirm: pay for each hold at once.
        stop: when set, no further line is begun.
    """

    client: Client
    activity_id: int
    confirm: bool
    stop: threading.Event

    def run(
        self, purchases: Iterable[Purchase], callers: int, done: Callable[[Outcome], None]
    ) -> None:
        """Run the log until its end, or until `stop` is set.

        Args:
            purchases: the log; lines are begun in its order.
            callers: lines at a time; with 1 each waits for the answer to the one before.
            done: told of each line, in the order in which they end, one at a time.

        Raises:
            Unavailable, OutcomeUnknown: the database was not there for a minute. All that was
                answered has been told to `done`; the rest may be run again.
        """
        lines = iter(purchases)
        taking, telling = threading.Lock(), threading.Lock()

        def work() -> None:
            try:
                while not self.stop.is_set():
                    with taking:
                        purchase = next(lines, None)
                    if purchase is None:
                        return
                    outcome = self._outcome(purchase)
                    with telling:
                        done(outcome)
            except BaseException:
                self.stop.set()  # the others end after the line that they are at
                raise

        if callers == 1:
            work()
            return
        with ThreadPoolExecutor(callers) as pool:
            futures = [pool.submit(work) for _ in range(callers)]
        for future in futures:
            future.result()

    def _outcome(self, purchase: Purchase) -> Outcome:
        request_id = purchase.request_id_in(self.activity_id)
        try:
            answer = self._reserve(purchase, request_id)
        except (Unavailable, OutcomeUnknown):
            raise
        except SeckillError as error:
            return Outcome(purchase, request_id, None, error.sqlstate or "unknown", None)
        if not self.confirm or answer.reservation_id is None:
            return Outcome(purchase, request_id, answer, None, None)
        try:
            confirmed = self.client.confirm(
                user_id=purchase.user_id,
                reservation_id=answer.reservation_id,
                payment_ref=str(request_id),
            )
        except (Unavailable, OutcomeUnknown):
            raise
        except SeckillError as error:  # it is held all the same
            return Outcome(purchase, request_id, answer, error.sqlstate or "unknown", None)
        return Outcome(purchase, request_id, answer, None, confirmed)

    def _reserve(self, purchase: Purchase, request_id: UUID) -> ReserveResult:
        while True:
            answer = self.client.reserve(
                activity_id=self.activity_id,
                user_id=purchase.user_id,
                sku=purchase.sku,
                quantity=purchase.quantity,
                request_id=request_id,
                region=purchase.region,
                subjects=purchase.subjects,
            )
            # busy: nothing was decided.
            if answer.status != "busy" or self.stop.wait(_BUSY_S):
                return answer
