"""Each line of ops/THREATS.md names a test, and the test is there."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]


def test_each_line_names_tests_that_exist() -> None:
    text = (TESTS.parent / "ops" / "THREATS.md").read_text()
    lines = [line for line in text.splitlines() if line.startswith("| ")][1:]
    assert len(lines) > 15
    for line in lines:
        named = re.findall(r"`([a-z_]+/(?:[a-z_0-9]+\.py)?)`", line.rsplit("|", 2)[1])
        assert named, line
        for name in named:
            assert (TESTS / name).exists(), name


def test_each_file_of_the_security_tests_is_named() -> None:
    text = (TESTS.parent / "ops" / "THREATS.md").read_text()
    for path in (TESTS / "security").glob("test_*.py"):
        assert f"security/{path.name}" in text, path.name
