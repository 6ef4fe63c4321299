"""Write the sync client, and its tests, from the async source.

    python ops/dev/generate_sync.py            write the files
    python ops/dev/generate_sync.py --check    exit 1 if one is not current

Words only: `async` and `await` go, names change after NAMES. What cannot be said that way
stands twice, in `seckill/_compat.py` and `tests/client/fix_client.py`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAIRS = {
    "pyapp/seckill/_guard_async.py": "pyapp/seckill/_guard.py",
    "pyapp/seckill/_core_async.py": "pyapp/seckill/_core.py",
    "pyapp/seckill/client_async.py": "pyapp/seckill/client.py",
    "tests/flag/test_client_flag_async.py": "tests/flag/test_client_flag.py",
    "tests/client/checks_coalesce_async.py": "tests/client/checks_coalesce.py",
    "tests/client/test_client_async.py": "tests/client/test_client.py",
    "tests/client/test_books_async.py": "tests/client/test_books.py",
    "tests/client/test_speed_async.py": "tests/client/test_speed.py",
    "tests/client/test_faults_async.py": "tests/client/test_faults.py",
    "tests/client/test_join_async.py": "tests/client/test_join.py",
    "tests/client/test_limits_async.py": "tests/client/test_limits.py",
}
# Whole words, in code and in prose.
NAMES = {
    "AsyncClient": "Client",
    "AsyncCoalescer": "Coalescer",
    "AsyncConnection": "Connection",
    "AsyncContract": "Contract",
    "AsyncCore": "Core",
    "AsyncCursor": "Cursor",
    "AsyncGuard": "Guard",
    "AsyncIterator": "Iterator",
    "Awaitable[Any]": "Any",
    "Awaitable[None]": "None",
    "AsyncJoin": "Join",
    "AsyncLink": "Link",
    "AsyncLocalFlag": "LocalFlag",
    "AsyncLock": "Lock",
    "AsyncPool": "Pool",
    "AsyncRawCursor": "RawCursor",
    "AsyncRedisFlag": "RedisFlag",
    "AsyncSemaphore": "Semaphore",
    "AsyncSoldOutFlag": "SoldOutFlag",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "_core_async": "_core",
    "_guard_async": "_guard",
    "acquire_async": "acquire",
    "after_async": "after",
    "background_async": "background",
    "client_async": "client",
    "finish_async": "finish",
    "joined_async": "joined",
    "make_engine_async": "make_engine",
    "make_session_async": "make_session",
    "sleep_async": "sleep",
    "tasks of one event loop": "threads",
    "until_async": "until",
}
HEADER = (
    "# WARNING: this file is auto-generated from {source} by ops/dev/generate_sync.py.\n"
    "# Do not change it: change the source and generate again.\n"
)


def to_sync(text: str) -> str:
    """The sync twin of an async module."""
    text = re.sub(r"\b(?:async|await)\s+(?=[\w(])", "", text)
    words = "|".join(re.escape(name) for name in sorted(NAMES, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{words})(?!\w)", lambda found: NAMES[found.group()], text)


def ruff(*arguments: str, text: str) -> str:
    """What ruff makes of a text."""
    program = Path(sys.executable).with_name("ruff")
    command = [str(program) if program.exists() else "ruff", *arguments, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=ROOT, check=True)
    return done.stdout


def generated(source: str, target: str) -> str:
    """The text that the target is to have."""
    text = HEADER.format(source=Path(source).name) + to_sync((ROOT / source).read_text("utf-8"))
    name = f"--stdin-filename={target}"
    text = ruff(
        "check",
        "--quiet",
        "--fix-only",
        "--select=I,F401,SIM117",
        "--unsafe-fixes",
        name,
        text=text,
    )
    return ruff("format", "--quiet", name, text=text)


def main(arguments: list[str]) -> int:
    """Write or check all pairs; the exit status."""
    stale = 0
    for source, target in PAIRS.items():
        path = ROOT / target
        text = generated(source, target)
        if path.exists() and path.read_text("utf-8") == text:
            continue
        stale += 1
        print(f"{target} is not current" if "--check" in arguments else f"wrote {target}")
        if "--check" not in arguments:
            path.write_text(text, "utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
