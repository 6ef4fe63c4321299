"""seckill reserve, confirm, cancel, reservation, and the books: answers and exit statuses."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.cli.conftest import Run
from tests.fix_database import Database, wait_for_lock


def held(ops: Run, sale: int, user: str = "ann") -> int:
    """A new reservation of one phone."""
    return ops("reserve", sale, user, "phone", "--json").json["reservation_id"]


def test_reserve_says_yes_with_0_and_no_with_1(ops: Run, sale: int) -> None:
    click = ("reserve", sale, "ann", "phone", "--request-id", "click-1")
    first = ops(*click, "--json")
    assert (first.status, first.json["status"], first.json["replayed"]) == (0, "held", False)
    assert datetime.fromisoformat(first.json["expires_at"]).tzinfo is not None
    second = ops(*click)
    assert second.status == 0
    assert f"reservation {first.json['reservation_id']}, as answered before" in second.out
    greedy = ops("reserve", sale, "ann", "phone")
    assert greedy.status == 1
    assert greedy.out.startswith("limit_exceeded: limit one-each allows 0 more")
    assert ops("reserve", sale, "bob", "phone", 11, "--json").json["status"] == "sold_out"
    found = ops("reservation", "find", sale, "ann", "click-1", "--json").json
    assert found["reservation_id"] == first.json["reservation_id"]


def test_a_replay_of_what_was_given_back_is_a_no(ops: Run, sale: int) -> None:
    click = ("reserve", sale, "ann", "phone", "--request-id", "click-1")
    number = ops(*click, "--json").json["reservation_id"]
    assert ops("cancel", "ann", number).status == 0
    again = ops(*click)
    assert again.status == 1
    assert again.out.startswith("cancelled 1 of phone for ann")


def test_confirm(ops: Run, sale: int) -> None:
    number = held(ops, sale)
    paid = ops("confirm", "ann", number, "--payment-ref", "p1")
    assert (paid.status, paid.out) == (0, f"confirmed reservation {number}\n")
    twice = ops("confirm", "ann", number, "--payment-ref", "p2")
    assert (twice.status, "paid twice: refund one" in twice.out) == (1, True)
    late = ops("cancel", "ann", number, "--json")
    assert (late.status, late.json["status"]) == (1, "confirmed")


def test_cancel(ops: Run, sale: int) -> None:
    number = held(ops, sale)
    assert ops("cancel", "ann", number, "--reason", "too dear").status == 0
    assert ops("cancel", "ann", number, "--json").json["replayed"] is True
    assert ops("confirm", "ann", number).status == 1


def test_another_users_reservation_is_unknown(ops: Run, sale: int) -> None:
    number = held(ops, sale)
    for command in ("confirm", "cancel"):
        done = ops(command, "bob", number)
        assert done.status == 2
        assert "SK008: unknown reservation" in done.complaint


def test_reservations_are_shown(ops: Run, sale: int) -> None:
    number = held(ops, sale)
    assert ops("reservation", "show", "ann", number, "--json").json["status"] == "held"
    (row,) = ops("reservation", "list", "ann", "--activity", sale, "--json").json["reservations"]
    assert (row["skus"], row["quantities"]) == (["phone"], [1])
    assert f"{number}" in ops("reservation", "list", "ann").out
    assert ops("reservation", "list", "bob").out == "There is no reservation.\n"


def test_subjects_go_with_the_request(ops: Run, sale: int) -> None:
    subjects = ("--subject", "device=a=b", "--subject", "ip=192.0.2.7")
    assert ops("reserve", sale, "ann", "phone", *subjects).status == 0
    for wrong in ("device", "=x"):
        assert "NAME=VALUE" in ops("reserve", sale, "bob", "phone", "--subject", wrong).complaint
    refused = ops("reserve", sale, "bob", "phone", "--subject", "user=eve", "--request-id", "x")
    assert "SK001" in refused.complaint


def test_unknown_things_are_told_what_to_do(ops: Run, sale: int) -> None:
    pool = ops("reserve", sale, "ann", "hat")
    assert pool.status == 2
    assert "SK003" in pool.complaint
    assert "seckill stock show" in pool.complaint
    assert "SK002" in ops("reserve", 99, "ann", "phone").complaint
    assert "22003" in ops("reserve", 10**30, "ann", "phone").complaint


def test_availability(ops: Run, sale: int) -> None:
    held(ops, sale)
    found = ops("availability", sale, "phone", "--json").json
    assert {name: found[name] for name in ("status", "total", "available", "held", "sold")} == {
        "status": "on_sale", "total": 10, "available": 9, "held": 1, "sold": 0,
    }  # fmt: skip
    assert "on_sale" in ops("availability", sale, "phone").out


def test_history_ends_with_the_newest(ops: Run, sale: int) -> None:
    assert ops("cancel", "ann", held(ops, sale)).status == 0
    held(ops, sale, "bob")
    changes = ops("history", sale, "--json").json["changes"]
    assert [change["kind"] for change in changes] == ["allocate", "hold", "cancel", "hold"]
    people = ops("history", sale, "--table").out.splitlines()
    assert [kind in line for kind, line in zip(("cancel", "hold"), people[-3:-1], strict=True)]
    assert "bob" in people[-2]
    (mine,) = ops("history", sale, "--user", "bob", "--json").json["changes"]
    assert mine["user_id"] == "bob"
    assert "The last 2 movements" in ops("history", sale, "--limit", 2).out


def test_reconcile_says_that_the_books_agree_or_where_not(
    ops: Run, sale: int, superuser: Connection[Any]
) -> None:
    held(ops, sale)
    good = ops("reconcile", sale)
    assert (good.status, good.out) == (0, f"Right: the books of activity {sale} agree.\n")
    assert ops("reconcile", "--json").json == {"agree": True, "activities": 1, "violations": []}
    superuser.execute("update seckill_private.pool_slot set held = held + 1, total = total + 1")
    for which in ([sale], []):
        bad = ops("reconcile", *which)
        assert bad.status == 1
        assert "Wrong: the books disagree" in bad.out
    told = ops("reconcile", "--json")
    assert told.status == 1
    assert {row["activity_id"] for row in told.json["violations"]} == {sale}
    assert ops("reconcile", 99).status == 2


def test_expire_goes_on_until_none_is_due(ops: Run, superuser: Connection[Any]) -> None:
    sale = ops("activity", "create", "short", "--hold", "1s", "--json").json["activity_id"]
    ops("stock", "receive", "phone", 10)
    ops("stock", "allocate", sale, "phone", 10)
    ops("activity", "open", sale)
    last = None
    for user in ("a", "b", "c", "d", "e"):
        last = ops("reserve", sale, user, "phone", "--json").json["expires_at"]
    superuser.execute("select pg_sleep_until(%s::timestamptz + interval '10 ms')", [last])
    once = ops("expire", "--once", "--batch", 2, "--json").json
    assert once == {"expired": 2, "calls": 1}
    assert ops("expire", "--batch", 2, "--json").json == {"expired": 3, "calls": 3}
    assert ops("expire").out == "No hold was due.\n"
    assert ops("reconcile", sale).status == 0


@pytest.mark.targets("18-direct")
def test_a_lost_answer_says_how_to_ask_again(ops: Run, sale: int, db: Database) -> None:
    """The server ends the call that waits for a lock: nobody can tell whether it committed."""

    def end() -> None:
        wait_for_lock(db)
        with psycopg.connect(db.admin_dsn) as killer:
            killer.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = current_database() and wait_event_type = 'Lock'"
            )

    with db.connect("operator", autocommit=False) as holder:
        holder.execute("select seckill.pause_activity(p_activity_id => %s)", [sale])
        ending = threading.Thread(target=end)
        ending.start()
        done = ops("activity", "pause", sale)
        ending.join()
    assert done.status == 4
    assert "it may have happened or not: look, then repeat it" in done.complaint
