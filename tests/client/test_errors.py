"""The table from SQLSTATE to exception, against errors that a server really raised."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from seckill import errors
from seckill.errors import (
    InvalidArgument,
    OutcomeUnknown,
    SeckillError,
    Unavailable,
    translate,
)


def raised(connection: Connection[Any], code: str, message: str = "text") -> psycopg.Error:
    """The driver's error for a SQLSTATE, from the server."""
    with pytest.raises(psycopg.Error) as caught:
        connection.execute(
            "do $$ begin raise exception using"
            f" errcode = '{code}', message = '{message}', detail = 'data', hint = 'do';"
            " end $$".encode()
        )
    return caught.value


def test_every_documented_code_has_its_own_class(superuser: Connection[Any]) -> None:
    row = superuser.execute(
        "select prosrc from pg_proc where proname = 'raise_error'"
        " and pronamespace = 'seckill_private'::regnamespace"
    ).fetchone()
    assert row is not None
    documented = set(re.findall(r"SK\d{3}", row[0]))
    known = {code for code in errors.SQLSTATES if code.startswith("SK")}
    assert documented == known
    assert len({errors.SQLSTATES[code] for code in known}) == len(known)


@pytest.mark.parametrize(("code", "kind"), sorted(errors.SQLSTATES.items()))
def test_the_table(superuser: Connection[Any], code: str, kind: type[SeckillError]) -> None:
    full = code.ljust(5, "0")
    found = translate(raised(superuser, full), alive=True, commits=True)
    assert type(found) is kind
    assert (found.sqlstate, found.message, found.detail, found.hint) == (full, "text", "data", "do")


@pytest.mark.parametrize("code", ["40001", "40P01", "53100", "53200", "53300", "57014"])
def test_what_is_worth_another_try(superuser: Connection[Any], code: str) -> None:
    assert type(translate(raised(superuser, code), alive=True, commits=True)) is Unavailable


@pytest.mark.parametrize("code", ["42501", "42883", "P0001", "23514", "XX000"])
def test_anything_else_is_the_base_class(superuser: Connection[Any], code: str) -> None:
    assert type(translate(raised(superuser, code), alive=True, commits=True)) is SeckillError


@pytest.mark.parametrize("code", ["53100", "57P01", "08P01", "XX000", "SK001"])
def test_on_a_dead_connection_nothing_is_certain(superuser: Connection[Any], code: str) -> None:
    error = raised(superuser, code)
    assert type(translate(error, alive=False, commits=True)) is OutcomeUnknown
    assert type(translate(error, alive=False, commits=False)) is Unavailable


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("08P01", "query_wait_timeout"),
        ("08P01", "server login has been failing, try again later (server_login_retry)"),
        ("53300", "sorry, too many clients already"),
        ("57P03", "the database system is starting up"),
    ],
)
def test_what_is_said_before_the_statement_ran(
    superuser: Connection[Any], code: str, message: str
) -> None:
    error = raised(superuser, code, message)
    assert type(translate(error, alive=False, commits=True)) is Unavailable


def test_a_text_is_not_read_under_another_code(superuser: Connection[Any]) -> None:
    error = raised(superuser, "XX000", "query_wait_timeout")
    assert type(translate(error, alive=False, commits=True)) is OutcomeUnknown


@pytest.mark.parametrize("code", ["57014", "40P01", "53200", "55P03", "58030", "XX000"])
def test_after_a_commit_inside_of_the_call_nothing_is_certain(
    superuser: Connection[Any], code: str
) -> None:
    error = raised(superuser, code)
    found = translate(error, alive=True, commits=True, commits_after="reserve")
    assert type(found) is OutcomeUnknown
    assert type(translate(error, alive=True, commits=True)) is not OutcomeUnknown


@pytest.mark.parametrize("code", ["SK001", "SK004", "22003", "2D000", "42501", "25006"])
def test_what_cannot_come_after_a_commit_is_as_ever(superuser: Connection[Any], code: str) -> None:
    error = raised(superuser, code)
    expected = type(translate(error, alive=True, commits=True))
    assert expected is not OutcomeUnknown
    found = translate(error, alive=True, commits=True, commits_after="reserve")
    assert type(found) is expected


def test_an_error_from_before_the_commit_is_known_by_its_function(
    superuser: Connection[Any],
) -> None:
    superuser.execute(
        "create function pg_temp.early() returns void language plpgsql as $$"
        " begin raise exception using errcode = '55P03'; end $$"
    )
    with pytest.raises(psycopg.Error) as caught:
        superuser.execute("select pg_temp.early()")
    for name, kind in (("early", Unavailable), ("ear", OutcomeUnknown), ("arly", OutcomeUnknown)):
        found = translate(caught.value, alive=True, commits=True, commits_after=name)
        assert type(found) is kind


def test_errors_of_the_driver_itself() -> None:
    assert type(translate(psycopg.DataError("nul"), alive=True, commits=True)) is (InvalidArgument)
    lost = translate(psycopg.OperationalError("gone"), alive=False, commits=True)
    assert type(lost) is OutcomeUnknown
    assert str(lost) == "gone"
