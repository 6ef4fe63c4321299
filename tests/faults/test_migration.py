"""An expand revision is applied and taken back, again and again, in the middle of a sale.

It adds a column to the ledger, a table and a function, and replaces every function of ours: no call
may fail, and none may even be without an answer.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from seckill import migrate, resources
from tests.faults.fix_round import Round, each_way
from tests.fix_revision import add_revision, all_functions, copy_of_migrations

_TIMES = 2
_UP = """
alter table seckill_private.movement add column trial text;
create table seckill_private.trial (trial_id bigint primary key);
create function seckill.trial () returns text language sql return 'trial';
"""
_DOWN = """
drop function seckill.trial ();
drop table seckill_private.trial;
alter table seckill_private.movement drop column trial;
"""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def made_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The newest revision, to which one more is added."""
    head = migrate.head()
    copy = copy_of_migrations(tmp_path)
    functions = all_functions()
    add_revision(copy, "expand_trial", up=_UP + functions, down=functions + _DOWN)
    monkeypatch.setattr(resources, "migrations", lambda: copy)
    return head


@each_way("migration up and down", "batch", "now", quick=("batch",))
def test_up_and_down(fault: Round, way: str, made_before: str) -> None:
    dsn = fault.runtime.admin_dsn
    before = migrate.current(dsn)
    assert before == made_before
    with fault.buyers(way, timeout_ms=20_000) as crowd:
        for _ in range(_TIMES):
            crowd.wait_for_more(30)
            migrate.upgrade(dsn)
            assert migrate.current(dsn) == migrate.head()
            crowd.wait_for_more(30)
            migrate.downgrade(dsn, made_before)
            fault.faults += 2
        crowd.wait_for_more(30)
    verdict = fault.judge()
    assert (verdict.unknown, fault.errors()) == (0, [])
