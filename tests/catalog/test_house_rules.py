"""Every function obeys the house rules, and every rule can see the fault it is there for."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import Connection

from tests.catalog.house_rules import Fault, faults

PINNED = "set search_path = pg_catalog, pg_temp"
GOOD = f"""
create function seckill_private.bad (p_a integer) returns integer language plpgsql {PINNED}
as $$ begin return p_a; end $$;
comment on function seckill_private.bad (integer) is 'Good, in fact.'"""

# name of the function or type: "bad"; what each statement does wrong stands in the rule.
BAD: dict[str, str] = {
    "is not owned by seckill_owner": f"""
        create function seckill_private.bad () returns integer language plpgsql {PINNED}
        as $$ begin return 1; end $$;
        alter function seckill_private.bad owner to postgres""",
    "has no comment": f"""
        create function seckill_private.bad () returns integer language plpgsql {PINNED}
        as $$ begin return 1; end $$""",
    "does not pin search_path": """
        create function seckill_private.bad () returns integer language plpgsql
        as $$ begin return 1; end $$""",
    "of the API is not security definer": f"""
        create function seckill.bad () returns integer language plpgsql {PINNED}
        as $$ begin return 1; end $$""",
    "is private and security definer": f"""
        create function seckill_private.bad () returns integer language plpgsql security definer
        {PINNED} as $$ begin return 1; end $$""",
    "may be executed by PUBLIC": """
        create function seckill_private.bad () returns integer language sql return 1;
        grant execute on function seckill_private.bad () to public""",
    "has an argument without p_": """
        create function seckill_private.bad (p_a integer, b integer) returns integer
        language sql return 1""",
    "has an overload": """
        create function seckill_private.bad (p_a integer) returns integer language sql return 1;
        create function seckill_private.bad (p_a bigint) returns integer language sql return 1""",
    "of the API returns out parameters": """
        create function seckill.bad (p_a integer) returns table (b integer)
        language sql begin atomic select 1; end""",
    "has a body that is too long": f"""
        create function seckill_private.bad () returns integer language plpgsql {PINNED}
        as $$ begin {chr(10) * 80} return 1; end $$""",
    "writes or locks and is not volatile": f"""
        create function seckill_private.bad () returns integer language plpgsql stable {PINNED}
        as $$ begin perform from seckill_private.pool_slot for update; return 1; end $$""",
    "reads tables or the clock and is immutable": f"""
        create function seckill_private.bad () returns timestamptz language plpgsql immutable
        {PINNED} as $$ begin return clock_timestamp(); end $$""",
    "is a result whose first field is not status text": """
        create type seckill.bad_result as (reservation_id bigint, status text)""",
    "is a type without comment": """
        create type seckill.bad as (status text)""",
    "is a relation without comment": """
        create table seckill_private.bad (id bigint)""",
}


def test_every_function_obeys_the_house_rules(superuser: Connection[Any]) -> None:
    assert faults(superuser) == []


def test_a_good_function_is_not_reported(superuser: Connection[Any]) -> None:
    before = faults(superuser)
    superuser.execute("set role seckill_owner")
    superuser.execute(GOOD.encode())
    assert faults(superuser) == before


@pytest.mark.parametrize("rule", BAD)
def test_a_broken_rule_is_reported(superuser: Connection[Any], rule: str) -> None:
    with superuser.transaction(force_rollback=True):
        superuser.execute("set local role seckill_owner")
        # `alter … owner to postgres` needs more than the owner may.
        for statement in BAD[rule].split(";\n"):
            if "owner to postgres" in statement:
                superuser.execute("reset role")
            superuser.execute(statement.encode())
        reported = faults(superuser)
    assert rule in {fault.rule for fault in reported if ".bad" in fault.name}


def test_a_search_path_that_ends_elsewhere_is_not_pinned(superuser: Connection[Any]) -> None:
    """pg_temp is searched first where it is not named, so a path must end with it."""
    with superuser.transaction(force_rollback=True):
        superuser.execute(
            """create function seckill_private.bad () returns integer language plpgsql
               set search_path = pg_temp, pg_catalog as $$ begin return 1; end $$"""
        )
        reported = faults(superuser)
    assert Fault("seckill_private.bad", "does not pin search_path") in reported
