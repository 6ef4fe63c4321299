"""seckill changes and seckill archive: what they print, what they write, and what they leave."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.fix_database import Database


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
    assert ops("archive", "--verify", tmp_path).status == 3
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
