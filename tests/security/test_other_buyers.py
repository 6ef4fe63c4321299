"""A login of seckill_app that names Bob learns nothing of Ann, by any function or error.

The shop's service says who the buyer is (ops/THREATS.md), so what is checked is that an id of
Ann's is worth no more to Bob than one that never was: same answer, same error, same text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.catalog.test_privileges import BUYING, READING, READS_OF_BUYERS
from tests.fix_database import Database
from tests.fix_sale import Sale, confirm, open_sale, refund, reserve
from tests.mutation.planting import Edit, Mutation, plant
from tests.procedures.test_fuzz import Function, good_arguments, public_functions

# Names nothing else has, so that they are found wherever they come out.
ANN, PHONE, PAYMENT = "ann-Zq7", "phone-Zq7", "payment-Zq7"
SECRET = re.compile("zq7", re.IGNORECASE)
# The procedure reserve_now runs with its caller's rights and calls reserve: it can tell no more.
CALLABLE = sorted((BUYING | READING | READS_OF_BUYERS) - {"reserve_now"})
# These give what belongs to nobody, and their arguments name neither buyer nor reservation.
NAMES_NOBODY = {
    *("availability", "reconcile", "changes", "stock_at", "inventory", "schema_version"),
    *("ops_history", "contract_version"),
}


@dataclass(slots=True)
class Shop:
    """A sale in which Ann has a hold and a purchase, and a session of the shop's service."""

    buyer: Connection[Any]
    functions: dict[str, Function]
    sale: Sale
    held: int
    paid: int
    requests: tuple[UUID, UUID]
    hers: list[Any] = field(default_factory=list[Any])

    def ask(self, name: str, changes: dict[str, str | None]) -> str:
        """What the service is told, as one text: rows, or every field of the error."""
        function = self.functions[name]
        good = good_arguments(self.sale, self.held, self.paid, str(uuid4()), {})
        values = {
            argument: changes.get(argument, good.get(f"{name}.{argument}", good.get(argument)))
            for argument in function.arguments
        }
        named = ", ".join(
            f"{argument} => %({argument})s::text::{kind}"
            for argument, kind in function.arguments.items()
        )
        query = f"select * from seckill.{name}({named})".encode()
        try:
            with self.buyer.transaction(force_rollback=True):
                return repr(self.buyer.execute(query, values).fetchall())
        except psycopg.Error as error:
            diag = error.diag
            said = (error.sqlstate, diag.message_primary, diag.message_detail, diag.context)
            return repr((*said, diag.message_hint, diag.constraint_name, diag.column_name))

    def ann_sees(self) -> list[Any]:
        """Her reservations, as she may see them."""
        query = "select * from seckill.list_reservations(%s, null, 100)"
        return self.buyer.execute(query, [ANN]).fetchall()


@pytest.fixture
def shop(db: Database) -> Iterator[Shop]:
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        sale = open_sale(operator, units=100, limit=5)
        requests = (uuid4(), uuid4())
        phone = {"phone": PHONE}
        held = reserve(operator, sale, user=ANN, request_id=requests[0], subjects=phone)
        paid = reserve(operator, sale, user=ANN, request_id=requests[1], quantity=2, subjects=phone)
        confirm(operator, paid.reservation_id, user=ANN, payment_ref=PAYMENT)
        refund(
            operator,
            paid.reservation_id,
            user=ANN,
            skus=[sale.sku],
            quantities=[1],
            request_id=uuid4(),
        )
        for call in ("block", "unblock"):
            query = f"select seckill.{call}(%s, 'phone', array[%s])"
            operator.execute(query.encode(), [sale.activity_id, PHONE])
        functions = public_functions(superuser)
        with db.connect("buyer") as buyer:
            made = Shop(buyer, functions, sale, held.reservation_id, paid.reservation_id, requests)
            made.hers = made.ann_sees()
            assert len(made.hers) == 2
            yield made
            assert made.ann_sees() == made.hers  # and nobody changed them


