"""What the commands of a sale share: the client, its errors, and their common options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID, uuid5

import typer

from seckill.cli._common import ExitCode, fail, note, required
from seckill.cli._typed import as_typed

if TYPE_CHECKING:
    from seckill import Client

# uuid5(NAMESPACE_DNS, "request.seckill"): any program can make the uuid of a text.
REQUESTS = UUID("2d8599d3-1554-5524-8e45-ec211a260861")

# What to do about an error, by its SQLSTATE.
_HINTS = {
    "SK002": "`seckill activity list` shows those that there are",
    "SK003": "`seckill stock show --activity ID` shows its pools",
    "SK004": "take another --request-id, or repeat the very same command",
    "SK006": "`seckill activity show ID` says how it stands",
    "SK007": "`seckill stock show SKU` says how many there are",
    "SK008": "`seckill reservation list USER` shows those that there are",
}
# These speak of the set-up, not of the command line.
_SET_UP = {
    "3F000": "Seckill is not installed in this database: run seckill migrate",
    "42883": "the database lacks this function: run seckill migrate, then seckill doctor",
    "42P01": "the database lacks this view: run seckill migrate, then seckill doctor",
    "42501": "SECKILL_DSN must log in as a member of seckill_ops; seckill doctor says more",
}


def request_uuid(text: str) -> UUID:
    """A request id from what a person types: a uuid, or any text, which always gives the same."""
    if not text.strip():
        raise typer.BadParameter("must not be empty")
    try:
        return UUID(text)
    except ValueError:
        return uuid5(REQUESTS, text)


RequestId = Annotated[
    UUID | None,
    typer.Option(
        "--request-id",
        parser=request_uuid,
        metavar="TEXT",
        help="Names this request: a uuid, or any text. Repeated under the same name it changes "
        "nothing and answers the same. Default: a new one, which is shown.",
    ),
]
Actor = Annotated[
    str | None, typer.Option("--actor", help="Who asks, for the books; beside the login.")
]
Region = Annotated[str, typer.Option("--region", help="Of the pool; * where nothing is divided.")]
ActivityId = Annotated[int, typer.Argument(metavar="ACTIVITY", help="Its id.")]
User = Annotated[str, typer.Argument(metavar="USER", help="The buyer's id.")]
ReservationId = Annotated[int, typer.Argument(metavar="RESERVATION", help="Its id.")]
Subjects = Annotated[
    list[str] | None,
    typer.Option(
        "--subject",
        metavar="NAME=VALUE",
        help="A further dimension of the buyer, such as phone=…; may be repeated.",
    ),
]


def subjects_of(given: list[str] | None) -> dict[str, str]:
    """The dimensions of a buyer, as `--subject` has them."""
    subjects: dict[str, str] = {}
    for one in given or []:
        name, equals, value = one.partition("=")
        if not equals or not name:
            fail(f"--subject {one!r}: type NAME=VALUE, such as device=a4f1", ExitCode.USAGE)
        if subjects.setdefault(name, value) != value:
            fail(f"--subject {name}: a buyer has one, not two", ExitCode.USAGE)
    return subjects


def group(help_text: str) -> typer.Typer:
    """A group of commands, which shows its help where none of them is named."""
    app = typer.Typer(help=help_text, invoke_without_command=True)

    def show_help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            print(context.get_help())

    app.callback()(show_help)
    return app


def examples(*lines: str) -> str:
    """The epilog of a command's help."""
    return "\n\n".join(["Examples:", *lines])


def _nothing() -> str:
    return ""


@contextmanager
def explained(
    request_id: UUID | None = None,
    so_far: Callable[[], str] = _nothing,
    *,
    reads: bool = False,
) -> Generator[None]:
    """Turn errors of the database into one line that says what to do.

    Args:
        request_id: to repeat the command with, where its outcome is unknown.
        so_far: of a command of many calls, what is done and how to go on.
        reads: it changes nothing, so nothing is left open where it is stopped.
    """
    import psycopg

    from seckill import OutcomeUnknown, SeckillError, Unavailable

    again = f"repeat it with --request-id {request_id}" if request_id else "look, then repeat it"
    try:
        yield
    except KeyboardInterrupt:
        unsaid = "nothing was changed" if reads else f"it may have happened or not: {again}"
        open_end = so_far() or unsaid
        note(f"seckill: stopped; {open_end}")
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
    except OutcomeUnknown as error:
        open_end = so_far() or f"it may have happened or not: {again}"
        fail(f"{error}; {open_end}", ExitCode.UNKNOWN)
    except Unavailable as error:
        if not so_far():
            raise
        fail(f"{error}; {so_far()}", ExitCode.ENVIRONMENT)
    except (SeckillError, psycopg.Error) as error:
        said = "; ".join([str(error), *filter(None, [so_far()])])
        if error.sqlstate in _SET_UP:
            fail(f"{said}; {_SET_UP[error.sqlstate]}", ExitCode.ENVIRONMENT)
        if error.sqlstate in _HINTS:
            fail(f"{said}; {_HINTS[error.sqlstate]}", ExitCode.USAGE)
        if isinstance(error, SeckillError) and so_far():
            fail(as_typed(said), ExitCode.USAGE)
        raise


def usable_dsn(dsn: str | None, option: str = "--dsn", variable: str | None = "SECKILL_DSN") -> str:
    """The DSN, or one line on stderr that does not quote it: it may hold a password.

    Args:
        dsn: as given.
        option: that gives it.
        variable: of the environment, that gives it too; None: no such, and it was given.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    if not dsn and variable is None:
        fail(f"{option} is empty", ExitCode.USAGE)
    found = required(dsn, option, variable or "")
    try:
        conninfo_to_dict(found)
    except psycopg.ProgrammingError:
        named = f"{option} ({variable})" if variable else option
        fail(f"{named} is neither key=value words nor a postgresql:// URI", ExitCode.USAGE)
    return found


@contextmanager
def sale(
    dsn: str | None,
    request_id: UUID | None = None,
    so_far: Callable[[], str] = _nothing,
    *,
    reads: bool = False,
) -> Generator[Client]:
    """A client for one command; see :func:`explained` for its errors.

    Without the sold-out flag, whatever SECKILL_REDIS_URL says: who asks here wants PostgreSQL's
    own answer, and raises no flag in a shop whose database it may not be.
    """
    from seckill import Client

    with (
        explained(request_id, so_far, reads=reads),
        Client(usable_dsn(dsn), max_size=1, flag="") as client,
    ):
        yield client


def agreed(yes: bool, what: str, question: str) -> None:
    """Ask before what cannot be undone; where nobody can be asked, --yes is needed.

    Args:
        yes: it was given.
        what: is refused without it, in a few words.
        question: for a person at a terminal.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        fail(f"{what}: add --yes to mean it", ExitCode.USAGE)
    typer.confirm(question, abort=True, err=True)


def tell_request(given: UUID | None, used: UUID) -> None:
    """Show the request id that a command made up, for who wants to repeat it."""
    if given is None:
        note(f"request id {used}")


def outcome(good: bool) -> None:
    """End a command whose answer may be no."""
    if not good:
        raise typer.Exit(int(ExitCode.NO))


def fields(answer: Any) -> dict[str, Any]:
    """An answer of the client as a dictionary."""
    from dataclasses import asdict

    return asdict(answer)
