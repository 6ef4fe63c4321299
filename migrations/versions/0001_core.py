"""Core: roles, tables, result types, and the functions of the first release."""
# op.run_sql_file comes from migrations/sqlfile.py.
# pyright: basic, reportAttributeAccessIssue=false

from __future__ import annotations

from alembic import op

revision = "0001_core"
down_revision = None


def upgrade() -> None:
    op.run_sql_file("0001_core/tables.sql")
    op.run_sql_file("0001_core/types.sql")
    op.run_sql_file("0001_core/functions.sql")


def downgrade() -> None:
    op.run_sql_file("0001_core/functions_down.sql")
    op.run_sql_file("0001_core/tables_down.sql")
