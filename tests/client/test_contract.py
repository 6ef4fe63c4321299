"""The client against the catalogue: neither can change without the other."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from psycopg import Connection

import seckill
from seckill import AsyncClient, Client, UnknownStatus, _calls, results

# Required in SQL; the client makes one up where its caller gives none.
MADE_UP = {
    ("reserve", "request_id"),
    ("reserve_lines", "request_id"),
    ("reserve_now", "request_id"),
    ("explain", "request_id"),
}
# The client's own: a promise about the request id, for the sold-out flag.
CLIENTS_OWN = {("reserve", "first_try"), ("reserve_lines", "first_try")}

RESULTS = {
    "reserve_result": results.ReserveResult,
    "resolve_result": results.ResolveResult,
    "availability_result": results.AvailabilityResult,
    "reservation_result": results.ReservationResult,
    "ops_result": results.OpsResult,
    "inventory_result": results.InventoryResult,
    "check_result": results.CheckResult,
    "ops_entry": results.OpsEntry,
    "change": results.Change,
    "archived_row": results.ArchivedRow,
    "violation": results.Violation,
}
DEFAULTS: dict[str, object] = {"true": True, "false": False, "'{}'::jsonb": {}}


def value_of(default: str) -> object:
    """The value of a parameter's default as the catalogue writes it."""
    if default in DEFAULTS:
        return DEFAULTS[default]
    if default.startswith("NULL::"):
        return None
    text = re.fullmatch(r"'(.*)'::text", default)
    return text[1] if text else int(default)


def catalogue(connection: Connection[Any]) -> dict[str, list[tuple[str, object]]]:
    """Functions of schema seckill: parameters without p_, and their defaults or `...`."""
    rows = connection.execute("""
        select p.proname as function, a.name as parameter,
               pg_get_function_arg_default(p.oid, a.n::integer) as default_text
          from pg_proc as p
          left join lateral unnest(p.proargnames[1:p.pronargs]) with ordinality as a (name, n)
            on true
         where p.pronamespace = 'seckill'::regnamespace
         order by p.proname, a.n""").fetchall()
    found: dict[str, list[tuple[str, object]]] = {}
    for function, parameter, default in rows:
        parameters = found.setdefault(function, [])
        # What a procedure answers stands among its parameters.
        if parameter is not None and parameter.startswith("p_"):
            value = ... if default is None else value_of(default)
            parameters.append((parameter.removeprefix("p_"), value))
    return found


def methods(client: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in vars(client).items()
        if not name.startswith("_")
    }


@pytest.mark.parametrize("client", [AsyncClient, Client])
def test_one_method_for_each_function(client: type, superuser: Connection[Any]) -> None:
    functions = catalogue(superuser)
    assert set(methods(client)) == set(functions)
    for name, signature in methods(client).items():
        _self, *parameters, connection = signature.parameters.values()
        assert connection.name == "connection", name
        assert connection.default is None, name
        assert all(one.kind is one.KEYWORD_ONLY for one in [*parameters, connection]), name
        found = [
            (one.name, ... if one.default is one.empty else one.default)
            for one in parameters
            if (name, one.name) not in CLIENTS_OWN
        ]
        expected = [
            (parameter, None if (name, parameter) in MADE_UP else default)
            for parameter, default in functions[name]
        ]
        assert found == expected, name


def test_every_method_is_documented() -> None:
    for client in (AsyncClient, Client):
        for name in methods(client):
            assert inspect.getdoc(getattr(client, name)), name


@pytest.mark.parametrize("name", sorted(RESULTS))
def test_results_have_the_fields_of_their_type(name: str, superuser: Connection[Any]) -> None:
    rows = superuser.execute(
        "select attname from pg_attribute where attrelid = %s::regclass and attnum > 0"
        " order by attnum",
        [f"seckill.{name}"],
    ).fetchall()
    fields = [field.name for field in dataclasses.fields(RESULTS[name])]
    assert fields == [row[0] for row in rows]


def test_every_result_type_has_a_class(superuser: Connection[Any]) -> None:
    rows = superuser.execute(
        "select relname from pg_class where relkind = 'c'"
        " and relnamespace = 'seckill'::regnamespace"
    ).fetchall()
    assert {row[0] for row in rows} == set(RESULTS)


def calls() -> dict[str, _calls.Call[Any]]:
    return {name: call for name, call in vars(_calls).items() if isinstance(call, _calls.Call)}


@pytest.mark.parametrize("name", sorted(calls()))
def test_the_sql_of_a_call(name: str, superuser: Connection[Any]) -> None:
    """Named parameters in order, explicit columns in order, one function and nothing else."""
    sql = " ".join(calls()[name].sql.split())
    function = name.lower()
    assert sql.count("seckill.") == 1
    assert f"seckill.{function}(" in sql
    named = re.findall(r"p_(\w+) => %\((\w+)\)s", sql)
    expected = [parameter for parameter, _ in catalogue(superuser)[function]]
    assert [first for first, _ in named] == [second for _, second in named] == expected
    found = re.match(r"select (.*) from ", sql)
    method = inspect.signature(getattr(Client, function), eval_str=False)
    answer = method.return_annotation.removeprefix("list[").removesuffix("]")
    if sql.startswith("call "):  # a procedure's row has its columns by itself
        assert found is None
    elif hasattr(results, answer):
        assert found is not None
        fields = [field.name for field in dataclasses.fields(getattr(results, answer))]
        assert found[1].split(", ") == fields
    else:
        assert found is None


def test_nothing_but_function_calls() -> None:
    """No table, no private schema, no DDL anywhere in the client."""
    package = Path(seckill.__file__).parent
    for name in ("_calls", "_compat", "_core", "_core_async", "client", "client_async", "results"):
        text = (package / f"{name}.py").read_text("utf-8")
        assert "seckill_private" not in text
        assert not re.search(r"\b(insert into|update \w+ set|delete from|create table)\b", text)


@pytest.mark.parametrize("kind", [kind for kind in RESULTS.values() if hasattr(kind, "statuses")])
def test_an_unknown_status_is_an_error(kind: Any) -> None:
    fields = [field.name for field in dataclasses.fields(kind)]
    known = get_args(get_type_hints(kind)["status"])
    assert set(known) == kind.statuses
    for status in known:
        kind(**dict.fromkeys(fields, None) | {"status": status})
    for status in ("perhaps", None):
        with pytest.raises(UnknownStatus, match=kind.__name__):
            kind(**dict.fromkeys(fields, None) | {"status": status})


def test_results_are_frozen() -> None:
    answer = results.InventoryResult("empty", "phone", 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        answer.quantity = 1  # type: ignore[misc]
    assert not hasattr(answer, "__dict__")


def test_public_names_are_sorted_and_there() -> None:
    names = seckill.__all__
    constants = [name for name in names if name.isupper()]
    assert names == sorted(names, key=lambda name: (name not in constants, name))
    assert all(hasattr(seckill, name) for name in names)
