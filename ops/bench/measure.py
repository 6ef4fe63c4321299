"""What the benchmark programs share: a server of their own, pgbench, and a few numbers.

Times are only worth something beside others of the same run: every program measures what it
compares in turn, and prints ratios.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic

import psutil
import psycopg

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "pyapp"))

from seckill.bench.load import environment  # noqa: E402
from seckill.bench.percentile import percentile as smallest  # noqa: E402
from seckill.runtime import Runtime  # noqa: E402

__all__ = ["Bench", "Cpu", "Load", "cpu_of", "median", "percentile", "runtime", "show"]


@contextmanager
def runtime(**settings: str) -> Generator[Runtime]:
    """A throw-away PostgreSQL and PgBouncer, everything durable.

    Args:
        settings: of PostgreSQL, over the runtime's.
    """
    wanted = {"shared_buffers": "256MB", "max_wal_size": "4GB", **settings}
    with Runtime(settings=wanted) as running:
        yield running


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent of the values do not exceed; 0 of none."""
    return smallest(values, percent) or 0.0


@dataclass(frozen=True, slots=True)
class Cpu:
    """The processor time of a server process, which a busy machine does not change much."""

    process: psutil.Process

    def seconds(self) -> float:
        """User and system time so far."""
        # Linux counts nanoseconds here, and hundredths of a second there.
        exact = Path(f"/proc/{self.process.pid}/schedstat")
        if exact.exists():
            return int(exact.read_text(encoding="ascii").split()[0]) / 1e9
        times = self.process.cpu_times()
        return times.user + times.system


def cpu_of(connection: psycopg.Connection) -> Cpu:
    """The clock of the process that serves a direct connection."""
    return Cpu(psutil.Process(connection.info.backend_pid))


@dataclass(slots=True)
class Load:
    """What a run of pgbench did.

    Attributes:
        seconds: until it had ended.
        milliseconds: of each call that was answered, from when it was due.
        complete: it made all the calls it was to make.
    """

    seconds: float = 0.0
    milliseconds: list[float] = field(default_factory=list[float])
    complete: bool = True


class Bench:
    """A run of pgbench in the background.

    Args:
        bindir: PostgreSQL's programs.
        dsn: whom to call, as whom.
        script: what a call is, in pgbench's language.
        clients: callers at a time.
        calls: by each of them; None: until it is stopped.
        rate: calls a second of all, due at random instants; None: as fast as answers come.
        variables: that the script uses.
        prepared: not through a PgBouncer older than 1.22.
    """

    def __init__(
        self,
        bindir: Path,
        dsn: str,
        script: str,
        *,
        clients: int,
        calls: int | None = None,
        rate: float | None = None,
        variables: Mapping[str, object] | None = None,
        prepared: bool = True,
    ) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="seckill-bench-")
        self._directory = Path(self._scratch.name)
        (self._directory / "script.sql").write_text(script, encoding="utf-8")
        words = [
            *("-n", "-l", "--log-prefix=log", "-f", "script.sql", "-c", str(clients)),
            *("-M", "prepared" if prepared else "simple"),
            *(["-t", str(calls)] if calls is not None else ["-T", "3600"]),
            *(["-R", str(rate)] if rate is not None else []),
            *(f"-D{name}={value}" for name, value in (variables or {}).items()),
        ]
        self._timed = calls is None
        self._began = monotonic()
        self._process = subprocess.Popen(
            [bindir / "pgbench", *words],
            cwd=self._directory,
            env=environment(dsn),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait(self, timeout: float) -> Load:
        """Until it has made its calls, or is stopped after so many seconds."""
        try:
            _, said = self._process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            return self.stop()
        if self._process.returncode:
            raise RuntimeError(f"pgbench: {said.strip()}")
        return self._load(complete=True)

    def stop(self) -> Load:
        """End it now; what it had measured so far."""
        # What its own timer sends: it ends in order, and writes its whole log. A run of so many
        # calls has no timer; the last few lines of its log are lost.
        self._process.send_signal(signal.SIGALRM if self._timed else signal.SIGTERM)
        _, said = self._process.communicate()
        if self._process.returncode > 0:
            raise RuntimeError(f"pgbench: {said.strip()}")
        return self._load(complete=False)

    def _load(self, *, complete: bool) -> Load:
        seconds = monotonic() - self._began
        taken: list[float] = []
        for log in self._directory.glob("log*"):
            for line in log.read_text(encoding="utf-8").splitlines():
                # client, number, microseconds, script, second, microsecond [, lag]
                words = line.split()
                if len(words) >= 6 and words[2].isdecimal():
                    taken.append(int(words[2]) / 1000)
        self._scratch.cleanup()
        return Load(seconds, taken, complete)


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; the first column is words, the others are numbers."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*map(str, row))
    Console(highlight=False).print(table)
