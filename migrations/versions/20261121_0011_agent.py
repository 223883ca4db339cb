"""The plan behind a draft, options of a run, and how a tenant speaks."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_TABLES = ("brand_profile", "brand_rule")


def _owned(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("tenant_id", "id", name=f"uq_{table}_tenant_id_id"),
    ]


def upgrade() -> None:
    op.add_column("agent_run", sa.Column("options", postgresql.JSONB(), server_default="{}", nullable=False))
    op.add_column("agent_run", sa.Column("brief_version", sa.Integer(), server_default="1", nullable=False))
    op.add_column("draft_revision", sa.Column("plan_json", postgresql.JSONB(), nullable=True))
    op.create_table(
        "brand_profile",
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("form", sa.String(), nullable=False),
        sa.Column("tone", sa.String(), nullable=False),
        sa.Column("emoji", sa.Boolean(), nullable=False),
        sa.Column("most_exclamations", sa.Integer(), nullable=False),
        sa.Column("forbidden", postgresql.JSONB(), nullable=False),
        sa.Column("required", postgresql.JSONB(), nullable=False),
        sa.Column("sign_off", sa.String(), nullable=True),
        sa.Column("samples", postgresql.JSONB(), nullable=False),
        *_owned("brand_profile"),
        sa.UniqueConstraint("tenant_id", "n", name=op.f("uq_brand_profile_tenant_id_n")),
        sa.CheckConstraint("form IN ('du', 'sie')", name=op.f("ck_brand_profile_form_known")),
        sa.CheckConstraint(
            "tone IN ('neutral', 'personal', 'formal', 'friendly')", name=op.f("ck_brand_profile_tone_known")
        ),
    )
    op.create_table(
        "brand_rule",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("value", postgresql.JSONB(), nullable=False),
        sa.Column("from_feedback", sa.Uuid(), nullable=True),
        sa.Column("decided_by", sa.String(), nullable=True),
        *_owned("brand_rule"),
        sa.CheckConstraint("state IN ('proposed', 'active', 'retired')", name=op.f("ck_brand_rule_state_known")),
    )
    op.create_index(
        "uq_brand_rule_open",
        "brand_rule",
        ["tenant_id", "code"],
        unique=True,
        postgresql_where=sa.text("state <> 'retired'"),
    )
    for table in _TABLES:
        protect(table)


def downgrade() -> None:
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
    op.drop_column("draft_revision", "plan_json")
    op.drop_column("agent_run", "brief_version")
    op.drop_column("agent_run", "options")
