"""``seckill archive``: a closed sale into files, and out of the database."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seckill.cli._common import Dsn, ExitCode, Json, emit, fail
from seckill.cli._sale import Actor, examples, outcome, sale
from seckill.cli._show import say, working

if TYPE_CHECKING:
    from seckill import Client

ARCHIVE_EPILOG = examples(
    "seckill archive 1 /srv/archive/1",
    "seckill archive 1 /srv/archive/1 --keep    (files only; drop it later, with the same command)",
    "seckill archive --verify /srv/archive/1",
)
_BATCH = 1000  # rows a call when they are deleted


def archive(
    activity_id: Annotated[
        int | None, typer.Argument(metavar="ACTIVITY", help="Its id; it must be closed.")
    ] = None,
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Where the files go; made if missing.")
    ] = None,
    verify: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Only check the files of an archive; asks no database."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the rows in the database.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Export a closed sale to files with checksums, check them, and delete it.

    From the first step on the sale stands still: nothing in it changes any more.
    Stopped anywhere, the same command goes on. Exit status 1: files are not as
    their manifest says, or the books disagree; nothing was deleted then.
    """
    from seckill import UnknownActivity
    from seckill import archive as files

    if verify is not None:
        if activity_id is not None or directory is not None:
            fail("--verify takes no ACTIVITY and no other DIR", ExitCode.USAGE)
        _tell(files.verify(verify), verify, as_json)
        return
    if activity_id is None or directory is None:
        fail("give ACTIVITY and DIR, or --verify DIR", ExitCode.USAGE)
    if not (keep or yes) and sys.stdin.isatty():
        typer.confirm(f"Delete activity {activity_id} once it is in files?", abort=True, err=True)
    with sale(dsn) as client:
        complete = files.is_complete(directory, activity_id)
        try:
            client.archive_activity(activity_id=activity_id, actor=actor)
        except UnknownActivity:
            if not complete:  # else it may have been dropped in part: go on
                raise
        if not complete:
            if found := client.reconcile(activity_id=activity_id):
                fail(f"the books disagree: {found[0].subject}; see seckill reconcile", ExitCode.NO)
            with working("exporting") as advance:
                files.export(client, activity_id, directory, advance)
        found = files.verify(directory)
        deleted = 0
        if not found.faults and not keep:
            deleted = _drop(client, activity_id, actor)
    _tell(found, directory, as_json, deleted=None if keep else deleted)


def _drop(client: Client, activity_id: int, actor: str | None) -> int:
    deleted = 0
    with working("deleting") as advance:
        while True:
            answer = client.drop_archived(activity_id=activity_id, limit=_BATCH, actor=actor)
            deleted += answer.quantity or 0
            advance(answer.quantity or 0)
            if answer.status == "dropped":
                return deleted


def _tell(found: object, directory: Path, as_json: bool, *, deleted: int | None = None) -> None:
    from seckill.archive import Verified

    assert isinstance(found, Verified)
    if as_json:
        emit(
            {
                "activity_id": found.activity_id,
                "directory": directory.absolute(),
                "rows": found.rows,
                "faults": found.faults,
                "deleted": deleted,
            }
        )
    elif found.faults:
        say(f"Wrong: {'; '.join(found.faults)}.", good=False)
    else:
        say(
            f"Right: {sum(found.rows.values())} rows in {directory}, as they were written.",
            good=True,
        )
        if deleted is not None:
            say(f"Activity {found.activity_id} is dropped; {deleted} rows were deleted one by one.")
    outcome(not found.faults)
