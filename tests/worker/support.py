"""`seckill worker` as a process of its own, and holds for it to sweep."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fix_database import Database, wait_until
from tests.fix_sale import Sale, open_sale


@dataclass(slots=True)
class Worker:
    """A running worker and the lines that it has printed."""

    process: subprocess.Popen[str]
    lines: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def read(self) -> None:
        """Take in what it prints, until its end."""
        for line in self.process.stdout or ():
            self.lines.append(json.loads(line))

    def saw(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """The lines of an event that have these fields."""
        wanted = {"event": event, **fields}
        return [line for line in list(self.lines) if wanted.items() <= line.items()]

    def wait_for(self, event: str, **fields: Any) -> None:
        """Wait until it has printed such a line."""
        wait_until(lambda: bool(self.saw(event, **fields)), f"{event} {fields} in {self.lines}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> dict[str, Any]:
        """Ask it to stop, see that it does so cleanly, and give its last line."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> dict[str, Any]:
        """Its last line, once it has ended by itself."""
        assert self.process.wait(20) == 0
        wait_until(lambda: bool(self.saw("stopped")), "the last line")
        assert self.lines[-1]["event"] == "stopped"
        return self.lines[-1]


@contextmanager
def worker(dsn: str, *arguments: str, stdout: str | None = None) -> Generator[Worker]:
    """Start one; killed at the end if it still runs. `stdout`: a file for its lines."""
    environment = {name: value for name, value in os.environ.items() if "SECKILL" not in name}
    with nullcontext(subprocess.PIPE) if stdout is None else Path(stdout).open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "seckill", "worker", "--report", "0.1", *arguments],
            env={**environment, "SECKILL_DSN": dsn},
            stdout=out,
            stderr=subprocess.PIPE,
            text=True,
        )
    made = Worker(process)
    reader = threading.Thread(target=made.read, daemon=True)
    reader.start()
    try:
        yield made
    finally:
        process.kill()
        process.wait()
        reader.join(5)
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def sale_with_ended_holds(db: Database, holds: int) -> Sale:
    """A sale in which so many holds have ended and nobody has swept."""
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        sale = open_sale(operator, units=holds)
        operator.execute(
            """
            select count(*) from generate_series(1, %s) as n,
                   lateral seckill.reserve(%s, 'user ' || n, %s, 1, gen_random_uuid()) as r""",
            [holds, sale.activity_id, sale.sku],
        )
        end_holds(superuser, sale)
    return sale


def end_holds(superuser: Any, sale: Sale) -> None:
    """Let all holds of a sale end now."""
    superuser.execute(
        """
        update seckill_private.reservation set expires_at = clock_timestamp()
         where state = 'held' and buyer_key >> 40 = %s""",
        [sale.activity_id],
    )
    superuser.execute("update seckill_private.pool_slot set next_expiry = '-infinity'")


def states(db: Database, sale: Sale) -> dict[str, int]:
    """How many reservations of a sale stand in each state in the books."""
    with db.connect("superuser") as superuser:
        rows = superuser.execute(
            "select state, count(*) from seckill_private.reservation"
            " where buyer_key >> 40 = %s group by state",
            [sale.activity_id],
        ).fetchall()
    return {row[0]: row[1] for row in rows}
