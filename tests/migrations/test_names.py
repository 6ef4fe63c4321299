"""Files and revisions are named and written as the next reader expects."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from migrations import freeze
from seckill import _contract
from tests.catalog.house_rules import LONGEST_BODY

ROOT = Path(__file__).resolve().parents[2]
PROCEDURES = ROOT / "procedures"
MIGRATIONS = ROOT / "migrations"
LIVING = sorted(path for path in PROCEDURES.rglob("*.sql") if path.name != "install.sql")
CONTRACT_VERSION = "procedures/reading/contract_version.sql"
SCRIPTS = ScriptDirectory.from_config(freeze.Tree(ROOT).config())


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_install_lists_every_file_once() -> None:
    """living_files raises otherwise."""
    assert len(freeze.living_files(PROCEDURES)) == len(LIVING) > 0


def test_the_rules_stand_folder_by_folder_as_their_page_lists_them() -> None:
    page = (PROCEDURES / "internal" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[`(\w+)`\]\(\1\)", page, re.MULTILINE)
    names = [Path(name).parts for name in freeze.living_files(PROCEDURES)]
    folders = [parts[2] for parts in names if parts[:2] == ("procedures", "internal")]
    assert [folder for folder, _ in itertools.groupby(folders)] == listed


@pytest.mark.parametrize("path", LIVING, ids=label)
def test_a_living_file(path: Path) -> None:
    """One function or view; named like it; a header that says why; plain text."""
    raw = path.read_bytes()
    text = raw.decode("utf-8")
    assert b"\r" not in raw
    assert b"\t" not in raw
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    # The text of a `comment on` is one literal, so one line.
    code = [line for line in text.splitlines() if not re.fullmatch(r"\s+'.*';", line)]
    assert [line for line in code if len(line) > 100] == []
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert text.startswith("-- "), "the header comment is missing"
    definition = text.split("\ncomment on ")[0]
    body = re.split(r"^(?:return|begin atomic|as)\b", definition, maxsplit=1, flags=re.MULTILINE)[
        -1
    ]
    assert len(body.splitlines()) <= LONGEST_BODY
    created = [name for _, name in freeze.OBJECT.findall(text)]
    assert len(created) == 1, created
    schema, _, name = created[0].partition(".")
    assert path.stem == name
    internal = path.relative_to(PROCEDURES).parts[0] == "internal"
    assert schema == ("seckill_private" if internal else "seckill")
    for function in re.findall(r"^create function", text, re.MULTILINE | re.IGNORECASE):
        raise AssertionError(f"{function}: living files are always `create or replace`")


# reserve_now plans in seckill.reserve; archiving is no purchase.
PLANS_FOR_ITSELF = {"reserve_now", "archive_activity", "drop_archived", "export_activity"}
CALLS = [path for path in LIVING if path.parent.name in ("buying", "running")]


@pytest.mark.parametrize("path", CALLS, ids=label)
def test_plans_of_buyers_and_operators_go_by_an_index(path: Path) -> None:
    """A plan that was made while a table was empty is kept: buying/reserve.sql says why."""
    settings = ("plan_cache_mode = force_generic_plan", "enable_seqscan = off", "jit = off")
    text = path.read_text(encoding="utf-8")
    given = [setting for setting in settings if f"  set {setting}\n" in text]
    assert given == ([] if path.stem in PLANS_FOR_ITSELF else list(settings))


def test_revisions_are_one_line_of_serial_numbers() -> None:
    scripts = list(SCRIPTS.walk_revisions())[::-1]
    assert len(SCRIPTS.get_heads()) == 1
    for number, script in enumerate(scripts, start=1):
        assert re.fullmatch(rf"{number:04d}_[a-z0-9_]+", script.revision)
        assert len(script.revision) <= freeze.ID_LENGTH
        assert script.down_revision == (scripts[number - 2].revision if number > 1 else None)
        assert Path(script.path).stem == script.revision


def test_a_contract_revision_raises_the_number_and_no_other_does() -> None:
    """By the number a client sees whether it knows the schema (seckill._contract)."""
    scripts = list(SCRIPTS.walk_revisions())[::-1]
    wanted = 1
    for script, after in zip(scripts, [*scripts[1:], None], strict=True):
        kind = script.revision.split("_")[1]
        assert kind in (("core",) if script is scripts[0] else ("expand", "contract"))
        wanted += kind == "contract"
        # With every revision before the next one: as the database is after this one.
        frozen = freeze.frozen_state(MIGRATIONS / "sql", after.revision if after else None)
        (number,) = re.findall(r"^return (\d+);$", frozen[CONTRACT_VERSION], re.MULTILINE)
        assert int(number) == wanted, script.revision
    assert wanted == _contract.KNOWN[-1]


def test_every_sql_file_belongs_to_a_revision_that_runs_it() -> None:
    on_disk = {path.relative_to(MIGRATIONS / "sql") for path in MIGRATIONS.glob("sql/*/*")}
    run = {
        Path(name)
        for script in SCRIPTS.walk_revisions()
        for name in re.findall(
            r'op\.run_sql_file\("(.+)"\)', Path(script.path).read_text(encoding="utf-8")
        )
    }
    assert on_disk == run
    assert {path.parts[0] for path in run} == {s.revision for s in SCRIPTS.walk_revisions()}


@pytest.mark.parametrize("path", sorted(MIGRATIONS.glob("sql/*/*.sql")), ids=label)
def test_a_migration_does_not_wait_long_for_a_lock(path: Path) -> None:
    """A statement that waits for its lock makes all who come later wait behind it."""
    statements = re.sub(r"^--.*\n|^\s*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert statements.startswith("set local lock_timeout = ")
    assert statements.rstrip().endswith("reset role;")


def test_procedures_are_frozen() -> None:
    """Otherwise: python -m migrations.freeze --update, or a new revision after a release."""
    change = freeze.Tree(ROOT).change_since(None)
    assert (list(change.texts), change.removed) == ([], [])
