"""The sold-out flag in the demo: a Valkey that does not survive the sale, and a worker."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import seckill
from seckill.runtime.valkey import Valkey

_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class FlagReport:
    """What became of the flag.

    Attributes:
        killed_s: seconds from the start of the crowd until Valkey was killed; None: it was not.
        reopened: flags that the worker lowered.
        swept: holds that the worker settled.
    """

    killed_s: float | None
    reopened: int
    swept: int


class FlagServices:
    """Valkey, and a worker that sweeps and relays. A context manager that leaves nothing behind.

    Args:
        ops_dsn: of a member of `seckill_ops`.
    """

    def __init__(self, ops_dsn: str) -> None:
        self._ops_dsn = ops_dsn
        self._valkey = Valkey()
        self._worker: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._last: dict[str, Any] = {}
        self._killed_s: float | None = None

    @property
    def url(self) -> str:
        """Where the clients find their flags."""
        return self._valkey.url

    def kill(self, running_s: float) -> None:
        """Kill Valkey, with all flags that it had; the crowd has run for so many seconds."""
        self._killed_s = running_s
        self._valkey.kill()

    @property
    def killed(self) -> bool:
        """Whether that was done."""
        return self._killed_s is not None

    def report(self) -> FlagReport:
        """Stop the worker and say what it did."""
        self._stop_worker()
        return FlagReport(self._killed_s, self._last.get("reopened", 0), self._last.get("swept", 0))

    def __enter__(self) -> Self:
        try:
            self._valkey.start()
            self._start_worker()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _start_worker(self) -> None:
        package = str(Path(seckill.__file__).parents[1])
        path = os.environ.get("PYTHONPATH")
        self._worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "seckill", "worker"],
            env={
                **os.environ,
                "PYTHONPATH": f"{package}{os.pathsep}{path}" if path else package,
                # Not on the command line, where every user of the machine could read the password.
                "SECKILL_DSN": self._ops_dsn,
                "SECKILL_REDIS_URL": self.url,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("SECKILL_TRACEBACK") else subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self._worker,), daemon=True)
        self._reader.start()

    def _read(self, worker: subprocess.Popen[str]) -> None:
        assert worker.stdout is not None
        lines: IO[str] = worker.stdout
        with lines:
            for line in lines:
                with contextlib.suppress(ValueError):
                    self._last.update(json.loads(line))

    def _stop_worker(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        worker.send_signal(signal.SIGTERM)
        try:
            worker.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            worker.kill()
            worker.wait()
        if self._reader is not None:
            self._reader.join(_STOP_S)

    def _close(self) -> None:
        try:
            self._stop_worker()
        finally:
            self._valkey.close()
