"""`seckill demo` as a person runs it: the numbers, the picture, Ctrl-C, and when it goes wrong."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from rich.console import Console

from seckill.bench.percentile import percentile
from seckill.demo import audit, report, workers
from seckill.demo.run import Options, Played
from seckill.demo.workers import Result
from tests.cli.conftest import Run
from tests.fix_database import wait_until
from tests.fix_postgres import IN_CI

IN_CI_ONLY = pytest.mark.skipif(not IN_CI, reason="one demo more: .ci/run plays it (CI=true)")
# Who never pays keeps his unit that long, so what a demo takes is mostly the length of holds.
SMALL = ("--buyers", 400, "--units", 40, "--hold-seconds", 1)
LARGER = ("--buyers", 1_000, "--units", 100, "--hold-seconds", 2)


def children(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def working(process: subprocess.Popen[Any]) -> list[psutil.Process]:
    """The crowd's processes."""
    found: list[psutil.Process] = []
    for child in children(process):
        try:
            if "seckill.demo.worker" in child.cmdline():
                found.append(child)
        except psutil.NoSuchProcess:
            continue
    return found


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def started(size: Sequence[Any] = LARGER, **options: Any) -> subprocess.Popen[str]:
    """The demo, in a session of its own as a terminal would give it."""
    words = (sys.executable, "-P", "-m", "seckill", "demo", *map(str, size))
    return subprocess.Popen(words, text=True, start_new_session=True, **options)


def crowd_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """All its processes, once the crowd runs."""
    wait_until(lambda: len(working(process)) == Options().processes, "the crowd", 60)
    return children(process)


def test_every_unit_is_sold_once_and_the_books_agree(run: Run, tmp_path: Path) -> None:
    picture = tmp_path / "demo.svg"
    record = tmp_path / "crowd"
    done = run("demo", *SMALL, "--json", "--svg", picture, "--record", record)
    assert done.status == 0, done.err
    told = done.json
    assert (told["ok"], told["buyers"], told["units"]) == (True, 400, 40)
    verdict = run("verify", record, "--json")
    assert verdict.status == 0, verdict.out
    assert (verdict.json["ok"], verdict.json["paid"], verdict.json["unknown"]) == (True, 40, 0)
    assert verdict.json["calls"] > 400
    ours = told["seckill"]
    assert (ours["sold"], ours["sold_too_many"], ours["users_with_more_than_one"]) == (40, 0, 0)
    assert ours["outcomes"]["bought"] == 40
    assert sum(ours["outcomes"].values()) == 400
    for answer in (
        "reserve held",
        "reserve replay",
        "reserve sold_out",
        "reserve limit_exceeded",
        "pay confirmed",
        "cancel cancelled",
    ):
        assert ours["answers"][answer] > 0, answer
    # Units that came back were sold again.
    assert ours["answers"]["reserve held"] > 40
    assert ours["outcomes"]["never paid"] > 0
    assert ours["buyers_per_second"] > 0
    reserve = ours["latency_ms"]["reserve"]
    assert reserve["click_p50"] > reserve["call_p50"] > 0
    assert reserve["click_p99"] >= reserve["click_p50"]
    assert [check for check in told["checks"] if not check["ok"]] == []
    assert len(told["checks"]) == 11
    # A line a second, for who has no terminal.
    assert "sold " in done.err

    drawn = ET.parse(picture).getroot()
    assert drawn.tag.endswith("svg")
    assert "font-face" not in picture.read_text(encoding="utf-8")


def test_the_flag_dies_in_the_middle_and_exactly_the_stock_is_sold(run: Run) -> None:
    crowd = ("--buyers", 1_000, "--units", 100, "--hold-seconds", 1)
    done = run("demo", *crowd, "--redis", "--json")
    assert done.status == 0, done.err
    told = done.json
    assert (told["ok"], told["seckill"]["sold"]) == (True, 100)
    assert told["flag"]["killed_seconds"] > 0
    # The flag had a good part of the crowd before, and PostgreSQL the rest.
    assert told["flag"]["refused"] >= 50
    assert told["seckill"]["answers"]["reserve sold_out"] > told["flag"]["refused"] + 50
    assert [check for check in told["checks"] if not check["ok"]] == []
    assert "Valkey is killed" in done.err


