"""Processor time of one call, by what it is; and where a call spends it, function by function.

    python ops/bench/costs.py [--turns 5] [--functions] [--quick] [--json]

One caller, so nobody waits for anybody. The server's time is that of its process; the client's is
that of this one, in which 2,000 buyers call AsyncClient.reserve. The kinds of calls take turns, and
each figure is the median of its turns: a busy machine changes processor time less than rates, and
ratios of one run least.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
from measure import Cpu, cpu_of, median, runtime, show

from seckill import AsyncClient, Client
from seckill.bench.place import open_sale
from seckill.bench.scripts import BATCH, SKU
from seckill.runtime import Runtime

BUYERS = 2_000
_PLAIN = """
create schema costs;
create table costs.plain (id bigint generated always as identity primary key, user_id text,
                          sku text, request_id uuid, at timestamptz default now())
"""
_INSERT = "insert into costs.plain (user_id, sku, request_id) values (%s, %s, %s)"
_RESERVE = "select status from seckill.reserve(%s, %s, %s, 1, %s)"
_NOW = "call seckill.reserve_now(%s, %s, %s, 1, %s)"
_BATCH = """
select status from seckill.reserve_batch(
  %s::bigint[], %s::text[], %s::text[], %s::integer[], %s::uuid[], %s::text[], %s::jsonb[])
"""
_FUNCTIONS = """
select funcname, self_time * 1000 / %s from pg_stat_user_functions order by 2 desc limit 12
"""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of call.

    Attributes:
        name: as it is shown.
        call: makes one.
        buyers: served by one call.
        calls: in a turn.
    """

    name: str
    call: Callable[[], object]
    buyers: int
    calls: int


class Caller:
    """One direct connection, and the calls that it makes, each for buyers nobody has seen yet."""

    def __init__(
        self, connection: psycopg.Connection, sales: dict[str, int], first: int = 0
    ) -> None:
        self._connection = connection
        self._sales = sales
        self._numbers = itertools.count(first)

    def run(self, query: str, *values: object) -> list[Any]:
        """A prepared statement."""
        return self._connection.execute(query.encode(), values, prepare=True).fetchall()

    def select_1(self) -> None:
        """The least that a call costs."""
        self.run("select 1")

    def insert(self) -> None:
        """The least that a durable record costs."""
        self._connection.execute(_INSERT, (self._user(), SKU, uuid4()), prepare=True)

    def reserve(self, sale: str, query: str = _RESERVE, status: str = "held") -> None:
        """One purchase."""
        said = self.run(query, self._sales[sale], self._user(), SKU, uuid4())[0][0]
        assert said == status, said

    def batch(self, sale: str, *, subjects: bool) -> None:
        """A purchase for each of 500 buyers."""
        users = [self._user() for _ in range(BATCH)]
        said = self.run(
            _BATCH,
            [self._sales[sale]] * BATCH,
            users,
            [SKU] * BATCH,
            [1] * BATCH,
            [uuid4() for _ in users],
            ["*"] * BATCH,
            [json.dumps({"phone": u, "address": u} if subjects else {}) for u in users],
        )
        assert {row[0] for row in said} == {"held"}, said[0]

    def _user(self) -> str:
        return f"buyer {next(self._numbers)}"


