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
from seckill.flag import AsyncLocalFlag, LocalFlag
from seckill.flag_redis import AsyncRedisFlag, RedisFlag
from seckill.results import (
    ArchivedRow,
    ArchivePart,
    AvailabilityResult,
    AvailabilityStatus,
    Change,
    CheckResult,
    CheckStatus,
    InventoryResult,
    InventoryStatus,
    Metric,
    OpsEntry,
    OpsResult,
    OpsStatus,
    ReservationResult,
    ReservationStatus,
    ReserveResult,
    ReserveStatus,
    ResolveResult,
    ResolveStatus,
    Retry,
    TotalMode,
    Violation,
    Window,
)
from seckill.retry import NO_RETRY, RetryPolicy

__version__ = "0.1.0"

__all__ = [
    "NO_RETRY",
    "ArchivePart",
    "ArchivedRow",
    "AsyncClient",
    "AsyncLocalFlag",
    "AsyncRedisFlag",
    "AvailabilityResult",
    "AvailabilityStatus",
    "Change",
    "CheckResult",
    "CheckStatus",
    "Client",
    "IncompatibleSchema",
    "InvalidArgument",
    "InventoryResult",
    "InventoryStatus",
    "LocalFlag",
    "Metric",
    "OpsEntry",
    "OpsResult",
    "OpsStatus",
    "OutcomeUnknown",
    "RedisFlag",
    "RequestConflict",
    "ReservationResult",
    "ReservationStatus",
    "ReserveResult",
    "ReserveStatus",
    "ResolveResult",
    "ResolveStatus",
    "Retry",
    "RetryPolicy",
    "SeckillError",
    "StockShortfall",
    "TotalMode",
    "Unavailable",
    "UnknownActivity",
    "UnknownPool",
    "UnknownReservation",
    "UnknownStatus",
    "Violation",
    "Window",
    "WrongIsolation",
    "WrongState",
    "__version__",
]
