"""Reading histories: every attempt of every process, in the order in which they were sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["answered", "failed", "unknown"]
_OUTCOMES: Mapping[str, Outcome] = {"answer": "answered", "failed": "failed", "unknown": "unknown"}


class HistoryError(Exception):
    """A history that cannot be read; the message is one line."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call as it was sent once.

    Attributes:
        process: the file that it stands in.
        call: `reserve`, `confirm`, `cancel`, or how else to buy.
        arguments: as they were given.
        sent_at: seconds since the epoch, by the caller's clock.
        ended_at: likewise; None: nobody wrote how it ended.
        outcome: `failed` means that nothing happened.
        answer: the fields that were kept of it.
        error: the reason, where there is no answer.
    """

    process: str
    call: str
    arguments: Mapping[str, Any]
    sent_at: float
    ended_at: float | None = None
    outcome: Outcome = "unknown"
    answer: Mapping[str, Any] | None = None
    error: str = "its process ended first"

    @property
    def buys(self) -> bool:
        """Whether it asks for units."""
        return self.call.startswith("reserve")

    @property
    def status(self) -> str | None:
        """What the answer says."""
        return None if self.answer is None else self.answer["status"]

    @property
    def request(self) -> tuple[int, str, str]:
        """Activity, user and request id of a purchase."""
        told = self.arguments
        return int(told["activity_id"]), str(told["user_id"]), str(told["request_id"])

    @property
    def reservation_id(self) -> int | None:
        """The reservation that it is about, as far as the caller knows."""
        found = (self.answer or {}).get("reservation_id") if self.buys else None
        return found or self.arguments.get("reservation_id")


def read_history(directory: Path) -> list[Attempt]:
    """All attempts in a directory.

    Raises:
        HistoryError: no history, or a line that is none.
    """
    if not directory.is_dir():
        raise HistoryError(f"{directory}: no such directory")
    files = sorted(file for file in directory.glob("*.jsonl") if _is_history(file))
    if not files:
        raise HistoryError(f"{directory}: no history in it")
    attempts = [attempt for file in files for attempt in _read_file(file)]
    return sorted(attempts, key=lambda attempt: attempt.sent_at)


def _is_history(file: Path) -> bool:
    with file.open(encoding="utf-8") as lines:
        return '"event": "process"' in lines.readline()


def _read_file(file: Path) -> list[Attempt]:
    attempts: dict[int, Attempt] = {}
    lines = file.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, 1):
        # What stands behind the last newline was cut off with its process.
        if number == len(lines):
            break
        try:
            _take(attempts, file.stem, json.loads(line))
        except (ValueError, KeyError, TypeError) as error:
            raise HistoryError(f"{file}:{number}: no line of a history: {error!r}") from error
    return list(attempts.values())


def _take(attempts: dict[int, Attempt], process: str, told: Mapping[str, Any]) -> None:
    match told["event"]:
        case "process":
            return
        case "invoke":
            attempts[told["id"]] = Attempt(process, told["call"], told["arguments"], told["at"])
        case event:
            attempts[told["id"]] = replace(
                attempts[told["id"]],
                ended_at=told["at"],
                outcome=_OUTCOMES[event],
                answer=told.get("answer"),
                error=told.get("error", ""),
            )
