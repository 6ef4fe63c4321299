"""pgbench for a few seconds."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

_LOOK_S = 0.05
# pgbench ends by itself; a call that waits for a lock may keep it this much longer.
_GRACE_S = 30.0
# A number of calls takes as long as it takes.
_LONGEST_S = 600.0
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
}


class BenchError(Exception):
    """A measure that cannot count, in one line."""


class NoCalls(BenchError):
    """Connecting took all the time there was: the machine is busy."""


class Interrupted(Exception):
    """The user wants it to stop."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Buyers who arrived at a fixed rate.

    Attributes:
        buyers: how many.
        answered: the share that had an answer when the last one arrived.
        errors: who got an error for an answer.
        p50_ms: from the intended start to the answer: half waited no longer.
        p99_ms: 99 of 100 waited no longer.
        p999_ms: 999 of 1,000 waited no longer.
    """

    buyers: int
    answered: float
    errors: int
    p50_ms: float
    p99_ms: float
    p999_ms: float


@dataclass(frozen=True, slots=True)
class Rate:
    """What was done: calls in all, and calls a second (of processor time, for the ledger)."""

    calls: int
    per_second: float
    arrivals: Arrivals | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """A run of pgbench.

    Attributes:
        dsn: whom to call, as whom.
        script: what a call is.
        callers: at a time.
        prepared: send prepared statements; not through an old PgBouncer.
        activity_id: the sale, for scripts that have one.
        calls: of each caller, instead of calls for some seconds; 0: as many as can be.
        warm_up_s: before it counts: a new connection has its plans to make.
    """

    dsn: str
    script: str
    callers: int
    prepared: bool
    activity_id: int = 0
    calls: int = 0
    warm_up_s: int = 0

    def run(self, bindir: Path, seconds: int, stop: threading.Event) -> Rate:
        """Call for so many seconds.

        Raises:
            BenchError: a call failed.
            Interrupted: `stop` was set.
        """
        with tempfile.TemporaryDirectory(prefix="seckill-bench-") as scratch:
            (Path(scratch) / "script.sql").write_text(self.script, encoding="utf-8")
            words = [
                *("-n", "-f", "script.sql", "-c", str(self.callers)),
                *self._how_long(seconds),
                *("-j", str(min(self.callers, 2)), "-D", f"activity={self.activity_id}"),
                *("-M", "prepared" if self.prepared else "simple"),
            ]
            child = subprocess.Popen(
                [bindir / "pgbench", *words],
                cwd=scratch,
                env=environment(self.dsn),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,  # Ctrl-C reaches only us
            )
            try:
                longest_s = _LONGEST_S if self.calls else self.warm_up_s + seconds + _GRACE_S
                said = _wait(child, longest_s, stop)
            finally:
                if child.poll() is None:
                    child.kill()
                    child.communicate()
        return _rate(said, child.returncode, self.warm_up_s)

    def _how_long(self, seconds: int) -> tuple[str, ...]:
        if self.calls:
            return ("-t", str(self.calls))
        told = ("-P", "1") if self.warm_up_s else ()
        return ("-T", str(self.warm_up_s + seconds), *told)


def environment(dsn: str) -> dict[str, str]:
    """Of pgbench: whom to call. A password on its command line would be seen by everybody."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    for word, value in conninfo_to_dict(dsn).items():
        if word not in _VARIABLES:
            raise BenchError(f"pgbench is not told {word}: leave it out of the DSN")
        kept[_VARIABLES[word]] = str(value)
    return kept | {"LC_ALL": "C"}


def _wait(child: subprocess.Popen[str], longest_s: float, stop: threading.Event) -> str:
    for _ in range(int(longest_s / _LOOK_S)):
        try:
            return child.communicate(timeout=_LOOK_S)[0]
        except subprocess.TimeoutExpired:
            if stop.is_set():
                raise Interrupted from None
    raise BenchError(f"pgbench was not done after {longest_s:.0f} seconds")


def _rate(said: str, status: int, warm_up_s: int) -> Rate:
    calls = re.search(r"actually processed: (\d+)", said)
    failed = re.search(r"failed transactions: (\d+)", said)
    per_second = re.search(r"tps = ([\d.]+)", said)
    if status == 0 and calls is not None and calls[1] == "0":
        raise NoCalls("not one call was answered in time: give more --seconds")
    if status != 0 or calls is None or per_second is None or (failed and failed[1] != "0"):
        wrong = [line for line in said.splitlines() if "rror" in line] or said.splitlines()[-1:]
        raise BenchError(f"pgbench: {wrong[0] if wrong else f'exit status {status}'}")
    # A line for each second, the warm-up's too; the last one may be missing.
    told = [float(rate) for rate in re.findall(r"progress: .* s, ([\d.]+) tps", said)][warm_up_s:]
    return Rate(int(calls[1]), sum(told) / len(told) if told else float(per_second[1]))
