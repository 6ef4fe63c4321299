"""With SECKILL_COVERAGE=DIR the run says which statements of our functions it executed.

PostgreSQL 15 then runs with plpgsql_check's profiler. What it counted in a database is read before
the database is dropped, and at its end each process of the run writes a file into DIR;
`ops/dev/coverage.py` reads them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from ops.dev.coverage import PROFILER, VARIABLE, VERSION, Profile, collect

DIRECTORY = os.environ.get(VARIABLE)
EXECUTED = Profile.empty()


def profiler_settings(version: str) -> Mapping[str, str]:
    """What a server of that version needs, besides, for this run."""
    return PROFILER if DIRECTORY and version == VERSION else {}


def before_drop(version: str, dsn: str) -> None:
    """Read what was executed in a database that nobody needs any more."""
    if profiler_settings(version):
        EXECUTED.add(collect(dsn))


def pytest_unconfigure(config: pytest.Config) -> None:
    """After all fixtures ended; in every process of the run, and in the one that leads them."""
    if DIRECTORY and (EXECUTED.statements or EXECUTED.calls):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        directory = Path(DIRECTORY)
        directory.mkdir(parents=True, exist_ok=True)
        EXECUTED.write(directory / f"{worker}-{os.getpid()}.json")
