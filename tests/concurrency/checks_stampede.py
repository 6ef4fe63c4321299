"""Many sessions want one thing at one instant.

Each check makes its own sale, so it may run several times on one database, and raises Violation
when the outcome is wrong. The same functions judge the living code (test_stampede.py) and its known
bad variants (tests/mutation).
"""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from tests.concurrency.books import (
    require_books,
    require_inventory,
    require_statuses,
    require_units,
)
from tests.concurrency.sessions import (
    Gate,
    at_hand,
    describe,
    require,
    require_equal,
    sessions_of,
    stampede,
)
from tests.fix_database import Database
from tests.fix_sale import Row, add_units, one, open_sale, reserve


def last_unit(db: Database, sessions: int = 40, **options: Any) -> None:
    """One unit, many buyers: one holds it, the others are told that none is left."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=1, sku=f"last_{uuid4()}")
    with sessions_of(db, sessions, **options) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        answers = stampede(
            db,
            buyers,
            gate,
            [
                functools.partial(reserve, sale=sale, user=f"user {number}")
                for number in range(sessions)
            ],
        )
    require_statuses(answers, {"held": 1, "sold_out": sessions - 1})
    refused = [answer for answer in answers if answer.status == "sold_out"]
    require(all(answer.remaining == 0 for answer in refused), "sold_out with units remaining")
    require_units(db, sale, available=0, held=1)
    require_books(db, sale)


def one_per_user(db: Database, sessions: int = 40, **options: Any) -> None:
    """One buyer with a limit of 1 clicks in many windows, each with its own request id."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=sessions, limit=1, sku=f"limit_{uuid4()}")
    with sessions_of(db, sessions, **options) as windows, Gate(db) as gate:
        gate.lock_slots(sale)
        call = functools.partial(reserve, sale=sale, user="ann")
        answers = stampede(db, windows, gate, [call] * sessions)
    require_statuses(answers, {"held": 1, "limit_exceeded": sessions - 1})
    require_units(db, sale, available=sessions - 1, held=1)
    require_books(db, sale)


def same_request(db: Database, sessions: int = 40, **options: Any) -> None:
    """One purchase is sent many times at once: one hold, and everybody is told of it."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=sessions, sku=f"again_{uuid4()}")
    request_id = uuid4()
    with sessions_of(db, sessions, **options) as tries, Gate(db) as gate:
        gate.lock_slots(sale)
        call = functools.partial(reserve, sale=sale, user="ann", request_id=request_id)
        answers = stampede(db, tries, gate, [call] * sessions)
    require_statuses(answers, {"held": sessions})
    require_equal(len({(row.reservation_id, row.expires_at) for row in answers}), 1, "holds")
    require(answers[0].reservation_id is not None, "held without a reservation")
    require_equal(sum(row.replayed for row in answers), sessions - 1, "replays")
    require_units(db, sale, available=sessions - 1, held=1)
    require_books(db, sale)


def last_unit_retried(db: Database, users: int = 4, tries: int = 5, **options: Any) -> None:
    """The last unit, and every buyer's request is sent several times at once."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=1, limit=1, sku=f"retried_{uuid4()}")
    requests = {f"user {number}": uuid4() for number in range(users)}
    calls = [
        functools.partial(reserve, sale=sale, user=user, request_id=request_id)
        for _ in range(tries)
        for user, request_id in requests.items()
    ]
    with sessions_of(db, users * tries, **options) as sessions, Gate(db) as gate:
        gate.lock_slots(sale)
        answers = stampede(db, sessions, gate, calls)
    require_statuses(answers, {"held": tries, "sold_out": (users - 1) * tries})
    held = [row for row in answers if row.status == "held"]
    require_equal(len({row.reservation_id for row in held}), 1, "reservations")
    require_equal(sum(row.replayed for row in held), tries - 1, "replays")
    require_units(db, sale, available=0, held=1)
    require_books(db, sale)


def same_delivery(db: Database, sessions: int = 20) -> None:
    """One delivery is booked many times at once, of a new sku or a known one: it counts once."""
    request_id = uuid4()
    sku = f"delivery_{uuid4()}"
    for quantity, known in ((7, False), (5, True)):
        with sessions_of(db, sessions, "operator") as clerks, Gate(db) as gate:
            if known:
                request_id = uuid4()
                gate.lock_inventory(sku)
            answers = stampede(
                db,
                clerks,
                gate,
                [
                    functools.partial(
                        receive_stock, sku=sku, quantity=quantity, request_id=request_id
                    )
                ]
                * sessions,
            )
        require_statuses(answers, {"received": sessions})
        require_equal(sum(row.replayed for row in answers), sessions - 1, "replays")
        require_equal(len({row.total for row in answers}), 1, "totals that were answered")
    require_inventory(db, sku, 12)


