"""``seckill availability``, ``history``, ``ops-history``, ``reconcile``, ``expire``: the books."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seckill.cli._common import Dsn, Json, emit
from seckill.cli._sale import ActivityId, Actor, Region, examples, fields, outcome, sale
from seckill.cli._show import plain, say, show_table, working
from seckill.cli._times import DURATION, moment
from seckill.cli._views import views

if TYPE_CHECKING:
    from seckill import Change, OpsEntry

AVAILABILITY_EPILOG = examples(
    "seckill availability 1 phone", "seckill availability 1 phone --region north --json"
)
STOCK_AT_EPILOG = examples(
    "seckill stock-at 1 phone 2026-11-11T10:00:03", "seckill stock-at 1 phone 10m --region north"
)
HISTORY_EPILOG = examples(
    "seckill history 1", "seckill history 1 --user ann --limit 1000", "seckill history 1 --table"
)
OPS_HISTORY_EPILOG = examples(
    "seckill ops-history 1", "seckill ops-history --limit 1000    (all activities)"
)
RECONCILE_EPILOG = examples("seckill reconcile 1", "seckill reconcile    (all activities)")
EXPIRE_EPILOG = examples(
    "seckill expire", "*/5 * * * *  SECKILL_DSN=postgresql://… seckill expire    (in a crontab)"
)


def availability(
    activity_id: ActivityId,
    sku: Annotated[str, typer.Argument(metavar="SKU", help="The article's code.")],
    region: Region = "*",
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show the units of a pool at this instant."""
    with sale(dsn, reads=True) as client:
        answer = client.availability(activity_id=activity_id, sku=sku, region=region)
    if as_json:
        emit(fields(answer))
    else:
        found = fields(answer)
        show_table(list(found), [list(found.values())])


