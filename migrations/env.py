"""How Alembic runs the migrations: one direct connection, one lock, one transaction a revision.

The connection comes from SECKILL_ADMIN_DSN (libpq words or a URL), or from `config.attributes`
where `seckill.migrate` calls. The client package is never imported here: a migration must not
change its meaning because the client did.
"""

from __future__ import annotations

import os
from logging.config import fileConfig
from pathlib import Path
from typing import Any

import psycopg
from alembic import context
from alembic.util import CommandError, load_python_file
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

# Registers op.run_sql_file. Loaded by path: a top-level module named `migrations` may be
# somebody else's where this runs from an installed wheel.
load_python_file(Path(__file__).parent, "sqlfile.py")

# The version table lives in the private schema, so that must exist before the first revision.
CREATE_SCHEMA = "create schema if not exists seckill_private"
OPTIONS: dict[str, Any] = {
    "version_table_schema": "seckill_private",
    "transaction_per_migration": True,
}
# One number for all of Seckill: whoever migrates this database holds this advisory lock.
LOCK_KEY = 5_311_700_100
LOCK_WAIT = "10min"


def admin_dsn() -> str:
    """The connection string for migrations; CommandError where none was given."""
    dsn = context.config.attributes.get("dsn") or os.environ.get("SECKILL_ADMIN_DSN", "")
    if not dsn:
        raise CommandError(
            "SECKILL_ADMIN_DSN is not set; give a direct connection to PostgreSQL, such as"
            " postgresql://admin@db.example/shop"
        )
    return dsn.replace("postgresql+psycopg://", "postgresql://", 1)


def connect() -> psycopg.Connection[Any]:
    """Open the connection; CommandError where it fails or leads through a pooler.

    A pooler makes up the process id that it gives to its clients, so the server's own answer
    differs. In transaction mode the lock below would be left on a stranger's session.
    """
    try:
        connection = psycopg.connect(
            admin_dsn(), client_encoding="utf8", application_name="seckill migrate"
        )
    except psycopg.Error as error:
        reason = " ".join(str(error).split())
        raise CommandError(f"cannot connect with SECKILL_ADMIN_DSN: {reason}") from error
    row = connection.execute("select pg_catalog.pg_backend_pid()").fetchone()
    connection.rollback()
    if row is None or row[0] != connection.info.backend_pid:
        connection.close()
        raise CommandError(
            "SECKILL_ADMIN_DSN leads through a connection pooler such as PgBouncer;"
            " migrations need a direct connection to PostgreSQL"
        )
    return connection


def lock(connection: Connection) -> None:
    """Wait until no other migration runs in this database; the lock ends with the session."""
    connection.exec_driver_sql(f"set lock_timeout = '{LOCK_WAIT}'")
    connection.exec_driver_sql(f"select pg_catalog.pg_advisory_lock({LOCK_KEY})")
    connection.exec_driver_sql("reset lock_timeout")


def run_offline() -> None:
    """Print the SQL instead of running it."""
    context.configure(dialect_name="postgresql", literal_binds=True, **OPTIONS)
    context.execute(CREATE_SCHEMA)
    with context.begin_transaction():
        context.run_migrations()


def run_online() -> None:
    """Run the revisions, each in its own transaction, while no one else does."""
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, **OPTIONS)
        # `alembic current` only looks.
        if not context.get_context().opts.get("dont_mutate"):
            lock(connection)
            context.execute(CREATE_SCHEMA)
            connection.commit()
        with context.begin_transaction():
            context.run_migrations()


if context.config.config_file_name is not None:
    fileConfig(context.config.config_file_name, disable_existing_loggers=False)

if context.is_offline_mode():
    run_offline()
else:
    run_online()
