"""What limits cost, and whether a crowd at one address holds up everybody else.

    python ops/bench/limits.py            a few minutes
    python ops/bench/limits.py --quick    less than one, and rougher
    python ops/bench/limits.py --json     the numbers, one JSON object

The first table: one `reserve` after another, by one caller. The variants take turns, block by
block; each number is the median over the rounds. The processor time of the server is what the
ratio is taken from: on a busy machine it changes least.

The second: a crowd of buyers at one address against a crowd in which everybody has his own, and
what other buyers of the same product see meanwhile. They come at a steady rate, and their waiting
counts from when they came.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ops.bench.measure import (
    Bench,
    Load,
    cpu_of,
    median,
    percentile,
    runtime,
    show,
)
from seckill import Client
from seckill.runtime import Runtime

SKU = "phone"
DIMENSIONS = ("user", "phone", "address")
PLENTY = 1_000_000
CROWD_CALLERS = 16
OTHERS_RATE = 40.0

RESERVE = """
select status from seckill.reserve(
  p_activity_id => %(activity_id)s, p_user_id => %(user)s, p_sku => 'phone', p_quantity => 1,
  p_request_id => gen_random_uuid(), p_subjects => %(subjects)s::jsonb)
"""

# pgbench's own variables: client_id from 0; i is set to 0 at the start.
CALL = """
\\set i :i + 1
select status from seckill.reserve(
  p_activity_id => :activity::bigint, p_user_id => '{who}' || :client_id::text || '-' || :i::text,
  p_sku => 'phone', p_quantity => 1, p_request_id => gen_random_uuid(),
  p_subjects => jsonb_build_object('address', {address}));
"""
OWN_ADDRESS = "'{who}' || :client_id::text || '/' || :i::text"


@dataclass(frozen=True, slots=True)
class Variant:
    """A sale whose cost is measured.

    Attributes:
        name: in the table.
        subjects: the buyer brings a phone and an address.
        limited: there is a limit on each dimension.
        refused: the buyer has bought before, and is refused by the last of the limits.
    """

    name: str
    subjects: bool = True
    limited: bool = True
    refused: bool = False


BARE = Variant("no subjects, no limit", subjects=False, limited=False)
UNLIMITED = Variant("phone and address, no limit", limited=False)
LIMITED = Variant("the same, three limits")
REFUSED = Variant("the same, refused by a limit", refused=True)
VARIANTS = (BARE, UNLIMITED, LIMITED, REFUSED)


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one call, in milliseconds, medians over the rounds."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a crowd did, and what others saw.

    Attributes:
        name: in the table.
        load: of the crowd.
        held: how many of it bought.
        others: of the other buyers.
    """

    name: str
    load: Load
    held: int
    others: Load


def open_sale(running: Runtime, limits: dict[str, int]) -> int:
    """A sale with plenty of units; its activity id.

    Args:
        running: where.
        limits: maximum units in the whole activity, by dimension.
    """
    now = datetime.now(UTC)
    with Client(running.ops_dsn, flag="") as client:
        activity_id = client.create_activity(
            name="bench",
            starts_at=now - timedelta(minutes=1),
            ends_at=now + timedelta(hours=2),
            hold_seconds=3600,
        )
        client.receive_stock(sku=SKU, quantity=PLENTY, request_id=uuid4())
        client.allocate_stock(activity_id=activity_id, sku=SKU, quantity=PLENTY, request_id=uuid4())
        for dimension, maximum in limits.items():
            client.set_limit(
                activity_id=activity_id,
                name=f"by_{dimension}",
                dimension=dimension,
                metric="units",
                window="activity",
                maximum=maximum,
            )
        client.open_activity(activity_id=activity_id)
    return activity_id


def costs(running: Runtime, calls: int, rounds: int) -> dict[str, Cost]:
    """What a purchase costs in each variant.

    Args:
        running: where.
        calls: in a block.
        rounds: blocks of each variant.
    """
    sales = {
        variant: open_sale(running, dict.fromkeys(DIMENSIONS, 1) if variant.limited else {})
        for variant in VARIANTS
    }
    walls: dict[str, list[float]] = {variant.name: [] for variant in VARIANTS}
    cpus: dict[str, list[float]] = {variant.name: [] for variant in VARIANTS}
    with psycopg.connect(
        running.direct_dsn("seckill_buyer"), autocommit=True, prepare_threshold=0
    ) as connection:
        cpu = cpu_of(connection)

        def block(variant: Variant, number: int) -> tuple[float, float]:
            began, cpu_began = monotonic(), cpu.seconds()
            for call in range(calls):
                # Who is refused comes again and again: a user's phone, on which one was bought.
                who = "0" if variant.refused else f"{number}-{call}"
                row = connection.execute(
                    RESERVE,
                    {
                        "activity_id": sales[variant],
                        "user": f"{variant.name} {number}-{call}",
                        "subjects": json.dumps({"phone": who, "address": who})
                        if variant.subjects
                        else "{}",
                    },
                ).fetchone()
                wanted = "limit_exceeded" if variant.refused and (number or call) else "held"
                assert row == (wanted,), (variant, row)
            return (monotonic() - began) * 1000 / calls, (cpu.seconds() - cpu_began) * 1000 / calls

        for number in range(rounds + 1):
            for variant in VARIANTS:
                wall, used = block(variant, number)
                if number:  # the first warms up
                    walls[variant.name].append(wall)
                    cpus[variant.name].append(used)
    return {name: Cost(median(walls[name]), median(cpus[name])) for name in walls}


