"""The tests use no database and no Redis that the shell of whoever runs them names."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_what_the_shell_names_is_left_alone() -> None:
    real = ("SECKILL_DSN", "SECKILL_ADMIN_DSN", "SECKILL_CONSOLE_DSN", "SECKILL_REDIS_URL")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, tests.conftest\n"
            "print(*sorted(name for name in os.environ if 'SECKILL' in name))",
        ],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT / "pyapp"),
            "SECKILL_PG_BINDIR": "/kept",
            **dict.fromkeys(real, "real"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["SECKILL_PG_BINDIR"]  # where programs lie is for tests too
