"""seckill.reserve: arguments that make no sense, and those at the edge of it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.fix_sale import (
    Row,
    Sale,
    availability,
    one,
    open_sale,
    reserve,
    reserve_batch,
    violations,
)
from tests.procedures.instants import (
    BIGGEST_INT,
    new_name,
    refused,
)

GOOD: dict[str, Any] = {
    "activity_id": 1,
    "user": "ann",
    "sku": "phone",
    "quantity": 1,
    "request_id": UUID(int=1),
    "region": "*",
    "subjects": "{}",
}


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("activity_id", None),
        ("user", None),
        ("user", ""),
        ("user", "x" * 201),
        ("sku", None),
        ("sku", ""),
        ("sku", "x" * 201),
        ("quantity", None),
        ("quantity", 0),
        ("quantity", -1),
        ("quantity", -(2**31)),
        ("request_id", None),
        ("region", None),
        ("region", ""),
        ("region", "x" * 201),
        ("subjects", None),
        ("subjects", "[]"),
        ("subjects", "null"),
        ("subjects", '"phone"'),
        ("subjects", '{"user": "ann"}'),
        ("subjects", '{"phone": 1}'),
        ("subjects", '{"phone": null}'),
        ("subjects", '{"phone": ""}'),
        ("subjects", '{"phone": " "}'),
        ("subjects", '{"": "1"}'),
        ("subjects", '{"phone": {"a": "b"}}'),
        ("subjects", json.dumps({"phone": "x" * 201})),
        ("subjects", json.dumps({"x" * 201: "1"})),
        ("subjects", json.dumps({f"d{number}": "1" for number in range(9)})),
    ],
)
def test_a_callers_bug_is_an_invalid_argument(buyer, argument, value):
    with refused("SK001"):
        one(
            buyer,
            """
            select * from seckill.reserve(
                     p_activity_id => %(activity_id)s, p_user_id => %(user)s, p_sku => %(sku)s,
                     p_quantity => %(quantity)s, p_request_id => %(request_id)s,
                     p_region => %(region)s, p_subjects => %(subjects)s)""",
            **(GOOD | {argument: value}),
        )


def test_two_hundred_characters_are_fine(operator, buyer):
    name = "限" * 200
    sale = open_sale(operator, sku=name, region=name)
    assert reserve(buyer, sale, user=name).status == "held"


def test_the_user_is_taken_exactly(operator, buyer):
    sale = open_sale(operator, limit=1)
    for user in ("ann", "Ann", " ann", "ann ", "ａｎｎ"):
        assert reserve(buyer, sale, user=user).status == "held"
    assert reserve(buyer, sale, user="Ann").status == "limit_exceeded"


def test_the_biggest_quantity_is_only_sold_out(operator, buyer):
    sale = open_sale(operator, limit=1)
    answer = reserve(buyer, sale, quantity=BIGGEST_INT)
    assert (answer.status, answer.remaining) == ("sold_out", 10)


def test_the_biggest_quantity_can_be_bought(operator, buyer):
    sale = open_sale(operator, units=3 * BIGGEST_INT, limit=3 * BIGGEST_INT, sku=new_name())
    for _ in range(3):
        assert reserve(buyer, sale, quantity=BIGGEST_INT).status == "held"
    assert reserve(buyer, sale).status == "sold_out"
    assert violations(operator, sale) == []


@pytest.mark.parametrize("sku", ["PHONE", "phone ", "Phone"])
def test_skus_are_matched_exactly(operator, buyer, sku):
    sale = open_sale(operator, sku="phone")
    with refused("SK003"):
        reserve(buyer, sale, sku=sku)


@pytest.mark.parametrize("region", ["*", "North", "north "])
def test_regions_are_matched_exactly(operator, buyer, region):
    sale = open_sale(operator, region="north")
    with refused("SK003"):
        reserve(buyer, sale, region=region)


@pytest.mark.parametrize("activity_id", [0, -1, 2**31 - 1, 2**63 - 1, -(2**63)])
def test_an_activity_that_never_was_is_unknown(buyer, activity_id):
    with refused("SK002"):
        reserve(buyer, Sale(activity_id, "phone", "*"))


def test_a_batch_takes_five_hundred_and_no_more(operator, buyer):
    sale = open_sale(operator, units=501, sku=new_name())
    requests = [(sale, f"user {number}") for number in range(501)]
    with refused("SK001"):
        reserve_batch(buyer, *requests)
    assert availability(buyer, sale).held == 0
    assert [row.status for row in reserve_batch(buyer, *requests[:500])] == ["held"] * 500
    assert violations(operator, sale) == []


BATCH = {
    "p_activity_ids": "array[%(id)s, %(id)s]::bigint[]",
    "p_user_ids": "array['ann', 'bob']",
    "p_skus": "array[%(sku)s, %(sku)s]",
    "p_quantities": "array[1, 1]",
    "p_request_ids": "array[gen_random_uuid(), gen_random_uuid()]",
    "p_regions": "array['*', '*']",
    "p_subjects": "array['{}', '{}']::jsonb[]",
}


def batch(connection: Connection[Any], sale: Sale, **arrays: str) -> list[Row]:
    """seckill.reserve_batch for ann and bob, some of its arrays written otherwise."""
    arguments = ", ".join(f"{name} => {text}" for name, text in (BATCH | arrays).items())
    return connection.execute(
        f"select * from seckill.reserve_batch({arguments})".encode(),
        {"id": sale.activity_id, "sku": sale.sku},
    ).fetchall()


@pytest.mark.parametrize("name", BATCH)
@pytest.mark.parametrize("shape", ["of two rows", "of one row", "shorter", "empty", "null"])
def test_a_batch_takes_plain_lists_of_one_length(operator, buyer, name, shape):
    sale = open_sale(operator)
    plain = BATCH[name]
    text = {
        "of two rows": f"(select array_agg(array[u]) from unnest({plain}) as u)",
        "of one row": f"array[{plain}]",
        "shorter": f"({plain})[1:1]",
        "empty": f"({plain})[1:0]",
        "null": "null",
    }[shape]
    with refused("SK001"):
        batch(buyer, sale, **{name: text})
    assert availability(buyer, sale).held == 0


def test_a_batch_whose_arrays_all_have_two_rows_is_refused(operator, buyer):
    sale = open_sale(operator)
    with refused("SK001"):
        batch(buyer, sale, **{name: f"array[{text}]" for name, text in BATCH.items()})
    assert [row.status for row in batch(buyer, sale)] == ["held", "held"]
    empty = {name: f"({text})[1:0]" for name, text in BATCH.items()}
    assert batch(buyer, sale, **empty) == []
