"""seckill limit, eligible, block, explain, ops-history, stock move and schedule."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seckill.cli import _show, _values
from seckill.cli._checks import rule_text
from seckill.cli._times import duration, duration_text
from tests.cli.conftest import Done, Run
from tests.fix_database import Database

PHONE = ("--subject", "phone=0123")


def limits(ops: Run, *words: object) -> list[dict[str, object]]:
    return ops("limit", "list", *words, "--json").json["limits"]


def row_with(done: Done, *words: str) -> str:
    """The only row of a table that has all these words."""
    rows = [line for line in done.out.splitlines() if line.startswith(" ")]
    (line,) = [line for line in rows if all(word in line for word in words)]
    return line.strip()


# --- limits


def test_a_limit_on_a_phone(ops: Run, sale: int) -> None:
    done = ops("limit", "set", sale, "by-phone", 1, "--dimension", "phone", "--actor", "olga")
    assert done.out == (
        f"Limit by-phone is set: in activity {sale} at most 1 unit per phone in the whole"
        " activity.\n"
    )
    assert ops("reserve", sale, "ann", "phone", *PHONE).status == 0
    shared = ops("reserve", sale, "bob", "phone", *PHONE)
    assert shared.status == 1
    assert shared.out.startswith("limit_exceeded: limit by-phone allows 0 more")
    missing = ops("reserve", sale, "bob", "phone", "--request-id", "x")
    assert missing.status == 2
    assert "SK001" in missing.complaint
    ops("limit", "set", sale, "by-phone", 1, "--dimension", "phone", "--optional")
    assert ops("reserve", sale, "bob", "phone").status == 0


def test_a_limit_with_everything(ops: Run, sale: int) -> None:
    done = ops(
        "limit", "set", "all", "calm", 3, "--dimension", "device", "--metric", "expired_holds",
        "--period", "1d12h", "--sku", "phone", "--time-zone", "Asia/Shanghai", "--optional",
    )  # fmt: skip
    assert done.out == (
        "Limit calm is set: in all activities at most 3 holds that ended unpaid of phone per"
        " device within 1d12h.\n"
    )
    (rule,) = [rule for rule in limits(ops) if rule["activity_id"] is None]
    assert rule == {
        "activity_id": None, "name": "calm", "dimension": "device", "metric": "expired_holds",
        "window": "rolling", "maximum": 3, "sku": "phone", "period": "1d12h",
        "time_zone": "Asia/Shanghai", "required": False,
    }  # fmt: skip
    for where in ([], [sale]):
        listed = ops("limit", "list", *where)
        row = row_with(listed, "all", "calm", "device", "rolling", "1d12h", "Asia/Shanghai")
        assert row.split()[-1] == "no"
        assert row_with(listed, "one-each").split()[-1] == "yes"
    assert "calm" in ops("activity", "show", sale).out
    assert ops("limit", "drop", "all", "calm").out == "Dropped limit calm.\n"
    assert [rule["name"] for rule in limits(ops)] == ["one-each"]


def test_a_sales_own_limit_stands_in_place_of_the_one_of_all(ops: Run, sale: int) -> None:
    other = ops("activity", "create", "other", "--json").json["activity_id"]
    ops("limit", "set", "all", "one-each", 5)
    assert [(rule["activity_id"], rule["maximum"]) for rule in limits(ops, sale)] == [(sale, 1)]
    assert [(rule["activity_id"], rule["maximum"]) for rule in limits(ops, other)] == [(None, 5)]
    assert len(limits(ops)) == 2


def test_the_window_is_rolling_where_there_is_a_period(ops: Run, sale: int) -> None:
    ops("limit", "set", sale, "a", 1, "--period", "30d")
    ops("limit", "set", sale, "b", 1, "--window", "week")
    ops("limit", "set", sale, "c", 1, "--metric", "open_holds")
    found = {rule["name"]: (rule["window"], rule["period"]) for rule in limits(ops, sale)}
    assert (found["a"], found["b"], found["c"][1]) == (("rolling", "30d"), ("week", None), None)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["one", "x", 1], "ACTIVITY 'one': type its id, or 'all'"),
        ([1, "x", "many"], "Invalid value for 'MAXIMUM'"),
        ([1, "x", 1, "--period", "1y"], "'1y' is no duration"),
    ],
)
def test_a_wrong_word_is_told_before_the_database_is_asked(
    run: Run, words: list[object], said: str
) -> None:
    done = run("limit", "set", *words, "--dsn", "host=unused")
    assert done.status == 2
    assert said in done.complaint


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("90", "1m30s"), ("36h", "1d12h"), ("2d", "2d"), ("1h30m", "1h30m"), ("0", "0s")],
)
def test_durations_are_shown_as_they_are_typed(text: str, canonical: str) -> None:
    assert duration_text(duration(text)) == canonical
    assert duration(canonical) == duration(text)


def test_a_part_of_a_second_is_shown_too() -> None:
    assert duration_text(timedelta(minutes=1, milliseconds=1500)) == "1m1.5s"


@pytest.mark.parametrize(
    ("metric", "window", "maximum", "text"),
    [
        ("units", "order", 2, "at most 2 units of phone per user in an order"),
        ("orders", "day", 1, "at most 1 order of phone per user a day"),
        ("units", "rolling", 1, "at most 1 unit of phone per user within 7d"),
        ("open_holds", "activity", 1, "at most 1 unpaid holds at a time of phone per user"),
        ("clicks", "fortnight", 9, "at most 9 clicks of phone per user per fortnight"),
    ],
)
def test_a_rule_in_words(metric: str, window: str, maximum: int, text: str) -> None:
    rule = {
        "metric": metric, "window": window, "maximum": maximum, "sku": "phone",
        "dimension": "user", "period": "7d",
    }  # fmt: skip
    assert rule_text(rule) == text


def test_usage_of_a_buyer(ops: Run, sale: int) -> None:
    ops("limit", "set", sale, "by-phone", 3, "--dimension", "phone", "--window", "day")
    ops("reserve", sale, "ann", "phone", *PHONE)
    (own,) = ops("limit", "usage", sale, "ann", "--json").json["checks"]
    assert (own["limit_name"], own["used"], own["maximum"]) == ("one-each", 1, 1)
    shown = ops("limit", "usage", sale, "bob", *PHONE)
    assert shown.status == 0
    row = row_with(shown, "by-phone", "at most 3 units per phone a day")
    assert row.split("a day")[1].split()[:3] == ["1", "3", "2"]
    ops("limit", "drop", sale, "one-each")
    assert ops("limit", "usage", sale, "ann").out.startswith("No limit of activity")
    assert ops("limit", "usage", 99, "ann").status == 2


# --- explain


def test_explain_reads_as_an_answer(ops: Run, sale: int) -> None:
    ops("limit", "set", sale, "by-phone", 2, "--dimension", "phone", "--window", "day")
    free = ops("explain", sale, "ann", "phone", *PHONE)
    assert free.status == 0
    assert free.out.endswith("Yes: 1 of phone would be held now.\n")
    assert row_with(free, "The sale is open").startswith("passed")
    assert "0 of 10 taken, 10 left" in row_with(free, "There is stock for 1 of phone")
    assert ops("availability", sale, "phone", "--json").json["available"] == 10
    assert ops("reserve", sale, "ann", "phone", *PHONE, "--request-id", "click").status == 0
    refused = ops("explain", sale, "ann", "phone", *PHONE)
    assert refused.status == 1
    row = row_with(refused, "Limit one-each does not allow it: at most 1 unit per user in the")
    assert row.startswith("failed")
    assert "1 of 1 used, 0 left" in row
    assert "as soon as an unpaid hold is given back" in row
    ops("limit", "set", sale, "one-each", 1, "--window", "day")
    refused_today = ops("explain", sale, "ann", "phone", *PHONE)
    row = row_with(refused_today, "Limit one-each does not allow it: at most 1 unit per user a day")
    assert re.search(r"given back or ends, at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* at the latest", row)
    assert row_with(refused, "by-phone").startswith("passed")
    assert " at 20" in row_with(refused, "Limit by-phone allows it")
    last = refused.out.splitlines()[-1]
    assert last.startswith("No: limit one-each does not allow it: at most 1 unit per user in")
    assert ". When that changes: as soon as an unpaid hold is given back" in last
    told = ops("explain", sale, "ann", "phone", *PHONE, "--json")
    assert (told.status, told.json["ok"]) == (1, False)
    names = [check["check_name"] for check in told.json["checks"]]
    assert names == ["sale", "stock", "limit", "limit"]


def test_explain_says_what_would_still_be_allowed(ops: Run, sale: int) -> None:
    ops("limit", "set", sale, "one-each", 2)
    told = ops("explain", sale, "ann", "phone", 3).out.splitlines()[-1]
    assert told.endswith(" It would allow 2. When that changes: not by itself.")
    told = ops("explain", sale, "ann", "phone", 11).out.splitlines()[-1]
    assert told.startswith("No: there is not enough stock for 11 of phone. It would allow 10.")


def test_explain_knows_a_click(ops: Run, sale: int) -> None:
    click = (sale, "ann", "phone", "--request-id", "click")
    assert ops("reserve", *click).status == 0
    known = ops("explain", *click)
    assert known.status == 0
    assert known.out.endswith("gets the same answer again.\n")
    assert ops("explain", sale, "ann", "phone", 2, "--request-id", "click").status == 2


def test_explain_of_a_sale_that_does_not_sell(ops: Run, sale: int) -> None:
    ops("activity", "pause", sale)
    paused = ops("explain", sale, "ann", "phone")
    assert "later, and nobody has said when" in row_with(paused, "failed", "The sale is paused")
    ops("activity", "close", sale, "--yes")
    closed = ops("explain", sale, "ann", "phone")
    assert "not by itself" in row_with(closed, "failed", "The sale is over")
    ahead = ops("activity", "create", "ahead", "--starts", "+1h", "--json").json
    ops("stock", "allocate", ahead["activity_id"], "phone", 1)
    ops("activity", "open", ahead["activity_id"])
    starts = datetime.fromisoformat(ahead["starts_at"]).astimezone()
    early = ops("explain", ahead["activity_id"], "ann", "phone")
    assert f"at {starts:%Y-%m-%d %H:%M:%S}" in row_with(early, "failed", "has not begun")


def test_explain_of_lists(ops: Run, sale: int) -> None:
    ops("eligible", "require", sale, "phone")
    ops("block", "add", sale, "user", "ann")
    said = ops("explain", sale, "ann", "phone", *PHONE)
    assert row_with(said, "This buyer is blocked").startswith("failed")
    assert row_with(said, "This phone is not on the list of those who may buy").startswith("failed")
    assert said.out.endswith("No: this buyer is blocked. When that changes: not by itself.\n")
    ops("block", "remove", sale, "user", "ann")
    ops("eligible", "add", sale, "phone", "0123")
    said = ops("explain", sale, "ann", "phone", *PHONE)
    assert row_with(said, "This buyer is not blocked").startswith("passed")
    assert row_with(said, "This phone is on the list of those who may buy").startswith("passed")


def test_a_buyer_may_ask_for_an_explanation(run: Run, sale: int, db: Database) -> None:
    assert run("explain", sale, "ann", "phone", "--dsn", db.dsn("buyer")).status == 0
    assert run("limit", "usage", sale, "ann", "--dsn", db.dsn("buyer")).status == 0


# --- several lines


def test_several_lines_are_one_reservation(ops: Run, sale: int) -> None:
    ops("limit", "drop", sale, "one-each")
    ops("stock", "receive", "case", 5)
    ops("stock", "allocate", sale, "case", 5)
    order = (sale, "ann", "phone", 1, "--line", "case=2", "--line", "phone=1")
    first = ops("reserve", *order, "--request-id", "click")
    assert first.status == 0
    assert first.out.startswith("held 1 of phone, 2 of case, 1 of phone for ann until")
    other_order = (sale, "ann", "--line", "phone=2", "--line", "case=2")
    again = ops("reserve", *other_order, "--request-id", "click", "--json").json
    assert again["replayed"] is True
    (row,) = ops("reservation", "list", "ann", "--json").json["reservations"]
    assert (row["skus"], row["quantities"]) == (["case", "phone"], [2, 2])
    short = ops("reserve", sale, "bob", "phone", "--line", "case=4")
    assert short.status == 1
    assert short.out.startswith("sold_out: 3 of case left")


@pytest.mark.parametrize("line", ["case", "case=", "=2", "case=two", "case=1.5"])
def test_a_line_that_is_none(run: Run, line: str) -> None:
    done = run("reserve", 1, "ann", "--line", line, "--dsn", "host=unused")
    assert done.status == 2
    assert "type SKU=QUANTITY" in done.complaint


def test_a_reservation_of_nothing_is_wrong_usage(run: Run) -> None:
    assert "give SKU, or --line" in run("reserve", 1, "ann", "--dsn", "host=unused").complaint


def test_a_dimension_is_given_once(run: Run) -> None:
    twice = ("--subject", "phone=1", "--subject", "phone=2")
    done = run("reserve", 1, "ann", "phone", *twice, "--dsn", "host=unused")
    assert done.status == 2
    assert done.complaint.endswith("--subject phone: a buyer has one, not two")


# --- lists


def test_who_may_buy(ops: Run, sale: int) -> None:
    required = ops("eligible", "require", sale, "user")
    assert required.out == f"Activity {sale} sells only where the user is on the list.\n"
    assert ops("reserve", sale, "ann", "phone", "--json").json["status"] == "not_eligible"
    added = ops("eligible", "add", sale, "user", "ann", "bob", "--actor", "olga")
    assert added.out == (
        f"Added 2 of 2 user values to the list of who may buy of activity {sale}.\n"
    )
    again = ops("eligible", "add", sale, "user", "bob", "eve")
    assert again.out.startswith("Added 1 of 2 user values")
    assert "stood like this already" in again.out
    assert ops("reserve", sale, "ann", "phone").status == 0
    removed = ops("eligible", "remove", sale, "user", "bob", "--json").json
    assert removed == {
        "status": "removed", "activity_id": sale, "dimension": "user", "values": 1, "changed": 1,
    }  # fmt: skip
    assert ops("reserve", sale, "bob", "phone").status == 1
    off = ops("eligible", "require", sale, "user", "--off")
    assert off.out == f"Activity {sale} no longer asks whether the user is on the list.\n"
    assert ops("reserve", sale, "bob", "phone").status == 0


def test_who_may_not_buy(ops: Run, sale: int) -> None:
    assert ops("block", "add", sale, "user", "ann").out.startswith("Blocked 1 of 1 user values")
    assert ops("reserve", sale, "ann", "phone", "--json").json["status"] == "not_eligible"
    lifted = ops("block", "remove", sale, "user", "ann")
    assert lifted.out.startswith("Unblocked 1 of 1 user values")
    assert ops("reserve", sale, "ann", "phone").status == 0


def load(ops: Run, sale: int, text: str | bytes, path: Path, *options: object) -> Done:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return ops("eligible", "load", sale, "phone", path, *options)


def is_listed(ops: Run, sale: int, phone: str) -> bool:
    """Whether a phone is on the list: it was if taking it off changes the list."""
    return ops("eligible", "remove", sale, "phone", phone, "--json").json["changed"] == 1


def test_a_file_of_many_values(ops: Run, sale: int, tmp_path: Path) -> None:
    many = "".join(f"{n}\n" for n in range(25_000))
    done = load(ops, sale, many, tmp_path / "many.txt", "--json")
    assert done.json == {
        "status": "added", "activity_id": sale, "dimension": "phone",
        "values": 25_000, "changed": 25_000,
    }  # fmt: skip
    assert done.err == ""
    again = load(ops, sale, many + "25000\n", tmp_path / "many.txt")
    assert again.out.startswith("Added 1 of 25001 phone values")
    (entry, *_) = ops("ops-history", sale, "--json").json["entries"][::-1]
    assert entry["call"] == "add_eligible"
    assert "24999" not in str(entry["arguments"])


@pytest.mark.parametrize(
    ("text", "options"),
    [
        (b"\xef\xbb\xbf 0123 \r\n\r\n0456", []),
        ("0123\n0456\n", []),
        ("id,phone\n1,0123\n2,\n\n3,0456\n", ["--column", "phone"]),
        ('name;phone\n"a;b\nc";0123\nd;0456\n', ["--column", "phone", "--delimiter", ";"]),
        ("1\t0123\n2\t0456\n", ["--column", "2", "--delimiter", "tab"]),
        ("phone\n0123\n0456\n", ["--column", 1, "--skip", 1]),
    ],
)
def test_files_as_programs_write_them(
    ops: Run, sale: int, tmp_path: Path, text: str | bytes, options: list[object]
) -> None:
    done = load(ops, sale, text, tmp_path / "list", *options)
    assert done.out.startswith("Added 2 of 2 phone values")
    assert is_listed(ops, sale, "0123")
    assert is_listed(ops, sale, "0456")


@pytest.mark.parametrize(
    ("text", "options", "said"),
    [
        (b"0123\n\xff\n", [], "line 2 is not UTF-8"),
        ("1,0123\n2\n", ["--column", "2"], "line 2 has no column 2"),
        ("1,0123\n", ["--column", "0"], "line 1 has no column 0"),
        ('1,"0123\n', ["--column", "2"], "line 1: unexpected end of data"),
        ("id,phone\n1,0123\n", ["--column", "fone"], "the first row has id, phone"),
        ("0123\n", ["--column", "1", "--delimiter", ";;"], "type one character, or tab"),
        ("\0\n", [], "NUL"),
    ],
)
def test_files_that_are_wrong(
    ops: Run, sale: int, tmp_path: Path, text: str | bytes, options: list[object], said: str
) -> None:
    done = load(ops, sale, text, tmp_path / "list", *options)
    assert done.status == 2
    assert said in done.complaint
    assert not is_listed(ops, sale, "0123")


def test_a_load_that_stops_says_how_to_go_on(ops: Run, sale: int, tmp_path: Path) -> None:
    path = tmp_path / "list"
    lines = [str(n) for n in range(15_000)]
    lines[12_000] = "9" * 201
    stopped = load(ops, sale, "\n".join(lines), path)
    assert stopped.status == 2
    assert "SK001" in stopped.complaint
    assert stopped.complaint.endswith(
        "; 10000 values are in; the run ended at lines 10001 to 15000; run it again, or go on with"
        " --skip 10000"
    )
    lines[12_000] = "9"
    resumed = load(ops, sale, "\n".join(lines), path, "--skip", 10_000)
    assert resumed.out.startswith("Added 4999 of 5000 phone values")


def test_an_empty_file_changes_nothing(ops: Run, sale: int, tmp_path: Path) -> None:
    done = load(ops, sale, "\n \n", tmp_path / "list")
    assert (done.status, done.out) == (0, "There was no value; nothing changed.\n")
    assert load(ops, sale, "", tmp_path / "list", "--json").json["values"] == 0
    for path, said in ((tmp_path / "none", "No such file"), (tmp_path, "Is a directory")):
        wrong = ops("eligible", "load", sale, "phone", path)
        assert wrong.status == 3
        assert said in wrong.complaint


def test_values_that_are_piped_in(db: Database, ops: Run, sale: int) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "seckill", "block", "load", str(sale), "user", "-"],
        env={"SECKILL_DSN": db.dsn("operator")},
        input="mallory\neve\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Blocked 2 of 2 user values")
    assert ops("reserve", sale, "eve", "phone").status == 1


def test_batches_know_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_values, "BATCH", 2)
    path = tmp_path / "list"
    path.write_text("a\n\nb\nc\nd\n\n\ne", "utf-8")
    source = _values.Source(str(path), None, ",", 0)
    found = [
        (batch.values, batch.first_line, batch.last_line, batch.lines)
        for batch in _values.batches(source, str)
    ]
    assert found == [(["a", "b"], 1, 3, 3), (["c", "d"], 4, 5, 2), (["e"], 8, 8, 3)]
    assert _values.lines_in(source) == 8
    assert [list(part) for part in _values.split("abc")] == [["a", "b"], ["c"]]


def test_a_load_shows_how_far_it_got(
    ops: Run, sale: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_show, "_GRACE_S", 0.0)
    monkeypatch.setattr(sys.stderr.__class__, "isatty", lambda _self: True, raising=False)
    many = "".join(f"{n}\n" for n in range(30_000))
    done = load(ops, sale, many, tmp_path / "list")
    assert done.status == 0
    assert "loading" in done.err
    assert "30000/30001" in done.err or "30001/30001" in done.err


# --- stock


def test_stock_moves_between_regions(ops: Run, sale: int) -> None:
    move = ("stock", "move", sale, "phone", 4, "--from", "*", "--to", "north")
    assert "SK003" in ops(*move, "--request-id", "early").complaint
    ops("stock", "allocate", sale, "phone", 1, "--region", "north")
    done = ops(*move, "--request-id", "monday", "--actor", "olga")
    assert done.status == 0
    assert done.out.startswith("Moved 4 of phone from region * to north;")
    assert done.err == ""
    again = ops(*move, "--request-id", "monday")
    assert "before, nothing changed" in again.out
    pools = ops("stock", "show", "--activity", sale, "--json").json["pools"]
    assert [(pool["region"], pool["total"]) for pool in pools] == [("*", 6), ("north", 5)]
    short = ops("stock", "move", sale, "phone", 7, "--from", "*", "--to", "north", "--json")
    assert short.status == 2
    assert "SK007" in short.err
    assert ops("reconcile", sale).status == 0


def test_a_pool_is_spread_over_slots(ops: Run, sale: int) -> None:
    spread = ops("stock", "slots", sale, "phone", 4, "--actor", "olga")
    assert spread.out == "The 10 units of phone are spread over 4 slots.\n"
    assert "Nothing to change" in ops("stock", "slots", sale, "phone", 4).out
    assert "slots" in ops("stock", "show", "--activity", sale).out
    shown = ops("stock", "show", "--activity", sale, "--json").json["pools"]
    assert [pool["slots"] for pool in shown if pool["region"] == "*"] == [4]
    again = ops("stock", "slots", sale, "phone", 2, "--json").json
    assert (again["status"], again["quantity"], again["replayed"]) == ("set", 2, False)
    assert ops("availability", sale, "phone", "--json").json["available"] == 10
    assert "SK001" in ops("stock", "slots", sale, "phone", 65).complaint
    assert "SK003" in ops("stock", "slots", sale, "phone", 2, "--region", "north").complaint
    ops("stock", "allocate", sale, "phone", 3, "--region", "north", "--slots", 3)
    there = ops("stock", "slots", sale, "phone", 3, "--region", "north")
    assert there.out == "Nothing to change: the pool of phone has 3 slots.\n"
    assert ops("reconcile", sale).status == 0


def test_units_go_on_sale_later(ops: Run, sale: int) -> None:
    soon = datetime.now(UTC) + timedelta(hours=2)
    done = ops("stock", "schedule", sale, "phone", "3@+1h", f"4@{soon:%Y-%m-%dT%H:%M}")
    assert done.status == 0
    assert done.out.startswith("Schedule of phone in region * is set: 3 at ")
    assert ops("availability", sale, "phone", "--json").json["available"] == 3
    refused = ops("explain", sale, "ann", "phone", 5)
    row = row_with(refused, "failed", "There is not enough stock for 5 of phone")
    assert "0 of 10 taken, 3 left, 7 released later" in row
    assert " at 20" in row
    assert ops("stock", "schedule", sale, "phone", "11@+1h").status == 2
    released = ops("stock", "schedule", sale, "phone", "--release-all", "--json")
    assert released.json["status"] == "scheduled"
    assert ops("availability", sale, "phone", "--json").json["available"] == 10
    assert ops("stock", "schedule", sale, "phone", "3@-1h").status == 0
    assert ops("availability", sale, "phone", "--json").json["available"] == 10


def test_a_schedule_is_in_the_sales_zone(ops: Run) -> None:
    sale = ops("activity", "create", "x", "--time-zone", "Asia/Shanghai", "--json").json[
        "activity_id"
    ]
    ops("stock", "receive", "phone", 5)
    ops("stock", "allocate", sale, "phone", 5)
    ops("stock", "schedule", sale, "phone", "2@2099-11-11T20:00")
    (entry,) = ops("ops-history", sale, "--limit", 1, "--json").json["entries"]
    assert "2099-11-11T12:00:00" in entry["arguments"]["release_at"][0]  # in UTC


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "give QUANTITY@TIME, or --release-all"),
        (["3@+1h", "--release-all"], "give QUANTITY@TIME, or --release-all"),
        (["3"], "type QUANTITY@TIME"),
        (["@+1h"], "type QUANTITY@TIME"),
        (["x@+1h"], "type QUANTITY@TIME"),
    ],
)
def test_a_release_that_is_none(run: Run, words: list[str], said: str) -> None:
    done = run("stock", "schedule", 1, "phone", *words, "--dsn", "host=unused")
    assert done.status == 2
    assert said in done.complaint


# --- the journal


def test_who_changed_what(ops: Run, sale: int) -> None:
    ops("limit", "set", sale, "one-each", 2, "--actor", "olga")
    ops("limit", "drop", sale, "one-each", "--actor", "oleg")
    shown = ops("ops-history", sale)
    assert shown.status == 0
    *_, changed, dropped = [line for line in shown.out.splitlines() if "_limit" in line]
    assert "olga" in changed
    assert "set_limit" in changed
    assert "maximum=2" in changed
    assert "oleg" in dropped
    assert "drop_limit" in dropped
    assert "activity_id=" not in shown.out
    assert "seckill_operator" in dropped
    entries = ops("ops-history", "--json").json["entries"]
    assert "receive_stock" in [entry["call"] for entry in entries]
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
    assert "The last 1 calls" in ops("ops-history", sale, "--limit", 1).out
    assert ops("ops-history", 99).status == 2


def test_nobody_has_changed_anything(ops: Run) -> None:
    assert ops("ops-history").out == "Nobody has changed anything yet.\n"


def test_a_reader_sees_the_journal(run: Run, sale: int, db: Database) -> None:
    assert run("ops-history", sale, "--dsn", db.dsn("reader")).status == 0
