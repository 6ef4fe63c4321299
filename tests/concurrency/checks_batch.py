"""Batches, side by side and within: limits hold, the last units are sold once, nobody deadlocks."""

from __future__ import annotations

import functools
from collections import Counter
from uuid import uuid4

from tests.concurrency.books import let_holds_end, require_books, require_statuses, require_units
from tests.concurrency.checks_durable import (
    TRIES,
    flushed_beyond,
    resting_wal_writer,
    written,
)
from tests.concurrency.sessions import (
    Gate,
    at_hand,
    describe,
    require,
    require_equal,
    sessions_of,
    stampede,
    use_short_fuses,
)
from tests.fix_database import Database, together
from tests.fix_sale import (
    Sale,
    add_units,
    confirm_batch,
    open_sale,
    reserve,
    reserve_batch,
    reserve_now,
    set_limit,
)
from tests.procedures.rules import drop_rule, set_rule


def duplicates_in_a_batch(db: Database) -> None:
    """One user, and one phone of several users, several times in one batch: the limits hold."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=20, limit=1, sku=f"twice_{uuid4()}")
        answers = reserve_batch(buyer, (sale, "ann"), (sale, "bob"), (sale, "ann"))
        require_equal(
            [row.status for row in answers], ["held", "held", "limit_exceeded"], "one user twice"
        )
        set_limit(operator, sale, "phone", maximum=2, dimension="phone")
        users = [(sale, f"user {number}") for number in range(5)]
        answers = reserve_batch(buyer, *users, subjects={"phone": "1"})
        require_statuses(answers, {"held": 2, "limit_exceeded": 3})
    require_books(db, sale)


def a_limit_set_beside_batches(db: Database) -> None:
    """Two batches share an address, on which a limit is set while both wait: none deadlocks.

    Each was there first, so the limit counts what it buys and does not bind it.
    """
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=20, sku=f"ip_{uuid4()}")
    calls = [
        functools.partial(_batch, users=[(sale, name), (sale, f"{name} 2"), (sale, name)], ip="1")
        for name in ("ann", "bob")
    ]
    with sessions_of(db, 2) as (one, two), Gate(db) as gate, at_hand(db, "operator") as operator:
        gate.lock_slots(sale)
        require(one.start(calls[0]).blocked, "the first batch did not wait")
        require(two.start(calls[1]).blocked, "the second batch did not wait")
        set_limit(operator, sale, "ip", maximum=7, dimension="ip")
        gate.open()
        answers = one.finish(), two.finish()
    errors = [describe(batch) for batch in answers if isinstance(batch, Exception)]
    require_equal(errors, [], "errors")
    require_equal([row.status for batch in answers for row in batch], ["held"] * 6, "answers")
    with at_hand(db, "buyer") as buyer:
        told = [reserve(buyer, sale, user=name, subjects={"ip": "1"}).status for name in "xy"]
    require_equal(told, ["held", "limit_exceeded"], "afterwards")
    require_books(db, sale)


def a_limit_set_beside_late_payments(db: Database) -> None:
    """Two files of late payments in two sales wait, and a limit is set on the phone of both buyers.

    Each was there first, so the limit counts what it pays for and does not bind it: they have no
    lock in common that would let the second see the first.
    """
    name = f"global {uuid4()}"
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sales = [open_sale(operator, units=1, sku=f"late_{uuid4()}") for _ in range(2)]
        payments = [
            [(user, reserve(buyer, sale, user=user, subjects={"phone": name}).reservation_id, "x")]
            for user, sale in zip(("ann", "bob"), sales, strict=True)
        ]
        for sale in sales:
            let_holds_end(db, sale)
        with sessions_of(db, 2) as windows, Gate(db) as gate:
            gate.lock_slots(*sales)
            for window, payment in zip(windows, payments, strict=True):
                window.execute("begin")
                require(window.start(confirm_batch, payment).blocked, "a batch did not wait")
            set_rule(
                operator,
                None,
                name,
                maximum=1,
                dimension="phone",
                window="day",
                time_zone="UTC",
                required=False,
            )
            gate.open()
            answers = [row for window in windows for row in window.finish()]
            for window in windows:
                window.execute("commit")
        require_equal([row.status for row in answers], ["confirmed"] * 2, "answers")
        drop_rule(operator, None, name)
    require_books(db, *sales)


def last_units_in_batches(db: Database, sessions: int = 6) -> None:
    """Batches at once want more than there is: exactly all is sold, and each is told so."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=25, sku=f"batches_{uuid4()}")
    calls = [
        functools.partial(_batch, users=[(sale, f"u{session}-{number}") for number in range(10)])
        for session in range(sessions)
    ]
    with sessions_of(db, sessions) as windows, Gate(db) as gate:
        gate.lock_slots(sale)
        batches = stampede(db, windows, gate, calls)
    errors = [describe(batch) for batch in batches if isinstance(batch, Exception)]
    require_equal(errors, [], "errors")
    seen = Counter(row.status for batch in batches for row in batch)
    require_equal(seen, {"held": 25, "sold_out": 10 * sessions - 25}, "answers")
    require_units(db, sale, available=0, held=25)
    require_books(db, sale)


