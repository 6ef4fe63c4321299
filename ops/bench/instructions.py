"""Instructions of one call, counted by callgrind: the same on a busy machine and on an idle one.

    python ops/bench/instructions.py [--profile NAME] [--lines 40] [--json]

PostgreSQL runs alone under valgrind (which must be installed), without a client, and makes each
call 40 and 140 times, each in a transaction of its own; the difference is that of 100 calls with
all plans made. What the kernel does (the disk, the network) is not in it. --profile: where one kind
of call spends them, by function of PostgreSQL, what it calls included.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from costs import open_sales
from measure import runtime, show

from seckill.bench.scripts import SKU
from seckill.runtime import Runtime
from seckill.runtime.process import service_account

FEW, MANY = 40, 140
_PLAIN = """
create table public.plain (id bigint generated always as identity primary key, user_id text,
                           sku text, request_id uuid, at timestamptz default now())
"""
_CALLS = {
    "nothing": "perform i;",
    "plain insert": "insert into public.plain (user_id, sku, request_id)"
    " values ('u' || i, '{sku}', gen_random_uuid());",
    "refused": "perform status"
    " from seckill.reserve({gone}, 'u' || i, '{sku}', 1, gen_random_uuid());",
    "held, no limit": "perform status"
    " from seckill.reserve({free}, 'u' || i, '{sku}', 1, gen_random_uuid());",
    "held, one limit": "perform status"
    " from seckill.reserve({one}, 'u' || i, '{sku}', 1, gen_random_uuid());",
    "held, three limits": "perform status from seckill.reserve("
    "{three}, 'u' || i, '{sku}', 1, gen_random_uuid(), '*',"
    " jsonb_build_object('phone', 'p' || i, 'address', 'a' || i));",
}


@dataclass(frozen=True, slots=True)
class Stand:
    """A stopped cluster, and where its copies are run.

    Attributes:
        data: the cluster's directory.
        bindir: the directory with PostgreSQL's programs.
        scratch: for copies and counts.
        sales: what the calls name.
    """

    data: Path
    bindir: Path
    scratch: Path
    sales: dict[str, int]

    def count(self, name: str, calls: int) -> Path:
        """Make some calls of a kind; the file with the counts."""
        copy, counts = self.scratch / "copy", self.scratch / f"{calls}.callgrind"
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-a", self.data, copy], check=True)
        counts.unlink(missing_ok=True)
        body = _CALLS[name].format(sku=SKU, **self.sales)
        account = service_account()
        done = subprocess.run(
            [
                *("valgrind", "--tool=callgrind", f"--callgrind-out-file={counts}"),
                *(self.bindir / "postgres", "--single", "-j", "-D", copy),
                *("-c", "fsync=off", "seckill"),
            ],
            input=f"do $$ begin for i in 1 .. {calls} loop {body} commit; end loop; end $$;\n\n",
            text=True,
            capture_output=True,
            check=True,
            cwd=self.scratch,
            env={"LC_ALL": "C", "PATH": os.environ["PATH"]},
            user=account.uid if account else None,
            group=account.gid if account else None,
        )
        if wrong := re.search(r"(?:ERROR|FATAL): .*", done.stdout + done.stderr):
            raise SystemExit(f"{name}: {wrong[0]}")
        return counts


def totals(stand: Stand, name: str) -> tuple[float, dict[str, float]]:
    """Instructions of one call, and by function."""
    few, many = (by_function(stand.count(name, calls)) for calls in (FEW, MANY))
    each = {key: (many[key] - few[key]) / (MANY - FEW) for key in many}
    return each.pop("PROGRAM TOTALS"), each


def by_function(counts: Path) -> Counter[str]:
    """What callgrind counted, callees included."""
    printed = subprocess.run(
        ["callgrind_annotate", "--inclusive=yes", "--threshold=100", counts],
        text=True,
        capture_output=True,
        check=True,
    ).stdout
    found: Counter[str] = Counter()
    for number, name in re.findall(r"^ *([\d,]+) \([\d. %]+\) +(.+)$", printed, re.MULTILINE):
        # A function within itself is listed once more, as its name with a number.
        if not re.search(r"'\d+(?: \[|$)", name):
            found[re.sub(r"^\S*:| \[.*$", "", name)] += int(number.replace(",", ""))
    return found


def stop(running: Runtime, sales: dict[str, int]) -> Stand:
    """Stop the server; its cluster is copied for each count."""
    with psycopg.connect(running.superuser_dsn, autocommit=True) as connection:
        connection.execute(_PLAIN)
    running.postgres.stop()
    scratch = running.postgres.scratch / "counts"
    scratch.mkdir()
    if account := service_account():
        os.chown(scratch, account.uid, account.gid)
    return Stand(running.postgres.data_dir, running.postgres.bindir, scratch, sales)


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description="Instructions of one call.")
    parser.add_argument("--profile", choices=tuple(_CALLS), help="by function")
    parser.add_argument("--lines", type=int, default=40, help="of the profile")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if shutil.which("valgrind") is None:
        sys.exit("instructions: valgrind is not installed")
    with runtime() as running:
        stand = stop(running, open_sales(running))
        if options.profile:
            total, each = totals(stand, options.profile)
            found: dict[str, Any] = {
                "total": total,
                **dict(Counter(each).most_common(options.lines)),
            }
        else:
            found = {name: totals(stand, name)[0] for name in _CALLS}
    if options.json:
        print(json.dumps(found))
        return
    title = options.profile or "instructions of the server process"
    show(title, ("", "instructions"), [(name, f"{count:,.0f}") for name, count in found.items()])


if __name__ == "__main__":
    main()
