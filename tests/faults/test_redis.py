"""Redis is killed, hung, slow or lies, while a sale sells out, gets more units and sells out again.

The buyers' flag lies in it. Whatever it does, PostgreSQL decides: exactly the units are sold, no
call fails, who was told `sold_out` by mistake can buy a TTL later, and no question to it holds a
buyer up for longer than the client's timeout. One unit is held unpaid by the test itself nearly to
the end: until then `sold_out` means "perhaps later", and buyers ask again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from seckill.client import Client
from seckill.flag import StockPool
from seckill.history import Recorder
from seckill.runtime.valkey import Valkey
from tests.faults.buyers import SCARCE
from tests.faults.fix_flag import TIMEOUT_MS, TTL_MS, Note, Notes
from tests.faults.fix_round import Round, open_sale
from tests.faults.test_sold_out import buyers_of
from tests.fix_database import wait_until
from tests.fix_valkey import Proxy, console, meddler, proxy_before

UNITS, MORE = 40, 20
CROWD = 100
WAYS = ("reserve", "batch")  # `now` does not ask the flag
BUSY_S = 0.25  # by which a busy machine may be late

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True, slots=True)
class Store:
    """Valkey, a proxy before it, and the flag's key in it."""

    valkey: Valkey
    proxy: Proxy
    key: str


Strike = Callable[[Store], AbstractContextManager[None]]


@contextmanager
def killed(store: Store) -> Generator[None]:
    """Afterwards it is started again, and has forgotten all."""
    store.valkey.kill()
    yield
    store.valkey.start()


@contextmanager
def hung(store: Store) -> Generator[None]:
    """It accepts connections and answers nothing."""
    store.valkey.hang()
    yield
    store.valkey.go_on()


@contextmanager
def slow(store: Store) -> Generator[None]:
    """Each answer is much too late."""
    store.proxy.delay_s = 1.5
    yield
    store.proxy.delay_s = 0.0


@contextmanager
def dripping(store: Store) -> Generator[None]:
    """No piece of an answer is late, and all of them together are."""
    store.proxy.drip_s = 0.8 * TIMEOUT_MS / 1000
    yield
    store.proxy.drip_s = 0.0


@contextmanager
def noise(store: Store) -> Generator[None]:
    """No answer is one."""
    store.proxy.junk = True
    yield
    store.proxy.junk = False


@contextmanager
def says(store: Store, value: str | bytes) -> Generator[None]:
    """The flag says so, whoever writes it."""
    with meddler(store.valkey, store.key, value):
        yield
    with console(store.valkey) as meddle:
        meddle.delete(store.key)


def junk(store: Store) -> AbstractContextManager[None]:
    """What stands in the key is no flag."""
    return says(store, b"\x00 shut \xff" * 50)


def shut(store: Store) -> AbstractContextManager[None]:
    """Sold out, at an epoch that nobody can be ahead of."""
    return says(store, "999999 shut")


def still_open(store: Store) -> AbstractContextManager[None]:
    """Reopened, at an epoch that nobody can be ahead of."""
    return says(store, "999999 open")


@contextmanager
def stale(store: Store) -> Generator[None]:
    """The flag has no end, and nothing can be written any more."""
    with console(store.valkey) as meddle:
        meddle.set(store.key, "1 shut")
        meddle.execute_command("CONFIG", "SET", "maxmemory", "1")
        yield
        meddle.execute_command("CONFIG", "SET", "maxmemory", "64mb")
        meddle.delete(store.key)


def rests(note: Note) -> bool:
    return note.rests


def heard(what: str) -> Callable[[Note], bool]:
    return lambda note: note.what == what


