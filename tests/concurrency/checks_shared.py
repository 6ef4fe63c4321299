"""Buyers who share a phone: each has a lock of its own, so the phone must be one too."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any
from uuid import uuid4

from tests.concurrency.books import let_holds_end, require_books, require_statuses, require_units
from tests.concurrency.checks_order import two_pools
from tests.concurrency.sessions import (
    Gate,
    Session,
    at_hand,
    describe,
    require,
    require_equal,
    sessions_of,
    stampede,
)
from tests.fix_database import Database
from tests.fix_sale import Sale, cancel, confirm, expire_due, open_sale, reserve, set_limit

PHONE = {"phone": "+1 555 0100"}


def phone_sale(db: Database, *, units: int = 20, maximum: int = 1) -> Sale:
    """A sale with a limit of units for each phone."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=units, sku=f"shared_{uuid4()}")
        set_limit(operator, sale, "phone", maximum=maximum, dimension="phone")
    return sale


def one_per_phone(db: Database, sessions: int = 2, **options: Any) -> None:
    """Different users with one phone and a limit of 1, at once."""
    sale = phone_sale(db)
    with sessions_of(db, sessions, **options) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        calls = [
            functools.partial(reserve, sale=sale, user=f"user {number}", subjects=PHONE)
            for number in range(sessions)
        ]
        answers = stampede(db, buyers, gate, calls)
    require_statuses(answers, {"held": 1, "limit_exceeded": sessions - 1})
    require_equal({row.limit_name for row in answers} - {None}, {"phone"}, "limits")
    require_units(db, sale, available=19, held=1)
    require_books(db, sale)


def phones_apart_do_not_wait(db: Database) -> None:
    """While a buyer waits, another with another phone in another pool goes on."""
    first, second = two_pools(db)
    with at_hand(db, "operator") as operator:
        set_limit(operator, first, "phone", maximum=1, dimension="phone")
    with Session(db) as one, Session(db) as two, Gate(db) as gate:
        gate.lock_slots(first)
        require(one.start(reserve, first, subjects={"phone": "1"}).blocked, "no wait for the slot")
        two.start(reserve, second, user="bob", subjects={"phone": "2"})
        require(two.done, "another phone waited")
        require_equal(describe(two.finish()), "held", "the other phone")
        gate.open()
        require_equal(describe(one.finish()), "held", "the first phone")
    require_books(db, first, second)


def limit_beside_a_purchase(db: Database) -> None:
    """A limit on phones comes while a purchase with a phone is under way, decided without it.

    The purchase stands, and counts for the next one with that phone, which waits for it.
    """
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=5, sku=f"in_flight_{uuid4()}")
        with Session(db) as one, Session(db) as two, Gate(db) as gate:
            gate.lock_slots(sale)
            require(one.start(reserve, sale, subjects=PHONE).blocked, "no wait for the slot")
            set_limit(operator, sale, "phone", maximum=1, dimension="phone")
            two.start(reserve, sale, user="bob", subjects=PHONE)
            require(two.blocked, "the next purchase did not wait for the phone")
            gate.open()
            answers = describe(one.finish()), describe(two.finish())
    require_equal(answers, ("held", "limit_exceeded"), "answers")
    require_units(db, sale, available=4, held=1)
    require_books(db, sale)


def cancel_frees_one(db: Database) -> None:
    """A hold with a shared phone is cancelled twice at once: room for one more, not for two."""
    sale = phone_sale(db, maximum=2)
    with at_hand(db, "buyer") as buyer:
        for user in ("ann", "bob"):
            held = reserve(buyer, sale, user=user, subjects=PHONE)
            require_equal(describe(held), "held", "purchase")
    with sessions_of(db, 2) as buyers, Gate(db) as gate:
        gate.lock_reservation(held.reservation_id)
        call = functools.partial(cancel, reservation_id=held.reservation_id, user="bob")
        answers = stampede(db, buyers, gate, [call, call])
    require_statuses(answers, {"cancelled": 2})
    with sessions_of(db, 4) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        calls = [
            functools.partial(reserve, sale=sale, user=f"user {number}", subjects=PHONE)
            for number in range(4)
        ]
        answers = stampede(db, buyers, gate, calls)
    require_statuses(answers, {"held": 1, "limit_exceeded": 3})
    require_units(db, sale, available=18, held=2)
    require_books(db, sale)


