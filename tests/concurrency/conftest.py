"""Races run on databases whose sessions find a deadlock in 100 ms and give up after 20 s."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.concurrency.sessions import kept_at_hand, use_short_fuses
from tests.fix_database import Database


@pytest.fixture(autouse=True)
def short_fuses(db: Database) -> Iterator[None]:
    use_short_fuses(db)
    with kept_at_hand(db):
        yield
