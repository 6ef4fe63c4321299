"""`seckill bench` on a real server: short, but every scenario and every way out."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ET
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from psycopg.conninfo import conninfo_to_dict

from seckill.bench import arrivals as bench_arrivals
from seckill.bench import ledger as bench_ledger
from seckill.bench import scripts
from seckill.bench.load import BenchError, Load, Rate
from seckill.bench.measures import open_measures
from seckill.bench.page import page
from seckill.bench.place import Place, Ways, open_place
from seckill.bench.ratios import ratios, wanted
from seckill.bench.report import arrivals, as_json, number
from seckill.bench.run import Report, run
from seckill.bench.setting import SCENARIOS, Options, Setting
from seckill.client_async import AsyncClient
from seckill.history import verify
from seckill.runtime import Runtime
from seckill.runtime.valkey import Valkey
from tests.fix_postgres import IN_CI

# One process takes all (tests/fix_groups.py): what they share takes half a minute to make.
IN_CI_ONLY = pytest.mark.skipif(not IN_CI, reason="a second each: .ci/run has them (CI=true)")
# Elsewhere without what is measured in the same way as others are, and without warming up.
TINY = Options(
    scenarios=tuple(one for one in SCENARIOS if IN_CI or one not in ("slots", "snapshot")),
    rounds=1,
    seconds=1,
    warm_up_s=1 if IN_CI else 0,
    callers=(2,),
    buyers=50,
    redis_pools=(16,),
    purchases=2_000,
    ledger_rows=20_000 if IN_CI else 2_000,
    ledger_calls=50,
    ledger_batches=5 if IN_CI else 2,
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
    due = [one for one in wanted(TINY) if one.scenario in TINY.scenarios]
    assert [ratio.wanted for ratio in report.ratios] == due
    assert {one.scenario for one in due} == set(TINY.scenarios) - {"table", "open"}
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


@pytest.fixture(scope="module")
def shared(runtime: Runtime) -> Any:
    with open_place(Ways.of_runtime(runtime)) as place:
        yield place


def measure(place: Place, scenario: str, name: str) -> Rate:
    """One measure of a scenario, taken once."""
    options, stop = replace(TINY, scenarios=(scenario,), record=None), threading.Event()
    with open_measures(place, options, stop) as measures:
        (one,) = (one for one in measures if one.name == name)
        return one.run()


@pytest.mark.parametrize(
    ("name", "scenario", "sale", "other"),
    [
        ("reserve@2", "hot", "one", "gone"),
        pytest.param("reserve_now@2", "hot", "one", "gone", marks=IN_CI_ONLY),
        pytest.param("batch@1", "batch", "one", "gone", marks=IN_CI_ONLY),
        pytest.param("sold_out@2", "soldout", "gone", "one", marks=IN_CI_ONLY),
        ("async_client", "asyncio", "many", "gone"),
    ],
)
def test_calls_that_do_not_buy_what_they_should_end_the_run(
    shared: Place, name: str, scenario: str, sale: str, other: str
) -> None:
    """They are counted as purchases, so the books and the answers are looked at."""
    shared = replace(shared, **{sale: getattr(shared, other)})
    with pytest.raises(
        BenchError,
        match=r"calls took \d+ units, not \d+ each|a buyer was refused",
    ):
        measure(shared, scenario, name)


def test_no_password_is_seen_in_the_list_of_processes(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what ops/bench starts; anybody on the machine can read a command line."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "ops" / "bench")
    bench = importlib.import_module("measure").Bench
    password = str(conninfo_to_dict(runtime.dsn)["password"])
    running = bench(runtime.postgres.bindir, runtime.dsn, "select 1;", clients=1)
    try:
        (child,) = [
            one for one in psutil.Process().children() if running._directory == Path(one.cwd())
        ]
        assert password not in " ".join(child.cmdline())
    finally:
        time.sleep(0.3)  # pgbench takes a signal for the end of its time once it has begun
        load = running.stop()
    assert load.milliseconds


@IN_CI_ONLY
def test_an_order_that_lacks_a_line_ends_the_run(
    shared: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = scripts.RESERVE_LINES.replace(f", '{scripts.SKUS[-1]}'", "").replace("1, 1, 1", "1, 1")
    monkeypatch.setattr(scripts, "RESERVE_LINES", short)
    with pytest.raises(BenchError, match=r"lines@2: \d+ calls took \d+ units, not 3 each"):
        measure(shared, "lines", "lines@2")


@pytest.mark.parametrize("way", ["bought nothing", pytest.param("bought twice", marks=IN_CI_ONLY)])
def test_buyers_whose_answers_are_not_in_the_books_end_the_run(
    shared: Place, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The client says held, and the pool has another number of units less."""
    taken, looks = Place.taken, itertools.count()

    def another_number(place: Place, activity_id: int) -> int:
        return taken(place, activity_id) + next(looks) * (1 if way == "bought twice" else -1)

    monkeypatch.setattr(Place, "taken", another_number)
    with pytest.raises(BenchError, match=r"async_client: \d+ calls took \d+ units, not 1 each"):
        measure(shared, "asyncio", "async_client")


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("return 0", "a buyer was refused"),
        pytest.param("return 1", r"redis: \d+ buyers have 0 units", marks=IN_CI_ONLY),
    ],
)
def test_a_peer_that_sells_nothing_ends_the_run(
    shared: Place, monkeypatch: pytest.MonkeyPatch, script: str, complaint: str
) -> None:
    monkeypatch.setattr("seckill.bench.buyers._LUA", script)
    with pytest.raises(BenchError, match=complaint):
        measure(shared, "asyncio", "redis_lua@16")