def expiry_frees_one(db: Database) -> None:
    """The hold with a shared phone has ended: again room for one, swept or not."""
    sale = phone_sale(db)
    with at_hand(db, "buyer") as buyer:
        reserve(buyer, sale, subjects=PHONE)
    let_holds_end(db, sale)
    with sessions_of(db, 4) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        calls = [
            functools.partial(reserve, sale=sale, user=f"user {number}", subjects=PHONE)
            for number in range(4)
        ]
        answers = stampede(db, buyers, gate, calls)
    require_statuses(answers, {"held": 1, "limit_exceeded": 3})
    require_books(db, sale)


def late_payments_of_one_phone(db: Database) -> None:
    """Two users with one phone pay late in two pools: only one of them is within the limit.

    Their holds were swept: payments that still have to settle theirs take turns at the slots.
    """
    pools = two_pools(db)
    paid: list[int] = []
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        for user, pool in zip(("ann", "bob"), pools, strict=True):
            paid.append(reserve(buyer, pool, user=user, subjects=PHONE).reservation_id)
        let_holds_end(db, pools[0])
        expire_due(operator)
        set_limit(operator, pools[0], "phone", maximum=1, dimension="phone")
    with Session(db) as one, Session(db) as two, Gate(db) as gate:
        gate.lock_slots(*pools)
        one.start(confirm, paid[0])
        two.start(confirm, paid[1], user="bob")
        gate.open()
        answers = [one.finish(), two.finish()]
    require_statuses(answers, {"confirmed": 1, "late_limit_exceeded": 1})
    require_books(db, *pools)


def payment_as_a_shared_hold_ends(db: Database) -> None:
    """A payment in time is under way when its hold ends, and its phone buys again elsewhere.

    The payment has read the clock while the hold was open, so it will be good; the other purchase
    must not take the hold for ended meanwhile.
    """
    pools = two_pools(db)
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        set_limit(operator, pools[0], "phone", maximum=1, dimension="phone")
        held = reserve(buyer, pools[0], subjects=PHONE).reservation_id
    shorten_hold(db, held, timedelta(seconds=2))
    with Session(db) as paying, Session(db) as other, Gate(db) as gate:
        gate.lock_slots(pools[0])
        require(paying.start(confirm, held).blocked, "the payment did not wait for the slot")
        wait_for_end(db, held)
        other.start(reserve, pools[1], user="bob", subjects=PHONE)
        gate.open()
        answers = describe(paying.finish()), describe(other.finish())
    require(
        answers in (("confirmed", "limit_exceeded"), ("late_limit_exceeded", "held")),
        f"both had the phone's only unit: {answers}",
    )
    require_books(db, *pools)


def late_payment_beside_a_cancel(db: Database) -> None:
    """A late payment waits for its pool, and meanwhile the hold that stood in its way is cancelled.

    It is good then, and the books must show it after the cancel.
    """
    pools = two_pools(db)
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        set_limit(operator, pools[0], "phone", maximum=1, dimension="phone")
        late = reserve(buyer, pools[0], subjects=PHONE).reservation_id
        let_holds_end(db, pools[0])
        open_hold = reserve(buyer, pools[1], user="bob", subjects=PHONE).reservation_id
        with Session(db) as paying, Gate(db) as gate:
            gate.lock_slots(pools[0])
            require(paying.start(confirm, late).blocked, "the payment did not wait for the slot")
            require_equal(describe(cancel(buyer, open_hold, user="bob")), "cancelled", "cancel")
            gate.open()
            require_equal(describe(paying.finish()), "confirmed", "the late payment")
    require_books(db, *pools)


def shorten_hold(db: Database, reservation_id: int, left: timedelta) -> None:
    """Make a hold end so much from now."""
    with at_hand(db, "superuser") as superuser:
        superuser.execute(
            """
            update seckill_private.reservation set expires_at = clock_timestamp() + %s
             where reservation_id = %s""",
            [left, reservation_id],
        )
        superuser.execute(
            """
            update seckill_private.pool_slot as s
               set next_expiry = least(s.next_expiry, r.expires_at)
              from seckill_private.reservation as r
             where r.reservation_id = %s and s.pool_id = any (r.pool_ids)""",
            [reservation_id],
        )


def wait_for_end(db: Database, reservation_id: int) -> None:
    """Until the clock has passed the end of a hold."""
    with at_hand(db, "superuser") as superuser:
        superuser.execute(
            """
            select pg_sleep(greatest(0, extract(epoch from r.expires_at - clock_timestamp())))
              from seckill_private.reservation as r where r.reservation_id = %s""",
            [reservation_id],
        )
