"""Lists, read from the public views of schema `seckill`; everything else goes by the client."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any, LiteralString

from seckill.cli._sale import explained, usable_dsn

if TYPE_CHECKING:
    from seckill._compat import Link

Row = dict[str, Any]

_CONNECT_S = 8
_ANSWER_S = 30.0  # of one list; a lock may be in its way

_ACTIVITIES: LiteralString = """
select a.activity_id, a.name, a.state, s.status, a.starts_at, a.ends_at, a.hold_seconds,
       a.time_zone, a.created_at, a.max_waiting, s.pools, s.total, s.available, s.held, s.sold
  from seckill.activity as a
  join seckill.sale_status as s on s.activity_id = a.activity_id
"""


class Views:
    """The public views, through one connection; each list has its own time limit."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def activities(self, limit: int) -> list[Row]:
        """The newest activities with the units of all their pools, newest first."""
        return self._rows(
            _ACTIVITIES
            + """
             where a.activity_id in (select n.activity_id from seckill.activity as n
                                      order by n.activity_id desc limit %(limit)s::bigint)
             order by a.activity_id desc""",
            limit=limit,
        )

    def activity(self, activity_id: int) -> Row:
        """One activity; UnknownActivity where there is none."""
        from seckill import UnknownActivity

        rows = self._rows(
            _ACTIVITIES + "where a.activity_id = %(activity_id)s::bigint", activity_id=activity_id
        )
        if not rows:
            raise UnknownActivity(
                "unknown activity", sqlstate="SK002", detail=f"activity {activity_id}"
            )
        return rows[0]

    def named(self, name: str) -> list[Row]:
        """Settings of the activities of that name."""
        return self._rows(
            """
            select activity_id, starts_at, ends_at, hold_seconds, time_zone, created_at
              from seckill.activity where name = %(name)s""",
            name=name,
        )

    def ids(self) -> list[int]:
        """All activities."""
        rows = self._rows("select activity_id from seckill.activity order by activity_id")
        return [row["activity_id"] for row in rows]

    def pools(self, activity_id: int | None = None, sku: str | None = None) -> list[Row]:
        """Pools of an activity, of a sku, or all."""
        return self._rows(
            """
            select activity_id, sku, region, total, available, held, sold, epoch, slots
              from seckill.pool
             where (%(activity_id)s::bigint is null or activity_id = %(activity_id)s::bigint)
               and (%(sku)s::text is null or sku = %(sku)s::text)
             order by activity_id, sku, region""",
            activity_id=activity_id,
            sku=sku,
        )

    def limits(self, activity_id: int | None = None) -> list[Row]:
        """Limits that stand now: those that apply in an activity, or all.

        Limits of all activities have no `activity_id` and come last; in an activity, its own
        limit of the same name stands in their place.
        """
        from seckill.cli._times import duration_text

        rows = self._rows(
            """
            select r.activity_id, r.name, r.dimension, r.metric, r."window", r.maximum, r.sku,
                   r.period, r.time_zone, r.required
              from seckill.limit_rule as r
             where %(activity_id)s::bigint is null
                or r.activity_id = %(activity_id)s::bigint
                or (r.activity_id is null
                    and not exists (select from seckill.limit_rule as own
                                     where own.activity_id = %(activity_id)s::bigint
                                       and own.name = r.name))
             order by r.activity_id, r.name""",
            activity_id=activity_id,
        )
        return [
            row | {"period": None if row["period"] is None else duration_text(row["period"])}
            for row in rows
        ]

    def _rows(self, query: LiteralString, **values: object) -> list[Row]:
        from psycopg.rows import dict_row

        self._link.deadline = monotonic() + _ANSWER_S
        with self._link.cursor(row_factory=dict_row) as cursor:
            return cursor.execute(query, values).fetchall()


@contextmanager
def views(dsn: str | None) -> Generator[Views]:
    """The views for one command; see `explained` for its errors."""
    with explained(reads=True), opened(dsn) as found:
        yield found


@contextmanager
def opened(dsn: str | None) -> Generator[Views]:
    """The views, for who deals with errors himself."""
    from seckill._compat import Link
    from seckill._core import Contract

    with Link.connect(
        usable_dsn(dsn), autocommit=True, prepare_threshold=None, connect_timeout=_CONNECT_S
    ) as link:
        link.deadline = monotonic() + _ANSWER_S
        Contract(lasts_s=0).look(link)
        yield Views(link)