# What the notes show of each.
FELT: dict[Strike, Callable[[Note], bool]] = {
    **dict.fromkeys((killed, hung, slow, dripping, noise), rests),
    junk: heard("nothing"),
    **dict.fromkeys((stale, shut), heard("shut")),
    still_open: heard("open"),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong while there are units to sell, and then while there are none.

    Attributes:
        first: before more units come.
        then: at the end.
        proxied: it happens in the proxy.
        early: `first` begins before the first buyer.
    """

    first: Strike
    then: Strike
    proxied: bool = False
    early: bool = False


TROUBLES = {
    "Redis killed": Trouble(killed, killed),
    "Redis hung": Trouble(hung, hung),
    "Redis slow": Trouble(slow, dripping, proxied=True),
    "Redis lies: junk": Trouble(noise, junk, proxied=True),
    "Redis lies: stale": Trouble(stale, stale),
    "Redis lies: sold out with stock left": Trouble(shut, shut, early=True),
    "Redis lies: open with none left": Trouble(still_open, still_open),
}
each_trouble = pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(
            trouble, id=title, marks=pytest.mark.fault(title, quick=title == "Redis killed")
        )
        for title, trouble in TROUBLES.items()
    ],
)


@dataclass(slots=True)
class Sale:
    """The sale of a round, as its operator sees it."""

    operator: Client
    watcher: psycopg.Connection[Any]
    activity_id: int

    def sells_out(self) -> None:
        """Wait until nothing is available."""
        query = "select available from seckill.availability(%s, %s)"
        place = [self.activity_id, SCARCE]
        wait_until(lambda: self.watcher.execute(query, place).fetchone() == (0,), "sold out", 10)

    def sold_out_at(self, units: int) -> float:
        """When the last of so many units was held, in seconds since the epoch."""
        query = """
            select extract(epoch from created_at)::float8 from seckill_private.reservation
             where buyer_key >> 40 = %s order by created_at offset %s limit 1"""
        row = self.watcher.execute(query, [self.activity_id, units - 1]).fetchone()
        assert row is not None
        return row[0]

    def add_units(self) -> float:
        """More units come; when."""
        self.operator.receive_stock(sku=SCARCE, quantity=MORE, request_id=uuid4())
        self.operator.allocate_stock(
            activity_id=self.activity_id, sku=SCARCE, quantity=MORE, request_id=uuid4()
        )
        return time.time()


@contextmanager
def unit_of_ours(dsn: str, activity_id: int, directory: Path) -> Generator[Callable[[], None]]:
    """Hold a unit; gives what pays for it."""
    request_id = uuid4()
    with Client(dsn, flag="") as client, Recorder(directory, "ours") as recorder:
        with recorder.reserve(
            activity_id=activity_id, user_id="we", lines={SCARCE: 1}, request_id=request_id
        ) as entry:
            said = client.reserve(
                activity_id=activity_id,
                user_id="we",
                sku=SCARCE,
                quantity=1,
                request_id=request_id,
            )
            entry.answered(said)
        held = said.reservation_id
        assert held is not None

        def pay() -> None:
            with recorder.confirm(user_id="we", reservation_id=held, payment_ref="ours") as entry:
                entry.answered(
                    client.confirm(user_id="we", reservation_id=held, payment_ref="ours")
                )

        yield pay


@each_trouble
def test_redis(fault: Round, trouble: Trouble, valkey: Valkey) -> None:
    runtime = fault.runtime
    fault.activity_id = open_sale(runtime.ops_dsn, scarce=UNITS, hold_seconds=3_600)
    way = WAYS[fault.seed % len(WAYS)]
    notes = Notes(fault.directory)
    with ExitStack() as stack:
        proxy = stack.enter_context(proxy_before(valkey.socket))
        store = Store(valkey, proxy, StockPool(fault.activity_id, SCARCE, "*").key)
        watcher = psycopg.connect(runtime.superuser_dsn, autocommit=True)
        operator = stack.enter_context(Client(runtime.ops_dsn, flag=""))
        sale = Sale(operator, stack.enter_context(watcher), fault.activity_id)
        pay = stack.enter_context(unit_of_ours(runtime.dsn, fault.activity_id, fault.directory))
        strike = ExitStack()
        if trouble.early:
            strike.enter_context(trouble.first(store))
        redis = proxy.url if trouble.proxied else valkey.url
        with fault.buyers(way, rush=CROWD, redis=redis) as crowd, strike:
            sale.sells_out()
            notes.wait_for(heard("refused"), "a refusal by the flag")
            if not trouble.early:
                strike.enter_context(trouble.first(store))
            fault.faults += 1
            notes.wait_for(FELT[trouble.first], "what went wrong, among the buyers")
            added = sale.add_units()
            sale.sells_out()
            strike.close()
            notes.wait_for(heard("refused"), "a refusal by the flag, after all was well again")
            with trouble.then(store):
                fault.faults += 1
                notes.wait_for(FELT[trouble.then], "what went wrong, among the buyers")
                pay()
                crowd.stop()
        notes.update()
        lies_s = (
            notes.longest_lie_s(0, sale.sold_out_at(UNITS)),
            notes.longest_lie_s(added, sale.sold_out_at(UNITS + MORE)),
        )
    held_up_s = max(note.took_s for note in notes.all)
    print(f"{way}: held up for {held_up_s:.3f} s, lied to for {max(lies_s):.3f} s at most")
    verdict = fault.judge()
    assert (verdict.unknown, verdict.failed) == (0, 0)
    with Client(runtime.dsn, flag="") as client:
        pool = client.availability(activity_id=fault.activity_id, sku=SCARCE)
    assert (pool.status, pool.available, pool.held, pool.sold) == ("sold_out", 0, 0, UNITS + MORE)
    sold = buyers_of(fault)
    assert (len(sold), sold.total()) == (UNITS + MORE, UNITS + MORE), "a buyer has two"
    assert max(lies_s) < (TTL_MS + TIMEOUT_MS) / 1000 + BUSY_S, "a false flag outlives the TTL"
    assert not trouble.early or lies_s[0] > 0, "nobody was lied to: the round shows nothing"
    assert held_up_s < TIMEOUT_MS / 1000 + BUSY_S
