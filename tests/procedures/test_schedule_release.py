"""seckill.schedule_release: units that come later, by the database's clock and nobody's hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.fix_sale import (
    Sale,
    availability,
    close_activity,
    open_sale,
    reserve,
    set_stock_total,
    violations,
)
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    OPENS,
    expire_at,
    hold_at,
    journal,
    new_name,
    refused,
    reserve_at,
    sale_between,
    time_passes,
    units_of,
)
from tests.procedures.rules import reserve_lines_at, schedule

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def staged(operator, superuser, *plan: tuple[int, int], units: int = 10) -> Sale:
    """A sale whose units come so many minutes after its opening."""
    sale = sale_between(operator, superuser, units=units)
    time_passes(superuser, sale, OPENS - HOUR)
    schedule(operator, sale, [(OPENS + minutes * MINUTE, units) for minutes, units in plan])
    return sale


def test_units_come_at_their_instant(operator, superuser):
    sale = staged(operator, superuser, (10, 3), (20, 4))
    hold_at(superuser, sale, OPENS, quantity=3)
    answer = reserve_at(superuser, sale, OPENS)
    assert (answer.status, answer.remaining) == ("sold_out", 0)
    assert (answer.retry, answer.retry_at) == ("not_yet", OPENS + 10 * MINUTE)
    at = OPENS + 10 * MINUTE
    assert reserve_at(superuser, sale, at - timedelta(microseconds=1)).status == "sold_out"
    assert reserve_at(superuser, sale, at, quantity=3, user="bob").status == "held"
    assert reserve_at(superuser, sale, at).retry_at == OPENS + 15 * MINUTE  # the first hold ends
    assert violations(operator, sale) == []


def test_units_not_yet_released_count_in_total_alone(operator, superuser):
    sale = staged(operator, superuser, (10, 3), (20, 4))
    pools = operator.execute(
        "select total, available, held, sold from seckill.pool where activity_id = %s",
        [sale.activity_id],
    ).fetchall()
    assert [tuple(pool) for pool in pools] == [(10, 3, 0, 0)]
    time_passes(superuser, sale, OPENS + 10 * MINUTE)
    row = availability(operator, sale)
    assert (row.total, row.available, row.held, row.sold) == (10, 6, 0, 0)


@pytest.mark.parametrize("how", ["sweep", "buy", "lines"])
def test_a_due_release_is_moved_by_whoever_comes(operator, superuser, how):
    sale = staged(operator, superuser, (10, 10))
    at = OPENS + 10 * MINUTE
    if how == "sweep":
        expire_at(superuser, at)
        assert reserve_at(superuser, sale, at).status == "held"
    elif how == "buy":
        assert reserve_at(superuser, sale, at, quantity=10).status == "held"
    else:
        lines = [(sale.sku, 10)]
        assert reserve_lines_at(superuser, sale, at, lines).status == "held"
    left = superuser.execute(
        """
        select r.quantity from seckill_private.stock_release as r
          join seckill_private.pool as p on p.pool_id = r.pool_id
         where p.activity_id = %s""",
        [sale.activity_id],
    ).fetchall()
    assert left == []
    assert violations(operator, sale) == []


def test_a_new_schedule_replaces_what_is_not_yet_released(operator, superuser):
    sale = staged(operator, superuser, (10, 5), (20, 5))
    time_passes(superuser, sale, OPENS)
    answer = schedule(operator, sale, [(OPENS + 5 * MINUTE, 8)])
    assert (answer.status, answer.replayed, answer.quantity) == ("scheduled", False, 8)
    assert reserve_at(superuser, sale, OPENS, quantity=2).status == "held"
    assert reserve_at(superuser, sale, OPENS).retry_at == OPENS + 5 * MINUTE


def test_an_empty_schedule_releases_everything(operator, superuser):
    sale = staged(operator, superuser, (10, 10))
    time_passes(superuser, sale, OPENS)
    schedule(operator, sale, [])
    assert reserve_at(superuser, sale, OPENS, quantity=10).status == "held"
    assert violations(operator, sale) == []


def test_what_lies_in_the_past_is_released_at_once(operator, superuser):
    sale = staged(operator, superuser)
    time_passes(superuser, sale, OPENS)
    schedule(operator, sale, [(OPENS - HOUR, 4), (OPENS, 3), (OPENS + MINUTE, 3)])
    assert availability(operator, sale).available == 7


def test_a_repeat_changes_nothing(operator, superuser):
    sale = staged(operator, superuser, (10, 5))
    time_passes(superuser, sale, OPENS)
    before = journal(superuser, sale)
    answer = schedule(operator, sale, [(OPENS + 10 * MINUTE, 5)])
    assert (answer.status, answer.replayed) == ("scheduled", True)
    assert journal(superuser, sale) == before


def test_a_repeat_after_some_were_released_changes_nothing(operator, superuser):
    """The caller who got no answer asks again, an hour later, when the first units are sold."""
    sale = staged(operator, superuser, (10, 5), (60, 5))
    plan = [(OPENS + 10 * MINUTE, 5), (OPENS + HOUR, 5)]
    time_passes(superuser, sale, OPENS + 20 * MINUTE)
    hold_at(superuser, sale, OPENS + 20 * MINUTE, quantity=5)
    before = journal(superuser, sale)
    assert schedule(operator, sale, plan).replayed is True
    assert journal(superuser, sale) == before
    assert violations(operator, sale) == []


def test_what_was_released_may_be_kept_back_again(operator, superuser):
    """The last call counts, not one before it."""
    sale = staged(operator, superuser, (60, 5))
    time_passes(superuser, sale, OPENS)
    schedule(operator, sale, [])
    assert availability(operator, sale).available == 10
    answer = schedule(operator, sale, [(OPENS + HOUR, 5)])
    assert (answer.replayed, availability(operator, sale).available) == (False, 5)


def test_a_schedule_that_was_cut_is_made_anew(operator, superuser):
    sale = staged(operator, superuser, (60, 5))
    time_passes(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS, quantity=5)
    set_stock_total(operator, sale, 7)
    set_stock_total(operator, sale, 10)
    answer = schedule(operator, sale, [(OPENS + HOUR, 5)])
    assert (answer.replayed, availability(operator, sale).available) == (False, 0)
    assert violations(operator, sale) == []


def test_more_than_is_available_is_a_shortfall(operator, superuser):
    sale = staged(operator, superuser, (10, 5))
    time_passes(superuser, sale, OPENS)
    hold_at(superuser, sale, OPENS, quantity=2)
    with refused("SK007"):
        schedule(operator, sale, [(OPENS + HOUR, 9)])
    schedule(operator, sale, [(OPENS + HOUR, 8)])
    assert violations(operator, sale) == []


def test_the_close_returns_what_was_not_released(operator, superuser):
    sale = staged(operator, superuser, (10, 6))
    close_activity(operator, sale)
    assert units_of(operator, sale.sku) == 10
    assert violations(operator, sale) == []
    with refused("SK006"):
        schedule(operator, sale, [])


LATER = datetime(2040, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "plan",
    [
        [(None, 1)],
        [(LATER, None)],
        [(LATER, 0)],
        [(LATER, -1)],
        [(LATER, BIGGEST_BIGINT)],
        [(LATER, 1), (LATER, 1)],
        [(LATER + number * MINUTE, 1) for number in range(101)],
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(operator, superuser, plan):
    sale = open_sale(operator, sku=new_name())
    before = journal(superuser, sale)
    with refused("SK001"):
        schedule(operator, sale, plan)
    assert journal(superuser, sale) == before


@pytest.mark.parametrize("argument", ["p_release_at", "p_quantities"])
def test_a_table_is_no_schedule(operator, superuser, argument):
    """The journal would keep it, and the past could not be read any more."""
    sale = open_sale(operator, sku=new_name())
    lists = {"p_release_at": "array[now(), now() + '1 h']", "p_quantities": "array[1, 1]"}
    lists[argument] = f"array[{lists[argument]}]"
    with refused("SK001"):
        operator.execute(
            "select seckill.schedule_release(%s, %s, '*',"
            " {p_release_at}::timestamptz[], {p_quantities}::bigint[])".format(**lists).encode(),
            [sale.activity_id, sale.sku],
        )


@pytest.mark.parametrize("instant", ["infinity", "-infinity", "0001-01-01 00:00:00+00 BC"])
def test_infinity_is_no_instant(operator, instant):
    sale = open_sale(operator)
    with refused("SK001"):
        operator.execute(
            "select * from seckill.schedule_release(%s, %s, '*', array[%s]::timestamptz[],"
            " array[1]::bigint[])",
            [sale.activity_id, sale.sku, instant],
        )


def test_unknown_sales_and_pools(operator):
    sale = open_sale(operator)
    with refused("SK002"):
        schedule(operator, Sale(0, sale.sku, "*"), [])
    for nowhere in (Sale(sale.activity_id, "none", "*"), Sale(sale.activity_id, sale.sku, "north")):
        with refused("SK003"):
            schedule(operator, nowhere, [])


def test_who_asked_is_kept(operator, superuser):
    sale = open_sale(operator)
    schedule(operator, sale, [(LATER, 4)], actor="eve")
    entry = journal(superuser, sale)[-1]
    assert (entry.call, entry.actor) == ("schedule_release", "eve")
    assert reserve(operator, sale, quantity=6).status == "held"
