"""Write migrations/checksums.json: what `seckill doctor` compares a database with.

    python ops/dev/generate_checksums.py           write the file
    python ops/dev/generate_checksums.py --check   status 1 if it is not current

It is read from databases at head in the oldest and the newest PostgreSQL that we support, since
PostgreSQL 16 began to show some views differently. Both must be installed. And from copies that
were restored from a dump, in the same version and in the newer one (pg_upgrade does that, too): of
a body that is stored parsed they have what was shown, parsed again, and that is not always shown
alike.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import ExitStack
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
_ROUNDS = 5


State = tuple[dict[str, str], set[tuple[str, str]]]


def read(dsn: str) -> State:
    """Digests and grants of a database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        return catalog.definitions(connection), catalog.grants(connection)


def restore(source: Postgres, dbname: str, target: Postgres, name: str) -> None:
    """Restore the dump of a database into a new one of that server, which has the roles."""
    with psycopg.connect(target.dsn(), autocommit=True) as connection:
        connection.execute(f"create database {name}".encode())
    # By the source's own program: a newer minor release may keep what an older one cannot read.
    dump = [source.bindir / "pg_dump", "--schema-only", source.dsn(dbname=dbname)]
    load = [target.bindir / "psql", "-Xq", "-v", "ON_ERROR_STOP=1", target.dsn(dbname=name)]
    text = subprocess.run(dump, check=True, capture_output=True).stdout
    subprocess.run(load, check=True, input=text, stdout=subprocess.DEVNULL)


def states() -> list[State]:
    """Of a database at head in each version, and of copies until they are shown as their source."""
    with ExitStack() as stack:
        servers: list[Postgres] = []
        seen: list[State] = []
        for version in VERSIONS:
            server = stack.enter_context(
                Postgres(None, find_bindir(version), {"fsync": "off"}, None)
            )
            servers.append(server)
            migrate.upgrade(server.dsn())
            for number, source in enumerate(servers):
                if source is server:
                    seen.append(read(server.dsn()))
                seen += copies(source, server, f"copy_{number}")
        return seen


def copies(source: Postgres, server: Postgres, name: str) -> list[State]:
    """Of a copy in that server, of a copy of the copy, and so on."""
    restore(source, "postgres", server, f"{name}_0")
    seen = [read(server.dsn(dbname=f"{name}_0"))]
    for again in range(1, _ROUNDS):
        restore(server, f"{name}_{again - 1}", server, f"{name}_{again}")
        seen.append(read(server.dsn(dbname=f"{name}_{again}")))
        if seen[-1] == seen[-2]:
            return seen
    raise AssertionError("what is shown changes with every restore")


def render() -> str:
    """The text of the file."""
    everywhere = states()
    (found, granted), *others = everywhere
    for definitions, grants in others:
        assert definitions.keys() == found.keys(), "PostgreSQL versions differ in what is installed"
        assert grants == granted, "PostgreSQL versions differ in what is granted"
    digests = {
        name: " ".join(sorted({definitions[name] for definitions, _ in everywhere}))
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
