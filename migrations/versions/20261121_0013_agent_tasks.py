"""Tasks of lead agents."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())


def _stamp(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "agent_task",
        sa.Column("skill", sa.String(), nullable=False),
        sa.Column("input", _JSON, nullable=False),
        sa.Column("input_hash", sa.String(), nullable=False),
        sa.Column("requester", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=True),
        sa.Column("context_id", sa.String(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("result", _JSON, nullable=True),
        sa.Column("refusal", _JSON, nullable=True),
        sa.Column("to_confirm", sa.Boolean(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        _stamp("created_at"),
        _stamp("updated_at"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_agent_task_tenant_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "campaign_id"],
            ["campaign.tenant_id", "campaign.id"],
            name=op.f("fk_agent_task_tenant_id_campaign_id"),
            ondelete="SET NULL (campaign_id)",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["member.tenant_id", "member.id"],
            name=op.f("fk_agent_task_tenant_id_member_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agent_task")),
        sa.UniqueConstraint("tenant_id", "id", name="uq_agent_task_tenant_id_id"),
        sa.UniqueConstraint(
            "tenant_id", "requester", "idempotency_key", name=op.f("uq_agent_task_tenant_id_requester_idempotency_key")
        ),
    )
    op.create_index("ix_agent_task_list", "agent_task", ["tenant_id", "id"])
    op.create_index("ix_agent_task_campaign", "agent_task", ["tenant_id", "campaign_id"])
    op.create_index(
        "ix_agent_task_member",
        "agent_task",
        ["tenant_id", "member_id"],
        postgresql_where=sa.text("member_id IS NOT NULL"),
    )
    op.create_index("ix_agent_task_context", "agent_task", ["tenant_id", "requester", "context_id", "id"])
    protect("agent_task")


def downgrade() -> None:
    unprotect("agent_task")
    op.drop_table("agent_task")
