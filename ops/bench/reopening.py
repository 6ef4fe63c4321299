"""How long buyers still hear `sold_out` after units have come back, through a flag that is up.

    python ops/bench/reopening.py [--rounds 100] [--json]

Times, for each round, from the commit of an increase to the first purchase of a buyer who asks
again and again: with the relay of `seckill worker`, with the flag alone (it ends by itself), and
without a flag. Starts a PostgreSQL, a PgBouncer and a Valkey of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

from seckill import AsyncClient
from seckill.flag import Flag, StockPool
from seckill.flag_redis import AsyncRedisFlag
from seckill.runtime import Runtime
from seckill.runtime.valkey import Valkey

SKU = "phone"
FLAG_ALONE_ROUNDS = 10  # each takes as long as a flag lives


async def open_sale(client: AsyncClient) -> int:
    """A sale without units; they come one by one."""
    now = datetime.now(UTC)
    activity_id = await client.create_activity(
        name="reopening", starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1)
    )
    await client.receive_stock(sku=SKU, quantity=100_000, request_id=uuid4())
    await client.allocate_stock(activity_id=activity_id, sku=SKU, quantity=1, request_id=uuid4())
    await client.open_activity(activity_id=activity_id)
    return activity_id


async def one_round(ops: AsyncClient, buyer: AsyncClient, flag: Any, activity_id: int) -> float:
    """Sell out, wait for the flag, add a unit, and buy; milliseconds from commit to purchase."""
    pool = StockPool(activity_id, SKU, "*")

    async def buy() -> bool:
        answer = await buyer.reserve(
            activity_id=activity_id, user_id=str(uuid4()), sku=SKU, quantity=1
        )
        return answer.status == "held"

    while await buy():
        pass
    while flag is not None and not ((await flag.read([pool]))[0] or Flag(0, False)).shut:
        await buy()
    await ops.allocate_stock(activity_id=activity_id, sku=SKU, quantity=1, request_id=uuid4())
    committed = monotonic()
    while not await buy():
        pass
    return (monotonic() - committed) * 1000


async def measure(runtime: Runtime, url: str | None, rounds: int) -> list[float]:
    """So many rounds in a sale of their own, through a flag or without one."""
    flag = AsyncRedisFlag(url) if url else None
    async with (
        AsyncClient(runtime.ops_dsn, max_size=2, flag="") as ops,
        AsyncClient(runtime.dsn, max_size=2, flag=flag or "") as buyer,
    ):
        activity_id = await open_sale(ops)
        taken = [await one_round(ops, buyer, flag, activity_id) for _ in range(rounds)]
    if flag is not None:
        await flag.close()
    return taken


def row(name: str, taken: list[float]) -> dict[str, Any]:
    """A line of the result."""
    ordered = sorted(taken)
    return {
        "case": name,
        "rounds": len(ordered),
        "median_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[int(0.95 * (len(ordered) - 1))], 1),
        "longest_ms": round(ordered[-1], 1),
    }


def main() -> None:
    """Run all three cases, and print them."""
    parser = argparse.ArgumentParser(description="Reopening through the sold-out flag.")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with Runtime() as runtime, Valkey() as valkey:
        rows = [row("no flag", asyncio.run(measure(runtime, None, options.rounds)))]
        alone = min(options.rounds, FLAG_ALONE_ROUNDS)
        rows.append(row("flag alone", asyncio.run(measure(runtime, valkey.url, alone))))
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "seckill", "worker"],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).resolve().parents[2] / "pyapp"),
                "SECKILL_DSN": runtime.ops_dsn,
                "SECKILL_REDIS_URL": valkey.url,
            },
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert worker.stdout is not None
            worker.stdout.readline()  # it has started
            rows.append(
                row("flag, relay", asyncio.run(measure(runtime, valkey.url, options.rounds)))
            )
        finally:
            worker.terminate()
            worker.communicate()
    if options.json:
        print(json.dumps({"aim_ms": 100, "rows": rows}))
        return
    print(
        f"{'from commit to first purchase':<30} {'rounds':>7} {'median':>9} {'p95':>9} {'max':>9}"
    )
    for one in rows:
        print(
            f"{one['case']:<30} {one['rounds']:>7} {one['median_ms']:>6} ms {one['p95_ms']:>6} ms"
            f" {one['longest_ms']:>6} ms"
        )


if __name__ == "__main__":
    main()
