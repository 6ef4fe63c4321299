"""``seckill reserve``, ``explain``, ``confirm``, ``cancel``, ``reservation``: what a buyer does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID, uuid4

import typer

from seckill.cli._checks import show_checks
from seckill.cli._common import Dsn, ExitCode, Json, emit, fail
from seckill.cli._sale import (
    ActivityId,
    Region,
    RequestId,
    Subjects,
    examples,
    fields,
    group,
    outcome,
    request_uuid,
    sale,
    subjects_of,
    tell_request,
)
from seckill.cli._show import plain, say, show_table, working
from seckill.cli._views import views

if TYPE_CHECKING:
    from collections.abc import Iterable

    from seckill import ReservationResult, ReserveResult, ResolveResult

app = group("Reservations of a user: show, find, list.")

User = Annotated[str, typer.Argument(metavar="USER", help="The buyer's id.")]
ReservationId = Annotated[int, typer.Argument(metavar="RESERVATION", help="Its id.")]

RESERVE_EPILOG = examples(
    "seckill reserve 1 ann phone",
    "seckill reserve 1 ann phone 2 --region north --request-id click-1",
    "seckill reserve 1 ann phone --subject phone=13800138000 --subject device=a4f1",
    "seckill reserve 1 ann --line phone=1 --line case=2",
)
EXPLAIN_EPILOG = examples(
    "seckill explain 1 ann phone",
    "seckill explain 1 ann phone 2 --region north --subject phone=13800138000",
    "seckill explain 1 ann phone --request-id click-1    (was this click answered?)",
)
CONFIRM_EPILOG = examples(
    "seckill confirm ann 8589934593 --payment-ref pay-77",
    "seckill confirm --batch payments.csv    (lines USER,RESERVATION,PAYMENT; - reads stdin)",
)
REFUND_EPILOG = examples(
    "seckill refund ann 8589934593",
    "seckill refund ann 8589934593 --line phone=1 --request-id return-9",
    "seckill refund ann 8589934593 --line phone --no-restock --keep-limits",
)
CANCEL_EPILOG = examples('seckill cancel ann 8589934593 --reason "changed her mind"')

_HOPE = {
    "final": "no waiting helps",
    "not_yet": "try later",
    "may_return": "units or room are held unpaid and may return",
    "busy": "too many are being served at this instant: try again after a short pause",
}


Sku = Annotated[str, typer.Argument(metavar="SKU", help="The article's code.")]
Quantity = Annotated[int, typer.Argument(metavar="QUANTITY", help="Units.")]


def reserve(
    activity_id: ActivityId,
    user_id: User,
    sku: Annotated[
        str | None, typer.Argument(metavar="SKU", help="The article's code; or give --line.")
    ] = None,
    quantity: Quantity = 1,
    line: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SKU=QUANTITY",
            help="Units of a further article, in the same reservation: all or none. May be "
            "repeated.",
        ),
    ] = None,
    region: Region = "*",
    subject: Subjects = None,
    request_id: RequestId = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Hold units for a buyer until they are paid for. Exit status 1: refused."""
    lines = [] if sku is None else [(sku, quantity)]
    lines += [_line(text) for text in line or []]
    if not lines:
        fail("give SKU, or --line SKU=QUANTITY", ExitCode.USAGE)
    subjects = subjects_of(subject)
    used = request_id or uuid4()
    with sale(dsn, used) as client:
        if line:
            answer = client.reserve_lines(
                activity_id=activity_id,
                user_id=user_id,
                skus=[sku for sku, _ in lines],
                quantities=[quantity for _, quantity in lines],
                request_id=used,
                region=region,
                subjects=subjects,
            )
        else:
            answer = client.reserve(
                activity_id=activity_id,
                user_id=user_id,
                sku=lines[0][0],
                quantity=quantity,
                request_id=used,
                region=region,
                subjects=subjects,
            )
    if as_json:
        emit({**fields(answer), "request_id": used})
    else:
        what = ", ".join(f"{quantity} of {sku}" for sku, quantity in lines)
        say(_told(answer, f"{what} for {user_id}"), good=answer.ok)
        tell_request(request_id, used)
    outcome(answer.ok)


def _line(text: str) -> tuple[str, int]:
    sku, _, quantity = text.rpartition("=")
    # Left to PostgreSQL: whether it is a possible quantity.
    if not sku or not quantity.removeprefix("-").isdecimal():
        fail(f"--line {text!r}: type SKU=QUANTITY, such as phone=2", ExitCode.USAGE)
    return sku, int(quantity)


