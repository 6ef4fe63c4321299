"""``seckill archive``: a closed sale into files, and out of the database."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seckill.cli._common import Dsn, ExitCode, Json, emit, fail
from seckill.cli._sale import Actor, agreed, examples, outcome, sale
from seckill.cli._show import say, working
from seckill.cli._views import views

if TYPE_CHECKING:
    from seckill import Client

ARCHIVE_EPILOG = examples(
    "seckill archive 1 /srv/archive/1 --yes",
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
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before deleting.")] = False,
    actor: Actor = None,
    dsn: Dsn = None,
    as_json: Json = False,
) -> None:
    """Export a closed sale to files with checksums, check them, and delete it.

    From the first step on the sale stands still: nothing in it changes any more.
    Stopped anywhere, the same command goes on. Exit status 1: files are not as
    their manifest says, or the books disagree; nothing was deleted then.
    """
    from seckill import archive as files

    if verify is not None:
        if activity_id is not None or directory is not None:
            fail("--verify takes no ACTIVITY and no other DIR", ExitCode.USAGE)
        with working("checking") as advance:
            found = files.verify(verify, advance)
        _tell(found, verify, as_json)
        return
    if activity_id is None or directory is None:
        fail("give ACTIVITY and DIR, or --verify DIR", ExitCode.USAGE)
    if not keep:
        agreed(yes, "archive deletes rows", f"Delete activity {activity_id} once it is in files?")
    with sale(dsn) as client:
        try:
            complete = files.is_complete(directory, activity_id)
        except files.Damaged:
            complete = True  # and wrong, which is told below
        if not complete:
            client.archive_activity(activity_id=activity_id, actor=actor)
            if found := client.reconcile(activity_id=activity_id):
                fail(f"the books disagree: {found[0].subject}; see seckill reconcile", ExitCode.NO)
            with working("exporting") as advance:
                files.export(client, activity_id, directory, advance)
        with working("checking") as advance:
            found = files.verify(directory, advance)
        if complete and not found.faults and not _is_of(client, dsn, activity_id, directory):
            fail(
                f"{directory} has the archive of another activity {activity_id}, not of this"
                " database's: nothing was deleted; give another DIR",
                ExitCode.USAGE,
            )
        deleted = 0
        if not found.faults and not keep:
            deleted = _drop(client, activity_id, actor)
    _tell(found, directory, as_json, deleted=None if keep else deleted)


def _is_of(client: Client, dsn: str | None, activity_id: int, directory: Path) -> bool:
    """Whether files that were there before are those of the sale in this database.

    Another database has an activity of the same number, and this one, restored to an instant
    before the export, may have been sold from since.
    """
    from seckill import UnknownActivity, WrongState
    from seckill.archive import activity_row

    written = activity_row(directory)
    try:
        rows = client.export_activity(activity_id=activity_id, part="activity", after=None, limit=1)
    except WrongState:  # not archived, so there can be no files of it
        return False
    except UnknownActivity:
        # Some of its rows are deleted already. Its line in the list stays.
        with views(dsn) as look:
            made = {row["activity_id"]: row["created_at"] for row in look.named(written["name"])}
        return made.get(activity_id) == datetime.fromisoformat(written["created_at"])
    same = ("activity_id", "name", "created_at", "archived_at")
    return [{key: row.data[key] for key in same} for row in rows] == [
        {key: written[key] for key in same}
    ]


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