def crowd(
    running: Runtime,
    name: str,
    address: str | None,
    maximum: int,
    *,
    buyers: int,
    longest: float,
    pooled: bool,
) -> Crowd:
    """Let a crowd buy, and others at their own addresses beside it.

    Args:
        running: where.
        name: in the table.
        address: of everybody in the crowd; None: each his own.
        maximum: units an address may have.
        buyers: in the crowd.
        longest: seconds after which the crowd is stopped.
        pooled: all go through one pool of PgBouncer, eight servers wide; else each has a server.
    """
    activity_id = open_sale(running, {"address": maximum})
    bindir = running.postgres.bindir
    dsn = running.dsn if pooled else running.direct_dsn("seckill_buyer")
    options: dict[str, Any] = {
        "variables": {"activity": activity_id, "i": 0},
        "prepared": not pooled,
    }

    def script(who: str, place: str | None) -> str:
        where = OWN_ADDRESS.format(who=who) if place is None else f"'{place}'::text"
        return CALL.format(who=who, address=where)

    others = Bench(bindir, dsn, script("o", None), clients=4, rate=OTHERS_RATE, **options)
    try:
        load = Bench(
            bindir,
            dsn,
            script("c", address),
            clients=CROWD_CALLERS,
            calls=max(buyers // CROWD_CALLERS, 1),
            **options,
        ).wait(longest)
    finally:
        seen = others.stop()
    with psycopg.connect(running.superuser_dsn) as superuser:
        row = superuser.execute(
            "select count(*) from seckill_private.reservation"
            " where buyer_key >> 40 = %s and user_id like 'c%%'",
            [activity_id],
        ).fetchone()
    assert row is not None
    if address is not None:
        assert row[0] <= maximum, f"{row[0]} bought at an address that may have {maximum}"
    return Crowd(name, load, row[0], seen)


def crowds(running: Runtime, buyers: int, longest: float, *, pooled: bool) -> list[Crowd]:
    """The crowds of the second table, one after another."""
    found: list[Crowd] = []
    for name, address, maximum in (
        ("each his own address", None, PLENTY),
        ("one address, all may buy", "one", PLENTY),
        ("one address, 10 may buy", "one", 10),
    ):
        found.append(
            crowd(
                running,
                name,
                address,
                maximum,
                buyers=buyers,
                longest=longest,
                pooled=pooled,
            )
        )
    return found


def told(one: Crowd) -> dict[str, Any]:
    """A crowd as numbers."""
    return {
        "answered": len(one.load.milliseconds),
        "held": one.held,
        "complete": one.load.complete,
        "seconds": round(one.load.seconds, 2),
        "crowd_p50_ms": round(percentile(one.load.milliseconds, 50), 2),
        "crowd_p99_ms": round(percentile(one.load.milliseconds, 99), 2),
        "others": len(one.others.milliseconds),
        "others_p50_ms": round(percentile(one.others.milliseconds, 50), 2),
        "others_p99_ms": round(percentile(one.others.milliseconds, 99), 2),
        "others_longest_ms": round(max(one.others.milliseconds, default=0), 2),
    }


def show_costs(found: dict[str, Cost], calls: int, rounds: int) -> None:
    """Print the first table."""
    base = found[UNLIMITED.name]
    show(
        f"One reserve, medians of {rounds} × {calls} calls in turn",
        ["", "ms", "ms of CPU", "CPU ÷ no limit"],
        [
            [name, f"{one.wall:.2f}", f"{one.cpu:.3f}", f"{one.cpu / base.cpu:.2f}"]
            for name, one in found.items()
        ],
    )


def show_crowds(found: list[Crowd], title: str) -> None:
    """Print the second table."""
    rows: list[list[object]] = []
    for one in found:
        n = told(one)
        rows.append(
            [
                one.name,
                f"{n['answered']:,}" + ("" if n["complete"] else ", stopped"),
                f"{n['held']:,}",
                f"{n['answered'] / n['seconds']:,.0f}",
                f"{n['crowd_p50_ms']:.1f} / {n['crowd_p99_ms']:.1f}",
                f"{n['others_p50_ms']:.1f} / {n['others_p99_ms']:.1f}",
                f"{n['others_longest_ms']:.0f}",
            ]
        )
    show(
        title,
        [
            "the crowd",
            "answered",
            "bought",
            "a second",
            "p50 / p99 ms",
            "others: p50 / p99 ms",
            "longest",
        ],
        rows,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer calls, smaller crowds")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--only", choices=("costs", "crowds"), help="one of the tables")
    options = parser.parse_args()
    calls, rounds = (200, 3) if options.quick else (1_000, 5)
    buyers, longest = (1_000, 15.0) if options.quick else (10_000, 60.0)
    result: dict[str, Any] = {"calls": calls, "rounds": rounds, "buyers": buyers}
    with runtime() as running:
        if options.only != "crowds":
            found = costs(running, calls, rounds)
            base = found[UNLIMITED.name].cpu
            result["costs"] = {
                name: {
                    "ms": round(one.wall, 3),
                    "cpu_ms": round(one.cpu, 3),
                    "ratio": round(one.cpu / base, 2),
                }
                for name, one in found.items()
            }
            if not options.json:
                show_costs(found, calls, rounds)
        if options.only != "costs":
            for pooled in (False, True):
                way = "pooled" if pooled else "direct"
                met = crowds(running, buyers, longest, pooled=pooled)
                result[way] = {one.name: told(one) for one in met}
                if not options.json:
                    title = "all through 8 servers of PgBouncer" if pooled else "each a server"
                    show_crowds(
                        met, f"{buyers:,} buyers, {CROWD_CALLERS} callers at a time; {title}"
                    )
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
