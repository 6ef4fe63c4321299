"""seckill.reconcile: nothing to say after a long life, and a line for every planted disagreement.

The superuser plants each one by hand, with the table's checks out of the way where they would
stop it. A checker that never failed proves nothing.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_sale import Sale, add_units, one, set_limit, violations
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    HOLD,
    INSTANT,
    OPENS,
    another_pool,
    call_for,
    cancel_at,
    confirm_at,
    hold_at,
    refused,
    reserve_at,
    sale_between,
)
from tests.procedures.rules import set_slots

LATE = OPENS + HOLD
IDS = """(select s.pool_id from seckill_private.pool as s where s.activity_id = %(id)s)"""


def lively_sale(
    operator: Connection[Any], superuser: Connection[Any]
) -> tuple[Sale, dict[str, int]]:
    """A sale with one reservation in each state."""
    sale = sale_between(operator, superuser, units=20, limit=5)
    held = {
        user: hold_at(superuser, sale, OPENS, user=user, quantity=2)
        for user in ("paid", "cancelled", "expired", "late", "held")
    }
    confirm_at(superuser, held["paid"], OPENS, user="paid")
    cancel_at(superuser, held["cancelled"], OPENS, user="cancelled")
    cancel_at(superuser, held["expired"], LATE, user="expired")
    confirm_at(superuser, held["late"], LATE, user="late")
    assert violations(operator, sale) == []
    return sale, held


def plant(superuser: Connection[Any], sale: Sale, statement: str, **values: Any) -> None:
    """Change the books behind the functions' back."""
    cursor = superuser.execute(statement.encode(), {"id": sale.activity_id, **values})
    assert cursor.rowcount > 0, "nothing was planted"


def found(operator: Connection[Any], sale: Sale) -> set[str]:
    """The invariants that reconcile says are broken."""
    rows = violations(operator, sale)
    for row in rows:
        assert row.subject
        assert row.expected != row.actual
    return {row.invariant for row in rows}


# --- I1


@pytest.mark.parametrize("counter", ["available", "held", "sold"])
def test_a_counter_below_zero_is_reported(db: Database, counter):
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        sale, _ = lively_sale(operator, superuser)
        superuser.execute("alter domain seckill_private.units drop constraint units_not_negative")
        plant(
            superuser,
            sale,
            f"""
            update seckill_private.pool_slot as s
               set {counter} = -1, total = s.total - s.{counter} - 1
             where s.pool_id in {IDS}""",
        )
        lines = [row for row in violations(operator, sale) if row.invariant == "I1"]
        assert [(row.expected, row.actual) for row in lines] == [("0", "-1")]
        assert sale.sku in lines[0].subject


def test_a_total_that_does_not_add_up_is_reported(db: Database):
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        sale, _ = lively_sale(operator, superuser)
        superuser.execute("alter table seckill_private.pool_slot drop constraint pool_slot_total")
        plant(
            superuser,
            sale,
            f"update seckill_private.pool_slot set total = total + 1 where pool_id in {IDS}",
        )
        lines = [row for row in violations(operator, sale) if row.invariant == "I1"]
        assert [(row.expected, row.actual) for row in lines] == [("20", "21")]


# --- I2


@pytest.mark.parametrize(
    ("one_counter", "another"),
    [("available", "held"), ("held", "sold"), ("sold", "available")],
)
def test_units_that_changed_the_counter_without_a_ledger_row_are_reported(
    operator, superuser, one_counter, another
):
    sale, _ = lively_sale(operator, superuser)
    plant(
        superuser,
        sale,
        f"""
        update seckill_private.pool_slot
           set {one_counter} = {one_counter} - 1, {another} = {another} + 1
         where pool_id in {IDS}""",
    )
    assert "I2" in found(operator, sale)


def test_units_out_of_nowhere_are_reported(operator, superuser):
    sale, _ = lively_sale(operator, superuser)
    plant(
        superuser,
        sale,
        f"""
        update seckill_private.pool_slot
           set available = available + 1, total = total + 1
         where pool_id in {IDS}""",
    )
    assert found(operator, sale) == {"I2"}


