"""`seckill bench` on a real server: short, but every scenario and every way out."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import psutil
import pytest

from seckill.bench import scripts
from seckill.bench.load import BenchError, Load, Rate
from seckill.bench.measures import SCENARIOS, Options, open_measures
from seckill.bench.page import page
from seckill.bench.place import Ways, open_place
from seckill.bench.ratios import ratios, wanted
from seckill.bench.report import as_json, number
from seckill.bench.run import Report, run
from seckill.history import verify
from seckill.runtime import Runtime

TINY = Options(rounds=1, seconds=1, callers=(2,), buyers=50)


@pytest.fixture(scope="module")
def runtime() -> Any:
    with Runtime(settings={"fsync": "off"}) as running:
        yield running


@pytest.fixture(scope="module")
def report(runtime: Runtime) -> Report:
    told: list[str] = []
    found = run(Ways.of_runtime(runtime), TINY, told.append, threading.Event())
    assert len(told) == len(found.rounds[0])
    return found


def test_every_scenario_gives_its_ratios(report: Report) -> None:
    assert [ratio.wanted for ratio in report.ratios] == list(wanted(TINY))
    assert {ratio.wanted.scenario for ratio in report.ratios} == set(SCENARIOS) - {"table"}
    assert all(ratio.value > 0 for ratio in report.ratios)
    assert sum(ratio.wanted.bar is not None for ratio in report.ratios) == 6
    assert report.purchases > 1_000
    assert report.pool_bytes is not None
    assert report.pool_bytes > 0


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
