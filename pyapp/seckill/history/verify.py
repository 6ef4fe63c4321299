"""The judge: every attempt against the books, and every row of the books against the attempts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from seckill.history.books import Booked, Books, read_books
from seckill.history.read import Attempt, HistoryError, read_history

Settled = Literal["answered", "found", "absent"]

# Answers that end a reservation, and the states in which the books may show it then.
_PAID = frozenset({"confirmed", "refunded"})
_LATE = frozenset({"late_sold_out", "late_limit_exceeded"})
# Answers to a payment that say that this or another one was taken.
_TAKEN = _PAID | {"partly_refunded", "duplicate_payment"}


@dataclass(slots=True)
class Verdict:
    """What a history and the books say about each other.

    Attributes:
        calls: attempts in all.
        answered: attempts with an answer.
        failed: attempts of which the caller knows that nothing happened.
        unknown: attempts of which he does not.
        acknowledged: answers that the books must show: held, paid, cancelled.
        settled: unknown attempts by how they were settled: a repeat was `answered`, or the books
            were asked and the effect was `found` or `absent`.
        paid: reservations whose buyer was told that he has paid.
        lost: acknowledged and not in the books.
        unexpected: in the books, and nobody asked for it, or it was refused.
        duplicated: one request with two effects.
        oversold: units that buyers have beyond what the pools were given.
        drift: what `reconcile` found.
    """

    calls: int = 0
    answered: int = 0
    failed: int = 0
    unknown: int = 0
    acknowledged: int = 0
    settled: dict[Settled, int] = field(
        default_factory=lambda: {"answered": 0, "found": 0, "absent": 0}
    )
    paid: int = 0
    lost: list[str] = field(default_factory=list[str])
    unexpected: list[str] = field(default_factory=list[str])
    duplicated: list[str] = field(default_factory=list[str])
    oversold: int = 0
    drift: list[str] = field(default_factory=list[str])

    @property
    def unexplained(self) -> int:
        """Rows that no call explains."""
        return len(self.unexpected) + len(self.duplicated)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not (self.lost or self.unexpected or self.duplicated or self.oversold or self.drift)


def verify(
    directory: Path, dsn: str | None = None, advance: Callable[[int], None] = lambda _calls: None
) -> Verdict:
    """Judge the history in a directory.

    Args:
        directory: of the history.
        dsn: of the database, as for `read_books`, when no recorded call is under way any more;
            None: the books that were written beside the history.
        advance: is told how many calls were read.

    Raises:
        HistoryError: no history, or no books.
    """
    attempts = read_history(directory)
    advance(len(attempts))
    if dsn is not None:
        return judge(attempts, read_books(dsn, activities_of(attempts)))
    try:
        books = Books.load(directory)
    except FileNotFoundError as error:
        raise HistoryError(f"{directory}: no books beside the history, give --dsn") from error
    return judge(attempts, books)


def activities_of(attempts: Iterable[Attempt]) -> set[int]:
    """The activities that a history bought from."""
    return {attempt.request[0] for attempt in attempts if attempt.buys}


def judge(attempts: Sequence[Attempt], books: Books) -> Verdict:
    """Compare."""
    return _Judge(attempts, books).verdict()


class _Judge:
    def __init__(self, attempts: Sequence[Attempt], books: Books) -> None:
        self._attempts = attempts
        self._books = books
        self._verdict = Verdict(calls=len(attempts))
        self._by_id: dict[int, Booked] = {}
        self._by_request: dict[tuple[int, str, str], list[Booked]] = defaultdict(list)
        for booked in books.reservations:
            self._by_id[booked.reservation_id] = booked
            self._by_request[booked.activity_id, booked.user_id, booked.request_id].append(booked)
        self._purchases: dict[tuple[int, str, str], list[Attempt]] = defaultdict(list)
        self._resolutions: dict[int, list[Attempt]] = defaultdict(list)
        for attempt in attempts:
            if attempt.buys:
                self._purchases[attempt.request].append(attempt)
            elif attempt.reservation_id is not None:
                self._resolutions[attempt.reservation_id].append(attempt)

    def verdict(self) -> Verdict:
        self._count()
        told: dict[int, tuple[int, str, str]] = {}
        for request, tries in self._purchases.items():
            self._check_purchase(request, tries, told)
        for reservation_id, tries in self._resolutions.items():
            self._check_resolution(reservation_id, tries)
        for request, rows in self._by_request.items():
            if len(rows) > 1:
                self._verdict.duplicated.append(f"{_named(request)}: {len(rows)} reservations")
            for booked in rows:
                self._explain(booked, self._purchases.get(request, []))
        for pool in self._books.pools:
            self._verdict.oversold += max(0, pool.sold + pool.held - pool.given)
        self._verdict.drift = [
            f"activity {row.activity_id}: {row.invariant} of {row.subject}: "
            f"{row.actual}, must be {row.expected}"
            for row in self._books.drift
        ]
        return self._verdict

    def _count(self) -> None:
        for attempt in self._attempts:
            match attempt.outcome:
                case "answered":
                    self._verdict.answered += 1
                case "failed":
                    self._verdict.failed += 1
                case "unknown":
                    self._verdict.unknown += 1
                    self._verdict.settled[self._settle(attempt)] += 1

    def _settle(self, lost: Attempt) -> Settled:
        """How it was found out what became of an unknown attempt."""
        if lost.buys:
            tries = self._purchases[lost.request]
            found = lost.request in self._by_request
        else:
            booked = self._by_id.get(lost.reservation_id or 0)
            tries = self._resolutions[lost.reservation_id or 0]
            done = _PAID if lost.call == "confirm" else {"cancelled"}
            found = booked is not None and booked.state in done
        for other in tries:
            if (
                (lost.buys or other.call == lost.call)
                and other.outcome == "answered"
                and other.sent_at >= lost.sent_at
            ):
                return "answered"
        return "found" if found else "absent"

    def _check_purchase(
        self,
        request: tuple[int, str, str],
        tries: Sequence[Attempt],
        told: dict[int, tuple[int, str, str]],
    ) -> None:
        """What buyers were told of one request."""
        holds = {
            attempt.reservation_id
            for attempt in tries
            if attempt.status == "held" and attempt.reservation_id is not None
        }
        self._verdict.acknowledged += len(holds)
        if len(holds) > 1:
            self._verdict.duplicated.append(f"{_named(request)}: answered with {sorted(holds)}")
        for held in holds:
            if told.setdefault(held, request) != request:
                self._verdict.duplicated.append(f"reservation {held}: the answer to two requests")
            booked = self._by_id.get(held)
            if booked is None:
                self._verdict.lost.append(f"reservation {held}: not there, was held")
            elif (booked.activity_id, booked.user_id, booked.request_id) != request:
                self._verdict.lost.append(f"reservation {held}: is of another request")

    def _check_resolution(self, reservation_id: int, tries: Sequence[Attempt]) -> None:
        """What buyers were told of the end of one reservation."""
        said = {(attempt.call, attempt.status) for attempt in tries if attempt.answer}
        said = {one for one in said if one[1] in _LATE | {"confirmed", "cancelled"}}
        if ("confirm", "confirmed") in said:
            self._verdict.paid += 1
        booked = self._by_id.get(reservation_id)
        for call, status in sorted(said, key=str):
            # "It is paid already" to who cancels, and "it is cancelled" to who pays, are told of
            # somebody else's call.
            own = (call == "confirm") == (status != "cancelled")
            self._verdict.acknowledged += own
            if booked is None:
                self._verdict.lost.append(f"reservation {reservation_id}: not there, was {status}")
            elif status in _LATE:
                if booked.late_status != status:
                    self._lose(booked, f"late payment: {booked.late_status}, was {status}")
            elif status == "confirmed":
                if booked.state not in _PAID:
                    self._lose(booked, f"{booked.state}, was {status}")
                elif booked.sold < booked.quantity:
                    self._lose(booked, f"{booked.sold} of {booked.quantity} units in the ledger")
            elif booked.state != status:
                self._lose(booked, f"{booked.state}, was {status}")

    def _lose(self, booked: Booked, how: str) -> None:
        self._verdict.lost.append(f"reservation {booked.reservation_id}: {how}")

    def _explain(self, booked: Booked, tries: Sequence[Attempt]) -> None:
        """Whether a row of the books was asked for."""
        for why in (self._purchase_of(booked, tries), self._end_of(booked)):
            if why is not None:
                self._verdict.unexpected.append(f"reservation {booked.reservation_id}: {why}")
        if booked.sold > booked.quantity:
            self._verdict.duplicated.append(f"reservation {booked.reservation_id}: sold twice")
        if booked.released > booked.quantity:
            self._verdict.duplicated.append(f"reservation {booked.reservation_id}: released twice")

    def _purchase_of(self, booked: Booked, tries: Sequence[Attempt]) -> str | None:
        if not tries:
            return f"nobody asked for it as {booked.user_id} with {booked.request_id}"
        if not any(attempt.outcome == "unknown" or attempt.status == "held" for attempt in tries):
            return f"each attempt was refused: {tries[-1].status or tries[-1].error}"
        asked = {(_lines(one), str(one.arguments.get("region", "*"))) for one in tries}
        if (tuple(sorted(booked.lines.items())), booked.region) not in asked:
            return f"{booked.lines} in {booked.region!r}, which is not what was asked for"
        return None

    def _end_of(self, booked: Booked) -> str | None:
        tries = self._resolutions.get(booked.reservation_id, [])
        if booked.state in _PAID:
            paying = [
                one
                for one in tries
                if one.call == "confirm" and (one.outcome == "unknown" or one.status in _TAKEN)
            ]
            if not paying:
                return "paid, and nobody paid for it"
            if all(one.arguments.get("payment_ref") != booked.payment_ref for one in paying):
                return f"paid with {booked.payment_ref!r}, which nobody sent"
        if booked.state == "cancelled" and not booked.revoked:
            cancelling = [one for one in tries if one.call == "cancel"]
            if all(one.outcome != "unknown" and one.status != "cancelled" for one in cancelling):
                return "cancelled, and nobody cancelled it"
        return None


def _lines(attempt: Attempt) -> tuple[tuple[str, int], ...]:
    return tuple(sorted((sku, int(units)) for sku, units in attempt.arguments["lines"].items()))


def _named(request: tuple[int, str, str]) -> str:
    return f"request {request[2]} of {request[1]}"
