"""What providers report, and approved content templates."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_NOW = sa.func.clock_timestamp()
_TABLES = ("provider_callback", "provider_look", "content_template", "opt_out_word")


def _owned(table: str) -> list[Any]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _of_account(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "account_id"],
        ["provider_account.tenant_id", "provider_account.id"],
        name=op.f(f"fk_{table}_tenant_id_account_id"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    op.create_table(
        "provider_callback",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("words", sa.String(), nullable=True),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("processed_at", sa.DateTime(timezone=True), nullable=True),
        *_owned("provider_callback"),
        _of_account("provider_callback"),
        sa.UniqueConstraint(
            "tenant_id",
            "account_id",
            "provider_id",
            "status",
            name=op.f("uq_provider_callback_tenant_id_account_id_provider_id_status"),
        ),
    )
    op.create_index(
        "uq_provider_callback_token", "provider_callback", ["tenant_id", "account_id", "token"], unique=True
    )
    op.create_index(
        "ix_provider_callback_open",
        "provider_callback",
        ["tenant_id", "id"],
        postgresql_where=sa.text("processed_at IS NULL"),
    )
    op.create_index("ix_provider_callback_message", "provider_callback", ["tenant_id", "message_id"])
    op.create_table(
        "provider_look",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("looked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("found", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant_id", "message_id"],
            ["message.tenant_id", "message.id"],
            name=op.f("fk_provider_look_tenant_id_message_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "message_id", name=op.f("pk_provider_look")),
    )
    op.create_table(
        "content_template",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("sid", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("variables", postgresql.JSONB(), nullable=False),
        sa.Column("approval", sa.String(), nullable=False),
        sa.Column("rejection", sa.String(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
        *_owned("content_template"),
        _of_account("content_template"),
        sa.UniqueConstraint("tenant_id", "id", name="uq_content_template_tenant_id_id"),
        sa.UniqueConstraint(
            "tenant_id", "account_id", "sid", name=op.f("uq_content_template_tenant_id_account_id_sid")
        ),
    )
    op.create_table(
        "opt_out_word",
        sa.Column("word", sa.String(), nullable=False),
        *_owned("opt_out_word"),
        sa.UniqueConstraint("tenant_id", "word", name=op.f("uq_opt_out_word_tenant_id_word")),
    )
    op.create_index(
        "ix_message_unproven",
        "message",
        ["tenant_id", "updated_at"],
        postgresql_where=sa.text("state IN ('sent', 'unknown') AND channel IN ('sms', 'whatsapp')"),
    )
    for table in _TABLES:
        protect(table)


def downgrade() -> None:
    op.drop_index("ix_message_unproven", "message")
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
