"""`seckill bench` on a real server: short, but every scenario and every way out."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import psutil
import pytest

from seckill.bench import arrivals as bench_arrivals
from seckill.bench import scripts
from seckill.bench.load import BenchError, Load, Rate
from seckill.bench.measures import open_measures
from seckill.bench.page import page
from seckill.bench.place import Ways, open_place
from seckill.bench.ratios import ratios, wanted
from seckill.bench.report import arrivals, as_json, number
from seckill.bench.run import Report, run
from seckill.bench.setting import SCENARIOS, Options
from seckill.client_async import AsyncClient
from seckill.history import verify
from seckill.runtime import Runtime
from seckill.runtime.valkey import Valkey

# One worker takes all: what they share takes half a minute to make.
pytestmark = pytest.mark.xdist_group("bench")

TINY = Options(
    rounds=1,
    seconds=1,
    callers=(2,),
    buyers=50,
    redis_pools=(16,),
    purchases=2_000,
    ledger_rows=20_000,
    ledger_calls=50,
    ledger_batches=5,
)


@pytest.fixture(scope="module")
def runtime() -> Any:
    with Runtime(settings={"fsync": "off"}) as running:
        yield running


@pytest.fixture(scope="module")
def report(runtime: Runtime) -> Report:
    told: list[str] = []
    found = run(Ways.of_runtime(runtime), TINY, told.append, threading.Event())
    assert len([line for line in told if line.startswith("round")]) == len(found.rounds[0])
    return found


def test_every_scenario_gives_its_ratios(report: Report) -> None:
    assert [ratio.wanted for ratio in report.ratios] == list(wanted(TINY))
    assert {ratio.wanted.scenario for ratio in report.ratios} == set(SCENARIOS) - {"table", "open"}
    assert all(ratio.value > 0 for ratio in report.ratios)
    assert sum(ratio.wanted.bar is not None for ratio in report.ratios) == 8
    assert report.purchases > 1_000
    assert report.pool_bytes is not None
    assert report.pool_bytes > 0


def test_open_loop_tells_waits_and_shares(report: Report) -> None:
    rows = arrivals(report)
    assert [row[0] for row in rows] == ["50 %", "80 %", "120 %"]
    for load in (50, 80, 120):
        seen = report.rounds[0][f"open@{load}"].arrivals
        assert seen is not None
        assert seen.errors == 0
        assert 0 < seen.answered <= 1
        assert 0 < seen.p50_ms <= seen.p99_ms <= seen.p999_ms
    assert all(cell in page(report) for row in rows for cell in row)


def test_waits_run_from_the_intended_start(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Buyers whom the program itself calls late have waited, too (no coordinated omission)."""
    late_s, sleep = 0.4, asyncio.sleep
    slept: list[float] = []

    def fall_behind() -> None:
        time.sleep(late_s)

    async def oversleep(seconds: float) -> None:
        slept.append(seconds)
        # The first look at who is due comes late: all of these are called 0.4 s after their time.
        if len(slept) == 1:
            fall_behind()
        await sleep(seconds)

    ways, stop = Ways.of_runtime(runtime), threading.Event()
    with open_place(ways) as place:

        async def run() -> list[float]:
            async with AsyncClient(ways.pooled, max_size=2, timeout_ms=60_000, flag="") as client:
                arrive = bench_arrivals.arrive
                await arrive(client, place.one, 10, 0.1, stop)  # connect
                monkeypatch.setattr(bench_arrivals.asyncio, "sleep", oversleep)
                day = await arrive(client, place.one, 40, 0.4, stop)
                return day.waits

        waits = asyncio.run(run())
    assert len(waits) == 16
    # They were to come one every 25 ms meanwhile.
    assert max(waits) >= late_s - 0.03
    assert sum(wait > late_s / 4 for wait in waits) >= 10


def test_many_purchases_of_one_pool(report: Report) -> None:
    assert report.full_single > 0
    assert report.full == report.full_single + TINY.purchases


def test_a_bar_may_be_a_highest() -> None:
    options = Options(scenarios=("ledger",))

    def verdict(others: float) -> str:
        rates = {"cpu_single_small": Rate(1, 100.0), "cpu_single_others": Rate(1, others)}
        return ratios(options, [rates])[0].verdict

    assert [verdict(others) for others in (110, 96, 90, 80)] == ["aim", "aim", "bar", "missed"]


def test_a_durable_valkey_writes_before_it_answers() -> None:
    from redis import Redis

    with Valkey(durable=True) as valkey, Redis(unix_socket_path=str(valkey.socket)) as redis:
        assert redis.config_get("append*")["appendfsync"] == "always"
        redis.set("stock", 7)
        valkey.kill()
        valkey.start()
        assert redis.get("stock") == b"7"


def test_nothing_is_left_but_closed_sales(runtime: Runtime, report: Report) -> None:
    import psycopg

    with psycopg.connect(runtime.superuser_dsn) as connection:
        states = connection.execute("select distinct state from seckill.activity").fetchall()
        assert states == [("closed",)]
        assert connection.execute("select to_regnamespace('seckill_bench')").fetchone() == (None,)


