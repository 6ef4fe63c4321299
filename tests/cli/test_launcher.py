"""`seckill test`: what pytest is given, and the table that the faults end with."""

from __future__ import annotations

from seckill import resources
from seckill.cli.test import pytest_arguments
from tests.faults.fix_options import table
from tests.fix_groups import GROUPS, group_of


def test_what_the_user_left_open_is_filled_in() -> None:
    assert pytest_arguments(["-k", "x"], cache=True) == [
        "-n",
        "2",
        "--dist",
        "loadgroup",
        "-k",
        "x",
    ]
    assert pytest_arguments(["-n", "0"], cache=True) == ["-n", "0"]
    assert pytest_arguments(["--pdb"], cache=False) == ["-p", "no:cacheprovider", "--pdb"]


def test_faults_are_looked_for_in_their_directory() -> None:
    assert pytest_arguments(["-n", "1", "--faults", "--rounds", "2"], cache=True)[:1] == [
        "tests/faults"
    ]
    chosen = ["-n", "1", "--faults", "tests/faults/test_clock.py::test_clock"]
    assert pytest_arguments(chosen, cache=True) == chosen


def test_containers_are_one_stack_for_one_process() -> None:
    assert pytest_arguments(["--containers"], cache=True) == [
        "tests/containers",
        "tests/client",
        "--containers",
    ]
    chosen = ["--containers", "tests/client/test_client.py"]
    assert pytest_arguments(chosen, cache=True) == chosen


def test_the_table_has_the_sums_of_the_rounds() -> None:
    rows = [
        {
            "fault": "kill",
            "faults": 2,
            "calls": 1_000,
            "acknowledged": 400,
            "unknown": 3,
            "lost": 0,
        },
        {"fault": "kill", "faults": 2, "calls": 500, "acknowledged": 100, "unknown": 1, "lost": 1},
        {"fault": "a longer name", "faults": 1, "calls": 1},
    ]
    heading, longer, kill = table(rows)
    assert heading.split()[:5] == ["rounds", "faults", "calls", "acknowledged", "unknown"]
    assert longer.split()[:6] == ["a", "longer", "name", "1", "1", "1"]
    assert kill.split()[:6] == ["kill", "2", "4", "1,500", "500", "4"]
    assert kill.split()[-3:] == ["1", "0", "0"], "lost, oversold, unexplained"


def test_a_module_that_shares_what_takes_long_is_one_group() -> None:
    root = resources.checkout()
    assert root is not None
    for module in GROUPS:
        assert (root / module).is_file()
        assert {group_of(f"{module}::test_{name}") for name in ("a", "b[x::y]")} == {module}
    alone = "tests/cli/test_launcher.py::test_a[tests/bench/test_bench.py::x]"
    assert group_of(alone) == alone
