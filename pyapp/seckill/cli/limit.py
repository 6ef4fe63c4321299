"""``seckill limit``: how much a buyer may have."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from seckill.cli._checks import rule_text, show_usage
from seckill.cli._common import Dsn, ExitCode, Json, emit, fail
from seckill.cli._sale import (
    ActivityId,
    Actor,
    Subjects,
    examples,
    fields,
    group,
    sale,
    subjects_of,
)
from seckill.cli._show import say
from seckill.cli._times import duration, duration_text
from seckill.cli._views import views
from seckill.cli.activity import show_limits

app = group("Purchase limits: set, drop, list, and how much of them a buyer has used.")

_ALL = "all"

Where = Annotated[
    str,
    typer.Argument(
        metavar="ACTIVITY", help=f"Its id; or “{_ALL}”, for a limit over all activities together."
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the limit; a refusal gives it back.")]


def _id(where: str) -> int | None:
    """The activity's id; None for all of them."""
    if where == _ALL:
        return None
    try:
        return int(where)
    except ValueError:
        fail(f"ACTIVITY {where!r}: type its id, or {_ALL!r}", ExitCode.USAGE)


@app.command(
    "set",
    epilog=examples(
        "seckill limit set 1 one-each 1",
        "seckill limit set 1 one-a-phone 1 --dimension phone",
        "seckill limit set 1 two-orders-a-day 2 --metric orders --window day",
        "seckill limit set 1 phones 1 --sku phone --window order",
        "seckill limit set all one-a-month 1 --sku phone --window month --time-zone Asia/Shanghai",
        "seckill limit set 1 two-unpaid 2 --metric open_holds",
        "seckill limit set 1 three-unpaid-wait-a-day 3 --metric expired_holds --period 1d",
        "seckill limit set 1 five-a-device 5 --dimension device --optional",
    ),
)
def set_(
    where: Where,
    name: Name,
    maximum: Annotated[int, typer.Argument(metavar="MAXIMUM", help="The most that is allowed.")],
    dimension: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Whose purchases count together: user, or a name of --subject, such as phone.",
        ),
    ] = "user",
    metric: Annotated[
        str,
        typer.Option(
            metavar="METRIC",
            help="What is counted: units, orders, open_holds (unpaid now), or expired_holds (ended "
            "unpaid).",
        ),
    ] = "units",
    window: Annotated[
        str | None,
        typer.Option(
            metavar="WINDOW",
            help="In an order, hour, day, week, month, or the whole activity; or rolling, with "
            "--period. Default: rolling where there is a --period, else activity.",
        ),
    ] = None,
    period: Annotated[
        timedelta | None,
        typer.Option(
            parser=duration,
            metavar="DURATION",
            help="How far a rolling window looks back: 1d, 12h.",
        ),
    ] = None,
    sku: Annotated[str | None, typer.Option(help="Count only this one. Default: all.")] = None,
    time_zone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="Whose midnight turns days over. Default: the sale's."),
    ] = None,
    optional: Annotated[
        bool,
        typer.Option(
            "--optional",
            help="Pass over buyers who come without the dimension. Default: that is an error.",
        ),
    ] = False,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Set a limit, or change the one of that name; what was bought before counts.

    Several may apply, and all must pass. ACTIVITY “all” counts over all sales
    together, and a sale's own limit of the same name goes before it there.
    """
    activity_id = _id(where)
    window = window or ("activity" if period is None else "rolling")
    with sale(dsn) as client:
        answer = client.set_limit(
            activity_id=activity_id,
            name=name,
            dimension=dimension,
            metric=metric,  # pyright: ignore[reportArgumentType] (the database says which)
            window=window,  # pyright: ignore[reportArgumentType]
            maximum=maximum,
            sku=sku,
            period=period,
            time_zone=time_zone,
            required=not optional,
            actor=actor,
        )
    if as_json:
        emit(fields(answer))
        return
    rule = {
        "dimension": dimension,
        "metric": metric,
        "window": window,
        "maximum": maximum,
        "sku": sku,
        "period": None if period is None else duration_text(period),
    }
    done = "stood like this already" if answer.replayed else "is set"
    place = "all activities" if activity_id is None else f"activity {activity_id}"
    say(f"Limit {name} {done}: in {place} {rule_text(rule)}.", good=True)


@app.command(epilog=examples("seckill limit drop 1 one-each", "seckill limit drop all one-a-month"))
def drop(
    where: Where, name: Name, actor: Actor = None, dsn: Dsn = None, as_json: Json = False
) -> None:
    """Drop a limit; purchases made under it stay."""
    with sale(dsn) as client:
        answer = client.drop_limit(activity_id=_id(where), name=name, actor=actor)
    if as_json:
        emit(fields(answer))
    elif answer.replayed:
        say(f"There was no limit {name}; nothing changed.")
    else:
        say(f"Dropped limit {name}.", good=True)


@app.command("list", epilog=examples("seckill limit list", "seckill limit list 1"))
def list_(
    activity_id: Annotated[
        int | None, typer.Argument(metavar="ACTIVITY", help="Only what applies in this one.")
    ] = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show the limits that stand now; those of all activities come last."""
    with views(dsn) as look:
        if activity_id is not None:
            look.activity(activity_id)  # says so where there is none
        limits = look.limits(activity_id)
    if as_json:
        emit({"limits": limits})
    else:
        show_limits(limits, "There is no limit: seckill limit set ACTIVITY NAME MAXIMUM")


@app.command(
    epilog=examples(
        "seckill limit usage 1 ann", "seckill limit usage 1 ann --subject phone=13800138000"
    )
)
def usage(
    activity_id: ActivityId,
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The buyer's id.")],
    subject: Subjects = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show how much of each limit a buyer has used.

    A limit on a dimension that is not given with --subject is left out.
    """
    subjects = subjects_of(subject)
    with sale(dsn, reads=True) as client:
        checks = client.limit_usage(activity_id=activity_id, user_id=user_id, subjects=subjects)
    if as_json:
        emit({"checks": [fields(check) for check in checks]})
        return
    with views(dsn) as look:
        rules = look.limits(activity_id)
    show_usage(checks, rules, f"No limit of activity {activity_id} counts this buyer.")
