"""The late writer, for real: its command is on its way while the pool is reopened.

tests/flag/checks.py stops the writer before it sends. Here it has sent, has given up waiting, and
may be gone; the command lies in a proxy and reaches Redis afterwards.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from seckill import AsyncClient
from seckill.flag import StockPool
from seckill.flag_redis import AsyncRedisFlag
from seckill.runtime.valkey import Valkey
from tests.client.fix_client import until_async
from tests.fix_database import Database
from tests.fix_sale import add_units, availability, open_sale
from tests.fix_valkey import Proxy, console


@pytest.mark.parametrize("reopened", [True, False])
async def test_a_command_that_arrives_after_the_reopening(
    reopened: bool, db: Database, operator: Connection[Any], valkey: Valkey, proxy: Proxy
) -> None:
    sale = open_sale(operator, units=1)
    pool = StockPool(sale.activity_id, sale.sku, sale.region)
    before = availability(operator, sale).epoch
    writer = AsyncRedisFlag(proxy.url, ttl_ms=60_000)
    relay = AsyncRedisFlag(valkey.url, timeout_ms=5_000)
    for _ in range(2):  # connects, and makes the script known
        await writer.reopen(StockPool(0, "warm", "up"), 1)
    proxy.hold()
    async with AsyncClient(db.dsn("buyer"), flag=writer) as client:
        for user in ("ann", "bob"):
            # Not a first try: it would look at the flag, which answers nothing now.
            answer = await client.reserve(
                activity_id=sale.activity_id,
                user_id=user,
                sku=sale.sku,
                quantity=1,
                request_id=uuid4(),
            )
        assert answer.status == "sold_out"
        await until_async(lambda: bool(proxy.held))
    await writer.close()
    with console(valkey) as look:
        assert not look.exists(pool.key)
        if reopened:
            add_units(operator, sale, 1)
            assert await relay.reopen(pool, availability(operator, sale).epoch)
        proxy.release()
        if reopened:
            await until_async(lambda: look.info("commandstats")["cmdstat_evalsha"]["calls"] >= 2)
            assert look.get(pool.key) == f"{before + 1} open".encode()
        else:  # it does arrive, and would have shut the pool
            await until_async(lambda: look.get(pool.key) == f"{before} shut".encode())
    await relay.close()
