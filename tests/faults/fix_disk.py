"""A small disk of its own (tmpfs), which can be filled up."""

from __future__ import annotations

import errno
import os
import random
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from seckill.runtime import process

_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Disk:
    """Where it is mounted."""

    path: Path

    def directory(self, name: str) -> Path:
        """A directory on it that belongs to the server's account."""
        made = self.path / name
        made.mkdir(mode=0o700)
        process.hand_over(made)
        return made

    def fill(self) -> None:
        """Leave no room at all."""
        junk = random.randbytes(_CHUNK)  # what a file system that compresses cannot make smaller
        file = os.open(self.path / "filler", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        size = _CHUNK
        try:
            while size:
                try:
                    os.write(file, junk[:size])
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2
        finally:
            os.close(file)

    def make_room(self) -> None:
        """Take away what `fill` wrote."""
        (self.path / "filler").unlink(missing_ok=True)


@contextmanager
def small_disk(megabytes: int) -> Generator[Disk]:
    """Mount one; skips the test where we may not: that needs root, and no program."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk: run this test as root")
    scratch = process.make_scratch("disk")
    mounted = scratch / "small"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "seckill", mounted],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        if done.returncode != 0:
            pytest.skip(f"root may mount nothing here: {done.stderr.strip()}")
        scratch.chmod(0o755)
        mounted.chmod(0o755)
        yield Disk(mounted)
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", mounted], check=True)
        process.remove_scratch(scratch)
