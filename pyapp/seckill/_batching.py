"""Which purchases go to PostgreSQL together, without any IO.

Purchases from one pool share a lane. A lane has a few slots, one for each call that is out. Who
finds one free goes at once, by itself; who does not waits, and a slot that comes free takes all
that wait. So nobody waits for others to come, and an idle system batches nothing. Lanes keep a
pool whose row somebody holds from holding up the others.

`seckill._coalesce` does the waiting and the calling, for tasks and for threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from enum import Enum
from json import dumps
from typing import Any
from uuid import UUID

from psycopg.rows import TupleRow, tuple_row
from psycopg.types.json import Jsonb

from seckill._calls import RESERVE_BATCH, Call
from seckill.errors import (
    IncompatibleSchema,
    OutcomeUnknown,
    SeckillError,
    Unavailable,
    UnknownStatus,
)
from seckill.results import ReserveResult

# As plain rows: what one of them cannot be read as concerns one caller only.
BATCH: Call[TupleRow] = Call(RESERVE_BATCH.sql, tuple_row, RESERVE_BATCH.effect)


class Turn(Enum):
    """Where a purchase is.

    `WAITS`: for a slot. `ALONE`: it has one, and its caller sends it. `SENT`: in a batch that is
    out. `ENDED`: answered, or given up.
    """

    WAITS = 1
    ALONE = 2
    SENT = 3
    ENDED = 4


class Lane:
    """The purchases from one pool: how many calls are out, and who waits."""

    __slots__ = ("key", "out", "waiting")

    def __init__(self, key: tuple[object, ...]) -> None:
        self.key = key
        self.out = 0
        self.waiting: deque[Ticket] = deque()


class Ticket:
    """One purchase on its way.

    Attributes:
        values: as the driver is to send them.
        ends: when its caller stops waiting (monotonic seconds).
        lane: of its pool.
        turn: where it is.
        batch: those that this one's caller has to serve (threads only).
        signal: wakes its caller; may be called more than once.
    """

    __slots__ = ("_outcome", "batch", "ends", "lane", "signal", "turn", "values")

    def __init__(self, values: Mapping[str, Any], ends: float, lane: Lane) -> None:
        self.values = values
        self.ends = ends
        self.lane = lane
        self.turn = Turn.WAITS
        self.batch: list[Ticket] | None = None
        self.signal: Callable[[], object] = _nobody
        self._outcome: ReserveResult | Exception | None = None

    def end(self, outcome: ReserveResult | Exception | None) -> None:
        """Give the caller an answer, an error, or None: ask alone. The first one counts."""
        if self.turn is not Turn.ENDED:
            self._outcome = outcome
            self.turn = Turn.ENDED
            self.signal()

    def stop_waiting(self) -> None:
        """The caller's time is over, unless it is its turn just now."""
        if self.turn is Turn.WAITS:
            self.end(Unavailable("no turn in time", hint="calls ahead of this one are slow"))
        elif self.turn is Turn.SENT and self.batch is None:
            self.end(OutcomeUnknown("no answer in time"))

    def answer(self) -> ReserveResult | None:
        """What the batch said; None: the caller is to ask alone, which gives the exact error."""
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


class Lanes:
    """All lanes of a client. Not safe for threads by itself.

    Args:
        in_flight: calls of one lane that are out at a time.
        max_batch: purchases in one of them.
    """

    def __init__(self, *, in_flight: int, max_batch: int) -> None:
        self._in_flight = in_flight
        self._max_batch = max_batch
        self._lanes: dict[tuple[object, ...], Lane] = {}

    def enter(self, values: Mapping[str, Any], ends: float) -> Ticket:
        """A purchase comes: its turn is `ALONE` where a slot is free, and then it has that slot."""
        key = (values["activity_id"], values["sku"], values["region"])
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(key)
        ticket = Ticket(values, ends, lane)
        if lane.out < self._in_flight:  # then nobody waits: see `pass_on`
            lane.out += 1
            ticket.turn = Turn.ALONE
        else:
            lane.waiting.append(ticket)
        return ticket

    def pass_on(self, lane: Lane) -> list[Ticket]:
        """A slot comes free: the batch that has it now, to be served; empty where there is none.

        One that waits alone is woken and has the slot; where nobody waits it stays free.
        """
        batch: list[Ticket] = []
        while lane.waiting and len(batch) < self._max_batch:
            ticket = lane.waiting.popleft()
            if ticket.turn is Turn.WAITS:
                batch.append(ticket)
        if len(batch) > 1:
            for ticket in batch:
                ticket.turn = Turn.SENT
            return batch
        if batch:
            batch[0].turn = Turn.ALONE
            batch[0].signal()
            return []
        lane.out -= 1
        if not lane.out:
            del self._lanes[lane.key]
        return []


