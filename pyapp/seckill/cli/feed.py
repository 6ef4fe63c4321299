"""``seckill changes``: the ledger of all sales as a feed."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from seckill.cli._common import Dsn, emit, note
from seckill.cli._sale import examples, fields, sale
from seckill.cli._show import plain, say

CHANGES_EPILOG = examples(
    "seckill changes", "seckill changes --after 9f0c42d1.0.767.1.0.3.0 --follow --json"
)
_PAUSE_S = 0.5  # between two looks when there was nothing new


def changes(
    after: Annotated[
        str | None,
        typer.Option(metavar="CURSOR", help="Of the last row you have. Default: the beginning."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=10_000, help="Show at most so many; with --follow, a page.")
    ] = 1000,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until Ctrl-C.")] = False,
    dsn: Dsn = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a row and nothing else.")
    ] = False,
) -> None:
    """Show what moved in all sales, each movement once, none skipped, oldest first.

    A movement is shown once every transaction that had begun to write before it has ended.
    """

    def so_far() -> str:
        return "" if after is None else f"go on with --after {after}"

    with sale(dsn, so_far=so_far, reads=True) as client:
        while True:
            page = client.changes(after=after, limit=limit)
            for row in page:
                if as_json:
                    emit(fields(row))
                else:
                    who = row.user_id or row.actor
                    place = row.sku if row.region == "*" else f"{row.sku} in {row.region}"
                    said = [row.at, f"activity {row.activity_id}", row.kind, row.quantity, place]
                    say("  ".join(plain(part) for part in [*said, who] if part is not None))
                after = row.cursor
            if not follow:
                break
            if not page:
                time.sleep(_PAUSE_S)
    if not as_json and after is not None:
        note(f"go on with --after {after}")
