"""Follow-ups of chats, their approved texts, insights, and what of chats may reach a model."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TABLES = ("follow_up", "follow_up_turn", "follow_up_text", "member_insight")
_MOMENT = sa.DateTime(timezone=True)


def _owned(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", _MOMENT, server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("updated_at", _MOMENT, server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _of_member(table: str) -> sa.schema.SchemaItem:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "member_id"],
        ["member.tenant_id", "member.id"],
        name=op.f(f"fk_{table}_tenant_id_member_id"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    _settings()
    _follow_up()
    _indexes()
    _beside()
    for table in _TABLES:
        protect(table)


def _settings() -> None:
    op.add_column("tenant", sa.Column("ai_egress", sa.String(), server_default="no_member_data", nullable=False))
    op.add_column("tenant", sa.Column("chat_disclosure", sa.Boolean(), server_default="true", nullable=False))
    op.add_column("tenant", sa.Column("follow_up_at", sa.String(), server_default="10:00", nullable=False))


def _follow_up() -> None:
    op.create_table(
        "follow_up",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("turn_id", sa.Uuid(), nullable=True),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("topic", "reason", "intent", "language", "channel")
        ),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("due_at", _MOMENT, nullable=False),
        sa.Column("due_local", postgresql.TIMESTAMP(timezone=False), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("look_at", _MOMENT, nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=True),
        sa.Column("options", postgresql.JSONB(), nullable=False),
        sa.Column("ai_context_json", postgresql.JSONB(), nullable=False),
        sa.Column("unless_active", sa.Boolean(), nullable=False),
        sa.Column("moves", sa.SmallInteger(), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("provider_reference", sa.String(), nullable=True),
        sa.Column("fired_at", _MOMENT, nullable=True),
        sa.Column("closed_at", _MOMENT, nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        *_owned("follow_up"),
        _of_member("follow_up"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "conversation_id"],
            ["conversation.tenant_id", "conversation.id"],
            name=op.f("fk_follow_up_tenant_id_conversation_id"),
            ondelete="SET NULL (conversation_id)",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "message_id"],
            ["message.tenant_id", "message.id"],
            name=op.f("fk_follow_up_tenant_id_message_id"),
            ondelete="SET NULL (message_id)",
        ),
        sa.UniqueConstraint("tenant_id", "id", name="uq_follow_up_tenant_id_id"),
        sa.UniqueConstraint("tenant_id", "turn_id", name=op.f("uq_follow_up_tenant_id_turn_id")),
        sa.CheckConstraint(
            "state IN ('proposed', 'pending', 'sending', 'sent', 'failed', 'cancelled', 'expired')",
            name=op.f("ck_follow_up_state_known"),
        ),
        sa.CheckConstraint(
            "state <> 'sent' OR provider_reference IS NOT NULL", name=op.f("ck_follow_up_sent_is_proven")
        ),
        sa.CheckConstraint(
            "intent IN ('explicit', 'absence', 'agent_promise', 'person')", name=op.f("ck_follow_up_intent_known")
        ),
        sa.CheckConstraint("purpose IN ('marketing', 'transactional')", name=op.f("ck_follow_up_purpose_known")),
    )


def _indexes() -> None:
    def index(name: str, columns: list[str], state: str | None = None, *, unique: bool = False) -> None:
        where = sa.text(f"state = '{state}'") if state else None
        op.create_index(name, "follow_up", ["tenant_id", *columns], unique=unique, postgresql_where=where)

    index("uq_follow_up_pending", ["member_id", "topic"], "pending", unique=True)
    index("uq_follow_up_proposed", ["member_id"], "proposed", unique=True)
    index("ix_follow_up_look", ["look_at"], "pending")
    index("ix_follow_up_expires", ["expires_at"], "proposed")
    index("ix_follow_up_sending", ["look_at"], "sending")
    index("ix_follow_up_member", ["member_id", "id"])
    index("ix_follow_up_conversation", ["conversation_id"])
    index("ix_follow_up_message", ["message_id"])
    index("ix_follow_up_list", ["id"])


def _beside() -> None:
    op.create_table(
        "follow_up_turn",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("turn_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("topic", sa.String(), nullable=True),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("follow_up_id", sa.Uuid(), nullable=True),
        sa.Column("read_at", _MOMENT, server_default=sa.func.clock_timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "turn_id", name=op.f("pk_follow_up_turn")),
        _of_member("follow_up_turn"),
    )
    op.create_index("ix_follow_up_turn_member", "follow_up_turn", ["tenant_id", "member_id", "at"])
    op.create_table(
        "follow_up_text",
        sa.Column("topic", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("whatsapp", postgresql.JSONB(), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("approved_at", _MOMENT, nullable=False),
        *_owned("follow_up_text"),
        sa.UniqueConstraint("tenant_id", "topic", "language", name=op.f("uq_follow_up_text_tenant_id_topic_language")),
    )
    op.create_table(
        "member_insight",
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("evidence_message_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("expires_at", _MOMENT, nullable=False),
        *_owned("member_insight"),
        _of_member("member_insight"),
        sa.UniqueConstraint("tenant_id", "member_id", "key", name=op.f("uq_member_insight_tenant_id_member_id_key")),
        sa.CheckConstraint("confidence BETWEEN 0 AND 1", name=op.f("ck_member_insight_confidence_known")),
    )
    op.create_index("ix_member_insight_expires", "member_insight", ["tenant_id", "expires_at"])


def downgrade() -> None:
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
    for column in ("follow_up_at", "chat_disclosure", "ai_egress"):
        op.drop_column("tenant", column)