def blurred(text: str, *ids: object) -> str:
    """The text without ids that the caller gave, times, and what is new with every call."""
    for number in ids:
        text = re.sub(rf"\b{number}\b", "ID", text)
    text = re.sub(r"datetime\.datetime\([^)]*\)\)?", "TIME", text)
    text = re.sub(r"UUID\('[^']*'\)", "UUID", text)
    return re.sub(r"reservation_id=\d+", "reservation_id=ID", text)


def bob(reservation: int, request: UUID) -> dict[str, str | None]:
    """Arguments in which Bob gives ids of a reservation and of a request."""
    return {
        "p_user_id": "bob",
        "p_user_ids": "{bob}",
        "p_reservation_id": str(reservation),
        "p_reservation_ids": f"{{{reservation}}}",
        "p_request_id": str(request),
        "p_request_ids": f"{{{request}}}",
    }


def ids_are_worth_nothing(shop: Shop, name: str) -> None:
    """AssertionError where an id of Ann's gets Bob another answer than one that never was."""
    nobodys, unused = 7_777_777_777, uuid4()
    for hers, request in zip((shop.held, shop.paid), shop.requests, strict=True):
        given = shop.ask(name, bob(hers, request))
        made_up = shop.ask(name, bob(nobodys, unused))
        assert blurred(given, hers, request) == blurred(made_up, nobodys, unused)
        assert not SECRET.search(given), given


def nobody_is_named(shop: Shop, name: str) -> None:
    """AssertionError where one who names nobody, or himself, learns who bought."""
    for user in (None, "", "bob"):
        answer = shop.ask(name, {"p_user_id": user})
        assert not SECRET.search(answer), answer
        if name in NAMES_NOBODY:
            assert f"reservation_id={shop.held}" not in answer
            assert "user_id='" not in answer


def test_anns_ids_are_worth_nothing_to_bob(shop: Shop) -> None:
    for name in CALLABLE:
        ids_are_worth_nothing(shop, name)


def test_who_names_nobody_learns_no_name(shop: Shop) -> None:
    for name in CALLABLE:
        nobody_is_named(shop, name)


def test_these_are_all_that_the_service_may_call(shop: Shop, superuser: Connection[Any]) -> None:
    rows = superuser.execute(
        """
        select p.proname from pg_proc as p
         where p.pronamespace = 'seckill'::regnamespace
           and (p.prosecdef or p.prokind = 'f')
           and has_function_privilege('seckill_app', p.oid, 'execute')"""
    ).fetchall()
    assert sorted(row.proname for row in rows) == CALLABLE
    assert set(CALLABLE) >= NAMES_NOBODY
    takes_ids = {"p_reservation_id", "p_reservation_ids", "p_request_id", "p_request_ids"}
    asked = {name for name in CALLABLE if takes_ids & set(shop.functions[name].arguments)}
    assert asked >= {"confirm", "cancel", "refund", "get_reservation", "find_reservation"}


MINE_ONLY = """r.buyer_key = seckill_private.buyer_key(
           seckill_private.activity_of(p_reservation_id), p_user_id)
     and r.reservation_id = p_reservation_id
     and r.user_id = p_user_id"""
ANYBODYS = "r.reservation_id = p_reservation_id"
FAULTS = {
    "get_reservation": Edit("get_reservation", MINE_ONLY, ANYBODYS),
    "cancel": Edit("lock_reservation", MINE_ONLY, ANYBODYS),
    "confirm": Edit("lock_reservation", MINE_ONLY, ANYBODYS),
    "history": Edit("history", "v_sees or p_user_id is not null", "true"),
    "changes": Edit("changes", "boolean := seckill_private.sees_buyers()", "boolean := true"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_forgetting_whose_it_is_is_noticed(shop: Shop, db: Database, name: str) -> None:
    plant(db, Mutation(name, (FAULTS[name],), lambda _: None, ""))

    def checks() -> None:
        ids_are_worth_nothing(shop, name)
        nobody_is_named(shop, name)

    with pytest.raises(AssertionError):
        checks()


def test_views_show_no_buyer(shop: Shop) -> None:
    for view in ("activity", "pool", "limit_rule", "sale_status"):
        answer = repr(shop.buyer.execute(f"select * from seckill.{view}".encode()).fetchall())
        assert not SECRET.search(answer)