def same_allocation(db: Database, sessions: int = 20) -> None:
    """One allocation is sent many times at once: the pool gets it once."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=1, sku=f"allocation_{uuid4()}")
        receive_stock(operator, sku=sale.sku, quantity=100, request_id=uuid4())
    call = functools.partial(allocate_stock, sale=sale, quantity=3, request_id=uuid4())
    with sessions_of(db, sessions, "operator") as clerks, Gate(db) as gate:
        gate.lock_slots(sale)
        answers = stampede(db, clerks, gate, [call] * sessions)
    require_statuses(answers, {"allocated": sessions})
    require_equal(sum(row.replayed for row in answers), sessions - 1, "replays")
    require_units(db, sale, available=4)
    require_inventory(db, sale.sku, 97)
    require_books(db, sale)


def same_activity(db: Database, sessions: int = 20) -> None:
    """One activity is created many times at once: there is one."""
    call = functools.partial(create_activity, name=f"sale {uuid4()}", request_id=uuid4())
    with sessions_of(db, sessions, "operator") as clerks:
        answers = stampede(db, clerks, None, [call] * sessions)
    require_equal(len({describe(answer) for answer in answers}), 1, "activities answered")
    require(isinstance(answers[0], int), f"no activity but {answers[0]!r}")


def new_activities(db: Database, sessions: int = 20) -> None:
    """Many sessions create activities at once where a new partition begins: all can be sold."""
    with at_hand(db, "superuser") as superuser:
        superuser.execute(
            "select setval(pg_get_serial_sequence('seckill_private.activity', 'activity_id'),"
            " (select (coalesce(max(activity_id), 0) / 64 + 1) * 64 - 1 - %s"
            "    from seckill_private.activity))",
            [sessions // 2],
        )
    call = functools.partial(create_activity, name="at the edge")
    with sessions_of(db, sessions, "operator") as clerks, Gate(db) as gate:
        gate.lock_partitions()
        answers = stampede(db, clerks, gate, [call] * sessions)
    require(
        all(isinstance(answer, int) for answer in answers), f"errors: {set(map(describe, answers))}"
    )
    require_equal(len(set(answers)), sessions, "activities")
    require_equal(len({activity // 64 for activity in answers}), 2, "partitions in use")


def stock_for_all(db: Database, sessions: int = 20) -> None:
    """As many units as buyers: nobody is refused, whoever waits for whom (I10)."""
    with at_hand(db, "operator") as operator:
        sale = open_sale(operator, units=sessions // 2, sku=f"enough_{uuid4()}")
        add_units(operator, sale, sessions - sessions // 2)
    calls = [
        functools.partial(reserve, sale=sale, user=f"user {number}") for number in range(sessions)
    ]
    with sessions_of(db, sessions) as buyers, Gate(db) as gate:
        gate.lock_slots(sale)
        answers = stampede(db, buyers, gate, calls)
    require_statuses(answers, {"held": sessions})
    require_units(db, sale, available=0, held=sessions)
    require_books(db, sale)


def receive_stock(connection: Connection, *, sku: str, quantity: int, request_id: UUID) -> Row:
    """seckill.receive_stock."""
    return one(
        connection,
        """
        select * from seckill.receive_stock(
                 p_sku => %(sku)s, p_quantity => %(quantity)s, p_request_id => %(request_id)s)""",
        sku=sku,
        quantity=quantity,
        request_id=request_id,
    )


def allocate_stock(connection: Connection, *, sale: Row, quantity: int, request_id: UUID) -> Row:
    """seckill.allocate_stock to the sale's pool."""
    return one(
        connection,
        """
        select * from seckill.allocate_stock(
                 p_activity_id => %(activity_id)s, p_sku => %(sku)s, p_quantity => %(quantity)s,
                 p_request_id => %(request_id)s, p_region => %(region)s)""",
        activity_id=sale.activity_id,
        sku=sale.sku,
        region=sale.region,
        quantity=quantity,
        request_id=request_id,
    )


def create_activity(connection: Connection, *, name: str, request_id: UUID | None = None) -> int:
    """seckill.create_activity: the activity's id. The instants are the same in every call."""
    return one(
        connection,
        """
        select seckill.create_activity(
                 p_name => %(name)s, p_starts_at => '2030-01-01', p_ends_at => %(ends_in)s
                   + timestamptz '2030-01-01', p_request_id => %(request_id)s) as activity_id""",
        name=name,
        ends_in=timedelta(days=1),
        request_id=request_id,
    ).activity_id
