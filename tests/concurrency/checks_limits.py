"""Rules of limits, lists and releases, one session at a time, for the mutations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg

from tests.concurrency.books import require_books
from tests.concurrency.sessions import at_hand, describe, require_equal
from tests.fix_database import Database
from tests.fix_sale import one, open_sale, reserve
from tests.procedures.instants import INSTANT, confirm_at, reserve_at, sale_between, time_passes
from tests.procedures.rules import (
    change_list,
    drop_rule,
    require_list,
    schedule,
    set_rule,
    usage_at,
)

DAY = timedelta(days=1)


def windows_turn_over_at_local_midnight(db: Database) -> None:
    """In Shanghai it is midnight eight hours before it is in UTC."""
    midnight_utc = datetime(2030, 5, 2, tzinfo=UTC)
    with at_hand(db, "operator") as operator, at_hand(db, "superuser") as superuser:
        for window in ("hour", "day"):
            sale = sale_between(
                operator,
                superuser,
                starts_at=midnight_utc - 2 * DAY,
                ends_at=midnight_utc + DAY,
                hold=3 * DAY,
                time_zone="Asia/Shanghai",
            )
            set_rule(operator, sale.activity_id, "one", maximum=1, window=window)
            local = midnight_utc - timedelta(hours=8)
            steps = [(local - INSTANT, "held"), (local, "held")]
            if window == "day":
                steps.append((midnight_utc, "limit_exceeded"))
            for at, status in steps:
                answer = reserve_at(superuser, sale, at)
                require_equal(describe(answer), status, f"{window} at {at}")
            require_books(db, sale)


def rolling_window_is_open_at_its_start(db: Database) -> None:
    """A purchase leaves when the period has passed, not an instant later or sooner."""
    start = datetime(2030, 5, 2, tzinfo=UTC)
    with at_hand(db, "operator") as operator, at_hand(db, "superuser") as superuser:
        sale = sale_between(operator, superuser, starts_at=start, ends_at=start + 3 * DAY)
        set_rule(operator, sale.activity_id, "r", maximum=1, window="rolling", period="1 day")
        confirm_at(superuser, reserve_at(superuser, sale, start).reservation_id, start)
        for at, status in ((start + DAY - INSTANT, "limit_exceeded"), (start + DAY, "held")):
            require_equal(describe(reserve_at(superuser, sale, at)), status, f"at {at}")
    require_books(db, sale)


def own_hold_is_waited_for(db: Database) -> None:
    """A hold of a quarter of an hour, had at five to midnight, when the hour turns over.

    Of a day's rolling window it is rid at its end. All that tell when agree.
    """
    midnight = datetime(2030, 5, 2, tzinfo=UTC)
    now = midnight - timedelta(minutes=5)
    ends = now + timedelta(minutes=15)
    with at_hand(db, "operator") as operator, at_hand(db, "superuser") as superuser:
        for window, period, until in (("hour", None, midnight), ("rolling", "1 day", ends)):
            sale = sale_between(
                operator, superuser, starts_at=now, ends_at=midnight + 3 * DAY, hold=ends - now
            )
            set_rule(operator, sale.activity_id, "one", maximum=1, window=window, period=period)
            require_equal(describe(reserve_at(superuser, sale, now)), "held", "the first")
            said = {
                "limit_usage": usage_at(superuser, sale, now)[0].resets_at,
                "limit_usage_at": one(
                    operator,
                    "select * from seckill.limit_usage_at(%(id)s, 'ann', %(at)s)",
                    id=sale.activity_id,
                    at=now,
                ).resets_at,
                "reserve": reserve_at(superuser, sale, now).retry_at,
            }
            for call, at in said.items():
                require_equal(str(at.astimezone(UTC)), str(until), f"{window}, {call}")
            require_books(db, sale)


def lists_decide_who_buys(db: Database) -> None:
    """A block refuses; a required list lets in who is on it, and nobody while it is empty."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, sku=f"lists_{uuid4()}")

        def expect(status: str, what: str) -> None:
            answer = reserve(buyer, sale, subjects={"phone": "1"})
            require_equal(describe(answer), status, what)

        expect("held", "without lists")
        require_list(operator, sale, "phone")
        expect("not_eligible", "an empty list")
        change_list(operator, "add_eligible", sale, "phone", ["1"])
        expect("held", "on the list")
        change_list(operator, "block", sale, "user", ["ann"])
        expect("not_eligible", "blocked")
        change_list(operator, "unblock", sale, "user", ["ann"])
        change_list(operator, "remove_eligible", sale, "phone", ["1"])
        expect("not_eligible", "an emptied list")
    require_books(db, sale)


