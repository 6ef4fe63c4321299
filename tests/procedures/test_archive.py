"""archive_activity, export_activity, drop_archived: a sale stands still, is exported, and goes."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.concurrency.checks_feed import Consumer, changes, require_feed
from tests.fix_database import Database
from tests.fix_sale import (
    Row,
    Sale,
    cancel,
    close_activity,
    confirm,
    confirm_batch,
    get_reservation,
    one,
    open_sale,
    refund,
    reserve,
    violations,
)
from tests.procedures.instants import (
    HOLD,
    OPENS,
    cancel_at,
    confirm_at,
    history,
    hold_at,
    refused,
    sale_between,
)
from tests.procedures.rules import allocate_stock, receive_stock

PARTS = {
    "activity": 1,
    "pool": 1,
    "pool_slot": 1,
    "limit_version": 1,
    "list_dimension": 1,
    "listed_subject": 3,
    "ops_entry": 7,
    "inventory_movement": 4,
    "reservation": 5,
    "movement": 7,
}


def archive(connection: Connection[Any], sale: Sale) -> Row:
    """seckill.archive_activity."""
    return one(connection, "select * from seckill.archive_activity(%(id)s)", id=sale.activity_id)


def drop(connection: Connection[Any], sale: Sale, limit: int = 1000) -> Row:
    """seckill.drop_archived, once."""
    return one(
        connection,
        "select * from seckill.drop_archived(%(id)s, %(limit)s)",
        id=sale.activity_id,
        limit=limit,
    )


def drop_all(connection: Connection[Any], sale: Sale, limit: int = 1000) -> int:
    """seckill.drop_archived until it is done; how many rows were deleted."""
    deleted = 0
    while (answer := drop(connection, sale, limit)).status != "dropped":
        deleted += answer.quantity
    return deleted


def export(
    connection: Connection[Any], sale: Sale, part: str, after: str | None = None, limit: int = 2
) -> list[Row]:
    """A page of seckill.export_activity."""
    return connection.execute(
        "select * from seckill.export_activity(%s, %s, %s, %s)",
        [sale.activity_id, part, after, limit],
    ).fetchall()


def over(operator: Connection[Any], buyer: Connection[Any], **options: Any) -> Sale:
    """A closed sale: of five holds three paid, two cancelled after the close."""
    sale = open_sale(operator, limit=3, **options)
    operator.execute(
        "select seckill.add_eligible(%s, 'user', array['u1', 'u2', 'u3'])", [sale.activity_id]
    )
    held = [reserve(buyer, sale, user=f"u{number}").reservation_id for number in range(5)]
    for number in range(3):
        confirm(buyer, held[number], user=f"u{number}", payment_ref="1")
    close_activity(operator, sale)
    for number in (3, 4):
        cancel(buyer, held[number], user=f"u{number}")
    return sale


def rows_left(superuser: Connection[Any], sale: Sale) -> int:
    """Reservations, movements, pools and listed subjects of a sale."""
    return one(
        superuser,
        """
        select (select count(*) from seckill_private.reservation
                 where buyer_key >> 40 = %(id)s)
               + (select count(*) from seckill_private.movement where activity_id = %(id)s)
               + (select count(*) from seckill_private.listed_subject where activity_id = %(id)s)
               + (select count(*) from seckill_private.pool where activity_id = %(id)s) as rows""",
        id=sale.activity_id,
    ).rows


def test_only_a_closed_sale_without_holds_is_archived(operator, buyer):
    sale = open_sale(operator)
    held = reserve(buyer, sale)
    with refused("SK006"):
        archive(operator, sale)
    close_activity(operator, sale)
    with refused("SK006"):
        archive(operator, sale)
    cancel(buyer, held.reservation_id)
    first, second = archive(operator, sale), archive(operator, sale)
    assert (first.status, first.replayed) == ("archived", False)
    assert (second.status, second.replayed) == ("archived", True)


def test_an_archived_sale_stands_still_and_is_read(operator, buyer):
    sale = over(operator, buyer)
    paid = next(row for row in history(operator, sale) if row.kind == "confirm")
    archive(operator, sale)
    before = history(operator, sale)
    with refused("SK008"):
        confirm(buyer, paid.reservation_id, user=paid.user_id, payment_ref="another")
    assert get_reservation(buyer, paid.reservation_id, user=paid.user_id).status == "confirmed"
    assert history(operator, sale) == before
    assert violations(operator, sale) == []


def test_every_row_is_exported_once(operator, buyer, superuser):
    sale = over(operator, buyer)
    with refused("SK006"):
        export(operator, sale, "movement")
    archive(operator, sale)
    for part, expected in PARTS.items():
        rows: list[Row] = []
        while page := export(operator, sale, part, rows[-1].cursor if rows else None):
            rows += page
        assert len(rows) == expected, part
        assert len({str(row.data) for row in rows}) == expected, part
    books = superuser.execute(
        "select to_jsonb(m) as row from seckill_private.movement m where activity_id = %s"
        " order by movement_id",
        [sale.activity_id],
    ).fetchall()
    found = export(operator, sale, "movement", limit=100)
    assert [row.data["version"] for row in found] == [row.row["version"] for row in books]


def test_refunds_are_exported_and_dropped_too(operator, buyer, superuser):
    sale = open_sale(operator, units=3)
    for user, times in (("ann", 2), ("bob", 1)):
        held = reserve(buyer, sale, user=user, quantity=times).reservation_id
        confirm(buyer, held, user=user, payment_ref="1")
        for _ in range(times):
            refund(buyer, held, user=user, skus=[sale.sku], quantities=[1], request_id=uuid4())
    close_activity(operator, sale)
    archive(operator, sale)
    rows: list[Row] = []
    while page := export(operator, sale, "refund", rows[-1].cursor if rows else None, limit=1):
        rows += page
    assert [row.data["ordinal"] for row in rows] == [1, 2, 1]
    books = superuser.execute(
        "select to_jsonb(f) as row from seckill_private.refund as f where activity_id = %s"
        " order by reservation_id, ordinal",
        [sale.activity_id],
    ).fetchall()
    operator.execute("set timezone = 'UTC'")
    assert [row.data["request_id"] for row in rows] == [row.row["request_id"] for row in books]
    held, moved, refunds = 2, len(history(operator, sale)), 3
    assert drop_all(operator, sale, 1) == held + moved + refunds - 2
    assert rows_left(superuser, sale) == 0


@pytest.mark.parametrize("dropped", ["not yet", "in part", "all of it"])
def test_a_payment_for_an_archived_sale_spoils_no_other(operator, superuser, dropped):
    old, young = sale_between(operator, superuser), open_sale(operator)
    states = ("confirmed", "cancelled", "expired")
    held = {state: hold_at(superuser, old, OPENS, user=state) for state in states}
    confirm_at(superuser, held["confirmed"], OPENS, user="confirmed", payment_ref="x")
    cancel_at(superuser, held["cancelled"], OPENS, user="cancelled")
    cancel_at(superuser, held["expired"], OPENS + HOLD, user="expired")
    close_activity(operator, old)
    archive(operator, old)
    if dropped != "not yet":
        drop(operator, old, 1) if dropped == "in part" else drop_all(operator, old)
    paid = reserve(superuser, young, user="young").reservation_id
    answers = confirm_batch(
        superuser, [*((state, held[state], "y") for state in states), ("young", paid, "y")]
    )
    assert [answer.error_code or answer.status for answer in answers] == [
        *["SK008"] * 3,
        "confirmed",
    ]
    assert violations(operator, young) == []


def test_instants_are_exported_in_utc(operator, buyer):
    sale = over(operator, buyer)
    archive(operator, sale)
    operator.execute("set timezone = 'Asia/Shanghai'")
    try:
        (row,) = export(operator, sale, "activity")
    finally:
        operator.execute("reset timezone")
    assert row.data["closed_at"].endswith("+00:00")


@pytest.mark.parametrize(
    ("part", "after"),
    [
        ("x", None),
        (None, None),
        ("movement", "x"),
        ("movement", "9" * 30),
        ("reservation", "1.x"),
        ("reservation", "x"),
        ("listed_subject", "a.xyz"),
    ],
)
def test_bad_arguments_of_an_export(operator, buyer, part, after):
    sale = over(operator, buyer)
    archive(operator, sale)
    with refused("SK001"):
        export(operator, sale, part, after)


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_a_dropped_sale_is_gone_and_its_neighbour_is_not(operator, buyer, superuser, limit):
    neighbour = over(operator, buyer)
    sale = over(operator, buyer)
    other = history(operator, neighbour)
    with refused("SK006"):
        drop(operator, sale)
    archive(operator, sale)
    held, moved, listed = 5, 7, 3
    assert drop_all(operator, sale, limit) == held + moved + listed
    assert rows_left(superuser, sale) == 0
    again = drop(operator, sale)
    assert (again.status, again.replayed, again.quantity) == ("dropped", True, 0)
    assert history(operator, neighbour) == other
    assert violations(operator, neighbour) == []


def test_calls_about_a_dropped_sale_say_that_it_was_archived(operator, buyer, reader):
    sale = over(operator, buyer)
    paid = next(row for row in history(operator, sale) if row.kind == "confirm")
    archive(operator, sale)
    drop(operator, sale, 1)
    for call in (
        lambda: history(reader, sale),
        lambda: violations(reader, sale),
        lambda: reserve(buyer, sale),
        lambda: export(operator, sale, "movement"),
    ):
        with refused("SK002") as refusal:
            call()
        assert "was archived at" in (refusal.detail or "")
    drop_all(operator, sale)
    for call in (confirm, cancel, get_reservation):
        with refused("SK008"):
            call(buyer, paid.reservation_id, user=paid.user_id)
    reader.execute("select * from seckill.pool").fetchall()
    reader.execute("select * from seckill.sale_status").fetchall()


def find(connection: Connection[Any], sale: Sale, user: str, request_id: UUID) -> Row:
    """seckill.find_reservation."""
    return one(
        connection,
        "select * from seckill.find_reservation(%(id)s, %(user)s, %(request_id)s)",
        id=sale.activity_id,
        user=user,
        request_id=request_id,
    )


def test_nobody_sees_a_reservation_of_a_sale_that_is_being_dropped(operator, buyer, superuser):
    sale = over(operator, buyer)
    paid = next(row for row in history(operator, sale) if row.kind == "confirm")
    request_id = get_reservation(buyer, paid.reservation_id, user=paid.user_id).request_id
    young = open_sale(operator, sku="young")
    kept = reserve(buyer, young, user=paid.user_id).reservation_id
    archive(operator, sale)
    superuser.execute(
        "update seckill_private.reservation set created_at = now() + interval '1 hour'"
        " where reservation_id = %s",
        [paid.reservation_id],
    )
    drop(operator, sale, 1)
    assert rows_left(superuser, sale) > 0
    with refused("SK008"):
        get_reservation(buyer, paid.reservation_id, user=paid.user_id)
    with refused("SK008"):
        find(buyer, sale, paid.user_id, request_id)
    for activity_id, limit in ((None, 1), (None, 10000), (sale.activity_id, 10000)):
        listed = buyer.execute(
            "select * from seckill.list_reservations(%s, %s, %s)",
            [paid.user_id, activity_id, limit],
        ).fetchall()
        assert all(row.activity_id != sale.activity_id for row in listed)
        assert all(None not in (row.region, row.skus, row.quantities) for row in listed)
        assert [row.reservation_id for row in listed][:1] == [kept] * (activity_id is None)


# Every other call that names an activity. What it asks for stood, or made sense, before the drop.
ABOUT_A_SALE = {
    "open_activity": "%(id)s",
    "pause_activity": "%(id)s",
    "resume_activity": "%(id)s",
    "close_activity": "%(id)s",
    "archive_activity": "%(id)s",
    "update_activity": "%(id)s, p_name => 'another'",
    "allocate_stock": "%(id)s, %(sku)s, 1, gen_random_uuid()",
    "move_stock": "%(id)s, %(sku)s, 1, '*', 'north', gen_random_uuid()",
    "set_slots": "%(id)s, %(sku)s, 2",
    "set_stock_total": "%(id)s, %(sku)s, 1, 'floor'",
    "schedule_release": "%(id)s, %(sku)s, '*', '{}', '{}'",
    "set_limit": "%(id)s, 'one', 'user', 'units', 'activity', 1",
    "drop_limit": "%(id)s, 'units_per_user'",
    "require_eligibility": "%(id)s, 'user', true",
    "add_eligible": "%(id)s, 'user', '{ann}'",
    "remove_eligible": "%(id)s, 'user', '{ann}'",
    "block": "%(id)s, 'user', '{ann}'",
    "unblock": "%(id)s, 'user', '{ann}'",
    "set_queue_limit": "%(id)s, 1",
    "export_activity": "%(id)s, 'pool'",
    "availability": "%(id)s, %(sku)s",
    "reserve_lines": "%(id)s, 'ann', array[%(sku)s], '{1}', gen_random_uuid()",
    "explain": "%(id)s, 'ann', %(sku)s, 1, gen_random_uuid()",
    "limit_usage": "%(id)s, 'ann'",
    "limit_usage_at": "%(id)s, 'ann', now()",
    "stock_at": "%(id)s, %(sku)s, now()",
    "history": "%(id)s",
    "reconcile": "%(id)s",
}


def test_every_call_about_a_sale_that_is_being_dropped_says_so(operator, buyer, superuser):
    sale = over(operator, buyer)
    archive(operator, sale)
    drop(operator, sale, 1)
    assert rows_left(superuser, sale) > 0
    for name, arguments in ABOUT_A_SALE.items():
        with refused("SK002") as refusal:
            operator.execute(
                f"select * from seckill.{name}({arguments})".encode(),
                {"id": sale.activity_id, "sku": sale.sku},
            )
        assert "was archived at" in refusal.detail, name
    assert drop(operator, sale, 1).status == "dropping"


def test_what_stays_of_a_sale_that_was_dropped(operator, buyer, reader):
    sale = over(operator, buyer)
    archive(operator, sale)
    drop(operator, sale, 1)
    for _ in ("in part", "all of it"):
        seen = {
            view: reader.execute(
                f"select * from seckill.{view} where activity_id = %s".encode(), [sale.activity_id]
            ).fetchall()
            for view in ("activity", "pool", "limit_rule", "sale_status")
        }
        assert [len(rows) for rows in seen.values()] == [1, 0, 0, 1]
        (line,) = seen["sale_status"]
        assert (line.status, line.pools, line.total, line.sold) == ("ended", 0, 0, 0)
        calls = reader.execute(
            "select call from seckill.ops_history(%s)", [sale.activity_id]
        ).fetchall()
        assert [row.call for row in calls][:2] == ["drop_archived", "archive_activity"]
        drop_all(operator, sale)


def test_an_answered_call_is_repeated_after_the_drop(operator, buyer):
    sale = open_sale(operator, units=0)
    receive_stock(operator, sale.sku, 1)
    request_id = uuid4()
    assert allocate_stock(operator, sale, 1, request_id=request_id).replayed is False
    close_activity(operator, sale)
    archive(operator, sale)
    drop_all(operator, sale)
    again = allocate_stock(operator, sale, 1, request_id=request_id)
    assert (again.status, again.replayed, again.total) == ("allocated", True, 1)
    with refused("SK002"):
        allocate_stock(operator, sale, 1, request_id=uuid4())


def test_a_limit_on_all_sales_keeps_what_it_counts(operator, buyer, superuser):
    sale = over(operator, buyer)
    operator.execute(
        "select seckill.set_limit(null, 'a month', 'user', 'orders', 'month', 1,"
        " p_time_zone => 'UTC')"
    )
    try:
        with refused("SK006") as refusal:
            archive(operator, sale)
        assert "a month" in (refusal.detail or "")
        superuser.execute(
            "update seckill_private.activity set closed_at = closed_at - interval '33 days'"
            " where activity_id = %s",
            [sale.activity_id],
        )
        assert archive(operator, sale).status == "archived"
    finally:
        operator.execute("select seckill.drop_limit(null, 'a month')")


def test_an_ended_hold_counts_from_its_end_however_long_it_was(operator, buyer, superuser):
    """The sale's holds may have been longer than they are now."""
    sale = over(operator, buyer)
    operator.execute(
        "select seckill.set_limit(null, 'hoarders', 'user', 'expired_holds', 'rolling', 1,"
        " p_period => interval '7 days')"
    )
    try:
        for days, archived in ((37, False), (2, True)):
            superuser.execute(
                "update seckill_private.activity set closed_at = closed_at - interval '1 day' * %s"
                " where activity_id = %s",
                [days, sale.activity_id],
            )
            if archived:
                assert archive(operator, sale).status == "archived"
            else:
                with refused("SK006"):
                    archive(operator, sale)
    finally:
        operator.execute("select seckill.drop_limit(null, 'hoarders')")


