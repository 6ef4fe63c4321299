"""``seckill reservation``: what became of a buyer's requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from seckill.cli._common import Dsn, Json, emit
from seckill.cli._sale import (
    ActivityId,
    ReservationId,
    User,
    examples,
    fields,
    group,
    request_uuid,
    sale,
)
from seckill.cli._show import show_table

if TYPE_CHECKING:
    from seckill import ReservationResult

app = group("Reservations of a user: show, find, list.")


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
