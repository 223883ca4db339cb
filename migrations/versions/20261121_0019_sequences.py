"""Drip sequences: versions, the campaigns behind their steps, and who is where."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect
from migrations.rows import of, owned

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_TABLES = ("sequence", "sequence_version", "sequence_campaign", "enrolment")
_NOW = sa.func.clock_timestamp()


def _at(name: str, *, nullable: bool = True, now: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=_NOW if now else None, nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "sequence",
        *owned("sequence"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("draft", postgresql.JSONB(), nullable=False),
        sa.Column("campaigns", postgresql.JSONB(), nullable=False),
        sa.Column("published", sa.SmallInteger(), nullable=False),
        sa.Column("stop_reason", sa.String(), nullable=True),
        _at("started_at"),
        _at("scanned_at"),
        sa.UniqueConstraint("tenant_id", "id", name="uq_sequence_tenant_id_id"),
        sa.UniqueConstraint("tenant_id", "name", name=op.f("uq_sequence_tenant_id_name")),
        sa.CheckConstraint("status IN ('draft', 'live', 'paused', 'archived')", name=op.f("ck_sequence_status_known")),
    )
    op.create_index("ix_sequence_list", "sequence", ["tenant_id", "id"])
    op.create_index(
        "ix_sequence_live", "sequence", ["tenant_id", "trigger"], postgresql_where=sa.text("status = 'live'")
    )
    op.create_table(
        "sequence_version",
        *owned("sequence_version"),
        sa.Column("sequence_id", sa.Uuid(), nullable=False),
        sa.Column("n", sa.SmallInteger(), nullable=False),
        sa.Column("definition", postgresql.JSONB(), nullable=False),
        sa.Column("campaigns", postgresql.JSONB(), nullable=False),
        of("sequence_version", "sequence"),
        sa.UniqueConstraint("tenant_id", "sequence_id", "n", name=op.f("uq_sequence_version_tenant_id_sequence_id_n")),
    )
    op.create_table(
        "sequence_campaign",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("tenant_id", "campaign_id", "sequence_id")),
        sa.Column("step", sa.String(), nullable=False),
        of("sequence_campaign", "sequence"),
        of("sequence_campaign", "campaign"),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", name=op.f("pk_sequence_campaign")),
    )
    op.create_index("ix_sequence_campaign_sequence", "sequence_campaign", ["tenant_id", "sequence_id", "step"])
    _enrolment()
    for table in _TABLES:
        protect(table)


def _enrolment() -> None:
    op.create_table(
        "enrolment",
        *owned("enrolment"),
        sa.Column("sequence_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("pass_n", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("step", sa.String(), nullable=True),
        _at("since", nullable=False, now=True),
        _at("due_at"),
        sa.Column("done", postgresql.JSONB(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("occasion", sa.String(), nullable=True),
        _at("ended_at"),
        of("enrolment", "sequence"),
        of("enrolment", "member", "SET NULL (member_id)"),
        sa.UniqueConstraint("tenant_id", "id", name="uq_enrolment_tenant_id_id"),
        sa.UniqueConstraint(
            "tenant_id",
            "sequence_id",
            "member_id",
            "pass_n",
            name=op.f("uq_enrolment_tenant_id_sequence_id_member_id_pass_n"),
        ),
        sa.CheckConstraint("state IN ('active', 'completed', 'exited')", name=op.f("ck_enrolment_state_known")),
        sa.CheckConstraint("(state = 'exited') = (reason IS NOT NULL)", name=op.f("ck_enrolment_reason_of_exit")),
        postgresql_with={"fillfactor": 80},
    )
    active = sa.text("state = 'active'")
    op.create_index("ix_enrolment_list", "enrolment", ["tenant_id", "sequence_id", "id"])
    op.create_index("ix_enrolment_member", "enrolment", ["tenant_id", "member_id", "id"])
    op.create_index(
        "ix_enrolment_due", "enrolment", ["tenant_id", "sequence_id", "due_at", "id"], postgresql_where=active
    )
    op.create_index(
        "uq_enrolment_active",
        "enrolment",
        ["tenant_id", "sequence_id", "member_id"],
        unique=True,
        postgresql_where=active,
    )
    op.create_index(
        "uq_enrolment_occasion",
        "enrolment",
        ["tenant_id", "sequence_id", "member_id", "occasion"],
        unique=True,
        postgresql_where=sa.text("occasion IS NOT NULL"),
    )
    op.create_index(
        "ix_enrolment_erased",
        "enrolment",
        ["tenant_id", "sequence_id"],
        postgresql_where=sa.text("state = 'active' AND member_id IS NULL"),
    )


def downgrade() -> None:
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
