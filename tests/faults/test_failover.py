"""The primary is parted from its standby, then lost, and the standby takes over.

With a synchronous standby nothing that was acknowledged is lost: buyers wait while it cannot be
reached. With an asynchronous one they are served on, and what they were told in that time is lost;
the judge must say so.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.fix_round import WAYS, each_way, round_on
from tests.faults.fix_standby import pair

_PARTED_S = 1.0

pytestmark = pytest.mark.timeout(240)


@each_way("failover to a synchronous standby", *WAYS)
def test_synchronous(seed: int, way: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with (
        pair(synchronous=True) as servers,
        round_on(servers.runtime, seed, tmp_path, request) as fault,
    ):
        with fault.buyers(way, dsn=servers.dsn) as crowd:
            crowd.wait_for_more(100)
            servers.wire.part()
            time.sleep(_PARTED_S)
            servers.fail_over()
            fault.faults += 1
            crowd.wait_for_more(100)
        verdict = fault.judge(servers.standby_dsn)
        assert verdict.unknown > 0, "no call was cut off: the round shows nothing"


@pytest.mark.fault("control: failover to an asynchronous standby")
def test_asynchronous(seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with (
        pair(synchronous=False) as servers,
        round_on(servers.runtime, seed, tmp_path, request) as control,
    ):
        with control.buyers(dsn=servers.dsn) as crowd:
            crowd.wait_for_more(100)
            servers.wire.part()
            # Nobody notices anything.
            crowd.wait_for_more(100)
            servers.fail_over()
            control.faults += 1
            crowd.wait_for_more(100)
        control.judge(servers.standby_dsn, loses=True)
