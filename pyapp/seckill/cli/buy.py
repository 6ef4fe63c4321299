"""``seckill reserve`` and ``explain``: may a buyer have units, and why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from seckill.cli._checks import show_checks
from seckill.cli._common import Dsn, ExitCode, Json, emit, fail
from seckill.cli._sale import (
    ActivityId,
    Region,
    RequestId,
    Subjects,
    User,
    examples,
    fields,
    outcome,
    sale,
    subjects_of,
    tell_request,
)
from seckill.cli._show import plain, say
from seckill.cli._views import views

if TYPE_CHECKING:
    from seckill import ReserveResult

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