@pytest.mark.parametrize("wrong", [-1, 1])
def test_a_pool_that_does_not_know_its_slots_is_reported(operator, superuser, wrong):
    sale, _ = lively_sale(operator, superuser)
    set_slots(operator, sale, 4)
    set_slots(operator, sale, 2)
    assert violations(operator, sale) == [], "the rows stay, and are counted"
    plant(
        superuser,
        sale,
        f"""
        update seckill_private.pool as s set slot_rows = slot_rows + {wrong}
         where s.activity_id = %(id)s""",
    )
    (line,) = violations(operator, sale)
    assert (line.invariant, line.expected, line.actual) == ("I2", "4", str(4 + wrong))
    assert line.subject.endswith("slot 0: slot rows")


@pytest.mark.parametrize("kind", ["allocate", "confirm", "cancel", "expire", "late_confirm"])
def test_a_ledger_row_that_is_missing_is_reported(operator, superuser, kind):
    sale, _ = lively_sale(operator, superuser)
    plant(
        superuser,
        sale,
        f"""
        delete from seckill_private.movement
         where activity_id = %(id)s and kind = '{kind}'
           and movement_id = (select max(m.movement_id) from seckill_private.movement as m
                               where m.activity_id = %(id)s and m.kind = '{kind}')""",
    )
    assert "I2" in found(operator, sale)


def test_a_hold_that_is_missing_is_reported(operator, superuser):
    sale, held = lively_sale(operator, superuser)
    plant(
        superuser,
        sale,
        "delete from seckill_private.reservation where reservation_id = %(held)s",
        held=held["held"],
    )
    assert found(operator, sale) == {"I2"}


def test_a_hold_of_other_units_is_reported(operator, superuser):
    sale, held = lively_sale(operator, superuser)
    plant(
        superuser,
        sale,
        """
        update seckill_private.reservation set quantities = array[3]
         where reservation_id = %(held)s""",
        held=held["held"],
    )
    assert found(operator, sale) == {"I2"}


def test_two_movements_under_one_version_are_reported(operator, superuser):
    sale, _ = lively_sale(operator, superuser)
    plant(
        superuser,
        sale,
        f"update seckill_private.pool_slot set version = version - 1 where pool_id in {IDS}",
    )
    assert found(operator, sale) == {"I2"}


@pytest.mark.parametrize("delta", [1, -1])
def test_an_inventory_that_drifted_is_reported(operator, superuser, delta):
    sale, _ = lively_sale(operator, superuser)
    add_units(operator, sale, 1)
    one(
        operator,
        "select * from seckill.receive_stock(%(sku)s, 5, %(request_id)s)",
        sku=sale.sku,
        request_id=uuid4(),
    )
    plant(
        superuser,
        sale,
        "update seckill_private.inventory set quantity = quantity + %(delta)s where sku = %(sku)s",
        sku=sale.sku,
        delta=delta,
    )
    lines = violations(operator, sale)
    assert [(row.invariant, row.expected, row.actual) for row in lines] == [
        ("I2", "5", str(5 + delta))
    ]


def test_units_that_came_back_to_no_inventory_are_reported(operator, superuser):
    sale, _ = lively_sale(operator, superuser)
    call_for(operator, "close_activity", sale)
    assert violations(operator, sale) == []
    plant(
        superuser,
        sale,
        """
        delete from seckill_private.inventory_movement
         where sku = %(sku)s and kind = 'close'""",
        sku=sale.sku,
    )
    assert found(operator, sale) == {"I2"}


# --- I3


