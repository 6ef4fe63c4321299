"""PgBouncer in front of the session's servers, in transaction mode.

The normal pooler has *one* server connection per role and database: whatever a call leaves behind
in its session, the next caller meets. A test with several sessions at once asks for more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from seckill.runtime import LOGINS, PgBouncer, StartError
from tests.fix_postgres import Server, unavailable

# Every login role of the suite has it; nothing but the tests reaches their servers.
PASSWORD = "only-for-tests"

Poolers = Callable[[Server, int], PgBouncer]


@pytest.fixture(scope="session")
def poolers() -> Iterator[Poolers]:
    """`poolers(server, 1)`: a pooler with that many server connections, started when asked for."""
    started: dict[tuple[str, int], PgBouncer] = {}
    with ExitStack() as stack:

        def pooler(server: Server, pool_size: int) -> PgBouncer:
            key = (server.version, pool_size)
            if key not in started:
                try:
                    bouncer = PgBouncer(
                        server.postgres, pool_size=pool_size, users=dict.fromkeys(LOGINS, PASSWORD)
                    )
                    started[key] = stack.enter_context(bouncer)
                except StartError as error:
                    unavailable(str(error))
            return started[key]

        yield pooler
