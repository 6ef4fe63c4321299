"""``seckill limit``: how much a buyer may have."""

from __future__ import annotations

from typing import Annotated

import typer

from seckill.cli._common import Dsn, Json, emit
from seckill.cli._sale import ActivityId, Actor, examples, fields, group, sale
from seckill.cli._show import say
from seckill.cli._views import views
from seckill.cli.activity import show_limits

app = group("Purchase limits: set, drop, list.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the limit; a refusal gives it back.")]


@app.command(
    "set",
    epilog=examples(
        "seckill limit set 1 one-each 1",
        "seckill limit set 1 two-orders-a-day 2 --metric orders --window day",
        "seckill limit set 1 phones 1 --sku phone",
    ),
)
def set_(
    activity_id: ActivityId,
    name: Name,
    maximum: Annotated[
        int, typer.Argument(metavar="MAXIMUM", help="The most that a user may have.")
    ],
    metric: Annotated[str, typer.Option(help="units or orders.")] = "units",
    window: Annotated[str, typer.Option(help="In one order, a day, or the whole activity.")] = (
        "activity"
    ),
    sku: Annotated[str | None, typer.Option(help="Count only this one. Default: all.")] = None,
    time_zone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Of the day. Default: the sale's.")
    ] = None,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Set a limit per user, or change the one of that name; what was bought before counts."""
    with sale(dsn) as client:
        answer = client.set_limit(
            activity_id=activity_id,
            name=name,
            dimension="user",
            metric=metric,
            window=window,
            maximum=maximum,
            sku=sku,
            time_zone=time_zone,
            actor=actor,
        )
    if as_json:
        emit(fields(answer))
        return
    done = "stood like this already" if answer.replayed else "is set"
    say(f"Limit {name} {done}: {maximum} {metric} per user, window {window}.", good=True)


@app.command(epilog=examples("seckill limit drop 1 one-each"))
def drop(
    activity_id: ActivityId, name: Name, actor: Actor = None, dsn: Dsn = None, as_json: Json = False
) -> None:
    """Drop a limit."""
    with sale(dsn) as client:
        answer = client.drop_limit(activity_id=activity_id, name=name, actor=actor)
    if as_json:
        emit(fields(answer))
    elif answer.replayed:
        say(f"There was no limit {name}; nothing changed.")
    else:
        say(f"Dropped limit {name}.", good=True)


@app.command("list", epilog=examples("seckill limit list", "seckill limit list 1"))
def list_(
    activity_id: Annotated[
        int | None, typer.Argument(metavar="ACTIVITY", help="Only this one.")
    ] = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show the limits that stand now."""
    with views(dsn) as look:
        if activity_id is not None:
            look.activity(activity_id)  # says so where there is none
        limits = look.limits(activity_id)
    if as_json:
        emit({"limits": limits})
    else:
        show_limits(limits, "There is no limit: seckill limit set ACTIVITY NAME MAXIMUM")
