"""A whole sale sells out exactly, although PostgreSQL is killed three times in the middle of it.

More buyers than units, through PgBouncer. Whoever had no answer asks again with the same request
id, and whoever was told that units are still held unpaid asks until they are paid. Holds outlast
the test: a unit that a call left behind without a buyer is never sold, and its round never ends
well.
"""

from __future__ import annotations

from collections import Counter

import pytest

from seckill.client import Client
from seckill.history import Attempt, read_history
from tests.faults.buyers import SCARCE
from tests.faults.fix_round import WAYS, Round, each_way, open_sale

UNITS = 120
CROWD = 200
KILLS = 3

pytestmark = pytest.mark.timeout(240)


@each_way("sold out across a kill -9 of PostgreSQL", *WAYS, quick=("batch",))
def test_sold_out(fault: Round, way: str) -> None:
    runtime = fault.runtime
    fault.activity_id = open_sale(runtime.ops_dsn, scarce=UNITS, hold_seconds=3_600)
    with fault.buyers(way, rush=CROWD) as crowd:
        # More than once: a kill may fall between two calls and cut off none.
        for _ in range(KILLS):
            crowd.wait_for_more(UNITS // (2 * KILLS))
            runtime.postgres.kill()
            fault.faults += 1
            runtime.postgres.start()
        assert 0 < len(buyers_of(fault)) < UNITS, "not in the middle: the round shows nothing"
    verdict = fault.judge()
    assert verdict.unknown > 0, "no call was cut off: the round shows nothing"
    assert verdict.settled["answered"] == verdict.unknown

    with Client(runtime.dsn, flag="") as client:
        pool = client.availability(activity_id=fault.activity_id, sku=SCARCE)
    assert (pool.status, pool.available, pool.held, pool.sold) == ("sold_out", 0, 0, UNITS)
    assert verdict.paid == UNITS
    sold = buyers_of(fault)
    assert (len(sold), sold.total()) == (UNITS, UNITS), "a buyer has two"
    told = {one.request[1] for one in read_history(fault.directory) if refused_for_good(one)}
    assert len(told) == CROWD - UNITS, "buyers without a unit who were not told so"
    assert not told & sold.keys()


def buyers_of(fault: Round) -> Counter[str]:
    """Who was told that he has paid, and how many reservations of his that is."""
    paid = {
        (str(one.arguments["user_id"]), one.reservation_id)
        for one in read_history(fault.directory)
        if one.call == "confirm" and one.status == "confirmed"
    }
    return Counter(user for user, _ in paid)


def refused_for_good(one: Attempt) -> bool:
    """Whether a buyer was told that all is sold and paid."""
    return one.buys and one.status == "sold_out"
