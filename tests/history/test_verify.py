"""The history checker agrees with honest books, and sees each way in which they may lie."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from seckill.errors import InvalidArgument, OutcomeUnknown
from seckill.history import (
    Books,
    HistoryError,
    Recorder,
    Verdict,
    prepare,
    read_books,
    read_history,
    verify,
)
from tests.cli.conftest import Run
from tests.fix_database import Database
from tests.fix_sale import Sale, cancel, confirm, open_sale, reserve


@dataclass(slots=True)
class Shop:
    """A sale whose buyers are recorded."""

    db: Database
    sale: Sale
    buyer: Connection[Any]
    superuser: Connection[Any]
    directory: Path
    recorder: Recorder

    def ask(self, user: str, request_id: UUID, *, answered: bool = True, units: int = 1) -> Any:
        """Reserve; `answered=False`: the answer never came."""
        with self.recorder.reserve(
            activity_id=self.sale.activity_id,
            user_id=user,
            lines={self.sale.sku: units},
            request_id=request_id,
        ) as entry:
            answer = reserve(
                self.buyer, self.sale, user=user, request_id=request_id, quantity=units
            )
            if answered:
                entry.answered(answer)
            else:
                entry.unknown("the connection was lost")
        return answer

    def pay(self, user: str, reservation_id: int, *, answered: bool = True) -> Any:
        with self.recorder.confirm(
            user_id=user, reservation_id=reservation_id, payment_ref="bank"
        ) as entry:
            answer = confirm(self.buyer, reservation_id, user=user, payment_ref="bank")
            if answered:
                entry.answered(answer)
            else:
                entry.unknown("the connection was lost")
        return answer

    def cancel(self, user: str, reservation_id: int) -> None:
        with self.recorder.cancel(user_id=user, reservation_id=reservation_id) as entry:
            entry.answered(cancel(self.buyer, reservation_id, user=user))

    def verdict(self) -> Verdict:
        return verify(self.directory, self.db.admin_dsn)

    def lie(self, statement: str) -> None:
        """Change the books behind everybody's back."""
        self.superuser.execute("set session_replication_role = replica")
        self.superuser.execute(statement.encode())


@pytest.fixture
def shop(db: Database, operator: Any, buyer: Any, superuser: Any, tmp_path: Path) -> Shop:
    sale = open_sale(operator, units=4, limit=2)
    directory = prepare(tmp_path / "history")
    return Shop(db, sale, buyer, superuser, directory, Recorder(directory, "test", seed=1))


@pytest.fixture
def evening(shop: Shop) -> Shop:
    """Ann pays, ben cancels, cat holds, dan is refused; eve's hold and payment had no answer."""
    shop.pay("ann", shop.ask("ann", uuid4()).reservation_id)
    shop.cancel("ben", shop.ask("ben", uuid4()).reservation_id)
    shop.ask("cat", uuid4(), units=2)
    assert shop.ask("dan", uuid4(), units=2).status == "sold_out"
    request = uuid4()
    shop.ask("eve", request, answered=False)
    again = shop.ask("eve", request)
    assert again.replayed
    shop.pay("eve", again.reservation_id, answered=False)
    return shop


def test_honest_books_agree(evening: Shop) -> None:
    verdict = evening.verdict()
    assert verdict.ok, verdict
    assert (verdict.calls, verdict.answered, verdict.failed, verdict.unknown) == (9, 7, 0, 2)
    assert verdict.settled == {"answered": 1, "found": 1, "absent": 0}
    assert verdict.acknowledged == 6
    assert verdict.paid == 1


