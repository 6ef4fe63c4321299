"""${message}."""
# op.run_sql_file comes from migrations/sqlfile.py.
# pyright: basic, reportAttributeAccessIssue=false

from __future__ import annotations

from alembic import op

revision = "${up_revision}"
down_revision = ${'"%s"' % down_revision if down_revision else None}


def upgrade() -> None:
    op.run_sql_file("${up_revision}/functions.sql")


def downgrade() -> None:
    op.run_sql_file("${up_revision}/functions_down.sql")
