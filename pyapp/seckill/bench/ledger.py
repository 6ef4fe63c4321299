"""Processor time of the server for a purchase: a small ledger beside a large one.

Two servers of their own. On the small one is a sale with 10,000 reservations; on the large one the
same sale, and another with millions. Their rows are written by a statement, not bought, into the
table that purchases are written to; the books of these servers do not add up.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg

from seckill.bench.load import BenchError, Interrupted, Rate
from seckill.bench.place import SETTINGS, open_sale
from seckill.bench.scripts import BATCH, SKU
from seckill.bench.setting import Measure, Setting
from seckill.client import Client
from seckill.runtime import Runtime, StartError

_SMALL = 10_000
# Sorted by the key within a chunk, or every row would be written to another page of the index.
_CHUNK = 250_000
_STOCK = 100_000_000
# As seckill_private.write_hold writes it.
_FILL = """
insert into seckill_private.reservation (
  buyer_key, request_id, shard, reservation_id, user_id, state, created_at, expires_at,
  limits_revision, position, pool_ids, slots, quantities, versions)
select seckill_private.buyer_key(p.activity_id, b.user_id), gen_random_uuid(),
       seckill_private.shard(b.user_id), seckill_private.next_reservation_id(p.activity_id),
       b.user_id, 'held', now(), now() + interval '1 day', r.revision,
       pg_current_xact_id()::text::bigint, array[p.pool_id], array[0]::smallint[], array[1],
       array[b.n]
  from seckill_private.pool as p
 cross join seckill_private.limits_revision as r
 cross join lateral (select n, 'filled-' || n as user_id
                       from generate_series(%(first)s::bigint, %(last)s) as n) as b
 where p.activity_id = %(activity_id)s
 order by 1
"""
_RESERVE = "select status from seckill.reserve(%s, %s, %s, 1, %s)"
_RESERVE_BATCH = """
select status from seckill.reserve_batch(
  array_fill(%s::bigint, array[500]), %s::text[], array_fill(%s::text, array[500]),
  array_fill(1, array[500]), %s::uuid[], array_fill('*'::text, array[500]),
  array_fill('{}'::jsonb, array[500]))
"""


@dataclass(frozen=True, slots=True)
class Ledger:
    """A server and its sales.

    Attributes:
        dsn: directly, as a buyer.
        admin: as the superuser.
        first: the sale of 10,000 reservations.
        second: the one of millions, or of none.
    """

    dsn: str
    admin: str
    first: int
    second: int


def _open(setting: Setting) -> Ledger:
    runtime = Runtime(settings=SETTINGS)
    setting.stack.callback(runtime.stop)
    try:
        runtime.start()
    except StartError as error:
        raise BenchError(f"scenario ledger: {error}") from error
    with Client(runtime.ops_dsn, flag="") as client:
        first, second = (open_sale(client, ("user",), _STOCK) for _ in range(2))
    buyer = runtime.direct_dsn("seckill_buyer")
    return Ledger(buyer, runtime.superuser_dsn, first, second)


def _fill(setting: Setting, ledger: Ledger, activity_id: int, rows: int) -> None:
    with psycopg.connect(ledger.admin, autocommit=True) as connection:
        connection.execute("set work_mem = '256MB'")
        for first in range(1, rows + 1, _CHUNK):
            if setting.stop.is_set():
                raise Interrupted
            if rows > _CHUNK:
                setting.tell(f"ledger: {first - 1:,} of {rows:,} reservations written")
            last = min(first + _CHUNK - 1, rows)
            connection.execute(_FILL, {"first": first, "last": last, "activity_id": activity_id})
        connection.execute("vacuum (analyze) seckill_private.reservation")
        connection.execute("checkpoint")


def _cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    # What comes after the name: state is field 3, utime and stime are 14 and 15.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def single(connection: psycopg.Connection, activity_id: int) -> list[str]:
    arguments = (activity_id, f"single-{uuid4()}", SKU, uuid4())
    return [row[0] for row in connection.execute(_RESERVE, arguments, prepare=True)]


def _batch(connection: psycopg.Connection, activity_id: int) -> list[str]:
    users = [f"batch-{uuid4()}" for _ in range(BATCH)]
    arguments = (activity_id, users, SKU, [uuid4() for _ in range(BATCH)])
    return [row[0] for row in connection.execute(_RESERVE_BATCH, arguments, prepare=True)]


def per_cpu_second(
    setting: Setting,
    ledger: Ledger,
    activity_id: int,
    call: Callable[[psycopg.Connection, int], list[str]],
    calls: int,
) -> Rate:
    """Purchases for each second of the server process."""
    with psycopg.connect(ledger.dsn, autocommit=True) as connection:
        for _ in range(10):
            call(connection, activity_id)  # plans and caches
        pid, bought = connection.info.backend_pid, 0
        before = _cpu_s(pid)
        for _ in range(calls):
            if setting.stop.is_set():
                raise Interrupted
            said = call(connection, activity_id)
            if set(said) != {"held"}:
                raise BenchError(f"ledger: a buyer was answered {sorted(set(said))}, not held")
            bought += len(said)
        spent = _cpu_s(pid) - before
    # The clock ticks a hundred times a second.
    return Rate(bought, bought / max(spent, 1 / os.sysconf("SC_CLK_TCK")))


def ledger(setting: Setting) -> Iterator[Measure]:
    """Singles and batches, into a small ledger, beside others' rows, and among their own."""
    if not Path("/proc/self/stat").is_file():
        raise BenchError("scenario ledger reads processor times from /proc: choose others")
    options = setting.options
    setting.tell("ledger: starting two servers")
    small, large = _open(setting), _open(setting)
    for one in (small, large):
        _fill(setting, one, one.first, _SMALL)
    _fill(setting, large, large.second, options.ledger_rows)
    sides = (
        ("small", small, small.first),
        ("others", large, large.first),
        ("own", large, large.second),
    )
    for way, call, calls in (
        ("single", single, options.ledger_calls),
        ("batch", _batch, options.ledger_batches),
    ):
        for side, server, sale in sides:
            yield Measure(
                f"cpu_{way}_{side}",
                lambda server=server, sale=sale, call=call, calls=calls: per_cpu_second(
                    setting, server, sale, call, calls
                ),
            )