@pytest.mark.parametrize(("metric", "maximum"), [("units", 3), ("orders", 1)])
@pytest.mark.parametrize("window", ["day", "activity"])
def test_a_purchase_beyond_a_limit_is_reported(operator, superuser, metric, maximum, window):
    """The limit is set after the purchases, and then dated before them."""
    sale = sale_between(operator, superuser)
    hold_at(superuser, sale, OPENS, quantity=2)
    last = hold_at(superuser, sale, OPENS + HOLD / 2, quantity=2)
    set_limit(operator, sale, "rule", maximum=maximum, metric=metric, window=window)
    assert violations(operator, sale) == []
    backdate(superuser, sale)
    (line,) = violations(operator, sale)
    assert (line.invariant, line.expected) == ("I3", f"at most {maximum}")
    assert "rule" in line.subject
    assert str(last) in line.subject


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        (
            "update seckill_private.activity set newcomer_units = 5 where activity_id = %(id)s",
            "units of a newcomer",
        ),
        (
            "update seckill_private.limits_revision set global_limits = 7",
            "limits on all activities",
        ),
    ],
)
def test_a_note_for_newcomers_that_is_not_what_stands_is_reported(
    db: Database, statement: str, subject: str
):
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        sale = sale_between(operator, superuser)
        set_limit(operator, sale, "rule", maximum=2)
        assert violations(operator, sale) == []
        plant(superuser, sale, statement)
        assert [(row.invariant, row.subject) for row in violations(operator, sale)] == [
            ("I3", subject)
        ]


def test_an_order_beyond_a_limit_is_reported(operator, superuser):
    sale = sale_between(operator, superuser)
    big = hold_at(superuser, sale, OPENS, quantity=3)
    hold_at(superuser, sale, OPENS, quantity=2)
    set_limit(operator, sale, "rule", maximum=2, window="order")
    backdate(superuser, sale)
    (line,) = violations(operator, sale)
    assert (line.invariant, line.actual) == ("I3", "3")
    assert str(big) in line.subject


def test_a_late_payment_beyond_a_limit_is_reported(operator, superuser):
    sale = sale_between(operator, superuser)
    old = hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, LATE)
    assert confirm_at(superuser, old, LATE + INSTANT).late
    set_limit(operator, sale, "rule", maximum=1)
    backdate(superuser, sale)
    assert found(operator, sale) == {"I3"}


def test_what_had_been_given_back_does_not_count(operator, superuser):
    sale = sale_between(operator, superuser)
    cancel_at(superuser, hold_at(superuser, sale, OPENS), OPENS)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, sale, LATE)
    hold_at(superuser, sale, OPENS, user="bob")
    set_limit(operator, sale, "rule", maximum=1)
    backdate(superuser, sale)
    assert violations(operator, sale) == []


def test_what_was_bought_of_another_sku_does_not_count(operator, superuser):
    sale = sale_between(operator, superuser)
    other = another_pool(operator, superuser, sale)
    hold_at(superuser, sale, OPENS)
    hold_at(superuser, other, OPENS, quantity=4)
    set_limit(operator, sale, "rule", maximum=1, sku=sale.sku)
    backdate(superuser, sale)
    assert violations(operator, sale) == []


def backdate(superuser: Connection[Any], sale: Sale) -> None:
    """Make the sale's limits stand since before its first purchase."""
    plant(
        superuser,
        sale,
        "update seckill_private.limit_version set since_revision = -1 where activity_id = %(id)s",
    )


# --- I4


@pytest.mark.parametrize(
    ("whose", "state"),
    [
        ("held", "confirmed"),
        ("held", "cancelled"),
        ("held", "expired"),
        ("paid", "cancelled"),
        ("paid", "held"),
        ("cancelled", "confirmed"),
        ("expired", "cancelled"),
        ("expired", "confirmed"),
        ("late", "expired"),
    ],
)
def test_a_state_that_the_ledger_does_not_lead_to_is_reported(operator, superuser, whose, state):
    sale, held = lively_sale(operator, superuser)
    plant(
        superuser,
        sale,
        """
        update seckill_private.reservation
           set state = %(state)s::text,
               resolved_at = case %(state)s::text when 'held' then null else created_at end
         where reservation_id = %(held)s""",
        held=held[whose],
        state=state,
    )
    assert "I4" in found(operator, sale)


