"""The same for a plain user, who cannot give servers to anybody: they run as himself."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

from seckill.runtime.process import make_scratch, remove_scratch

SCRIPT = """
import os, psutil, psycopg
from seckill.runtime import PgBouncer, Postgres
with Postgres() as server, PgBouncer(server, users={"clerk": "secret"}) as pooler:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("create role clerk login password 'secret'")
    with psycopg.connect(pooler.dsn("clerk")) as connection:
        print(*connection.execute("select current_user").fetchone())
    print({psutil.Process(pid).uids().effective for pid in (server.pid, pooler.pid)})
    places = [server.socket_dir, pooler.socket_dir]
print([place for place in places if place.exists()])
"""


def as_plain_user(home: Path) -> dict[str, Any]:
    """Arguments for subprocess: another user where we are root, with our packages in reach."""
    packages = os.pathsep.join(
        [str(Path(__file__).parents[2] / "pyapp"), sysconfig.get_path("purelib")]
    )
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": packages}
    if os.geteuid() != 0:
        return {"env": environment}
    user = pwd.getpwnam("daemon")
    return {"env": environment, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def test_servers_of_a_plain_user() -> None:
    home = make_scratch("test")
    try:
        home.chmod(0o755)
        options = {"cwd": "/", "capture_output": True, "text": True, "check": False}
        options |= as_plain_user(home)
        for python in (sys.executable, "/usr/bin/python3"):
            try:  # the interpreter may lie where only root gets to
                if subprocess.run([python, "-c", "import psycopg"], **options).returncode == 0:
                    break
            except OSError:
                continue
        else:
            pytest.skip("no Python of this version is in reach of a plain user")
        done = subprocess.run([python, "-c", SCRIPT], **options, timeout=120)
    finally:
        remove_scratch(home)
    uid = options.get("user", os.getuid())
    assert done.stdout.splitlines() == ["clerk", f"{{{uid}}}", "[]"], done.stderr
