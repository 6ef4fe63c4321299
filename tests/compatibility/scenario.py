"""What a shop does with a client, run by the client of some release against a newer schema.

It prints a line when everything worked. Told to go on by a line on stdin, it expects that the
schema has meanwhile a contract that this client does not know, and prints each refusal.

Only what seckill 0.1.0 offers is used here, so that each release since can run it. The first line
of a failure says what is wrong.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any
from uuid import uuid4

import psycopg

from seckill import AsyncClient, Client, IncompatibleSchema, SeckillError

BUYER, OPERATOR = os.environ["SCENARIO_BUYER"], os.environ["SCENARIO_OPERATOR"]
TOGETHER = 40
SHORT_S = 0.2  # the age at which connections are replaced


def expect(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise SystemExit(f"{what}: {found!r}, expected {wanted!r}")


def new_sale(client: Client) -> int:
    """An open sale of 200 shoes and 200 hats, 5 a user."""
    now = datetime.now(UTC)
    sale = client.create_activity(
        name="sale", starts_at=now - timedelta(hours=1), ends_at=now + timedelta(hours=1)
    )
    for sku in ("shoe", "hat"):
        client.receive_stock(sku=sku, quantity=300, request_id=uuid4())
        client.allocate_stock(activity_id=sale, sku=sku, quantity=200, request_id=uuid4())
    client.set_limit(
        activity_id=sale,
        name="five each",
        dimension="user",
        metric="units",
        window="activity",
        maximum=5,
    )
    expect("open", client.open_activity(activity_id=sale).status, "open")
    return sale


def buy(client: Client, sale: int) -> None:
    """Each way of buying, paying and giving back."""
    first = uuid4()
    one: dict[str, Any] = {"activity_id": sale, "user_id": "ann", "sku": "shoe", "quantity": 2}
    held = client.reserve(**one, request_id=first)
    expect("reserve", (held.status, held.replayed), ("held", False))
    again = client.reserve(**one, request_id=first)
    expect("the same again", (again.reservation_id, again.replayed), (held.reservation_id, True))
    more: dict[str, Any] = {**one, "quantity": 4}
    refused = client.reserve(**more, request_id=uuid4())
    expect("limit", (refused.status, refused.limit_name), ("limit_exceeded", "five each"))
    found = client.find_reservation(activity_id=sale, user_id="ann", request_id=first)
    expect("find", (found.status, found.skus), ("held", ["shoe"]))
    checks = client.explain(**one, request_id=uuid4())
    expect("explain", {check.status for check in checks}, {"pass"})
    expect("usage", client.limit_usage(activity_id=sale, user_id="ann")[0].used, 2)
    hers: dict[str, Any] = {"user_id": "ann", "reservation_id": held.reservation_id}
    expect("confirm", client.confirm(**hers, payment_ref="pay-1").status, "confirmed")
    part = client.refund(**hers, skus=["shoe"], quantities=[1], request_id=uuid4())
    expect("refund of one", part.status, "partly_refunded")
    expect("refund", client.refund(**hers).status, "refunded")
    expect("get", client.get_reservation(**hers).status, "refunded")

    lines = client.reserve_lines(
        activity_id=sale, user_id="bob", skus=["shoe", "hat"], quantities=[1, 2]
    )
    expect("lines", lines.status, "held")
    assert lines.reservation_id is not None
    ended = client.cancel(user_id="bob", reservation_id=lines.reservation_id)
    expect("cancel", ended.status, "cancelled")
    expect("list", len(client.list_reservations(user_id="bob")), 1)


def buy_together(client: Client, sale: int) -> list[str]:
    """The statuses of a crowd that calls at once, part of it by reserve_batch."""
    gate = threading.Barrier(TOGETHER)

    def one(number: int) -> str:
        gate.wait()
        try:
            answer = client.reserve(
                activity_id=sale, user_id=f"user {number}", sku="shoe", quantity=1
            )
        except SeckillError as error:
            return type(error).__name__
        return answer.status

    with ThreadPoolExecutor(TOGETHER) as crowd:
        return list(crowd.map(one, range(TOGETHER)))


def look(client: Client, sale: int) -> None:
    """The books, after `buy` and one crowd of threads and one of tasks."""
    sold = client.availability(activity_id=sale, sku="shoe")
    expect(
        "availability",
        (sold.status, sold.total, sold.held, sold.available),
        ("on_sale", 200, 2 * TOGETHER, 200 - 2 * TOGETHER),
    )
    total = client.set_stock_total(activity_id=sale, sku="hat", total=190, mode="reject")
    expect("total", (total.status, total.total), ("set", 190))
    kinds = {line.kind for line in client.history(activity_id=sale)}
    if not {"allocate", "hold", "confirm", "refund", "cancel", "cut"} <= kinds:
        raise SystemExit(f"history: {kinds}")
    if len(client.changes(limit=1000)) < 2 * TOGETHER:
        raise SystemExit("changes: too few")
    expect("inventory", client.inventory(sku="hat").quantity, 110)
    past = client.stock_at(activity_id=sale, sku="hat", at=datetime.now(UTC))
    expect("stock_at", past.total, 190)
    expect("expire", client.expire_due(), 0)
    calls = {entry.call for entry in client.ops_history(activity_id=sale)}
    if "set_stock_total" not in calls:
        raise SystemExit(f"ops_history: {calls}")
    expect("reconcile", client.reconcile(activity_id=sale), [])


async def tasks(sale: int) -> list[str]:
    async with AsyncClient(BUYER, max_size=4) as client:
        answers = await asyncio.gather(
            *(
                client.reserve(activity_id=sale, user_id=f"task {n}", sku="shoe", quantity=1)
                for n in range(TOGETHER)
            )
        )
    return [answer.status for answer in answers]


def joined(sale: int) -> str:
    """A call in a transaction of the shop's own, which is rolled back."""
    with psycopg.connect(BUYER, prepare_threshold=None) as connection:
        client = Client(BUYER)
        answer = client.reserve(
            activity_id=sale, user_id="cy", sku="hat", quantity=1, connection=connection
        )
        connection.rollback()
    return answer.status


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "seckill", *arguments],
        env={**os.environ, "SECKILL_DSN": OPERATOR},
        capture_output=True,
        text=True,
        check=False,
    )


