"""Rules that one session alone can see broken: for the mutation gate, and cheap enough to run here.

The contract as a whole is tested in tests/procedures; these are the rules whose breach races hide.
"""

from __future__ import annotations

import hashlib
import json
from uuid import uuid4

import psycopg

from tests.concurrency.books import (
    let_holds_end,
    require_books,
    require_inventory,
    require_units,
)
from tests.concurrency.checks_resolution import held_sale
from tests.concurrency.checks_stampede import allocate_stock, receive_stock
from tests.concurrency.sessions import at_hand, describe, require, require_equal
from tests.fix_database import Database
from tests.fix_sale import (
    Sale,
    add_units,
    availability,
    cancel,
    close_activity,
    confirm,
    expire_due,
    get_reservation,
    reserve,
    set_limit,
)

WRITERS = {
    "reserve": (
        "buyer",
        "select seckill.reserve(%(activity)s, 'eve', %(sku)s, 1, gen_random_uuid())",
    ),
    "confirm": ("buyer", "select seckill.confirm('ann', %(reservation)s)"),
    "cancel": ("buyer", "select seckill.cancel('ann', %(reservation)s)"),
    "expire_due": ("operator", "select seckill.expire_due()"),
    "receive_stock": (
        "operator",
        "select seckill.receive_stock(%(sku)s, 1, gen_random_uuid())",
    ),
    "allocate_stock": (
        "operator",
        "select seckill.allocate_stock(%(activity)s, %(sku)s, 1, gen_random_uuid())",
    ),
    "set_limit": (
        "operator",
        "select seckill.set_limit(%(activity)s, 'l', 'user', 'units', 'day', 1)",
    ),
    "drop_limit": ("operator", "select seckill.drop_limit(%(activity)s, 'l')"),
    "create_activity": ("operator", "select seckill.create_activity('x', 'today', 'tomorrow')"),
    "update_activity": ("operator", "select seckill.update_activity(%(activity)s, 'x')"),
    "open_activity": ("operator", "select seckill.open_activity(%(activity)s)"),
    "pause_activity": ("operator", "select seckill.pause_activity(%(activity)s)"),
    "resume_activity": ("operator", "select seckill.resume_activity(%(activity)s)"),
    "close_activity": ("operator", "select seckill.close_activity(%(activity)s)"),
}


def older_snapshots_are_refused(db: Database) -> None:
    """In an older snapshot a lock shows nothing: every writer refuses it with SK005."""
    sale, reservation_id = held_sale(db)
    values = {"activity": sale.activity_id, "sku": sale.sku, "reservation": reservation_id}
    for level in (psycopg.IsolationLevel.REPEATABLE_READ, psycopg.IsolationLevel.SERIALIZABLE):
        for name, (role, statement) in WRITERS.items():
            with db.connect(role, direct=True) as session:
                session.isolation_level = level
                outcome = "no error"
                try:
                    with session.transaction():
                        session.execute(statement.encode(), values)
                except psycopg.Error as error:
                    outcome = describe(error)
                require_equal(outcome, "SK005", f"{name} in {level.name}")
    require_units(db, sale, available=0, held=2)
    require_books(db, sale)


def cancelled_twice_in_turn(db: Database) -> None:
    """A cancel repeated later: the unit of another buyer's hold is not his to give back."""
    sale, reservation_id = held_sale(db)
    with at_hand(db, "buyer") as buyer:
        for replayed in (False, True):
            answer = cancel(buyer, reservation_id)
            require_equal((answer.status, answer.replayed), ("cancelled", replayed), "cancel")
    require_units(db, sale, available=1, held=1)
    require_books(db, sale)


def own_ended_hold_does_not_count(db: Database) -> None:
    """A buyer at the limit whose hold has ended unpaid may buy again, swept or not."""
    sale, _ = held_sale(db, units=3, limit=1)
    let_holds_end(db, sale)
    with at_hand(db, "buyer") as buyer:
        require_equal(describe(reserve(buyer, sale)), "held", "purchase after the own hold ended")
        require_equal(describe(reserve(buyer, sale)), "limit_exceeded", "one more")
    require_books(db, sale)


def ended_hold_is_paid_late(db: Database) -> None:
    """A hold is worth nothing from its end on: a payment then is late, and says so."""
    sale, reservation_id = held_sale(db)
    let_holds_end(db, sale, reservation_id)
    with at_hand(db, "buyer") as buyer:
        require_equal(get_reservation(buyer, reservation_id).status, "expired", "what is read")
        answer = confirm(buyer, reservation_id)
    require_equal((answer.status, answer.late), ("confirmed", True), "status and late")
    require_books(db, sale)


def closed_pool_keeps_nothing(db: Database) -> None:
    """After the close, what holds release goes to the inventory, by cancel and by sweep."""
    sale, reservation_id = held_sale(db)
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        close_activity(operator, sale)
        cancel(buyer, reservation_id)
        require_units(db, sale, available=0, held=1)
        require_inventory(db, sale.sku, 1)
        let_holds_end(db, sale)
        expire_due(operator)
    require_units(db, sale, available=0)
    require_inventory(db, sale.sku, 2)
    require_books(db, sale)


