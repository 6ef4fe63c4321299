"""seckill changes and seckill archive: what they print, what they write, and what they leave."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from seckill.client import Client
from tests.cli.conftest import Run
from tests.fix_database import Database, new_database
from tests.fix_sale import open_sale


@pytest.fixture
def closed(ops, sale) -> int:
    """A closed sale in which two bought and paid."""
    for user in ("ann", "bob"):
        held = ops("reserve", sale, user, "phone", "--json").json
        assert ops("confirm", user, held["reservation_id"]).status == 0
    assert ops("activity", "close", sale, "--yes").status == 0
    return sale


def test_changes_for_people_and_for_programs(ops, closed):
    done = ops("changes", "--json")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["kind"] for row in rows] == [
        *("allocate", "hold", "confirm", "hold", "confirm", "close"),
    ]
    rest = ops("changes", "--json", "--after", rows[3]["cursor"]).out.splitlines()
    assert [json.loads(line) for line in rest] == rows[4:]
    told = ops("changes", "--limit", 2)
    assert [line.split("  ")[2] for line in told.out.splitlines()] == ["allocate", "hold"]
    assert told.err == f"go on with --after {rows[1]['cursor']}\n"
    assert ops("changes", "--after", "x").status == 2


def test_archive_writes_checks_and_drops(ops, closed, tmp_path: Path):
    done = ops("archive", closed, tmp_path / "one", "--yes", "--json")
    assert done.status == 0, done.err
    assert done.json["faults"] == []
    assert (done.json["rows"]["reservation"], done.json["rows"]["movement"]) == (2, 4)
    assert done.json["deleted"] == 6
    with gzip.open(tmp_path / "one" / "reservation.jsonl.gz", "rt") as lines:
        users = {json.loads(line)["user_id"] for line in lines}
    assert users == {"ann", "bob"}
    assert "was archived at" in ops("history", closed).complaint
    assert ops("archive", closed, tmp_path / "one", "--yes").status == 0, "it may be repeated"


def test_a_drop_that_was_cut_off_goes_on(ops, closed, tmp_path: Path, db: Database):
    assert ops("archive", closed, tmp_path, "--keep").status == 0
    with db.connect("operator") as operator:
        row = operator.execute("select quantity from seckill.drop_archived(%s, 1)", [closed])
        assert [one.quantity for one in row] == [1]
    done = ops("archive", closed, tmp_path, "--yes", "--json")
    assert (done.status, done.json["deleted"]) == (0, 5), done.err
    assert ops("archive", closed, tmp_path / "elsewhere", "--yes").status == 2, "too late for files"
    assert not (tmp_path / "elsewhere").exists()


def test_an_export_that_was_cut_off_goes_on(ops, closed, tmp_path: Path):
    first = ops("archive", closed, tmp_path, "--keep", "--json")
    assert (first.status, first.json["deleted"]) == (0, None)
    same = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "movement.jsonl.gz").write_bytes(b"half")
    assert ops("archive", closed, tmp_path, "--keep").status == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == same
    assert ops("history", closed).status == 0


@pytest.mark.parametrize("fault", ["changed", "missing", "short"])
def test_files_that_are_not_as_written_are_found_and_nothing_is_dropped(
    ops, closed, tmp_path: Path, fault: str
):
    assert ops("archive", closed, tmp_path, "--keep").status == 0
    assert ops("archive", "--verify", tmp_path).status == 0
    path = tmp_path / "movement.jsonl.gz"
    if fault == "changed":
        path.write_bytes(path.read_bytes()[:-1] + b"x")
    elif fault == "missing":
        path.unlink()
    else:
        manifest = json.loads((tmp_path / "manifest.json").read_text())
        manifest["files"][path.name]["rows"] += 1
        (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    found = ops("archive", "--verify", tmp_path, "--json")
    assert found.status == 1
    assert len(found.json["faults"]) == 1
    assert ops("archive", closed, tmp_path, "--yes").status == 1
    assert ops("history", closed).status == 0, "nothing was dropped"


def test_what_cannot_be_archived_says_why(ops, sale, tmp_path: Path):
    assert ops("archive", sale, tmp_path, "--yes").status == 2, "it is open"
    assert ops("archive", sale).status == 2
    assert "add --yes" in ops("archive", sale, tmp_path).complaint
    assert ops("archive", "--verify", tmp_path).status == 3
    assert str(__file__) in ops("archive", "--verify", __file__).complaint, "no directory"
    assert list(tmp_path.iterdir()) == []


def test_another_sales_directory_is_left_alone(ops, closed, tmp_path: Path):
    assert ops("archive", closed, tmp_path, "--keep").status == 0
    other = ops("activity", "create", "other", "--json").json["activity_id"]
    assert ops("activity", "close", other, "--yes").status == 0
    assert "has the archive of activity" in ops("archive", other, tmp_path, "--yes").complaint


def test_the_parts_are_those_of_the_function(db: Database):
    from seckill.archive import PARTS

    with db.connect("superuser") as superuser:
        row = superuser.execute(
            "select obj_description('seckill.export_activity'::regproc) as text"
        ).fetchone()
    assert row is not None
    named = row.text.split("p_part: ")[1].split(". ")[0]
    assert sorted(named.split(", ")) == sorted(PARTS)


@pytest.fixture
def other(db: Database, templates) -> Iterator[Database]:
    """Another database of the same server."""
    with new_database(db.server, templates(db.server)) as name:
        yield Database(name, db.target, db.server, db.poolers)


@pytest.mark.parametrize("state", ["open", "closed", "archived", "dropping"])
def test_the_files_of_another_database_are_not_taken_for_this_ones(
    ops: Run, closed: int, db: Database, other: Database, tmp_path: Path, state: str
):
    """Both have an activity 1. To drop this one because that one is in files would lose it."""
    assert ops("archive", closed, tmp_path, "--yes").status == 0
    same = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with other.connect("operator") as operator, Client(other.dsn("operator"), flag="") as client:
        its = open_sale(operator, units=5).activity_id
        assert its == closed
        if state != "open":
            client.close_activity(activity_id=its)
        if state in ("archived", "dropping"):
            client.archive_activity(activity_id=its)
        if state == "dropping":
            client.drop_archived(activity_id=its, limit=1)
        before = operator.execute("select * from seckill.ops_history(%s)", [its]).fetchall()
        done = ops("archive", its, tmp_path, "--yes", "--dsn", other.dsn("operator"))
        assert (done.status, f"another activity {its}" in done.complaint) == (2, True)
        # Neither deleted, nor even archived.
        after = operator.execute("select * from seckill.ops_history(%s)", [its]).fetchall()
        assert after == before
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == same


def test_one_that_is_half_deleted_goes_on(ops: Run, closed: int, db: Database, tmp_path: Path):
    assert ops("archive", closed, tmp_path, "--keep").status == 0
    with Client(db.dsn("operator"), flag="") as client:
        assert client.drop_archived(activity_id=closed, limit=1).status == "dropping"
    done = ops("archive", closed, tmp_path, "--yes", "--json")
    assert (done.status, done.json["faults"]) == (0, [])
    assert done.json["deleted"] == 5


@pytest.mark.parametrize(
    "manifest",
    [
        *(b"", b"{", b"\xff", b"[]", b'{"format": 1}', b'{"format": 1, "activity_id": 1}'),
        *(b'{"format": 1, "activity_id": "1", "files": {}}',),
        *(b'{"format": 1, "activity_id": 1, "files": {"activity.jsonl.gz": 1}}',),
        *(b'{"format": 1, "activity_id": 1, "files": {"../x": {}}}',),
        *(b'{"format": 1, "activity_id": 1, "files": {"activity.jsonl.gz": {}}}',),
    ],
)
def test_a_damaged_manifest_is_a_fault(ops: Run, closed: int, tmp_path: Path, manifest: bytes):
    assert ops("archive", closed, tmp_path, "--keep").status == 0
    (tmp_path / "manifest.json").write_bytes(manifest)
    found = ops("archive", "--verify", tmp_path, "--json")
    assert (found.status, found.err) == (1, "")
    assert found.json["faults"]
    done = ops("archive", closed, tmp_path, "--yes")
    assert done.status in (1, 2)
    assert "Traceback" not in done.err
    assert ops("history", closed).status == 0, "nothing was dropped"


def test_a_file_that_is_no_gzip_is_a_fault(ops: Run, closed: int, tmp_path: Path):
    assert ops("archive", closed, tmp_path, "--keep").status == 0
    path, manifest = tmp_path / "movement.jsonl.gz", tmp_path / "manifest.json"
    path.write_bytes(path.read_bytes()[:-12])
    told = json.loads(manifest.read_text())
    told["files"][path.name]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(told))
    found = ops("archive", "--verify", tmp_path, "--json")
    assert (found.status, found.json["faults"]) == (1, [f"{path.name} cannot be unpacked"])
