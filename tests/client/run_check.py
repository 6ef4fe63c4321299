"""Run one check of coalescing on the package that is imported here; 1 where it found a mistake.

python -m tests.client.run_check tasks.NAME BUYER_DSN OPERATOR_DSN SUPERUSER_DSN
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from tests.client import checks_coalesce, checks_coalesce_async, checks_tasks, checks_threads
from tests.client.fix_coalesce import Arena
from tests.concurrency.sessions import Violation

PATIENCE_S = 40
TASKS = checks_coalesce_async.CHECKS | checks_tasks.CHECKS
THREADS = checks_coalesce.CHECKS | checks_threads.CHECKS


def main(arguments: Sequence[str]) -> int:
    """Run one check."""
    (kind, name), dsns = arguments[0].split("."), arguments[1:]
    try:
        if kind == "tasks":
            asyncio.run(asyncio.wait_for(TASKS[name](Arena(*dsns)), PATIENCE_S))
        else:
            THREADS[name](Arena(*dsns))
    except Violation as violation:
        print(f"Violation: {violation}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
