"""One process of the crowd: ``python -m seckill.demo.worker``.

Reads its order, one JSON object on a line of stdin; says ``ready``; starts at the instant that the
next line gives; reports five times a second and once at the end, a JSON object a line on stdout.
When stdin ends its parent is gone, and so is it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self, cast

from seckill.demo.calls import Calls
from seckill.demo.crowd import Crowd, buyer
from seckill.demo.naive import NaiveShop
from seckill.demo.shop import SeckillShop, Shop
from seckill.history import Recorder

_REPORT_S = 0.2


@dataclass(frozen=True, slots=True)
class Order:
    """What one process of the crowd is told to do.

    Attributes:
        dsn: through PgBouncer, as a buyer.
        activity_id: the sale; None: the naive shop.
        seed: of the crowd.
        first: number of the first buyer.
        step: from one buyer to the next.
        buyers: number of buyers in the whole crowd.
        callers: `reserve` calls at a time.
        buying: connections for them.
        paying: payments and cancellations at a time.
        limits: buyers bring their phones and addresses.
        redis_url: of the sold-out flag; empty: none.
        record: directory of the history; unused for the naive shop.
    """

    dsn: str
    activity_id: int | None
    seed: int
    first: int
    step: int
    buyers: int
    callers: int
    buying: int
    paying: int
    limits: bool = False
    redis_url: str = ""
    record: str = ""

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Self:
        """The order that `to_json` wrote."""
        told: Mapping[str, Any] = json.loads(line)
        return cls(**{field.name: told[field.name] for field in fields(cls)})


def main() -> None:
    """Do what stdin says; an error is told to the parent in one line."""
    order = Order.from_json(sys.stdin.readline())
    try:
        asyncio.run(_serve(order))
    except BaseException as error:
        if os.environ.get("SECKILL_TRACEBACK"):
            raise
        _say({"error": _line(error)})
        raise SystemExit(1) from None


async def _serve(order: Order) -> None:
    start_at = _follow_parent()
    buyers = [buyer(order.seed, n) for n in range(order.first, order.buyers, order.step)]
    shop: Shop
    if order.activity_id is None:
        shop = NaiveShop(order.dsn, connections=order.buying + order.paying + 1)
    else:
        shop = SeckillShop(
            order.dsn,
            order.activity_id,
            Recorder(Path(order.record), "demo", seed=order.seed, first=order.first),
            buying=order.buying,
            paying=order.paying,
            subjects={one.user_id: {"phone": one.phone, "address": one.address} for one in buyers}
            if order.limits
            else None,
            redis_url=order.redis_url,
        )
    async with shop:
        calls = Calls(shop, buying=order.callers, paying=order.paying)
        crowd = Crowd(buyers, shop, calls, order.seed)
        _say({"ready": True})
        reporter = asyncio.create_task(_report(crowd, calls))
        await crowd.run(await start_at)
        reporter.cancel()
        _say(_progress(crowd, calls))
        _say({"result": _result(crowd, calls)})


def _follow_parent() -> asyncio.Future[float]:
    """The instant to start at, once the parent has said it; ends the process with the parent."""
    loop = asyncio.get_running_loop()
    start_at: asyncio.Future[float] = loop.create_future()

    def listen() -> None:
        line = sys.stdin.readline()
        if line:
            loop.call_soon_threadsafe(start_at.set_result, float(line))
            sys.stdin.read()
        os._exit(1)  # nobody is left to say anything to

    threading.Thread(target=listen, daemon=True).start()
    return start_at


async def _report(crowd: Crowd, calls: Calls) -> None:
    while True:
        _say(_progress(crowd, calls))
        await asyncio.sleep(_REPORT_S)


def _progress(crowd: Crowd, calls: Calls) -> dict[str, Any]:
    return {
        "progress": {
            "answers": calls.answers,
            "first_answers": crowd.first_answers,
            "waiting": crowd.waiting,
            "flagged": calls.flagged,
        }
    }


def _result(crowd: Crowd, calls: Calls) -> dict[str, Any]:
    return {
        "outcomes": crowd.outcomes,
        "answered_at": crowd.answered_at,
        "latencies": {
            kind: {"click": seen.click, "call": seen.call} for kind, seen in calls.latencies.items()
        },
        "broken": calls.broken,
    }


def _say(message: Mapping[str, Any]) -> None:
    print(json.dumps(message), flush=True)


def _line(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return _line(cast("BaseExceptionGroup[BaseException]", error).exceptions[0])
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


if __name__ == "__main__":
    main()