def explain(
    activity_id: ActivityId,
    user_id: User,
    sku: Sku,
    quantity: Quantity = 1,
    region: Region = "*",
    subject: Subjects = None,
    request_id: RequestId = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Say why a buyer may or may not buy, check by check, and change nothing.

    The first check that fails is what reserve answers. Exit status 1: refused.
    """
    subjects = subjects_of(subject)
    with sale(dsn, reads=True) as client:
        checks = client.explain(
            activity_id=activity_id,
            user_id=user_id,
            sku=sku,
            quantity=quantity,
            request_id=request_id,
            region=region,
            subjects=subjects,
        )
    good = all(check.ok for check in checks)
    if as_json:
        emit({"ok": good, "checks": [fields(check) for check in checks]})
    else:
        with views(dsn) as look:
            rules = look.limits(activity_id)
        show_checks(checks, rules, f"{quantity} of {sku}")
    outcome(good)


def _told(answer: ReserveResult, what: str) -> str:
    if answer.status == "held":
        again = ", as answered before" if answer.replayed else ""
        known = f"reservation {answer.reservation_id}{again}"
        if answer.state == "held":
            return f"held {what} until {plain(answer.expires_at)}: {known}"
        return f"{answer.state} {what}: {known}"
    parts: list[str] = []
    if answer.limit_name is not None:
        parts.append(f"limit {answer.limit_name} allows {answer.remaining} more")
    elif answer.remaining is not None:
        parts.append(f"{answer.remaining} of {answer.sku} left")
    if answer.retry is not None:
        parts.append(_HOPE.get(answer.retry, answer.retry))
    if answer.retry_at is not None:
        parts.append(f"not before {plain(answer.retry_at)}")
    return f"{answer.status}: {'; '.join(parts)}" if parts else answer.status


def confirm(
    user_id: Annotated[
        str | None, typer.Argument(metavar="USER", help="The buyer's id.", show_default=False)
    ] = None,
    reservation_id: Annotated[
        int | None, typer.Argument(metavar="RESERVATION", help="Its id.", show_default=False)
    ] = None,
    payment_ref: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The payment; another one later is refused.")
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="A file of payments instead: CSV lines USER,RESERVATION,PAYMENT."
        ),
    ] = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Record that a hold was paid: its units are sold.

    Exit status 1: not confirmed. After late_sold_out, late_limit_exceeded and duplicate_payment
    the buyer is to be refunded. A file may be given again: what was confirmed stays so.
    """
    if batch is not None:
        if user_id is not None or reservation_id is not None or payment_ref is not None:
            fail("give a reservation, or --batch FILE", ExitCode.USAGE)
        _confirm_file(batch, dsn, as_json)
        return
    if user_id is None or reservation_id is None:
        fail("Missing argument: give USER and RESERVATION, or --batch FILE", ExitCode.USAGE)
    with sale(dsn) as client:
        answer = client.confirm(
            user_id=user_id, reservation_id=reservation_id, payment_ref=payment_ref
        )
    _resolved(answer, "confirmed", as_json)


_BATCH = 500  # what one call takes

Payment = tuple[str, int, str | None]


def _confirm_file(name: str, dsn: str | None, as_json: bool) -> None:
    payments = _payments(name)
    answers: list[ResolveResult] = []
    with sale(dsn) as client, working("confirming", len(payments)) as advance:
        for start in range(0, len(payments), _BATCH):
            part = payments[start : start + _BATCH]
            answers += client.confirm_batch(
                user_ids=[user for user, _, _ in part],
                reservation_ids=[number for _, number, _ in part],
                payment_refs=[payment for _, _, payment in part],
            )
            advance(len(part))
    good = all(answer.status == "confirmed" for answer in answers)
    if as_json:
        emit({"confirmed": good, "answers": [fields(answer) for answer in answers]})
    else:
        others = [
            [payment[0], payment[1], payment[2], answer.error_code or answer.status]
            for payment, answer in zip(payments, answers, strict=True)
            if answer.status != "confirmed"
        ]
        say(f"Confirmed {len(answers) - len(others)} of {len(answers)} payments.", good=good)
        if others:
            show_table(["user", "reservation", "payment", "answer"], others)
    outcome(good)


def _payments(name: str) -> list[Payment]:
    import csv
    import sys
    from pathlib import Path

    def read(lines: Iterable[str]) -> list[Payment]:
        found: list[Payment] = []
        for number, row in enumerate(csv.reader(lines), start=1):
            if not row:
                continue
            if len(row) not in (2, 3) or not row[1].strip().isdecimal():
                fail(f"{name}, line {number}: type USER,RESERVATION,PAYMENT", ExitCode.USAGE)
            found.append((row[0], int(row[1]), row[2] if len(row) == 3 and row[2] else None))
        return found

    if name == "-":
        return read(sys.stdin)
    with Path(name).open(encoding="utf-8", newline="") as file:
        return read(file)


def refund(
    user_id: User,
    reservation_id: ReservationId,
    line: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SKU[=UNITS]",
            help="Only this much of it; may be repeated. Without UNITS all that remains of SKU.",
        ),
    ] = None,
    restock: Annotated[
        bool,
        typer.Option("--restock/--no-restock", help="Whether the units can be bought again."),
    ] = True,
    keep_limits: Annotated[
        bool, typer.Option("--keep-limits", help="The buyer gets no room in his limits back.")
    ] = False,
    request_id: RequestId = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Take back what was bought, all that remains or some lines of it."""
    used = request_id or uuid4()
    with sale(dsn, used) as client:
        if line:
            named = [_returned(text) for text in line]
            if len({units is None for _, units in named}) > 1:
                fail("give UNITS with every --line, or with none", ExitCode.USAGE)
            quantities = [units for _, units in named if units is not None]
            answer = client.refund(
                user_id=user_id,
                reservation_id=reservation_id,
                skus=[sku for sku, _ in named],
                quantities=quantities or None,
                request_id=used,
                restock=restock,
                restore_limits=not keep_limits,
            )
        else:
            answer = client.refund(
                user_id=user_id,
                reservation_id=reservation_id,
                request_id=used,
                restock=restock,
                restore_limits=not keep_limits,
            )
    if as_json:
        emit({**fields(answer), "request_id": used})
        return
    again = ", as answered before" if answer.replayed else ""
    say(f"{answer.status} reservation {answer.reservation_id}{again}", good=True)
    tell_request(request_id, used)


def _returned(text: str) -> tuple[str, int | None]:
    sku, equals, units = text.rpartition("=")
    if not equals:
        return text, None
    if not sku or not units.isdecimal():
        fail(f"--line {text!r}: type SKU or SKU=UNITS, such as phone=1", ExitCode.USAGE)
    return sku, int(units)


def cancel(
    user_id: User,
    reservation_id: ReservationId,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Kept in the books.")] = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Give a hold back: its units are available at once. Exit status 1: not cancelled."""
    with sale(dsn) as client:
        answer = client.cancel(user_id=user_id, reservation_id=reservation_id, reason=reason)
    _resolved(answer, "cancelled", as_json)


