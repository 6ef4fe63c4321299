"""Write migrations/checksums.json: what `seckill doctor` compares a database with.

    python ops/dev/generate_checksums.py           write the file
    python ops/dev/generate_checksums.py --check   status 1 if it is not current

It is read from databases at head in the oldest and the newest PostgreSQL that we support, since
PostgreSQL 16 began to show some views differently. Both must be installed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import psycopg

from seckill import migrate
from seckill.doctor import catalog
from seckill.runtime import Postgres, find_bindir

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ops.dev.dump_schema import settle  # noqa: E402

MANIFEST = ROOT / "migrations" / catalog.MANIFEST
VERSIONS = ("15", "18")


def read(version: str) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """Digests and grants of a database at head, in a throw-away server of this version."""
    with Postgres(None, find_bindir(version), {"fsync": "off"}, None) as postgres:
        migrate.upgrade(postgres.dsn())
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            return catalog.definitions(connection), catalog.grants(connection)


def render() -> str:
    """The text of the file."""
    states = [read(version) for version in VERSIONS]
    found, granted = states[0]
    for definitions, grants in states[1:]:
        assert definitions.keys() == found.keys(), "PostgreSQL versions differ in what is installed"
        assert grants == granted, "PostgreSQL versions differ in what is granted"
    digests = {
        name: " ".join(sorted({definitions[name] for definitions, _ in states}))
        for name in sorted(found)
    }
    rights: dict[str, str] = {}
    for right, role in sorted(granted):
        rights[right] = f"{rights[right]} {role}" if right in rights else role
    manifest = {"revision": migrate.head(), "definitions": digests, "grants": rights}
    return json.dumps(manifest, indent=1) + "\n"


def main() -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Write migrations/checksums.json.")
    parser.add_argument("--check", action="store_true", help="only compare")
    return settle(MANIFEST, render(), parser.parse_args().check)


if __name__ == "__main__":
    sys.exit(main())
