"""A consumer of the ledger's feed: it builds an order table, exactly once.

    export SECKILL_DSN=…    where the sale is: a member of seckill_read, through PgBouncer
    export ORDERS_DSN=…     a database of yours, in which this program may create two tables
    .venv/bin/python ops/examples/order_table.py            runs until Ctrl-C
    .venv/bin/python ops/examples/order_table.py --once     stops when it has caught up

The cursor is kept in the same transaction as what was made of the rows. So whenever this program is
killed, either both are there or neither is, and the next run goes on after the last row that
counted. It adds up quantities and never asks whether it saw a row before: a row that came twice, or
never, would show.
"""

from __future__ import annotations

import argparse
import os
import time

import psycopg

from seckill import Change, Client

PAGE = 500
PAUSE_S = 0.2  # between two looks when there was nothing new

TABLES = """
create table if not exists order_line (
  reservation_id bigint, sku text, region text, activity_id bigint not null,
  user_id text not null, held bigint not null, paid bigint not null, ended bigint not null,
  held_at timestamptz not null, changed_at timestamptz not null,
  primary key (reservation_id, sku, region));
create table if not exists feed_cursor (
  only_row boolean primary key default true check (only_row), cursor text);
insert into feed_cursor (cursor) values (null) on conflict do nothing;
"""

# How a row of the feed moves the units of an order line: what is added to held, paid, ended.
STEPS = {
    "hold": (1, 0, 0),
    "confirm": (-1, 1, 0),
    "cancel": (-1, 0, 1),
    "expire": (-1, 0, 1),
    "late_confirm": (0, 1, -1),
    "refund": (0, -1, 1),
}


def apply(connection: psycopg.Connection, row: Change) -> None:
    """Add a row of the feed to the order line that it is about."""
    if row.reservation_id is None or row.kind not in STEPS or row.quantity is None:
        return  # stock that came or went, and events that moved no unit
    held, paid, ended = (row.quantity * sign for sign in STEPS[row.kind])
    connection.execute(
        """
        insert into order_line as o
        values (%(reservation)s, %(sku)s, %(region)s, %(activity)s, %(user)s,
                %(held)s, %(paid)s, %(ended)s, %(at)s, %(at)s)
        on conflict (reservation_id, sku, region) do update
           set held = o.held + excluded.held, paid = o.paid + excluded.paid,
               ended = o.ended + excluded.ended, changed_at = excluded.changed_at""",
        {
            "reservation": row.reservation_id,
            "sku": row.sku,
            "region": row.region,
            "activity": row.activity_id,
            "user": row.user_id,
            "held": held,
            "paid": paid,
            "ended": ended,
            "at": row.at,
        },
    )


def take_page(client: Client, connection: psycopg.Connection) -> int:
    """Read the next page and keep it, with the cursor, in one transaction; how many rows it had."""
    with connection.transaction():
        # Locked: a second copy of this program waits here, and then goes on where this one ended.
        found = connection.execute("select cursor from feed_cursor for update").fetchone()
        page = client.changes(after=found[0] if found else None, limit=PAGE)
        for row in page:
            apply(connection, row)
        if page:
            connection.execute("update feed_cursor set cursor = %s", [page[-1].cursor])
    return len(page)


def main() -> None:
    """Follow the feed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--once", action="store_true", help="stop when there is nothing new")
    arguments = parser.parse_args()
    with (
        Client(os.environ["SECKILL_DSN"]) as client,
        psycopg.connect(os.environ["ORDERS_DSN"], autocommit=True) as connection,
    ):
        connection.execute(TABLES)
        while True:
            rows = take_page(client, connection)
            print(f"{rows} rows", flush=True)
            if not rows and arguments.once:
                return
            if not rows:
                time.sleep(PAUSE_S)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