def test_other_sales_are_not_looked_at(evening: Shop, operator: Any) -> None:
    other = open_sale(operator, units=1)
    reserve(evening.buyer, other)
    assert evening.verdict().ok


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("delete from seckill_private.reservation where user_id = 'cat'", "lost"),
        ("update seckill_private.reservation set user_id = 'eve' where user_id = 'cat'", "lost"),
        (
            "update seckill_private.reservation set request_id = gen_random_uuid()"
            " where user_id = 'cat'",
            "lost",
        ),
        (
            "update seckill_private.reservation set state = 'expired' where user_id = 'ann'",
            "lost",
        ),
        ("delete from seckill_private.movement where user_id = 'ann' and target = 'sold'", "lost"),
        (
            "update seckill_private.reservation set state = 'held', resolved_at = null"
            " where user_id = 'ben'",
            "lost",
        ),
        (
            "update seckill_private.reservation set state = 'confirmed', resolved_at = now()"
            " where user_id = 'cat'",
            "unexpected",
        ),
        (
            "update seckill_private.reservation set state = 'cancelled', resolved_at = now()"
            " where user_id = 'cat'",
            "unexpected",
        ),
        ("update seckill_private.reservation set quantities = '{1}' where user_id = 'cat'",
         "unexpected"),
        ("update seckill_private.reservation set payment_ref = 'x' where user_id = 'ann'",
         "unexpected"),
        (
            """
            insert into seckill_private.reservation
            select (jsonb_populate_record(r, jsonb_build_object(
                      'request_id', gen_random_uuid(), 'user_id', 'mallory',
                      'reservation_id', r.reservation_id + 1000))).*
              from seckill_private.reservation as r where user_id = 'cat'
            """,
            "unexpected",
        ),
        (
            """
            insert into seckill_private.reservation
            select (jsonb_populate_record(r, jsonb_build_object(
                      'shard', 7, 'reservation_id', r.reservation_id + 1000))).*
              from seckill_private.reservation as r where user_id = 'cat'
            """,
            "duplicated",
        ),
        (
            """
            insert into seckill_private.movement
            select (jsonb_populate_record(m, jsonb_build_object(
                      'movement_id', m.movement_id + 1000, 'version', m.version + 1000))).*
              from seckill_private.movement as m where user_id = 'ann' and target = 'sold'
            """,
            "duplicated",
        ),
        (
            """
            insert into seckill_private.movement
            select (jsonb_populate_record(m, jsonb_build_object(
                      'movement_id', m.movement_id + 1000, 'version', m.version + 1000))).*
              from seckill_private.movement as m where user_id = 'ben' and source = 'held'
            """,
            "duplicated",
        ),
        ("update seckill_private.movement set quantity = 3 where source = 'inventory'",
         "oversold"),
        ("update seckill_private.pool_slot set sold = sold + 1, total = total + 1", "drift"),
    ],
)  # fmt: skip
def test_each_lie_is_seen(evening: Shop, statement: str, found: str) -> None:
    evening.lie(statement)
    verdict = evening.verdict()
    assert not verdict.ok
    assert getattr(verdict, found), verdict


def test_a_refused_purchase_must_not_be_in_the_books(shop: Shop) -> None:
    request = uuid4()
    with shop.recorder.reserve(
        activity_id=shop.sale.activity_id,
        user_id="ann",
        lines={shop.sale.sku: 1},
        request_id=request,
    ) as entry:
        reserve(shop.buyer, shop.sale, user="ann", request_id=request)
        entry.failed("no connection")
    (line,) = shop.verdict().unexpected
    assert "each attempt was refused: no connection" in line


def test_two_answers_to_one_request(shop: Shop) -> None:
    request = uuid4()
    shop.ask("ann", request)
    other = shop.ask("ann", uuid4())
    with shop.recorder.reserve(
        activity_id=shop.sale.activity_id,
        user_id="ann",
        lines={shop.sale.sku: 1},
        request_id=request,
    ) as entry:
        entry.answered(other)
    verdict = shop.verdict()
    assert len(verdict.duplicated) == 2, "two answers to one request, one answer to two requests"


def test_errors_say_what_is_known(shop: Shop) -> None:
    def fails(error: BaseException) -> None:
        with pytest.raises(type(error)):
            with shop.recorder.cancel(user_id="ann", reservation_id=1):
                raise error

    fails(InvalidArgument("no"))
    fails(OutcomeUnknown("gone"))
    fails(KeyboardInterrupt())
    with shop.recorder.cancel(user_id="ann", reservation_id=1):
        pass
    outcomes = [attempt.outcome for attempt in read_history(shop.directory)]
    assert outcomes == ["failed", "unknown", "unknown", "unknown"]


