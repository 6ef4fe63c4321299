"""Two sweepers at once in the middle of a sale, one of them killed with holds in hand.

Then nobody sweeps, and the next sweeper comes ten minutes after the last holds have ended. Each
hold must have ended once (I4), and none may be worth anything after its end, swept or not (I7).
"""

from __future__ import annotations

import psycopg
import pytest

from seckill.client import Client
from seckill.results import AvailabilityResult
from tests.faults.buyers import PLENTY, SCARCE
from tests.faults.fix_round import LOCK_SLOTS, Crowd, Round
from tests.fix_database import wait_until
from tests.worker.support import worker

pytestmark = pytest.mark.timeout(240)

_SWEEP = ("--sweep", "--batch", "5", "--interval", "0.01", "--pause-ms", "0")
_WAITING = """
select count(*) from pg_stat_activity where application_name = %s and wait_event_type = 'Lock'
"""
_TEN_MINUTES_LATER = """
update seckill_private.reservation
   set created_at = created_at - interval '10 minutes',
       expires_at = expires_at - interval '10 minutes'
 where state = 'held' and buyer_key >> 40 = %(activity)s
"""
_AND_POOLS = """
update seckill_private.pool_slot as s
   set next_expiry = s.next_expiry - interval '10 minutes'
  from seckill_private.pool as p
 where p.pool_id = s.pool_id and p.activity_id = %(activity)s and s.next_expiry < 'infinity'
"""
_HELD = """
select count(*) from seckill_private.reservation
 where state = 'held' and buyer_key >> 40 = %(activity)s
"""
_NOT_AS_THEY_ENDED = """
select count(*)
  from (select distinct user_id from seckill_private.reservation
         where state = 'expired' and buyer_key >> 40 = %(activity)s) as u,
       lateral seckill.list_reservations(u.user_id, %(activity)s) as r
 where r.status = 'held' or (r.status = 'expired' and r.resolved_at <> r.expires_at)
"""


@pytest.mark.fault("two sweepers, one killed, one ten minutes late")
def test_sweepers(fault: Round) -> None:
    with psycopg.connect(fault.runtime.superuser_dsn) as superuser:
        with fault.buyers() as crowd:
            for number in range(2):
                kill_one_of_two(fault, crowd, superuser, number)
        the_late_one(fault, superuser)
        fault.judge()
        assert number_of(superuser, _NOT_AS_THEY_ENDED, fault) == 0


def kill_one_of_two(fault: Round, crowd: Crowd, superuser: psycopg.Connection, number: int) -> None:
    """Two sweep, and one is killed while it waits for the pools with the holds it has picked."""
    doomed = f"sweeper-{number}"

    def has_holds_in_hand() -> bool:
        with psycopg.connect(fault.runtime.superuser_dsn) as watcher:
            row = watcher.execute(_WAITING, [doomed]).fetchone()
        return row is not None and row[0] > 0

    ops_dsn = fault.runtime.ops_dsn
    with (
        worker(f"{ops_dsn}?application_name={doomed}", *_SWEEP) as one,
        # PgBouncer leaves the last client's name on a server session whose next one has none.
        worker(f"{ops_dsn}?application_name=other-{number}", *_SWEEP) as other,
    ):
        one.wait_for("started")
        other.wait_for("started")
        crowd.wait_for_more(30)
        superuser.execute(LOCK_SLOTS, [fault.activity_id, [SCARCE, PLENTY]])
        wait_until(has_holds_in_hand, "a sweeper with holds in hand")
        one.process.kill()
        fault.faults += 1
        # The server notices within client_connection_check_interval.
        wait_until(lambda: not has_holds_in_hand(), "the end of what it did", 10)
        superuser.rollback()
        crowd.wait_for_more(30)
        assert other.stop()["swept"] > 0


def the_late_one(fault: Round, superuser: psycopg.Connection) -> None:
    """Ten minutes pass without a sweeper, and without a buyer; then one comes."""
    sale = {"activity": fault.activity_id}
    superuser.execute(_TEN_MINUTES_LATER, sale)
    superuser.execute(_AND_POOLS, sale)
    superuser.commit()
    left = number_of(superuser, _HELD, fault)
    assert left > 0, "nothing was left to sweep: the round shows nothing"
    with Client(fault.runtime.dsn, flag="") as client:
        before = pools(client, fault)
        assert [pool.held for pool in before] == [0, 0], "a hold outlived its end"
        with worker(fault.runtime.ops_dsn, "--sweep", "--batch", "100", "--once") as late:
            assert late.ended()["swept"] >= left
        after = pools(client, fault)
    assert [(p.available, p.sold) for p in after] == [(p.available, p.sold) for p in before]
    assert number_of(superuser, _HELD, fault) == 0


def pools(client: Client, fault: Round) -> list[AvailabilityResult]:
    """Both pools of the sale."""
    return [client.availability(activity_id=fault.activity_id, sku=sku) for sku in (SCARCE, PLENTY)]


def number_of(superuser: psycopg.Connection, query: str, fault: Round) -> int:
    """The number that a query about the sale gives."""
    row = superuser.execute(query.encode(), {"activity": fault.activity_id}).fetchone()
    superuser.rollback()
    assert row is not None
    return int(row[0])
