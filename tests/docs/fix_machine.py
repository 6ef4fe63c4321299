"""A machine for runbooks: PostgreSQL, PgBouncer and a sale, as a page's commands expect them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from seckill import migrate, resources
from seckill.doctor import catalog
from seckill.runtime import LOGINS, find_bindir, process
from seckill.runtime.provision import create_logins
from tests.fix_pgbouncer import PASSWORD
from tests.fix_revision import add_revision, copy_of_migrations

PAGES = Path(__file__).resolve().parents[2] / "ops" / "runbooks"

# Prints what each command with a claim says, and ends where it does not say it.
_PRELUDE = """\
set -eu -o pipefail
claimed() {
  said="$1"; claim="$2"
  printf '%s\\n' "$said"
  case "$said" in *"$claim"*) ;; *) echo "NOT SAID: $claim"; exit 99;; esac
}
"""

# `sudo -u postgres` of a system where PostgreSQL's account is the one that our servers run as.
_SUDO = """\
#!/bin/sh
[ "$1 $2" = "-u postgres" ] || exit 64
shift 2
cd {scratch} || exit 1
[ "$(id -u)" = 0 ] || exec "$@"
exec setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups -- "$@"
"""


@dataclass(slots=True)
class Machine:
    """Where a page is played.

    Attributes:
        scratch: all of it; owned by the servers' account.
        version: of PostgreSQL.
        port: of the server.
        pool_port: of the pooler.
        environment: of the page's shell.
    """

    scratch: Path
    version: str
    port: int
    pool_port: int
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def bindir(self) -> Path:
        return find_bindir(self.version)

    @property
    def data(self) -> Path:
        return self.scratch / "data"

    def dsn(self, user: str = "postgres", port: int | None = None) -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/seckill"

    @property
    def console_dsn(self) -> str:
        return f"postgresql://pgbouncer_console@127.0.0.1:{self.pool_port}/pgbouncer"

    def as_server(self, *words: str | Path) -> str:
        return process.run(words, cwd=self.scratch)

    def run(self, *statements: str, port: int | None = None) -> None:
        with psycopg.connect(self.dsn(port=port), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    def value(self, query: str) -> object:
        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            row = connection.execute(query.encode()).fetchone()
            assert row is not None
            return row[0]

    def make_server(self) -> None:
        self.as_server(
            self.bindir / "initdb", "-D", self.data, "--username=postgres", "--auth=trust",
            "--encoding=UTF8", "--locale=C.UTF-8",
        )  # fmt: skip
        settings = f"""
            listen_addresses = '127.0.0.1'
            port = {self.port}
            unix_socket_directories = '{self.scratch}'
            dynamic_shared_memory_type = mmap
            max_connections = 60
            shared_buffers = 32MB
            """
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write(textwrap.dedent(settings))
        self.control("start")
        with psycopg.connect(
            f"postgresql://postgres@127.0.0.1:{self.port}/postgres", autocommit=True
        ) as connection:
            connection.execute("create database seckill")
        migrate.upgrade(self.dsn())
        create_logins(self.dsn(), dict.fromkeys(LOGINS, PASSWORD))

    def control(self, verb: str, *words: str) -> None:
        """pg_ctl, and its end waited for."""
        log = f"{self.data}.log"
        self.as_server(
            "/bin/sh", "-c", 'exec "$@" > /dev/null 2>&1', "sh",
            self.bindir / "pg_ctl", "-D", self.data, "-w", "-l", log, *words, verb,
        )  # fmt: skip

    def make_pooler(self) -> None:
        users = "".join(f'"{name}" ""\n' for name in (*LOGINS, "postgres", "pgbouncer_console"))
        process.write_private(self.scratch / "userlist.txt", users, to_server=True)
        ini = f"""\
            [databases]
            seckill = host=127.0.0.1 port={self.port} dbname=seckill
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {self.pool_port}
            unix_socket_dir =
            pool_mode = transaction
            default_pool_size = 5
            server_login_retry = 1
            auth_type = trust
            auth_file = {self.scratch}/userlist.txt
            admin_users = pgbouncer_console
            logfile = {self.scratch}/pgbouncer.log
            pidfile = {self.scratch}/pgbouncer.pid
            """
        process.write_private(self.scratch / "pgbouncer.ini", textwrap.dedent(ini), to_server=True)

    def start_pooler(self) -> None:
        self.as_server("/bin/sh", "-c", 'exec "$@" > /dev/null 2>&1', "sh",
                       "pgbouncer", "-d", self.scratch / "pgbouncer.ini")  # fmt: skip

    def release(self, title: str, up: str, down: str) -> str:
        """Have the command line of a later release, with one revision more; its name.

        Its package lies as a wheel is unpacked. Clients of this process are those of today.
        """
        home = self.scratch / "release"
        package = home / "seckill"
        here = Path(migrate.__file__).parent
        shutil.copytree(here, package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(resources.procedures(), package / "_procedures")
        copy = copy_of_migrations(home)
        name = add_revision(copy, title, up, down)
        copy.rename(package / "_migrations")
        self.environment["PYTHONPATH"] = str(home)
        self._write_checksums(package / "_migrations" / catalog.MANIFEST, name)
        return name

    def _write_checksums(self, manifest: Path, revision: str) -> None:
        """As ops/dev/generate_checksums.py does, from a database at the release's head."""
        dsn = self.dsn().replace("/seckill", "/as_released")
        self.run("create database as_released")
        subprocess.run(["seckill", "migrate", "--admin-dsn", dsn], env=self.environment, check=True)
        with psycopg.connect(dsn, autocommit=True) as connection:
            definitions, grants = catalog.definitions(connection), catalog.grants(connection)
        self.run("drop database as_released")
        told = json.loads(manifest.read_text(encoding="utf-8"))
        rights: dict[str, list[str]] = {}
        for right, role in sorted(grants):
            rights.setdefault(right, []).append(role)
        told |= {
            "revision": revision,
            "definitions": definitions,
            "grants": {right: " ".join(who) for right, who in rights.items()},
        }
        manifest.write_text(json.dumps(told), encoding="utf-8")

    def play(self, page: str, variables: Mapping[str, str] | None = None, *, part: int = 0) -> str:
        """Type in the commands of a page; all that was to be seen.

        Args:
            page: its name.
            variables: that the page asks for, beside those of every page.
            part: where the page has a heading of `Then …`, the commands before it (1) or after (2).
        """
        script = script_of(page, part)
        done = subprocess.run(
            ["/bin/bash", "-c", script],
            cwd=self.scratch,
            env={**self.environment, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout


def script_of(page: str, part: int = 0) -> str:
    """The commands of a page; what a comment behind a command claims is compared."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    if part:
        text = re.split(r"^Then ", text, flags=re.MULTILINE)[part - 1]
    return script_in(text)


def script_in(text: str) -> str:
    """The commands of a text, behind what compares their claims."""
    blocks = re.findall(r"^( *)```sh\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)
    assert blocks, text
    lines = [_PRELUDE]
    for _, block in blocks:
        for line in textwrap.dedent(block).splitlines():
            command, marked, claim = line.partition("  # ")
            if marked:
                lines += [f"said=$({command} 2>&1) || true", f'claimed "$said" "{claim}"']
            else:
                lines.append(line)
    return "\n".join(lines)


@contextmanager
def machine(version: str = "18") -> Iterator[Machine]:
    """A machine whose server and pooler run; all its processes end with it."""
    with ExitStack() as stack:
        scratch = process.make_scratch("runbook")
        stack.callback(process.remove_scratch, scratch)
        made = Machine(scratch, version, process.free_port(), process.free_port())
        stack.callback(_end_all, made)
        programs = scratch / "programs"
        programs.mkdir()
        scripts = {
            "sudo": _SUDO.format(scratch=scratch),
            "seckill": f'#!/bin/sh\nexec {sys.executable} -P -m seckill "$@"\n',
        }
        for name, text in scripts.items():
            (programs / name).write_text(text, encoding="utf-8")
            (programs / name).chmod(0o755)
        kept = {name: value for name, value in os.environ.items() if "SECKILL" not in name}
        newest = find_bindir("18")
        made.environment = kept | {
            "PATH": f"{programs}:{newest}:{kept['PATH']}",
            "SECKILL_DSN": made.dsn("seckill_operator", made.pool_port),
            "SECKILL_ADMIN_DSN": made.dsn(),
            "SECKILL_CONSOLE_DSN": made.console_dsn,
            "PGBIN": str(made.bindir),
            "PGDATA": str(made.data),
            "PGBOUNCER_INI": str(scratch / "pgbouncer.ini"),
            "sale": "1",
        }
        made.make_server()
        made.make_pooler()
        made.start_pooler()
        yield made


def _end_all(made: Machine) -> None:
    """Whatever servers a page left running in its directory."""
    for pid_file in made.scratch.glob("*/postmaster.pid"):
        data = pid_file.parent
        stop = ("-m", "immediate", "-w", "stop")
        subprocess.run(
            [*_account(), find_bindir((data / "PG_VERSION").read_text().strip()) / "pg_ctl",
             "-D", data, *stop],
            cwd=made.scratch, check=False, capture_output=True,
        )  # fmt: skip
    pooler = made.scratch / "pgbouncer.pid"
    if pooler.exists():
        os.kill(int(pooler.read_text()), 9)


def _account() -> list[str]:
    account = process.service_account()
    if account is None:
        return []
    return ["setpriv", f"--reuid={account.uid}", f"--regid={account.gid}", "--clear-groups", "--"]