def test_naive_shop_sells_too_many(run: Run) -> None:
    done = run("demo", "--buyers", 300, "--units", 30, "--hold-seconds", 1, "--naive")
    assert done.status == 0, done.err
    rows = {
        cells[0]: cells[1:]
        for line in done.out.splitlines()
        if len(cells := [cell.strip() for cell in line.split("│")[1:-1]]) == 3
    }
    ours, naive = (int(cell.replace(",", "")) for cell in rows["units sold too many"])
    assert ours == 0
    assert naive > 0
    ours, naive = (int(cell.replace(",", "")) for cell in rows["users who got more than one"])
    assert ours == 0
    assert naive > 0
    assert "✗" not in done.out


def test_limits_on_three_dimensions(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """More units than the limits let anybody have: each phone and address ends at its own."""
    monkeypatch.setenv("SECKILL_REDIS_URL", "nonsense://x")  # the shop's; the demo has its own
    done = run("demo", "--limits", "--buyers", 600, "--units", 500, "--hold-seconds", 2, "--json")
    assert done.status == 0, done.err
    told = done.json
    assert told["limits"] == {"one_per_user": 1, "two_per_phone": 2, "three_per_address": 3}
    options = Options(buyers=600, units=500, limits=True)
    assert 200 < options.expected < 500, "the limits decide, not the stock"
    assert told["seckill"]["sold"] == options.expected
    for name in ("one_per_user", "two_per_phone", "three_per_address"):
        assert told["seckill"]["answers"][f"reserve limit_exceeded {name}"] > 0, name
    assert [check for check in told["checks"] if not check["ok"]] == []
    assert len(told["checks"]) == 17


@IN_CI_ONLY
def test_limits_are_shown_by_name(run: Run) -> None:
    # So many units that nobody is refused for want of them before a limit says no.
    done = run("demo", "--limits", "--buyers", 300, "--units", 300, "--hold-seconds", 1)
    assert done.status == 0, done.err
    for words in ("refused: over 3 an address", "addresses that got more than 3"):
        assert words in done.out


@IN_CI_ONLY
def test_fewer_buyers_than_units(run: Run) -> None:
    """What is left has nobody who would pay for it, and the demo knows how many that are."""
    done = run(
        "demo", "--buyers", 60, "--units", 500, "--hold-seconds", 1, "--processes", 1, "--json"
    )
    assert done.status == 0, done.err
    sold = done.json["seckill"]["sold"]
    assert 0 < sold < 60
    assert sold == Options(buyers=60, units=500).expected
    assert done.json["seckill"]["outcomes"]["bought"] == sold


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=IN_CI_ONLY)])
def test_interrupted_it_exits_130_and_leaves_nothing(number: signal.Signals) -> None:
    demo = started(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    crowd = crowd_of(demo)
    directories = {
        Path(child.cwd()) for child in crowd if child.name() in ("postgres", "pgbouncer")
    }
    os.killpg(demo.pid, number)
    out, said = demo.communicate(timeout=60)
    assert (demo.returncode, out) == (130, "")
    assert said.splitlines()[-1] == "stopped, nothing is left behind"
    assert "Traceback" not in said
    assert alive(crowd) == []
    assert directories
    assert not any(directory.exists() for directory in directories)


def test_crowd_ends_with_its_killed_parent() -> None:
    demo = started(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    crowd_of(demo)
    buyers = working(demo)
    others = [child for child in children(demo) if child not in buyers]
    scratch = {Path(child.cwd()) for child in others if child.name() in ("postgres", "pgbouncer")}
    demo.kill()
    demo.wait()
    wait_until(lambda: not alive(buyers), "the end of the crowd")
    wait_until(lambda: not alive(others), "the end of the servers", 40)
    for directory in scratch:  # nobody is left to do it
        shutil.rmtree(
            directory.parent if directory.name == "data" else directory, ignore_errors=True
        )


def test_killed_process_of_the_crowd_is_one_line() -> None:
    demo = started(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    crowd = crowd_of(demo)
    working(demo)[1].kill()
    out, said = demo.communicate(timeout=60)
    assert (demo.returncode, out) == (1, "")
    assert said.splitlines()[-1].startswith("seckill: process ")
    assert said.splitlines()[-1].endswith(" of the crowd ended with status -9")
    assert alive(crowd) == []


def test_ended_server_is_one_line() -> None:
    demo = started(stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    crowd = crowd_of(demo)
    (pooler,) = [child for child in children(demo) if child.name() == "pgbouncer"]
    pooler.kill()
    _, said = demo.communicate(timeout=60)
    assert demo.returncode == 1
    assert said.splitlines()[-1].startswith("seckill: PgBouncer ended")
    assert alive(crowd) == []


def test_terminal_gets_a_live_picture() -> None:
    ours, theirs = pty.openpty()
    env = {**os.environ, "TERM": "xterm-256color"}
    demo = started(SMALL, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            chunk = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    assert demo.wait(30) == 0
    text = seen.decode("utf-8")
    assert text.count("flash sale") > 5  # drawn again and again
    assert "of 40" in text
    assert "units sold too many" in text


def test_worker_that_cannot_start_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = workers.Order.to_json

    def wrong_password(order: workers.Order) -> str:
        return real(replace(order, dsn=order.dsn.replace("//seckill_buyer:", "//seckill_buyer:x")))

    monkeypatch.setattr(workers.Order, "to_json", wrong_password)
    done = run("demo", *SMALL)
    assert done.status == 1
    last = done.err.splitlines()[-1]
    assert last.startswith("seckill: process ")
    assert "Unavailable" in last


def test_exit_status_1_when_the_count_disagrees(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    real = audit.count

    def one_more(*arguments: Any, **options: Any) -> list[audit.Check]:
        checks = real(*arguments, **options)
        return [replace(c, actual=c.actual + 1) if c.what == audit.SOLD else c for c in checks]

    monkeypatch.setattr(audit, "count", one_more)
    done = run("demo", "--buyers", 50, "--units", 5, "--hold-seconds", 1, "--processes", 1)
    assert done.status == 1
    assert "✗ must be 5" in done.out
    assert done.err.splitlines()[-1] == "seckill: the books do not agree with what was sold"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--buyers", 0], "--buyers"),
        (["--svg", "/nowhere/demo.svg"], "/nowhere: no such directory"),
        (["--record", "tests"], "tests is not empty"),
    ],
)
def test_wrong_usage(run: Run, arguments: list[Any], said: str) -> None:
    done = run("demo", *arguments)
    assert done.status == 2
    assert said in done.complaint


# --- the report


def played(change: Callable[[Result], None] = lambda _: None) -> Played:
    result = Result(answered_s=2.0, total_s=4.0)
    for kind in ("reserve", "pay"):
        result.latencies[kind] = workers.Latencies([float(n) for n in range(1, 101)], [1.0])
    change(result)
    return Played(result, 10, 0, [audit.Check("units sold", 10, 10)])


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert percentile(values, 50) == 50
    assert percentile(values, 99) == 99
    assert percentile(values, 99.9) == 100
    assert percentile([float(n) for n in range(1, 41_001)], 99.9) == 40_959
    assert percentile([3.0], 99) == 3.0
    assert percentile([], 50) is None


def test_unknown_answers_are_shown_too() -> None:
    def add(result: Result) -> None:
        result.answers["reserve paused"] = 3

    console = Console(width=80)
    with console.capture() as captured:
        console.print(report.report(Options(buyers=10, units=10), played(add)))
    assert "reserve paused" in captured.get()


def test_run_without_payments_has_a_report() -> None:
    def none(result: Result) -> None:
        result.latencies["pay"] = workers.Latencies()

    told = report.summary(Options(buyers=10, units=10), played(none))
    assert told["seckill"]["latency_ms"]["pay"]["click_p50"] is None
    assert told["seckill"]["buyers_per_second"] == 5.0
