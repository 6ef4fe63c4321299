"""PostgreSQL and PgBouncer as ops/ ships them, once for the module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from seckill.runtime import StartError, find_bindir, find_pgbouncer
from tests.fix_postgres import unavailable
from tests.security.shipped import Place, Pooler, shipped_pgbouncer, shipped_postgres


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Debian's PostgreSQL 15: the embedded one has no TLS."""
    try:
        bindir = find_bindir("15")
        find_pgbouncer()
    except StartError as error:
        unavailable(str(error))
    scratch: Path = tmp_path_factory.mktemp("tls")
    with shipped_postgres(bindir, scratch) as made:
        yield made


@pytest.fixture(scope="module")
def pooler(place: Place) -> Iterator[Pooler]:
    """PgBouncer in front of it, nothing weakened."""
    with shipped_pgbouncer(place) as made:
        yield made
