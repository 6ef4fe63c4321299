"""Seckill: a flash-sale purchase limiter inside PostgreSQL.

`Client` and `AsyncClient` call the SQL functions of schema `seckill`, which hold all the logic.
Public are the names in `__all__`; modules whose name begins with an underscore are not.
"""

from __future__ import annotations

from seckill.client import Client
from seckill.client_async import AsyncClient
from seckill.errors import (
    IncompatibleSchema,
    InvalidArgument,
    OutcomeUnknown,
    RequestConflict,
    SeckillError,
    StockShortfall,
    Unavailable,
    UnknownActivity,
    UnknownPool,
    UnknownReservation,
    UnknownStatus,
    WrongIsolation,
    WrongState,
)
from seckill.results import (
    ArchivedRow,
    AvailabilityResult,
    Change,
    CheckResult,
    InventoryResult,
    OpsEntry,
    OpsResult,
    ReservationResult,
    ReserveResult,
    ResolveResult,
    Violation,
)
from seckill.retry import NO_RETRY, RetryPolicy

__version__ = "0.1.0"

__all__ = [
    "NO_RETRY",
    "ArchivedRow",
    "AsyncClient",
    "AvailabilityResult",
    "Change",
    "CheckResult",
    "Client",
    "IncompatibleSchema",
    "InvalidArgument",
    "InventoryResult",
    "OpsEntry",
    "OpsResult",
    "OutcomeUnknown",
    "RequestConflict",
    "ReservationResult",
    "ReserveResult",
    "ResolveResult",
    "RetryPolicy",
    "SeckillError",
    "StockShortfall",
    "Unavailable",
    "UnknownActivity",
    "UnknownPool",
    "UnknownReservation",
    "UnknownStatus",
    "Violation",
    "WrongIsolation",
    "WrongState",
    "__version__",
]
