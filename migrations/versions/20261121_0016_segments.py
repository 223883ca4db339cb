"""Segments of members and who is in the static ones."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TABLES = ("segment", "segment_member")


def _owned(table: str) -> list[sa.schema.SchemaItem]:
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


def _of(table: str, owner: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", f"{owner}_id"],
        [f"{owner}.tenant_id", f"{owner}.id"],
        name=op.f(f"fk_{table}_tenant_id_{owner}_id"),
        ondelete="CASCADE",
    )


def upgrade() -> None:
    op.create_table(
        "segment",
        *_owned("segment"),
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
        *_owned("segment_member"),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        _of("segment_member", "segment"),
        _of("segment_member", "member"),
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
