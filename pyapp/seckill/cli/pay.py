"""``seckill confirm``, ``cancel`` and ``refund``: how a reservation ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from seckill.cli._common import Dsn, ExitCode, Json, emit, fail
from seckill.cli._sale import (
    RequestId,
    ReservationId,
    User,
    examples,
    fields,
    outcome,
    sale,
    tell_request,
)
from seckill.cli._show import say, show_table, working
from seckill.cli._values import Unreadable, opened, text_lines

if TYPE_CHECKING:
    from seckill import ResolveResult

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

_BATCH = 500  # what one call takes

Payment = tuple[str, int, str | None]


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


def _confirm_file(name: str, dsn: str | None, as_json: bool) -> None:
    payments = _payments(name)
    answers: list[ResolveResult] = []

    def so_far() -> str:
        if not answers:
            return ""
        return (
            f"{len(answers)} of {len(payments)} payments were answered, as told;"
            " give the file again: what was confirmed stays so"
        )

    try:
        with sale(dsn, so_far=so_far) as client, working("confirming", len(payments)) as advance:
            for start in range(0, len(payments), _BATCH):
                part = payments[start : start + _BATCH]
                answers += client.confirm_batch(
                    user_ids=[user for user, _, _ in part],
                    reservation_ids=[number for _, number, _ in part],
                    payment_refs=[payment for _, _, payment in part],
                )
                advance(len(part))
    except BaseException:
        if answers:  # some of them may say that the buyer is to be refunded
            _tell(payments, answers, as_json)
        raise
    outcome(_tell(payments, answers, as_json))


def _tell(payments: list[Payment], answers: list[ResolveResult], as_json: bool) -> bool:
    """Say what became of the payments; whether all of them are confirmed."""
    others = [
        [payment[0], payment[1], payment[2], answer.error_code or answer.status]
        for payment, answer in zip(payments, answers, strict=False)
        if answer.status != "confirmed"
    ]
    confirmed = len(answers) - len(others)
    good = confirmed == len(payments)
    if as_json:
        emit({"confirmed": good, "answers": [fields(answer) for answer in answers]})
    else:
        say(f"Confirmed {confirmed} of {len(payments)} payments.", good=good)
        if others:
            show_table(["user", "reservation", "payment", "answer"], others)
    return good


def _payments(name: str) -> list[Payment]:
    import csv

    found: list[Payment] = []
    try:
        with opened(name) as file:
            reader = csv.reader(text_lines(file), strict=True)
            try:
                for row in reader:
                    if any(cell.strip() for cell in row):
                        found.append(_payment(f"{name}, line {reader.line_num}", row))
            except csv.Error as error:
                raise Unreadable(f"line {reader.line_num}: {error}") from None
    except Unreadable as error:
        fail(f"{name}, {error}", ExitCode.USAGE)
    return found


def _payment(where: str, row: list[str]) -> Payment:
    cells = [cell.strip() for cell in row]
    if len(cells) not in (2, 3) or not (cells[1].isascii() and cells[1].isdecimal()):
        named = len(cells) in (2, 3) and not any(map(str.isdecimal, cells[1]))
        if named and where.endswith(", line 1"):
            fail(f"{where} is a header: leave it out", ExitCode.USAGE)
        fail(f"{where}: type USER,RESERVATION,PAYMENT", ExitCode.USAGE)
    if not cells[0]:
        fail(f"{where}: no USER", ExitCode.USAGE)
    return cells[0], int(cells[1]), cells[2] if len(cells) == 3 and cells[2] else None


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
