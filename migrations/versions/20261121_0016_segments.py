"""Segments of members and who is in the static ones."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect
from migrations.rows import of, owned

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = ("segment", "segment_member")


def upgrade() -> None:
    op.create_table(
        "segment",
        *owned("segment"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("rules", postgresql.JSONB(), nullable=True),
        sa.Column("member_count", sa.Integer(), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.UniqueConstraint("tenant_id", "id", name="uq_segment_tenant_id_id"),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_segment_tenant_id_name")),
        sa.CheckConstraint("kind IN ('dynamic', 'static')", name=op.f("ck_segment_kind_known")),
        sa.CheckConstraint("status IN ('active', 'archived')", name=op.f("ck_segment_status_known")),
        sa.CheckConstraint("(kind = 'dynamic') = (rules IS NOT NULL)", name=op.f("ck_segment_rules_of_dynamic")),
    )
    op.create_index("ix_segment_list", "segment", ["tenant_id", "id"])
    op.create_table(
        "segment_member",
        *owned("segment_member"),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        of("segment_member", "segment"),
        of("segment_member", "member"),
        sa.UniqueConstraint(
            "tenant_id", "segment_id", "member_id", name=op.f("uq_segment_member_tenant_id_segment_id_member_id")
        ),
    )
    op.create_index("ix_segment_member_member", "segment_member", ["tenant_id", "member_id"])
    op.create_index("ix_segment_member_list", "segment_member", ["tenant_id", "segment_id", "id"])
    for table in _TABLES:
        protect(table)


def downgrade() -> None:
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
