"""seckill.reserve_lines: several skus in one order, all or nothing; and explain beside reserve."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.fix_sale import (
    Sale,
    add_units,
    availability,
    cancel,
    confirm,
    get_reservation,
    open_sale,
    reserve,
    set_limit,
    violations,
)
from tests.procedures.instants import BIGGEST_INT, call_for, new_name, refused
from tests.procedures.rules import change_list, explain, limit_usage, reserve_lines


@pytest.fixture
def pools(operator) -> tuple[Sale, Sale]:
    """Two skus of one sale, 10 and 5 units; the names sort the other way than they were made."""
    second, first = new_name("b"), new_name("a")
    sale = open_sale(operator, sku=second)
    other = Sale(sale.activity_id, first, "*")
    add_units(operator, other, 5)
    return other, sale


def left(connection, *pools: Sale) -> list[int]:
    """What is available in each."""
    return [availability(connection, pool).available for pool in pools]


def test_an_order_has_all_its_lines(operator, buyer, pools):
    first, second = pools
    lines = [(second.sku, 2), (first.sku, 1), (second.sku, 1)]
    answer = reserve_lines(buyer, first, lines)
    assert (answer.status, answer.state, answer.replayed) == ("held", "held", False)
    assert (answer.ordinal, answer.sku) == (1, None)
    seen = get_reservation(buyer, answer.reservation_id)
    assert (seen.skus, seen.quantities) == ([first.sku, second.sku], [1, 3])
    assert left(operator, *pools) == [4, 7]
    assert violations(operator, first) == []


@pytest.mark.parametrize("end", ["confirm", "cancel"])
def test_all_lines_are_resolved_together(operator, buyer, pools, end):
    lines = [(pool.sku, 2) for pool in pools]
    held = reserve_lines(buyer, pools[0], lines).reservation_id
    (confirm if end == "confirm" else cancel)(buyer, held)
    rows = [availability(operator, pool) for pool in pools]
    sold = 2 if end == "confirm" else 0
    assert [(row.held, row.sold) for row in rows] == [(0, sold), (0, sold)]
    assert violations(operator, pools[0]) == []


def test_the_first_short_sku_by_name_is_told_and_nothing_is_taken(operator, buyer, pools):
    first, second = pools
    answer = reserve_lines(buyer, first, [(second.sku, 11), (first.sku, 1)])
    assert (answer.status, answer.sku, answer.remaining) == ("sold_out", second.sku, 10)
    answer = reserve_lines(buyer, first, [(second.sku, 11), (first.sku, 6)])
    assert (answer.status, answer.sku, answer.remaining) == ("sold_out", first.sku, 5)
    assert left(operator, *pools) == [5, 10]


def test_a_request_is_the_same_in_any_order_of_its_lines(buyer, pools):
    first, second = (pool.sku for pool in pools)
    request_id = uuid4()
    held = reserve_lines(buyer, pools[0], [(first, 1), (second, 2)], request_id=request_id)
    for lines in (
        [(second, 2), (first, 1)],
        [(second, 1), (first, 1), (second, 1)],
    ):
        again = reserve_lines(buyer, pools[0], lines, request_id=request_id)
        assert (again.replayed, again.reservation_id) == (True, held.reservation_id)
    for lines in ([(first, 1)], [(first, 2), (second, 1)], [(first, 1), (second, 3)]):
        with refused("SK004"):
            reserve_lines(buyer, pools[0], lines, request_id=request_id)


def test_one_line_is_the_same_request_as_reserve(buyer, pools):
    request_id = uuid4()
    held = reserve(buyer, pools[0], quantity=2, request_id=request_id)
    lines = [(pools[0].sku, 1)] * 2
    again = reserve_lines(buyer, pools[0], lines, request_id=request_id)
    assert (again.replayed, again.reservation_id) == (True, held.reservation_id)


def test_an_unknown_sku_is_an_unknown_pool(operator, buyer, pools):
    with refused("SK003"):
        reserve_lines(buyer, pools[0], [(pools[0].sku, 1), ("none", 1)])
    assert left(operator, *pools) == [5, 10]


def test_fifty_lines_are_the_most(operator, buyer):
    sale = open_sale(operator, units=100, sku=new_name())
    assert reserve_lines(buyer, sale, [(sale.sku, 1)] * 50).status == "held"
    with refused("SK001"):
        reserve_lines(buyer, sale, [(sale.sku, 1)] * 51)


@pytest.mark.parametrize(
    ("skus", "quantities"),
    [
        ("{}", "{}"),
        (None, "{1}"),
        ("{a}", None),
        ("{a,b}", "{1}"),
        ("{a}", "{1,2}"),
        ("{a,null}", "{1,1}"),
        ('{a,""}', "{1,1}"),
        ("{a,b}", "{1,null}"),
        ("{a,b}", "{1,0}"),
        ("{a,b}", "{1,-1}"),
        ("{{a,b}}", "{{1,1}}"),
        ("{a,a}", f"{{{BIGGEST_INT},1}}"),
    ],
)
def test_lines_that_make_no_sense_are_refused(operator, buyer, skus, quantities):
    sale = open_sale(operator, sku="a")
    with refused("SK001"):
        buyer.execute(
            "select * from seckill.reserve_lines(%s, 'ann', %s::text[], %s::integer[],"
            " gen_random_uuid())",
            [sale.activity_id, skus, quantities],
        )


# --- explain and limit_usage


def test_explain_has_a_row_for_each_check(operator, buyer, pools):
    _, sale = pools
    set_limit(operator, sale, "b", maximum=3)
    set_limit(operator, sale, "a", maximum=1, metric="orders")
    set_limit(operator, sale, "other", maximum=1, sku="other")
    change_list(operator, "block", sale, "user", ["bob"])
    rows = explain(buyer, sale, quantity=2)
    assert [(row.check_name, row.limit_name, row.status) for row in rows] == [
        ("sale", None, "pass"),
        ("stock", None, "pass"),
        ("blocked", None, "pass"),
        ("limit", "a", "pass"),
        ("limit", "b", "pass"),
    ]
    reserve(buyer, sale, quantity=2)
    rows = explain(buyer, sale, quantity=2)
    limits = [(row.status, row.used, row.maximum, row.remaining) for row in rows[3:]]
    assert limits == [("fail", 1, 1, 0), ("fail", 2, 3, 1)]
    stock = rows[1]
    assert (stock.used, stock.maximum, stock.remaining) == (2, 10, 8)
    assert reserve(buyer, sale, quantity=2).limit_name == "a"


def test_explain_of_what_was_answered_before_is_one_row(buyer, pools):
    request_id = uuid4()
    reserve(buyer, pools[0], request_id=request_id)
    (row,) = explain(buyer, pools[0], request_id=request_id)
    assert (row.check_name, row.status) == ("replay", "pass")
    with refused("SK004"):
        explain(buyer, pools[0], request_id=request_id, quantity=2)


def test_explain_changes_nothing(operator, buyer, superuser, pools):
    call_for(operator, "pause_activity", pools[0])
    before = left(operator, *pools)
    rows = explain(buyer, pools[0])
    assert (rows[0].check_name, rows[0].status, rows[0].retry) == ("sale", "fail", "not_yet")
    assert left(operator, *pools) == before


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"user": None}, "SK001"),
        ({"quantity": 0}, "SK001"),
        ({"sku": ""}, "SK001"),
        ({"subjects": {"user": "x"}}, "SK001"),
        ({"sku": "none"}, "SK003"),
        ({"region": "none"}, "SK003"),
    ],
)
def test_explain_refuses_what_reserve_refuses(buyer, pools, change, code):
    with refused(code):
        explain(buyer, pools[0], **change)


def test_usage_is_what_these_subjects_have_used(operator, buyer, pools):
    _, sale = pools
    set_limit(operator, sale, "mine", maximum=3)
    set_limit(operator, sale, "phone", maximum=2, dimension="phone")
    reserve(buyer, sale, quantity=2, subjects={"phone": "1"})
    (row,) = limit_usage(buyer, sale)
    assert (row.limit_name, row.status, row.used, row.remaining) == ("mine", "pass", 2, 1)
    rows = limit_usage(buyer, sale, user="bob", subjects={"phone": "1"})
    assert [(row.limit_name, row.used, row.status) for row in rows] == [
        ("mine", 0, "pass"),
        ("phone", 2, "fail"),
    ]


def test_usage_of_nonsense_is_refused(buyer, pools):
    with refused("SK001"):
        limit_usage(buyer, pools[0], user="")
    with refused("SK002"):
        limit_usage(buyer, Sale(0, "x", "*"))
