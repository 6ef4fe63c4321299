"""As for the races: sessions that find a deadlock early and end by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.concurrency.sessions import kept_at_hand, use_short_fuses
from tests.fix_database import Database


@pytest.fixture
def arena(db: Database) -> Iterator[Database]:
    """A database at head with short fuses."""
    use_short_fuses(db)
    with kept_at_hand(db):
        yield db
