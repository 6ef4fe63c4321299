"""The fixtures of the suite stand in fix_*.py, by what they give; this file only gathers them."""

from __future__ import annotations

import os

# What a developer's shell names is a real database or a real Redis: no test may speak to it. This
# is done before anything else is imported, and whatever the tests start inherits it.
for name in ("SECKILL_DSN", "SECKILL_ADMIN_DSN", "SECKILL_CONSOLE_DSN", "SECKILL_REDIS_URL"):
    os.environ.pop(name, None)

pytest_plugins = [
    "tests.fix_groups",
    "tests.fix_coverage",
    "tests.fix_postgres",
    "tests.fix_pgbouncer",
    "tests.fix_database",
    "tests.fix_valkey",
    "tests.faults.fix_options",
    "tests.containers.fix_stack",
]
