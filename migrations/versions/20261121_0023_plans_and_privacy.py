"""Changes of a plan, what they stopped, and what is left of people who were erased."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect
from migrations.rows import owned

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_TABLES = ("plan_change", "plan_stop", "erased_identity")
_OF_MEMBER = sa.text("member_id IS NOT NULL")


# Who opened or clicked from where, of messages whose member was erased; the application may not change what happened.
_FORGET_WHEREABOUTS = """
CREATE FUNCTION forget_whereabouts(ids uuid[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
  UPDATE message_event SET details = details - 'network' - 'agent'
  WHERE tenant_id = (SELECT nullif(current_setting('app.tenant', true), '')::uuid) AND message_id = ANY(ids)
    AND (details ? 'network' OR details ? 'agent')
$$
"""


def _words(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.String(), nullable=False) for name in names]


def _plan_tables() -> None:
    op.create_table(
        "plan_change",
        *owned("plan_change"),
        *_words("from_tier", "to_tier", "reason", "state"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consequences", postgresql.JSONB(), nullable=False),
        sa.CheckConstraint("state IN ('planned', 'done', 'withdrawn')", name=op.f("ck_plan_change_state_known")),
    )
    op.create_index("ix_plan_change_list", "plan_change", ["tenant_id", "id"])
    op.create_index(
        "uq_plan_change_planned",
        "plan_change",
        ["tenant_id"],
        unique=True,
        postgresql_where=sa.text("state = 'planned'"),
    )
    op.create_table(
        "plan_stop",
        *owned("plan_stop"),
        *_words("kind"),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("kind IN ('template', 'segment')", name=op.f("ck_plan_stop_kind_known")),
        sa.UniqueConstraint("tenant_id", "kind", "subject_id", name=op.f("uq_plan_stop_tenant_id_kind_subject_id")),
    )
    op.create_index(
        "ix_plan_reservation_held",
        "plan_reservation",
        ["tenant_id", "limit_key", "period"],
        postgresql_where=sa.text("state = 'reserved'"),
    )


def upgrade() -> None:
    _plan_tables()
    op.create_table(
        "erased_identity",
        *owned("erased_identity"),
        *_words("kind"),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("suppressions", postgresql.JSONB(), nullable=False),
        sa.UniqueConstraint("tenant_id", "kind", "digest", name=op.f("uq_erased_identity_tenant_id_kind_digest")),
    )
    for table in ("import_row", "notice"):
        op.create_index(f"ix_{table}_member", table, ["tenant_id", "member_id"], postgresql_where=_OF_MEMBER)
    for table in _TABLES:
        protect(table)
    op.execute(_FORGET_WHEREABOUTS)


def downgrade() -> None:
    op.execute("DROP FUNCTION forget_whereabouts(uuid[])")
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
    for table in ("import_row", "notice"):
        op.drop_index(f"ix_{table}_member", table)
    op.drop_index("ix_plan_reservation_held", "plan_reservation")
