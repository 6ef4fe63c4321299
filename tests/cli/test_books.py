"""seckill refund, confirm --batch, stock set-total, stock-at and history."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def bought(ops: Run, sale: int, user: str = "ann", *, paid: bool = True) -> int:
    """A reservation of one phone."""
    number: int = ops("reserve", sale, user, "phone", "--json").json["reservation_id"]
    if paid:
        assert ops("confirm", user, number, "--payment-ref", f"pay-{user}").status == 0
    return number


def test_refund_in_full_and_again(ops: Run, sale: int) -> None:
    number = bought(ops, sale)
    done = ops("refund", "ann", number, "--request-id", "return-1")
    assert done.out == f"refunded reservation {number}\n"
    again = ops("refund", "ann", number, "--request-id", "return-1", "--json").json
    assert (again["status"], again["replayed"]) == ("refunded", True)
    assert ops("availability", sale, "phone", "--json").json["available"] == 10
    assert ops("reserve", sale, "ann", "phone").status == 0


def test_a_refund_without_a_name_tells_the_one_it_made(ops: Run, sale: int) -> None:
    number = bought(ops, sale)
    *_, made = ops("refund", "ann", number).err.split()
    again = ops("refund", "ann", number, "--request-id", made)
    assert (again.out, again.err) == (f"refunded reservation {number}, as answered before\n", "")


def test_refund_of_lines(ops: Run, sale: int) -> None:
    assert ops("limit", "set", sale, "one-each", 3).status == 0
    number = ops("reserve", sale, "ann", "phone", 3, "--json").json["reservation_id"]
    ops("confirm", "ann", number)
    row = ops("refund", "ann", number, "--line", "phone=1", "--no-restock", "--json").json
    assert row["status"] == "partly_refunded"
    assert ops("availability", sale, "phone", "--json").json["total"] == 9
    assert ops("refund", "ann", number, "--line", "phone", "--keep-limits").status == 0
    shown = ops("reservation", "show", "ann", number, "--json").json
    assert (shown["status"], shown["quantities"]) == ("refunded", [3])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["phone=x"], "type SKU or SKU=UNITS"),
        (["=1"], "type SKU or SKU=UNITS"),
        (["phone=1", "case"], "with every --line, or with none"),
    ],
)
def test_lines_that_make_no_sense(ops: Run, sale: int, lines: list[str], said: str) -> None:
    options = [word for line in lines for word in ("--line", line)]
    done = ops("refund", "ann", bought(ops, sale), *options)
    assert done.status == 2
    assert said in done.complaint


def test_a_refund_that_the_state_forbids(ops: Run, sale: int) -> None:
    done = ops("refund", "ann", bought(ops, sale, paid=False))
    assert done.status == 2
    assert "SK006" in done.complaint


def test_a_file_of_payments(ops: Run, sale: int, tmp_path: Path) -> None:
    numbers = [bought(ops, sale, user, paid=False) for user in ("ann", "bob", "cid")]
    assert ops("cancel", "cid", numbers[2]).status == 0
    file = tmp_path / "payments.csv"
    file.write_text(
        f"ann,{numbers[0]},pay-1\n\nbob,{numbers[1]}\ncid,{numbers[2]},pay-3\nann,1,pay-4\n",
        encoding="utf-8",
    )
    done = ops("confirm", "--batch", file)
    assert done.status == 1
    assert done.out.startswith("Confirmed 2 of 4 payments.\n")
    assert "cancelled" in done.out
    assert "SK008" in done.out
    again = ops("confirm", "--batch", file, "--json").json
    assert [answer["status"] for answer in again["answers"]] == [
        "confirmed",
        "confirmed",
        "cancelled",
        "error",
    ]
    assert [answer["replayed"] for answer in again["answers"][:2]] == [True, True]


def test_a_file_that_is_none(ops: Run, sale: int, tmp_path: Path) -> None:
    file = tmp_path / "payments.csv"
    file.write_text("ann,1,x\nann;2;y\n", encoding="utf-8")
    done = ops("confirm", "--batch", file)
    assert done.status == 2
    assert "line 2: type USER,RESERVATION,PAYMENT" in done.complaint
    assert ops("confirm", "--batch", tmp_path / "none.csv").status == 3
    assert ops("confirm", "ann", 1, "--batch", file).status == 2
    assert ops("confirm", "ann").status == 2


@pytest.mark.parametrize(
    ("mode", "left", "said"),
    [
        ("drain", 2, "The pool has 2 of phone (1 as units come back); 8 went to the inventory."),
        (
            "floor",
            2,
            "The pool has 2 of phone (the rest is held or sold); 8 went to the inventory.",
        ),
        ("revoke", 1, "The pool has 1 of phone; 9 went to the inventory."),
    ],
)
def test_a_total_cut_in_mid_sale(ops: Run, sale: int, mode: str, left: int, said: str) -> None:
    bought(ops, sale)
    bought(ops, sale, "bob", paid=False)
    refused = ops("stock", "set-total", sale, "phone", 1)
    assert refused.status == 2
    assert "SK007" in refused.complaint
    assert "SK006" in ops("stock", "set-total", sale, "phone", 5, "--expected", 9).complaint
    done = ops("stock", "set-total", sale, "phone", 1, "--mode", mode, "--expected", 10)
    assert done.out.strip() == said
    assert ops("availability", sale, "phone", "--json").json["total"] == left
    again = ops("stock", "set-total", sale, "phone", left, "--mode", "reject", "--json").json
    assert again["total"] == left


def test_a_total_raised(ops: Run, sale: int) -> None:
    done = ops("stock", "set-total", sale, "phone", 15)
    assert done.out.strip() == "The pool has 15 of phone; 5 came from the inventory."
    again = ops("stock", "set-total", sale, "phone", 15)
    assert again.out.strip() == "Nothing to change: the pool has 15 of phone."


def test_the_stock_of_another_time(ops: Run, sale: int) -> None:
    before = ops("reserve", sale, "zoe", "phone", "--json").json
    assert ops("cancel", "zoe", before["reservation_id"]).status == 0
    bought(ops, sale)
    now = ops("stock-at", sale, "phone", "now", "--json").json
    assert (now["available"], now["sold"]) == (9, 1)
    then = ops("stock-at", sale, "phone", "1h", "--json").json
    assert (then["status"], then["total"]) == ("not_started", 0)
    assert "available" in ops("stock-at", sale, "phone", "now").out
    assert ops("stock-at", sale, "phone", "yesterday").status == 2
    assert "SK002" in ops("stock-at", 0, "phone", "now").complaint


def test_history_is_a_timeline(ops: Run, sale: int) -> None:
    number = bought(ops, sale)
    ops("refund", "ann", number, "--request-id", "return-1")
    out = ops("history", sale).out
    day, *lines = out.splitlines()
    assert len(day) == len("2030-01-01")
    said = [line.split("  ", 2)[2] for line in lines]
    assert said[0] == "10 phone came from the inventory, by seckill_operator"
    assert said[1] == f"ann holds 1 phone, reservation {number}"
    assert said[2] == (f"ann paid for 1 phone, reservation {number}, by seckill_operator: pay-ann")
    assert said[3].startswith(f"ann was refunded: 1 phone free again, reservation {number}, by ")
    assert "why" in ops("history", sale, "--table").out
