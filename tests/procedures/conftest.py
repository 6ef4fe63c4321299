"""One database for all tests of a target that keep to their own sale; `db` is a clone of one's own.

Most tests here make a sale and look at nothing else, so they share a database and its connections:
a clone and four connections a test would take longer than the tests. A test that looks at more
than its own sale (sweepers, the whole journal), or that changes a session, takes `db`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from psycopg import Connection

from tests.fix_database import Database, new_database
from tests.fix_pgbouncer import Poolers
from tests.fix_postgres import Server


@pytest.fixture(scope="session")
def shop(
    target: str, server: Server, templates: Callable[[Server], str], poolers: Poolers
) -> Iterator[Database]:
    """The shared database of the target."""
    with new_database(server, templates(server)) as name:
        yield Database(name, target, server, poolers)


@pytest.fixture(scope="session")
def buyer(shop: Database) -> Iterator[Connection[Any]]:
    """A session of seckill_buyer, a member of seckill_app, in the shared database."""
    with shop.connect("buyer") as connection:
        yield connection


@pytest.fixture(scope="session")
def operator(shop: Database) -> Iterator[Connection[Any]]:
    """A session of seckill_operator, a member of seckill_ops, in the shared database."""
    with shop.connect("operator") as connection:
        yield connection


@pytest.fixture(scope="session")
def reader(shop: Database) -> Iterator[Connection[Any]]:
    """A session of seckill_reader, a member of seckill_read, in the shared database."""
    with shop.connect("reader") as connection:
        yield connection


@pytest.fixture(scope="session")
def superuser(shop: Database) -> Iterator[Connection[Any]]:
    """A direct session of the superuser, who chooses instants and looks into private tables."""
    with shop.connect("superuser") as connection:
        yield connection


@pytest.fixture(scope="session")
def sessions(
    buyer: Connection[Any], operator: Connection[Any], reader: Connection[Any]
) -> dict[str, Connection[Any]]:
    """The three by name, for tests of what every role may do."""
    return {"buyer": buyer, "operator": operator, "reader": reader}