@pytest.mark.parametrize("kind", ["confirm", "cancel", "expire", "late_confirm"])
def test_a_reservation_resolved_twice_is_reported(operator, superuser, kind):
    """A second row of the ledger, with counters and version that agree with it."""
    sale, _ = lively_sale(operator, superuser)
    plant(
        superuser,
        sale,
        f"""
        with again as (
          insert into seckill_private.movement (
            activity_id, shard, pool_id, slot, version, position, kind, source, target, quantity,
            reservation_id, user_id, at)
          select m.activity_id, m.shard, m.pool_id, m.slot, s.version + 1, s.position, m.kind,
                 m.source, m.target, m.quantity, m.reservation_id, m.user_id, m.at
            from seckill_private.movement as m
            join seckill_private.pool_slot as s on s.pool_id = m.pool_id
           where m.activity_id = %(id)s and m.kind = '{kind}'
           limit 1
          returning *)
        update seckill_private.pool_slot as s
           set version = s.version + 1
          from again as a
         where s.pool_id = a.pool_id""",
    )
    assert "I4" in found(operator, sale)


# --- I7


def test_a_hold_that_was_paid_after_its_end_is_reported(operator, superuser):
    sale, held = lively_sale(operator, superuser)
    plant(
        superuser,
        sale,
        """
        update seckill_private.reservation set resolved_at = expires_at
         where reservation_id = %(held)s""",
        held=held["paid"],
    )
    lines = violations(operator, sale)
    assert [row.invariant for row in lines] == ["I7"]
    assert str(held["paid"]) in lines[0].subject


# --- the proof itself


@pytest.mark.parametrize("seed", range(4))
def test_a_long_random_life_leaves_nothing_to_say(operator, superuser, seed):
    """One session, three pools, a few buyers, two hundred steps; checked on the way as well."""
    chance = random.Random(seed)
    sale = sale_between(
        operator, superuser, units=8, ends_at=OPENS + timedelta(days=3), limit=6, orders=4
    )
    pools = [sale, *(another_pool(operator, superuser, sale, units=8) for _ in range(2))]
    set_limit(operator, sale, "daily", maximum=3, window="day")
    set_limit(operator, sale, "of one", maximum=2, sku=pools[1].sku)
    now = OPENS
    made: list[tuple[int, str]] = []
    for step in range(200):
        now += timedelta(minutes=chance.choice((0, 0, 1, 5, 20)))
        user = chance.choice("abcde")
        draw = chance.random()
        if draw < 0.5 or not made:
            answer = reserve_at(
                superuser, chance.choice(pools), now, user=user, quantity=chance.choice((1, 1, 2))
            )
            if answer.status == "held":
                made.append((answer.reservation_id, user))
        elif draw < 0.75:
            number, owner = chance.choice(made)
            confirm_at(superuser, number, now, user=owner, payment_ref=chance.choice("xy"))
        elif draw < 0.92:
            number, owner = chance.choice(made)
            cancel_at(superuser, number, now, user=owner)
        elif step < 150:
            set_limit(operator, sale, "daily", maximum=chance.choice((1, 2, 4)), window="day")
        if step == 150:
            call_for(operator, "close_activity", sale)
        if step % 50 == 0:
            assert violations(operator, sale) == []
    assert violations(operator, sale) == []


@pytest.mark.parametrize("who", ["buyer", "operator", "reader"])
def test_every_role_may_ask(sessions, operator, superuser, who):
    sale = sale_between(operator, superuser)
    connection = sessions[who]
    assert violations(connection, sale) == []


def test_a_sale_of_nothing_agrees(operator, superuser):
    assert violations(operator, sale_between(operator, superuser, units=0)) == []


def test_other_sales_are_not_looked_at(operator, superuser):
    broken, sale = (lively_sale(operator, superuser)[0] for _ in range(2))
    plant(
        superuser,
        broken,
        f"update seckill_private.pool_slot set version = version + 1 where pool_id in {IDS}",
    )
    assert found(operator, broken) == {"I2"}
    assert found(operator, sale) == set()


def test_nonsense_is_refused(operator):
    with refused("SK001"):
        violations(operator, Sale(None, "", ""))  # type: ignore[arg-type]
    for activity_id in (0, -1, BIGGEST_BIGINT):
        with refused("SK002"):
            violations(operator, Sale(activity_id, "", ""))
