"""The independent count: plain SQL of its own over the ledger, as the superuser.

It shares nothing with `reconcile`, so that a mistake made there is not made again here. What each
buyer was told is judged by `seckill.history`; here is what the demo knows of its sale besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from seckill.history import Verdict

# A unit is sold when the ledger moves it there; nobody in the crowd asks for a refund.
_SOLD = """
select coalesce(sum(case when target = 'sold' then quantity else -quantity end), 0)::bigint
  from seckill_private.movement
 where activity_id = %(activity_id)s and 'sold' in (source, target)
"""

_ALLOCATED = """
select coalesce(sum(case when source = 'inventory' then quantity else -quantity end), 0)::bigint
  from seckill_private.movement
 where activity_id = %(activity_id)s and 'inventory' in (source, target)
"""

_OPEN_HOLDS = """
select count(*) from seckill_private.reservation
 where buyer_key >> 40 = %(activity_id)s and state = 'held'
"""

_GREEDY = """
select count(*) from (
       select user_id from seckill_private.movement
        where activity_id = %(activity_id)s and target = 'sold'
        group by user_id having sum(quantity) > %(limit)s) as greedy
"""

# Everything that a user held at each of his purchases, that purchase included. A hold lasts until
# it is cancelled or its time is up; what is paid in time lasts for ever, what is paid late begins
# anew at the payment.
_HELD_AT_ONCE = """
with span as (
  select r.reservation_id, r.user_id,
         (select sum(q) from unnest(r.quantities) as q) as quantity,
         tstzrange(r.created_at, case
           when r.state = 'confirmed' and r.late_status is null then null
           when r.state = 'cancelled' then r.resolved_at
           else r.expires_at end) as span
    from seckill_private.reservation as r
   where r.buyer_key >> 40 = %(activity_id)s
   union all
  select r.reservation_id, r.user_id,
         (select sum(q) from unnest(r.quantities) as q), tstzrange(r.resolved_at, null)
    from seckill_private.reservation as r
   where r.buyer_key >> 40 = %(activity_id)s and r.late_status = 'confirmed'
)
select count(distinct s.user_id)
  from span as s
 where not isempty(s.span)
   and (select sum(o.quantity) from span as o
         where o.user_id = s.user_id and o.span @> lower(s.span)) > %(limit)s
"""

# By phone or address: a digest begins with four bytes that tell the dimension.
_SUBJECT = """
select r.reservation_id, d.digest as subject
  from seckill_private.reservation as r, unnest(r.subjects) as d (digest)
 where r.buyer_key >> 40 = %(activity_id)s
   and substr(d.digest, 1, 4) = substr(sha256(convert_to(%(dimension)s, 'UTF8')), 1, 4)
"""

_SHARED_SOLD = f"""
with subject as ({_SUBJECT})
select count(*) from (
       select s.subject from seckill_private.movement as m join subject as s using (reservation_id)
        where m.activity_id = %(activity_id)s and m.target = 'sold'
        group by s.subject having sum(m.quantity) > %(limit)s) as greedy
"""

# As for users: everything that was held at each purchase.
_SHARED_AT_ONCE = f"""
with subject as ({_SUBJECT}), span as (
  select s.subject, (select sum(q) from unnest(r.quantities) as q) as quantity,
         tstzrange(r.created_at, case
           when r.state = 'confirmed' and r.late_status is null then null
           when r.state = 'cancelled' then r.resolved_at
           else r.expires_at end) as span
    from seckill_private.reservation as r join subject as s using (reservation_id)
   where r.buyer_key >> 40 = %(activity_id)s
   union all
  select s.subject, (select sum(q) from unnest(r.quantities) as q), tstzrange(r.resolved_at, null)
    from seckill_private.reservation as r join subject as s using (reservation_id)
   where r.buyer_key >> 40 = %(activity_id)s and r.late_status = 'confirmed'
), held as materialized (
  select * from span where not isempty(span)
)
select count(distinct s.subject)
  from held as s
 where (select sum(o.quantity) from held as o
         where o.subject = s.subject and o.span @> lower(s.span)) > %(limit)s
"""

# A purchase that carries no such value cannot be counted, so there may be none.
_WITHOUT = f"""
with subject as ({_SUBJECT})
select count(*) from seckill_private.reservation as r
 where r.buyer_key >> 40 = %(activity_id)s
   and not exists (select from subject as s where s.reservation_id = r.reservation_id)
"""

_NAIVE_SOLD = "select count(*) from naive_shop.purchase where state = 'paid'"

_NAIVE_GREEDY = """
select count(*) from (
       select user_id from naive_shop.purchase
        where state = 'paid' group by user_id having count(*) > 1) as greedy
"""


SOLD = "units sold"
GREEDY = "users who got more than one"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was counted.

    Attributes:
        what: in words.
        expected: the number it must be.
        actual: the number it is.
    """

    what: str
    expected: int
    actual: int

    @property
    def ok(self) -> bool:
        """Whether the two agree."""
        return self.expected == self.actual


def _number(connection: psycopg.Connection[Any], query: str, **values: object) -> int:
    row = connection.execute(query.encode(), values).fetchone()
    assert row is not None
    return int(row[0])


def count(
    superuser_dsn: str,
    activity_id: int,
    *,
    units: int,
    sold: int,
    limit: int,
    verdict: Verdict,
) -> list[Check]:
    """Count one sale in the ledger.

    Args:
        superuser_dsn: direct.
        activity_id: the sale.
        units: that it was given.
        sold: units that must have been sold.
        limit: units a user may have.
        verdict: on what buyers were told.
    """
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        sale = {"activity_id": activity_id}
        return [
            Check("units that the sale was given", units, _number(connection, _ALLOCATED, **sale)),
            Check(SOLD, sold, _number(connection, _SOLD, **sale)),
            Check("units whose buyer was told so", sold, verdict.paid),
            Check("holds left open", 0, _number(connection, _OPEN_HOLDS, **sale)),
            Check(GREEDY, 0, _number(connection, _GREEDY, **sale, limit=limit)),
            Check(
                "users who ever held more than one",
                0,
                _number(connection, _HELD_AT_ONCE, **sale, limit=limit),
            ),
            Check("answers missing from the books", 0, len(verdict.lost)),
            Check("purchases and payments that nobody made", 0, verdict.unexplained),
            Check("units sold beyond what there was", 0, verdict.oversold),
            Check("rows from reconcile", 0, len(verdict.drift)),
        ]


def count_shared(
    superuser_dsn: str, activity_id: int, dimension: str, plural: str, limit: int
) -> list[Check]:
    """Count what buyers who share something got together.

    Args:
        superuser_dsn: direct.
        activity_id: the sale.
        dimension: what they share.
        plural: the word for several.
        limit: units each of them may have.
    """
    values = {"activity_id": activity_id, "dimension": dimension, "limit": limit}
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        return [
            Check(f"{plural} that got more than {limit}", 0,
                  _number(connection, _SHARED_SOLD, **values)),
            Check(f"{plural} that ever held more than {limit}", 0,
                  _number(connection, _SHARED_AT_ONCE, **values)),
            Check(f"purchases without {dimension}", 0, _number(connection, _WITHOUT, **values)),
        ]  # fmt: skip


def count_naive(superuser_dsn: str) -> tuple[int, int]:
    """Units that the naive shop sold, and users who got more than one."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        return _number(connection, _NAIVE_SOLD), _number(connection, _NAIVE_GREEDY)
