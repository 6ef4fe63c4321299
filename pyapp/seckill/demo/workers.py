"""The processes of the crowd, as their parent sees them."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import IO, Any, Self

import seckill
from seckill.demo.calls import Latencies
from seckill.demo.worker import Order

# From the last "ready" to the common start: time enough for every worker to read it.
_HEAD_START_S = 0.3
_READY_S = 60.0


class WorkerFailed(RuntimeError):
    """A process of the crowd ended before its work was done; the message is one line."""


@dataclass(slots=True)
class Progress:
    """All processes together, so far.

    Attributes:
        answers: as `Calls.answers`.
        first_answers: buyers who have had their first answer.
        waiting: buyers who wait for units to come back.
        flagged: refusals by the sold-out flag.
    """

    answers: Counter[str] = field(default_factory=Counter[str])
    first_answers: int = 0
    waiting: int = 0
    flagged: int = 0

    @property
    def calls(self) -> int:
        """Calls answered."""
        return self.answers.total()


@dataclass(slots=True)
class Result:
    """All processes together, at the end.

    Attributes:
        answers: as `Calls.answers`.
        outcomes: as `Crowd.outcomes`.
        latencies: by kind of call, in milliseconds, unsorted.
        broken: contradictions that buyers saw.
        flagged: refusals by the sold-out flag.
        answered_s: seconds from the start until each buyer had his first answer.
        total_s: seconds from the start until the last buyer was done.
    """

    answers: Counter[str] = field(default_factory=Counter[str])
    outcomes: Counter[str] = field(default_factory=Counter[str])
    latencies: dict[str, Latencies] = field(default_factory=dict[str, Latencies])
    broken: list[str] = field(default_factory=list[str])
    flagged: int = 0
    answered_s: float = 0.0
    total_s: float = 0.0


class Workers:
    """Starts the processes, lets them go at one instant, collects what they say.

    Use it as a context manager: whatever happens, no process is left behind. They are in sessions
    of their own, so that Ctrl-C reaches only us, and end by themselves when we die.

    Args:
        orders: one for each process.
    """

    def __init__(self, orders: Sequence[Order]) -> None:
        self._orders = orders
        self._processes: list[subprocess.Popen[str]] = []
        self._said: queue.Queue[tuple[int, dict[str, Any] | None]] = queue.Queue()
        self._ready: set[int] = set()
        self._progress: dict[int, dict[str, Any]] = {}
        self._results: dict[int, dict[str, Any]] = {}
        self._started_at = 0.0
        self._ended_at = 0.0

    def __enter__(self) -> Self:
        try:
            for number, order in enumerate(self._orders):
                self._launch(number, order)
            gives_up = monotonic() + _READY_S
            while len(self._ready) < len(self._orders):
                self.listen(0.2)
                if monotonic() > gives_up:
                    raise WorkerFailed("the crowd's processes do not start")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def go(self) -> None:
        """Let all buyers of all processes click, at one instant a moment from now."""
        # The clock is the machine's, the same in every process.
        self._started_at = monotonic() + _HEAD_START_S
        for process in self._processes:
            _pipe(process.stdin).write(f"{self._started_at!r}\n")
            _pipe(process.stdin).flush()

    @property
    def running_s(self) -> float:
        """Seconds since the start; negative before it."""
        return (self._ended_at or monotonic()) - self._started_at

    @property
    def done(self) -> bool:
        """Whether every process has told its result."""
        return len(self._results) == len(self._orders)

    def listen(self, timeout: float) -> None:
        """Take in what the processes say, for at most `timeout` seconds.

        Raises:
            WorkerFailed: one of them cannot go on.
        """
        ends = monotonic() + timeout
        while not self.done and (left := ends - monotonic()) > 0:
            try:
                number, message = self._said.get(timeout=left)
            except queue.Empty:
                return
            self._take(number, message)

    @property
    def progress(self) -> Progress:
        """How far all of them are."""
        sums = Progress()
        for told in self._progress.values():
            sums.answers.update(told["answers"])
            sums.first_answers += told["first_answers"]
            sums.waiting += told["waiting"]
            sums.flagged += told["flagged"]
        return sums

    def result(self) -> Result:
        """What came of it, once `done`."""
        sums = Result(
            answers=self.progress.answers, flagged=self.progress.flagged, total_s=self.running_s
        )
        for told in self._results.values():
            sums.outcomes.update(told["outcomes"])
            sums.broken += told["broken"]
            sums.answered_s = max(sums.answered_s, told["answered_at"] - self._started_at)
            for kind, seen in told["latencies"].items():
                latencies = sums.latencies.setdefault(kind, Latencies())
                latencies.click += seen["click"]
                latencies.call += seen["call"]
        return sums

    def stop(self) -> None:
        """End every process, done or not."""
        for process in self._processes:
            with contextlib.suppress(OSError):
                _pipe(process.stdin).close()  # it ends by itself then
        for process in self._processes:
            try:
                process.wait(2)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _launch(self, number: int, order: Order) -> None:
        package = str(Path(seckill.__file__).parents[1])
        path = os.environ.get("PYTHONPATH")
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "seckill.demo.worker"],
            env={**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{path}" if path else package},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if os.environ.get("SECKILL_TRACEBACK") else subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )
        self._processes.append(process)
        # Not on the command line, where every user of the machine could read the password.
        _pipe(process.stdin).write(order.to_json() + "\n")
        _pipe(process.stdin).flush()
        threading.Thread(target=self._read, args=(number, process), daemon=True).start()

    def _read(self, number: int, process: subprocess.Popen[str]) -> None:
        with _pipe(process.stdout) as lines:
            for line in lines:
                self._said.put((number, json.loads(line)))
        self._said.put((number, None))

    def _take(self, number: int, message: dict[str, Any] | None) -> None:
        if message is None:
            if number not in self._results:
                status = self._processes[number].wait()
                raise WorkerFailed(f"process {number + 1} of the crowd ended with status {status}")
        elif "error" in message:
            raise WorkerFailed(f"process {number + 1} of the crowd: {message['error']}")
        elif "ready" in message:
            self._ready.add(number)
        elif "progress" in message:
            self._progress[number] = message["progress"]
        else:
            self._results[number] = message["result"]
            self._ended_at = monotonic()


def _pipe(stream: IO[str] | None) -> IO[str]:
    assert stream is not None
    return stream
