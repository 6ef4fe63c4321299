"""Starting servers as an unprivileged user, and making sure that they end.

Root never runs PostgreSQL or PgBouncer: both refuse it. So every child is given to ``nobody`` where
we are root, and runs as ourselves where we are not.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import os
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.02
# sockaddr_un.sun_path holds 104 bytes on macOS, 108 on Linux; the name of the socket needs some.
_LONGEST_SOCKET_DIRECTORY = 80
# Ports are taken from below the range that the kernel gives to outgoing connections. Inside it, a
# client that retries while its server is down can be given the server's port and block it.
_PORTS = (20_000, 32_000)
_SCRATCH = "seckill-"
# Servers whose parent was killed take a moment to end.
_SWEEP_SECONDS = 60.0
_scratch_locks: dict[Path, int] = {}
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


class StartError(RuntimeError):
    """A server could not be started; the message is one line that says what to do."""


class PortTaken(StartError):
    """Another program listens on the port."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user and group that servers run as where we are root."""

    uid: int
    gid: int


@functools.cache
def service_account() -> Account | None:
    """Return the account for servers, or None where they run as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise StartError("this system has no user 'nobody': run seckill as a plain user") from None
    return Account(entry.pw_uid, entry.pw_gid)


def hand_over(path: Path) -> None:
    """Give a file or directory to the account that servers run as."""
    account = service_account()
    if account is not None:
        os.chown(path, account.uid, account.gid)


def reachable(directory: Path) -> bool:
    """Return whether servers may enter the directory's parents."""
    account = service_account()
    if account is None:
        return True
    for parent in directory.resolve().parents:
        with contextlib.suppress(FileNotFoundError):  # will be made, and made enterable
            state = parent.stat()
            if not state.st_mode & (0o100 if state.st_uid == account.uid else 0o001):
                return False
    return True


def make_scratch(name: str) -> Path:
    """Make an empty private directory, short enough for a socket, that servers own.

    TMPDIR is taken where it serves; some systems point root's at a directory closed to others.
    Give it back with :func:`remove_scratch`. What a killed process could not give back, the next
    one removes here.
    """
    for base in (tempfile.gettempdir(), "/tmp", "/var/tmp"):
        if len(base) < _LONGEST_SOCKET_DIRECTORY - 24 and reachable(Path(base, "x")):
            _sweep(Path(base))
            scratch = Path(tempfile.mkdtemp(prefix=f"{_SCRATCH}{name}-", dir=base))
            # The kernel drops the lock when we end, however we end.
            new = scratch / "lock.new"
            descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            new.rename(scratch / "lock")
            _scratch_locks[scratch] = descriptor
            hand_over(scratch)
            return scratch
    raise StartError("no temporary directory is open to the user 'nobody': set TMPDIR to one")


def remove_scratch(scratch: Path) -> None:
    """Remove what :func:`make_scratch` made."""
    shutil.rmtree(scratch, ignore_errors=True)
    descriptor = _scratch_locks.pop(scratch, None)
    if descriptor is not None:
        os.close(descriptor)