def newcomers_meet_every_rule(db: Database) -> None:
    """Who has nothing in a sale and names no subject is answered a short way; rules hold there."""
    with db.connect("operator") as operator, db.connect("buyer") as buyer:
        sale = open_sale(operator, units=30, sku=f"newcomers_{uuid4()}")

        def expect(status: str, what: str, quantity: int = 1, user: str | None = None) -> None:
            answer = reserve(buyer, sale, user=user or f"new {uuid4()}", quantity=quantity)
            require_equal(describe(answer), status, what)

        expect("held", "without rules", quantity=3)
        set_rule(operator, sale.activity_id, "two", maximum=2)
        expect("limit_exceeded", "more than a limit's units", quantity=3)
        expect("held", "a limit's units", quantity=2)
        drop_rule(operator, sale.activity_id, "two")
        expect("held", "a dropped limit's units and more", quantity=3)
        name = f"everywhere {uuid4()}"
        known = f"known {uuid4()}"
        other = open_sale(operator, sku=f"elsewhere_{uuid4()}")
        require_equal(describe(reserve(buyer, other, user=known)), "held", "elsewhere")
        set_rule(operator, None, name, maximum=1, window="rolling", period="1 hour")
        expect("limit_exceeded", "known elsewhere, a limit on all sales", user=known)
        expect("held", "known nowhere, a limit on all sales")
        drop_rule(operator, None, name)
        expect("held", "known elsewhere, no limit on all sales", user=known)
        set_rule(operator, sale.activity_id, "phone", maximum=1, dimension="phone")
        outcome = "no error"
        try:
            reserve(buyer, sale, user=f"new {uuid4()}")
        except psycopg.Error as error:
            outcome = str(error.sqlstate)
        require_equal(outcome, "SK001", "without the phone that a limit is on")
        drop_rule(operator, sale.activity_id, "phone")
        change_list(operator, "block", sale, "user", ["ann"])
        expect("not_eligible", "blocked", user="ann")
        expect("held", "not blocked")
    require_books(db, sale, other)


def newcomers_meet_a_required_list(db: Database) -> None:
    """The sale has no other rule."""
    with db.connect("operator") as operator, db.connect("buyer") as buyer:
        sale = open_sale(operator, sku=f"newcomers_{uuid4()}")
        require_list(operator, sale, "user")
        require_equal(describe(reserve(buyer, sale)), "not_eligible", "an empty list")
    require_books(db, sale)


def release_waits_for_its_time(db: Database) -> None:
    """Nothing of a release can be bought before it, everything from its instant on."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sale = open_sale(operator, units=3, sku=f"release_{uuid4()}", ends_in=timedelta(days=2))
        at = datetime.now(UTC) + DAY
        schedule(operator, sale, [(at, 3)])
        answer = reserve(buyer, sale)
        require_equal((answer.status, answer.retry), ("sold_out", "not_yet"), "before its time")
        require_equal(answer.retry_at, at, "when to try again")
        with at_hand(db, "superuser") as superuser:
            time_passes(superuser, sale, at)
        require_equal(describe(reserve(buyer, sale, quantity=3)), "held", "at its time")
    require_books(db, sale)


def global_limit_counts_over_all_sales(db: Database) -> None:
    """One unit an hour, whichever sale it is bought in."""
    with at_hand(db, "operator") as operator, at_hand(db, "buyer") as buyer:
        sales = [open_sale(operator, sku=f"global_{uuid4()}") for _ in range(2)]
        for dimension, required in (("user", True), ("phone", False)):
            name = f"global {dimension} {uuid4()}"
            user, phone = f"u {uuid4()}", f"p {uuid4()}"
            set_rule(
                operator,
                None,
                name,
                maximum=1,
                dimension=dimension,
                window="rolling",
                period="1 hour",
                required=required,
            )
            for sale, status in zip(sales, ("held", "limit_exceeded"), strict=True):
                answer = reserve(buyer, sale, user=user, subjects={"phone": phone})
                require_equal(describe(answer), status, f"one an hour for each {dimension}")
            drop_rule(operator, None, name)
    require_books(db, *sales)