def fits(values: Mapping[str, Any]) -> bool:
    """Whether a purchase can stand in arrays beside others.

    What is of another type goes alone, so that it means the same whoever comes beside it.
    """
    return (
        type(values["activity_id"]) is int
        and type(values["quantity"]) is int
        and type(values["user_id"]) is str
        and type(values["sku"]) is str
        and type(values["region"]) is str
        and type(values["request_id"]) is UUID
        and type(values["subjects"]) is Jsonb
    )


def still_wanted(tickets: Sequence[Ticket]) -> list[Ticket]:
    """Those whose callers have not gone."""
    return [ticket for ticket in tickets if ticket.turn is Turn.SENT]


def batch_of(tickets: Sequence[Ticket]) -> dict[str, object]:
    """The parameters of `reserve_batch`, as array literals.

    The driver would make the arrays too, but looks at each element several times.
    """
    asked = [ticket.values for ticket in tickets]
    return {
        "activity_ids": _array(str(one["activity_id"]) for one in asked),
        "user_ids": _array(_quoted(one["user_id"]) for one in asked),
        "skus": _array(_quoted(one["sku"]) for one in asked),
        "quantities": _array(str(one["quantity"]) for one in asked),
        "request_ids": _array(one["request_id"].hex for one in asked),
        "regions": _array(_quoted(one["region"]) for one in asked),
        "subjects": _array(_subjects(one["subjects"]) for one in asked),
    }


def deliver(tickets: Sequence[Ticket], rows: Sequence[TupleRow]) -> None:
    """Give each caller its answer."""
    for ticket, row in zip(tickets, rows, strict=True):
        ticket.end(_read(row))


def after_failure(tickets: Sequence[Ticket], error: Exception) -> list[Sequence[Ticket]]:
    """A batch failed as a whole: tell its callers, or name the parts to be sent by themselves.

    Where PostgreSQL was not to be had, or has a schema that this client does not know, all are
    told, and each tries again as its own time allows. Any other error is about one of them (say a
    text that no database can store) and nothing has happened: halves are sent until it is alone,
    and then it asks by itself.
    """
    if isinstance(error, Unavailable | OutcomeUnknown | IncompatibleSchema):
        for ticket in tickets:
            ticket.end(_own(error))
    elif len(tickets) == 1:
        tickets[0].end(None)
    else:
        middle = len(tickets) // 2
        return [tickets[:middle], tickets[middle:]]
    return []


def abandon(tickets: Sequence[Ticket]) -> None:
    """Who served these was interrupted: they may have been sent."""
    for ticket in tickets:
        ticket.end(OutcomeUnknown("the call was interrupted together with another one"))


def _array(elements: Iterable[str]) -> str:
    return f"{{{','.join(elements)}}}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _subjects(subjects: Jsonb) -> str:
    return _quoted(dumps(subjects.obj)) if subjects.obj else '"{}"'


def _read(row: TupleRow) -> ReserveResult | Exception | None:
    status, _, *others = row
    if status == "error":
        return None
    try:
        return ReserveResult(status, 1, *others)
    except UnknownStatus as error:
        return error


def _own(error: SeckillError) -> SeckillError:
    # One of its own for each caller: the client writes the request id into it, and raising it
    # adds to its traceback.
    own = copy(error)
    own.__cause__ = error
    return own


def _nobody() -> None:
    pass
