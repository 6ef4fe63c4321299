"""Sweepers beside buyers, beside each other, and killed midway."""

from __future__ import annotations

import functools
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.books import (
    let_holds_end,
    require_books,
    require_statuses,
    require_units,
)
from tests.concurrency.sessions import (
    Gate,
    Session,
    Watch,
    at_hand,
    describe,
    require,
    require_equal,
    sessions_of,
)
from tests.fix_database import Database
from tests.fix_sale import (
    Sale,
    add_units,
    availability,
    confirm,
    expire_due,
    one,
    open_sale,
    reserve,
    reserve_batch,
    set_stock_total,
)
from tests.procedures.rules import reserve_lines


def ended_holds(db: Database, count: int) -> Sale:
    """A sale all of whose units are in holds that have ended and were not swept."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=count, sku=f"swept_{uuid4()}")
        for number in range(count):
            assert reserve(buyer, sale, user=f"user {number}").status == "held"
    let_holds_end(db, sale)
    return sale


def sweep(connection: Connection[Any], limit: int) -> int:
    """seckill.expire_due of at most so many holds."""
    return one(
        connection, "select seckill.expire_due(p_limit => %(limit)s) as expired", limit=limit
    ).expired


def purchase_beside_sweeper(db: Database, *, undone: bool = False) -> None:
    """A sweeper has the ended hold in hand: busy, at once, and the unit is had after it."""
    sale = ended_holds(db, 1)
    with Session(db, "operator") as sweeper, Session(db) as buyer:
        sweeper.execute("begin")
        require_equal(sweeper.run(expire_due), 1, "holds expired")
        buyer.start(reserve, sale, user="bob")
        waited = buyer.blocked
        sweeper.execute("rollback" if undone else "commit")
        answer = buyer.finish()
        require(not waited, "a buyer waited for a sweeper")
        require_equal((describe(answer), answer.retry), ("busy", "busy"), "status and retry")
        require_equal(describe(buyer.run(reserve, sale, user="bob")), "held", "after the sweeper")
    require_units(db, sale, available=0, held=1)
    require_books(db, sale)


def purchase_before_sweeper_posts(db: Database) -> None:
    """The same while the sweeper waits for the pool's row, holds in hand."""
    sale = ended_holds(db, 1)
    with Session(db, "operator") as sweeper, Session(db) as buyer, Gate(db) as gate:
        gate.lock_slots(sale)
        require(sweeper.start(expire_due).blocked, "the sweeper did not touch the pool")
        buyer.start(reserve, sale, user="bob")
        waited = buyer.blocked
        gate.open()
        answers = sweeper.finish(), buyer.finish()
        require(not waited, "a buyer waited for a sweeper")
        require_equal((answers[0], describe(answers[1])), (1, "busy"), "sweeper and buyer")
        require_equal(describe(buyer.run(reserve, sale, user="bob")), "held", "after the sweeper")
    require_books(db, sale)


