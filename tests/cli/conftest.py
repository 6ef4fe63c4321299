"""The command line, run in this process as `seckill` runs it: `main` and its exit status."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import typer.main

from seckill.cli import main
from tests.fix_database import Database

# A process of its own makes the tree of commands once, too; it takes longer than most commands.
ONE_TREE = functools.cache(typer.main.get_command)
VARIABLES = (
    "SECKILL_DSN",
    "SECKILL_ADMIN_DSN",
    "SECKILL_CONSOLE_DSN",
    "SECKILL_REDIS_URL",
    "SECKILL_TRACEBACK",
)


@dataclass(frozen=True, slots=True)
class Done:
    """What a command did."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its stdout, which must be one line of JSON."""
        (line,) = self.out.splitlines()
        return json.loads(line)

    @property
    def complaint(self) -> str:
        """The one line that it said about an error."""
        (line,) = self.err.splitlines()
        assert line.startswith("seckill: ")
        assert self.out == ""
        return line


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """`run("activity", "list")`, with nothing of the caller's environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(typer.main, "get_command", ONE_TREE)

    def run_(*arguments: object) -> Done:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, said.out, said.err)

    return run_


@pytest.fixture
def ops(run: Run, db: Database, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run` with SECKILL_DSN of an operator of `db`."""
    monkeypatch.setenv("SECKILL_DSN", db.dsn("operator"))
    return run


@pytest.fixture
def sale(ops: Run) -> int:
    """An open activity: 10 phones, one each."""
    activity_id: int = ops("activity", "create", "sale", "--json").json["activity_id"]
    for command in (
        ["stock", "receive", "phone", 100, "--request-id", "delivery"],
        ["stock", "allocate", activity_id, "phone", 10],
        ["limit", "set", activity_id, "one-each", 1],
        ["activity", "open", activity_id],
    ):
        assert ops(*command).status == 0
    return activity_id
