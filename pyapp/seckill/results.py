"""What the calls answer: one frozen dataclass for each result type of schema `seckill`.

And the words that some of their arguments take, for type checkers: which of them is right is the
database's to say.

Fields have the names and the order of the type's. A status that is not listed here raises
`UnknownStatus`: the database is newer than this client, and guessing would be wrong. Instants
are aware datetimes, quantities are units.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal, Protocol, get_args
from uuid import UUID

from seckill.errors import UnknownStatus

ReserveStatus = Literal[
    "held",
    "not_started",
    "paused",
    "ended",
    "sold_out",
    "not_eligible",
    "limit_exceeded",
    "busy",
    "error",
]
ResolveStatus = Literal[
    "confirmed",
    "cancelled",
    "expired",
    "refunded",
    "partly_refunded",
    "late_sold_out",
    "late_limit_exceeded",
    "duplicate_payment",
    "error",
]
AvailabilityStatus = Literal["on_sale", "sold_out", "not_started", "paused", "ended"]
ReservationStatus = Literal["held", "confirmed", "cancelled", "expired", "refunded"]
CheckStatus = Literal["pass", "fail"]
OpsStatus = Literal[
    "draft",
    "open",
    "paused",
    "closed",
    "received",
    "allocated",
    "moved",
    "scheduled",
    "set",
    "dropped",
    "required",
    "added",
    "removed",
    "blocked",
    "unblocked",
    "archived",
    "dropping",
]
InventoryStatus = Literal["in_stock", "empty", "unknown"]
Retry = Literal["final", "may_return", "not_yet", "busy"]

TotalMode = Literal["reject", "floor", "drain", "revoke"]
Metric = Literal["units", "orders", "open_holds", "expired_holds"]
Window = Literal["order", "hour", "day", "week", "month", "activity", "rolling"]
ArchivePart = Literal[
    "activity",
    "pool",
    "pool_slot",
    "limit_version",
    "list_dimension",
    "listed_subject",
    "ops_entry",
    "inventory_movement",
    "reservation",
    "movement",
    "refund",
]


class _HasStatus(Protocol):
    statuses: ClassVar[frozenset[str]]

    @property
    def status(self) -> str: ...


class _Answer:
    """An answer whose status must be one that this client knows."""

    __slots__ = ()

    def __post_init__(self: _HasStatus) -> None:
        if self.status not in self.statuses:
            raise UnknownStatus(
                f"unknown status {self.status!r} in {type(self).__name__}",
                hint="the database is newer than this client",
            )


@dataclass(frozen=True, slots=True)
class ReserveResult(_Answer):
    """Answer of `reserve`: the units are held, or why not.

    Attributes:
        status: `held`, or the first reason (in the order of the SQL reference) to refuse.
        ordinal: position in a batch, 1 for a single call.
        reservation_id: of the hold; None where refused.
        replayed: this request id had been answered before; the answer is that one.
        state: what became of the reservation by now.
        expires_at: from this instant on the hold is worth nothing, unless confirmed.
        limit_name: the limit that refused.
        sku: what is sold out.
        remaining: units left of that sku, or what the limit would still allow.
        epoch: grows with every increase of the pool's stock; orders two answers `sold_out`.
        retry: whether the same request may succeed later. `final`: no. `may_return`: units are
            held unpaid. `not_yet`: at `retry_at`. `busy`: after a short pause.
        retry_at: when the answer can first change by itself.
        error_code: SQLSTATE of this request's error; in batches only.
    """

    statuses: ClassVar[frozenset[str]] = frozenset(get_args(ReserveStatus))

    status: ReserveStatus
    ordinal: int | None
    reservation_id: int | None
    replayed: bool | None
    state: ReservationStatus | None
    expires_at: datetime | None
    limit_name: str | None
    sku: str | None
    remaining: int | None
    epoch: int | None
    retry: Retry | None
    retry_at: datetime | None
    error_code: str | None

    @property
    def ok(self) -> bool:
        """Whether the units are the buyer's: held or confirmed when the answer was given.

        A replay has status `held` also when its hold was cancelled or has expired since.
        """
        return self.status == "held" and self.state in ("held", "confirmed")


@dataclass(frozen=True, slots=True)
class ResolveResult(_Answer):
    """Answer of `confirm`, `cancel` and `refund`: what the reservation now is.

    Attributes:
        status: `confirmed`, `cancelled`, `expired`, `refunded`, `partly_refunded` …;
            `late_sold_out` and `late_limit_exceeded` mean that the buyer paid and must be
            refunded, `duplicate_payment` that he paid twice. `error` in a batch only.
        reservation_id: as asked.
        replayed: the call had been answered before and changed nothing.
        late: the hold had ended and its units were taken again.
        error_code: SQLSTATE of this request's error; in batches only.
    """

    statuses: ClassVar[frozenset[str]] = frozenset(get_args(ResolveStatus))

    status: ResolveStatus
    reservation_id: int | None
    replayed: bool | None
    late: bool | None
    error_code: str | None


@dataclass(frozen=True, slots=True)
class AvailabilityResult(_Answer):
    """Answer of `availability`: the units of a pool, of one instant.

    Attributes:
        status: `on_sale`, `sold_out`, `not_started`, `paused` or `ended`.
        total: `available + held + sold`, and those that are to be released later.
        available: units that may be reserved now; holds past their end count here.
        held: units reserved and not yet paid.
        sold: units confirmed.
        epoch: grows with every increase of `available`.
    """

    statuses: ClassVar[frozenset[str]] = frozenset(get_args(AvailabilityStatus))

    status: AvailabilityStatus
    total: int
    available: int
    held: int
    sold: int
    epoch: int


@dataclass(frozen=True, slots=True)
class ReservationResult(_Answer):
    """One reservation.

    Attributes:
        status: `held`, `confirmed`, `cancelled`, `expired` or `refunded`.
        reservation_id: its number.
        activity_id: the sale.
        user_id: the buyer.
        request_id: the idempotency key it was made with.
        region: of the pools.
        skus: what was reserved, sorted.
        quantities: how many units of each, beside `skus`.
        expires_at: when the hold ends or ended.
        created_at: when it was made.
        resolved_at: when it was confirmed or cancelled, or ended; None while held.
        payment_ref: what `confirm` was given.
    """

    statuses: ClassVar[frozenset[str]] = frozenset(get_args(ReservationStatus))

    status: ReservationStatus
    reservation_id: int
    activity_id: int
    user_id: str
    request_id: UUID
    region: str
    skus: list[str]
    quantities: list[int]
    expires_at: datetime
    created_at: datetime
    resolved_at: datetime | None
    payment_ref: str | None


@dataclass(frozen=True, slots=True)
class CheckResult(_Answer):
    """One check of a purchase, from `explain` and `limit_usage`.

    Attributes:
        status: `pass` or `fail`.
        check_name: `replay`, `sale`, `stock`, `blocked`, `eligible` or `limit`.
        limit_name: of a limit.
        dimension: of a limit or a list: whose purchases count together, or who is listed.
        used: what counts against a limit by now; of the stock, units held or sold.
        maximum: of a limit; of the stock, units in total.
        remaining: what a limit would still allow; of the stock, units available.
        resets_at: when the window turns over, or when the answer can first change by itself.
        retry: of a failed check, as in `ReserveResult`.
    """

    statuses: ClassVar[frozenset[str]] = frozenset(get_args(CheckStatus))

    status: CheckStatus
    check_name: str
    limit_name: str | None
    dimension: str | None
    used: int | None
    maximum: int | None
    remaining: int | None
    resets_at: datetime | None
    retry: Retry | None

    @property
    def ok(self) -> bool:
        """Whether a purchase would get past this check."""
        return self.status == "pass"


@dataclass(frozen=True, slots=True)
class OpsResult(_Answer):
    """Answer of the calls that run a sale.

    Attributes:
        status: the activity's state, or what was done (`received`, `allocated`, `set`,
            `dropped`, `added` …).
        replayed: it had been done before, nothing was changed.
        activity_id: the sale, where there is one.
        sku: where stock moved.
        region: of the pool.
        quantity: units moved (negative: taken out); of lists, the values that changed.
        total: units in the pool, for `receive_stock` in the inventory, after the call.
    """

    statuses: ClassVar[frozenset[str]] = frozenset(get_args(OpsStatus))

    status: OpsStatus
    replayed: bool | None
    activity_id: int | None
    sku: str | None
    region: str | None
    quantity: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class InventoryResult(_Answer):
    """Answer of `inventory`: units of a sku that are in no pool.

    Attributes:
        status: `in_stock`, `empty`, or `unknown` (never received).
        sku: as asked.
        quantity: units.
    """

    statuses: ClassVar[frozenset[str]] = frozenset(get_args(InventoryStatus))

    status: InventoryStatus
    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the ledger, from `changes` or `history`.

    Attributes:
        cursor: what `changes` goes on after; None in `history`.
        at: when the units moved.
        kind: `allocate`, `hold`, `confirm`, `cancel`, `expire`, `late_confirm`, `refund`,
            `write_off`, `revoke`, `raise`, `cut`, `drain`, `close` …
        activity_id: the sale.
        sku: of the pool.
        region: of the pool.
        reservation_id: for movements of a reservation.
        user_id: its buyer.
        quantity: units.
        actor: who asked, else the database login.
        login: the database login; None for a hold, whose buyer asked.
        note: why: a reason, a payment, a request id. Only operators and readers see it.
        source, target: the accounts of the pool between which the units went: `inventory`,
            `available`, `held`, `sold`, `unreleased`, `written_off`. None where none moved.
    """

    cursor: str | None
    at: datetime
    kind: str
    activity_id: int
    sku: str | None
    region: str | None
    reservation_id: int | None
    user_id: str | None
    quantity: int | None
    actor: str | None
    login: str | None
    note: str | None
    source: str | None
    target: str | None


@dataclass(frozen=True, slots=True)
class ArchivedRow:
    """A row of an archived activity, from `export_activity`.

    Attributes:
        cursor: what the next call goes on after.
        data: its columns, as the database keeps them; instants are in UTC.
    """

    cursor: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OpsEntry:
    """One call that runs a sale, from `ops_history`.

    Attributes:
        at: when it was made.
        actor: who asked, as the caller named it.
        login: the database login that called.
        call: the function.
        activity_id: the sale, where there is one.
        arguments: what was asked for.
    """

    at: datetime
    actor: str | None
    login: str
    call: str
    activity_id: int | None
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Violation:
    """One disagreement in the books, from `reconcile`; none is the proof that they agree.

    Attributes:
        invariant: `I1` …, as the SQL reference numbers them.
        subject: where.
        expected: what the ledger or the rule says.
        actual: what stands there.
    """

    invariant: str
    subject: str
    expected: str | None
    actual: str | None
