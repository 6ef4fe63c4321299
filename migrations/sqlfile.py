"""`op.run_sql_file(name)`: run a frozen file of migrations/sql exactly as it is written.

`op.execute(text)` would read `:1` and `:v_n` inside function bodies as bind parameters; in
`--sql` mode it replaces them by NULL without a word. So the text goes around SQLAlchemy's text():
offline it is copied to the output, online it is handed to the driver without parameters, which
also leaves `%` alone. tests/migrations/test_offline_sql.py holds the two equal.

`static_output` stands on Alembic's impl object and not at its front door: keep it in here.
"""

from __future__ import annotations

from pathlib import Path

import psycopg
from alembic.operations import MigrateOperation, Operations
from alembic.util import CommandError
from sqlalchemy.exc import DBAPIError

SQL_DIR = Path(__file__).parent / "sql"


@Operations.register_operation("run_sql_file")
class RunSqlFile(MigrateOperation):
    """The operation behind `op.run_sql_file`, which env.py makes known to Alembic."""

    def __init__(self, name: str) -> None:
        self.name = name

    @classmethod
    def run_sql_file(cls, operations: Operations, name: str) -> None:
        """Run `migrations/sql/<name>` in the transaction of the migration."""
        operations.invoke(cls(name))


@Operations.implementation_for(RunSqlFile)
def run(operations: Operations, operation: RunSqlFile) -> None:
    """Copy the file to the output (offline) or to the server (online), byte for byte."""
    script = (SQL_DIR / operation.name).read_text(encoding="utf-8")
    context = operations.get_context()
    if context.as_sql:
        context.impl.static_output(f"-- file: migrations/sql/{operation.name}\n{script.rstrip()}")
        return
    connection = operations.get_bind().execution_options(no_parameters=True)
    try:
        connection.exec_driver_sql(script)
    except DBAPIError as error:
        # Its own message would hold the whole file.
        raise CommandError(explain(operation.name, script, error.orig)) from error.orig


def explain(name: str, script: str, error: BaseException | None) -> str:
    """One line about a failed file: where, what, and the server's detail or hint."""
    where = f"migrations/sql/{name}"
    if not isinstance(error, psycopg.Error):
        return f"{where}: {error}"
    diag = error.diag
    if diag.statement_position is not None:
        where += f":{script.count(chr(10), 0, int(diag.statement_position)) + 1}"
    said = [diag.message_primary or str(error), diag.message_detail, diag.message_hint]
    return f"{where}: {error.sqlstate} {'; '.join(' '.join(part.split()) for part in said if part)}"