def kinds(caller: Caller, calls: int) -> list[Kind]:
    """Everything that is measured; what the others are divided by comes second."""
    batches = max(calls // BATCH, 3)
    return [
        Kind("select 1", caller.select_1, 1, calls),
        Kind("plain insert", caller.insert, 1, calls),
        Kind(
            "reserve, refused for sold_out",
            lambda: caller.reserve("gone", status="sold_out"),
            1,
            calls,
        ),
        Kind("reserve, held, no limit", lambda: caller.reserve("free"), 1, calls),
        Kind("reserve, held, one limit", lambda: caller.reserve("one"), 1, calls),
        Kind("reserve_now, held, one limit", lambda: caller.reserve("one", _NOW), 1, calls),
        Kind("reserve, held, one limit, 8 slots", lambda: caller.reserve("slots"), 1, calls),
        Kind(
            "a buyer in a batch of 500, one limit",
            lambda: caller.batch("one", subjects=False),
            BATCH,
            batches,
        ),
        Kind(
            "the same, phone and address, no limit",
            lambda: caller.batch("free", subjects=True),
            BATCH,
            batches,
        ),
        Kind(
            "the same, limits on user, phone and address",
            lambda: caller.batch("three", subjects=True),
            BATCH,
            batches,
        ),
    ]


def open_sales(running: Runtime) -> dict[str, int]:
    """A sale of each kind."""
    with Client(running.ops_dsn, flag="") as client:
        sales = {
            "one": open_sale(client, ("user",), 10**8),
            "free": open_sale(client, (), 10**8),
            "three": open_sale(client, ("user", "phone", "address"), 10**8),
            "slots": open_sale(client, ("user",), 10**8, slots=8),
            "gone": open_sale(client, (), 1),
        }
        taken = client.reserve(activity_id=sales["gone"], user_id="first", sku=SKU, quantity=1)
        assert taken.ok
    return sales


def server_costs(running: Runtime, sales: dict[str, int], turns: int, calls: int) -> dict[str, Any]:
    """Microseconds of the server process, of each kind."""
    with psycopg.connect(running.superuser_dsn, autocommit=True) as connection:
        connection.execute(_PLAIN)
        cpu: Cpu = cpu_of(connection)
        measured = kinds(Caller(connection, sales), calls)
        spent: dict[str, list[float]] = {kind.name: [] for kind in measured}
        for turn in range(turns + 1):
            for kind in measured:
                before = cpu.seconds()
                for _ in range(kind.calls):
                    kind.call()
                used = (cpu.seconds() - before) / kind.calls / kind.buyers
                if turn:  # the first one makes plans
                    spent[kind.name].append(used * 1e6)
    return {name: median(values) for name, values in spent.items()}


def function_costs(running: Runtime, sales: dict[str, int], calls: int) -> dict[str, Any]:
    """By kind, microseconds of a buyer in each function by the clock, its callees not counted."""
    found: dict[str, Any] = {}
    wanted = ("reserve, refused for sold_out", "reserve, held, one limit")
    for name in (*wanted, "a buyer in a batch of 500, one limit"):
        with psycopg.connect(running.superuser_dsn, autocommit=True) as connection:
            connection.execute("set track_functions = 'all'")
            # Buyers of its own: those of `server_costs` have bought.
            caller = Caller(connection, sales, 10**9 * (1 + len(found)))
            kind = next(kind for kind in kinds(caller, calls) if kind.name == name)
            kind.call()
            connection.execute("select pg_stat_force_next_flush(), pg_stat_reset()")
            for _ in range(kind.calls):
                kind.call()
        with psycopg.connect(running.superuser_dsn, autocommit=True) as connection:
            rows = connection.execute(_FUNCTIONS, [kind.calls * kind.buyers]).fetchall()
        found[name] = {row[0]: float(row[1]) for row in rows}
    return found


def client_cost(running: Runtime, activity_id: int, seconds: float) -> float:
    """Microseconds of this process for a purchase of 2,000 buyers who call AsyncClient.reserve."""

    async def crowd() -> float:
        bought = 0
        async with AsyncClient(running.dsn, flag="", timeout_ms=60_000) as client:
            began, end = time.process_time(), time.monotonic() + seconds

            async def buyer() -> None:
                nonlocal bought
                while time.monotonic() < end:
                    said = await client.reserve(
                        activity_id=activity_id,
                        user_id=f"crowd {uuid4()}",
                        sku=SKU,
                        quantity=1,
                        request_id=uuid4(),
                    )
                    assert said.ok
                    bought += 1

            await asyncio.gather(*(buyer() for _ in range(BUYERS)))
            return (time.process_time() - began) / bought * 1e6

    return asyncio.run(crowd())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Processor time of one call.")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--functions", action="store_true", help="also where a call spends it")
    parser.add_argument("--quick", action="store_true", help="one short turn")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    turns, calls = (1, 200) if options.quick else (options.turns, 2_000)
    with runtime() as running:
        sales = open_sales(running)
        costs = server_costs(running, sales, turns, calls)
        client = client_cost(running, sales["one"], 1.0 if options.quick else 4.0)
        functions = function_costs(running, sales, calls) if options.functions else {}
    if options.json:
        print(json.dumps({"server_us": costs, "client_us": client, "functions_us": functions}))
        return
    floor = costs["plain insert"]
    show(
        "processor time of the server",
        ("one call", "µs", "÷ plain insert"),
        [(name, f"{us:.0f}", f"{us / floor:.2f}") for name, us in costs.items()],
    )
    print(f"the client's own, for a purchase of AsyncClient, {BUYERS:,} buyers: {client:.0f} µs")
    for name, rows in functions.items():
        show(name, ("function", "µs by the clock"), [(f, f"{us:.1f}") for f, us in rows.items()])


if __name__ == "__main__":
    main()
