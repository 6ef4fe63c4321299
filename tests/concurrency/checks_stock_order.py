"""Ops calls and orders that touch many pools: slots ascending, then inventory rows by sku.

Each of these deadlocked once. The third party, who takes locks in their order and has one while he
waits for the next, is a close of another sale of the same skus.
"""

from __future__ import annotations

from uuid import uuid4

from tests.concurrency.books import let_holds_end, require_books
from tests.concurrency.checks_slots import hold_slot, users_of
from tests.concurrency.sessions import (
    Gate,
    Session,
    describe,
    require,
    require_equal,
    until_settled,
)
from tests.fix_database import Database
from tests.fix_sale import (
    Sale,
    add_units,
    close_activity,
    confirm,
    open_sale,
    reserve,
    set_stock_total,
)
from tests.procedures.rules import move_stock, reserve_lines, set_slots


def pools_of(db: Database, *skus: str, units: int = 4) -> list[Sale]:
    """One open activity with a pool of each sku, in this order."""
    with db.connect("operator") as operator:
        first = open_sale(operator, units=units, sku=skus[0])
        pools = [Sale(first.activity_id, sku, first.region) for sku in skus]
        for pool in pools[1:]:
            add_units(operator, pool, units)
    return pools


def three_skus() -> list[str]:
    """Names in their order, of nobody else."""
    return [f"{letter}_{uuid4()}" for letter in "amz"]


def slots_made_while_an_order_waits(db: Database) -> None:
    """An order waits for its first pool; meanwhile its second one is given more slots.

    It may not come back for these once it has the third pool: somebody who pays for a hold in one
    of them has it, and wants the third pool.
    """
    pools = pools_of(db, *three_skus())
    [ann] = users_of(db, 0, 4)
    [bob] = users_of(db, 1, 3)  # of the slots 1 to 3, when the first is empty
    with (
        db.connect("operator") as operator,
        db.connect("buyer") as buyer,
        db.connect("superuser", autocommit=False) as holder,
        Session(db) as ordering,
        Session(db) as paying,
        Gate(db) as gate,
    ):
        gate.lock_slots(pools[0])
        ordering.start(reserve_lines, pools[0], [(pool.sku, 1) for pool in pools], user="eve")
        require(ordering.blocked, "the order did not wait for its first pool")
        set_slots(operator, pools[1], 4)
        require_equal(reserve(buyer, pools[1], user=ann).status, "held", "the first slot's unit")
        held = reserve_lines(buyer, pools[1], [(pool.sku, 1) for pool in pools[1:]], user=bob)
        require_equal(held.status, "held", "bob's order")
        hold_slot(holder, pools[1], 1)
        gate.open()
        until_settled([ordering], db)
        require(ordering.blocked, "the order did not wait for the new slot")
        paying.start(confirm, held.reservation_id, user=bob)
        holder.rollback()
        answers = describe(paying.finish()), describe(ordering.finish())
    require_equal(answers, ("confirmed", "held"), "answers")
    require_books(db, *pools)


def revoke_beside_a_pool_in_debt(db: Database) -> None:
    """A revoked order has units of another pool too, where they pay a debt."""
    skus = three_skus()
    own, debtor = pools_of(db, skus[0], skus[2])
    others = pools_of(db, *skus)
    with db.connect("buyer") as buyer, db.connect("operator") as operator:
        require_equal(
            reserve_lines(buyer, own, [(own.sku, 4), (debtor.sku, 4)]).status, "held", "order"
        )
        set_stock_total(operator, debtor, 2, "drain")
    with Session(db, "operator") as closing, Session(db, "operator") as cutting, Gate(db) as gate:
        gate.lock_inventory(skus[1])
        require(closing.start(close_activity, others[0]).blocked, "close did not wait")
        require(cutting.start(set_stock_total, own, 0, "revoke").blocked, "the cut did not wait")
        gate.open()
        answers = describe(cutting.finish()), describe(closing.finish())
    require_equal(answers, ("set", "closed"), "answers")
    require_books(db, own, debtor, *others)