@IN_CI_ONLY
@pytest.mark.parametrize(
    ("name", "scenario", "peer"),
    [
        ("textbook@2", "hot", "TEXTBOOK"),
        ("insert@2", "hot", "PLAIN_INSERT"),
        ("textbook_lines@2", "lines", "TEXTBOOK_LINES"),
    ],
)
def test_a_peer_that_does_not_do_its_work_ends_the_run(
    shared: Place, monkeypatch: pytest.MonkeyPatch, name: str, scenario: str, peer: str
) -> None:
    monkeypatch.setattr(scripts, peer, scripts.SELECT_1)
    with pytest.raises(BenchError, match=rf"{name}: \d+ calls took 0 units, not \d each"):
        measure(shared, scenario, name)


def test_a_refusal_costs_no_purchase(shared: Place) -> None:
    """The ledger's measures are of processor time, and look at each answer."""
    server = bench_ledger.Ledger(shared.ways.direct, shared.ways.admin, shared.gone, shared.gone)
    setting = Setting(shared, TINY, threading.Event(), ExitStack(), print)
    with pytest.raises(BenchError, match=r"ledger: a buyer was answered \['sold_out'\], not held"):
        bench_ledger.per_cpu_second(setting, server, shared.gone, bench_ledger.single, 1)


def test_an_arrival_that_is_refused_ends_the_run(shared: Place) -> None:
    async def run() -> None:
        async with AsyncClient(shared.ways.pooled, max_size=2, flag="") as client:
            await bench_arrivals.arrive(client, shared.gone, 10, 0.2, threading.Event())

    with pytest.raises(BenchError, match="a buyer was answered sold_out"):
        asyncio.run(run())


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
    options = replace(TINY, scenarios=("asyncio",), record=tmp_path)
    found = run(Ways.of_runtime(runtime), options, lambda _: None, threading.Event())
    assert found.verdict is not None
    assert found.verdict.ok
    # And the one that connects.
    assert found.verdict.calls == found.rounds[0]["async_client"].calls + 1
    assert verify(tmp_path) == found.verdict


@IN_CI_ONLY
def test_a_purchase_that_is_lost_fails_the_command(
    runtime: Runtime, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The buyer who connects is told held, and his row is gone; the pool's numbers are right."""
    import psycopg

    from seckill.cli import main

    with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
        superuser.execute(_LOSES)
        try:
            with pytest.raises(SystemExit) as ended:
                main(
                    [
                        *("bench", "--dsn", runtime.ops_dsn, "--admin-dsn", runtime.superuser_dsn),
                        *("--scenario", "asyncio", "--rounds", "1", "--seconds", "1"),
                        *("--record", str(tmp_path / "history")),
                    ]
                )
        finally:
            superuser.execute("drop function seckill_private.lose () cascade")
    assert ended.value.code == 1
    assert "the books do not agree with the answers" in capfd.readouterr().err


_LOSES = """
create function seckill_private.lose () returns trigger language plpgsql as $function$
begin
  delete from seckill_private.reservation as r where r.reservation_id = new.reservation_id;
  return null;
end $function$;
create trigger lose after insert on seckill_private.reservation
   for each row when (new.user_id like 'first-%') execute function seckill_private.lose ();
"""


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
