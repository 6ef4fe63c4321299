"""``seckill test``: the test suite of a checkout."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer

from seckill.cli._common import ExitCode, fail

# Everything that is not ours goes on to pytest as it stands.
CONTEXT: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True}

# Options that are about some directories.
_PATHS = {
    "--faults": ["tests/faults"],
    "--containers": ["tests/containers", "tests/client"],
}

# Options with which pytest must run in one process, or that say in how many.
_OWN_PROCESSES = ("-n", "--numprocesses", "--pdb", "--trace", "--collect-only", "--co")


def pytest_arguments(given: list[str], *, cache: bool) -> list[str]:
    """Return pytest's arguments: the given ones, after the defaults that they leave open.

    Args:
        given: what the user typed.
        cache: whether pytest may write its cache.
    """
    defaults: list[str] = []
    if not any(Path(word.split("::")[0]).exists() for word in given):
        for option, paths in _PATHS.items():
            defaults += paths if option in given else ()
    # There is one stack of containers, with one database.
    if "--containers" not in given and not any(word.startswith(_OWN_PROCESSES) for word in given):
        # Two processes suit two cores; most tests wait for PostgreSQL.
        defaults += ["-n", "2", "--dist", "loadgroup"]
    if not cache:
        defaults += ["-p", "no:cacheprovider"]
    return [*defaults, *given]


def test(context: typer.Context) -> None:
    """Run the test suite; arguments go on to pytest (-k reserve, tests/client, -x, -n 0 …).

    --faults: kill, part and fill up everything, twenty rounds each (--rounds N) instead of one of
    the quick ones; the history checker is the judge. --fault-seed N repeats rounds.

    --containers: build and start ops/compose.yaml with the Docker engine of this machine, and run
    the client's tests against it; then take it all away again.
    """
    from seckill import resources

    root = resources.checkout()
    if root is None or not (root / "tests").is_dir():
        fail("the tests are in the checkout only: clone the repository and run ./seckill test")
    try:
        import pytest  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        fail("pytest is missing: run ./seckill test in the checkout", ExitCode.ENVIRONMENT)
    os.chdir(root)
    cache = os.access(root, os.W_OK)
    arguments = pytest_arguments(list(context.args), cache=cache)
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])
