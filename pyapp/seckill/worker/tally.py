"""What a worker has done, as JSON lines on stdout."""

from __future__ import annotations

import errno
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime


@dataclass(slots=True)
class Tally:
    """Since the start, but for `lag_s`.

    Attributes:
        swept: holds settled.
        relayed: changes of the ledger looked at.
        reopened: flags lowered, or known not to be up.
        lag_s: from when units came back until their flag was down: the longest since the last
            report, 0 if there was none. It spans two clocks, the database's and this machine's.
        errors: calls that failed, and were tried again.
        reconnects: times that the database was lost and came back.
        flag_errors: times that Redis did not answer.
        file_errors: times that the place in the feed could not be kept in its file.
    """

    swept: int = 0
    relayed: int = 0
    reopened: int = 0
    lag_s: float = 0.0
    errors: int = 0
    reconnects: int = 0
    flag_errors: int = 0
    file_errors: int = 0

    def saw_lag(self, seconds: float) -> None:
        """Units came back so long ago, and buyers get through only now."""
        self.lag_s = max(self.lag_s, round(seconds, 3))

    def report(self, event: str = "report", **more: object) -> None:
        """Print a line with all of it, and begin a new longest lag."""
        say(event, **asdict(self), **more)
        self.lag_s = 0.0


def say(event: str, **more: object) -> None:
    """Print one JSON object on one line.

    Args:
        event: `started`, `report`, `lost`, `back`, `rewound` or `stopped`.
        more: its other fields.
    """
    line = json.dumps({"at": datetime.now(UTC).isoformat(), "event": event, **more})
    try:
        print(line, flush=True)
    except OSError as error:
        # A full disk must not stop the sweeper. Any other error means that nobody reads.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
