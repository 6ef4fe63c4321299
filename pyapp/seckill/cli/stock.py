"""``seckill stock``: the inventory, and the pools that sell from it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import uuid4

import typer

from seckill.cli._common import Dsn, ExitCode, Json, emit, fail
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
from seckill.cli._show import plain, say
from seckill.cli._times import moment
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
    slots: Annotated[
        int | None,
        typer.Option(help="Rows for a pool that is made here, 1 to 64: seckill stock slots."),
    ] = None,
    request_id: RequestId = None,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Move units from the inventory into a sale, also while it sells."""
    used = request_id or uuid4()
    if slots is not None:
        _require_slots(activity_id, sku, region, slots, dsn)
    with sale(dsn, used) as client:
        answer = client.allocate_stock(
            activity_id=activity_id,
            sku=sku,
            quantity=quantity,
            request_id=used,
            region=region,
            slots=1 if slots is None else slots,
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


def _require_slots(activity_id: int, sku: str, region: str, slots: int, dsn: str | None) -> None:
    """Fail where the pool is there with another number: the call would pass over the option."""
    with views(dsn) as look:
        there = [row["slots"] for row in look.pools(activity_id, sku) if row["region"] == region]
    if there and there[0] != slots:
        option = "" if region == "*" else f" --region {region}"
        fail(
            f"the pool of {sku} is there, with --slots {there[0]}; nothing was allocated:"
            f" `seckill stock slots {activity_id} {sku} {slots}{option}` changes that",
            ExitCode.USAGE,
        )


@app.command(
    epilog=examples(
        "seckill stock move 1 phone 20 --from north --to south",
        "seckill stock move 1 phone 20 --from '*' --to south --request-id monday-2",
    )
)
def move(
    activity_id: ActivityId,
    sku: Sku,
    quantity: Annotated[int, typer.Argument(metavar="QUANTITY", help="Units.")],
    from_region: Annotated[
        str, typer.Option("--from", metavar="REGION", help="Of the pool that gives.")
    ],
    to_region: Annotated[
        str, typer.Option("--to", metavar="REGION", help="Of the pool that gets.")
    ],
    request_id: RequestId = None,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Move available units from one region of a sale to another."""
    used = request_id or uuid4()
    with sale(dsn, used) as client:
        answer = client.move_stock(
            activity_id=activity_id,
            sku=sku,
            quantity=quantity,
            from_region=from_region,
            to_region=to_region,
            request_id=used,
            actor=actor,
        )
    if as_json:
        emit({**fields(answer), "request_id": used})
        return
    moved = f"Moved {quantity} of {sku} from region {from_region} to {to_region}"
    if answer.replayed:
        say(f"{moved} before, nothing changed; region {answer.region} then had {answer.total}.")
    else:
        say(f"{moved}; region {answer.region} has {answer.total}.", good=True)
    tell_request(request_id, used)


@app.command(
    epilog=examples(
        "seckill stock schedule 1 phone 300@2026-11-11T20:00 200@2026-11-11T22:00",
        "seckill stock schedule 1 phone 50@+1h --region north",
        "seckill stock schedule 1 phone --release-all",
    )
)
def schedule(
    activity_id: ActivityId,
    sku: Sku,
    releases: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="QUANTITY@TIME", help="Units, and when: +1h, or ISO (in the sale's zone)."
        ),
    ] = None,
    release_all: Annotated[
        bool, typer.Option("--release-all", help="Put all that still waits on sale now.")
    ] = False,
    region: Region = "*",
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Keep units of a pool back, and say when they go on sale.

    What is given takes the place of all that was scheduled and is not yet
    released. The database's clock releases them; nothing needs to run.
    """
    if bool(releases) == release_all:
        fail("give QUANTITY@TIME, or --release-all", ExitCode.USAGE)
    wish = [_release(text) for text in releases or []]
    with views(dsn) as look:
        zone = look.activity(activity_id)["time_zone"]
    plan = [(quantity, moment(at, zone).at) for quantity, at in wish]
    with sale(dsn) as client:
        answer = client.schedule_release(
            activity_id=activity_id,
            sku=sku,
            region=region,
            release_at=[at for _, at in plan],
            quantities=[quantity for quantity, _ in plan],
            actor=actor,
        )
    if as_json:
        emit(fields(answer))
        return
    say(_scheduled(plan, sku, region, bool(answer.replayed)), good=True)


def _release(text: str) -> tuple[int, str]:
    quantity, sign, at = text.partition("@")
    if not sign or not quantity.isdecimal():
        fail(f"{text!r}: type QUANTITY@TIME, such as 300@+1h", ExitCode.USAGE)
    return int(quantity), at


def _scheduled(plan: list[tuple[int, datetime]], sku: str, region: str, replayed: bool) -> str:
    done = "stands like this already" if replayed else "is set"
    if not plan:
        return f"Released all of {sku} in region {region}."
    steps = ", ".join(f"{quantity} at {plain(at)}" for quantity, at in sorted(plan, key=_when))
    return f"Schedule of {sku} in region {region} {done}: {steps}."


def _when(step: tuple[int, datetime]) -> datetime:
    return step[1]


@app.command(
    epilog=examples("seckill stock slots 1 phone 8", "seckill stock slots 1 phone 1 --region north")
)
def slots(
    activity_id: ActivityId,
    sku: Sku,
    number: Annotated[int, typer.Argument(metavar="SLOTS", help="Rows, 1 to 64.")],
    region: Region = "*",
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Spread a pool over several rows, also while it sells: single buyers wait less.

    A purchase from several rows costs some processor time more, also later from a pool set back
    to one: `stock allocate --slots` or this, before the sale, where single calls are slow.
    """
    with sale(dsn) as client:
        answer = client.set_slots(
            activity_id=activity_id, sku=sku, slots=number, region=region, actor=actor
        )
    rows = "1 slot" if number == 1 else f"{number} slots"
    if as_json:
        emit(fields(answer))
    elif answer.replayed:
        say(f"Nothing to change: the pool of {sku} has {rows}.")
    else:
        say(f"The {answer.total} units of {sku} are spread over {rows}.", good=True)


@app.command(
    "set-total",
    epilog=examples(
        "seckill stock set-total 1 phone 10 --mode drain",
        "seckill stock set-total 1 phone 10 --mode revoke --expected 30 --actor merchant",
    ),
)
def set_total(
    activity_id: ActivityId,
    sku: Sku,
    total: Annotated[int, typer.Argument(metavar="TOTAL", help="Units the pool is to have.")],
    mode: Annotated[
        str,
        typer.Option(
            metavar="MODE",
            help="Where more are held or sold. reject: change nothing. floor: go down to those. "
            "drain: take the rest as it comes back. revoke: cancel the newest holds.",
        ),
    ] = "reject",
    region: Region = "*",
    expected: Annotated[
        int | None, typer.Option(metavar="TOTAL", help="Only where the pool has this many now.")
    ] = None,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Set how many units a pool has, also while it sells.

    What goes in comes from the inventory; what goes out returns to it.
    """
    with sale(dsn) as client:
        answer = client.set_stock_total(
            activity_id=activity_id,
            sku=sku,
            total=total,
            mode=mode,  # pyright: ignore[reportArgumentType] (the database says which there are)
            region=region,
            expected_total=expected,
            actor=actor,
        )
    if as_json:
        emit(fields(answer))
    elif answer.replayed:
        say(f"Nothing to change: the pool has {answer.total} of {sku}.")
    else:
        moved = answer.quantity or 0
        went = f"{moved} came from" if moved > 0 else f"{-moved} went to"
        rest = "" if answer.total == total else f" ({total} as units come back)"
        if mode == "floor" and answer.total != total:
            rest = " (the rest is held or sold)"
        say(f"The pool has {answer.total} of {sku}{rest}; {went} the inventory.", good=True)


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
        with sale(dsn, reads=True) as client:
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
