"""A primary with a standby, and a network between them that can be parted.

Buyers come through a PgBouncer whose way to the server can be turned from one to the other, as a
failover manager does it.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import make_conninfo

from seckill.runtime import DATABASE, PgBouncer, Postgres, Runtime, process
from tests.faults.fix_proxy import Proxy
from tests.fix_database import wait_until

NAME = "standby"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two servers.

    Attributes:
        runtime: the primary, as it was at first.
        standby: its copy.
        wire: between them.
        switch: between PgBouncer and whoever is the primary.
        dsn: of buyers, through that PgBouncer.
        standby_dsn: of the superuser, on the standby.
    """

    runtime: Runtime
    standby: Postgres
    wire: Proxy
    switch: Proxy
    dsn: str
    standby_dsn: str

    def fail_over(self) -> None:
        """The primary is lost; the standby takes its place."""
        self.runtime.postgres.kill()
        with psycopg.connect(self.standby_dsn, autocommit=True) as superuser:
            assert superuser.execute("select pg_promote()").fetchone() == (True,)
        self.switch.target = self.standby.port
        self.switch.cut()


@contextmanager
def pair(*, synchronous: bool) -> Generator[Pair]:
    """A primary with a standby, of which commits wait or do not wait."""
    with ExitStack() as stack:
        runtime = stack.enter_context(Runtime())
        primary = urlsplit(runtime.superuser_dsn)
        wire = stack.enter_context(Proxy(runtime.postgres.port))
        # The sender ends by itself when the standby cannot be reached, and so does the receiver.
        standby = stack.enter_context(_stopped(Postgres(password=primary.password)))
        _copy(runtime, standby, str(primary.password), wire.port)
        standby.start()
        with psycopg.connect(runtime.superuser_dsn, autocommit=True) as superuser:
            if synchronous:
                superuser.execute(f"alter system set synchronous_standby_names = '{NAME}'")
                superuser.execute("select pg_reload_conf()")

            def streaming() -> bool:
                row = superuser.execute(
                    "select sync_state from pg_stat_replication where state = 'streaming'"
                ).fetchone()
                return row == ("sync" if synchronous else "async",)

            wait_until(streaming, "the standby", 30)
        switch = stack.enter_context(Proxy(runtime.postgres.port))
        buyer = urlsplit(runtime.dsn)
        pooler = stack.enter_context(
            PgBouncer(
                runtime.postgres,
                users={str(buyer.username): str(buyer.password)},
                upstream=("127.0.0.1", switch.port),
            )
        )
        yield Pair(
            runtime,
            standby,
            wire,
            switch,
            pooler.dsn(str(buyer.username), None, DATABASE),
            standby.dsn(dbname=DATABASE),
        )


@contextmanager
def _stopped(postgres: Postgres) -> Generator[Postgres]:
    """A server that is started later, and removed at the end."""
    try:
        yield postgres
    finally:
        postgres.close()


def _copy(runtime: Runtime, standby: Postgres, password: str, port: int) -> None:
    source = make_conninfo(
        host="127.0.0.1",
        port=port,
        user="postgres",
        password=password,
        application_name=NAME,
    )
    # The password stands in the command only of a server that nobody else reaches.
    process.run(
        [
            standby.bindir / "pg_basebackup",
            f"--dbname={source}",
            f"--pgdata={standby.data_dir}",
            "--write-recovery-conf",
            "--checkpoint=fast",
            "--wal-method=stream",
        ],
        cwd=standby.scratch,
    )
