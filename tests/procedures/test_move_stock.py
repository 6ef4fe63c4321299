"""seckill.move_stock: available units go from one region to another."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.fix_sale import Sale, add_units, availability, close_activity, open_sale, violations
from tests.procedures.instants import (
    BIGGEST_BIGINT,
    HOLD,
    OPENS,
    another_pool,
    hold_at,
    journal,
    kinds,
    new_name,
    refused,
    sale_between,
    time_passes,
    units_of,
)
from tests.procedures.rules import move_stock


@pytest.fixture
def regions(operator) -> tuple[Sale, Sale]:
    """Two regions of one sku, 10 and 5 units."""
    north = open_sale(operator, sku=new_name(), region="north")
    south = Sale(north.activity_id, north.sku, "south")
    add_units(operator, south, 5)
    return north, south


def units(connection, *pools: Sale) -> list[int]:
    """What is available in each."""
    return [availability(connection, pool).available for pool in pools]


def test_units_change_their_region(operator, regions):
    north, south = regions
    answer = move_stock(operator, north, 4, source="north", target="south")
    assert (answer.status, answer.replayed, answer.quantity) == ("moved", False, 4)
    assert (answer.sku, answer.region, answer.total) == (north.sku, "south", 9)
    assert units(operator, north, south) == [6, 9]
    assert units_of(operator, north.sku) == 0
    assert kinds(operator, north).count("move") == 2
    assert violations(operator, north) == []


def test_back_again(operator, regions):
    for source, target in (("north", "south"), ("south", "north")):
        move_stock(operator, regions[0], 5, source=source, target=target)
    assert units(operator, *regions) == [10, 5]
    assert violations(operator, regions[0]) == []


def test_a_repeat_moves_nothing(operator, superuser, regions):
    arguments = {"source": "north", "target": "south", "request_id": uuid4()}
    first = move_stock(operator, regions[0], 4, **arguments)
    before = journal(superuser, regions[0])
    again = move_stock(operator, regions[0], 4, **arguments)
    assert (again.status, again.replayed, again.total) == ("moved", True, first.total)
    assert journal(superuser, regions[0]) == before
    assert units(operator, *regions) == [6, 9]


@pytest.mark.parametrize("change", [{"quantity": 5}, {"source": "south", "target": "north"}])
def test_a_request_id_stands_for_one_request(operator, regions, change):
    arguments = {"quantity": 4, "source": "north", "target": "south", "request_id": uuid4()}
    move_stock(operator, regions[0], **arguments)
    with refused("SK004"):
        move_stock(operator, regions[0], **(arguments | change))
    assert units(operator, *regions) == [6, 9]


def test_more_than_is_available_is_a_shortfall(operator, superuser):
    sale = sale_between(operator, superuser, units=5)
    another_pool(operator, superuser, sale, units=1, sku=sale.sku, region="north")
    hold_at(superuser, sale, OPENS, quantity=2)
    time_passes(superuser, sale, OPENS)
    with refused("SK007"):
        move_stock(operator, sale, 4, source="*", target="north")
    move_stock(operator, sale, 3, source="*", target="north")
    time_passes(superuser, sale, OPENS + HOLD)
    # The hold has ended, swept or not.
    assert move_stock(operator, sale, 2, source="*", target="north").total == 6
    assert violations(operator, sale) == []


@pytest.mark.parametrize(("here", "there"), [("west", "south"), ("north", "west")])
def test_an_unknown_region_is_refused(operator, regions, here, there):
    with refused("SK003"):
        move_stock(operator, regions[0], 1, source=here, target=there)
    assert units(operator, *regions) == [10, 5]


def test_a_closed_sale_moves_nothing(operator, regions):
    close_activity(operator, regions[0])
    with refused("SK006"):
        move_stock(operator, regions[0], 1, source="north", target="south")


@pytest.mark.parametrize(
    "change",
    [
        {"quantity": None},
        {"quantity": 0},
        {"quantity": -1},
        {"quantity": BIGGEST_BIGINT},
        {"source": None},
        {"source": ""},
        {"target": None},
        {"target": "x" * 201},
        {"target": "north"},
        {"actor": ""},
    ],
)
def test_nonsense_is_refused(operator, superuser, regions, change):
    before = journal(superuser, regions[0])
    arguments = {"quantity": 1, "source": "north", "target": "south"} | change
    with refused("SK001"):
        move_stock(operator, regions[0], **arguments)
    assert journal(superuser, regions[0]) == before
    assert units(operator, *regions) == [10, 5]


def test_a_request_id_is_needed(operator, regions):
    with refused("SK001"):
        operator.execute(
            "select * from seckill.move_stock(%s, %s, 1, 'north', 'south', null)",
            [regions[0].activity_id, regions[0].sku],
        )


def test_unknown_sales(operator):
    with refused("SK002"):
        move_stock(operator, Sale(0, "x", "*"), 1, source="a", target="b", request_id=UUID(int=77))
