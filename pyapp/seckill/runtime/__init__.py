"""A real PostgreSQL with PgBouncer in front, for `seckill up`, the demo and the tests.

    with Runtime() as runtime:
        psycopg.connect(runtime.dsn)        # as a service connects: through PgBouncer

Everything listens on 127.0.0.1 and runs as ``nobody`` where we are root.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from seckill.runtime import process
from seckill.runtime.binaries import find_bindir, find_pgbouncer, major_version
from seckill.runtime.pgbouncer import PgBouncer
from seckill.runtime.postgres import Postgres, StopMode
from seckill.runtime.process import PortTaken, StartError, free_port
from seckill.runtime.provision import (
    ADMIN,
    AUTH_QUERY,
    DATABASE,
    LOGINS,
    POOLER,
    create_logins,
    create_pooler_lookup,
    prepare_server,
)
from seckill.runtime.secrets import load_passwords

__all__ = [
    "DATABASE",
    "LOGINS",
    "PgBouncer",
    "PortTaken",
    "Postgres",
    "Runtime",
    "StartError",
    "StopMode",
    "find_bindir",
    "find_pgbouncer",
    "free_port",
    "major_version",
]


class Runtime:
    """PostgreSQL, PgBouncer, the database ``seckill``, its roles and migrations.

    Args:
        data_dir: a directory to keep data and passwords in; the next start goes on from it.
            None: thrown away at the end.
        bindir: the directory with PostgreSQL's programs; None: :func:`find_bindir` decides.
        pool_size: PgBouncer's server connections per database and role.
        migrate: bring the database to the newest revision and make the login roles. Without it
            there are no login roles to buy with.
        port: PgBouncer's TCP port; None: any that is free.
        settings: PostgreSQL's settings, over the defaults.
        pooler_settings: PgBouncer's settings, over the defaults.

    Attributes:
        postgres: the server.
        pooler: PgBouncer.
        data_dir: the kept directory, or None.
    """

    def __init__(
        self,
        data_dir: Path | None = None,
        bindir: Path | None = None,
        pool_size: int = 8,
        migrate: bool = True,
        *,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        pooler_settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute() if data_dir is not None else None
        self._migrate = migrate
        if self.data_dir is not None:
            _claim(self.data_dir)
        kept = self.data_dir
        self._passwords = load_passwords(kept / "passwords.json" if kept else None)
        self.postgres = Postgres(
            kept / "postgres" if kept else None,
            bindir,
            settings,
            password=self._passwords["postgres"],
        )
        self.pooler = PgBouncer(
            self.postgres,
            pool_size=pool_size,
            users={POOLER: self._passwords[POOLER]},
            auth_user=POOLER,
            auth_query=AUTH_QUERY,
            settings=pooler_settings,
            port=port,
        )

    # -- how to connect --------------------------------------------------------------------------

    def pooled_dsn(self, role: str) -> str:
        """Return the URI of one of our roles through PgBouncer."""
        return self.pooler.dsn(role, self._passwords[role], DATABASE)

    def direct_dsn(self, role: str) -> str:
        """Return the URI of one of our roles straight to PostgreSQL."""
        return self.postgres.dsn(role, DATABASE, self._passwords[role])

    @property
    def dsn(self) -> str:
        """Through PgBouncer as ``seckill_buyer``, a member of ``seckill_app``."""
        return self.pooled_dsn("seckill_buyer")

    @property
    def ops_dsn(self) -> str:
        """Through PgBouncer as ``seckill_operator``, a member of ``seckill_ops``."""
        return self.pooled_dsn("seckill_operator")

    @property
    def reader_dsn(self) -> str:
        """Through PgBouncer as ``seckill_reader``, a member of ``seckill_read``."""
        return self.pooled_dsn("seckill_reader")

    @property
    def admin_dsn(self) -> str:
        """Straight to PostgreSQL as ``seckill_admin``: owns the database, is no superuser."""
        return self.direct_dsn(ADMIN)

    @property
    def superuser_dsn(self) -> str:
        """Straight to PostgreSQL as the superuser."""
        return self.postgres.dsn(dbname=DATABASE)

    # -- life ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start both servers, migrate, and make the roles; returns when all of it is usable.

        Raises:
            StartError: with one line that says what to do.
            seckill.migrate.MigrationError, psycopg.Error: the migration failed.
        """
        find_pgbouncer()  # says what is missing before anything is made
        self.postgres.start()
        prepare_server(self.postgres.dsn(), self._passwords)
        create_pooler_lookup(self.superuser_dsn)
        if self._migrate:
            from seckill import migrate

            migrate.upgrade(self.admin_dsn)
            create_logins(self.superuser_dsn, self._passwords)
        self.pooler.start()

    def stop(self) -> None:
        """Stop both servers; what is not kept is removed."""
        self.pooler.close()
        self.postgres.close()

    def dead(self) -> str | None:
        """Return what ended without being asked to, with its last words, or None."""
        if self.postgres.pid is None:
            return f"PostgreSQL ended: {process.tail(self.postgres.log)}"
        if self.pooler.pid is None:
            return f"PgBouncer ended: {process.tail(self.pooler.log)}"
        return None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _claim(data_dir: Path) -> None:
    """Make the kept directory, or see that an existing one is ours."""
    try:
        if not data_dir.exists():
            if not process.reachable(data_dir):
                raise StartError(
                    f"PostgreSQL runs as 'nobody' here, who may not enter {data_dir.parent}: "
                    "choose a directory below /var/lib or /srv, or run as a plain user"
                )
            data_dir.mkdir(mode=0o700, parents=True)
        elif not data_dir.is_dir():
            raise StartError(f"{data_dir} is no directory")
        elif any(data_dir.iterdir()):
            if not (data_dir / "passwords.json").exists():
                raise StartError(
                    f"{data_dir} is not empty and was not made by seckill: choose another"
                )
            return
        process.hand_over(data_dir)
    except PermissionError as error:
        raise StartError(f"{data_dir} is not writable for you: choose another") from error
