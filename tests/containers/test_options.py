"""`--containers` where there is no engine, and who is chosen with it and without it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.containers.fix_stack import pytest_configure
from tests.containers.stack import ROOT, why_not


def test_without_an_engine_all_is_skipped_and_the_reason_said(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"),
            *("--containers", "tests/containers/test_stack.py"),
        ],
        cwd=ROOT,
        # Not even CI, where other things that are missing are failures, has one everywhere.
        env={**os.environ, "PATH": str(tmp_path), "CI": "true"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[-1].split()[1] == "skipped"
    assert "passed" not in lines[-1]
    assert [line for line in lines if line.endswith("no Docker engine: no docker command")]


def test_an_engine_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    reason = why_not()
    assert reason is not None
    assert reason.startswith("no Docker engine: ")


def test_without_the_option_nothing_needs_a_stack(request: pytest.FixtureRequest) -> None:
    need = [item for item in request.session.items if "stack" in getattr(item, "fixturenames", ())]
    assert not need or request.config.getoption("--containers")


def test_one_stack_is_for_one_process(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request.config.option, "containers", True)
    monkeypatch.setattr(request.config.option, "numprocesses", 2)
    with pytest.raises(pytest.UsageError, match="one process"):
        pytest_configure(request.config)
