"""Which contracts of the schema this client knows.

The database states a number, `seckill.contract_version`. Revisions that add leave it; one that
takes something away, or changes what it means, raises it (migrations/README.md).
"""

from __future__ import annotations

from seckill.errors import IncompatibleSchema, SeckillError

# Clients are deployed before the contract revision that they are made for, so a release that
# brings one knows two: range(n, n + 2).
KNOWN = range(1, 2)

_ABSENT = frozenset({"3F000", "42883"})  # no such schema, no such function


def require_known(found: int) -> None:
    """Raise IncompatibleSchema where the database has a contract that this client does not know."""
    if found in KNOWN:
        return
    knows = " and ".join(str(number) for number in KNOWN)
    newer = found > KNOWN[-1]
    raise IncompatibleSchema(
        f"the database has contract {found} of the schema, and {_client()} knows {knows}: "
        + ("upgrade the client" if newer else "run seckill migrate")
    )


def explain(error: SeckillError) -> SeckillError:
    """What an error of the question itself means."""
    if error.sqlstate not in _ABSENT:
        return error
    return IncompatibleSchema(
        f"Seckill is not installed in this database, or is older than {_client()}:"
        " run seckill migrate"
    )


def _client() -> str:
    from seckill import __version__  # which imports this module

    return f"this client (seckill {__version__})"
