"""An expand revision is applied and taken back, again and again, in the middle of a sale.

It adds a column to the ledger, a table and a function, and replaces every function of ours: no call
may fail, and none may even be without an answer.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from migrations import freeze
from seckill import migrate, resources
from tests.faults.fix_round import Round, each_way

_TIMES = 2
_NAME = "0002_expand_trial"

_REVISION = f"""\
from alembic import op

revision = "{_NAME}"
down_revision = "0001_core"


def upgrade() -> None:
    op.run_sql_file("{_NAME}/up.sql")


def downgrade() -> None:
    op.run_sql_file("{_NAME}/down.sql")
"""
_BEGIN = "set local lock_timeout = '3s';\nset local role seckill_owner;\n"
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
    living = "\n".join(freeze.living_files(resources.procedures()).values())
    copy = tmp_path / "migrations"
    shutil.copytree(resources.migrations(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "versions" / f"{_NAME}.py").write_text(_REVISION.replace("0001_core", head))
    sql = copy / "sql" / _NAME
    sql.mkdir()
    (sql / "up.sql").write_text(_BEGIN + _UP + living + "\nreset role;\n")
    (sql / "down.sql").write_text(_BEGIN + living + _DOWN + "reset role;\n")
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
            assert migrate.current(dsn) == _NAME
            crowd.wait_for_more(30)
            migrate.downgrade(dsn, made_before)
            fault.faults += 2
        crowd.wait_for_more(30)
    verdict = fault.judge()
    assert (verdict.unknown, verdict.failed) == (0, 0)
