"""Columns and keys that the rows of every tenant's tables share."""

import sqlalchemy as sa
from alembic import op


def owned(table: str) -> list[sa.schema.SchemaItem]:
    """Return the columns of a row with an id of its own that belongs to a tenant, with their keys."""
    stamps = [
        sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False)
        for name in ("created_at", "updated_at")
    ]
    ids = [sa.Column(name, sa.Uuid(), nullable=False) for name in ("id", "tenant_id")]
    tenant = sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"
    )
    key = sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}"))
    return [*ids, *stamps, sa.Column("created_by", sa.String(), nullable=True), tenant, key]


def of(table: str, owner: str, ondelete: str = "CASCADE") -> sa.ForeignKeyConstraint:
    """Return the key of a row that belongs to a row of the table `owner` and goes with it."""
    return sa.ForeignKeyConstraint(
        ["tenant_id", f"{owner}_id"],
        [f"{owner}.tenant_id", f"{owner}.id"],
        name=op.f(f"fk_{table}_tenant_id_{owner}_id"),
        ondelete=ondelete,
    )
