"""ops/compose.yaml, built and running: the stack of one test run, and what can be asked of it.

A run has a project of its own: its containers, networks, volumes, images, ports and secrets are
nobody else's, and all of them go with it.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import namedtuple_row

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "ops" / "compose.yaml"
ADDED = ROOT / "tests" / "containers" / "compose.yaml"
# Those that stay up, as shipped.
SERVERS = ("postgres", "pgbouncer", "valkey", "worker")
IMAGES = ("postgres", "pgbouncer", "valkey", "migrate")
ACCOUNTS = {
    "postgres": 10432,
    "pgbouncer": 10643,
    "valkey": 10637,
    "worker": 10532,
    "migrate": 10532,
}
BUILD_S = 1_800
PATIENCE_S = 300


class StackError(Exception):
    """Docker did not do what it was asked to."""


def why_not() -> str | None:
    """The reason why no containers can be run here; None where they can."""
    if shutil.which("docker") is None:
        return "no Docker engine: no docker command"
    try:
        for words, what in (
            (["info", "--format", "{{.ServerVersion}}"], "no Docker engine"),
            (["compose", "version"], "no Docker Compose"),
        ):
            done = subprocess.run(
                ["docker", *words], capture_output=True, text=True, check=False, timeout=30
            )
            if done.returncode != 0:
                said = (done.stderr or done.stdout).strip().splitlines()
                return f"{what}: {said[-1] if said else 'docker ' + words[0] + ' failed'}"
    except subprocess.TimeoutExpired:
        return "no Docker engine: it does not answer"
    return None


def run(
    words: Sequence[str], environment: Mapping[str, str], timeout_seconds: float = PATIENCE_S
) -> str:
    """Run a command to its end; what it printed.

    It has a session of its own: Ctrl-C in the terminal is ours to answer, not its. And the answer
    ends it with all that it started: `docker` leaves the work to a process of its own, which would
    go on and make containers after we had tidied up.
    """
    with subprocess.Popen(
        words,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, errors = process.communicate(timeout=timeout_seconds)
        except BaseException:
            with no_interrupts():
                end(process)
            raise
    if process.returncode != 0:
        last = "\n".join((out + errors).splitlines()[-40:])
        raise StackError(f"{' '.join(words)}: status {process.returncode}\n{last}")
    return out


def end(process: subprocess.Popen[str]) -> None:
    """End a process that leads a session, and the rest of its session."""
    for how, patience in ((signal.SIGTERM, 15), (signal.SIGKILL, 5)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        # Its pipes are open as long as one of them is there.
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=patience)
            return


@contextmanager
def no_interrupts() -> Generator[None]:
    """A second Ctrl-C does not stop what tidies up after the first."""
    before = {one: signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def free_ports(number: int) -> list[int]:
    """Ports of the loopback that nobody uses now."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@dataclass(frozen=True, slots=True)
