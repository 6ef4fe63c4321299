"""Orders of several lines: all or nothing, whatever else wants the same pools in whatever order."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from uuid import uuid4

from tests.concurrency.books import (
    let_holds_end,
    require_books,
    require_inventory,
    require_statuses,
    require_units,
)
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
from tests.fix_sale import Row, Sale, close_activity, expire_due, reserve, set_limit
from tests.procedures.rules import reserve_lines


def both(pools: Sequence[Sale], quantity: int = 1) -> list[tuple[str, int]]:
    """Lines of all pools."""
    return [(pool.sku, quantity) for pool in pools]


def pools_against_their_names(db: Database, units: int = 2) -> list[Sale]:
    """Two pools whose skus sort the other way round than the pools were made."""
    return two_pools(db, units=units, skus=(f"z_{uuid4()}", f"a_{uuid4()}"))


def opposite_lines(db: Database) -> None:
    """Two buyers ask for the same two skus in opposite order, and queue for the first pool.

    Whoever is second must not have the other pool already.
    """
    for turn in (1, -1):
        pools = two_pools(db)
        lines = both(pools)[::turn]
        with Session(db) as one, Session(db) as two, Gate(db) as gate:
            gate.lock_slots(pools[0])
            require(one.start(reserve_lines, pools[0], lines).blocked, "the first did not wait")
            two.start(reserve_lines, pools[0], lines[::-1], user="bob")
            require(two.blocked, "the second did not wait")
            gate.open()
            answers = [one.finish(), two.finish()]
        require_statuses(answers, {"held": 2})
        for pool in pools:
            require_units(db, pool, available=0, held=2)
        require_books(db, *pools)


def lines_against_close(db: Database) -> None:
    """A purchase and the close of the sale want both pools; skus sort the other way than pools."""
    pools = pools_against_their_names(db)
    with Session(db, "operator") as one, Session(db) as two, Gate(db) as gate:
        gate.lock_slots(pools[0])
        require(one.start(close_activity, pools[0]).blocked, "close did not wait")
        require(two.start(reserve_lines, pools[0], both(pools)).blocked, "no wait for the pools")
        gate.open()
        answers = describe(one.finish()), describe(two.finish())
    require(
        answers in (("closed", "sold_out"), ("closed", "ended"), ("closed", "busy")), f"{answers}"
    )
    for pool in pools:
        require_inventory(db, pool.sku, 2)
    require_books(db, *pools)


def lines_that_take_ended_holds(db: Database) -> None:
    """Two orders of the same two skus need what ended holds have: one has them, none waits long."""
    for turn in (1, -1):
        pools = pools_against_their_names(db)
        with at_hand(db, "buyer") as buyer:
            for pool in pools:
                for user in ("eve", "dan"):
                    require_equal(describe(reserve(buyer, pool, user=user)), "held", "purchase")
        let_holds_end(db, pools[0])
        lines = both(pools, 2)[::turn]
        with Session(db) as one, Session(db) as two, Gate(db) as gate:
            gate.lock_slots(*pools)
            one.start(reserve_lines, pools[0], lines)
            two.start(reserve_lines, pools[0], lines[::-1], user="bob")
            gate.open()
            answers = [describe(one.finish()), describe(two.finish())]
        require(answers.count("held") == 1, f"answers: {answers}")
        require(set(answers) <= {"held", "sold_out", "busy"}, f"answers: {answers}")
        for pool in pools:
            require_units(db, pool, available=0, held=2)
        require_books(db, *pools)


def lines_against_sweep(db: Database) -> None:
    """A sweep of ended holds and a purchase that needs them want both pools."""
    pools = pools_against_their_names(db)
    with at_hand(db, "buyer") as buyer:
        for pool in pools:
            require_equal(describe(reserve(buyer, pool, quantity=2)), "held", "purchase")
    let_holds_end(db, pools[0])
    with Session(db, "operator") as one, Session(db) as two, Gate(db) as gate:
        gate.lock_slots(pools[0])
        require(one.start(expire_due).blocked, "the sweep did not wait")
        two.start(reserve_lines, pools[0], both(pools, 2), user="bob")
        gate.open()
        answers = describe(one.finish()), describe(two.finish())
    require(answers in (("2", "held"), ("2", "busy")), f"answers: {answers}")
    require_books(db, *pools)


def same_sku_twice(db: Database) -> None:
    """A sku on two lines is one line of their sum, for the stock and for the limits."""
    pools = two_pools(db, units=5)
    first, second = (pool.sku for pool in pools)
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        set_limit(operator, pools[0], "of the first", maximum=2, sku=first)

        def ask(*lines: tuple[str, int]) -> Row:
            return reserve_lines(buyer, pools[0], lines)

        require_equal(describe(ask((first, 2), (first, 1))), "limit_exceeded", "2 + 1 of 2")
        require_equal(describe(ask((second, 3), (second, 3))), "sold_out", "3 + 3 of 5")
        require_equal(describe(ask((first, 1), (second, 1), (first, 1))), "held", "1 + 1 of 2")
        require_equal(describe(ask((first, 1))), "limit_exceeded", "one more")
    require_units(db, pools[0], available=3, held=2)
    require_units(db, pools[1], available=4, held=1)
    require_books(db, *pools)


def last_pair(db: Database, sessions: int = 8) -> None:
    """One unit of each sku and many orders of both: one has the pair, nobody has half of it."""
    pools = two_pools(db, units=1)
    lines = both(pools)
    calls = [
        functools.partial(
            reserve_lines, sale=pools[0], lines=lines[:: 1 if number % 2 else -1], user=f"u{number}"
        )
        for number in range(sessions)
    ]
    with sessions_of(db, sessions) as buyers, Gate(db) as gate:
        gate.lock_slots(pools[1])
        answers = stampede(db, buyers, gate, calls)
    require_statuses(answers, {"held": 1, "sold_out": sessions - 1})
    for pool in pools:
        require_units(db, pool, available=0, held=1)
    require_books(db, *pools)
