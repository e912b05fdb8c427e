"""What alembic runs: the steps, within the transaction of the connection that it was given."""

from __future__ import annotations

from alembic import context

from edgekit.history.tables import LAYOUT_TABLE

context.configure(
    connection=context.config.attributes["connection"], version_table=LAYOUT_TABLE,
)  # fmt: skip
with context.begin_transaction():
    context.run_migrations()
