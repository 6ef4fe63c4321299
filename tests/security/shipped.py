"""The shipped configuration of PostgreSQL and PgBouncer, run as it is.

Only paths, ports and addresses are put in place of the examples', each of which must be there:
a file that was changed so that a replacement finds nothing fails the test. `edits` weaken a file on
purpose, for the controls that show that a check can fail.
"""

from __future__ import annotations

import secrets
import signal
import subprocess
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from seckill import migrate
from seckill.runtime import LOGINS, Postgres, process, provision
from seckill.runtime.binaries import find_pgbouncer
from tests.fix_database import wait_until

OPS = Path(__file__).parents[2] / "ops"
SERVER_ADDRESS = "127.0.0.1"
TESTS = "tests_superuser"
PORT_OF_POSTGRES = "port=5432"


def words(defaults: dict[str, object], options: dict[str, object]) -> str:
    """A connection string of libpq words."""
    return make_conninfo(**{name: str(value) for name, value in (defaults | options).items()})


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """The text with every change made; AssertionError where one finds nothing to change."""
    for old, new in changes.items():
        assert old in text, f"the shipped file no longer says {old!r}"
        text = text.replace(old, new)
    return text


def openssl(*arguments: str, cwd: Path) -> None:
    """Run openssl, which comes with Debian's PostgreSQL."""
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority for one test run, in a directory of its own."""

    directory: Path

    @classmethod
    def make(cls, directory: Path) -> Authority:
        """Make its key and its certificate, root.crt."""
        directory.mkdir()
        openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", "root.key", "-out", "root.crt", "-days", "2", "-subj", "/CN=throw-away"),
            cwd=directory,
        )
        return cls(directory)

    @property
    def root(self) -> Path:
        """Its own certificate, which others check by."""
        return self.directory / "root.crt"

    def issue(self, name: str, subject: str) -> tuple[Path, Path]:
        """Certificate and key of a server that is called `subject`: DNS:… or IP:…."""
        here = self.directory
        openssl(
            *("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}"),
            cwd=here,
        )
        (here / f"{name}.ext").write_text(f"subjectAltName={subject}\n")
        openssl(
            *("x509", "-req", "-in", f"{name}.csr", "-CA", "root.crt", "-CAkey", "root.key"),
            *("-CAcreateserial", "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.crt"),
            cwd=here,
        )
        return here / f"{name}.crt", here / f"{name}.key"


def install(source: Path, target: Path) -> None:
    """Copy a file for a server: mode 0600, its own."""
    process.write_private(target, source.read_text(), to_server=True)


@dataclass(frozen=True, slots=True)
class Place:
    """PostgreSQL with the shipped configuration, and what belongs to it."""

    postgres: Postgres
    authority: Authority
    passwords: Mapping[str, str]

    @property
    def superuser(self) -> str:
        """A superuser of the tests, by a line before the shipped ones.

        The shipped line for the superuser is `peer`, and the tests do not run as the server's user.
        """
        return self.direct(TESTS, dbname="seckill", sslmode="disable")

    def direct(self, user: str, *, host: str = SERVER_ADDRESS, **options: object) -> str:
        """A connection string past the pooler."""
        defaults: dict[str, object] = {
            "host": host,
            "port": self.postgres.port,
            "user": user,
            "password": self.passwords.get(user, "wrong"),
            "dbname": "seckill",
            "connect_timeout": 10,
        }
        return words(defaults, options)


@contextmanager
def shipped_postgres(bindir: Path, scratch: Path) -> Generator[Place]:
    """A server at head; first with the runtime's own rules, then with the shipped files."""
    authority = Authority.make(scratch / "authority")
    names = (provision.ADMIN, provision.POOLER, *LOGINS, "postgres", TESTS)
    passwords = {name: secrets.token_urlsafe(12) for name in names}
    with Postgres(bindir=bindir, password=passwords["postgres"]) as postgres:
        provision.prepare_server(postgres.dsn(), passwords)
        admin = f"{provision.ADMIN}:{passwords[provision.ADMIN]}"
        migrate.upgrade(f"postgresql://{admin}@{SERVER_ADDRESS}:{postgres.port}/seckill")
        provision.create_logins(postgres.dsn(), passwords)
        with psycopg.connect(postgres.dsn(dbname="seckill"), autocommit=True) as superuser:
            superuser.execute((OPS / "pgbouncer" / "auth_query.sql").read_bytes())
            made = sql.SQL("create role {} login superuser password {}")
            superuser.execute(made.format(sql.Identifier(TESTS), passwords[TESTS]))
        postgres.stop()

        tls = postgres.scratch / "tls"
        tls.mkdir(mode=0o700)
        process.hand_over(tls)
        certificate, key = authority.issue("postgres", f"IP:{SERVER_ADDRESS}")
        install(certificate, tls / "server.crt")
        install(key, tls / "server.key")
        data = postgres.data_dir
        settings = replaced(
            (OPS / "postgresql" / "seckill.conf").read_text(), {"/etc/postgresql/tls": str(tls)}
        )
        rules = replaced(
            (OPS / "postgresql" / "pg_hba.conf").read_text(),
            {"192.0.2.2/32": f"{SERVER_ADDRESS}/32"},
        )
        process.write_private(data / "seckill.conf", settings, to_server=True)
        way_in = f"host all {TESTS} {SERVER_ADDRESS}/32 scram-sha-256\n"
        process.write_private(data / "pg_hba.conf", way_in + rules, to_server=True)
        ours = (data / "postgresql.conf").read_text() + "\ninclude 'seckill.conf'\n"
        process.write_private(data / "postgresql.conf", ours, to_server=True)
        postgres.start()
        yield Place(postgres, authority, passwords)


