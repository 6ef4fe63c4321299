"""The files of an archived sale: one for each part, and a manifest with their checksums.

Each file holds JSON lines, packed with gzip, and can be read without this program:

    zcat reservation.jsonl.gz | head -1

The manifest is written last. A directory without one is an export that was cut off.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from seckill import Client

MANIFEST = "manifest.json"
FORMAT = 1
# What seckill.export_activity calls the parts of a sale.
PARTS = (
    "activity",
    "pool",
    "pool_slot",
    "limit_version",
    "list_dimension",
    "listed_subject",
    "ops_entry",
    "inventory_movement",
    "reservation",
    "movement",
    "refund",
)
_PAGE = 5000


@dataclass(frozen=True, slots=True)
class Verified:
    """What became of a look at an archive.

    Attributes:
        activity_id: the sale; None where the manifest does not say.
        rows: part to the number of rows that its file has.
        faults: what is not as the manifest says; empty: all is well.
    """

    activity_id: int | None
    rows: dict[str, int]
    faults: list[str]


class Damaged(ValueError):
    """The manifest is not what `export` wrote; the message is one line."""


def is_complete(directory: Path, activity_id: int) -> bool:
    """Whether the directory already has a whole archive, of a sale with this number.

    Two databases each have an activity 1: `activity_row` says which sale it is.

    Raises:
        FileExistsError: it has that of a sale with another number.
        Damaged: the manifest cannot be read.
    """
    try:
        found = _manifest(directory).get("activity_id")
    except FileNotFoundError:
        return False
    if found != activity_id:
        raise FileExistsError(f"{directory} has the archive of activity {found}")
    return True


def activity_row(directory: Path) -> dict[str, Any]:
    """The exported row of the sale itself, from files that `verify` found right."""
    with gzip.open(directory / "activity.jsonl.gz", "rb") as packed:
        return json.loads(packed.readline())


def export(
    client: Client, activity_id: int, directory: Path, advance: Callable[[int], None]
) -> None:
    """Write the files of an archived sale, and last their manifest.

    Args:
        client: to read with, of a member of seckill_ops.
        activity_id: the sale; it must be archived.
        directory: made where it is missing; files of an export that was cut off are replaced.
        advance: is told how many rows were written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files: dict[str, dict[str, object]] = {}
    for part in PARTS:
        path = directory / f"{part}.jsonl.gz"
        # No name and no time inside: the same rows make the same file.
        with path.open("wb") as raw:
            rows = 0
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                for row in _rows(client, activity_id, part):
                    packed.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
                    rows += 1
                    advance(1)
            raw.flush()
            os.fsync(raw.fileno())
        files[path.name] = {"rows": rows, "bytes": path.stat().st_size, "sha256": _digest(path)}
    manifest = {
        "format": FORMAT,
        "activity_id": activity_id,
        "schema_version": client.schema_version(),
        "files": files,
    }
    draft = directory / f"{MANIFEST}.new"
    with draft.open("w", encoding="utf-8") as out:
        json.dump(manifest, out, indent=2)
        out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(directory / MANIFEST)
    _sync(directory)


def verify(directory: Path, advance: Callable[[int], None] = lambda _rows: None) -> Verified:
    """Read every file of an archive, and compare it with the manifest.

    Args:
        directory: of the archive.
        advance: is told how many rows were read.

    Raises:
        FileNotFoundError: there is no manifest.
    """
    try:
        manifest = _manifest(directory)
        if manifest.get("format") != FORMAT:
            return Verified(None, {}, [f"{MANIFEST} is of format {manifest.get('format')}"])
        activity_id, expected = _listed(manifest)
    except Damaged as error:
        return Verified(None, {}, [str(error)])
    rows: dict[str, int] = {}
    faults = [
        f"{part}.jsonl.gz is not listed" for part in PARTS if f"{part}.jsonl.gz" not in expected
    ]
    for name, said in expected.items():
        path = directory / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif _digest(path) != said.get("sha256"):
            faults.append(f"{name} has another checksum")
        else:
            try:
                with gzip.open(path, "rb") as packed:
                    found = 0
                    for _ in packed:
                        found += 1
                        advance(1)
                    rows[name.removesuffix(".jsonl.gz")] = found
            except (gzip.BadGzipFile, EOFError, zlib.error):
                faults.append(f"{name} cannot be unpacked")
                continue
            if found != said.get("rows"):
                faults.append(f"{name} has {found} rows, not {said.get('rows')}")
    return Verified(activity_id, rows, faults)


def _rows(client: Client, activity_id: int, part: str) -> Iterator[dict[str, Any]]:
    after = None
    while page := client.export_activity(
        activity_id=activity_id,
        part=part,  # pyright: ignore[reportArgumentType] (one of PARTS)
        after=after,
        limit=_PAGE,
    ):
        for row in page:
            yield row.data
        after = page[-1].cursor


def _manifest(directory: Path) -> dict[str, Any]:
    try:
        found: object = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except ValueError as error:  # no JSON, or no UTF-8
        raise Damaged(f"{MANIFEST} is damaged: {error}") from None
    if not isinstance(found, dict):
        raise Damaged(f"{MANIFEST} is damaged: no object")
    return cast("dict[str, Any]", found)


def _listed(manifest: Mapping[str, Any]) -> tuple[int, dict[str, dict[str, object]]]:
    """The sale, and what is said of each file."""
    activity_id, files = manifest.get("activity_id"), manifest.get("files")
    if not isinstance(activity_id, int) or not isinstance(files, dict):
        raise Damaged(f"{MANIFEST} is damaged: no activity_id, or no files")
    listed = cast("dict[str, dict[str, object]]", files)
    for name, said in listed.items():
        if Path(name).name != name or not isinstance(said, dict):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise Damaged(f"{MANIFEST} is damaged: {name!r}")
    return activity_id, listed


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(directory: Path) -> None:
    """Bring the directory's own entries to the disk."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
