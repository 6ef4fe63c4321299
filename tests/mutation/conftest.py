"""As for the races: sessions that find a deadlock early and end by themselves."""

from __future__ import annotations

import pytest

from tests.concurrency.sessions import use_short_fuses
from tests.fix_database import Database


@pytest.fixture
def arena(db: Database) -> Database:
    """A database at head with short fuses."""
    use_short_fuses(db)
    return db
