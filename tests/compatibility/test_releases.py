"""A client goes on after the next expand revision, and refuses after the next contract revision.

For the client of this tree, and for those of the releases kept here (ops/dev/build_release.py).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest

from ops.dev import build_release
from seckill import _contract, migrate, resources
from tests.fix_database import Database
from tests.fix_postgres import IN_CI
from tests.fix_revision import add_revision, all_functions, copy_of_migrations

HERE = Path(__file__).parent
KEPT = sorted(HERE.glob("*.whl"))
SCENARIO = HERE / "scenario.py"
# Those that can grow by themselves (tests/catalog/test_plpgsql_check.py knows of the others).
RESULT_TYPES = (
    *("reserve_result", "resolve_result", "availability_result", "reservation_result"),
    *("check_result", "ops_result", "inventory_result"),
)
# All that an expand revision may do by migrations/README.md: columns, tables, fields at the end of
# results, every function again, and a `_v2` with one parameter more that answers what nobody knew.
EXPAND = (
    """
alter table seckill_private.activity add column trial text;
alter table seckill_private.movement add column trial text;
create table seckill_private.trial (trial_id bigint primary key);
create function seckill.reserve_v2 (
  p_activity_id bigint, p_user_id text, p_sku text, p_quantity integer, p_request_id uuid,
  p_region text default '*', p_subjects jsonb default '{}', p_patience interval default null
) returns seckill.reserve_result language plpgsql security definer
  set search_path = pg_catalog, pg_temp as $$
declare
  v_result seckill.reserve_result;
begin
  v_result.status := 'queued';
  return v_result;
end;
$$;
grant execute on function seckill.reserve_v2 to seckill_app, seckill_ops;
"""
    + "".join(f"alter type seckill.{name} add attribute trial text;\n" for name in RESULT_TYPES)
    + all_functions()
)
# Takes away what clients call, and says so.
CONTRACT = """
drop function seckill.reserve_batch;
drop function seckill.history;
""" + (resources.procedures() / "reading" / "contract_version.sql").read_text(
    encoding="utf-8"
).replace("return 1;", "return 2;")

IN_CI_ONLY = pytest.mark.skipif(not IN_CI, reason="takes 15 seconds: .ci/run does it (CI=true)")


@pytest.fixture(scope="module")
def wheel_of_this_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_release.build(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(params=[*(path.name for path in KEPT), "this tree"])
def package(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory in which the wheel of a release is unpacked."""
    if request.param == "this tree":
        wheel: Path = request.getfixturevalue("wheel_of_this_tree")
    else:
        wheel = HERE / request.param
    unpacked = tmp_path / "release"
    zipfile.ZipFile(wheel).extractall(unpacked)
    return unpacked


@pytest.fixture
def revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An expand and a contract revision after the head."""
    copy = copy_of_migrations(tmp_path)
    names = [
        add_revision(copy, "expand_trial", EXPAND),
        add_revision(copy, "contract_trial", CONTRACT),
    ]
    monkeypatch.setattr(resources, "migrations", lambda: copy)
    return names


class Release:
    """The scenario, run by a release."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def next_line(self) -> Any:
        """What it prints next; an assertion that has its complaint where it fails instead."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.complaint()
        return json.loads(line)

    def complaint(self) -> str:
        assert self._process.stderr is not None
        said = self._process.stderr.read()
        assert self._process.wait(20) == 1
        return said

    def go_on(self) -> None:
        """The schema has changed."""
        pipe: IO[str] | None = self._process.stdin
        assert pipe is not None
        pipe.write("on\n")
        pipe.flush()


@contextmanager
def scenario(package: Path, db: Database) -> Iterator[Release]:
    with subprocess.Popen(
        [sys.executable, "-P", str(SCENARIO)],
        env={
            **{name: value for name, value in os.environ.items() if "SECKILL" not in name},
            "PYTHONPATH": str(package),
            "SCENARIO_BUYER": db.dsn("buyer", pool_size=4),
            "SCENARIO_OPERATOR": db.dsn("operator", pool_size=4),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        release = Release(process)
        try:
            assert release.next_line() == {"package": str(package / "seckill")}
            yield release
        finally:
            process.kill()


def contract_of(db: Database) -> int:
    with psycopg.connect(db.admin_dsn) as connection:
        row = connection.execute("select seckill.contract_version()").fetchone()
    assert row is not None
    return row[0]


@IN_CI_ONLY
def test_expand_is_borne_and_contract_is_refused(
    package: Path, db: Database, revisions: list[str]
) -> None:
    expand, contract = revisions
    migrate.upgrade(db.admin_dsn, expand)
    with scenario(package, db) as release:
        assert release.next_line() == {"works": True}
        migrate.upgrade(db.admin_dsn, contract)
        release.go_on()
        said = release.next_line()["said"]
    for line in said:
        assert re.fullmatch(
            r"the database has contract 2 of the schema, and this client \(seckill \S+\) knows 1:"
            r" upgrade the client",
            line,
        )
    assert len(said) == 7


# What a client could get wrong, and what the scenario then complains of.
PLANTED = {
    "no look at the number": (
        "_contract.py",
        "found in KNOWN:",
        "found in (1, 2):",
        "a crowd: {'held'}",
    ),
    "a look at the first connection only": (
        "_core.py",
        "self._until = monotonic() + self._lasts_s",
        "self._until = inf",
        "a new connection was not refused",
    ),
    "no look where something is gone": (
        "_core.py",
        'startswith("42")',
        'startswith("none")',
        "a crowd: {'held'}",
    ),
    "no look in a transaction of the caller's": (
        "_core.py",
        "self._contract.require(own)",
        "pass",
        "a call that joins was not refused",
    ),
}


@IN_CI_ONLY
@pytest.mark.parametrize("mistake", PLANTED)
def test_a_client_that_does_not_look_is_caught(
    wheel_of_this_tree: Path, tmp_path: Path, db: Database, revisions: list[str], mistake: str
) -> None:
    name, old, new, symptom = PLANTED[mistake]
    zipfile.ZipFile(wheel_of_this_tree).extractall(tmp_path / "release")
    file = tmp_path / "release" / "seckill" / name
    text = file.read_text(encoding="utf-8")
    assert text.count(old) == 1
    file.write_text(text.replace(old, new), encoding="utf-8")
    with scenario(tmp_path / "release", db) as release:
        assert release.next_line() == {"works": True}
        migrate.upgrade(db.admin_dsn, revisions[-1])
        release.go_on()
        with pytest.raises(AssertionError, match=re.escape(symptom)):
            release.next_line()


def test_this_client_knows_the_contract_of_this_tree(db: Database) -> None:
    assert contract_of(db) == _contract.KNOWN[-1]


@IN_CI_ONLY
def test_a_wheel_is_built_alike_twice(wheel_of_this_tree: Path, tmp_path: Path) -> None:
    again = build_release.build(tmp_path)
    assert again.name == wheel_of_this_tree.name
    assert again.read_bytes() == wheel_of_this_tree.read_bytes()
