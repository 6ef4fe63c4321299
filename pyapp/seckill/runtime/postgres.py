"""One PostgreSQL server of our own."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import psutil
from psycopg.conninfo import make_conninfo

from seckill.runtime import process
from seckill.runtime.binaries import check_bindir, find_bindir, major_version, reachable_bindir
from seckill.runtime.process import PortTaken, StartError

StopMode = Literal["smart", "fast", "immediate"]

_STOP_SIGNALS: dict[StopMode, signal.Signals] = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
}
# Recovery after a crash of a well-filled server takes a while.
_START_SECONDS = 120.0
_STOP_SECONDS = 60.0

# fsync, synchronous_commit and full_page_writes stay as they come: on. What is sold stays sold.
DEFAULT_SETTINGS: Mapping[str, str] = {
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "password_encryption": "scram-sha-256",
    # A client that died while it waited for a lock must not buy afterwards.
    "client_connection_check_interval": "200ms",
    # Lives in the data directory and goes with it, and needs no large /dev/shm in a container.
    "dynamic_shared_memory_type": "mmap",
}


class Postgres:
    """A PostgreSQL server on 127.0.0.1 and on a private socket; a context manager.

    Logging in takes a password (SCRAM) on both.

    Args:
        data_dir: the cluster's directory, made where it is missing and kept. None: a temporary
            one that :meth:`close` removes.
        bindir: the directory with PostgreSQL's programs; None: :func:`find_bindir` decides.
        settings: server settings, over ``DEFAULT_SETTINGS``.
        port: the TCP port; None: any that is free, the same for the life of this object.
        password: the superuser's password, used when the cluster is made; None: a random one,
            which only suits a cluster that is not kept.

    Attributes:
        host: always ``127.0.0.1``.
        port: the TCP port, once started.
        socket_dir: the directory of the Unix socket, once started.
        superuser: always ``postgres``.
        log: the file that the server logs to.
    """

    host = "127.0.0.1"
    superuser = "postgres"

    def __init__(
        self,
        data_dir: Path | None = None,
        bindir: Path | None = None,
        settings: Mapping[str, str] | None = None,
        port: int | None = None,
        *,
        password: str | None = None,
    ) -> None:
        self._kept = data_dir is not None
        self._data_dir = data_dir.absolute() if data_dir is not None else None
        self._wanted_bindir = bindir
        self._settings = dict(settings or {})
        self._port = port
        self._port_is_fixed = port is not None
        self._password = password or secrets.token_urlsafe(18)
        self._scratch: Path | None = None
        self._bindir: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    # -- where it is -----------------------------------------------------------------------------

    @property
    def scratch(self) -> Path:
        """The private temporary directory, made on first use."""
        if self._scratch is None:
            self._scratch = process.make_scratch("pg")
            atexit.register(self.close)
        return self._scratch

    @property
    def data_dir(self) -> Path:
        """The cluster's directory."""
        if self._data_dir is None:
            self._data_dir = self.scratch / "data"
        return self._data_dir

    @property
    def socket_dir(self) -> Path:
        """The directory of the Unix socket, open to the server's account only."""
        return self.scratch

    @property
    def log(self) -> Path:
        """The file that the server logs to; beside the data where that is kept."""
        return self.data_dir.with_name("postgres.log") if self._kept else self.scratch / "log"

    @property
    def bindir(self) -> Path:
        """The directory with PostgreSQL's programs, as the server's account reaches them."""
        if self._bindir is None:
            wanted = self._wanted_bindir
            found = find_bindir() if wanted is None else check_bindir(wanted)
            self._bindir = reachable_bindir(found, self.scratch)
        return self._bindir

    @property
    def port(self) -> int:
        """The TCP port; raises StartError before the first start."""
        if self._port is None:
            raise StartError("PostgreSQL was not started yet")
        return self._port

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, or None when it does not run."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def dsn(
        self, user: str | None = None, dbname: str = "postgres", password: str | None = None
    ) -> str:
        """Return a connection URI over TCP.

        Args:
            user: the role; None: the superuser.
            dbname: the database.
            password: its password; None: the superuser's own, where it is the superuser.
        """
        user = user or self.superuser
        if password is None and user == self.superuser:
            password = self._password
        secret = "" if password is None else f":{password}"
        return f"postgresql://{user}{secret}@{self.host}:{self.port}/{dbname}"

    def socket_dsn(self, dbname: str = "postgres") -> str:
        """Return a connection string for the superuser over the private socket."""
        return make_conninfo(
            host=str(self.socket_dir),
            port=self.port,
            user=self.superuser,
            password=self._password,
            dbname=dbname,
        )

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the cluster where there is none, start the server and wait until it answers.

        Raises:
            StartError: with one line that says what to do.
        """
        if self.pid is not None:
            return
        self._make_cluster()
        self._clear_stale_lock()
        attempts = 1 if self._port_is_fixed else 10
        for attempt in range(1, attempts + 1):
            port = self._port if self._port is not None else process.free_port()
            try:
                self._launch(port)
            except PortTaken:
                if attempt == attempts:
                    raise
                continue
            self._port = port
            self._port_is_fixed = True  # poolers and clients know it from now on
            return

    def stop(self, mode: StopMode = "fast") -> None:
        """Stop the server and keep its data; does nothing when it does not run."""
        child, self._child = self._child, None
        if child is None or child.poll() is not None:
            return
        child.send_signal(_STOP_SIGNALS[mode])
        if not process.wait_gone(child, _STOP_SECONDS):
            child.send_signal(signal.SIGQUIT)
            if not process.wait_gone(child, 10):
                child.kill()
                child.wait()

    def kill(self) -> None:
        """Kill the postmaster (SIGKILL) and wait until it and all its children are gone."""
        child, self._child = self._child, None
        if child is None or child.poll() is not None:
            return
        children = psutil.Process(child.pid).children(recursive=True)
        child.kill()
        child.wait()
        # They notice the postmaster's death by themselves; one that hangs is helped along.
        if not process.wait_until(functools.partial(_all_gone, children), 10):
            for orphan in children:
                with contextlib.suppress(psutil.NoSuchProcess):
                    orphan.kill()
            process.wait_until(functools.partial(_all_gone, children), 10)

    def restart(self, mode: StopMode = "fast") -> None:
        """Stop and start the server on the same port."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """Stop the server and remove all that is not meant to be kept."""
        if os.getpid() != self._owner or self._scratch is None:
            return  # a forked child must not stop its parent's server
        self.stop()
        self._forget_shared_memory()
        process.remove_scratch(self._scratch)
        self._scratch = self._bindir = None
        if not self._kept:
            self._data_dir = None
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

    def _make_cluster(self) -> None:
        data = self.data_dir
        if (data / "PG_VERSION").exists():
            made_by = (data / "PG_VERSION").read_text().strip()
            ours = major_version(self.bindir)
            if made_by != ours:
                raise StartError(
                    f"{data} was made by PostgreSQL {made_by}, this is {ours}: set "
                    f"SECKILL_PG_BINDIR to version {made_by}, or choose another directory"
                )
            return
        if data.exists() and any(data.iterdir()):
            raise StartError(f"{data} is not empty and no PostgreSQL cluster: choose another")
        if not process.reachable(data):
            raise StartError(
                f"PostgreSQL runs as 'nobody' here, who may not enter {data.parent}: choose a "
                "directory below /var/lib or /srv, or run as a plain user"
            )
        # Made under another name: an interrupted initdb leaves nothing that looks whole.
        new = data.with_name(f"{data.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        data.parent.mkdir(parents=True, exist_ok=True)
        new.mkdir(mode=0o700)
        process.hand_over(new)
        password_file = self.scratch / "password"
        process.write_private(password_file, self._password + "\n", to_server=True)
        process.run(
            [
                self.bindir / "initdb",
                f"--pgdata={new}",
                f"--username={self.superuser}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                f"--locale={_locale()}",
                "--data-checksums",
            ],
            cwd=self.scratch,
        )
        password_file.unlink()
        new.rename(data)

    def _launch(self, port: int) -> None:
        settings = {
            **DEFAULT_SETTINGS,
            **self._settings,
            "listen_addresses": self.host,
            "port": str(port),
            "unix_socket_directories": str(self.socket_dir),
        }
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        self.log.touch(mode=0o600)
        logged = self.log.stat().st_size
        child = process.spawn(
            [self.bindir / "postgres", "-D", self.data_dir, *arguments],
            cwd=self.scratch,
            log=self.log,
            when_orphaned=signal.SIGINT,
        )
        ready = functools.partial(self._is_ready, child)
        try:
            if process.wait_until(ready, _START_SECONDS) and child.poll() is None:
                self._child = child
                return
        finally:
            if self._child is not child:
                child.kill()
                child.wait()
        # The last line often says only that the system is shut down; the reason stands before it.
        said = process.tail(self.log, logged, lines=8)
        if "Address already in use" in said:
            raise PortTaken(f"port {port} is taken: choose another")
        raise StartError(f"PostgreSQL did not start: {said or 'it logged nothing'}")

    def _lock_file(self) -> list[str]:
        try:
            return (self.data_dir / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _is_ready(self, child: subprocess.Popen[bytes]) -> bool:
        if child.poll() is not None:
            return True  # it will not get readier
        lines = self._lock_file()
        return len(lines) > 7 and lines[0] == str(child.pid) and lines[7].strip() == "ready"

    def _backends(self) -> list[int]:
        """Return the processes that have this cluster open."""
        found: list[int] = []
        data = str(self.data_dir.resolve())
        for candidate in psutil.process_iter(["name"]):
            with contextlib.suppress(psutil.Error):
                if "postgres" in candidate.name() and candidate.cwd() == data:
                    found.append(candidate.pid)
        return found

    def _await_backends(self, timeout: float = 3) -> list[int]:
        deadline = time.monotonic() + timeout
        while (found := self._backends()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def _clear_stale_lock(self) -> None:
        """Remove a lock file whose server is gone.

        PostgreSQL does so itself, unless the process id in it was given to another process of
        ours meanwhile, as happens all the time in containers.
        """
        lines = self._lock_file()
        if not lines:
            return
        # After a kill the backends need a moment to notice; a server whose parent died, a moment
        # to shut down. One that is in use stays.
        if self._await_backends():
            raise StartError(
                f"{self.data_dir} is in use by process {lines[0]}: stop that one first, or choose "
                "another directory"
            )
        (self.data_dir / "postmaster.pid").unlink(missing_ok=True)

    def _forget_shared_memory(self) -> None:
        # Only a killed server leaves its lock file, and with it a small segment of shared memory.
        lines = self._lock_file()
        if len(lines) > 6 and not self._backends():
            with contextlib.suppress(ValueError, IndexError):
                process.remove_shared_memory(int(lines[6].split()[1]))


def _all_gone(processes: list[psutil.Process]) -> bool:
    # Init may take its time to collect an orphan that has ended; it holds nothing any more.
    for candidate in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if candidate.is_running() and candidate.status() != psutil.STATUS_ZOMBIE:
                return False
    return True


def _locale() -> str:
    """Return a locale that sorts by code point and knows the letters of all scripts."""
    if os.uname().sysname == "Darwin":
        return "en_US.UTF-8"
    return "C.UTF-8"
