"""Comparisons of variants: what was approved, every look, every decision, and which messages are part of a test."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect
from migrations.rows import of, owned

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_TABLES = ("experiment", "experiment_look", "experiment_decision")


def upgrade() -> None:
    op.add_column("message", sa.Column("tested", sa.Boolean(), nullable=True))
    op.create_index(
        "ix_message_tested", "message", ["tenant_id", "campaign_id", "variant"], postgresql_where=sa.text("tested")
    )
    op.create_table(
        "experiment",
        *owned("experiment"),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("revision_id", sa.Uuid(), nullable=False),
        sa.Column("seed", sa.String(), nullable=False),
        sa.Column("settings", postgresql.JSONB(), nullable=False),
        sa.Column("allocated", postgresql.JSONB(), nullable=False),
        sa.Column("waiting", sa.Integer(), nullable=False),
        sa.Column("held_out", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("test_sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_look_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("winner", sa.SmallInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        of("experiment", "campaign"),
        sa.UniqueConstraint("tenant_id", "id", name="uq_experiment_tenant_id_id"),
        sa.UniqueConstraint("tenant_id", "campaign_id", name=op.f("uq_experiment_tenant_id_campaign_id")),
        sa.CheckConstraint(
            "status IN ('testing', 'asking', 'decided', 'measuring', 'stopped')",
            name=op.f("ck_experiment_status_known"),
        ),
    )
    op.create_index(
        "ix_experiment_due",
        "experiment",
        ["tenant_id", "next_look_at"],
        postgresql_where=sa.text("status = 'testing'"),
    )
    op.create_table(
        "experiment_look",
        *owned("experiment_look"),
        sa.Column("experiment_id", sa.Uuid(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("arms", postgresql.JSONB(), nullable=False),
        sa.Column("evidence", postgresql.JSONB(), nullable=False),
        sa.Column("sample_ratio_p", sa.Float(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        of("experiment_look", "experiment"),
        sa.UniqueConstraint(
            "tenant_id", "experiment_id", "n", name=op.f("uq_experiment_look_tenant_id_experiment_id_n")
        ),
    )
    op.create_table(
        "experiment_decision",
        *owned("experiment_decision"),
        sa.Column("experiment_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("winner", sa.SmallInteger(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("figures", postgresql.JSONB(), nullable=False),
        sa.Column("released", sa.Integer(), nullable=False),
        of("experiment_decision", "experiment"),
        sa.CheckConstraint(
            "outcome IN ('send', 'send_none', 'split', 'ask', 'stop')",
            name=op.f("ck_experiment_decision_outcome_known"),
        ),
    )
    op.create_index("ix_experiment_decision_experiment", "experiment_decision", ["tenant_id", "experiment_id", "id"])
    for table in _TABLES:
        protect(table)


def downgrade() -> None:
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
    op.drop_index("ix_message_tested", table_name="message", postgresql_where=sa.text("tested"))
    op.drop_column("message", "tested")
