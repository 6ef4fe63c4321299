"""Hostile arguments: only documented errors, and a refusal leaves every table as it was.

The functions and their arguments come from the catalogue, so a new one is fuzzed without a line
here (good arguments for it are needed, though). Values go over as text and are cast, so that also
what is no number or date at all can be tried.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from psycopg import Connection

from tests.fix_database import Database, new_database
from tests.fix_pgbouncer import Poolers
from tests.fix_postgres import IN_CI, Server
from tests.fix_sale import Sale, add_units, confirm, one, open_sale, reserve, violations
from tests.procedures.fuzz_values import VALUES
from tests.procedures.instants import PRIVATE_NAMES

SEED = int(os.environ.get("SECKILL_FUZZ_SEED", "20301111"))
EXAMPLES = int(os.environ.get("SECKILL_FUZZ_EXAMPLES", "150" if IN_CI else "40"))

DOCUMENTED = {f"SK00{number}" for number in range(1, 9)}
REFUSALS = {
    *("not_started", "paused", "ended", "sold_out", "not_eligible", "limit_exceeded", "busy"),
    "error",
}
DECIDERS = {"reserve", "reserve_lines", "reserve_batch", "reserve_now", "confirm_batch"}


@dataclass(frozen=True, slots=True)
class Function:
    """A public function, or procedure, as the catalogue has it: its arguments with their types."""

    name: str
    arguments: dict[str, str]
    is_procedure: bool


@dataclass(slots=True)
class Shop:
    """A database with a sale in it, whose tables can be compared."""

    operator: Connection[Any]
    superuser: Connection[Any]
    good: dict[str, str]
    functions: dict[str, Function]
    hash_query: str = field(repr=False)
    cast_errors: dict[tuple[str, str | None], str | None] = field(repr=False)
    hashed: str = ""

    def state(self) -> str:
        """A hash over every row of every table."""
        row = self.superuser.execute(self.hash_query.encode(), prepare=True).fetchone()
        assert row is not None
        return row.hash

    def call(self, function: Function, changes: dict[str, str | None]) -> tuple[str | None, Any]:
        """Call with good arguments but for these: (error code, None), or (None, rows)."""
        values = {name: self.good_value(function, name) for name in function.arguments} | changes
        named = ", ".join(
            f"{name} => %({name})s::text::{kind}" for name, kind in function.arguments.items()
        )
        how = "call" if function.is_procedure else "select * from"
        query = f"{how} seckill.{function.name}({named})"
        try:
            return None, self.operator.execute(query.encode(), values).fetchall()
        except psycopg.Error as error:
            if error.sqlstate in DOCUMENTED:
                said = f"{error.diag.message_detail}\n{error.diag.context}"
                assert not PRIVATE_NAMES.search(said), said
            # Without a code the client itself has refused (NUL).
            return error.sqlstate or "client", None

    def good_value(self, function: Function, name: str) -> str | None:
        """An argument with which the call works."""
        if name == "p_request_id":
            return str(uuid4()) if function.name != "find_reservation" else self.good[name]
        return self.good.get(f"{function.name}.{name}", self.good.get(name))

    def cast_error(self, kind: str, value: str | None) -> str | None:
        """The error with which this text is no value of that type at all."""
        known, key = self.cast_errors, (kind, value)
        if key not in known:
            known[key] = None
            try:
                self.operator.execute(f"select %s::text::{kind}".encode(), [value])
            except psycopg.Error as error:
                known[key] = error.sqlstate or "client"
        return known[key]

    def judge(self, function: Function, changes: dict[str, str | None]) -> None:
        """Call, and compare code and tables with what is documented."""
        allowed = DOCUMENTED | {
            error
            for name, value in changes.items()
            if (error := self.cast_error(function.arguments[name], value))
        }
        code, rows = self.call(function, changes)
        assert code is None or code in allowed, (function.name, code, short(changes))
        before, self.hashed = self.hashed, self.state()
        refused = function.name in DECIDERS and rows and all(r.status in REFUSALS for r in rows)
        if code is not None or refused:
            assert self.hashed == before, (function.name, code, short(changes))


def short(changes: dict[str, str | None]) -> dict[str, str | None]:
    """The arguments, fit for a message."""
    return {name: value and value[:60] for name, value in changes.items()}


HASH_ONE = "select {name!r} as name, md5(coalesce(string_agg(t::text, '|' order by t::text), ''))"


def hash_query(superuser: Connection[Any]) -> str:
    """The query that hashes all tables."""
    rows = superuser.execute(
        """
        select format('%I.%I', n.nspname, c.relname) as name
          from pg_class as c
          join pg_namespace as n on n.oid = c.relnamespace
         where n.nspname in ('seckill', 'seckill_private')
           and c.relkind in ('r', 'p') and not c.relispartition
         order by 1"""
    ).fetchall()
    parts = " union all ".join(
        f"{HASH_ONE.format(name=row.name)} as hash from {row.name} as t" for row in rows
    )
    return f"select md5(string_agg(name || hash, ',' order by name)) as hash from ({parts}) as x"


def public_functions(superuser: Connection[Any]) -> dict[str, Function]:
    """What the catalogue says of schema seckill."""
    rows = superuser.execute(
        """
        select p.proname as name, p.prokind = 'p' as is_procedure,
               p.proargnames[:p.pronargs] as names,
               array(select format_type(t.oid, null)
                       from unnest(p.proargtypes) with ordinality as t (oid, n)
                      order by t.n) as types
          from pg_proc as p
         where p.pronamespace = 'seckill'::regnamespace
         order by 1"""
    ).fetchall()
    return {
        row.name: Function(
            row.name,
            # A procedure's answer stands among its arguments.
            {
                name: kind
                for name, kind in zip(row.names or [], row.types, strict=True)
                if name.startswith("p_")
            },
            row.is_procedure,
        )
        for row in rows
    }


def good_arguments(
    sale: Sale, held: int, paid: int, request_id: str, closed: dict[str, int]
) -> dict[str, str]:
    """Arguments with which each function works; those of one function under `function.name`."""
    return {
        "p_activity_id": str(sale.activity_id),
        "p_user_id": "ann",
        "p_sku": sale.sku,
        "p_quantity": "1",
        "p_request_id": request_id,
        "p_region": "*",
        "p_subjects": "{}",
        "p_reservation_id": str(held),
        "p_limit": "10",
        "p_slots": "1",
        "p_name": "name",
        "p_starts_at": "2020-01-01 00:00:00+00",
        "p_ends_at": "2040-01-01 00:00:00+00",
        "p_hold_seconds": "900",
        "p_time_zone": "UTC",
        "p_dimension": "user",
        "p_metric": "units",
        "p_window": "day",
        "p_maximum": "1000000",
        "p_required": "true",
        "receive_stock.p_quantity": "1000",
        "p_skus": f"{{{sale.sku}}}",
        "p_quantities": "{1}",
        "p_release_at": "{2039-01-01 00:00:00+00}",
        "p_values": "{a,b}",
        "p_from_region": "*",
        "p_to_region": "north",
        "p_total": "1000",
        "p_mode": "floor",
        "p_restock": "true",
        "p_restore_limits": "true",
        "p_at": "2030-01-01 00:00:00+00",
        "p_part": "pool",
        "p_activity_ids": f"{{{sale.activity_id}}}",
        "p_user_ids": "{ann}",
        "p_request_ids": f"{{{uuid4()}}}",
        "p_regions": "{*}",
        "reserve_batch.p_subjects": '{"{}"}',
        "p_reservation_ids": f"{{{held}}}",
        "p_payment_refs": "{payment}",
        "refund.p_reservation_id": str(paid),
        **{f"{name}.p_activity_id": str(number) for name, number in closed.items()},
    }


def closed_sales(operator: Connection[Any]) -> dict[str, int]:
    """A closed sale to archive, and archived ones to export and to drop."""
    # What a hostile set_limit may have left: a global limit keeps sales from being archived.
    operator.execute(
        "select seckill.drop_limit(null, name) from seckill.limit_rule where activity_id is null"
    )
    made: dict[str, int] = {}
    for name in ("archive_activity", "export_activity", "drop_archived"):
        number = made[name] = open_sale(operator, units=1).activity_id
        operator.execute("select seckill.close_activity(%s)", [number])
        if name != "archive_activity":
            operator.execute("select seckill.archive_activity(%s)", [number])
    return made


@pytest.fixture(scope="module")
def small(
    target: str, server: Server, templates: Callable[[Server], str], poolers: Poolers
) -> Iterator[Database]:
    """A database for this module alone: its tables are hashed after every call."""
    with new_database(server, templates(server)) as name:
        yield Database(name, target, server, poolers)


@pytest.fixture(scope="module")
def cast_errors() -> dict[tuple[str, str | None], str | None]:
    """What is known of texts and types; the same values are tried at every function."""
    return {}


@pytest.fixture
def fuzzed(
    small: Database, cast_errors: dict[tuple[str, str | None], str | None]
) -> Iterator[Shop]:
    """A sale of a thousand units, and a hold in it."""
    with small.connect("operator") as operator, small.connect("superuser") as superuser:
        sale = open_sale(operator, units=1000)
        one(
            operator,
            "select * from seckill.receive_stock(%(sku)s, 1000, gen_random_uuid())",
            sku=sale.sku,
        )
        add_units(operator, Sale(sale.activity_id, sale.sku, "north"), 1)
        request_id = uuid4()
        held = reserve(operator, sale, request_id=request_id).reservation_id
        paid = reserve(operator, sale, user="ann", quantity=5).reservation_id
        confirm(operator, paid)
        good = good_arguments(sale, held, paid, str(request_id), closed_sales(operator))
        functions, query = public_functions(superuser), hash_query(superuser)
        made = Shop(operator, superuser, good, functions, query, cast_errors)
        made.hashed = made.state()
        yield made
        assert violations(operator, sale) == []


FUNCTIONS = (
    *("archive_activity", "changes", "confirm_batch", "drop_archived", "export_activity"),
    *("limit_usage_at", "refund", "reserve_batch", "set_stock_total", "stock_at"),
    *("add_eligible", "allocate_stock", "availability", "block", "cancel", "close_activity"),
    *("confirm", "create_activity", "drop_limit", "expire_due", "explain", "find_reservation"),
    *("get_reservation", "history", "inventory", "limit_usage", "list_reservations", "move_stock"),
    *("open_activity", "ops_history", "pause_activity", "receive_stock", "reconcile"),
    *("remove_eligible", "require_eligibility", "reserve", "reserve_lines", "reserve_now"),
    *(
        "resume_activity",
        "schedule_release",
        "schema_version",
        "contract_version",
        "set_limit",
        "set_queue_limit",
        "set_slots",
        "shard_of",
        "unblock",
        "update_activity",
    ),
)


def test_every_public_function_is_fuzzed(fuzzed):
    assert set(FUNCTIONS) == set(fuzzed.functions)
    types = {kind for function in fuzzed.functions.values() for kind in function.arguments.values()}
    assert types <= set(VALUES)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_good_arguments_are_good(fuzzed, name):
    """Else each hostile one would be refused for the company it keeps."""
    assert fuzzed.call(fuzzed.functions[name], {})[0] is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_one_argument_at_a_time(fuzzed, name):
    function = fuzzed.functions[name]
    for argument, kind in function.arguments.items():
        for value in VALUES[kind]:
            fuzzed.judge(function, {argument: value})


def some(kind: str) -> st.SearchStrategy[str | None]:
    """A hostile value of a type, sometimes made up."""
    values = st.sampled_from(VALUES[kind])
    if kind == "text":
        return values | st.text(max_size=250)
    if kind in ("bigint", "integer"):
        return values | st.integers(-(2**64), 2**64).map(str)
    if kind == "jsonb":
        keys = st.sampled_from(["phone", "ip", "user", "", "x"]) | st.text(max_size=5)
        leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=10)
        return values | st.dictionaries(keys, leaves, max_size=10).map(json.dumps)
    return values


SEVERAL = (
    *("reserve", "reserve_lines", "reserve_now", "confirm", "allocate_stock", "set_limit"),
    *("history", "schedule_release"),
)


@pytest.mark.parametrize("name", SEVERAL)
def test_several_arguments_at_once(fuzzed, name):
    function: Function = fuzzed.functions[name]
    print(f"SECKILL_FUZZ_SEED={SEED} SECKILL_FUZZ_EXAMPLES={EXAMPLES}")
    arguments = st.fixed_dictionaries(
        {}, optional={argument: some(kind) for argument, kind in function.arguments.items()}
    )
    examples(fuzzed.judge, function, arguments)


def examples(
    judge: Callable[[Function, dict[str, str | None]], None],
    function: Function,
    arguments: st.SearchStrategy[dict[str, str | None]],
) -> None:
    """Judge many drawn calls of a function."""

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    )
    @given(changes=arguments)
    def run(changes: dict[str, str | None]) -> None:
        judge(function, changes)

    run()