def test_a_consumer_that_has_not_read_what_was_dropped_is_told(db: Database):
    with (
        db.connect("operator") as operator,
        db.connect("buyer") as buyer,
        db.connect("reader") as reader,
    ):
        old, young = over(operator, buyer), open_sale(operator)
        reserve(buyer, young)
        late, punctual = Consumer(reader), Consumer(reader)
        late.poll(3)
        punctual.catch_up()
        archive(operator, old)
        drop(operator, old, 1)
        with refused("SK006"):
            late.poll()
        reserve(buyer, young, user="bob")
        punctual.catch_up()
        require_feed(db, punctual.rows, young)
        anew = Consumer(reader)
        anew.catch_up(1)
        require_feed(db, anew.rows, young)
        assert {row.activity_id for row in anew.rows} == {young.activity_id}


def test_the_last_of_a_block_takes_its_partitions_along(db: Database):
    with db.connect("operator") as operator, db.connect("buyer") as buyer:
        sales = [over(operator, buyer, sku=f"s{number}") for number in range(2)]
        while open_sale(operator, units=0, state="draft").activity_id < 63:
            pass
        young = open_sale(operator, sku="young")
        assert young.activity_id == 64
        before = len(changes(operator))
        for sale in sales:
            archive(operator, sale)
        for activity_id in range(3, 64):
            draft = Sale(activity_id, "", "")
            close_activity(operator, draft)
            archive(operator, draft)
            drop_all(operator, draft)
        assert drop_all(operator, sales[0]) == 15
        assert partitions(db) == {"reservation_0", "reservation_64", "movement_0", "movement_64"}
        assert drop_all(operator, sales[1]) == 0, "nothing was deleted row by row"
        assert partitions(db) == {"reservation_64", "movement_64"}
        assert reserve(buyer, young).status == "held"
        assert len(changes(operator)) == before - 2 * 12 + 1


def partitions(db: Database) -> set[str]:
    """The partitions that there are."""
    with db.connect("superuser") as superuser:
        rows = superuser.execute(
            "select inhrelid::regclass::name as name from pg_inherits"
            " where inhparent::regclass::text in"
            " ('seckill_private.reservation', 'seckill_private.movement')"
        ).fetchall()
    return {row.name.split(".")[-1] for row in rows}
