"""Settings from the environment. There are no default passwords and no default hosts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment says.

    Attributes:
        dsn: `SECKILL_DSN`, through PgBouncer: for clients and workers.
        admin_dsn: `SECKILL_ADMIN_DSN`, straight to PostgreSQL: for migrations only.
        redis_url: `SECKILL_REDIS_URL`, Redis or Valkey for the sold-out flag; optional.
    """

    dsn: str | None = None
    admin_dsn: str | None = None
    redis_url: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings; a variable that is set but empty counts as not set."""
        source = os.environ if environment is None else environment
        return cls(
            dsn=source.get("SECKILL_DSN") or None,
            admin_dsn=source.get("SECKILL_ADMIN_DSN") or None,
            redis_url=source.get("SECKILL_REDIS_URL") or None,
        )

    def require_dsn(self, given: str | None = None) -> str:
        """The DSN given, else that of the environment; ValueError where there is neither."""
        dsn = given or self.dsn
        if not dsn:
            raise ValueError("no dsn given and SECKILL_DSN is not set")
        return dsn
