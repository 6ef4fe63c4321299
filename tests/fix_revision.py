"""Revisions that only a test has, on top of those that there are."""

from __future__ import annotations

import shutil
from pathlib import Path

from migrations import freeze
from seckill import resources

_REVISION = """\
from alembic import op

revision = "{name}"
down_revision = "{before}"


def upgrade() -> None:
    op.run_sql_file("{name}/up.sql")


def downgrade() -> None:
    op.run_sql_file("{name}/down.sql")
"""
_HEAD = "set local lock_timeout = '3s';\nset local role seckill_owner;\n"
_TAIL = "\nreset role;\n"


def copy_of_migrations(directory: Path) -> Path:
    """The migrations, in a directory of the test's: monkeypatch `resources.migrations` to it."""
    copy = directory / "migrations"
    shutil.copytree(resources.migrations(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def add_revision(copy: Path, title: str, up: str, down: str = "") -> str:
    """Add a revision called NNNN_<title> to a copy; its name. Both texts run as seckill_owner."""
    before = max(path.stem for path in (copy / "versions").glob("[0-9]*.py"))
    name = f"{int(before.split('_')[0]) + 1:04d}_{title}"
    (copy / "versions" / f"{name}.py").write_text(_REVISION.format(name=name, before=before))
    sql = copy / "sql" / name
    sql.mkdir()
    (sql / "up.sql").write_text(_HEAD + up + _TAIL)
    (sql / "down.sql").write_text(_HEAD + down + _TAIL)
    return name


def all_functions() -> str:
    """The text that installs every function of ours again."""
    return "\n".join(freeze.living_files(resources.procedures()).values())
