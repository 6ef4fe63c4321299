"""The options of the fault suite, its rounds, and the table at the end.

`./seckill test --faults` runs twenty rounds of everything, `--rounds N` another number; with
CI=true there is one of everything, and else one of the quick ones. Each round has a seed, which
its test's name shows; `--fault-seed` gives the first one, to run the same rounds again.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

ROUNDS = 20
_PROPERTY = "fault round"
_HERE = Path(__file__).parent
_CHECKED = ("lost", "oversold", "unexplained")
_COLUMNS = (
    *("rounds", "faults", "calls", "acknowledged", "unknown", "repeated", "in books", "absent"),
    *_CHECKED,
)
_FIRST = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("seckill")
    group.addoption("--faults", action="store_true", help="run every fault, again and again")
    group.addoption("--rounds", type=int, help=f"rounds of each fault (default {ROUNDS})")
    group.addoption("--fault-seed", type=int, help="the seed of the first round")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "fault(title, quick=False): a fault; quick ones always have a round"
    )
    given: int | None = config.getoption("--fault-seed")
    # The controller of several processes tells them what it drew.
    told: int | None = getattr(config, "workerinput", {}).get("fault_seed")
    first = given if given is not None else told
    config.stash[_FIRST] = secrets.randbelow(1_000_000) if first is None else first
    if config.pluginmanager.hasplugin("xdist") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Teller(config.stash[_FIRST]), "seckill-fault-seed")


class _Teller:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def pytest_configure_node(self, node: Any) -> None:
        node.workerinput["fault_seed"] = self._seed


def rounds_of(config: pytest.Config) -> int:
    """How many rounds of each fault."""
    wanted: int | None = config.getoption("--rounds")
    return wanted or (ROUNDS if config.getoption("--faults") else 1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames and metafunc.definition.path.parent == _HERE:
        first = metafunc.config.stash[_FIRST]
        seeds = range(first, first + rounds_of(metafunc.config))
        metafunc.parametrize("seed", seeds, ids=[f"seed {seed}" for seed in seeds])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--faults") or os.environ.get("CI") == "true":
        return
    slow = [item for item in items if _is_slow(item)]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


def _is_slow(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("fault")
    return mark is not None and not mark.kwargs.get("quick", False)


def note_round(item: pytest.Item, row: dict[str, int | str]) -> None:
    """Keep a round for the table at the end."""
    item.user_properties.append((_PROPERTY, row))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    reports = [one for kind in terminalreporter.stats.values() for one in kind]
    rows = [
        value
        for report in reports
        if getattr(report, "when", None) == "call"
        for name, value in report.user_properties
        if name == _PROPERTY
    ]
    if not rows:
        return
    terminalreporter.section(f"faults, seeds from {config.stash[_FIRST]} on")
    for line in table(rows):
        terminalreporter.line(line)


def table(rows: Iterable[dict[str, Any]]) -> list[str]:
    """A line for each fault, with the sums of its rounds."""
    sums: dict[str, Counter[str]] = {}
    for row in rows:
        sums.setdefault(row["fault"], Counter()).update(
            {name: int(row.get(name, 0)) for name in _COLUMNS} | {"rounds": 1}
        )
    width = max(len(name) for name in sums)
    # `unknown` is the number of calls without an answer, the next three how each was settled.
    lines = [" ".join(["".ljust(width), *_COLUMNS])]
    for name, counts in sorted(sums.items()):
        numbers = [f"{counts[column]:>{len(column)},}" for column in _COLUMNS]
        lines.append(" ".join([name.ljust(width), *numbers]))
    return lines
