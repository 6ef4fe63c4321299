"""Pairs of calls, each against its row of pairs.md (checks_pairs.py).

Where a rule changes, SECKILL_WRITE_PAIRS=1 with `-n 0` writes the table anew; read the difference
before you commit it.
"""

from __future__ import annotations

import os

import pytest

from tests.concurrency import checks_pairs as checks
from tests.fix_database import Database

HEAD = """\
# Two calls side by side

Executed by `test_pairs.py`, which also writes it. The pool has 5 units: one is sold (to Paul), one
held (by Ann), one of a hold that has ended (Dora's), two are available. `reserve` wants two,
`confirm` and `cancel` are Ann's, `refund` is Paul's, `revoke` and `drain` set the total to 1,
`limit` allows one unit a user. The first call is served first; both have begun before either is.
But `limit` waits for no pool: beside the calls of buyers it is set before they have theirs, and a
purchase is judged by the limits that it read. Answers are statuses (`late`, and `again` for a
replay), numbers of expired holds, or the codes of errors; then the units of the pool, as total =
available + held + sold, and of the inventory.

| first | second | answer of the first | of the second | pool | inventory |
| --- | --- | --- | --- | --- | --- |
"""


@pytest.mark.targets("18-direct")
@pytest.mark.parametrize("first", checks.CALLS)
def test_pairs(db: Database, first: str) -> None:
    if os.environ.get("SECKILL_WRITE_PAIRS"):
        if first == next(iter(checks.CALLS)):
            checks.TABLE.write_text(HEAD, encoding="utf-8")
        with checks.TABLE.open("a", encoding="utf-8") as table:
            for second in checks.CALLS:
                cells = [first, second, *checks.outcome(db, first, second)]
                table.write(f"| {' | '.join(cells)} |\n")
    for second in checks.CALLS:
        checks.pair(db, first, second)


def test_the_table_is_complete() -> None:
    assert set(checks.committed()) == {(a, b) for a in checks.CALLS for b in checks.CALLS}
