"""`seckill replay`: what it reads, what it writes, and that it may be run again."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path
from uuid import UUID, uuid4

import psutil
import pytest

from seckill import replay
from seckill.replay import BadFile, Purchase, read_log
from seckill.retry import NO_RETRY
from tests.cli.conftest import Run
from tests.fix_database import Database, wait_until
from tests.fix_sale import add_units, open_sale, violations

SMALL = """\
at,user_id,sku,quantity
2026-11-11,ann,phone,2
2026-11-11,ben,phone,2
2026-11-12,ann,phone,1
2026-11-12,cat,phone,3
2026-11-12,dan,phone,1
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    path.write_text(SMALL, encoding="utf-8")
    return path


def written(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "written.csv"
    path.write_text(text, encoding="utf-8")
    return path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# --- reading


def test_columns_may_stand_in_any_order_and_others_are_dimensions(tmp_path: Path) -> None:
    request_id = uuid4()
    path = written(
        "\ufeffquantity,phone,user_id,request_id,sku,region,device\n"
        f"3,555-0100,ann,{request_id},phone,north,\n"
        "\n"
        '1,,"ben, the second",,phone,,d-1\n',
        tmp_path,
    )
    assert read_log(path) == [
        Purchase(2, "ann", "phone", 3, "north", request_id, {"phone": "555-0100"}),
        Purchase(4, "ben, the second", "phone", 1, "*", None, {"device": "d-1"}),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column user_id, sku, quantity in the first line"),
        ("user_id,sku\n", "no column quantity in the first line"),
        ("user_id,sku,quantity,sku\n", "a column of the first line has no name of its own"),
        ("user_id,sku,quantity,\n", "a column of the first line has no name of its own"),
        ("user_id,sku,quantity\nann,phone,1\nben,phone\n", "line 3: 2 cells, the first line has 3"),
        ("user_id,sku,quantity\nann,phone,two\n", "line 2: quantity 'two' is no whole number"),
        (
            "user_id,sku,quantity,request_id\nann,phone,2,7\n",
            "line 2: request_id '7' is no uuid",
        ),
    ],
)
def test_bad_file_is_refused_before_anything_runs(
    text: str, said: str, tmp_path: Path, run: Run
) -> None:
    path = written(text, tmp_path)
    with pytest.raises(BadFile, match=said):
        read_log(path)
    done = run("replay", path, "--stock", 1, "--dsn", "host=nowhere.invalid")
    assert done.status == 2
    assert said in done.complaint


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "written.csv"
    path.write_bytes(b"user_id,sku,quantity\n\xff\xfe\x00,phone,1\n")
    with pytest.raises(BadFile):
        read_log(path)


def test_request_ids_differ_by_activity_and_line() -> None:
    one = Purchase(2, "ann", "phone", 1, "*", None, {})
    other = Purchase(3, "ann", "phone", 1, "*", None, {})
    ids = {p.request_id_in(activity) for p in (one, other) for activity in (1, 2)}
    assert len(ids) == 4
    assert one.request_id_in(1) in ids


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give --stock"),
        (["--stock", "many"], "--stock many: want NUMBER or SKU=NUMBER"),
        (["--stock", "1", "--limit", "a:b:c"], "--limit a:b:c: want NAME:METRIC:WINDOW:MAX"),
        (["--stock", "1", "--activity", "1"], "stock and limits are those of --activity"),
        (["--activity", "1"], "give --dsn"),
        (["--stock", "1", "--json", "--out", "-"], "both want stdout"),
    ],
)
def test_wrong_usage(arguments: list[str], said: str, log: Path, run: Run) -> None:
    done = run("replay", log, *arguments)
    assert done.status == 2
    assert said in done.complaint


# --- running