def stock_at(
    activity_id: ActivityId,
    sku: Annotated[str, typer.Argument(metavar="SKU", help="The article's code.")],
    at: Annotated[
        str, typer.Argument(metavar="TIME", help="ISO (in the sale's zone), or how long ago: 10m.")
    ],
    region: Region = "*",
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show the units of a pool as they were at an instant."""
    with views(dsn) as look:
        zone = look.activity(activity_id)["time_zone"]
    # A leading "-" would look like an option.
    instant = moment(f"-{at}" if DURATION.fullmatch(at) else at, zone).at
    with sale(dsn, reads=True) as client:
        answer = client.stock_at(activity_id=activity_id, sku=sku, at=instant, region=region)
    found = {"at": instant, **fields(answer)}
    if as_json:
        emit(found)
    else:
        show_table(list(found), [list(found.values())])


def history(
    activity_id: ActivityId,
    sku: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    region: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    user_id: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="Only of this buyer.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Only the newest so many; up to 10000.")] = 100,
    table: Annotated[bool, typer.Option("--table", help="Columns instead of sentences.")] = False,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show how the units of a sale moved; the newest stands last."""
    with sale(dsn, reads=True) as client:
        changes = client.history(
            activity_id=activity_id, sku=sku, region=region, user_id=user_id, limit=limit
        )[::-1]
    if as_json:
        emit({"changes": [fields(change) for change in changes]})
        return
    if len(changes) == limit:
        say(f"The last {limit} movements; --limit shows more.")
    if not table:
        _timeline(changes)
        return
    show_table(
        ["at", "kind", "units", "sku", "region", "user", "reservation", "by", "login", "why"],
        [
            [
                change.at,
                change.kind,
                change.quantity,
                change.sku,
                change.region,
                change.user_id,
                change.reservation_id,
                change.actor,
                change.login,
                change.note,
            ]
            for change in changes
        ],
        empty="Nothing moved yet.",
    )


def ops_history(
    activity_id: Annotated[
        int | None, typer.Argument(metavar="ACTIVITY", help="Only of this one. Default: all.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Only the newest so many; up to 10000.")] = 100,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show who changed what in a sale, and when; the newest stands last."""
    if activity_id is not None:
        with views(dsn) as look:
            look.activity(activity_id)  # says so where there is none
    with sale(dsn, reads=True) as client:
        entries = client.ops_history(activity_id=activity_id, limit=limit)[::-1]
    if as_json:
        emit({"entries": [fields(entry) for entry in entries]})
        return
    if len(entries) == limit:
        say(f"The last {limit} calls; --limit shows more.")
    show_table(
        ["at", "who", "login", "did", "activity", "with"],
        [
            [
                entry.at,
                entry.actor,
                entry.login,
                entry.call,
                entry.activity_id,
                _arguments(entry),
            ]
            for entry in entries
        ],
        empty="Nobody has changed anything yet.",
    )


def _arguments(entry: OpsEntry) -> str:
    """Arguments as `name=value`, without the activity, which has its own column."""
    return ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in entry.arguments.items()
        if name != "activity_id"
    )


# What happened, by kind: units, sku and buyer are filled in.
_SENTENCES = {
    "allocate": "{units} came from the inventory",
    "raise": "{units} came from the inventory: the total was raised",
    "hold": "{user} holds {units}",
    "confirm": "{user} paid for {units}",
    "late_confirm": "{user} paid late for {units}, taken again",
    "cancel": "{user} gave {units} back",
    "expire": "the hold of {user} ended: {units} free again",
    "revoke": "the hold of {user} was revoked: {units} free again",
    "refund": "{user} was refunded: {units} free again",
    "write_off": "{user} was refunded: {units} written off",
    "cut": "{units} went to the inventory: the total was cut",
    "drain": "{units} that came back went to the inventory, for an earlier cut",
    "close": "{units} went to the inventory: the sale was closed",
    "level": "{units} moved between the slots of the pool, which has as many as before",
    "schedule": "{units} were kept back for later",
    "release": "{units} were released",
    "debt": "{units} are to go to the inventory when they come back",
    "debt_dropped": "{units} need not go to the inventory any more",
    "late_sold_out": "{user} paid late for {units}, which are gone: refund",
    "late_limit_exceeded": "{user} paid late for {units}, beyond a limit: refund",
    "duplicate_payment": "{user} paid twice for {units}: refund one",
}


def _timeline(changes: list[Change]) -> None:
    if not changes:
        say("Nothing moved yet.")
    day = ""
    for change in changes:
        date, _, clock = plain(change.at).partition(" ")
        if date != day:
            say(date)
            day = date
        sentence = _SENTENCES.get(change.kind, change.kind + " {units} {user}").format(
            units=f"{change.quantity} {change.sku}", user=change.user_id or "a buyer"
        )
        region = "" if change.region == "*" else f" in {change.region}"
        number = "" if change.reservation_id is None else f", reservation {change.reservation_id}"
        by = "" if change.actor is None else f", by {change.actor}"
        if change.login not in (None, change.actor):
            by += f" ({change.login})"
        why = "" if change.note is None else f": {change.note}"
        say(f"  {clock}  {sentence}{region}{number}{by}{why}")


def reconcile(
    activity_id: Annotated[
        int | None, typer.Argument(metavar="ACTIVITY", help="Only this one. Default: all.")
    ] = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Check every counter against the ledger, also while it sells. Exit status 1: they differ."""
    if activity_id is None:
        with views(dsn) as look:
            ids = look.ids()
    else:
        ids = [activity_id]
    found: list[dict[str, Any]] = []
    with sale(dsn, reads=True) as client, working("reconciling", len(ids)) as advance:
        for one in ids:
            rows = client.reconcile(activity_id=one)
            found += [{"activity_id": one, **fields(row)} for row in rows]
            advance(1)
    if as_json:
        emit({"agree": not found, "activities": len(ids), "violations": found})
    elif found:
        show_table(
            ["activity", "invariant", "where", "expected", "actual"],
            [list(row.values()) for row in found],
        )
        places = "place" if len(found) == 1 else "places"
        say(f"Wrong: the books disagree in {len(found)} {places}.", good=False)
    elif activity_id is None:
        noun = "activity" if len(ids) == 1 else "activities"
        say(f"Right: the books of {len(ids)} {noun} agree.", good=True)
    else:
        say(f"Right: the books of activity {activity_id} agree.", good=True)
    outcome(not found)


def expire(
    once: Annotated[bool, typer.Option("--once", help="One batch, then stop.")] = False,
    batch: Annotated[int, typer.Option(help="Holds a call.")] = 1000,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Write the end of holds that are past it into the books, until none is left.

    Housekeeping: such a hold is worth nothing already, and its units are
    available.
    """
    expired = calls = 0
    with sale(dsn) as client, working("expiring holds") as advance:
        while True:
            done = client.expire_due(limit=batch, actor=actor)
            calls += 1
            expired += done
            advance(done)
            if once or not done:
                break
    if as_json:
        emit({"expired": expired, "calls": calls})
    elif expired:
        say(f"Expired {expired} holds.", good=True)
    else:
        say("No hold was due.")
