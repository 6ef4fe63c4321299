"""The command line, ``seckill``.

Each command group is a module beside this one. It imports little at its top, so that
``seckill --help`` stays quick, and is registered at the end of this one.

Exit status: 0 done; 1 the answer is no; 2 wrong usage; 3 something is missing or unreachable;
4 the outcome is unknown; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from seckill.cli import (
    _common,
    _typed,
    activity,
    archive,
    bench,
    books,
    buy,
    demo,
    feed,
    limit,
    lists,
    pay,
    replay,
    reservation,
    schema,
    stock,
    test,
    up,
    verify,
    worker,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="seckill",
    help="A flash-sale purchase limiter inside PostgreSQL.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from seckill import __version__

        print(f"seckill {__version__}")
        raise typer.Exit


@app.callback(
    invoke_without_command=True,
    epilog="Exit status: 0 done, 1 the answer is no, 2 wrong usage, 3 something is missing or "
    "unreachable, 4 the outcome is unknown.",
)
def _seckill(  # pyright: ignore[reportUnusedFunction]  # Typer calls it
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


app.command("up")(up.up)
app.command("demo", epilog=demo.EPILOG)(demo.demo)
app.command("bench", epilog=bench.EPILOG)(bench.bench)
app.command("replay", epilog=replay.EPILOG)(replay.replay)
app.command("verify", epilog=verify.EPILOG)(verify.verify)
app.command("test", context_settings=test.CONTEXT)(test.test)

_DATABASE = "The database"
app.command("migrate", rich_help_panel=_DATABASE, epilog=schema.MIGRATE_EPILOG)(schema.migrate)
app.command("doctor", rich_help_panel=_DATABASE, epilog=schema.DOCTOR_EPILOG)(schema.doctor)

_RUNNING = "Running a sale"
app.add_typer(activity.app, name="activity", rich_help_panel=_RUNNING)
app.add_typer(stock.app, name="stock", rich_help_panel=_RUNNING)
app.add_typer(limit.app, name="limit", rich_help_panel=_RUNNING)
app.add_typer(lists.eligible, name="eligible", rich_help_panel=_RUNNING)
app.add_typer(lists.block, name="block", rich_help_panel=_RUNNING)
app.command("expire", rich_help_panel=_RUNNING, epilog=books.EXPIRE_EPILOG)(books.expire)

app.command("worker", rich_help_panel=_RUNNING, epilog=worker.EPILOG)(worker.worker)
app.command("archive", rich_help_panel=_RUNNING, epilog=archive.ARCHIVE_EPILOG)(archive.archive)

_BUYING = "Buying"
app.command("reserve", rich_help_panel=_BUYING, epilog=buy.RESERVE_EPILOG)(buy.reserve)
app.command("explain", rich_help_panel=_BUYING, epilog=buy.EXPLAIN_EPILOG)(buy.explain)
app.command("confirm", rich_help_panel=_BUYING, epilog=pay.CONFIRM_EPILOG)(pay.confirm)
app.command("cancel", rich_help_panel=_BUYING, epilog=pay.CANCEL_EPILOG)(pay.cancel)
app.command("refund", rich_help_panel=_BUYING, epilog=pay.REFUND_EPILOG)(pay.refund)
app.add_typer(reservation.app, name="reservation", rich_help_panel=_BUYING)

_BOOKS = "The books"
app.command("availability", rich_help_panel=_BOOKS, epilog=books.AVAILABILITY_EPILOG)(
    books.availability
)
app.command("stock-at", rich_help_panel=_BOOKS, epilog=books.STOCK_AT_EPILOG)(books.stock_at)
app.command("history", rich_help_panel=_BOOKS, epilog=books.HISTORY_EPILOG)(books.history)
app.command("changes", rich_help_panel=_BOOKS, epilog=feed.CHANGES_EPILOG)(feed.changes)
app.command("ops-history", rich_help_panel=_BOOKS, epilog=books.OPS_HISTORY_EPILOG)(
    books.ops_history
)
app.command("reconcile", rich_help_panel=_BOOKS, epilog=books.RECONCILE_EPILOG)(books.reconcile)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; every expected error is one line on stderr.

    Args:
        arguments: without the program's name; None: those of this process.
    """
    line = list(sys.argv[1:] if arguments is None else arguments)
    _typed.remember(app, line)
    try:
        result = app(
            args=line,
            prog_name="seckill",
            standalone_mode=False,
        )
        sys.stdout.flush()  # here, where a full disk is told in one line
    except typer.TyperException as error:
        hint = "" if error.exit_code != _common.ExitCode.USAGE else " (see --help)"
        _common.fail(error.format_message() + hint, _common.ExitCode.USAGE)
    except typer.Abort:
        _common.fail("stopped", _common.ExitCode.NO)
    except BrokenPipeError:
        _common.let_go_of_stdout()  # its reader went away (`seckill … | head`)
        raise SystemExit(int(_common.ExitCode.NO)) from None
    except Exception as error:
        explained = _common.explain(error)
        if explained is None or os.environ.get("SECKILL_TRACEBACK"):
            raise
        _common.fail(*explained)
    raise SystemExit(result if isinstance(result, int) else 0)
