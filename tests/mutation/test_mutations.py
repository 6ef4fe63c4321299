"""Each known-bad variant is caught by its check, and the check passes on the living code."""

from __future__ import annotations

import pytest

from tests.concurrency.sessions import Violation
from tests.fix_database import Database
from tests.mutation.catalogue import MUTATIONS, README, table
from tests.mutation.planting import Edit, Mutation, mutated_texts, plant


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize("mutation", MUTATIONS, ids=[m.name for m in MUTATIONS])
def test_mutation_is_caught(arena: Database, mutation: Mutation) -> None:
    mutation.caught_by(arena)
    plant(arena, mutation)
    with pytest.raises(Violation, match=mutation.symptom):
        mutation.caught_by(arena)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[m.name for m in MUTATIONS])
def test_mutation_fits_the_living_code(mutation: Mutation) -> None:
    assert mutated_texts(mutation)


def test_an_edit_that_does_not_fit_is_an_error() -> None:
    edits = (Edit("hold_units", "no such text", ""),)
    with pytest.raises(AssertionError, match="0 places"):
        mutated_texts(Mutation("x", edits, lambda _: None, "x"))


def test_names_are_unique() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS)


def test_table_is_current() -> None:
    assert README.read_text(encoding="utf-8") == table()
