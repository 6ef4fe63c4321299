"""``seckill availability``, ``history``, ``ops-history``, ``reconcile``, ``expire``: the books."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seckill.cli._common import Dsn, Json, emit
from seckill.cli._sale import ActivityId, Actor, Region, examples, fields, outcome, sale
from seckill.cli._show import say, show_table, working
from seckill.cli._views import views

if TYPE_CHECKING:
    from seckill import OpsEntry

AVAILABILITY_EPILOG = examples(
    "seckill availability 1 phone", "seckill availability 1 phone --region north --json"
)
HISTORY_EPILOG = examples("seckill history 1", "seckill history 1 --user ann --limit 1000")
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
    with sale(dsn) as client:
        answer = client.availability(activity_id=activity_id, sku=sku, region=region)
    if as_json:
        emit(fields(answer))
    else:
        found = fields(answer)
        show_table(list(found), [list(found.values())])


def history(
    activity_id: ActivityId,
    sku: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    region: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    user_id: Annotated[
        str | None, typer.Option("--user", metavar="USER", help="Only of this buyer.")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="Show at most so many, newest first; up to 10000.")
    ] = 100,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show how the units of a sale moved; the newest stands last."""
    with sale(dsn) as client:
        changes = client.history(
            activity_id=activity_id, sku=sku, region=region, user_id=user_id, limit=limit
        )[::-1]
    if as_json:
        emit({"changes": [fields(change) for change in changes]})
        return
    if len(changes) == limit:
        say(f"The last {limit} movements; --limit shows more.")
    show_table(
        ["at", "kind", "units", "sku", "region", "user", "reservation", "by"],
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
            ]
            for change in changes
        ],
        empty="Nothing moved yet.",
    )


def ops_history(
    activity_id: Annotated[
        int | None, typer.Argument(metavar="ACTIVITY", help="Only of this one. Default: all.")
    ] = None,
    limit: Annotated[
        int, typer.Option(help="Show at most so many, newest first; up to 10000.")
    ] = 100,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Show who changed what in a sale, and when; the newest stands last."""
    if activity_id is not None:
        with views(dsn) as look:
            look.activity(activity_id)  # says so where there is none
    with sale(dsn) as client:
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
    with sale(dsn) as client, working("reconciling", len(ids)) as advance:
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
        say(f"Wrong: the books disagree in {len(found)} places.", good=False)
    elif activity_id is None:
        say(f"Right: the books of {len(ids)} activities agree.", good=True)
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
