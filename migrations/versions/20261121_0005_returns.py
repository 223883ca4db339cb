"""Mail that comes back."""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_NOW = sa.func.clock_timestamp()


def upgrade() -> None:
    op.create_table(
        "inbound_mail",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("envelope_from", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_inbound_mail_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_inbound_mail")),
        sa.UniqueConstraint("tenant_id", "id", name="uq_inbound_mail_tenant_id_id"),
    )
    op.create_index("ix_inbound_mail_message", "inbound_mail", ["tenant_id", "message_id"])
    op.create_index(
        "ix_inbound_mail_raw", "inbound_mail", ["tenant_id", "created_at"], postgresql_where=sa.text("raw IS NOT NULL")
    )
    op.create_table(
        "address_health",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address_norm", sa.String(), nullable=False),
        sa.Column("softs", sa.SmallInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_address_health_tenant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "channel", "address_norm", name=op.f("pk_address_health")),
    )
    for table in ("inbound_mail", "address_health"):
        protect(table)


def downgrade() -> None:
    for table in ("address_health", "inbound_mail"):
        unprotect(table)
        op.drop_table(table)
