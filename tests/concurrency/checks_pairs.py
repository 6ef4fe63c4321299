"""Every two of the calls that change a sale, side by side, in both orders, against pairs.md.

Both calls are started behind a gate that holds the pool, so each has read what it reads without a
lock; then they are let through in the order in which they came. Before that the pool has 5 units:
Paul has paid for one, Ann holds one, Dora held one for too long, and two are available.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from psycopg import Connection

from tests.concurrency.books import let_holds_end, require_books
from tests.concurrency.sessions import Gate, Session, at_hand, describe, require, require_equal
from tests.fix_database import Database
from tests.fix_sale import (
    Sale,
    availability,
    cancel,
    close_activity,
    confirm,
    expire_due,
    one,
    open_sale,
    refund,
    reserve,
    set_limit,
    set_stock_total,
)
from tests.procedures.rules import set_slots

TABLE = Path(__file__).with_name("pairs.md")
# A purchase that has waited for a closing finds no units. Of one slot it then looks at the sale
# again; of several it has given back the hold that had ended, and says what it found of units.
ON_SLOTS = {("close", "reserve"): ["closed", "sold_out", "2 = 0 + 1 + 1", "3"]}


@dataclass(frozen=True, slots=True)
class Scene:
    """The sale of one pair, and its reservations."""

    sale: Sale
    ann: int
    paul: int


Call = Callable[[Connection[Any], Scene, str], Any]


def _reserve(connection: Connection[Any], scene: Scene, who: str) -> Any:
    return reserve(connection, scene.sale, user=who, quantity=2)


def _confirm(connection: Connection[Any], scene: Scene, who: str) -> Any:
    return confirm(connection, scene.ann, payment_ref=f"of the {who}")


def _cancel(connection: Connection[Any], scene: Scene, who: str) -> Any:
    return cancel(connection, scene.ann, reason=who)


def _expire(connection: Connection[Any], scene: Scene, who: str) -> Any:
    return expire_due(connection)


def _refund(connection: Connection[Any], scene: Scene, who: str) -> Any:
    return refund(connection, scene.paul, user="paul", request_id=uuid4())


def _total(connection: Connection[Any], scene: Scene, who: str) -> Any:
    return set_stock_total(connection, scene.sale, 1, "revoke")


def _drain(connection: Connection[Any], scene: Scene, who: str) -> Any:
    return set_stock_total(connection, scene.sale, 1, "drain")


def _close(connection: Connection[Any], scene: Scene, who: str) -> Any:
    return close_activity(connection, scene.sale)


def _limit(connection: Connection[Any], scene: Scene, who: str) -> Any:
    return set_limit(connection, scene.sale, "one-each", maximum=1)


CALLS: dict[str, Call] = {
    "reserve": _reserve,
    "confirm": _confirm,
    "cancel": _cancel,
    "expire": _expire,
    "refund": _refund,
    "revoke": _total,
    "drain": _drain,
    "close": _close,
    "limit": _limit,
}
OPERATORS = {"expire", "revoke", "drain", "close", "limit"}


def set_scene(db: Database, slots: int) -> Scene:
    """The sale of the module's first lines, in a database where nothing else is due."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        while expire_due(operator):
            pass
        sale = open_sale(operator, units=5, sku=f"pair_{uuid4()}")
        set_slots(operator, sale, slots)
        paul, ann, dora = (
            reserve(buyer, sale, user=user).reservation_id for user in ("paul", "ann", "dora")
        )
        assert confirm(buyer, paul, user="paul").status == "confirmed"
        let_holds_end(db, sale, dora)
    return Scene(sale, ann, paul)


def outcome(db: Database, first: str, second: str, slots: int = 1) -> list[str]:
    """What both calls answer when the first comes first, and what the books have then."""
    scene = set_scene(db, slots)
    roles = ["operator" if name in OPERATORS else "buyer" for name in (first, second)]
    with Session(db, roles[0]) as one_, Session(db, roles[1]) as two, Gate(db) as gate:
        gate.lock_slots(scene.sale)
        one_.start(CALLS[first], scene, "first")
        two.start(CALLS[second], scene, "second")
        gate.open()
        answers = [one_.finish(), two.finish()]
    require_books(db, scene.sale)
    with at_hand(db, "superuser") as superuser:
        pool = availability(superuser, scene.sale)
        inventory = one(
            superuser, "select quantity from seckill.inventory(%(sku)s)", sku=scene.sale.sku
        ).quantity
    return [
        *map(_words, answers),
        f"{pool.total} = {pool.available} + {pool.held} + {pool.sold}",
        str(inventory),
    ]


def _words(answer: Any) -> str:
    late = " late" if getattr(answer, "late", False) else ""
    again = " again" if getattr(answer, "replayed", False) else ""
    return describe(answer) + late + again


def committed() -> dict[tuple[str, str], list[str]]:
    """The outcomes of the table, by the two calls."""
    rows: dict[tuple[str, str], list[str]] = {}
    for text in TABLE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if text.startswith("|") and cells[0] in CALLS:
            rows[cells[0], cells[1]] = cells[2:]
    return rows


def pair(db: Database, first: str, second: str) -> None:
    """Two calls side by side do what the table says."""
    require_equal(outcome(db, first, second), committed()[first, second], f"{first}, {second}")


def pair_on_slots(db: Database, first: str, second: str) -> None:
    """In several slots either may be served first, but what comes of it is one of both."""
    found = outcome(db, first, second, slots=4)
    rows = committed() | ON_SLOTS
    one_way, other_way = rows[first, second], rows[second, first]
    allowed = [one_way, [other_way[1], other_way[0], *other_way[2:]]]
    require(found in allowed, f"{first}, {second}: {found}, expected one of {allowed}")
