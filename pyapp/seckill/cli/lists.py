"""``seckill eligible`` and ``seckill block``: who may buy, and who may not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seckill.cli._common import Dsn, Json, emit
from seckill.cli._sale import ActivityId, Actor, examples, fields, group, sale
from seckill.cli._show import say, working
from seckill.cli._values import Source, batches, lines_in, split

if TYPE_CHECKING:
    from seckill import Client, OpsResult

eligible = group("Who may buy: a list per dimension, and whether a sale requires it.")
block = group("Who may not buy: a list per dimension.")

_Edit = Callable[..., "OpsResult"]

Dimension = Annotated[
    str,
    typer.Argument(
        metavar="DIMENSION", help="Of the values: user, or a name of --subject, such as phone."
    ),
]
Values = Annotated[list[str], typer.Argument(metavar="VALUE", help="One or more.")]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="One value a line, UTF-8; - reads what is piped in.")
]
Column = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="FILE is CSV: the column of this name in its first row; or a number from 1, where "
        "the first row is data too.",
    ),
]
Delimiter = Annotated[
    str, typer.Option(metavar="CHAR", help="Between the columns of the CSV; “tab” for a tab.")
]
Skip = Annotated[
    int,
    typer.Option(min=0, metavar="COUNT", help="Leave out so many values, where an earlier run "
                 "stopped."),
]  # fmt: skip


@eligible.command(
    "add",
    epilog=examples(
        "seckill eligible add 1 user ann bob", "seckill eligible add 1 phone 13800138000"
    ),
)
def eligible_add(
    activity_id: ActivityId,
    dimension: Dimension,
    values: Values,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Put values on the list of those who may buy; it counts once the sale requires it."""
    with sale(dsn) as client:
        _few(client.add_eligible, activity_id, dimension, values, actor, as_json)


@eligible.command("remove", epilog=examples("seckill eligible remove 1 user bob"))
def eligible_remove(
    activity_id: ActivityId,
    dimension: Dimension,
    values: Values,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Take values off the list of those who may buy."""
    with sale(dsn) as client:
        _few(client.remove_eligible, activity_id, dimension, values, actor, as_json)


@eligible.command(
    "load",
    epilog=examples(
        "seckill eligible load 1 user members.txt",
        "seckill eligible load 1 phone customers.csv --column phone",
        "zcat members.txt.gz | seckill eligible load 1 user -",
    ),
)
def eligible_load(
    activity_id: ActivityId,
    dimension: Dimension,
    file: File,
    column: Column = None,
    delimiter: Delimiter = ",",
    skip: Skip = 0,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Put the values of a file on the list of those who may buy.

    Values go 10,000 at a time. After a run that was stopped, run it again: what
    is on the list already stays.
    """
    source = Source(file, column, delimiter, skip)
    _load(lambda client: client.add_eligible, source, activity_id, dimension, actor, dsn, as_json)


@eligible.command(
    epilog=examples("seckill eligible require 1 user", "seckill eligible require 1 user --off")
)
def require(
    activity_id: ActivityId,
    dimension: Dimension,
    off: Annotated[bool, typer.Option("--off", help="No longer.")] = False,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Sell only to who is on the list of that dimension.

    With several dimensions required a buyer must be on every list. An empty list
    lets nobody buy.
    """
    with sale(dsn) as client:
        answer = client.require_eligibility(
            activity_id=activity_id, dimension=dimension, required=not off, actor=actor
        )
    if as_json:
        emit(fields(answer))
        return
    rule = "no longer asks whether" if off else "sells only where"
    already = ", as before" if answer.replayed else ""
    say(f"Activity {activity_id} {rule} the {dimension} is on the list{already}.", good=True)


@block.command(
    "add",
    epilog=examples(
        "seckill block add 1 user mallory", "seckill block add 1 ip 192.0.2.7 192.0.2.8"
    ),
)
def block_add(
    activity_id: ActivityId,
    dimension: Dimension,
    values: Values,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Refuse all new purchases of these values; what they hold already stays."""
    with sale(dsn) as client:
        _few(client.block, activity_id, dimension, values, actor, as_json)


@block.command("remove", epilog=examples("seckill block remove 1 user mallory"))
def block_remove(
    activity_id: ActivityId,
    dimension: Dimension,
    values: Values,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Lift the block of these values."""
    with sale(dsn) as client:
        _few(client.unblock, activity_id, dimension, values, actor, as_json)


@block.command(
    "load",
    epilog=examples(
        "seckill block load 1 device stolen.txt",
        "seckill block load 1 phone fraud.csv --column 2 --delimiter ';'",
        "grep -h bot *.log | cut -d' ' -f1 | seckill block load 1 ip -",
    ),
)
def block_load(
    activity_id: ActivityId,
    dimension: Dimension,
    file: File,
    column: Column = None,
    delimiter: Delimiter = ",",
    skip: Skip = 0,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Refuse all new purchases of the values of a file.

    Values go 10,000 at a time. After a run that was stopped, run it again: what
    is blocked already stays so.
    """
    source = Source(file, column, delimiter, skip)
    _load(lambda client: client.block, source, activity_id, dimension, actor, dsn, as_json)


def _few(
    edit: _Edit,
    activity_id: int,
    dimension: str,
    values: list[str],
    actor: str | None,
    as_json: bool,
) -> None:
    """Change a list by what stands on the command line."""
    changed, status = 0, ""
    for batch in split(values):
        answer = edit(activity_id=activity_id, dimension=dimension, values=batch, actor=actor)
        changed += answer.quantity or 0
        status = answer.status
    _tell(status, activity_id, dimension, changed, len(values), as_json)


def _load(
    edit: Callable[[Client], _Edit],
    source: Source,
    activity_id: int,
    dimension: str,
    actor: str | None,
    dsn: str | None,
    as_json: bool,
) -> None:
    """Change a list by what stands in a file, and say at any end how far it got."""
    sent, changed, status, place = source.skip, 0, "", ""

    def so_far() -> str:
        done = f"{sent} values are in; " if sent else ""
        go_on = f", or go on with --skip {sent}" if sent else ""
        return f"{done}the run ended{place}; run it again{go_on}"

    with sale(dsn, so_far=so_far) as client, working("loading", lines_in(source)) as advance:
        for batch in batches(source, so_far):
            place = f" at lines {batch.first_line} to {batch.last_line}"
            answer = edit(client)(
                activity_id=activity_id, dimension=dimension, values=batch.values, actor=actor
            )
            sent += len(batch.values)
            changed += answer.quantity or 0
            status = answer.status
            advance(batch.lines)
    _tell(status, activity_id, dimension, changed, sent - source.skip, as_json)


_DONE = {
    "added": "Added {changed} to the list of who may buy",
    "removed": "Removed {changed} from the list of who may buy",
    "blocked": "Blocked {changed}",
    "unblocked": "Unblocked {changed}",
}


def _tell(
    status: str, activity_id: int, dimension: str, changed: int, given: int, as_json: bool
) -> None:
    """Say how many values changed the list."""
    if as_json:
        told: dict[str, Any] = {
            "status": status or None,
            "activity_id": activity_id,
            "dimension": dimension,
            "values": given,
            "changed": changed,
        }
        emit(told)
        return
    if not given:
        say("There was no value; nothing changed.")
        return
    done = _DONE[status].format(changed=f"{changed} of {given} {dimension} values")
    rest = "" if changed == given else "; the others stood like this already, or came twice"
    say(f"{done} of activity {activity_id}{rest}.", good=True)
