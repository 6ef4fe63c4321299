"""Where the checks of coalescing run, and what they look at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from seckill._batching import BATCH
from seckill._calls import RESERVE
from tests.concurrency.sessions import require, require_equal
from tests.fix_database import Database
from tests.fix_sale import Sale, open_sale, violations


@dataclass(frozen=True, slots=True)
class Arena:
    """Connection strings of a buyer (four server connections), an operator and a superuser."""

    buyer: str
    operator: str
    superuser: str

    @classmethod
    def of(cls, db: Database) -> Arena:
        """In a database of its own."""
        return cls(db.dsn("buyer", pool_size=4), db.dsn("operator"), db.admin_dsn)

    def sale(self, **more: Any) -> Sale:
        """A new sale."""
        with self.connect(self.operator) as operator:
            return open_sale(operator, **more)

    def connect(self, dsn: str | None = None) -> psycopg.Connection[Any]:
        """A connection, the superuser's unless told otherwise."""
        return psycopg.connect(
            dsn or self.superuser,
            autocommit=True,
            prepare_threshold=None,
            row_factory=namedtuple_row,
        )


def described(call: Any, values: Any) -> str | None:
    """A call that buys, in words."""
    if call is RESERVE:
        return "one"
    if call is BATCH:
        return f"batch of {values['request_ids'].count(',') + 1}"
    return None


@contextmanager
def asked_of(core: Any) -> Iterator[list[str]]:
    """What a core (`seckill._core`, `seckill._core_async`) sends to buy, while this is open."""
    sent: list[str] = []
    fetch = core._fetch

    def look(connection: Any, call: Any, values: Any) -> Any:
        words = described(call, values)
        if words is not None:
            sent.append(words)
        return fetch(connection, call, values)

    core._fetch = look
    try:
        yield sent
    finally:
        core._fetch = fetch


def lanes_of(client: Any) -> dict[Any, Any]:
    """The lanes of a client in which something is under way."""
    return {} if client._coalescer is None else client._coalescer._lanes._lanes


def waiting(client: Any) -> int:
    """Purchases that wait for their turn."""
    return sum(len(lane.waiting) for lane in list(lanes_of(client).values()))


def require_idle(client: Any) -> None:
    """Every slot is free again, and nobody waits."""
    left = {lane.key: (lane.out, len(lane.waiting)) for lane in lanes_of(client).values()}
    require(not left, f"lanes still in use: {left}")
    require_equal(client._pool._permits._value, client._max_size, "free connections")


def require_books(arena: Arena, sale: Sale, held: int) -> None:
    """So many units are held, and the books agree."""
    with arena.connect() as superuser:
        found = violations(superuser, sale)
        require(not found, f"reconcile: {found}")
        row = superuser.execute(
            "select held from seckill.availability(p_activity_id => %s, p_sku => %s)",
            [sale.activity_id, sale.sku],
        ).fetchone()
        assert row is not None
        require_equal(row.held, held, "units held")
