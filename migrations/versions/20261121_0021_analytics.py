"""Roll-ups of what happened to messages, and what they are counted by: the transaction that wrote each event."""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect

revision = "0021"
down_revision = "0019"
branch_labels = None
depends_on = None

_FIGURES = (
    "sent", "delivered", "bounced_hard", "bounced_soft", "failed", "skipped", "complained", "unsubscribed", "replied",
    "replies", "opened", "opens", "opened_machine", "opens_machine", "opens_unknown", "clicked", "clicks",
    "clicked_machine", "clicks_machine", "clicks_unknown", "converted", "conversions", "value_minor", "reached", "attempted",
    "of_delivered", "of_bounced", "of_opened", "of_clicked", "of_complained", "of_unsubscribed", "of_replied",
    "of_converted",
)  # fmt: skip
_TABLES = ("rollup_quarter", "rollup_day", "rollup_position", "actor_change")
_COUNTED = "campaign_id IS NOT NULL"

# As before, and what stood there is kept until the roll-ups have taken it out.
_MARK = """
CREATE OR REPLACE FUNCTION mark_hits(ids uuid[], reasons text[]) RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER
SET search_path = public AS $$
  WITH before AS (
    SELECT e.id, e.actor, h.reason FROM unnest(ids, reasons) AS h(id, reason) JOIN message_event e ON e.id = h.id
    WHERE e.kind IN ('opened', 'clicked') AND e.actor IN ('human', 'unknown') FOR UPDATE OF e
  ), marked AS (
    UPDATE message_event e SET actor = 'machine', reason = b.reason FROM before b WHERE e.id = b.id
    RETURNING e.id, e.tenant_id, e.message_id, e.campaign_id, b.actor
  ), kept AS (
    INSERT INTO actor_change (tenant_id, message_id, event_id, actor)
    SELECT tenant_id, message_id, id, actor FROM marked WHERE campaign_id IS NOT NULL
  )
  SELECT message_id FROM marked
$$
"""
_MARK_OF_0008 = """
CREATE OR REPLACE FUNCTION mark_hits(ids uuid[], reasons text[]) RETURNS SETOF uuid LANGUAGE sql SECURITY DEFINER
SET search_path = public AS $$
  UPDATE message_event e SET actor = 'machine', reason = h.reason
  FROM unnest(ids, reasons) AS h(id, reason)
  WHERE e.id = h.id AND e.kind IN ('opened', 'clicked') AND e.actor IN ('human', 'unknown')
  RETURNING e.message_id
$$
"""
# Transaction numbers begin anew where a dump is restored. Then everything counts as written before all others.
_FORGET = """
CREATE FUNCTION forget_transactions(owner uuid) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = public AS $$
  UPDATE message_event SET xid = 0
  WHERE tenant_id = owner AND xid >= (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint;
  UPDATE conversion SET xid = 0
  WHERE tenant_id = owner AND xid >= (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint;
  DELETE FROM actor_change
  WHERE tenant_id = owner AND xid >= (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint
$$
"""


def _xid() -> sa.Column[object]:
    number = sa.text("(pg_current_xact_id()::text)::bigint")
    return sa.Column("xid", sa.BigInteger(), server_default=number, nullable=False)


def _ids(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _rollup(table: str, when: sa.Column[object]) -> None:
    op.create_table(
        table,
        *_ids("tenant_id", "campaign_id"),
        when,
        *(sa.Column(name, sa.String(), nullable=False) for name in ("channel", "language")),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in ("variant", "link_n")),
        sa.Column("detail", sa.String(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in _FIGURES),
        sa.PrimaryKeyConstraint(
            "tenant_id", "campaign_id", when.name, "channel", "language", "variant", "link_n", "detail",
            name=op.f(f"pk_{table}"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "campaign_id"],
            ["campaign.tenant_id", "campaign.id"],
            name=op.f(f"fk_{table}_tenant_id"),
            ondelete="CASCADE",
        ),
    )  # fmt: skip


def upgrade() -> None:
    op.add_column("message_event", _xid())
    op.add_column("conversion", _xid())
    op.create_index("ix_conversion_at", "conversion", ["tenant_id", "at"])
    op.add_column("tenant", sa.Column("attribution_model", sa.String(), server_default="last_click", nullable=False))
    op.create_index("ix_message_event_xid", "message_event", ["tenant_id", "xid"], postgresql_where=sa.text(_COUNTED))
    _rollup("rollup_quarter", sa.Column("at", sa.DateTime(timezone=True), nullable=False))
    _rollup("rollup_day", sa.Column("day", sa.Date(), nullable=False))
    op.create_index("ix_rollup_quarter_at", "rollup_quarter", ["tenant_id", "at"])
    op.create_index("ix_rollup_day_day", "rollup_day", ["tenant_id", "link_n", "day"])
    op.create_table(
        "rollup_position",
        *_ids("tenant_id"),
        sa.Column("xid", sa.BigInteger(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_rollup_position")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenant.id"], name=op.f("fk_rollup_position_tenant_id"), ondelete="CASCADE"
        ),
    )
    op.create_table(
        "actor_change",
        *_ids("tenant_id"),
        _xid(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        *_ids("message_id", "event_id"),
        sa.Column("actor", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "xid", "id", name=op.f("pk_actor_change")),
    )
    op.create_index("ix_actor_change_event", "actor_change", ["tenant_id", "event_id", "id"])
    for table in _TABLES:
        protect(table)
    op.execute(_MARK)
    op.execute(_FORGET)


def downgrade() -> None:
    op.execute("DROP FUNCTION forget_transactions(uuid)")
    op.execute(_MARK_OF_0008)
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
    op.drop_index("ix_message_event_xid", table_name="message_event", postgresql_where=sa.text(_COUNTED))
    op.drop_column("tenant", "attribution_model")
    op.drop_index("ix_conversion_at", table_name="conversion")
    op.drop_column("conversion", "xid")
    op.drop_column("message_event", "xid")