def _resolved(answer: ResolveResult, wanted: str, as_json: bool) -> None:
    good = answer.status == wanted
    if as_json:
        emit(fields(answer))
    else:
        notes = {
            "late": bool(answer.late),
            "as answered before": bool(answer.replayed),
            "refund the buyer": answer.status.startswith("late_"),
            "the buyer paid twice: refund one": answer.status == "duplicate_payment",
        }
        said = "".join(f", {note}" for note, applies in notes.items() if applies)
        say(f"{answer.status} reservation {answer.reservation_id}{said}", good=good)
    outcome(good)


@app.command(epilog=examples("seckill reservation show ann 8589934593"))
def show(
    user_id: User, reservation_id: ReservationId, dsn: Dsn = None, as_json: Json = False
) -> None:
    """Show a reservation by its id."""
    with sale(dsn, reads=True) as client:
        answer = client.get_reservation(user_id=user_id, reservation_id=reservation_id)
    emit(fields(answer)) if as_json else _table([answer])


@app.command(epilog=examples("seckill reservation find 1 ann click-1"))
def find(
    activity_id: ActivityId,
    user_id: User,
    request_id: Annotated[
        UUID,
        typer.Argument(
            parser=request_uuid, metavar="REQUEST", help="The uuid, or the text given to reserve."
        ),
    ],
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show the reservation that a request led to: what to ask when its answer was lost."""
    with sale(dsn, reads=True) as client:
        answer = client.find_reservation(
            activity_id=activity_id, user_id=user_id, request_id=request_id
        )
    emit(fields(answer)) if as_json else _table([answer])


@app.command("list", epilog=examples("seckill reservation list ann --activity 1"))
def list_(
    user_id: User,
    activity_id: Annotated[
        int | None, typer.Option("--activity", metavar="ID", help="Only of this sale.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Show at most so many, newest first.")] = 100,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show the reservations of a user, newest first."""
    with sale(dsn, reads=True) as client:
        answers = client.list_reservations(user_id=user_id, activity_id=activity_id, limit=limit)
    if as_json:
        emit({"reservations": [fields(answer) for answer in answers]})
    else:
        _table(answers)


def _table(answers: list[ReservationResult]) -> None:
    show_table(
        ["reservation", "status", "activity", "units", "region", "made", "ends", "resolved",
         "payment"],
        [
            [
                answer.reservation_id,
                answer.status,
                answer.activity_id,
                ", ".join(
                    f"{quantity} {sku}"
                    for sku, quantity in zip(answer.skus, answer.quantities, strict=True)
                ),
                answer.region,
                answer.created_at,
                answer.expires_at,
                answer.resolved_at,
                answer.payment_ref,
            ]
            for answer in answers
        ],
        empty="There is no reservation.",
    )  # fmt: skip