def test_what_was_not_done_is_told_from_what_was(shop: Shop) -> None:
    with shop.recorder.reserve(
        activity_id=shop.sale.activity_id, user_id="ann", lines={"phone": 1}, request_id=uuid4()
    ):
        pass
    verdict = shop.verdict()
    assert verdict.ok
    assert verdict.settled == {"answered": 0, "found": 0, "absent": 1}


def test_the_books_beside_the_history_are_the_same(evening: Shop) -> None:
    books = read_books(evening.db.admin_dsn, [evening.sale.activity_id])
    with pytest.raises(HistoryError, match="give --dsn"):
        verify(evening.directory)
    books.save(evening.directory)
    assert Books.load(evening.directory) == books
    assert verify(evening.directory) == evening.verdict()


def test_a_killed_process_leaves_what_it_had_sent(shop: Shop) -> None:
    program = f"""
import os, signal
from pathlib import Path
from seckill.history import Recorder
entry = Recorder(Path({str(shop.directory)!r}), "victim").cancel(user_id="x", reservation_id=9)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    (attempt,) = read_history(shop.directory)
    assert (attempt.call, attempt.outcome, attempt.error) == (
        "cancel",
        "unknown",
        "its process ended first",
    )


def test_a_line_that_was_cut_off_is_left_out(shop: Shop) -> None:
    shop.ask("ann", uuid4())
    (file,) = shop.directory.glob("*.jsonl")
    with file.open("a") as lines:
        lines.write('{"at": 1, "event": "inv')
    assert len(read_history(shop.directory)) == 1
    with file.open("a") as lines:
        lines.write('oke"}\n')
    with pytest.raises(HistoryError, match="no line of a history"):
        read_history(shop.directory)


def test_a_directory_is_one_history(shop: Shop, tmp_path: Path) -> None:
    with pytest.raises(FileExistsError, match="not empty"):
        prepare(shop.directory)
    with pytest.raises(HistoryError, match="no such directory"):
        read_history(tmp_path / "nowhere")
    with pytest.raises(HistoryError, match="no history"):
        read_history(prepare(tmp_path / "new"))


# --- the command


def test_the_command_says_right_and_wrong(evening: Shop, run: Run) -> None:
    done = run("verify", evening.directory, "--dsn", evening.db.admin_dsn)
    assert done.status == 0, done.err
    assert re.search(r"lost: acknowledged, not in the books +│ +✓ 0 │", done.out)
    assert "✗" not in done.out
    assert "settled by the answer to a repeat" in done.out
    evening.lie("delete from seckill_private.reservation where user_id = 'cat'")
    done = run("verify", evening.directory, "--dsn", evening.db.admin_dsn)
    assert done.status == 1
    assert "✗ 1" in done.out
    assert "not there, was held" in done.out


def test_the_command_says_it_to_programs(evening: Shop, run: Run) -> None:
    done = run("verify", evening.directory, "--dsn", evening.db.admin_dsn, "--json")
    assert done.status == 0
    assert done.json["ok"] is True
    assert done.json["calls"] == 9
    assert done.json["settled"] == {"answered": 1, "found": 1, "absent": 0}
    assert done.json["lost"] == []


@pytest.mark.parametrize("make", [lambda path: None, lambda path: path.mkdir()])
def test_the_command_needs_a_history(run: Run, tmp_path: Path, make: Callable[..., None]) -> None:
    make(tmp_path / "crowd")
    done = run("verify", tmp_path / "crowd")
    assert done.status == 2
    assert "crowd" in done.complaint


def test_the_name_of_a_buyer_is_text(shop: Shop, run: Run) -> None:
    shop.ask("ann", uuid4())
    shop.lie("update seckill_private.reservation set user_id = '[/red]'")
    done = run("verify", shop.directory, "--dsn", shop.db.admin_dsn)
    assert (done.status, done.err) == (1, "")
    assert "nobody asked for it as [/red] with" in done.out