def _sweep(base: Path) -> None:
    """Remove scratch directories whose process was killed a minute ago or longer."""
    account = service_account()
    owner = account.uid if account else os.getuid()
    for scratch in base.glob(f"{_SCRATCH}*-*"):
        with contextlib.suppress(OSError):
            made = scratch.lstat()
            if made.st_uid != owner or time.time() - made.st_mtime < _SWEEP_SECONDS:
                continue
            with (scratch / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # BlockingIOError: in use
                shutil.rmtree(scratch, ignore_errors=True)


def write_private(path: Path, text: str, *, to_server: bool = False) -> None:
    """Write a file with mode 0600 in one step; ``to_server`` gives it to the servers' account."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    if to_server:
        hand_over(new)
    new.replace(path)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on at this moment."""
    first, last = _PORTS
    with contextlib.suppress(OSError, ValueError):
        lowest = int(_EPHEMERAL_RANGE.read_text().split()[0])
        if lowest > 12_000:
            first, last = min(first, lowest - 10_000), min(last, lowest)
    chooser = random.SystemRandom()
    for _ in range(200):
        port = chooser.randrange(first, last)
        if port_is_free(port):
            return port
    raise StartError(f"no free TCP port between {first} and {last} on 127.0.0.1")


def port_is_free(port: int) -> bool:
    """Return whether nothing is bound to the TCP port on 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _environment() -> dict[str, str]:
    # Only what a server needs: a PGOPTIONS or a proxy of the caller is none of its business.
    kept = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LD_PRELOAD", "FAKETIME")
    environment = {
        name: value
        for name, value in os.environ.items()
        if name in kept or name.startswith("FAKETIME_")
    }
    return environment | {"LC_ALL": "C", "TZ": "UTC"}


def run(arguments: Sequence[str | Path], *, cwd: Path) -> str:
    """Run a program to its end as the servers' account and return what it printed.

    Raises StartError with the last line that it wrote when it fails.
    """
    account = service_account()
    done = subprocess.run(
        arguments,
        cwd=cwd,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    if done.returncode != 0:
        said = done.stdout.strip().splitlines() or [f"exit status {done.returncode}"]
        raise StartError(f"{Path(arguments[0]).name} failed: {said[-1]}")
    return done.stdout


@functools.cache
def _can_tie_to_parent() -> bool:
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return False
    said = subprocess.run([setpriv, "--help"], capture_output=True, text=True, check=False)
    return "--pdeathsig" in said.stdout


def spawn(
    arguments: Sequence[str | Path], *, cwd: Path, log: Path, when_orphaned: signal.Signals
) -> subprocess.Popen[bytes]:
    """Start a server as the servers' account, its output appended to ``log``.

    It has its own session, so that Ctrl-C at the terminal reaches only us, who then stop it in
    order. On Linux the kernel sends it ``when_orphaned`` when we die without having done so. The
    kernel ties that to the *thread* that starts the child, so it is asked for in the main thread
    only.
    """
    # An open file per client; no core files of a server that was told to quit.
    shell = (
        'ulimit -c 0; ulimit -S -n 8192 2>/dev/null || ulimit -S -n "$(ulimit -H -n)"; exec "$@"'
    )
    command: list[str | Path] = ["/bin/sh", "-c", shell, "sh"]
    if _can_tie_to_parent() and threading.current_thread() is threading.main_thread():
        # setpriv runs after the change of user, which would clear the request.
        command += ["setpriv", "--pdeathsig", when_orphaned.name.removeprefix("SIG"), "--"]
    account = service_account()
    with log.open("ab") as output:
        return subprocess.Popen(
            [*command, *arguments],
            cwd=cwd,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


def wait_gone(child: subprocess.Popen[bytes], timeout: float) -> bool:
    """Wait at most ``timeout`` seconds for the child's end; return whether it has ended."""
    try:
        child.wait(timeout)
    except subprocess.TimeoutExpired:
        return False
    return True


def wait_until(done: functools.partial[bool], timeout: float) -> bool:
    """Ask ``done`` again and again, for at most ``timeout`` seconds; return its last answer."""
    deadline = time.monotonic() + timeout
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def remove_shared_memory(segment: int) -> None:
    """Remove the System V segment that a killed server left behind, where nobody uses it."""
    libc = ctypes.CDLL(None, use_errno=True)
    with contextlib.suppress(AttributeError):
        libc.shmctl(segment, 0, None)  # IPC_RMID is 0 on Linux and macOS alike


def tail(log: Path, start: int = 0, lines: int = 1) -> str:
    """Return the last lines that a server logged from byte ``start`` on, joined into one."""
    with contextlib.suppress(OSError), log.open("rb") as file:
        file.seek(start)
        text = file.read().decode("utf-8", "replace").strip().splitlines()
        return " / ".join(line.strip() for line in text[-lines:])
    return ""
