"""Senders that too many complaints stopped, and the topic that an account's reports will come from next."""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect
from migrations.rows import owned

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("provider_account", sa.Column("next_sns_topic", sa.String(), nullable=True))
    op.create_table(
        "sender_stop",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("key", "channel", "reason")),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("harmed", "handed_over")),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        *(sa.Column(name, sa.String(), nullable=True) for name in ("lifted_by", "note")),
        *owned("sender_stop"),
        sa.UniqueConstraint("tenant_id", "id", name=op.f("uq_sender_stop_tenant_id_id")),
        sa.CheckConstraint("reason IN ('complained', 'sender_fault')", name=op.f("ck_sender_stop_reason_known")),
    )
    op.create_index(
        "ix_sender_stop_open",
        "sender_stop",
        ["tenant_id", "key"],
        unique=True,
        postgresql_where=sa.text("lifted_at IS NULL"),
    )
    op.create_index("ix_sender_stop_list", "sender_stop", ["tenant_id", "id"])
    protect("sender_stop")


def downgrade() -> None:
    unprotect("sender_stop")
    op.drop_table("sender_stop")
    op.drop_column("provider_account", "next_sns_topic")
