"""The independent count: it agrees with honest books, and sees each way in which they may lie."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from psycopg import Connection

from seckill.demo import audit
from seckill.history import Attempt, judge, read_books
from tests.fix_database import Database
from tests.fix_sale import Sale, cancel, confirm, open_sale, reserve


@dataclass(slots=True)
class Books:
    """A sale of three units, all sold, one of them after a buyer cancelled."""

    db: Database
    sale: Sale
    told: list[Attempt]
    superuser: Connection[Any]

    def wrong(self) -> dict[str, int]:
        """What the count finds, where it is not as it should be."""
        books = read_books(self.db.admin_dsn, [self.sale.activity_id])
        checks = audit.count(
            self.db.admin_dsn,
            self.sale.activity_id,
            units=3,
            sold=3,
            limit=1,
            verdict=judge(self.told, books),
        )
        return {check.what: check.actual for check in checks if not check.ok}

    def lie(self, statement: str) -> None:
        """Change the ledger behind everybody's back; `%(id)s` is ann's reservation."""
        self.superuser.execute(statement.encode(), {"id": self.told[1].reservation_id})


def answered(call: str, arguments: dict[str, Any], status: str, reservation_id: int) -> Attempt:
    answer = {"status": status, "reservation_id": reservation_id}
    return Attempt("test", call, arguments, 0.0, 0.0, "answered", answer)


@pytest.fixture
def books(
    db: Database,
    operator: Connection[Any],
    buyer: Connection[Any],
    superuser: Connection[Any],
) -> Books:
    sale = open_sale(operator, units=3, limit=1)
    told: list[Attempt] = []
    for user, status in [
        ("ann", "confirmed"),
        ("ben", "cancelled"),
        ("ben", "confirmed"),
        ("cat", "confirmed"),
    ]:
        request_id = uuid4()
        held = reserve(buyer, sale, user=user, request_id=request_id)
        resolve: Callable[..., Any] = confirm if status == "confirmed" else cancel
        assert resolve(buyer, held.reservation_id, user=user).status == status
        request = {"activity_id": sale.activity_id, "user_id": user, "request_id": str(request_id)}
        lines = {"lines": {sale.sku: 1}}
        told.append(answered("reserve", request | lines, "held", held.reservation_id))
        ending = {"user_id": user, "reservation_id": held.reservation_id, "payment_ref": None}
        call = "confirm" if status == "confirmed" else "cancel"
        told.append(answered(call, ending, status, held.reservation_id))
    return Books(db, sale, told, superuser)


def test_honest_books_agree(books: Books) -> None:
    assert books.wrong() == {}


def test_other_sales_are_not_counted(books: Books, operator: Any, buyer: Any) -> None:
    other = open_sale(operator, units=5)
    for _ in range(2):
        confirm(buyer, reserve(buyer, other, user="ann").reservation_id, user="ann")
    assert books.wrong() == {}


def test_lost_reservation(books: Books) -> None:
    books.lie("delete from seckill_private.reservation where reservation_id = %(id)s")
    wrong = books.wrong()
    assert wrong.pop("rows from reconcile") > 0
    assert wrong == {"answers missing from the books": 2}, "the hold and its payment"


def test_payment_undone(books: Books) -> None:
    books.lie(
        "update seckill_private.reservation set state = 'held', resolved_at = null"
        " where reservation_id = %(id)s"
    )
    wrong = books.wrong()
    assert wrong["answers missing from the books"] == 1
    assert wrong["holds left open"] == 1


def test_second_unit_for_a_user(books: Books) -> None:
    books.lie(
        """
        insert into seckill_private.movement (
          activity_id, shard, pool_id, slot, kind, source, target, quantity, version,
          position, reservation_id, user_id, at)
        select activity_id, shard, pool_id, slot, kind, source, target, quantity, 99,
               position, reservation_id, user_id, at
          from seckill_private.movement
         where reservation_id = %(id)s and target = 'sold'
        """
    )
    wrong = books.wrong()
    assert wrong[audit.GREEDY] == 1
    assert wrong[audit.SOLD] == 4


def test_two_at_once(books: Books) -> None:
    books.lie(
        """
        insert into seckill_private.reservation
        select (jsonb_populate_record(r, jsonb_build_object(
                  'request_id', gen_random_uuid(), 'reservation_id', r.reservation_id + 1000,
                  'state', 'cancelled', 'created_at', r.created_at + interval '1 microsecond',
                  'resolved_at', r.created_at + interval '1 second'))).*
          from seckill_private.reservation as r where r.reservation_id = %(id)s
        """
    )
    assert books.wrong()["users who ever held more than one"] == 1


def test_units_from_nowhere(books: Books) -> None:
    books.lie(
        "update seckill_private.movement set quantity = 4"
        " where source = 'inventory' and target = 'available' and %(id)s > 0"
    )
    assert books.wrong()["units that the sale was given"] == 4


def test_buyer_who_was_never_told(books: Books) -> None:
    books.told.pop()
    assert books.wrong() == {
        "units whose buyer was told so": 2,
        "purchases and payments that nobody made": 1,
    }


# --- what buyers share


PHONES: dict[str, dict[str, str]] = {"ann": {"phone": "1"}, "ben": {"phone": "1"}}


@pytest.fixture
def shared(db: Database, operator: Connection[Any], buyer: Connection[Any]) -> Sale:
    """Ann and ben have each bought one, with one phone."""
    sale = open_sale(operator, units=5)
    for user, subjects in PHONES.items():
        held = reserve(buyer, sale, user=user, subjects=subjects)
        assert confirm(buyer, held.reservation_id, user=user).status == "confirmed"
    return sale


def found(db: Database, sale: Sale, limit: int) -> list[int]:
    checks = audit.count_shared(db.admin_dsn, sale.activity_id, "phone", "phones", limit)
    return [check.actual for check in checks]


def test_phones_are_counted(db: Database, shared: Sale) -> None:
    assert found(db, shared, 2) == [0, 0, 0]
    assert found(db, shared, 1) == [1, 1, 0]


def test_holds_of_a_phone_that_overlapped_are_seen(
    db: Database, shared: Sale, buyer: Connection[Any]
) -> None:
    third = reserve(buyer, shared, user="cat", subjects={"phone": "1"})
    cancel(buyer, third.reservation_id, user="cat")
    fourth = reserve(buyer, shared, user="dan", subjects={"phone": "1"})
    cancel(buyer, fourth.reservation_id, user="dan")
    assert found(db, shared, 2) == [0, 1, 0]
    assert found(db, shared, 3) == [0, 0, 0], "they were cancelled one after the other"


def test_purchases_that_nobody_can_count_are_seen(
    db: Database, shared: Sale, buyer: Connection[Any]
) -> None:
    reserve(buyer, shared, user="cat", subjects={"address": "1"})
    assert found(db, shared, 2) == [0, 0, 1]
