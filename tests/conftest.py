"""The fixtures of the suite stand in fix_*.py, by what they give; this file only gathers them."""

from __future__ import annotations

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
