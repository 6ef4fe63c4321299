"""The generated files in the tree are those of the database at head."""

from __future__ import annotations

import pytest

from ops.dev import dump_schema, generate_reference
from seckill.runtime import find_bindir
from tests.fix_database import Database


@pytest.mark.targets("18-direct")
def test_schema_sql_is_current(db: Database) -> None:
    """Otherwise: python ops/dev/dump_schema.py"""
    text = dump_schema.TITLE + dump_schema.dump(db.admin_dsn, find_bindir("18"))
    assert dump_schema.SCHEMA_SQL.read_text(encoding="utf-8") == text


@pytest.mark.targets("18-direct")
def test_the_reference_is_current(db: Database) -> None:
    """Otherwise: python ops/dev/generate_reference.py"""
    text = generate_reference.render(db.admin_dsn)
    assert generate_reference.README.read_text(encoding="utf-8") == text


def test_normalising_keeps_function_bodies() -> None:
    body = "    -- a comment\n    SET x = 1;\n  set search_path"
    dump = f"--\n-- Name: f; Type: FUNCTION\n--\n\nSET a = b;\n\\restrict abc\n\n\n{body}\n"
    assert dump_schema.normalise(dump) == body.lstrip("\n").strip("\n") + "\n"
