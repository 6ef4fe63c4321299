"""What all commands share: exit codes, errors in one line, output for people and for programs.

A command's rules:

- What was asked for goes to stdout; progress, hints and errors go to stderr.
- ``--json`` (:data:`Json`) prints one JSON object on one line and nothing else to stdout.
- An error is one line, ``seckill: …``, that says what to do, and an exit code of :class:`ExitCode`.
- Imports that cost time (psycopg, alembic, rich) stand inside the function that needs them.
"""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Mapping
from datetime import datetime
from enum import IntEnum
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console


class ExitCode(IntEnum):
    """What the exit status of every command means."""

    OK = 0
    NO = 1  # the answer is no: refused, drift found, the books disagree
    USAGE = 2  # the command line, or a value in it, is wrong
    ENVIRONMENT = 3  # something is missing or cannot be reached; nothing happened
    UNKNOWN = 4  # the answer was lost: it may have happened, ask again with the same request id
    INTERRUPTED = 130  # by Ctrl-C, as a shell says it


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Dsn = Annotated[
    str | None,
    typer.Option(
        "--dsn",
        envvar="SECKILL_DSN",
        help="Where the sale is: a connection URI, through PgBouncer.",
        show_envvar=True,
    ),
]
AdminDsn = Annotated[
    str | None,
    typer.Option(
        "--admin-dsn",
        envvar="SECKILL_ADMIN_DSN",
        help="A direct connection URI of the database's owner.",
        show_envvar=True,
    ),
]


def fail(message: str, code: ExitCode = ExitCode.ENVIRONMENT) -> NoReturn:
    """Say in one line on stderr what is wrong and what to do, and exit."""
    print(f"seckill: {' '.join(message.split())}", file=sys.stderr)
    raise SystemExit(int(code))


def required(value: str | None, option: str, variable: str) -> str:
    """Return the value of an option that may come from the environment, or fail with a hint."""
    if not value:
        fail(f"give {option} or set {variable} (seckill up prints one)", ExitCode.USAGE)
    return value


def let_go_of_stdout() -> None:
    """Forget what stdout did not take. Python would complain once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit(fields: Mapping[str, Any]) -> None:
    """Print one JSON object on one line; instants as ISO 8601, uuids and paths as text."""
    print(json.dumps(fields, default=_text, ensure_ascii=False), flush=True)


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@cache
def console(*, stderr: bool = False) -> Console:
    """Return Rich's console: colours on a terminal, plain text otherwise, lines never cut."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def note(message: str) -> None:
    """Tell a person how it goes, on stderr."""
    print(message, file=sys.stderr, flush=True)


def explain(error: Exception) -> tuple[str, ExitCode] | None:
    """Return the line and the exit code for an error that is not a bug of ours, or None."""
    import psycopg

    from seckill import errors
    from seckill.cli._typed import as_typed
    from seckill.migrate import MigrationError
    from seckill.runtime import StartError

    match error:
        case errors.OutcomeUnknown():
            return f"{error}; ask again with the same request id", ExitCode.UNKNOWN
        case errors.Unavailable() | errors.IncompatibleSchema():
            return str(error), ExitCode.ENVIRONMENT
        case errors.InvalidArgument():
            return as_typed(str(error)), ExitCode.USAGE
        case errors.SeckillError():
            return str(error), ExitCode.USAGE
        case StartError() | MigrationError():
            return str(error), ExitCode.ENVIRONMENT
        case psycopg.Error():
            said = str(error).strip() or type(error).__name__
            return f"{error.sqlstate}: {said}" if error.sqlstate else said, ExitCode.ENVIRONMENT
        case FileExistsError() if error.filename is None:
            return str(error), ExitCode.USAGE
        case OSError() if error.filename is not None:
            return f"{error.filename}: {error.strerror}", ExitCode.ENVIRONMENT
        case OSError() if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            # A write names no file. Where it was stdout that is full, its buffer is full still.
            try:
                sys.stdout.flush()
            except OSError:
                let_go_of_stdout()
            return os.strerror(error.errno), ExitCode.ENVIRONMENT
        case _:
            cause = error.__cause__  # SQLAlchemy wraps the driver's error
            return explain(cause) if isinstance(cause, psycopg.Error) else None
