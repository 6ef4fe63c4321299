"""Exceptions of the client: one table from SQLSTATE to class.

A call has three outcomes: a result, an error that means that nothing happened, and
`OutcomeUnknown`. A refusal (sold out, over the limit) is a result and never an exception.

Errors are told apart by SQLSTATE. Where that does not tell, and only there, something else is
looked at, all of it untranslated: the pooler says everything with 08P01 (see `_POOLER_REFUSALS`),
a cancelled wait for a standby is a warning (see `gave_up_on_standby`), and a call that commits
and then goes on may be broken off before and after that (see `_AFTER_A_COMMIT`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg

if TYPE_CHECKING:
    from psycopg.errors import Diagnostic


class SeckillError(Exception):
    """Base of every error that a call raises; as such: nothing happened, trying again is no use.

    Attributes:
        sqlstate: the five characters that PostgreSQL or PgBouncer sent, None where there were none.
        message: constant for one sqlstate of class SK.
        detail: the data that the error is about; never a buyer's subject.
        hint: what to do about it, where the server says so.
    """

    def __init__(
        self,
        message: str,
        *,
        sqlstate: str | None = None,
        detail: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.sqlstate = sqlstate
        self.detail = detail
        self.hint = hint

    def __str__(self) -> str:
        code = f"{self.sqlstate}: " if self.sqlstate else ""
        detail = f" ({self.detail})" if self.detail else ""
        return f"{code}{self.message}{detail}"


class InvalidArgument(SeckillError):
    """SK001, or a value that PostgreSQL itself cannot take (class 22): a bug of the caller."""


class UnknownActivity(SeckillError):
    """SK002: there is no such activity."""


class UnknownPool(SeckillError):
    """SK003: this sku and region are not in the activity."""


class RequestConflict(SeckillError):
    """SK004: the request id was used before with other arguments."""


class WrongIsolation(SeckillError):
    """SK005: the transaction that the call joined is not READ COMMITTED."""


class WrongState(SeckillError):
    """SK006: the state of the activity, pool or reservation forbids it."""


class StockShortfall(SeckillError):
    """SK007: more units than there are."""


class UnknownReservation(SeckillError):
    """SK008: no such reservation of this user (another user's looks the same)."""


class IncompatibleSchema(SeckillError):
    """The database and this client do not fit together: nothing was asked, and nothing happened.

    Its contract has a number that this client does not know, or it has no Seckill at all. The
    message says which of the two sides is to be upgraded.
    """


class Unavailable(SeckillError):
    """Nothing happened, and trying again may help.

    No connection, a full pooler, a lock not had in time, a deadlock, a server that starts up,
    is out of memory or disk, or takes no writes. The client has tried again already, for as
    long as its `RetryPolicy` says, except where the call joined the caller's own transaction.
    """


class OutcomeUnknown(SeckillError):
    """The call was sent and its answer never came: it may have happened, or happen yet.

    Connection lost after sending, no answer in time, or an answer that may not be on the
    standby. Call again with the same request id, or ask `find_reservation`. A call that joined the
    caller's open transaction never raises it over a lost connection: that is `Unavailable`, since
    the transaction is gone with it.

    Attributes:
        request_id: the request id that was sent (also one that the client made); None for
            calls that have none.
    """

    request_id: UUID | None = None


class UnknownStatus(OutcomeUnknown):
    """The database gave a status that this client does not know: it is newer than the client.

    The call did happen; what it did can be read with a newer client.
    """


# Exact SQLSTATE, then its class (the first two characters); first match wins.
SQLSTATES: dict[str, type[SeckillError]] = {
    "SK001": InvalidArgument,
    "SK002": UnknownActivity,
    "SK003": UnknownPool,
    "SK004": RequestConflict,
    "SK005": WrongIsolation,
    "SK006": WrongState,
    "SK007": StockShortfall,
    "SK008": UnknownReservation,
    "22": InvalidArgument,  # data exception, say a number out of range
    "25006": Unavailable,  # read-only: a standby, or a primary being switched over
    "40": Unavailable,  # serialization failure, deadlock
    "53": Unavailable,  # out of disk, memory or connections
    "55P03": Unavailable,  # lock_timeout
    "57014": Unavailable,  # statement_timeout
    "57P03": Unavailable,  # the server is starting up
}

# What ends the connection and is said before the statement ran. All else that ends a
# connection leaves the outcome open, whatever its SQLSTATE: 57P01 may come during a commit,
# and 53100 on a dead connection is a full WAL disk.
_BEFORE_EXECUTION = frozenset({"53300", "57P03"})

# PgBouncer gives 08P01 both to a query that it never passed on and to one whose server died
# half-way. Its texts are constants and not translated; these mean "never passed on". A text
# that is not listed is taken as unknown, which is the safe side.
_POOLER_REFUSALS = (
    "query_wait_timeout",
    "query_timeout",
    "server login has been failing",
    "client_idle_timeout",
    "server shutting down",
    "pooler is shutting down",
)


# What a call that has committed and goes on can still be broken off with: a cancel or
# statement_timeout, and what a server short of something says to anybody.
_AFTER_A_COMMIT = ("57014", "40", "53", "55", "58", "XX")


def translate(
    error: psycopg.Error, *, alive: bool, commits: bool, commits_after: str | None = None
) -> SeckillError:
    """Say what an error of the driver means for a call that had been sent.

    Args:
        error: what psycopg raised.
        alive: whether the connection is usable after the error.
        commits: whether the call commits something by itself. A read does not, nor does what is
            part of the caller's transaction, so that a lost answer is no open question there.
        commits_after: the function after whose end the call commits, to go on after that; None
            where the commit is the last that it does.
    """
    diag = error.diag
    message = diag.message_primary or str(error) or type(error).__name__
    kind = _kind(error, alive, commits_after)
    if kind is OutcomeUnknown and not commits:
        kind = Unavailable
    return kind(
        message, sqlstate=error.sqlstate, detail=diag.message_detail, hint=diag.message_hint
    )


def _kind(error: psycopg.Error, alive: bool, commits_after: str | None) -> type[SeckillError]:
    code = error.sqlstate
    diag = error.diag
    # A FATAL may arrive a moment before the connection is seen to be closed.
    fatal = (diag.severity_nonlocalized or diag.severity) in {"FATAL", "PANIC"}
    if fatal or not alive:
        refused = code == "08P01" and (diag.message_primary or "").startswith(_POOLER_REFUSALS)
        return Unavailable if refused or code in _BEFORE_EXECUTION else OutcomeUnknown
    if code is None:
        # The driver could not even write the value down, say a text with a NUL in it.
        return InvalidArgument if isinstance(error, psycopg.DataError) else SeckillError
    after = commits_after is not None and code.startswith(_AFTER_A_COMMIT)
    # The context names the functions that PostgreSQL was in; the words around them are translated.
    if after and not re.search(rf"\b{commits_after}\(", diag.context or ""):
        return OutcomeUnknown
    return SQLSTATES.get(code) or SQLSTATES.get(code[:2]) or SeckillError


def gave_up_on_standby(notice: Diagnostic) -> bool:
    """Whether a notice says that the commit did not wait for its synchronous standby.

    The server then reports success with WARNING 01000 (a cancelled wait) or 57P01 (a backend
    told to end): committed here, perhaps lost in a failover. 01000 is every warning's code and
    the text is translated, so the name of the server's routine is what tells.
    """
    return notice.source_function == "SyncRepWaitForLSN" and notice.sqlstate in {"01000", "57P01"}
