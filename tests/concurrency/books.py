"""What must be true after every race, whatever its outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from tests.concurrency.sessions import Answer, at_hand, describe, require, require_equal
from tests.fix_database import Database
from tests.fix_sale import Sale, availability, violations


def require_books(db: Database, *sales: Sale) -> None:
    """The books agree, nothing is lost, and no hold would be overlooked when it ends.

    More than seckill.reconcile looks at: next_expiry, which must not lie behind the end of any open
    hold, since ended holds are looked for only when it has passed; and the sum over inventory and
    pools, which is what was ever received.
    """
    with at_hand(db, "superuser") as superuser:
        for sale in sales:
            found = violations(superuser, sale)
            require(not found, f"reconcile: {found}")
        late = superuser.execute(
            """
            select p.sku, s.next_expiry::text as stored, min(r.expires_at)::text as first
              from seckill_private.pool_slot s
              join seckill_private.pool p on p.pool_id = s.pool_id
              join seckill_private.reservation r on exists (
                     select from unnest(r.pool_ids, r.slots) as u (pool_id, slot)
                      where u.pool_id = s.pool_id and u.slot = s.slot)
             where r.state = 'held'
             group by p.sku, s.slot, s.next_expiry having s.next_expiry > min(r.expires_at)"""
        ).fetchall()
        require(not late, f"next_expiry is no lower bound: {late}")
        for sku in {sale.sku for sale in sales}:
            require_conserved(superuser, sku)


def require_conserved(connection: Connection[Any], sku: str) -> None:
    """Every unit that was received is in the inventory or in one pool, in one statement's view.

    Or was written off, which the ledger tells.
    """
    row = connection.execute(
        """
        select (select coalesce(sum(s.total), 0) from seckill_private.pool_slot s
                  join seckill_private.pool p on p.pool_id = s.pool_id where p.sku = i.sku)
               + i.quantity
               + (select coalesce(sum(m.quantity), 0) from seckill_private.movement m
                    join seckill_private.pool p on p.pool_id = m.pool_id
                   where p.sku = i.sku and m.target = 'written_off') as units,
               (select sum(m.delta) from seckill_private.inventory_movement m
                 where m.sku = i.sku and m.kind = 'receive') as received
          from seckill_private.inventory i where i.sku = %s""",
        [sku],
    ).fetchone()
    assert row is not None, f"{sku} was never received"
    require_equal(row.units, row.received, f"units of {sku} in all places")


def require_units(
    db: Database, sale: Sale, *, available: int, held: int = 0, sold: int = 0
) -> None:
    """The pool shows these numbers, and their sum as its total."""
    with at_hand(db, "superuser") as superuser:
        row = availability(superuser, sale)
    require_equal(
        (row.total, row.available, row.held, row.sold),
        (available + held + sold, available, held, sold),
        "total, available, held, sold",
    )


def require_inventory(db: Database, sku: str, quantity: int) -> None:
    """The inventory has this many units."""
    with at_hand(db, "superuser") as superuser:
        row = superuser.execute("select quantity from seckill.inventory(%s)", [sku]).fetchone()
    assert row is not None
    require_equal(row.quantity, quantity, f"inventory of {sku}")


def require_statuses(answers: Iterable[Answer], expected: dict[str, int]) -> None:
    """These statuses, each so many times; an error counts by its SQLSTATE."""
    require_equal(dict(Counter(map(describe, answers))), expected, "answers")


def let_holds_end(db: Database, sale: Sale, *reservation_ids: int) -> None:
    """Make open holds an hour older, all of the sale's or the given ones: their time is over."""
    with at_hand(db, "superuser") as superuser:
        superuser.execute(
            """
            update seckill_private.reservation
               set created_at = created_at - interval '1 hour',
                   expires_at = expires_at - interval '1 hour'
             where state = 'held' and buyer_key >> 40 = %(activity)s
               and (%(ids)s::bigint[] = '{}' or reservation_id = any (%(ids)s))""",
            {"activity": sale.activity_id, "ids": list(reservation_ids)},
        )
        superuser.execute(
            """
            update seckill_private.pool_slot s set next_expiry = s.next_expiry - interval '1 hour'
              from seckill_private.pool p
             where p.pool_id = s.pool_id and p.activity_id = %s
               and s.next_expiry < 'infinity'""",
            [sale.activity_id],
        )
