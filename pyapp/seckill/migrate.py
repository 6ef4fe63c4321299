"""Run the migrations from Python: what `seckill migrate` does.

Works in a checkout and from an installed wheel: Alembic's configuration is built here, so no
alembic.ini is needed. Every `dsn` is a direct connection (libpq words or a URL) of a role that
may create roles and owns the database; migrations/README.md says what else suffices.
"""

from __future__ import annotations

from io import StringIO

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from seckill import resources

__all__ = ["MigrationError", "current", "downgrade", "head", "offline_sql", "upgrade"]


class MigrationError(Exception):
    """The migration did not run; the message is one line for the person who asked for it."""


def _config(dsn: str | None = None, output: StringIO | None = None) -> Config:
    config = Config(output_buffer=output) if output is not None else Config()
    # Config interpolates `%`, and a directory may have one in its name.
    location = str(resources.migrations()).replace("%", "%%")
    config.set_main_option("script_location", location)
    if dsn is not None:
        config.attributes["dsn"] = dsn
    return config


def upgrade(dsn: str, revision: str = "head") -> None:
    """Bring the database up to a revision; does nothing where it already is there.

    Raises MigrationError where the connection or the revision is unusable, or where the database
    refuses a statement; the revision at fault is rolled back, those before it stand.
    """
    try:
        command.upgrade(_config(dsn), revision)
    except CommandError as error:
        raise MigrationError(str(error)) from error


def downgrade(dsn: str, revision: str) -> None:
    """Take the database back to a revision; `base` takes everything away, the data included.

    Raises MigrationError, as upgrade() does.
    """
    try:
        command.downgrade(_config(dsn), revision)
    except CommandError as error:
        raise MigrationError(str(error)) from error


def offline_sql(start_end: str = "head") -> str:
    """The SQL of an upgrade, for psql or a DBA's own tool; connects to nothing.

    `start_end` is a revision, or `start:end` for a database that already is at `start`.
    """
    output = StringIO()
    try:
        command.upgrade(_config(output=output), start_end, sql=True)
    except CommandError as error:
        raise MigrationError(str(error)) from error
    return output.getvalue()


def current(dsn: str) -> str | None:
    """The revision that the database is at, None where Seckill is not installed."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "select pg_catalog.to_regclass('seckill_private.alembic_version')"
        ).fetchone()
        if row is None or row[0] is None:
            return None
        row = connection.execute(
            "select version_num from seckill_private.alembic_version"
        ).fetchone()
        return None if row is None else str(row[0])


def head() -> str:
    """The newest revision that this installation carries."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise MigrationError("there is no revision in the migrations directory")
    return revision
