"""Locks are taken in one order: calls that want the same rows queue, and never deadlock."""

from __future__ import annotations

import functools
from uuid import uuid4

from tests.concurrency.books import let_holds_end, require_books, require_inventory
from tests.concurrency.checks_resolution import ended_sale
from tests.concurrency.sessions import (
    Gate,
    Session,
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
    cancel,
    close_activity,
    confirm,
    expire_due,
    open_sale,
    reserve,
    reserve_batch,
    set_stock_total,
)
from tests.procedures.rules import reserve_lines


def two_pools(db: Database, *, units: int = 2, skus: tuple[str, str] | None = None) -> list[Sale]:
    """One activity with two pools, in the order in which they were made."""
    first, second = skus or (f"a_{uuid4()}", f"b_{uuid4()}")
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=units, sku=first)
        other = Sale(sale.activity_id, second, sale.region)
        add_units(operator, other, units)
    return [sale, other]


def close_against_sweep(db: Database) -> None:
    """Both want both pools and queue for the first; whoever is second must not have the other."""
    for close_first in (True, False):
        sales = two_pools(db)
        with at_hand(db, "buyer") as buyer:
            for sale in sales:
                assert reserve(buyer, sale).status == "held"
        let_holds_end(db, sales[0])
        close = functools.partial(close_activity, sale=sales[0])
        first, second = (close, expire_due) if close_first else (expire_due, close)
        with sessions_of(db, 2, "operator") as (one, two), Gate(db) as gate:
            gate.lock_slots(sales[0])
            require(one.start(first).blocked, "the first did not wait")
            require(two.start(second).blocked, "the second did not wait")
            gate.open()
            answers = {describe(one.finish()), describe(two.finish())}
        require_equal(answers, {"closed", "2"}, "close and sweep")
        for sale in sales:
            require_inventory(db, sale.sku, 2)
        require_books(db, *sales)


def closes_with_shared_skus(db: Database) -> None:
    """Two sales of the same two skus, made in opposite order, return them at once."""
    skus = f"a_{uuid4()}", f"b_{uuid4()}"
    sales = two_pools(db, skus=skus), two_pools(db, skus=(skus[1], skus[0]))
    with sessions_of(db, 2, "operator") as (one, two), Gate(db) as gate:
        gate.lock_inventory(skus[0])
        require(one.start(close_activity, sales[0][0]).blocked, "close did not wait")
        require(two.start(close_activity, sales[1][0]).blocked, "the second close did not wait")
        gate.open()
        answers = describe(one.finish()), describe(two.finish())
    require_equal(answers, ("closed", "closed"), "answers")
    for sku in skus:
        require_inventory(db, sku, 4)
    require_books(db, *sales[0], *sales[1])


def sweep_of_closed_sales(db: Database) -> None:
    """A close, then a sweep over two closed sales: all three return the same skus."""
    skus = f"a_{uuid4()}", f"b_{uuid4()}"
    orders = (skus[1], skus[0]), skus, skus
    sales = [two_pools(db, units=1, skus=order) for order in orders]
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        for pools in sales[:2]:
            for sale in pools:
                assert reserve(buyer, sale).status == "held"
            close_activity(operator, pools[0])
            let_holds_end(db, pools[0])
    with sessions_of(db, 2, "operator") as (one, two), Gate(db) as gate:
        gate.lock_inventory(skus[0])
        require(two.start(close_activity, sales[2][0]).blocked, "close did not wait")
        require(one.start(expire_due).blocked, "the sweep did not wait")
        gate.open()
        answers = describe(one.finish()), describe(two.finish())
    require_equal(answers, ("4", "closed"), "answers")
    for sku in skus:
        require_inventory(db, sku, 3)
    require_books(db, *[sale for pools in sales for sale in pools])


def payment_never_waits_for_a_hold(db: Database) -> None:
    """A late payment has the pool's row and wants an ended hold; its owner waits for that row.

    Were the payment to wait for the hold in turn, neither could go on. It may be told to try again.
    """
    sale, paid_late = ended_sale(db)
    with at_hand(db, "buyer") as buyer:
        other = reserve(buyer, sale, user="bob").reservation_id
    let_holds_end(db, sale)
    with Session(db) as paying, Session(db) as owner, Gate(db) as gate:
        gate.lock_slots(sale)
        require(paying.start(confirm, paid_late).blocked, "the payment did not wait")
        require(owner.start(cancel, other, user="bob").blocked, "cancel did not wait")
        gate.open()
        answers = describe(owner.finish()), describe(paying.finish())
    require_equal(answers[0], "expired", "the owner of the ended hold")
    require(answers[1] in ("confirmed", "55P03"), f"the late payment: {answers[1]}")
    require_books(db, sale)


def late_payment_of_a_pool_in_debt(db: Database) -> None:
    """Its own units pay a debt, so it takes one of an ended order, which has a lower pool too.

    Somebody who has that pool's row, and comes for the payment's, waits for nobody who waits for
    him.
    """
    first, second = two_pools(db, units=4)
    lines = [(first.sku, 1), (second.sku, 1)]
    with at_hand(db, "buyer") as buyer, at_hand(db, "operator") as operator:
        order = reserve_lines(buyer, first, lines, user="bob").reservation_id
        late = reserve(buyer, second, quantity=2).reservation_id
        open_order = reserve_lines(buyer, first, lines, user="eve").reservation_id
        set_stock_total(operator, second, 2, "drain")
    let_holds_end(db, first, order, late)
    with sessions_of(db, 2) as (cancelling, paying), Gate(db) as gate:
        gate.lock_slots(first)
        require(cancelling.start(cancel, open_order, user="eve").blocked, "cancel did not wait")
        require(paying.start(confirm, late).blocked, "the payment did not wait")
        gate.open()
        answers = describe(cancelling.finish()), describe(paying.finish())
    require_equal(answers, ("cancelled", "confirmed"), "answers")
    require_books(db, first, second)


def batch_of_pools_in_debt(db: Database) -> None:
    """What ended holds give back pays debts, sku after sku as the batch asks; so does a sweep."""
    skus = f"a_{uuid4()}", f"b_{uuid4()}"
    swept, sold = two_pools(db, units=4, skus=skus), two_pools(db, units=4, skus=skus)
    with at_hand(db, "buyer") as buyer, at_hand(db, "operator") as operator:
        for sale in (*swept, *sold):
            assert reserve(buyer, sale, user=sale.sku, quantity=4).status == "held"
            set_stock_total(operator, sale, 3, "drain")
    let_holds_end(db, swept[0])
    with Session(db, "operator") as sweeper, Session(db) as buying, Gate(db) as gate:
        gate.lock_inventory(skus[0])
        require(sweeper.start(expire_due).blocked, "the sweep did not wait")
        let_holds_end(db, sold[0])
        requests = [(sold[1], "ann"), (sold[0], "bob")]
        require(buying.start(reserve_batch, *requests).blocked, "the batch did not wait")
        gate.open()
        swept_units, answers = sweeper.finish(), buying.finish()
    require_equal(describe(swept_units), "2", "the sweep")
    require(not isinstance(answers, Exception), f"the batch: {describe(answers)}")
    require_equal([row.status for row in answers], ["held", "held"], "the batch")
    for sku in skus:
        require_inventory(db, sku, 2)
    require_books(db, *swept, *sold)
