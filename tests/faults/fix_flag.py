"""A sold-out flag that writes down what buyers heard of it, and for how long it held them up.

Each process of buyers has a file of its own beside the history; `Notes` reads them.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from seckill.flag import Flag, StockPool
from seckill.flag_redis import AsyncRedisFlag
from seckill.results import ReserveResult
from tests.fix_database import wait_until

TTL_MS = 500
TIMEOUT_MS = 50  # the client's own default


@dataclass(frozen=True, slots=True)
class Note:
    """A question to the store, or a refusal by the flag (`what` is `refused`).

    Attributes:
        process: whose.
        at: seconds since the epoch, when the buyer could go on.
        what: `shut` or `open`, which the store says; `nothing`; `told`: it was written to.
        took_s: for how long it held up the buyer.
        rests: the store is not asked for a while, because it did not answer.
    """

    process: str
    at: float
    what: str
    took_s: float = 0.0
    rests: bool = False


class WatchedFlag(AsyncRedisFlag):
    """A flag in Redis, of buyers who are watched."""

    def __init__(self, url: str, directory: Path) -> None:
        super().__init__(url, ttl_ms=TTL_MS, timeout_ms=TIMEOUT_MS)
        self._notes = (directory / f"flag-{os.getpid()}.notes").open("a", buffering=1)

    async def read(self, pools: Sequence[StockPool]) -> Sequence[Flag | None]:
        """What is known of these pools."""
        began = monotonic()
        heard = await super().read(pools)
        (flag,) = heard
        what = "nothing" if flag is None else "shut" if flag.shut else "open"
        self._note(what=what, took_s=monotonic() - began, rests=self.rests)
        return heard

    async def shut(self, pool: StockPool, epoch: int, ends_at: float) -> None:
        """Raise the flag."""
        began = monotonic()
        await super().shut(pool, epoch, ends_at)
        self._note(what="told", took_s=monotonic() - began, rests=self.rests)

    def answered(self, answer: ReserveResult) -> None:
        """A buyer has this answer. PostgreSQL names the end of the first hold, a flag none."""
        if (answer.status, answer.retry, answer.retry_at) == ("sold_out", "may_return", None):
            self._note(what="refused")

    def _note(self, **said: Any) -> None:
        self._notes.write(json.dumps({"at": time.time(), **said}) + "\n")


class Notes:
    """The notes of all processes of a round, as far as they are written."""

    def __init__(self, directory: Path) -> None:
        self.all: list[Note] = []
        self._directory = directory
        self._read: dict[Path, int] = {}

    def update(self) -> None:
        """Read on."""
        for file in self._directory.glob("flag-*.notes"):
            with file.open("rb") as lines:
                lines.seek(self._read.get(file, 0))
                text = lines.read()
            whole = text.rfind(b"\n") + 1
            self._read[file] = self._read.get(file, 0) + whole
            self.all += [Note(file.stem, **json.loads(line)) for line in text[:whole].splitlines()]

    def wait_for(self, wanted: Callable[[Note], bool], what: str, *, count: int = 3) -> None:
        """Wait for so many notes of that kind that are written from now on."""
        self.update()
        seen = len(self.all)

        def there() -> bool:
            self.update()
            return sum(map(wanted, self.all[seen:])) >= count

        wait_until(there, what, 10)

    def longest_lie_s(self, begin: float, end: float) -> float:
        """For how long a process went on with refusals by the flag while there were units to sell.

        Each from its first one on, since it cannot have believed before what it had not heard.

        Args:
            begin: of the time with units, in seconds since the epoch.
            end: of it.
        """
        longest_s = 0.0
        first: dict[str, float] = {}
        for note in sorted(self.all, key=lambda note: note.at):
            if note.what == "refused" and note.at < end:
                since = max(begin, first.setdefault(note.process, note.at))
                longest_s = max(longest_s, note.at - since)
        return longest_s
