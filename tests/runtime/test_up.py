"""`seckill up` as a person uses it: a terminal, Ctrl-C, a kill, the same directory again."""

from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from seckill.runtime.process import make_scratch, remove_scratch
from tests.runtime.support import Up, seckill


@pytest.fixture
def directory() -> Iterator[Path]:
    scratch = make_scratch("test")
    yield scratch
    remove_scratch(scratch)


def role_of(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select current_user").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_asked_to_stop_it_exits_0_and_leaves_nothing(
    number: signal.Signals, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(directory))
    up = Up()
    assert role_of(up.dsn) == "seckill_buyer"
    assert len(list(directory.glob("seckill-*"))) == 2
    status, said = up.end(number)
    assert (status, said.splitlines()[-1]) == (0, "stopped")
    assert up.children_left(0) == []
    assert list(directory.glob("seckill-*")) == []


def test_every_dsn_has_the_role_that_it_says() -> None:
    up = Up()
    try:
        told = [role_of(up.told[name]) for name in ("dsn", "ops_dsn", "reader_dsn", "admin_dsn")]
        with psycopg.connect(up.told["admin_dsn"]) as connection:
            row = connection.execute(
                "select rolsuper from pg_roles where rolname = current_user"
            ).fetchone()
    finally:
        up.end(signal.SIGTERM)
    assert told == ["seckill_buyer", "seckill_operator", "seckill_reader", "seckill_admin"]
    assert row == (False,)


def test_kept_directory_is_gone_on_with_after_stop_and_kill(directory: Path) -> None:
    data = directory / "sale"
    up = Up("--data-dir", str(data))
    first = up.told
    with psycopg.connect(up.told["admin_dsn"]) as connection:
        connection.execute("create table public.mark ()")
    assert up.end(signal.SIGINT)[0] == 0
    assert stat.S_IMODE((data / "passwords.json").stat().st_mode) == 0o600

    up = Up("--data-dir", str(data))
    with psycopg.connect(up.told["admin_dsn"]) as connection:
        connection.execute("insert into public.mark default values")
    assert first["dsn"].split("@")[0] == up.told["dsn"].split("@")[0]
    up.end(signal.SIGKILL)
    for path in up.files():  # a later start would, after a while
        shutil.rmtree(path)

    # At once: what is left of the killed one must not stand in the way.
    up = Up("--data-dir", str(data))
    with psycopg.connect(up.told["admin_dsn"]) as connection:
        assert connection.execute("select count(*) from public.mark").fetchone() == (1,)
    assert up.end(signal.SIGINT)[0] == 0


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="only Linux tells a parent's death")
def test_servers_end_with_a_killed_parent() -> None:
    up = Up()
    up.end(signal.SIGKILL)
    left = up.children_left()
    assert left == []
    # Their files are left, until a later start finds them without an owner.
    for path in up.files():
        assert path.exists()
        os.utime(path, (0, 0))
    remove_scratch(make_scratch("test"))
    assert not any(path.exists() for path in up.files())


def test_ended_server_is_noticed() -> None:
    up = Up()
    os.kill(up.told["pgbouncer"]["pid"], signal.SIGKILL)
    _, said = up.process.communicate(timeout=30)
    assert up.process.returncode == 3
    assert "PgBouncer ended" in said.splitlines()[-1]
    assert up.children_left(0) == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--data-dir", "/etc"], 3, "/etc is not empty and was not made by seckill"),
        (["--pg-bindir", "/nowhere"], 3, "/nowhere holds no initdb and postgres"),
        (["--pool-size", "0"], 2, "--pool-size"),
    ],
)
def test_error_is_one_line(arguments: list[str], status: int, said: str) -> None:
    done = subprocess.run(
        seckill("up", *arguments), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == status
    lines = [line for line in done.stderr.splitlines() if not line.startswith("starting ")]
    assert len(lines) == 1
    assert lines[0].startswith("seckill: ")
    assert said in lines[0]
    assert done.stdout == ""


def test_ctrl_c_at_a_terminal_during_the_start(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal sends SIGINT to the whole foreground group, and output is for people."""
    monkeypatch.setenv("TMPDIR", str(directory))
    terminal, inside = pty.openpty()
    take_terminal = (
        "import fcntl, os, sys, termios\n"
        "os.setsid()\n"
        "fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    up = subprocess.Popen(
        [sys.executable, "-c", take_terminal, *seckill("up")],
        stdin=inside,
        stdout=inside,
        stderr=inside,
    )
    os.close(inside)
    said = b""
    while b"starting" not in said:
        said += os.read(terminal, 4096)
    os.write(terminal, b"\x03")
    with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
        while chunk := os.read(terminal, 4096):
            said += chunk
    os.close(terminal)
    assert up.wait(30) == 0, said
    assert b"stopped" in said
    assert list(directory.glob("seckill-*")) == []
