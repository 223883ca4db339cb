"""Telegram chats tied to members, and which updates were taken."""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chat_link",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("wording", sa.String(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("chat_id", sa.String(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_chat_link_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["member.tenant_id", "member.id"],
            name="fk_chat_link_tenant_id_member_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["provider_account.tenant_id", "provider_account.id"],
            name="fk_chat_link_tenant_id_account_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_chat_link"),
        sa.UniqueConstraint("tenant_id", "id", name="uq_chat_link_tenant_id_id"),
        sa.UniqueConstraint("tenant_id", "token_hash", name="uq_chat_link_tenant_id_token_hash"),
    )
    op.create_index("ix_chat_link_member", "chat_link", ["tenant_id", "member_id"])
    protect("chat_link")
    op.create_table(
        "telegram_update",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("update_id", sa.BigInteger(), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["provider_account.tenant_id", "provider_account.id"],
            name="fk_telegram_update_tenant_id_account_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "account_id", "update_id", name="pk_telegram_update"),
    )
    op.create_index("ix_telegram_update_age", "telegram_update", ["tenant_id", "account_id", "taken_at"])
    protect("telegram_update")


def downgrade() -> None:
    unprotect("telegram_update")
    op.drop_table("telegram_update")
    unprotect("chat_link")
    op.drop_table("chat_link")
