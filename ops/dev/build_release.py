"""Build the wheel of this release and keep it, for the tests of the releases after it.

    python ops/dev/build_release.py            writes tests/compatibility/seckill-VERSION-….whl
    python ops/dev/build_release.py --check    exit 1 unless that is what this tree builds

The last step before a release is tagged: commit the wheel, tag that commit. The same tree gives the
same bytes. tests/compatibility/ runs the client in it against every later schema.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "compatibility"
# What goes into a wheel. Files that git does not know would go in too.
SOURCES = ("LICENSE", "README.md", "migrations", "procedures", "pyapp", "pyproject.toml")
_EPOCH = "1577836800"  # 2020-01-01; the time of every file in it


def build(directory: Path) -> Path:
    """Build the wheel of this tree into a directory; needs no network."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": _EPOCH},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    (wheel,) = directory.glob("*.whl")
    return wheel


def uncommitted() -> list[str]:
    """Files of the wheel that are not as git has them."""
    done = subprocess.run(
        ["git", "status", "--porcelain", "--untracked-files=all", "--", *SOURCES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [line[3:] for line in done.stdout.splitlines()]


def main(arguments: list[str]) -> int:
    """Write or check; the exit status."""
    if changed := uncommitted():
        print(f"not committed: {', '.join(changed)}", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as directory:
        wheel = build(Path(directory))
        kept = KEPT / wheel.name
        current = kept.exists() and kept.read_bytes() == wheel.read_bytes()
        if "--check" not in arguments and not current:
            kept.write_bytes(wheel.read_bytes())
    name = kept.relative_to(ROOT)
    if "--check" in arguments:
        print(f"{name} is {'' if current else 'not '}what this tree builds")
        return 0 if current else 1
    print(f"{name} {'is current' if current else 'written: commit it, then tag'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
