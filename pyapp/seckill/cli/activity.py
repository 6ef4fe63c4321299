"""``seckill activity``: one sale, from draft to closed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from seckill.cli._common import Dsn, ExitCode, Json, emit, fail, note
from seckill.cli._sale import (
    ActivityId,
    Actor,
    RequestId,
    agreed,
    examples,
    fields,
    group,
    sale,
    tell_request,
)
from seckill.cli._show import plain, say, show_table, working
from seckill.cli._times import Moment, duration, moment
from seckill.cli._views import Row, opened, views

if TYPE_CHECKING:
    from seckill import OpsResult

app = group("Sales: create, open, pause, close, look.")

_TIME = "TIME"
_SWEPT = 1000  # holds a call
# The clocks of this machine and the server, and the time between a command and its effect.
_TOLERANCE = timedelta(minutes=1)

Hold = Annotated[
    timedelta | None,
    typer.Option(
        "--hold",
        parser=duration,
        metavar="DURATION",
        help="How long a hold lasts unpaid, say 5m (a new sale: 15m unless given).",
    ),
]


@app.command(
    epilog=examples(
        'seckill activity create "Spring sale"',
        'seckill activity create "Spring sale" --starts +10m --lasts 2h --hold 5m',
        'seckill activity create "11.11" --starts 2026-11-11T00:00 --ends 2026-11-12T00:00'
        " --time-zone Asia/Shanghai --request-id singles-day",
    )
)
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="For people.")],
    starts: Annotated[
        str,
        typer.Option(metavar=_TIME, help="now, +10m, or ISO such as 2026-11-11T20:00."),
    ] = "now",
    ends: Annotated[
        str | None, typer.Option(metavar=_TIME, help="Likewise; +2h counts from now.")
    ] = None,
    lasts: Annotated[
        timedelta | None,
        typer.Option(parser=duration, metavar="DURATION", help="In place of --ends. Default: 1h."),
    ] = None,
    hold: Hold = None,
    time_zone: Annotated[
        str,
        typer.Option(
            metavar="ZONE",
            help="Days turn over at its midnight; ISO times without offset are in it.",
        ),
    ] = "UTC",
    request_id: RequestId = None,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Create a sale, as a draft, and print its id.

    Under the same --request-id a repeat gives the same sale, also one whose
    times were counted from now.
    """
    from seckill import RequestConflict

    if ends is not None and lasts is not None:
        fail("--ends and --lasts exclude each other", ExitCode.USAGE)
    begin = moment(starts, time_zone)
    if ends is not None:
        end = moment(ends, time_zone)
    else:
        end = begin.plus(timedelta(hours=1) if lasts is None else lasts)
    used = request_id or uuid4()
    hold_seconds = 900 if hold is None else int(hold.total_seconds())
    wish: dict[str, Any] = {"hold_seconds": hold_seconds, "time_zone": time_zone}
    with sale(dsn, used) as client:
        try:
            activity_id = client.create_activity(
                name=name,
                starts_at=begin.at,
                ends_at=end.at,
                request_id=used,
                actor=actor,
                **wish,
            )
        except RequestConflict:
            earlier = _same_wish(dsn, name, begin, end, wish) if request_id else None
            if earlier is None:
                raise
            activity_id = earlier
    row = _afterwards(dsn, activity_id)
    if as_json:
        emit({"activity_id": activity_id, **row, "request_id": used})
        return
    say(f"Activity {activity_id} is there{': ' + _described(row) if row else ''}.", good=True)
    tell_request(request_id, used)


def _afterwards(dsn: str | None, activity_id: int) -> Row:
    """How a sale stands after it was changed; an empty row where that cannot be read.

    The change is made, so that is a note and no error.
    """
    import psycopg

    from seckill import SeckillError

    try:
        with opened(dsn) as look:
            return look.activity(activity_id)
    except (SeckillError, psycopg.Error, KeyboardInterrupt) as error:
        said = " ".join(str(error).split()) or "stopped"
        note(f"how activity {activity_id} stands now could not be read: {said}")
        return {}