class Stack:
    """The stack of this run."""

    project: str
    secrets: Path
    port: int
    valkey_port: int
    superuser_port: int
    network: str
    files: tuple[Path, ...] = field(default=(SHIPPED, ADDED), repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What compose.yaml lets its user choose."""
        return {
            "SECKILL_SECRETS": str(self.secrets),
            "SECKILL_TAG": self.project,
            "SECKILL_PORT": str(self.port),
            "SECKILL_VALKEY_PORT": str(self.valkey_port),
            "SECKILL_TEST_PORT": str(self.superuser_port),
            "SECKILL_NETWORK": self.network,
        }

    def compose(self, *words: str, timeout_seconds: float = PATIENCE_S) -> str:
        """A docker compose command; what it printed."""
        files = [word for file in self.files for word in ("--file", str(file))]
        return run(
            ["docker", "compose", "--project-name", self.project, *files, *words],
            self.environment,
            timeout_seconds,
        )

    def docker(self, *words: str) -> str:
        """Another docker command."""
        return run(["docker", *words], self.environment)

    def up(self) -> None:
        """Start what does not run, and wait until it is healthy."""
        self.compose("up", "--detach", "--wait", "--wait-timeout", "180")

    def down(self) -> None:
        """Take everything away that this run made; the layers that Docker caches stay."""
        with no_interrupts():
            # Nobody asks for the books any more: no need to wait for a clean end.
            words = ("--volumes", "--remove-orphans", "--rmi", "all", "--timeout", "2")
            self.compose("--profile", "*", "down", *words)

    # -- looking at it

    def container(self, service: str) -> str:
        """Its id, running or not."""
        found = self.compose("ps", "--all", "--quiet", service).split()
        if len(found) != 1:
            raise StackError(f"{len(found)} containers of {service}")
        return found[0]

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine says about it."""
        return json.loads(self.docker("inspect", self.container(service)))[0]

    def inside(self, service: str, *words: str) -> str:
        """Run a command in it, as its own account."""
        return self.compose("exec", "--no-TTY", service, *words)

    def logs(self, service: str) -> str:
        """All that it said."""
        said = self.compose("logs", "--no-color", "--no-log-prefix", service)
        # Some versions of Compose begin each line with an escape that erases it.
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", said)

    def healthy(self, service: str) -> bool:
        """Whether its health check says so."""
        state = self.inspect(service)["State"]
        return state["Running"] and state.get("Health", {}).get("Status") == "healthy"

    # -- ways in

    def secret(self, name: str) -> str:
        """The content of a secret."""
        return (self.secrets / name).read_text(encoding="utf-8").strip()

    def dsn(self, who: str = "buyer", **more: Any) -> str:
        """Through PgBouncer as shipped, from outside of the containers."""
        return make_conninfo(
            **{
                "host": "127.0.0.1",
                "port": self.port,
                "dbname": "seckill",
                "user": f"seckill_{who}",
                "password": self.secret(f"{who}_password"),
                "sslmode": "verify-full",
                "sslrootcert": str(self.secrets / "root.crt"),
                "connect_timeout": 10,
                **more,
            }
        )

    def superuser_dsn(self, dbname: str = "seckill") -> str:
        """The superuser, past PgBouncer: the tests' own way (relay.py)."""
        return make_conninfo(
            host="127.0.0.1",
            port=self.superuser_port,
            dbname=dbname,
            user="postgres",
            sslmode="disable",
            gssencmode="disable",
        )

    def connect(self, who: str, *, prepare_threshold: int | None = 0) -> psycopg.Connection[Any]:
        """An autocommit session with named rows; it prepares at once unless told otherwise."""
        return psycopg.connect(
            self.superuser_dsn() if who == "superuser" else self.dsn(who),
            autocommit=True,
            row_factory=namedtuple_row,
            prepare_threshold=prepare_threshold,
        )

    @property
    def redis_url(self) -> str:
        """The flag's store."""
        return f"redis://seckill:{self.secret('valkey_password')}@127.0.0.1:{self.valkey_port}/0"

    def console(self, command: str) -> str:
        """PgBouncer's console, from within its container: the only way to it."""
        return self.inside(
            "pgbouncer", "console", "--no-align", "--tuples-only", f"--command={command}"
        )


@contextmanager
def started() -> Generator[Stack]:
    """Build the images, start everything, and take it all away at the end, however that comes."""
    directory = Path(tempfile.mkdtemp(prefix="seckill-containers-"))
    pooler, valkey, superuser = free_ports(3)
    stack = Stack(
        project=f"seckill-test-{secrets.token_hex(3)}",
        secrets=directory / "secrets",
        port=pooler,
        valkey_port=valkey,
        superuser_port=superuser,
        # Not the stack's own default, which somebody may be using on this machine.
        network=f"172.30.{65 + secrets.randbelow(190)}",
    )
    try:
        run(["sh", str(ROOT / "ops/containers/make-secrets"), str(stack.secrets)], {})
        # One service for each image: three are made of the same.
        stack.compose("build", *IMAGES, timeout_seconds=BUILD_S)
        stack.up()
        yield stack
    except StackError as error:
        with suppress(StackError):
            logs = stack.compose("logs", "--no-color", "--tail", "30")
            raise StackError(f"{error}\n{logs}") from None
        raise
    finally:
        stack.down()
        shutil.rmtree(directory, ignore_errors=True)
