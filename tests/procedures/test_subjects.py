"""p_subjects of seckill.reserve: stored as salted digests, never as they came.

Two purchases in two requests show by their digests whether the subjects are taken for the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from psycopg import Connection

from tests.fix_database import Database
from tests.fix_sale import (
    Sale,
    cancel,
    confirm,
    get_reservation,
    one,
    open_sale,
    reserve,
)
from tests.procedures.instants import history, refused


def digests(
    buyer: Connection[Any],
    superuser: Connection[Any],
    sale: Sale,
    subjects: Mapping[str, str] | None,
) -> list[bytes] | None:
    """What a purchase with these subjects stores."""
    held = reserve(buyer, sale, subjects=subjects)
    assert held.status == "held"
    return one(
        superuser,
        "select subjects from seckill_private.reservation where reservation_id = %(id)s",
        id=held.reservation_id,
    ).subjects


@pytest.fixture(scope="module")
def sale(operator: Connection[Any]) -> Sale:
    """A sale with room for all purchases of this module."""
    return open_sale(operator, units=1000)


def test_no_subjects_store_nothing(buyer, superuser, sale):
    assert digests(buyer, superuser, sale, {}) is None


def test_each_dimension_stores_sixteen_bytes(buyer, superuser, sale):
    stored = digests(buyer, superuser, sale, {"phone": "1", "ip": "::1", "device": "x"})
    assert stored is not None
    assert [len(digest) for digest in stored] == [16, 16, 16]
    assert len(set(stored)) == 3


def test_the_same_subject_gives_the_same_digest_in_any_sale(operator, buyer, superuser, sale):
    first = digests(buyer, superuser, sale, {"phone": "13800138000"})
    other = open_sale(operator)
    assert digests(buyer, superuser, other, {"phone": "13800138000"}) == first


def test_the_order_of_the_keys_has_no_say(buyer, superuser, sale):
    first = digests(buyer, superuser, sale, {"phone": "1", "ip": "2"})
    assert digests(buyer, superuser, sale, {"ip": "2", "phone": "1"}) == first


@pytest.mark.parametrize(
    ("written", "same"),
    [
        ("ann@example.org", "ANN@Example.ORG"),
        ("ann", " ann "),
        ("ann", "\tann\n"),
        ("ann", "\u3000ann\u00a0"),
        ("13800138000", "１３８００１３８０００"),
        ("abc", "ＡＢＣ"),
        ("fi", "ﬁ"),
        ("ｶﾞ", "ガ"),
        ("é", "e\u0301"),
        ("é", "É"),
        ("北京市", "北京市"),
        ("ж", "Ж"),
    ],
)
def test_what_is_normalised_away(buyer, superuser, sale, written, same):
    assert digests(buyer, superuser, sale, {"phone": written}) == digests(
        buyer, superuser, sale, {"phone": same}
    )


@pytest.mark.parametrize(
    ("one_value", "another"),
    [
        ("a b", "ab"),
        ("a  b", "a b"),
        ("+86 138", "138"),
        ("e", "é"),
        ("0", "o"),
        ('a"', "a"),
        ("1.2.3.4", "1.2.3.04"),
    ],
)
def test_what_is_not_normalised_away(buyer, superuser, sale, one_value, another):
    assert digests(buyer, superuser, sale, {"phone": one_value}) != digests(
        buyer, superuser, sale, {"phone": another}
    )


def test_dimensions_are_part_of_the_digest(buyer, superuser, sale):
    assert digests(buyer, superuser, sale, {"phone": "1"}) != digests(
        buyer, superuser, sale, {"ip": "1"}
    )


def test_dimension_and_value_cannot_be_shifted_into_each_other(buyer, superuser, sale):
    seen = [
        digests(buyer, superuser, sale, subjects)
        for subjects in ({"a": "bc"}, {"ab": "c"}, {"a": 'b","c'}, {'a","b': "c"}, {"a": "b\x1fc"})
    ]
    assert len({tuple(digest or []) for digest in seen}) == len(seen)


def test_dimensions_are_taken_exactly(buyer, superuser, sale):
    assert digests(buyer, superuser, sale, {"Phone": "1"}) != digests(
        buyer, superuser, sale, {"phone": "1"}
    )


def test_the_digest_is_no_plain_hash_of_the_value(buyer, superuser, sale):
    (stored,) = digests(buyer, superuser, sale, {"phone": "13800138000"}) or []
    for text in ("13800138000", '["phone", "13800138000"]', "phone13800138000"):
        for algorithm in (hashlib.md5, hashlib.sha256, hashlib.sha1):
            assert algorithm(text.encode()).digest()[:16] != stored


def test_another_database_has_another_salt(operator, buyer, superuser, sale, db: Database):
    """Databases of the suite are clones, so the test changes the salt of its own one."""
    here = digests(buyer, superuser, sale, {"phone": "1"})
    with (
        db.connect("superuser") as other_superuser,
        db.connect("operator") as other_operator,
        db.connect("buyer") as other_buyer,
    ):
        other_sale = open_sale(other_operator)
        before = digests(other_buyer, other_superuser, other_sale, {"phone": "1"})
        other_superuser.execute("update seckill_private.secret set salt = sha256(salt)")
        there = digests(other_buyer, other_superuser, other_sale, {"phone": "1"})
    assert before == here
    assert there != here


def test_the_salt_is_thirty_two_random_bytes(superuser):
    row = one(superuser, "select salt from seckill_private.secret")
    assert len(row.salt) == 32
    assert len(set(row.salt)) > 10


def test_eight_dimensions_are_the_most(buyer, superuser, sale):
    eight = {f"d{number}": "1" for number in range(8)}
    assert len(digests(buyer, superuser, sale, eight) or []) == 8
    with refused("SK001"):
        reserve(buyer, sale, subjects=eight | {"d8": "1"})


@pytest.mark.parametrize(
    "subjects",
    [
        '{"user": "ann"}',
        '{"phone": "1", "user": "ann"}',
        '{"phone": 13800138000}',
        '{"phone": true}',
        '{"phone": null}',
        '{"phone": ["1"]}',
        '{"phone": {"value": "1"}}',
        '{"phone": ""}',
        '{"phone": " \\t\\u3000"}',
        '{"": "1"}',
        json.dumps({"phone": "x" * 201}),
        json.dumps({"x" * 201: "1"}),
        '["phone", "1"]',
        '"phone"',
        "1",
        "null",
        None,
    ],
)
def test_what_is_no_object_of_texts_is_refused(buyer, sale, subjects):
    with refused("SK001") as caught:
        one(
            buyer,
            """
            select * from seckill.reserve(
                     p_activity_id => %(id)s, p_user_id => 'ann', p_sku => 'phone',
                     p_quantity => 1, p_request_id => gen_random_uuid(),
                     p_subjects => %(subjects)s)""",
            id=sale.activity_id,
            subjects=subjects,
        )
    assert "138" not in caught.text
    assert "xxx" not in caught.text


def test_two_hundred_characters_are_counted_after_normalising(buyer, superuser, sale):
    padded = " " * 100 + "x" * 200 + " " * 100
    assert digests(buyer, superuser, sale, {"phone": padded}) is not None


def test_the_raw_value_stands_nowhere_in_the_database(db: Database):
    """Every row of every table as text, after a life with subjects in it."""
    secrets = {"phone": "Zq7-Phone", "address": "Zq7-Straße 1", "ip": "zq7-ip"}
    with (
        db.connect("operator") as operator,
        db.connect("buyer") as buyer,
        db.connect("superuser") as superuser,
    ):
        sale = open_sale(operator, limit=3)
        held = reserve(buyer, sale, subjects=secrets)
        confirm(buyer, held.reservation_id, payment_ref="pay")
        cancel(buyer, reserve(buyer, sale, subjects=secrets).reservation_id)
        reserve(buyer, sale, subjects=secrets, quantity=9)
        shown = str(get_reservation(buyer, held.reservation_id)) + str(history(buyer, sale))
        assert "zq7" not in shown.lower()
        tables = superuser.execute(
            """
            select format('%I.%I', n.nspname, c.relname) as name
              from pg_class as c
              join pg_namespace as n on n.oid = c.relnamespace
             where n.nspname in ('seckill', 'seckill_private') and c.relkind in ('r', 'p', 'v')"""
        ).fetchall()
        assert len(tables) > 10
        for table in tables:
            count = one(
                superuser,
                f"""
                select count(*) from {table.name} as t
                 where lower(t::text) like '%%zq7%%'
                    or t::text ~ encode('Zq7', 'hex') or t::text ~ encode('zq7', 'hex')""",
            )
            assert count.count == 0, table.name


def test_a_reservation_does_not_show_its_digests(buyer, sale):
    held = reserve(buyer, sale, subjects={"phone": "1"})
    assert "subjects" not in get_reservation(buyer, held.reservation_id)._fields