def epoch_grows_with_stock(db: Database) -> None:
    """Whatever makes units available raises the epoch, so that a stale sold-out flag is known."""
    sale, reservation_id = held_sale(db)
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:

        def epoch() -> int:
            return availability(buyer, sale).epoch

        epochs = [epoch()]
        cancel(buyer, reservation_id)
        epochs.append(epoch())
        let_holds_end(db, sale)
        expire_due(operator)
        epochs.append(epoch())
        add_units(operator, sale, 1)
        epochs.append(epoch())
        held = reserve(buyer, sale).reservation_id
        require_equal(epoch(), epochs[-1], "epoch after a purchase")
        confirm(buyer, held)
    require(sorted(set(epochs)) == epochs, f"epochs {epochs} do not grow")
    require_books(db, sale)


def digests_are_salted(db: Database) -> None:
    """Who has a dump of the reservations cannot look phone numbers up in a list of digests."""
    sale, _ = held_sale(db, units=9)
    subjects = {"phone": "+1 555 0100"}
    with at_hand(db, "buyer") as buyer, at_hand(db, "superuser") as superuser:

        def digest(user: str) -> bytes:
            answer = reserve(buyer, sale, user=user, subjects=subjects)
            row = superuser.execute(
                "select subjects from seckill_private.reservation where reservation_id = %s",
                [answer.reservation_id],
            ).fetchone()
            assert row is not None
            return row.subjects[0]

        same = digest("one"), digest("two")
        superuser.execute("update seckill_private.secret set salt = sha256(salt)")
        other = digest("three")
    require_equal(same[0], same[1], "digest of the same phone")
    require(other != same[0], "the digest does not depend on the salt")
    plain = json.dumps(["phone", subjects["phone"]]).encode()
    require(hashlib.sha256(plain).digest()[:16] not in (*same, other), "the digest has no salt")


def request_stands_for_itself(db: Database) -> None:
    """A request id that was used for other lines is refused and changes nothing (I6)."""
    sale, _ = held_sale(db, units=9)
    request_id = uuid4()
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        other = Sale(sale.activity_id, f"other_{uuid4()}", "*")
        add_units(operator, other, 5)
        reserve(buyer, sale, request_id=request_id)
        for wrong, quantity in ((sale, 2), (other, 1)):
            outcome = "no error"
            try:
                reserve(buyer, wrong, quantity=quantity, request_id=request_id)
            except psycopg.Error as error:
                outcome = describe(error)
            require_equal(outcome, "SK004", "another request with the same id")
    require_units(db, sale, available=6, held=3)
    require_units(db, other, available=5)
    require_books(db, sale, other)


def time_does_not_run_back(db: Database) -> None:
    """The pool has seen a later instant than the clock shows: what ended then stays ended."""
    sale, reservation_id = held_sale(db)
    with at_hand(db, "superuser") as superuser:
        superuser.execute(
            """
            update seckill_private.pool_slot s set seen_at = now() + interval '20 minutes'
              from seckill_private.pool p
             where p.pool_id = s.pool_id and p.activity_id = %s""",
            [sale.activity_id],
        )
    with at_hand(db, "buyer") as buyer:
        require_equal(availability(buyer, sale).available, 2, "available")
        require_equal(get_reservation(buyer, reservation_id).status, "expired", "what is read")
        answer = confirm(buyer, reservation_id)
        require_equal((answer.status, answer.late), ("confirmed", True), "status and late")


def limit_of_orders_and_units(db: Database) -> None:
    """A limit set in mid-sale counts what was bought before, and refuses what exceeds it."""
    sale, _ = held_sale(db, units=9)
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        set_limit(operator, sale, "units", maximum=3)
        require_equal(describe(reserve(buyer, sale, quantity=3)), "limit_exceeded", "1 + 3 of 3")
        require_equal(
            describe(reserve(buyer, sale, user="fay", quantity=4)), "limit_exceeded", "0 + 4 of 3"
        )
        require_equal(describe(reserve(buyer, sale, quantity=2)), "held", "1 + 2 of 3")
        require_equal(describe(reserve(buyer, sale)), "limit_exceeded", "3 + 1 of 3")
        set_limit(operator, sale, "orders", maximum=1, metric="orders")
        require_equal(describe(reserve(buyer, sale, user="bob")), "limit_exceeded", "orders")
        require_equal(describe(reserve(buyer, sale, user="eve", quantity=2)), "held", "orders")
        set_limit(operator, sale, "orders", maximum=2, metric="orders")
        require_equal(describe(reserve(buyer, sale, user="gus")), "held", "first of 2 orders")
        require_equal(
            describe(reserve(buyer, sale, user="gus", quantity=2)), "held", "second of 2 orders"
        )
    require_books(db, sale)


def stock_is_not_made_up(db: Database) -> None:
    """What a pool gets left the inventory; more than it has is refused and changes nothing."""
    sale, _ = held_sale(db)
    with at_hand(db, "operator") as operator:
        receive_stock(operator, sku=sale.sku, quantity=2, request_id=uuid4())
        outcome = "no error"
        try:
            allocate_stock(operator, sale=sale, quantity=3, request_id=uuid4())
        except psycopg.Error as error:
            outcome = describe(error)
        require_equal(outcome, "SK007", "more than the inventory has")
        allocate_stock(operator, sale=sale, quantity=2, request_id=uuid4())
    require_units(db, sale, available=2, held=2)
    require_inventory(db, sale.sku, 0)
    require_books(db, sale)
