"""The books as the checker reads them: plain SQL over the private tables, in one snapshot.

They can be written beside a history, so that it can be judged after its server is gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg.rows import class_row

_FILE = "books.json"

# A reservation with its lines as asked, and what the ledger did with its units.
_RESERVATIONS = """
select r.buyer_key >> 40 as activity_id, r.user_id, r.request_id::text, r.reservation_id, r.state,
       r.late_status, r.payment_ref, l.region, l.lines, l.quantity,
       coalesce(m.sold, 0)::bigint as sold, coalesce(m.released, 0)::bigint as released,
       coalesce(m.revoked, false) as revoked
  from seckill_private.reservation as r
 cross join lateral (
       select min(p.region) as region, jsonb_object_agg(p.sku, u.quantity) as lines,
              sum(u.quantity)::bigint as quantity
         from unnest(r.pool_ids, r.quantities) as u (pool_id, quantity)
         join seckill_private.pool as p on p.pool_id = u.pool_id) as l
  left join (
       select activity_id, reservation_id,
              sum(quantity) filter (where target = 'sold') as sold,
              sum(quantity) filter (where source = 'held') as released,
              bool_or(kind = 'revoke') as revoked
         from seckill_private.movement
        where activity_id = any (%(activities)s) and source is not null
        group by activity_id, reservation_id
       ) as m on m.activity_id = r.buyer_key >> 40 and m.reservation_id = r.reservation_id
 where r.buyer_key >> 40 = any (%(activities)s)
 order by r.reservation_id
"""

# From the ledger and the reservations, not from the counters: what a pool was given, and what of
# it buyers have.
_POOLS = """
select p.activity_id, p.sku, p.region,
       coalesce((select sum(case when m.target in ('inventory', 'written_off') then -m.quantity
                                 when m.source = 'inventory' then m.quantity
                                 else 0 end)
                   from seckill_private.movement as m
                  where m.activity_id = p.activity_id and m.pool_id = p.pool_id
                    and m.source is not null), 0)::bigint as given,
       coalesce((select sum(case when m.target = 'sold' then m.quantity else -m.quantity end)
                   from seckill_private.movement as m
                  where m.activity_id = p.activity_id and m.pool_id = p.pool_id
                    and 'sold' in (m.source, m.target)), 0)::bigint as sold,
       coalesce((select sum(u.quantity)
                   from seckill_private.reservation as r
                  cross join lateral unnest(r.pool_ids, r.quantities) as u (pool_id, quantity)
                  where r.buyer_key >> 40 = p.activity_id and r.state = 'held'
                    and u.pool_id = p.pool_id), 0)::bigint as held
  from seckill_private.pool as p
 where p.activity_id = any (%(activities)s)
 order by p.activity_id, p.sku, p.region
"""

_DRIFT = """
select a.activity_id, v.invariant, v.subject, v.expected::text, v.actual::text
  from unnest(%(activities)s::bigint[]) as a (activity_id)
 cross join lateral seckill.reconcile(p_activity_id => a.activity_id) as v
"""

_KNOWN = """
select activity_id from seckill_private.activity where activity_id = any (%(activities)s)
 order by activity_id
"""


@dataclass(frozen=True, slots=True)
class Booked:
    """A reservation.

    Attributes:
        lines: units by sku.
        quantity: units in all.
        sold: units that the ledger moved to `sold`.
        released: units that the ledger moved out of `held`.
        revoked: an operator took it back.
    """

    activity_id: int
    user_id: str
    request_id: str
    reservation_id: int
    state: str
    late_status: str | None
    payment_ref: str | None
    region: str
    lines: dict[str, int]
    quantity: int
    sold: int
    released: int
    revoked: bool


@dataclass(frozen=True, slots=True)
class Pool:
    """Units of a pool by the ledger: what it was given, what is sold, what is held unpaid."""

    activity_id: int
    sku: str
    region: str
    given: int
    sold: int
    held: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A row of `seckill.reconcile`."""

    activity_id: int
    invariant: str
    subject: str
    expected: str | None
    actual: str | None


@dataclass(frozen=True, slots=True)
class Books:
    """What the database has of some activities."""

    activities: Sequence[int]
    reservations: Sequence[Booked]
    pools: Sequence[Pool]
    drift: Sequence[Drift]

    def save(self, directory: Path) -> None:
        """Write them beside a history."""
        (directory / _FILE).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """The books that `save` wrote.

        Raises:
            FileNotFoundError: there are none.
        """
        told: dict[str, Any] = json.loads((directory / _FILE).read_text(encoding="utf-8"))
        return cls(
            told["activities"],
            [Booked(**row) for row in told["reservations"]],
            [Pool(**row) for row in told["pools"]],
            [Drift(**row) for row in told["drift"]],
        )


def read_books(dsn: str, activities: Iterable[int]) -> Books:
    """Read the books of some activities in one snapshot.

    Args:
        dsn: direct, of the superuser or of whoever migrates: it reads the private tables.
        activities: which; one that the database does not know has nothing in it.
    """
    values = {"activities": sorted(set(activities))}
    with psycopg.connect(dsn) as connection:
        connection.execute("set transaction isolation level repeatable read, read only")
        connection.execute("set local role seckill_owner")
        connection.execute("set local statement_timeout = 0")
        found = connection.execute(_KNOWN, values).fetchall()
        known = {"activities": [row[0] for row in found]}
        with connection.cursor(row_factory=class_row(Booked)) as cursor:
            reservations = cursor.execute(_RESERVATIONS, values).fetchall()
        with connection.cursor(row_factory=class_row(Pool)) as cursor:
            pools = cursor.execute(_POOLS, values).fetchall()
        with connection.cursor(row_factory=class_row(Drift)) as cursor:
            drift = cursor.execute(_DRIFT, known).fetchall()
    return Books(known["activities"], reservations, pools, drift)
