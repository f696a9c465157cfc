"""Where mail to an account goes, beside the key that it is found by."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"


def upgrade() -> None:
    """Add the address; of those that are there already only the key is known."""
    for table in ("accounts", "pending"):
        op.add_column(table, sa.Column("address", sa.String(254), nullable=False, server_default=""))
        rows = sa.table(table, sa.column("address"), sa.column("email"))
        op.execute(sa.update(rows).values(address=rows.c.email))
