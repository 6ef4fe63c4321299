"""The disk of the data, or of the WAL, is full in the middle of a sale, and then has room again.

Without room for data the server lives and refuses with 53100; buyers try again. Without room for
WAL it panics, and the answer on the dead connection is no answer: the outcome is unknown.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path

import psycopg
import pytest

from seckill.history import read_history
from seckill.runtime import DATABASE, Runtime
from tests.faults.fix_disk import Disk, small_disk
from tests.faults.fix_round import Crowd, Round, round_on
from tests.fix_database import wait_until

_BACK_S = 10.0

pytestmark = pytest.mark.timeout(240)


def move_database(runtime: Runtime, disk: Disk) -> None:
    """All tables of ours onto the small disk."""
    runtime.pooler.stop()
    place = disk.directory("data")
    with psycopg.connect(runtime.postgres.dsn(), autocommit=True) as superuser:
        superuser.execute(f"create tablespace small location '{place}'".encode())
        superuser.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
            [DATABASE],
        )
        superuser.execute(f"alter database {DATABASE} set tablespace small".encode())
    runtime.pooler.start()


def move_wal(runtime: Runtime, disk: Disk) -> None:
    """The write-ahead log onto the small disk."""
    runtime.postgres.stop()
    wal = runtime.postgres.data_dir / "pg_wal"
    there = disk.directory("wal")
    shutil.copytree(wal, there / "pg_wal")
    for path in (there / "pg_wal", *(there / "pg_wal").rglob("*")):
        shutil.chown(path, wal.stat().st_uid, wal.stat().st_gid)
    shutil.rmtree(wal)
    wal.symlink_to(there / "pg_wal")
    runtime.postgres.start()


def refusals(fault: Round) -> list[str]:
    """What buyers were told in place of an answer."""
    return [one.error for one in read_history(fault.directory) if one.outcome == "failed"]


def wait_until_back(runtime: Runtime, crowd: Crowd) -> float:
    """Seconds until buyers are served again; a server that ended is started."""
    began = time.monotonic()
    goal = crowd.answers() + 30

    def served() -> bool:
        if runtime.postgres.pid is None:
            runtime.postgres.start()
        return crowd.answers() >= goal

    wait_until(served, "answers", 60)
    return time.monotonic() - began


@pytest.mark.fault("disk full: data")
def test_data(seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with (
        small_disk(64) as disk,
        Runtime() as runtime,
        round_on(runtime, seed, tmp_path, request) as fault,
    ):
        move_database(runtime, disk)
        with fault.buyers("batch") as crowd:
            crowd.wait_for_more()
            disk.fill()
            fault.faults += 1
            wait_until(lambda: len(refusals(fault)) >= 20, "refusals", 60)
            disk.make_room()
            assert wait_until_back(runtime, crowd) < _BACK_S
        said = refusals(fault)
        assert all(one.startswith("Unavailable: ") for one in said), said
        assert any("No space left on device" in one for one in said), said
        fault.judge()


@pytest.mark.fault("disk full: WAL")
def test_wal(seed: int, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    settings = {"min_wal_size": "32MB", "max_wal_size": "64MB"}
    with (
        small_disk(160) as disk,
        Runtime(settings=settings) as runtime,
        round_on(runtime, seed, tmp_path, request) as fault,
    ):
        move_wal(runtime, disk)
        with fault.buyers("batch") as crowd:
            crowd.wait_for_more()
            disk.fill()
            fault.faults += 1
            use_up_wal(runtime)
            wait_until(lambda: "PANIC" in runtime.postgres.log.read_text(), "the panic", 60)
            disk.make_room()
            assert wait_until_back(runtime, crowd) < _BACK_S
        verdict = fault.judge()
        assert verdict.unknown > 0, "no call was cut off: the round shows nothing"


def use_up_wal(runtime: Runtime) -> None:
    """Write what was kept in reserve, until the server ends the connection."""
    with contextlib.suppress(psycopg.Error):
        with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
            for _ in range(1_000):
                superuser.execute(
                    "select pg_logical_emit_message(true, 'fill', repeat('x', 1000000))"
                )