def refusal(what: str, call: Callable[[], object]) -> str:
    """What a call that must be refused says: one line."""
    try:
        answer = call()
    except IncompatibleSchema as error:
        (line,) = str(error).splitlines()
        return line
    except SeckillError as error:
        raise SystemExit(f"{what} was not refused clearly: {error}") from error
    raise SystemExit(f"{what} was not refused: {answer!r}")


async def open_async() -> None:
    async with AsyncClient(BUYER):
        pass


def everything_works() -> int:
    with Client(OPERATOR) as operator, Client(BUYER, max_size=4) as client:
        sale = new_sale(operator)
        buy(client, sale)
        expect("threads", set(buy_together(client, sale)), {"held"})
        expect("tasks", set(asyncio.run(tasks(sale))), {"held"})
        look(operator, sale)
    expect("joined", joined(sale), "held")
    done = command("reserve", str(sale), "dora", "hat", "--json")
    expect("the command", done.returncode, 0)
    expect("its answer", json.loads(done.stdout)["status"], "held")
    expect("the list", command("activity", "list").returncode, 0)
    return sale


def nothing_works(sale: int, running: Client, renewed: Client) -> list[str]:
    # A client that is connected goes on with what is still there, as long as its connections last.
    # What is gone says at once that the client is too old.
    expect("a crowd", set(buy_together(running, sale)), {"held", "IncompatibleSchema"})
    sleep(SHORT_S)
    said = [
        refusal("what is gone", lambda: running.history(activity_id=sale)),
        refusal("a new connection", lambda: renewed.availability(activity_id=sale, sku="hat")),
        refusal("Client", lambda: Client(BUYER).open()),
        refusal("AsyncClient", lambda: asyncio.run(open_async())),
        refusal("a call that joins", lambda: joined(sale)),
    ]
    for arguments in (("show", str(sale)), ("list",)):
        done = command("activity", *arguments)
        expect("the command", (done.returncode, done.stdout), (3, ""))
        (line,) = done.stderr.splitlines()
        said.append(line.removeprefix("seckill: "))
    return said


def main() -> None:
    import seckill

    print(json.dumps({"package": str(Path(seckill.__file__).parent)}), flush=True)
    sale = everything_works()
    with (
        Client(OPERATOR, max_size=4) as running,
        Client(OPERATOR, max_size=1, max_lifetime_s=SHORT_S) as renewed,
    ):
        print(json.dumps({"works": True}), flush=True)
        if sys.stdin.readline():
            print(json.dumps({"said": nothing_works(sale, running, renewed)}), flush=True)


if __name__ == "__main__":
    main()
