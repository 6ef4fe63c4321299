"""One PostgreSQL server: it leaves nothing behind and loses nothing, whatever ends it."""

from __future__ import annotations

import os
import shutil
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from seckill.runtime import PortTaken, Postgres, StartError, find_bindir
from seckill.runtime.process import make_scratch, remove_scratch
from tests.runtime.support import lives, traces

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")


@pytest.fixture
def directory() -> Iterator[Path]:
    # pytest's own temporary directories are closed to the user that servers run as.
    scratch = make_scratch("test")
    yield scratch
    remove_scratch(scratch)


def rows(server: Postgres) -> int:
    with psycopg.connect(server.dsn()) as connection:
        row = connection.execute("select count(*) from kept").fetchone()
        assert row is not None
        return int(row[0])


def fill(server: Postgres, count: int) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create table if not exists kept (number integer)")
        for number in range(count):
            connection.execute("insert into kept values (%s)", [number])


def test_stop_leaves_nothing() -> None:
    with Postgres() as server:
        seen = traces(server)
        assert len(seen.processes) > 3
    assert seen.remaining() == []


def test_kill_leaves_nothing() -> None:
    with Postgres() as server:
        seen = traces(server)
        server.kill()
        assert not any(lives(process) for process in seen.processes)
    assert seen.remaining() == []


def test_kill_and_restart_lose_nothing_committed() -> None:
    with Postgres() as server:
        fill(server, 50)
        port = server.port
        server.kill()
        assert server.pid is None
        server.start()
        assert rows(server) == 50
        assert server.port == port


def test_settings_are_durable_by_default() -> None:
    with Postgres(settings={"work_mem": "5MB"}) as server, psycopg.connect(server.dsn()) as db:
        shown = [
            db.execute("select current_setting(%s)", [name]).fetchone()
            for name in ("fsync", "synchronous_commit", "full_page_writes", "work_mem")
        ]
    assert shown == [("on",), ("on",), ("on",), ("5MB",)]


def test_kept_directory_is_gone_on_with(directory: Path) -> None:
    data = directory / "data"
    with Postgres(data, password="first") as server:
        fill(server, 3)
    with Postgres(data, password="first") as server:
        assert rows(server) == 3
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert not (data / "postmaster.pid").exists()


def test_lock_file_of_a_dead_server_does_not_block(directory: Path) -> None:
    data = directory / "data"
    with Postgres(data, password="p") as server:
        fill(server, 3)
        server.kill()
        # In a container the dead server's process id soon belongs to another process.
        lock = data / "postmaster.pid"
        lines = lock.read_text().splitlines(keepends=True)
        lock.write_text("".join([f"{os.getpid()}\n", *lines[1:]]))
        server.start()
        assert rows(server) == 3


def test_directory_in_use_is_refused_by_name(directory: Path) -> None:
    data = directory / "data"
    with Postgres(data, password="p") as server:
        with pytest.raises(StartError, match=f"in use by process {server.pid}"):
            Postgres(data, password="p").start()
        assert server.pid is not None


def test_directory_of_another_version_is_refused(directory: Path) -> None:
    data = directory / "data"
    data.mkdir()
    (data / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(StartError, match=r"was made by PostgreSQL 9\.6"), Postgres(data):
        pass


def test_directory_with_other_files_is_refused(directory: Path) -> None:
    (directory / "holiday.txt").touch()
    with pytest.raises(StartError, match="is not empty"), Postgres(directory):
        pass
    assert (directory / "holiday.txt").exists()


def test_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=f"port {port} is taken"), Postgres(port=port):
            pass


def test_bad_setting_is_told_in_the_servers_words() -> None:
    with (
        pytest.raises(StartError, match="shared_buffers"),
        Postgres(settings={"shared_buffers": "many"}),
    ):
        pass


def test_password_is_asked_for() -> None:
    with Postgres() as server:
        for dsn in (server.dsn(password="wrong"), server.socket_dsn() + " password=wrong"):
            with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
                psycopg.connect(dsn)
        with psycopg.connect(server.socket_dsn()) as connection:
            assert connection.execute("select 1").fetchone() == (1,)


@as_root
def test_root_gives_the_server_to_nobody() -> None:
    with Postgres() as server:
        assert psutil.Process(server.pid).username() == "nobody"
        assert stat.S_IMODE(server.socket_dir.stat().st_mode) == 0o700


@as_root
def test_programs_below_a_closed_directory_are_copied(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = directory / "home"
    package = find_bindir("18").parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, closed / part.name, symlinks=True)
    os.chown(closed, 0, 0)
    closed.chmod(0o700)
    monkeypatch.setenv("SECKILL_PG_BINDIR", str(closed / package.name / "pginstall" / "bin"))
    with Postgres() as server:
        assert server.bindir.is_relative_to(server.scratch)
        fill(server, 1)
        seen = traces(server)
    assert seen.remaining() == []
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_debians_version_can_be_asked_for() -> None:
    try:
        bindir = find_bindir("15")
    except StartError:
        if os.environ.get("CI"):
            raise
        pytest.skip("PostgreSQL 15 is not installed")
    with Postgres(bindir=bindir) as server, psycopg.connect(server.dsn()) as connection:
        assert connection.info.server_version // 10000 == 15


def test_missing_version_says_what_to_do() -> None:
    with pytest.raises(StartError, match="no PostgreSQL 9 found: apt-get install postgresql-9"):
        find_bindir("9")
