"""``seckill stock``: the inventory, and the pools that sell from it."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer

from seckill.cli._common import Dsn, Json, emit
from seckill.cli._sale import (
    ActivityId,
    Actor,
    Region,
    RequestId,
    examples,
    fields,
    group,
    sale,
    tell_request,
)
from seckill.cli._show import say
from seckill.cli._views import views
from seckill.cli.activity import show_pools

app = group("Units: into the inventory, and from there into sales.")

Sku = Annotated[str, typer.Argument(metavar="SKU", help="The article's code.")]


@app.command(
    # So that -5 is a quantity and not an option.
    context_settings={"ignore_unknown_options": True},
    epilog=examples(
        "seckill stock receive phone 100 --request-id delivery-17",
        "seckill stock receive phone -5 --reason broken",
    ),
)
def receive(
    sku: Sku,
    quantity: Annotated[int, typer.Argument(metavar="QUANTITY", help="Units; negative takes out.")],
    reason: Annotated[str | None, typer.Option(help="Kept in the books.")] = None,
    request_id: RequestId = None,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Put units into the inventory, or take them out."""
    used = request_id or uuid4()
    with sale(dsn, used) as client:
        answer = client.receive_stock(
            sku=sku, quantity=quantity, request_id=used, reason=reason, actor=actor
        )
    if as_json:
        emit({**fields(answer), "request_id": used})
        return
    moved = f"Received {quantity} of {sku}" if quantity >= 0 else f"Took out {-quantity} of {sku}"
    if answer.replayed:
        say(f"{moved} before, nothing changed; the inventory then had {answer.total}.")
    else:
        say(f"{moved}; the inventory has {answer.total}.", good=True)
    tell_request(request_id, used)


@app.command(
    epilog=examples(
        "seckill stock allocate 1 phone 100 --request-id spring-phones",
        "seckill stock allocate 1 phone 40 --region north",
    )
)
def allocate(
    activity_id: ActivityId,
    sku: Sku,
    quantity: Annotated[int, typer.Argument(metavar="QUANTITY", help="Units.")],
    region: Region = "*",
    request_id: RequestId = None,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Move units from the inventory into a sale, also while it sells."""
    used = request_id or uuid4()
    with sale(dsn, used) as client:
        answer = client.allocate_stock(
            activity_id=activity_id,
            sku=sku,
            quantity=quantity,
            request_id=used,
            region=region,
            actor=actor,
        )
    if as_json:
        emit({**fields(answer), "request_id": used})
        return
    where = f"activity {activity_id}, region {region}"
    if answer.replayed:
        say(
            f"Allocated {quantity} of {sku} before, nothing changed;"
            f" the pool then had {answer.total}."
        )
    else:
        say(f"Allocated {quantity} of {sku} to {where}; the pool has {answer.total}.", good=True)
    tell_request(request_id, used)


@app.command(
    epilog=examples(
        "seckill stock show", "seckill stock show phone", "seckill stock show --activity 1"
    )
)
def show(
    sku: Annotated[str | None, typer.Argument(metavar="SKU", help="Only this one.")] = None,
    activity_id: Annotated[
        int | None, typer.Option("--activity", metavar="ID", help="Only this sale.")
    ] = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show the pools, and of one sku what the inventory has."""
    inventory = None
    if sku is not None:
        with sale(dsn) as client:
            inventory = client.inventory(sku=sku)
    with views(dsn) as look:
        if activity_id is not None:
            look.activity(activity_id)  # says so where there is none
        pools = look.pools(activity_id, sku)
    if as_json:
        emit({"inventory": None if inventory is None else fields(inventory), "pools": pools})
        return
    if inventory is not None:
        never = " (never received)" if inventory.status == "unknown" else ""
        say(f"Inventory: {inventory.quantity} of {sku} in no pool{never}.")
    show_pools(pools, "No pool: seckill stock allocate ACTIVITY SKU QUANTITY")