def batches_in_opposite_orders(db: Database, sessions: int = 6) -> None:
    """The same users and two pools, listed forwards and backwards: nobody deadlocks."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=1000, sku=f"first_{uuid4()}")
        other = Sale(sale.activity_id, f"second_{uuid4()}", "*")
        add_units(operator, other, 1000)
    users = [(pool, f"user {number}") for number in range(20) for pool in (sale, other)]
    calls = [
        functools.partial(_batch, users=users if session % 2 else users[::-1])
        for session in range(sessions)
    ]
    with sessions_of(db, sessions) as windows, Gate(db) as gate:
        gate.lock_slots(sale)
        batches = stampede(db, windows, gate, calls)
    errors = [describe(batch) for batch in batches if isinstance(batch, Exception)]
    require_equal(errors, [], "errors")
    require_units(db, sale, available=1000 - 20 * sessions, held=20 * sessions)
    require_books(db, sale)


def purchases_beside_payments(db: Database, rounds: int = 25) -> None:
    """Batches of purchases and of payments of the same buyers at once: nobody deadlocks."""
    use_short_fuses(db)
    with at_hand(db, "operator") as operator, db.connect("buyer", direct=True) as buyer:
        sale = open_sale(operator, units=100_000, sku=f"paid_{uuid4()}")
        users = [f"user {number}" for number in range(60)]
        held = reserve_batch(buyer, *((sale, user) for user in users))

    def buy() -> None:
        with db.connect("buyer", direct=True) as buyer:
            for _ in range(rounds):
                reserve_batch(buyer, *((sale, user) for user in users))

    def pay() -> None:
        payments = [
            (user, row.reservation_id, "paid") for user, row in zip(users, held, strict=True)
        ]
        with db.connect("buyer", direct=True) as buyer:
            for _ in range(rounds):
                confirm_batch(buyer, payments)

    errors = [describe(answer) for answer in together([buy, pay] * 3) if answer is not None]
    require_equal(errors, [], "errors")
    require_books(db, sale)


def a_batch_beside_single_calls(db: Database, sessions: int = 6) -> None:
    """A batch of one user's requests and his single clicks at once: one unit, as the limit says."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=50, limit=1, sku=f"mixed_{uuid4()}")
    calls = [functools.partial(_batch, users=[(sale, "ann"), (sale, "bob")])] * (sessions // 2) + [
        functools.partial(_single, sale=sale, user="ann")
    ] * (sessions - sessions // 2)
    with sessions_of(db, sessions) as windows, Gate(db) as gate:
        gate.lock_slots(sale)
        batches = stampede(db, windows, gate, calls)
    held = sum(row.status == "held" for batch in batches for row in batch)
    require_equal(held, 2, "units of two users with a limit of one")
    require_books(db, sale)


def early_release_is_durable(db: Database) -> None:
    """reserve_now lets go of the row early, and answers from disk all the same."""
    with (
        db.connect("operator", direct=True) as operator,
        db.connect("buyer", direct=True) as buyer,
        resting_wal_writer(db) as superuser,
    ):
        sale = open_sale(operator, units=100, sku=f"early_{uuid4()}")
        for level in ("on", "off", "local"):
            buyer.execute(f"set synchronous_commit = {level}".encode())
            for number in range(TRIES):
                before = written(superuser)
                answer = reserve_now(buyer, sale, user=f"{level} {number}")
                require_equal(answer.status, "held", "reserve_now")
                require(
                    flushed_beyond(superuser, before),
                    "reserve_now answered before its commit was on disk",
                )
    require_books(db, sale)


def _batch(connection: object, users: list[tuple[Sale, str]], ip: str | None = None) -> object:
    subjects = {"ip": ip} if ip else None
    return reserve_batch(connection, *users, subjects=subjects)  # type: ignore[arg-type]


def _single(connection: object, sale: Sale, user: str) -> object:
    return [reserve(connection, sale, user=user)]  # type: ignore[arg-type]