def test_outcomes_are_in_file_order_with_every_answer(
    db: Database, log: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out.csv"
    done = run(
        *("replay", log, "--dsn", db.dsn("operator"), "--out", out, "--json"),
        *("--stock", "phone=6", "--limit-units", 2, "--confirm"),
    )
    assert done.status == 0, done.err
    told = done.json
    assert told["statuses"] == {
        "held": 3,
        "limit_exceeded: units_per_user": 1,
        "sold_out": 1,
    }
    assert (told["purchases"], told["units"], told["held_units"]) == (5, 9, 5)
    assert (told["confirmed"], told["violations"]) == ({"confirmed": 3}, 0)
    found = rows(out)
    assert [(row["line"], row["status"], row["remaining"], row["confirmed"]) for row in found] == [
        ("2", "held", "", "confirmed"),
        ("3", "held", "", "confirmed"),
        ("4", "limit_exceeded", "0", ""),
        ("5", "sold_out", "2", ""),
        ("6", "held", "", "confirmed"),
    ]
    assert found[2]["limit_name"] == "units_per_user"
    assert all(UUID(row["request_id"]) for row in found)


def test_run_again_on_the_same_activity_it_takes_nothing(
    db: Database, log: Path, tmp_path: Path, run: Run
) -> None:
    out = tmp_path / "out.csv"
    with db.connect("operator") as operator:
        sale = open_sale(operator, units=100)
        for replayed in (0, 5):
            done = run(
                *("replay", log, "--dsn", db.dsn("operator"), "--out", out, "--json"),
                *("--activity", sale.activity_id),
            )
            assert done.status == 0, done.err
            assert done.json["replayed"] == replayed
            assert done.json["statuses"] == {"held": 5}
        assert violations(operator, sale) == []


def test_every_region_and_sku_of_the_file_gets_its_pool(
    db: Database, tmp_path: Path, run: Run
) -> None:
    path = written(
        "user_id,sku,quantity,region\n"
        "ann,phone,2,north\nben,phone,2,south\ncat,phone,1,north\ndan,case,9,south\n",
        tmp_path,
    )
    done = run(
        *("replay", path, "--dsn", db.dsn("operator"), "--out", "-"),
        *("--stock", "2", "--stock", "case=9"),
    )
    assert done.status == 0, done.err
    statuses = [row["status"] for row in csv.DictReader(done.out.splitlines())]
    assert statuses == ["held", "held", "sold_out", "held"]
    assert "rows from reconcile" in done.err


def test_other_limits_are_set_by_name(db: Database, log: Path, tmp_path: Path, run: Run) -> None:
    done = run(
        *("replay", log, "--dsn", db.dsn("operator"), "--out", tmp_path / "out.csv", "--json"),
        *("--stock", "100", "--limit", "small:units:order:2", "--limit", "twice:orders:day:1"),
    )
    assert done.json["statuses"] == {
        "held": 3,
        "limit_exceeded: small": 1,
        "limit_exceeded: twice": 1,
    }


def test_line_that_is_an_error_is_told_and_the_rest_runs(
    db: Database, tmp_path: Path, run: Run
) -> None:
    path = written(
        "user_id,sku,quantity,request_id\n"
        "ann,phone,1,6d0bfcb8-1d4c-4c4f-9c5e-1a1f0a1b2c3d\n"
        "ben,unknown,1,\n"
        "ann,phone,2,6d0bfcb8-1d4c-4c4f-9c5e-1a1f0a1b2c3d\n"
        "cat,phone,0,\n"
        "dan,phone,1,\n",
        tmp_path,
    )
    out = tmp_path / "out.csv"
    with db.connect("operator") as operator:
        sale = open_sale(operator, units=100)
    done = run(
        *("replay", path, "--dsn", db.dsn("operator"), "--out", out, "--json"),
        *("--activity", sale.activity_id),
    )
    assert done.status == 1
    assert [(row["status"], row["error_code"]) for row in rows(out)] == [
        ("held", ""),
        ("error", "SK003"),
        ("error", "SK004"),
        ("error", "SK001"),
        ("held", ""),
    ]


def test_books_that_disagree_are_exit_status_1(
    db: Database, log: Path, tmp_path: Path, run: Run
) -> None:
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        sale = open_sale(operator, units=100)
        superuser.execute("update seckill_private.pool_slot set held = held + 1, total = total + 1")
    done = run(
        *("replay", log, "--dsn", db.dsn("operator"), "--out", tmp_path / "out.csv"),
        *("--activity", sale.activity_id),
    )
    assert done.status == 1
    assert "the books do not agree" in done.err


def test_interrupted_it_stops_and_goes_on_where_it_was(
    db: Database, tmp_path: Path, run: Run
) -> None:
    lines = 20_000
    path, out = tmp_path / "long.csv", tmp_path / "out.csv"
    path.write_text(
        "user_id,sku,quantity\n" + "".join(f"user-{n},phone,1\n" for n in range(lines)),
        encoding="utf-8",
    )
    with db.connect("operator") as operator:
        sale = open_sale(operator, units=0)
        add_units(operator, sale, lines)
    arguments = ["replay", str(path), "--activity", str(sale.activity_id), "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "seckill", *arguments, "--concurrency", "4"],
        env={**os.environ, "SECKILL_DSN": db.dsn("operator", pool_size=4)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: out.exists() and out.stat().st_size > 10_000, "some outcomes")
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=30)[1]
    finally:
        if psutil.pid_exists(process.pid) and process.poll() is None:
            process.kill()
            process.wait()
    assert process.returncode == 130
    done = len(rows(out))
    assert 0 < done < lines
    assert said.splitlines()[-1] == (
        f"stopped after {done} of {lines} lines; --activity {sale.activity_id} goes on from there"
    )
    # All that was begun has its line, and nothing else is in the books.
    with db.connect("superuser") as superuser:
        held = superuser.execute("select count(*) from seckill_private.reservation").fetchone()
    assert held == (done,)
    path.write_text("".join(path.read_text().splitlines(keepends=True)[: done + 51]))
    again = run(*arguments, "--dsn", db.dsn("operator"), "--json")
    assert again.status == 0, again.err
    assert again.json["replayed"] == done
    assert again.json["statuses"] == {"held": done + 50}


def test_without_a_dsn_it_runs_on_a_throw_away_server(
    log: Path, tmp_path: Path, ops: Run, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the environment names a shop's own database and its flag."""
    monkeypatch.setenv("SECKILL_REDIS_URL", "nonsense://x")
    out = tmp_path / "out.csv"
    done = ops("replay", log, "--stock", 100, "--limit-orders", 1, "--out", out)
    assert done.status == 0, done.err
    assert [row["status"] for row in rows(out)].count("limit_exceeded") == 1
    assert "rows from reconcile" in done.out
    with db.connect("operator") as operator:
        assert operator.execute("select from seckill.activity").fetchall() == []


def test_a_hold_whose_payment_raised_is_a_hold(
    db: Database, log: Path, tmp_path: Path, run: Run
) -> None:
    with db.connect("operator") as operator, db.connect("superuser") as superuser:
        sale = open_sale(operator, units=100)
        superuser.execute(
            "revoke execute on function seckill.confirm from seckill_app, seckill_ops"
        )
    out = tmp_path / "out.csv"
    done = run(
        *("replay", log, "--dsn", db.dsn("operator"), "--out", out, "--json"),
        *("--activity", sale.activity_id, "--confirm"),
    )
    assert (done.status, "some lines are errors" in done.err) == (1, True)
    assert (done.json["statuses"], done.json["held_units"]) == ({"held": 5}, 9)
    assert done.json["confirmed"] == {"error: 42501": 5}
    found = rows(out)
    assert {(row["status"], row["error_code"], row["confirmed"]) for row in found} == {
        ("held", "42501", "error")
    }
    assert all(row["reservation_id"] for row in found)


@pytest.mark.parametrize(
    ("table", "condition", "said"),
    [
        ("reservation", "new.user_id = 'cat'", "3 of 5 lines; --activity {} goes on from there"),
        ("pool", "true", "activity {} is a draft without all that it was to have: close it, and"),
    ],
)
def test_after_an_outage_it_says_how_to_go_on(
    db: Database,
    log: Path,
    tmp_path: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    table: str,
    condition: str,
    said: str,
) -> None:
    """A server that says that its disk is full: at the fourth line, or before the first."""
    monkeypatch.setattr(replay, "RETRY", NO_RETRY)
    with db.connect("superuser") as superuser:
        superuser.execute(
            f"""
            create function public.full () returns trigger language plpgsql as $$
            begin
              if {condition} then
                raise exception 'could not extend file' using errcode = '53100';
              end if;
              return new;
            end $$""".encode()
        )
        superuser.execute(
            f"create trigger f before insert on seckill_private.{table}"
            " for each row execute function public.full()".encode()
        )
    done = run(
        *("replay", log, "--dsn", db.dsn("operator"), "--out", tmp_path / "out.csv"),
        *("--stock", 100),
    )
    assert done.status == 3
    with db.connect("operator") as operator:
        (made,) = operator.execute("select activity_id from seckill.activity").fetchall()
    assert said.format(made.activity_id) in done.complaint


def test_the_name_of_a_limit_is_text(db: Database, log: Path, tmp_path: Path, run: Run) -> None:
    done = run(
        *("replay", log, "--dsn", db.dsn("operator"), "--out", tmp_path / "out.csv"),
        *("--stock", 100, "--limit", "[/red]:units:order:2"),
    )
    assert done.status == 0, done.err
    assert "[/red]" in done.out
