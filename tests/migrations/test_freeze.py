"""migrations.freeze on a small tree of its own: what it writes, and that it runs."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import pytest

from migrations import freeze
from tests.fix_database import Database

ROOT = Path(__file__).resolve().parents[2]
FUNCTION = """\
-- Says {word}.
create or replace function demo.greet ()
  returns text
  language sql
return '{word}';
"""
VIEW = """\
-- What is said.
create or replace view demo.said as select demo.greet() as word;
"""


def write(tree: Path, **files: str) -> None:
    """Write living files and an install.sql that lists them in the order given."""
    procedures = tree / "procedures"
    shutil.rmtree(procedures, ignore_errors=True)
    procedures.mkdir()
    for name, text in files.items():
        (procedures / f"{name}.sql").write_text(text, encoding="utf-8")
    manifest = "".join(f"\\ir {name}.sql\n" for name in files)
    (procedures / "install.sql").write_text(manifest, encoding="utf-8")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with one function and one view, frozen as its first revision."""
    for part in ("versions", "sql"):
        (tmp_path / "migrations" / part).mkdir(parents=True)
    for name in ("env.py", "sqlfile.py", "script.py.mako"):
        shutil.copy(ROOT / "migrations" / name, tmp_path / "migrations" / name)
    write(tmp_path, greet=FUNCTION.format(word="hello"), said=VIEW)
    assert freeze.main(["Core"], tmp_path) == 0
    return tmp_path


def frozen(tree: Path, revision: str, name: str = "functions.sql") -> str:
    return (tree / "migrations" / "sql" / revision / name).read_text(encoding="utf-8")


def run(db: Database, tree: Path, *files: str) -> None:
    """Run frozen files as a migration would, in schema demo."""
    with psycopg.connect(db.admin_dsn) as connection:
        connection.execute("create schema if not exists demo authorization seckill_owner")
        for name in files:
            script = (tree / "migrations" / "sql" / name).read_text(encoding="utf-8")
            connection.execute(script.encode())


def said(db: Database) -> str:
    with psycopg.connect(db.admin_dsn) as connection:
        row = connection.execute("select word from demo.said").fetchone()
        assert row is not None
        return row[0]


def test_the_first_revision_holds_everything_in_order(tree: Path) -> None:
    texts = freeze.frozen_texts(frozen(tree, "0001_core"))
    assert list(texts) == ["procedures/greet.sql", "procedures/said.sql"]
    assert texts["procedures/greet.sql"] == FUNCTION.format(word="hello")
    assert freeze.Tree(tree).head() == "0001_core"
    assert freeze.main(["--check"], tree) == 0


def test_a_change_carries_only_what_changed(tree: Path) -> None:
    write(tree, greet=FUNCTION.format(word="100% '{\"a\":1}'"), said=VIEW)
    assert freeze.main(["--check"], tree) == 1
    assert freeze.main(["Expand: say more!"], tree) == 0
    assert freeze.Tree(tree).head() == "0002_expand_say_more"
    assert list(freeze.frozen_texts(frozen(tree, "0002_expand_say_more"))) == [
        "procedures/greet.sql"
    ]
    down = freeze.frozen_texts(frozen(tree, "0002_expand_say_more", "functions_down.sql"))
    assert down == {"procedures/greet.sql": FUNCTION.format(word="hello")}


def test_up_and_down_run(tree: Path, db: Database) -> None:
    write(tree, greet=FUNCTION.format(word="good day"), said=VIEW)
    freeze.main(["expand politeness"], tree)
    run(db, tree, "0001_core/functions.sql")
    assert said(db) == "hello"
    run(db, tree, "0002_expand_politeness/functions.sql")
    assert said(db) == "good day"
    run(db, tree, "0002_expand_politeness/functions_down.sql")
    assert said(db) == "hello"
    run(db, tree, "0001_core/functions_down.sql")
    with psycopg.connect(db.admin_dsn) as connection:
        connection.execute("drop schema demo")  # without cascade: nothing is left in it


def test_a_removed_file_is_dropped_and_comes_back(tree: Path, db: Database) -> None:
    write(tree, greet=FUNCTION.format(word="hello"))
    freeze.main(["contract the view"], tree)
    revision = "0002_contract_the_view"
    assert freeze.frozen_texts(frozen(tree, revision)) == {"procedures/said.sql": None}
    run(db, tree, "0001_core/functions.sql", f"{revision}/functions.sql")
    with pytest.raises(psycopg.errors.UndefinedTable):
        said(db)
    run(db, tree, f"{revision}/functions_down.sql")
    assert said(db) == "hello"


def test_update_freezes_the_newest_revision_again(tree: Path) -> None:
    write(tree, greet=FUNCTION.format(word="hi"))
    assert freeze.main(["--update"], tree) == 0
    assert freeze.Tree(tree).head() == "0001_core"
    assert freeze.frozen_texts(frozen(tree, "0001_core")) == {
        "procedures/greet.sql": FUNCTION.format(word="hi")
    }


@pytest.mark.parametrize("message", ["x" * 28, "nothing changed"])
def test_it_refuses(tree: Path, message: str) -> None:
    """An id that is too long for the version table; a revision with nothing in it."""
    if message != "nothing changed":
        write(tree, greet=FUNCTION.format(word="hi"))
    assert freeze.main([message], tree) == 1
    assert freeze.Tree(tree).head() == "0001_core"


def test_a_file_that_install_does_not_list_is_refused(tree: Path) -> None:
    (tree / "procedures" / "astray.sql").write_text("-- x\n", encoding="utf-8")
    with pytest.raises(freeze.FreezeError, match=r"astray\.sql"):
        freeze.living_files(tree / "procedures")