def hold_lasts_from_when_it_was_had(db: Database) -> None:
    """A buyer who waited for the pool has the whole time to pay, from the moment of the hold."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=1, sku=f"whole_{uuid4()}", hold_seconds=60)
    with Session(db) as buyer, Gate(db) as gate:
        gate.lock_slots(sale)
        require(buyer.start(reserve, sale).blocked, "the purchase did not touch the pool")
        row = gate.connection.execute("select clock_timestamp() as opened").fetchone()
        assert row is not None
        gate.open()
        answer = buyer.finish()
    require_equal(describe(answer), "held", "reserve")
    require((answer.expires_at - row.opened).total_seconds() >= 60, "a hold shorter than was sold")
    require_books(db, sale)


def purchase_takes_ended_holds(db: Database) -> None:
    """Without any sweeper: ended holds are worth nothing, also all of them at once."""
    sale = ended_holds(db, 3)
    with at_hand(db, "buyer") as buyer:
        require_equal(availability(buyer, sale).available, 3, "available")
        require_equal(describe(reserve(buyer, sale, user="bob", quantity=3)), "held", "reserve")
    require_units(db, sale, available=0, held=3)
    require_books(db, sale)


def purchases_share_ended_holds(db: Database, sessions: int = 8) -> None:
    """Buyers take ended holds side by side: none is sold twice, and none lost."""
    sale = ended_holds(db, sessions)
    calls = [functools.partial(reserve, sale=sale, user=f"new {n}") for n in range(sessions)]
    with sessions_of(db, sessions) as buyers:
        for buyer, call in zip(buyers, calls, strict=True):
            buyer.send(call)
        answers = [buyer.finish() for buyer in buyers]
        seen = set(map(describe, answers))
        require(seen <= {"held", "busy"}, f"answers {seen}")
        again = [
            buyer.run(call)
            for buyer, call, answer in zip(buyers, calls, answers, strict=True)
            if answer.status == "busy"
        ]
    require(all(answer.status == "held" for answer in again), "refused although units are left")
    require_units(db, sale, available=0, held=sessions)
    require_books(db, sale)


def two_sweepers(db: Database) -> None:
    """Two sweepers at once expire every hold once, and count each once."""
    sale = ended_holds(db, 6)
    with sessions_of(db, 2, "operator") as (one_, two), Gate(db) as gate:
        gate.lock_slots(sale)
        require(one_.start(sweep, 4).blocked, "the sweeper did not touch the pool")
        two.start(sweep, 4)
        gate.open()
        counts = [one_.finish(), two.finish()]
    require_statuses(counts, {"4": 1, "2": 1})
    require_units(db, sale, available=6)
    require_books(db, sale)


def killed_sweeper(db: Database) -> None:
    """A sweeper is killed after its work, before its commit: the next one does all of it."""
    sale = ended_holds(db, 4)
    with Session(db, "operator") as first, Session(db, "operator") as second, Watch(db) as watch:
        first.execute("begin")
        require_equal(first.run(expire_due), 4, "holds expired")
        require_equal(second.run(expire_due), 0, "holds that another sweeper has in hand")
        watch.terminate(first.name)
        require_equal(second.run(expire_due), 4, "holds expired after the kill")
    require_units(db, sale, available=4)
    require_books(db, sale)


def killed_waiting_sweeper(db: Database) -> None:
    """A sweeper is killed while it waits for the pool: nothing of it remains."""
    sale = ended_holds(db, 4)
    with Session(db, "operator") as first, Session(db, "operator") as second, Gate(db) as gate:
        gate.lock_slots(sale)
        require(first.start(expire_due).blocked, "the sweeper did not touch the pool")
        with Watch(db) as watch:
            watch.terminate(first.name)
        require_equal(describe(first.finish()), "57P01", "the killed sweeper")
        gate.open()
        require_equal(second.run(expire_due), 4, "holds expired after the kill")
    require_units(db, sale, available=4)
    require_books(db, sale)


def sweep_beside_purchase(db: Database) -> None:
    """A sweep that overlaps a purchase must not forget when the new hold ends.

    The old hold was paid, so next_expiry stands for nothing any more and the sweep sets it anew;
    the purchase is not committed yet, so the sweep does not see its hold.
    """
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=2, sku=f"beside_{uuid4()}")
        paid = reserve(buyer, sale).reservation_id
        let_holds_end(db, sale)
        assert confirm(buyer, paid).status == "confirmed"
    with Session(db, "operator") as sweeper, Session(db) as buying:
        buying.execute("begin")
        require_equal(describe(buying.run(reserve, sale, user="bob")), "held", "reserve")
        sweeper.start(expire_due)
        buying.execute("commit")
        require_equal(sweeper.finish(), 0, "holds expired")
    require_books(db, sale)
    let_holds_end(db, sale)
    require_units(db, sale, available=1, sold=1)
    with at_hand(db, "operator") as operator:
        require_equal(expire_due(operator), 1, "holds expired, once this one had ended")


def hung_purchase_delays_no_other_sale(db: Database) -> None:
    """A purchase in sale B hangs and keeps its pool locked: the sweep of sale A goes on at once.

    Only once nothing else is left to do does a sweep wait for B, and settles it then.
    """
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        hung = open_sale(operator, units=2, sku=f"hung_{uuid4()}")
        assert reserve(buyer, hung).status == "held"
        let_holds_end(db, hung)
        operator.execute("select seckill.expire_due()")  # what other checks have left
        assert reserve(buyer, hung).status == "held"
    let_holds_end(db, hung)
    sale = ended_holds(db, 3)
    with Session(db, "operator") as sweeper, Session(db) as buying:
        buying.execute("begin")
        require_equal(describe(buying.run(reserve, hung, user="bob")), "held", "the hung purchase")
        sweeper.start(expire_due)
        require(not sweeper.blocked, "the sweep of one sale waits for a purchase in another")
        require_equal(sweeper.finish(), 3, "holds expired of the other sale")
        require(sweeper.start(expire_due).blocked, "the sweep did not wait for the last sale")
        buying.execute("commit")
        require_equal(sweeper.finish(), 1, "holds expired once the purchase went on")
    require_books(db, sale, hung)


def late_confirm_beside_sweeper(db: Database) -> None:
    """A late payment finds the only units in ended holds that a sweeper has in hand.

    Nobody else has bought them, so to refuse the payment for good would be wrong. It may be told to
    try again (55P03), and must be taken once the sweeper is done.
    """
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=1, sku=f"first_{uuid4()}")
        other = Sale(sale.activity_id, f"second_{uuid4()}", "*")
        add_units(operator, other, 1)
        late = reserve(buyer, other).reservation_id
        let_holds_end(db, sale)
        assert expire_due(operator) == 1
        assert reserve(buyer, sale, user="bob").status == "held"
        assert reserve(buyer, other, user="bob").status == "held"
        let_holds_end(db, sale)
    with Session(db, "operator") as sweeper, Session(db) as buying, Gate(db) as gate:
        gate.lock_slots(sale)
        require(sweeper.start(expire_due).blocked, "the sweeper did not touch the pool")
        buying.start(confirm, late)
        gate.open()
        require_equal(sweeper.finish(), 2, "holds expired")
        answer = describe(buying.finish())
        if answer == "55P03":
            answer = describe(buying.run(confirm, late))
        require_equal(answer, "confirmed", "a late payment while the units are there")
    require_books(db, sale, other)


def debt_of_many_ended_holds(db: Database) -> None:
    """280 of 300 ended holds pay what the pool owes; nobody sweeps, and 20 are had all the same."""
    for late in (True, False):
        with db.connect("operator") as operator, Session(db) as buyer:
            sale = open_sale(operator, units=300, sku=f"debt_{uuid4()}")
            holds = buyer.run(reserve_batch, *[(sale, f"u{number}") for number in range(300)])
            set_stock_total(operator, sale, 20, "drain")
            let_holds_end(db, sale)
            if late:
                answer = buyer.run(confirm, holds[-1].reservation_id, user="u299")
                require_equal(describe(answer), "confirmed", "the late payment")
            require_equal(describe(buyer.run(reserve, sale, quantity=19)), "held", "a purchase")
        require_units(db, sale, available=0 if late else 1, held=19, sold=1 if late else 0)
        require_books(db, sale)


def batch_of_what_ended_elsewhere_too(db: Database) -> None:
    """The only units left are in ended orders that reach into pools which the batch has not."""
    with db.connect("operator") as operator, db.connect("buyer") as buyer:
        first = open_sale(operator, units=2, sku=f"a_{uuid4()}")
        pools = [first, *[Sale(first.activity_id, f"{n}_{uuid4()}", "*") for n in "bc"]]
        for pool in pools[1:]:
            add_units(operator, pool, 2)
        lines = [(pool.sku, 1) for pool in pools]
        for user in ("bob", "eve"):
            require_equal(describe(reserve_lines(buyer, first, lines, user=user)), "held", user)
        let_holds_end(db, first)
        several = [(pools[2], "u1"), (pools[1], "u2"), (pools[2], "u3"), (pools[1], "u4")]
        require_statuses(reserve_batch(buyer, *several), {"held": 4})
        require_statuses(reserve_batch(buyer, *several), {"sold_out": 4})
        require_statuses(reserve_batch(buyer, (first, "u1"), (first, "u2")), {"held": 2})
    for pool in pools:
        require_units(db, pool, available=0, held=2)
    require_books(db, *pools)


def batch_of_one_pool_and_what_ended(db: Database) -> None:
    """One unit is free, and one is in an ended order that has some of another pool, too."""
    with db.connect("operator") as operator, db.connect("buyer") as buyer:
        first = open_sale(operator, units=1, sku=f"a_{uuid4()}")
        pool = Sale(first.activity_id, f"b_{uuid4()}", "*")
        add_units(operator, pool, 2)
        lines = [(first.sku, 1), (pool.sku, 1)]
        require_equal(describe(reserve_lines(buyer, first, lines)), "held", "the order")
        let_holds_end(db, first)
        answers = reserve_batch(buyer, (pool, "u1"), (pool, "u2"), (pool, "u3"))
    require_equal(list(map(describe, answers)), ["held", "held", "sold_out"], "answers")
    require_books(db, first, pool)
