"""Writing histories: one file a process, one JSON object a line, appended and never changed.

A line `invoke` stands before its call is sent, and one of `answer`, `failed` (nothing happened) and
`unknown` after it. Each line is one write to the system, so that what a killed process had sent is
there; a call without a second line is unknown.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from seckill.errors import OutcomeUnknown, SeckillError

# What of an answer the books can be asked for.
_KEPT = ("status", "reservation_id", "replayed", "state", "late")


def prepare(directory: Path) -> Path:
    """Make the directory of a new history.

    Raises:
        FileExistsError: it is a file, or something is in it; histories of two databases cannot be
            told apart.
    """
    if directory.exists() and not directory.is_dir():
        raise FileExistsError(f"{directory} is a file: a history needs a directory of its own")
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise FileExistsError(f"{directory} is not empty: a history needs a directory of its own")
    return directory


class Recorder:
    """Writes what one process does; may be shared by its tasks and threads.

    Args:
        directory: of the history, the same for all processes.
        program: whose calls these are.
        about: what else a reader may want to know, such as the seed.
    """

    def __init__(self, directory: Path, program: str, **about: object) -> None:
        name = f"{program}-{os.getpid()}-{uuid4().hex[:6]}.jsonl"
        # Appended in one write each, and never twice by one name.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL
        self._file = os.open(directory / name, flags, 0o644)
        self._last = 0
        self._write({"event": "process", "program": program, "pid": os.getpid(), **about})

    def begin(self, call: str, **arguments: object) -> Entry:
        """Write that a call is about to be sent; use the entry as a context manager around it."""
        self._last += 1
        number = self._last
        self._write({"event": "invoke", "id": number, "call": call, "arguments": arguments})
        return Entry(self, number)

    def reserve(
        self,
        *,
        activity_id: int,
        user_id: str,
        lines: Mapping[str, int],
        request_id: object,
        region: str = "*",
        call: str = "reserve",
    ) -> Entry:
        """`begin` of a purchase; `call` names the function where it is another one."""
        return self.begin(
            call,
            activity_id=activity_id,
            user_id=user_id,
            lines=dict(lines),
            request_id=request_id,
            region=region,
        )

    def confirm(self, *, user_id: str, reservation_id: int, payment_ref: str | None) -> Entry:
        """`begin` of a payment."""
        return self.begin(
            "confirm", user_id=user_id, reservation_id=reservation_id, payment_ref=payment_ref
        )

    def cancel(self, *, user_id: str, reservation_id: int) -> Entry:
        """`begin` of a cancellation."""
        return self.begin("cancel", user_id=user_id, reservation_id=reservation_id)

    def close(self) -> None:
        """Nothing more will be written."""
        os.close(self._file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def end(self, number: int, event: str, **said: object) -> None:
        """Write what became of a call."""
        self._write({"event": event, "id": number, **said})

    def _write(self, fields: Mapping[str, object]) -> None:
        line = json.dumps({"at": time.time(), **fields}, default=str, ensure_ascii=False) + "\n"
        os.write(self._file, line.encode())


class Entry:
    """One call in a history: `with recorder.reserve(…) as entry: entry.answered(call(…))`.

    What the block raises says how the call ended: `OutcomeUnknown` and all that is not an error
    of ours (a cancelled task, Ctrl-C) as unknown, every other `SeckillError` as failed.
    """

    __slots__ = ("_done", "_number", "_recorder")

    def __init__(self, recorder: Recorder, number: int) -> None:
        self._recorder = recorder
        self._number = number
        self._done = False

    def answered(self, answer: Any) -> None:
        """The server's answer: a result of the client, or a row with names."""
        self._end("answer", answer=_fields(answer))

    def failed(self, why: str) -> None:
        """Nothing happened, and the caller knows it."""
        self._end("failed", error=why)

    def unknown(self, why: str) -> None:
        """It may have happened."""
        self._end("unknown", error=why)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._done:
            return
        if isinstance(error, SeckillError) and not isinstance(error, OutcomeUnknown):
            self.failed(_line(error))
        else:
            self.unknown("no answer was written" if error is None else _line(error))

    def _end(self, event: str, **said: object) -> None:
        self._done = True
        self._recorder.end(self._number, event, **said)


def _fields(answer: Any) -> dict[str, Any]:
    said = {name: getattr(answer, name, None) for name in _KEPT}
    if said["status"] is None:
        raise TypeError(f"an answer has a status, {type(answer).__name__} has none")
    return {name: value for name, value in said.items() if value is not None}


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
