"""What buyers notice of a sweep: their p99 while 100,000 ended holds are settled, and without.

    python ops/bench/sweeper.py [--holds 100000] [--buyers 8] [--batch 100] [--pause-ms 10] [--json]

The ended holds are of the sale that the buyers buy in: the sweeper and they want the same row.
Alternates quiet and swept stretches of the same length on one PostgreSQL with PgBouncer, so that
both see the same machine. Starts servers of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg

from seckill import AsyncClient, Client
from seckill.runtime import Runtime

PACKAGE = Path(__file__).resolve().parents[2] / "pyapp"
SKU = "phone"
QUIET_S = 6.0
LONGEST_S = 300.0
ROUND = 1_000  # holds made in one transaction: each locks its buyer


@dataclass(slots=True)
class Seen:
    """Milliseconds of each purchase, and how long it was looked."""

    calls: list[float] = field(default_factory=list[float])
    seconds: float = 0.0


def prepare(runtime: Runtime, holds: int) -> int:
    """A sale with so many holds that have ended and were not swept; its activity id."""
    now = datetime.now(UTC)
    with Client(runtime.ops_dsn, flag="") as client:
        activity_id = client.create_activity(
            name="sweep", starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1)
        )
        client.receive_stock(sku=SKU, quantity=10_000_000, request_id=uuid4())
        client.allocate_stock(
            activity_id=activity_id, sku=SKU, quantity=5_000_000, request_id=uuid4()
        )
        client.open_activity(activity_id=activity_id)
    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as connection:
        for first in range(0, holds, ROUND):
            connection.execute(
                """
                select count(*) from generate_series(%s::integer, %s::integer) as n,
                       lateral seckill.reserve(%s, 'gone ' || n, %s, 1, gen_random_uuid()) as r""",
                [first, min(first + ROUND, holds) - 1, activity_id, SKU],
            )
        # Their time is up: as if the hold time had passed.
        connection.execute(
            "update seckill_private.reservation set expires_at = clock_timestamp()"
            " where state = 'held'"
        )
        connection.execute("vacuum analyze seckill_private.reservation")
    return activity_id


def wake_sweeper(runtime: Runtime) -> None:
    """From here on the sweeper finds the holds."""
    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as connection:
        connection.execute("update seckill_private.pool_slot set next_expiry = '-infinity'")


def left(runtime: Runtime) -> int:
    """Ended holds that are not settled."""
    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as connection:
        row = connection.execute(
            "select count(*) from seckill_private.reservation"
            " where state = 'held' and expires_at <= now()"
        ).fetchone()
    assert row is not None
    return row[0]


async def buy(runtime: Runtime, activity_id: int, buyers: int, until: Any) -> Seen:
    """Let so many buyers buy one after another until `until` is set."""
    seen = Seen()
    began = monotonic()
    async with AsyncClient(runtime.dsn, max_size=buyers, flag="") as client:

        async def one() -> None:
            while not until.is_set():
                sent = monotonic()
                await client.reserve(
                    activity_id=activity_id, user_id=str(uuid4()), sku=SKU, quantity=1
                )
                seen.calls.append((monotonic() - sent) * 1000)

        await asyncio.gather(*(one() for _ in range(buyers)))
    seen.seconds = monotonic() - began
    return seen


async def quiet(runtime: Runtime, activity_id: int, buyers: int) -> Seen:
    """Buyers alone, for a while."""
    until = asyncio.Event()
    asyncio.get_running_loop().call_later(QUIET_S, until.set)
    return await buy(runtime, activity_id, buyers, until)


async def swept(runtime: Runtime, activity_id: int, options: argparse.Namespace) -> Seen:
    """Buyers beside a worker that settles everything."""
    wake_sweeper(runtime)
    until = asyncio.Event()
    worker = await asyncio.create_subprocess_exec(
        *[sys.executable, "-P", "-m", "seckill", "worker", "--sweep", "--once"],
        *["--batch", str(options.batch), "--pause-ms", str(options.pause_ms)],
        env={
            **os.environ,
            "PYTHONPATH": str(PACKAGE),
            "SECKILL_DSN": runtime.ops_dsn,
        },
        stdout=subprocess.DEVNULL,
    )

    async def wait() -> None:
        try:
            async with asyncio.timeout(LONGEST_S):
                await worker.wait()
        finally:
            if worker.returncode is None:
                worker.send_signal(signal.SIGTERM)
                await worker.wait()
            until.set()

    waiting = asyncio.create_task(wait())
    seen = await buy(runtime, activity_id, options.buyers, until)
    await waiting
    return seen


def row(name: str, seen: Seen) -> dict[str, Any]:
    """A line of the result."""
    ordered = sorted(seen.calls)
    return {
        "case": name,
        "seconds": round(seen.seconds, 1),
        "purchases_per_second": round(len(ordered) / seen.seconds),
        "p50_ms": round(ordered[len(ordered) // 2], 2),
        "p99_ms": round(ordered[int(0.99 * (len(ordered) - 1))], 2),
    }


def main() -> None:
    """Buyers alone, beside a sweep, and alone again."""
    parser = argparse.ArgumentParser(description="What buyers notice of a sweep.")
    parser.add_argument("--holds", type=int, default=100_000)
    parser.add_argument("--buyers", type=int, default=8)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--pause-ms", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with Runtime(pool_size=options.buyers) as runtime:
        activity_id = prepare(runtime, options.holds)
        before = asyncio.run(quiet(runtime, activity_id, options.buyers))
        beside = asyncio.run(swept(runtime, activity_id, options))
        unsettled = left(runtime)
        after = asyncio.run(quiet(runtime, activity_id, options.buyers))
        with Client(runtime.ops_dsn, flag="") as client:
            violations = len(client.reconcile(activity_id=activity_id))
    alone = Seen(before.calls + after.calls, before.seconds + after.seconds)
    rows = [row("buyers alone", alone), row("beside a sweep", beside)]
    result = {
        "holds": options.holds,
        "left": unsettled,
        "holds_per_second": round((options.holds - unsettled) / beside.seconds),
        "p99_ratio": round(rows[1]["p99_ms"] / rows[0]["p99_ms"], 2),
        "aim": 2.0,
        "rows_from_reconcile": violations,
        "rows": rows,
    }
    if options.json:
        print(json.dumps(result))
        return
    print(f"{'':<16} {'seconds':>8} {'bought/s':>9} {'p50':>9} {'p99':>9}")
    for one in rows:
        print(
            f"{one['case']:<16} {one['seconds']:>8} {one['purchases_per_second']:>9}"
            f" {one['p50_ms']:>6} ms {one['p99_ms']:>6} ms"
        )
    print(
        f"{options.holds} holds, {result['holds_per_second']}/s, {unsettled} left; p99 ratio"
        f" {result['p99_ratio']} (aim 2); {violations} rows from reconcile"
    )


if __name__ == "__main__":
    main()
