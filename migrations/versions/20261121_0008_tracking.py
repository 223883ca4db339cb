"""Visits, conversions, and what is counted of them."""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NOW = sa.text("clock_timestamp()")
_CLICKS = "kind = 'clicked'"
_RARE = "kind NOT IN ('claimed', 'sending', 'sent', 'delivered', 'opened')"

# Events stay as they were written; only the verdict on who made a hit may change, and only in one direction.
_MARK = """
CREATE FUNCTION mark_hits(ids uuid[], reasons text[]) RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER
SET search_path = public AS $$
  UPDATE message_event e SET actor = 'machine', reason = h.reason
  FROM unnest(ids, reasons) AS h(id, reason)
  WHERE e.id = h.id AND e.kind IN ('opened', 'clicked') AND e.actor IN ('human', 'unknown')
  RETURNING e.message_id
$$
"""


def upgrade() -> None:
    _make_conversions()
    op.create_table(
        "tracking_journal",
        sa.Column("segment", sa.Uuid(), nullable=False),
        sa.Column("flushed", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.PrimaryKeyConstraint("segment", name=op.f("pk_tracking_journal")),
    )
    op.add_column("tenant", sa.Column("utm_links", sa.Boolean(), server_default="true", nullable=False))
    op.add_column("tenant", sa.Column("visit_links", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("tenant", sa.Column("conversion_days", sa.SmallInteger(), server_default="7", nullable=False))
    op.add_column("campaign", sa.Column("utm_links", sa.Boolean(), nullable=True))
    op.create_index(
        "ix_message_event_clicks",
        "message_event",
        ["tenant_id", "campaign_id", "link_n", "actor", "message_id"],
        postgresql_where=_CLICKS,
    )
    op.create_index(
        "ix_message_event_rare", "message_event", ["tenant_id", "campaign_id", "kind", "id"], postgresql_where=_RARE
    )
    op.execute(_MARK)


def _make_conversions() -> None:
    op.create_table(
        "conversion",
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("goal", sa.String(), nullable=False),
        sa.Column("value_minor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("attribution", sa.String(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("link_n", sa.SmallInteger(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        *(
            sa.ForeignKeyConstraint(
                ["tenant_id", f"{table}_id"],
                [f"{table}.tenant_id", f"{table}.id"],
                name=f"fk_conversion_tenant_id_{table}_id",
                ondelete=f"SET NULL ({table}_id)",
            )
            for table in ("campaign", "member", "message")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_conversion_tenant_id"), ondelete="CASCADE"),
        sa.CheckConstraint("source IN ('api', 'pixel')", name=op.f("ck_conversion_source_known")),
        sa.CheckConstraint(
            "attribution IN ('visit', 'message', 'last_click', 'none')", name=op.f("ck_conversion_attribution_known")
        ),
        sa.CheckConstraint("value_minor >= 0", name=op.f("ck_conversion_value_not_negative")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_conversion")),
        sa.UniqueConstraint("tenant_id", "external_id", name=op.f("uq_conversion_tenant_id_external_id")),
    )
    op.create_index("ix_conversion_campaign", "conversion", ["tenant_id", "campaign_id", "at"])
    for column in ("member_id", "message_id"):
        op.create_index(
            f"ix_conversion_{column.removesuffix('_id')}",
            "conversion",
            ["tenant_id", column],
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
    protect("conversion")


def downgrade() -> None:
    op.execute("DROP FUNCTION mark_hits(uuid[], text[])")
    op.drop_index("ix_message_event_rare", table_name="message_event", postgresql_where=_RARE)
    op.drop_index("ix_message_event_clicks", table_name="message_event", postgresql_where=_CLICKS)
    op.drop_column("campaign", "utm_links")
    for column in ("conversion_days", "visit_links", "utm_links"):
        op.drop_column("tenant", column)
    op.drop_table("tracking_journal")
    unprotect("conversion")
    op.drop_table("conversion")
