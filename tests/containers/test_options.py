"""`--containers` where there is no engine, and who is chosen with it and without it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.containers.stack import ROOT, why_not


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """pytest in a process of its own, on the stack's tests."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *words]
    environment = {**os.environ, **environment}
    environment.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        [*command, "tests/containers/test_stack.py"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_an_engine_all_is_skipped_and_the_reason_said(tmp_path: os.PathLike[str]) -> None:
    done = run("--containers", PATH=str(tmp_path), CI="true")
    assert done.returncode == 0, done.stdout
    summary = done.stdout.splitlines()
    assert summary[-1].split()[1] == "skipped"
    assert "passed" not in summary[-1]
    assert [line for line in summary if line.endswith("engine: there is no docker command")]


def test_an_engine_that_does_not_answer_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    reason = why_not()
    assert reason is not None
    assert reason.startswith("no Docker engine: ")


def test_without_the_option_nothing_of_it_runs() -> None:
    done = run()
    assert done.returncode == 5, "no test is left"
    assert "deselected" in done.stdout.splitlines()[-1]


def test_one_stack_is_for_one_process() -> None:
    done = run("--containers", "-n", "2")
    assert done.returncode == 4
    assert "--containers runs in one process" in done.stderr
