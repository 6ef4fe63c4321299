"""pgspot and squawk find nothing without a reason, and would find what is wrong."""

from __future__ import annotations

import pytest

from ops.dev.lint_sql import EXCEPTIONS, judge, look_at, offline_script

# What somebody could write into the next revision, and the rule that sees it.
PLANTED = {
    "PS003": """
        create function seckill.leak () returns integer language plpgsql security definer
        as $function$ begin return 1; end $function$;""",
    "PS004": """
        create function seckill.leak () returns integer language plpgsql security definer
        set search_path = public, pg_temp as $function$ begin return 1; end $function$;""",
    "PS005": """
        create function seckill_private.leak () returns integer language plpgsql
        as $function$ begin return 1; end $function$;""",
    "PS002": """
        create or replace function public.leak () returns integer language plpgsql
        set search_path = pg_catalog, pg_temp as $function$ begin return 1; end $function$;""",
    # In bodies, also behind what is put into other words for pgspot.
    "PS001": """
        create procedure seckill.leak () language plpgsql
        as $function$
declare
  v_row seckill.ops_result;
begin
  v_row.quantity := 1;
  if v_row.quantity = 1 then null; end if;
end $function$;""",
    "PS016": """
        create function seckill.leak () returns setof integer language plpgsql
        as $function$ begin return next evil(); end $function$;""",
    "PS017": """
        create function seckill.leak () returns void language plpgsql
        as $function$ begin perform 1 from pool; end $function$;""",
    "require-concurrent-index-creation": "create index late on seckill_private.reservation (sku);",
    "adding-required-field": "alter table seckill_private.reservation add column a int not null;",
    "ban-drop-column": "alter table seckill_private.reservation drop column user_id;",
    "changing-column-type": "alter table seckill_private.activity alter column name type varchar;",
    "renaming-column": "alter table seckill_private.reservation rename column user_id to buyer;",
    "prefer-bigint-over-int": "create table seckill_private.later (counter integer not null);",
}


def test_the_offline_script_is_clean() -> None:
    findings, _ = look_at(offline_script())
    assert judge(findings) == []


@pytest.mark.parametrize("rule", PLANTED)
def test_a_mistake_is_found(rule: str) -> None:
    findings, _ = look_at(f"begin;\n{PLANTED[rule].strip()}\ncommit;\n")
    wrong = [line for line in judge(findings) if not line.startswith("no longer needed")]
    assert rule in {line.split(":")[0] for line in wrong}


def test_an_exception_that_nothing_needs_is_told() -> None:
    assert len(judge([])) == len(EXCEPTIONS)