def test_the_page_is_whole_and_loads_nothing(report: Report) -> None:
    shown = page(report)
    assert not re.search(r"https?://|<script|<link|url\(|@import", shown)
    figures = [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", shown, re.DOTALL)]
    assert len(figures) == len(report.ratios)
    for figure, ratio in zip(
        figures, sorted(report.ratios, key=lambda r: r.wanted.bar is None), strict=True
    ):
        assert figure.attrib["aria-label"] == f"{ratio.wanted.what}: {number(ratio.value)}"
        track, bar = figure.findall("rect")
        assert 0 < float(bar.attrib["width"]) <= float(track.attrib["width"])


def test_json_says_the_same(report: Report) -> None:
    said = json.loads(json.dumps(as_json(report)))
    assert [ratio["median"] for ratio in said["ratios"]] == [r.value for r in report.ratios]
    for ratio in said["ratios"]:
        (one,) = said["rounds"]
        peer = max(one[name] for name in ratio["under"])
        assert ratio["median"] == pytest.approx(one[ratio["over"]] / peer, rel=0.01)


def test_a_ratio_is_the_median_of_the_rounds_own() -> None:
    """A round in which everything is slow changes nothing; the best peer counts."""
    options = Options(scenarios=("asyncio",))

    def round_(ours: float, slow: float, fast: float) -> dict[str, Rate]:
        rates = {"async_client": ours, "redis_lua@16": slow, "redis_lua@64": fast}
        return {name: Rate(1, rate) for name, rate in rates.items()}

    (one,) = ratios(options, [round_(40, 5, 10), round_(4, 2, 1), round_(60, 5, 10)])
    assert (one.value, one.low, one.high, one.rounds) == (4, 4, 6, 3)
    assert one.verdict == "bar"
    assert ratios(options, [{}]) == []
    (none,) = ratios(options, [round_(29, 5, 10)])
    assert none.verdict == "missed"


def test_calls_that_take_no_unit_are_not_counted_as_purchases(runtime: Runtime) -> None:
    """The books are looked at, not only the number of answers."""
    ways, stop = Ways.of_runtime(runtime), threading.Event()
    with open_place(ways) as place:
        object.__setattr__(place, "one", place.gone)
        with open_measures(place, Options(("hot",), 1, 1, (1,)), stop) as measures:
            with pytest.raises(BenchError, match=r"calls took 0 units, not 1 each"):
                measures[0].run()


def test_a_failing_call_is_one_line(runtime: Runtime) -> None:
    load = Load(runtime.superuser_dsn, "select 1 / 0;\n", 1, prepared=False)
    with pytest.raises(BenchError, match="division by zero"):
        load.run(runtime.postgres.bindir, 1, threading.Event())


def test_what_a_new_connection_takes_at_first_is_not_counted(runtime: Runtime) -> None:
    slow_at_first = """select pg_sleep(case when clock_timestamp() < a.backend_start
  + interval '0.9 seconds' then 0.1 else 0.002 end)
  from pg_stat_activity as a where a.pid = pg_backend_pid();\n"""
    load = Load(runtime.superuser_dsn, slow_at_first, 1, prepared=True, warm_up_s=1)
    rate = load.run(runtime.postgres.bindir, 1, threading.Event())
    assert rate.per_second > 0.75 * rate.calls, rate


def test_the_password_is_not_in_the_list_of_processes(runtime: Runtime) -> None:
    load = Load(runtime.superuser_dsn, scripts.SELECT_1, 1, prepared=True)
    thread = threading.Thread(target=load.run, args=(runtime.postgres.bindir, 1, threading.Event()))
    thread.start()
    seen: list[str] = []
    while thread.is_alive():
        for child in psutil.Process().children(recursive=True):
            try:
                if child.name() == "pgbench":
                    seen += child.cmdline()
            except psutil.NoSuchProcess:
                continue
    thread.join()
    assert seen
    assert not [word for word in seen if "postgresql://" in word or "password" in word]


def test_what_the_many_buyers_were_told_is_in_the_books(runtime: Runtime, tmp_path: Path) -> None:
    options = Options(("asyncio",), 1, 1, buyers=50, record=tmp_path)
    found = run(Ways.of_runtime(runtime), options, lambda _: None, threading.Event())
    assert found.verdict is not None
    assert found.verdict.ok
    # And the one that connects.
    assert found.verdict.calls == found.rounds[0]["async_client"].calls + 1
    assert verify(tmp_path) == found.verdict


def test_no_measure_begins_after_the_time_allowed(runtime: Runtime) -> None:
    options = Options(("hot",), 3, 1, (1,), budget_s=0.0)
    found = run(Ways.of_runtime(runtime), options, lambda _: None, threading.Event())
    assert found.cut_short
    assert found.ratios == []


def test_ctrl_c_ends_all_of_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "seckill", "bench", "--seconds", "30", "--scenario", "hot"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("round 1"):
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(signal.SIGINT)
        assert process.stderr.read().splitlines()[-1:] == ["stopped"]
        assert process.wait(20) == 130
        _, alive = psutil.wait_procs(children, 5)
        assert alive == []
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--scenario", "nonsense"], "no scenario 'nonsense'"),
        (["--dsn", "dbname=x"], "--admin-dsn together"),
        (["--html", "/nowhere/x.html"], "/nowhere: no such directory"),
        (["--scenario", "hot", "--record", "/nowhere"], "--record is for scenario asyncio"),
    ],
)
def test_wrong_usage_is_one_line(
    arguments: list[str], complaint: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from seckill.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["bench", *arguments])
    assert ended.value.code == 2
    assert complaint in capfd.readouterr().err
