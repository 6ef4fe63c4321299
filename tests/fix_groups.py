"""Modules whose tests share what takes long to make run in one process, and begin first.

pytest-xdist 3.8 hands `xdist_group` on in a way that pytest 9.2 no longer reads (it renames the
test by `_nodeid`), so both processes would make it. The scheduler here reads the test's module.
Groups begin before single tests, so that no process waits for the other at the end.
"""

from __future__ import annotations

from typing import Any

import pytest

GROUPS = ("tests/bench/test_bench.py",)


def group_of(nodeid: str) -> str:
    """What is handed to one process as a whole: a module of GROUPS, else the test alone."""
    module = nodeid.split("::", 1)[0]
    return module if module in GROUPS else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `--dist loadgroup`, which `./seckill test` asks for, and plain `-n 2`."""
    if config.getvalue("dist") not in ("load", "loadgroup"):
        return None
    from xdist.scheduler import LoadGroupScheduling

    class Groups(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log)
