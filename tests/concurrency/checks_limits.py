"""Rules of limits, lists and releases, one session at a time, for the mutations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from tests.concurrency.books import require_books
from tests.concurrency.sessions import at_hand, describe, require_equal
from tests.fix_database import Database
from tests.fix_sale import open_sale, reserve
from tests.procedures.instants import INSTANT, confirm_at, reserve_at, sale_between, time_passes
from tests.procedures.rules import change_list, drop_rule, require_list, schedule, set_rule

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