@dataclass(frozen=True, slots=True)
class Pooler:
    """A running PgBouncer with the shipped configuration."""

    place: Place
    scratch: Path
    port: int
    console_password: str

    def dsn(self, user: str, **options: object) -> str:
        """A client's connection string: TLS, the pooler's certificate checked."""
        defaults: dict[str, object] = {
            "host": SERVER_ADDRESS,
            "port": self.port,
            "user": user,
            "password": self.place.passwords.get(user, self.console_password),
            "dbname": "seckill",
            "sslmode": "verify-full",
            "sslrootcert": self.place.authority.root,
            "connect_timeout": 10,
        }
        return words(defaults, options)

    def console(self, **options: object) -> str:
        """The console's connection string, over the socket."""
        defaults: dict[str, object] = {
            "host": self.scratch,
            "port": self.port,
            "user": "pgbouncer_console",
            "password": self.console_password,
            "dbname": "pgbouncer",
            "connect_timeout": 10,
        }
        return words(defaults, options)

    def log(self) -> str:
        """What it has written so far."""
        return (self.scratch / "log").read_text()


@contextmanager
def shipped_pgbouncer(
    place: Place,
    *,
    host: str = SERVER_ADDRESS,
    port: int | None = None,
    authority: Authority | None = None,
    edits: Mapping[str, str] | None = None,
) -> Generator[Pooler]:
    """PgBouncer in front of the place's server, or of what listens at `host` and `port`.

    `authority` is the one by which it checks the server's certificate.
    """
    scratch = process.make_scratch("tls")
    pooler = Pooler(place, scratch, process.free_port(), secrets.token_urlsafe(12))
    certificate, key = place.authority.issue("pooler", f"IP:{SERVER_ADDRESS}")
    install(certificate, scratch / "server.crt")
    install(key, scratch / "server.key")
    install((authority or place.authority).root, scratch / "root.crt")
    changes = {
        "host=postgres.example": f"host={host}",
        PORT_OF_POSTGRES: f"port={port or place.postgres.port}",
        "listen_addr = *": f"listen_addr = {SERVER_ADDRESS}",
        "listen_port = 6432": f"listen_port = {pooler.port}",
        "/var/run/postgresql": str(scratch),
        "/etc/pgbouncer": str(scratch),
    }
    files = {
        "pgbouncer.ini": replaced((OPS / "pgbouncer" / "pgbouncer.ini").read_text(), changes),
        "hba.conf": (OPS / "pgbouncer" / "hba.conf").read_text(),
        "userlist.txt": (
            f'"seckill_pooler" "{place.passwords["seckill_pooler"]}"\n'
            f'"pgbouncer_console" "{pooler.console_password}"\n'
        ),
    }
    for old, new in (edits or {}).items():
        touched = [name for name, text in files.items() if old in text]
        assert touched, f"no shipped file says {old!r}"
        files.update({name: files[name].replace(old, new) for name in touched})
    for name, text in files.items():
        process.write_private(scratch / name, text, to_server=True)
    (scratch / "log").touch(mode=0o600)
    child = process.spawn(
        [find_pgbouncer(), scratch / "pgbouncer.ini"],
        cwd=scratch,
        log=scratch / "log",
        when_orphaned=signal.SIGKILL,
    )
    try:
        socket = scratch / f".s.PGSQL.{pooler.port}"
        wait_until(lambda: socket.exists() or child.poll() is not None, "PgBouncer's socket")
        assert child.poll() is None, pooler.log()
        yield pooler
    finally:
        child.kill()
        child.wait()
        process.remove_scratch(scratch)
