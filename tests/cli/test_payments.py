"""seckill confirm --batch: files as people and programs write them, and what a failure leaves."""

from __future__ import annotations

from pathlib import Path

import pytest

from seckill.cli import pay
from tests.cli.conftest import Run


def held(ops: Run, sale: int, *users: str) -> list[int]:
    """A reservation of one phone each."""
    return [ops("reserve", sale, user, "phone", "--json").json["reservation_id"] for user in users]


def written(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "payments.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_file_of_payments(ops: Run, sale: int, tmp_path: Path) -> None:
    ann, bob = held(ops, sale, "ann", "bob")
    path = written(tmp_path, f"ann,{ann},pay-1\n\nbob,{bob}\nbob,{bob + 1000},pay-3\n")
    done = ops("confirm", "--batch", path)
    assert done.status == 1
    assert done.out.startswith("Confirmed 2 of 3 payments.\n")
    assert "SK008" in done.out
    again = ops("confirm", "--batch", path, "--json").json
    assert [one["replayed"] for one in again["answers"]][:2] == [True, True]
    (row,) = ops("reservation", "list", "ann", "--json").json["reservations"]
    assert row["payment_ref"] == "pay-1"


def test_a_file_as_a_spreadsheet_writes_it(ops: Run, sale: int, tmp_path: Path) -> None:
    """With a mark of the byte order, and blanks around the values."""
    (ann,) = held(ops, sale, "ann")
    path = written(tmp_path, f"\ufeff ann , {ann} , pay-1 \r\n,,\r\n")
    done = ops("confirm", "--batch", path, "--json")
    assert (done.status, done.json["confirmed"]) == (0, True)
    (row,) = ops("reservation", "list", "ann", "--json").json["reservations"]
    assert row["payment_ref"] == "pay-1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user,reservation,payment\nann,1,p\n", "line 1 is a header: leave it out"),
        ("ann,1,p\nuser,reservation,payment\n", "line 2: type USER,RESERVATION,PAYMENT"),
        ("ann,12x,p\n", "line 1: type USER,RESERVATION,PAYMENT"),
        ("ann\n", "line 1: type USER,RESERVATION,PAYMENT"),
        (" ,1,p\n", "line 1: no USER"),
        ("ann,1,p\nJos\u00e9,2,p\n".encode("latin-1"), "line 2 is not UTF-8"),
        ('ann,1,p\n"ann"x,2,p\n', "line 2: "),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(
    ops: Run, tmp_path: Path, text: str | bytes, said: str
) -> None:
    path = written(tmp_path, text)
    done = ops("confirm", "--batch", path)
    assert done.status == 2
    assert f"{path}, {said}" in done.complaint


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_what_was_answered_before_a_failure_is_told(
    ops: Run, sale: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    """The third call has a number that no reservation can have, so the database refuses it."""
    monkeypatch.setattr(pay, "_BATCH", 2)
    ann, bob, cat = held(ops, sale, "ann", "bob", "cat")
    assert ops("cancel", "bob", bob).status == 0
    path = written(tmp_path, f"ann,{ann}\nbob,{bob},pay-2\ncat,{cat}\ncat,{cat}\ndan,{10**30}\n")
    done = ops("confirm", "--batch", path, *form)
    assert done.status == 2
    assert "4 of 5 payments were answered, as told; give the file again" in done.err
    if form:
        statuses = [one["status"] for one in done.json["answers"]]
        assert (done.json["confirmed"], statuses) == (
            False,
            ["confirmed", "cancelled", "confirmed", "confirmed"],
        )
    else:
        assert done.out.startswith("Confirmed 3 of 5 payments.\n")
        assert "cancelled" in done.out
