"""Planting a known-bad variant of a function in a database of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seckill import resources
from tests.fix_database import Database


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace `old`, which stands exactly once in the living file of the function, by `new`."""

    function: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mistake that somebody could make, and the check that must see it.

    Attributes:
        name: the mistake, in a few words.
        edits: what it looks like in the living files.
        caught_by: called with a database; passes on the living code, raises Violation on this.
        symptom: a regular expression that the Violation's text must match, so that the mutation is
            caught for what it does and not by an accident.
    """

    name: str
    edits: tuple[Edit, ...]
    caught_by: Callable[[Database], None]
    symptom: str

    @property
    def checked_by(self) -> str:
        """The name of the check."""
        return getattr(self.caught_by, "func", self.caught_by).__name__


def living_file(function: str) -> Path:
    """The file of a function; its name is the function's, so there is one."""
    (found,) = resources.procedures().rglob(f"{function}.sql")
    return found


def mutated_texts(mutation: Mutation) -> dict[str, str]:
    """Function to its changed text; AssertionError where an edit no longer fits the living file."""
    texts: dict[str, str] = {}
    for edit in mutation.edits:
        text = texts.get(edit.function) or living_file(edit.function).read_text(encoding="utf-8")
        places = text.count(edit.old)
        assert places == 1, f"{edit.function}: {places} places for {edit.old!r}"
        assert edit.old != edit.new
        texts[edit.function] = text.replace(edit.old, edit.new)
    return texts


def plant(db: Database, mutation: Mutation) -> None:
    """Install the changed functions over the living ones, as their owner."""
    texts = mutated_texts(mutation)
    before = bodies(db)
    with db.connect("superuser") as superuser:
        superuser.execute("set role seckill_owner")
        for text in texts.values():
            superuser.execute(text.encode())
    after = bodies(db)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == set(texts), f"planted {set(texts)}, changed {changed}"


def bodies(db: Database) -> dict[str, str]:
    """Every function's definition, by name; there are no overloads."""
    with db.connect("superuser") as superuser:
        rows = superuser.execute(
            """
            select proname, pg_get_functiondef(oid) as body from pg_proc
             where pronamespace in ('seckill'::regnamespace, 'seckill_private'::regnamespace)"""
        ).fetchall()
    return {row.proname: row.body for row in rows}
