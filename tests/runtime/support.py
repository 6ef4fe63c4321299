"""What the tests of the runtime look at: processes, files and shared memory left behind."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from seckill.runtime import PgBouncer, Postgres

SHARED_MEMORY = Path("/proc/sysvipc/shm")


@dataclass(frozen=True, slots=True)
class Traces:
    """What a running server has: processes, and the files that must go with them."""

    processes: list[psutil.Process]
    files: list[Path]
    postmaster: int | None

    def remaining(self) -> list[str]:
        """Say what of it is still there."""
        left = [f"process {process.pid}" for process in self.processes if lives(process)]
        left += [str(path) for path in self.files if path.exists()]
        if SHARED_MEMORY.exists():
            creators = [line.split()[4] for line in SHARED_MEMORY.read_text().splitlines()[1:]]
            left += ["shared memory"] if str(self.postmaster) in creators else []
        return left


def lives(process: psutil.Process) -> bool:
    """Whether a process runs; one that has ended and that init has not collected yet does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def traces(*servers: Postgres | PgBouncer) -> Traces:
    """Record what running servers have."""
    processes: list[psutil.Process] = []
    files: list[Path] = []
    postmaster: int | None = None
    for server in servers:
        assert server.pid is not None
        head = psutil.Process(server.pid)
        processes += [head, *head.children(recursive=True)]
        files.append(server.socket_dir)
        if isinstance(server, Postgres):
            postmaster = server.pid
    return Traces(processes, files, postmaster)


def seckill(*arguments: str) -> list[str]:
    """The command line that runs seckill as these tests run."""
    return [sys.executable, "-P", "-m", "seckill", *arguments]


class Up:
    """A running `seckill up --json`."""

    def __init__(self, *arguments: str, seconds: float = 60) -> None:
        self.process = subprocess.Popen(
            seckill("up", "--json", *arguments),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if readable else ""
        if not line:
            self.process.kill()
            raise AssertionError(self.process.communicate()[1])
        self.told = json.loads(line)
        self.dsn: str = self.told["dsn"]
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def end(self, number: signal.Signals, seconds: float = 30) -> tuple[int, str]:
        """Send a signal to it, or to its whole group as Ctrl-C does; return status and stderr."""
        if number is signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        _, said = self.process.communicate(timeout=seconds)
        return self.process.returncode, said

    def files(self) -> list[Path]:
        """Its private directories, which exist as long as it runs."""
        return [Path(self.told[server]["socket_dir"]) for server in ("postgres", "pgbouncer")]

    def children_left(self, seconds: float = 20) -> list[psutil.Process]:
        """Wait for the servers' end; return those that are still there."""
        deadline = time.monotonic() + seconds
        while (left := [child for child in self.children if lives(child)]) and (
            time.monotonic() < deadline
        ):
            time.sleep(0.05)
        return left


def first_answer(dsn: str, seconds: float) -> float:
    """Connect until it works; return how many seconds that took."""
    began = time.monotonic()
    while True:
        try:
            with psycopg.connect(dsn, connect_timeout=2) as connection:
                connection.execute("select 1")
            return time.monotonic() - began
        except psycopg.OperationalError:
            if time.monotonic() - began > seconds:
                raise
            time.sleep(0.05)
