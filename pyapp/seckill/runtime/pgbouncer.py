"""PgBouncer in front of one PostgreSQL server, as a production set-up would run it.

Transaction pooling, SCRAM, and a console that only the private Unix socket leads to.
``ops/pgbouncer/`` has the same settings for a real installation, with comments.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from psycopg.conninfo import make_conninfo

from seckill.runtime import process
from seckill.runtime.binaries import find_pgbouncer
from seckill.runtime.postgres import Postgres
from seckill.runtime.process import PortTaken, StartError

CONSOLE_USER = "pgbouncer_console"
_START_SECONDS = 15.0

DEFAULT_SETTINGS: Mapping[str, str] = {
    "pool_mode": "transaction",
    "auth_type": "hba",
    "max_client_conn": "2000",
    # After PostgreSQL was restarted it is tried again every second, not every 15.
    "server_login_retry": "1",
    # A client waits this many seconds for a server connection, then gets an error (08P01).
    "query_wait_timeout": "30",
    "server_idle_timeout": "60",
    # Sent by JDBC and others at connect; it changes nothing that we rely on.
    "ignore_startup_parameters": "extra_float_digits",
    "log_connections": "0",
    "log_disconnections": "0",
    "log_stats": "0",
}

# First match decides. The console is reached through the socket only.
_HBA = f"""\
local  pgbouncer  {CONSOLE_USER}                scram-sha-256
local  pgbouncer  all                           reject
host   pgbouncer  all            127.0.0.1/32   reject
local  all        all                           scram-sha-256
host   all        all            127.0.0.1/32   scram-sha-256
"""


class PgBouncer:
    """PgBouncer on 127.0.0.1 and on a private socket; a context manager.

    Every database of the server is reached under its own name.

    Args:
        postgres: the server behind it. It must have been started once, so that its port is known;
            it need not run when the pooler starts.
        pool_size: server connections per database and role.
        users: role to password, or to the SCRAM verifier in PostgreSQL's ``pg_authid``. The
            roles that may log in, besides those that ``auth_query`` finds.
        auth_user: the role in ``users`` that runs ``auth_query``.
        auth_query: a query with ``$1`` for the role's name that returns name and verifier.
        settings: over ``DEFAULT_SETTINGS``.
        port: the TCP port; None: any that is free, the same for the life of this object.
        upstream: host and port to connect to in place of ``postgres``, such as a proxy's.

    Attributes:
        host: always ``127.0.0.1``.
        port: the TCP port, once started.
        socket_dir: the directory of the Unix socket.
        log: the file that PgBouncer logs to.
        users: may be changed; :meth:`reload` then makes it so.
        settings: likewise.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        postgres: Postgres,
        *,
        pool_size: int = 8,
        users: Mapping[str, str] | None = None,
        auth_user: str | None = None,
        auth_query: str | None = None,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
        upstream: tuple[str, int] | None = None,
    ) -> None:
        self.users = dict(users or {})
        self.settings = {
            **DEFAULT_SETTINGS,
            "default_pool_size": str(pool_size),
            **({"auth_query": auth_query} if auth_query else {}),
            **(settings or {}),
        }
        # Not for all: the console would look its users up as well, and let unknown ones wait.
        self._auth_user = f" auth_user={auth_user}" if auth_user else ""
        self._postgres = postgres
        self._upstream = upstream
        self._port = port
        self._port_is_fixed = port is not None
        self._console_password = secrets.token_urlsafe(18)
        self._scratch: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    # -- where it is -----------------------------------------------------------------------------

    @property
    def socket_dir(self) -> Path:
        """The private directory of the socket and the configuration, made on first use."""
        if self._scratch is None:
            self._scratch = process.make_scratch("pool")
            atexit.register(self.close)
        return self._scratch

    @property
    def log(self) -> Path:
        """The file that PgBouncer logs to."""
        return self.socket_dir / "log"

    @property
    def port(self) -> int:
        """The TCP port; raises StartError before the first start."""
        if self._port is None:
            raise StartError("PgBouncer was not started yet")
        return self._port

    @property
    def pid(self) -> int | None:
        """The process id, or None when it does not run."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def dsn(self, user: str, password: str | None = None, dbname: str = "postgres") -> str:
        """Return a connection URI through the pooler.

        Args:
            user: the role.
            password: its password; None: the one in ``users``, where that is no verifier.
            dbname: the database.
        """
        password = password if password is not None else self.users.get(user)
        secret = "" if password is None else f":{password}"
        return f"postgresql://{user}{secret}@{self.host}:{self.port}/{dbname}"

    @property
    def admin_dsn(self) -> str:
        """Connection string of the console, over the private socket.

        Use ``psycopg.connect(dsn, autocommit=True, prepare_threshold=None,
        cursor_factory=psycopg.ClientCursor)``: the console knows the simple protocol only.
        """
        return make_conninfo(
            host=str(self.socket_dir),
            port=self.port,
            user=CONSOLE_USER,
            password=self._console_password,
            dbname="pgbouncer",
        )

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the pooler and wait until it listens.

        Raises:
            StartError: with one line that says what to do.
        """
        if self.pid is not None:
            return
        program = find_pgbouncer()
        attempts = 1 if self._port_is_fixed else 10
        for attempt in range(1, attempts + 1):
            port = self._port if self._port is not None else process.free_port()
            try:
                self._launch(program, port)
            except PortTaken:
                if attempt == attempts:
                    raise
                continue
            self._port = port
            self._port_is_fixed = True  # clients know it from now on
            return

    def reload(self) -> None:
        """Write ``users`` and ``settings`` again and have the running pooler read them."""
        self._configure(self.port)
        if self._child is not None:
            self._child.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Stop the pooler at once, open transactions or not."""
        child, self._child = self._child, None
        if child is None or child.poll() is not None:
            return
        # From 1.23 on the first SIGTERM waits for the clients and the second does not.
        for _ in range(2):
            child.send_signal(signal.SIGTERM)
            if process.wait_gone(child, 0.5):
                return
        if not process.wait_gone(child, 5):
            child.kill()
            child.wait()

    def kill(self) -> None:
        """Kill the pooler (SIGKILL) and wait until it is gone."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()

    def restart(self) -> None:
        """Stop and start the pooler on the same port."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the pooler and remove its files."""
        if os.getpid() != self._owner or self._scratch is None:
            return  # a forked child must not stop its parent's pooler
        self.stop()
        process.remove_scratch(self._scratch)
        self._scratch = None
        atexit.unregister(self.close)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- steps -----------------------------------------------------------------------------------

    def _configure(self, port: int) -> Path:
        here = self.socket_dir
        host, upstream_port = self._upstream or (
            str(self._postgres.socket_dir),
            self._postgres.port,
        )
        users = {**self.users, CONSOLE_USER: self._console_password}
        settings = {
            **self.settings,
            "listen_addr": self.host,
            "listen_port": str(port),
            "unix_socket_dir": str(here),
            "auth_file": str(here / "userlist.txt"),
            "auth_hba_file": str(here / "hba.conf"),
            "admin_users": CONSOLE_USER,
        }
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        listed = "".join(f"{_quoted(name)} {_quoted(secret)}\n" for name, secret in users.items())
        config = here / "pgbouncer.ini"
        process.write_private(
            config,
            f"[databases]\n* = host={host} port={upstream_port}{self._auth_user}\n\n"
            f"[pgbouncer]\n{lines}",
            to_server=True,
        )
        process.write_private(here / "userlist.txt", listed, to_server=True)
        process.write_private(here / "hba.conf", _HBA, to_server=True)
        return config

    def _launch(self, program: Path, port: int) -> None:
        # Only a warning is logged when the port is taken, the socket alone would do for PgBouncer.
        if not process.port_is_free(port):
            raise PortTaken(f"port {port} is taken: choose another")
        config = self._configure(port)
        with contextlib.suppress(FileNotFoundError):  # a killed pooler leaves its socket
            (self.socket_dir / f".s.PGSQL.{port}").unlink()
        self.log.touch(mode=0o600)
        logged = self.log.stat().st_size
        child = process.spawn(
            [program, config], cwd=self.socket_dir, log=self.log, when_orphaned=signal.SIGKILL
        )
        listening = functools.partial(_listens_or_ended, child, port)
        try:
            up = process.wait_until(listening, _START_SECONDS) and child.poll() is None
            if up and "cannot listen on" not in process.tail(self.log, logged, lines=20):
                self._child = child
                return
        finally:
            if self._child is not child:
                child.kill()
                child.wait()
        said = process.tail(self.log, logged, lines=20)
        if "Address already in use" in said:
            raise PortTaken(f"port {port} is taken: choose another")
        raise StartError(f"PgBouncer did not start: {said or 'it logged nothing'}")


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _listens_or_ended(child: subprocess.Popen[bytes], port: int) -> bool:
    if child.poll() is not None:
        return True
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False