def _same_wish(
    dsn: str | None, name: str, begin: Moment, end: Moment, wish: dict[str, Any]
) -> int | None:
    """The one activity that an earlier run of this command made, where its times were relative.

    They were other instants then, which the request id alone cannot tell from another wish.
    """
    if begin.offset is None and end.offset is None:
        return None
    with views(dsn) as look:
        twins = [
            row["activity_id"]
            for row in look.named(name)
            if all(row[key] == value for key, value in wish.items())
            and _matches(begin, row["starts_at"], row["created_at"])
            and _matches(end, row["ends_at"], row["created_at"])
        ]
    return twins[0] if len(twins) == 1 else None


def _matches(wanted: Moment, found: datetime, created: datetime) -> bool:
    if wanted.offset is None:
        return found == wanted.at
    return abs(found - created - wanted.offset) < _TOLERANCE


def _described(row: Row) -> str:
    times = f"{plain(row['starts_at'])} to {plain(row['ends_at'])}"
    queue = "" if row["max_waiting"] is None else f", at most {row['max_waiting']} callers wait"
    return f"“{row['name']}”, {row['state']}, {times}, hold {row['hold_seconds']} s{queue}"


@app.command(
    epilog=examples(
        "seckill activity update 1 --ends +30m",
        'seckill activity update 1 --name "Spring sale, second day" --hold 10m',
    )
)
def update(
    activity_id: ActivityId,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    starts: Annotated[
        str | None, typer.Option(metavar=_TIME, help="now, +10m, or ISO (in the sale's zone).")
    ] = None,
    ends: Annotated[
        str | None, typer.Option(metavar=_TIME, help="Likewise; +30m counts from now.")
    ] = None,
    hold: Hold = None,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Change what is given; holds that stand keep their end. The time zone never changes."""
    if all(value is None for value in (name, starts, ends, hold)):
        fail("give at least one of --name, --starts, --ends, --hold", ExitCode.USAGE)
    zone = "UTC"
    if starts is not None or ends is not None:
        with views(dsn) as look:
            zone = look.activity(activity_id)["time_zone"]
    with sale(dsn) as client:
        answer = client.update_activity(
            activity_id=activity_id,
            name=name,
            starts_at=None if starts is None else moment(starts, zone).at,
            ends_at=None if ends is None else moment(ends, zone).at,
            hold_seconds=None if hold is None else int(hold.total_seconds()),
            actor=actor,
        )
    if as_json:
        emit(fields(answer))
        return
    row = _afterwards(dsn, activity_id)
    done = "stood like this already" if answer.replayed else "is changed"
    say(f"Activity {activity_id} {done}{': ' + _described(row) if row else ''}.", good=True)


def _tell(answer: OpsResult, as_json: bool, more: str = "") -> None:
    if as_json:
        emit(fields(answer))
        return
    already = " already" if answer.replayed else ""
    say(f"Activity {answer.activity_id} is {answer.status}{already}{more}.", good=True)


@app.command("open", epilog=examples("seckill activity open 1"))
def open_(
    activity_id: ActivityId, actor: Actor = None, dsn: Dsn = None, as_json: Json = False
) -> None:
    """Let a draft sell, from its start on."""
    with sale(dsn) as client:
        _tell(client.open_activity(activity_id=activity_id, actor=actor), as_json)


@app.command(epilog=examples('seckill activity pause 1 --actor "ann, prices are wrong"'))
def pause(
    activity_id: ActivityId, actor: Actor = None, dsn: Dsn = None, as_json: Json = False
) -> None:
    """Refuse new purchases for now; holds that stand can be paid and cancelled."""
    with sale(dsn) as client:
        _tell(client.pause_activity(activity_id=activity_id, actor=actor), as_json)


@app.command(epilog=examples("seckill activity resume 1"))
def resume(
    activity_id: ActivityId, actor: Actor = None, dsn: Dsn = None, as_json: Json = False
) -> None:
    """Go on with a paused sale."""
    with sale(dsn) as client:
        _tell(client.resume_activity(activity_id=activity_id, actor=actor), as_json)


@app.command(epilog=examples("seckill activity close 1 --yes"))
def close(
    activity_id: ActivityId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before.")] = False,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """End a sale for good: what is available goes back to the inventory, holds live on.

    Ended holds that nobody swept are settled first, as by seckill expire: all of them within the
    close, buyers and payments would wait for it.
    """
    agreed(yes, "a closed sale stays closed", f"Close activity {activity_id} for good?")
    with sale(dsn) as client:
        with working("expiring holds") as advance:
            done = _SWEPT
            while done == _SWEPT:
                advance(done := client.expire_due(limit=_SWEPT, actor=actor))
        answer = client.close_activity(activity_id=activity_id, actor=actor)
    _tell(answer, as_json, f"; {answer.quantity or 0} units went back to the inventory")


@app.command(
    "queue-limit",
    epilog=examples("seckill activity queue-limit 1 20", "seckill activity queue-limit 1 none"),
)
def queue_limit(
    activity_id: ActivityId,
    max_waiting: Annotated[
        str, typer.Argument(metavar="CALLERS", help="0 to 1000, or none for no bound.")
    ],
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Bound how many callers may wait for one pool; who comes then is told busy at once."""
    if max_waiting != "none" and not max_waiting.isdecimal():
        raise typer.BadParameter("a number of callers, or none", param_hint="CALLERS")
    bound = None if max_waiting == "none" else int(max_waiting)
    with sale(dsn) as client:
        answer = client.set_queue_limit(activity_id=activity_id, max_waiting=bound, actor=actor)
    if as_json:
        emit(fields(answer))
        return
    already = "already " if answer.replayed else ""
    many = "any number of" if bound is None else f"at most {bound}"
    say(f"In activity {activity_id} {already}{many} callers may wait for a pool.", good=True)


@app.command("list", epilog=examples("seckill activity list", "seckill activity list --json"))
def list_(
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many, newest first.")] = 50,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show the sales, newest first."""
    with views(dsn) as look:
        rows = look.activities(limit)
    if as_json:
        emit({"activities": rows})
        return
    columns = ("activity_id", "name", "state", "status", "starts_at", "ends_at")
    units = ("total", "available", "held", "sold")
    show_table(
        ["id", *columns[1:], *units],
        [[row[name] for name in (*columns, *units)] for row in rows],
        empty="There is no activity: seckill activity create NAME",
    )


@app.command(epilog=examples("seckill activity show 1"))
def show(activity_id: ActivityId, dsn: Dsn = None, as_json: Json = False) -> None:
    """Show a sale: its settings, pools and limits."""
    with views(dsn) as look:
        row = look.activity(activity_id)
        pools, limits = look.pools(activity_id), look.limits(activity_id)
    if as_json:
        emit({"activity": row, "pools": pools, "limits": limits})
        return
    say(f"Activity {activity_id}: {_described(row)}.")
    say(f"Now {row['status']}; days turn over at midnight in {row['time_zone']}.")
    show_pools(pools, f"No pool: seckill stock allocate {activity_id} SKU QUANTITY")
    show_limits(limits, f"No limit: seckill limit set {activity_id} NAME MAXIMUM")


def show_pools(pools: list[Row], empty: str) -> None:
    """Print a table of pools."""
    columns = ["activity_id", "sku", "region", "total", "available", "held", "sold"]
    later = [
        pool["total"] - pool["available"] - pool["held"] - pool["sold"] for pool in pools
    ]  # what `seckill stock schedule` keeps back
    spread = [pool["slots"] for pool in pools]
    more = {
        name: values
        for name, values, told in (
            ("unreleased", later, any(later)),
            ("slots", spread, any(number > 1 for number in spread)),
        )
        if told
    }
    rows = [
        [*(pool[name] for name in columns), *(values[at] for values in more.values())]
        for at, pool in enumerate(pools)
    ]
    show_table(["activity", *columns[1:], *more], rows, empty=empty)


def show_limits(limits: list[Row], empty: str) -> None:
    """Print a table of limits."""
    show_table(
        ["activity", "limit", "at most", "metric", "per", "window", "period", "sku", "time zone",
         "required"],
        [
            [
                "all" if rule["activity_id"] is None else str(rule["activity_id"]),
                rule["name"],
                rule["maximum"],
                rule["metric"],
                rule["dimension"],
                rule["window"],
                rule["period"],
                rule["sku"] or "all",
                rule["time_zone"] or "the sale's",
                rule["required"],
            ]
            for rule in limits
        ],
        empty=empty,
    )  # fmt: skip