def move_beside_a_pool_in_debt(db: Database) -> None:
    """Units to be moved are in an ended order, which has some of a pool in debt too."""
    skus = three_skus()
    own, debtor = pools_of(db, skus[0], skus[2])
    others = pools_of(db, *skus)
    with db.connect("buyer") as buyer, db.connect("operator") as operator:
        add_units(operator, Sale(own.activity_id, own.sku, "north"), 1)
        require_equal(
            reserve_lines(buyer, own, [(own.sku, 4), (debtor.sku, 4)]).status, "held", "order"
        )
        set_stock_total(operator, debtor, 2, "drain")
    let_holds_end(db, own)
    with Session(db, "operator") as closing, Session(db, "operator") as moving, Gate(db) as gate:
        gate.lock_inventory(skus[1])
        require(closing.start(close_activity, others[0]).blocked, "close did not wait")
        moving.start(move_stock, own, 3, source=own.region, target="north")
        require(moving.blocked, "move did not wait")
        gate.open()
        answers = describe(moving.finish()), describe(closing.finish())
    require_equal(answers, ("moved", "closed"), "answers")
    require_books(db, own, debtor, *others)


def close_of_a_pool_in_debt(db: Database) -> None:
    """Of two pools the second owes what an ended hold has; the first has units to return."""
    skus = three_skus()[::2]
    own, debtor = pools_of(db, *skus)
    others = pools_of(db, *skus)
    with db.connect("buyer") as buyer, db.connect("operator") as operator:
        require_equal(reserve(buyer, debtor, quantity=4).status, "held", "hold")
        set_stock_total(operator, debtor, 2, "drain")
    let_holds_end(db, own)
    with Session(db, "operator") as closing, Session(db, "operator") as other, Gate(db) as gate:
        gate.lock_inventory(skus[0])
        require(other.start(close_activity, others[0]).blocked, "the other close did not wait")
        require(closing.start(close_activity, own).blocked, "close did not wait")
        gate.open()
        answers = closing.finish(), other.finish()
    require_equal([describe(answer) for answer in answers], ["closed", "closed"], "answers")
    require_equal([answer.quantity for answer in answers], [6, 8], "units returned")
    require_books(db, own, debtor, *others)


def order_of_pools_in_debt(db: Database) -> None:
    """Of two pools in debt it gives back what ended in the second; the first comes free later."""
    skus = three_skus()[::2]
    first, second = pools_of(db, *skus)
    others = pools_of(db, *skus)
    with db.connect("buyer") as buyer, db.connect("operator") as operator:
        holds = [
            reserve(buyer, pool, user="bob", quantity=4).reservation_id for pool in (first, second)
        ]
        for pool in (first, second):
            set_stock_total(operator, pool, 2, "drain")
    let_holds_end(db, first)
    with (
        Session(db, "operator") as closing,
        Session(db) as ordering,
        Gate(db) as in_hand,
        Gate(db) as gate,
    ):
        in_hand.lock_reservation(holds[0])
        gate.lock_inventory(skus[1])
        ordering.start(reserve_lines, first, [(sku, 1) for sku in skus])
        require(ordering.blocked, "the order did not wait")
        in_hand.open()
        require(closing.start(close_activity, others[0]).blocked, "close did not wait")
        gate.open()
        answers = describe(ordering.finish()), describe(closing.finish())
    require_equal(answers, ("held", "closed"), "answers")
    require_books(db, first, second, *others)


def purchase_that_settles_twice(db: Database) -> None:
    """A pool in slots gives back what ended, is still short, and finds an order that ended, too.

    That one has units of a lower pool: with slots in hand these may not be waited for.
    """
    lower, pool = pools_of(db, *three_skus()[1:], units=3)
    lines = [(lower.sku, 1), (pool.sku, 1)]
    [other] = users_of(db, 1, 2)  # so that the first slot has both orders, and is waited for
    with db.connect("buyer") as buyer, db.connect("operator") as operator:
        set_slots(operator, pool, 2)
        single = reserve(buyer, pool, user=other).reservation_id
        order = reserve_lines(buyer, pool, lines, user="bob").reservation_id
        paid = reserve_lines(buyer, pool, lines, user="eve").reservation_id
    let_holds_end(db, pool, single, order)
    with (
        Session(db) as buying,
        Session(db) as paying,
        Gate(db) as in_hand,
        Gate(db) as gate,
    ):
        in_hand.lock_reservation(order)
        gate.lock_slots(pool)
        require(buying.start(reserve, pool, quantity=2).blocked, "the purchase did not wait")
        in_hand.open()
        require(paying.start(confirm, paid, user="eve").blocked, "the payment did not wait")
        gate.open()
        answers = describe(paying.finish()), describe(buying.finish())
    require(answers in (("confirmed", "held"), ("confirmed", "busy")), f"answers: {answers}")
    require_books(db, lower, pool)
