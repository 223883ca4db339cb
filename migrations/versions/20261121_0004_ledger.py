"""The ledger carries every path and channel: notices beside campaigns, fewer indexes for what changes often."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_EVENTS = "fk_message_event_tenant_id_message_id"
_HARDLY_EVER = "state NOT IN ('pending', 'claimed', 'sending', 'sent', 'delivered')"
_COUNTED = "campaign_id IS NOT NULL"

# Nothing refers to the events of a message by a foreign key: its check would cost more than the mark itself.
_FORGET = """
CREATE FUNCTION forget_message_events() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  DELETE FROM message_event e USING old_rows o WHERE e.tenant_id = o.tenant_id AND e.message_id = o.id;
  RETURN NULL;
END $$
"""


def upgrade() -> None:
    _make_notices()
    _widen_messages()
    _change_keys()
    op.create_table(
        "rate_bucket",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("granted", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_rate_bucket_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "key", name="pk_rate_bucket"),
    )
    protect("rate_bucket")
    op.add_column("tenant", sa.Column("frequency_cap", sa.SmallInteger(), nullable=True))
    op.add_column("tenant", sa.Column("frequency_days", sa.SmallInteger(), server_default="7", nullable=False))
    op.alter_column("message_event", "campaign_id", nullable=True)
    for verb in ("insert", "update", "delete"):
        _count(verb, _COUNTED)
    op.execute(_FORGET)
    op.execute(
        "CREATE TRIGGER message_forget AFTER DELETE ON message REFERENCING OLD TABLE AS old_rows "
        "FOR EACH STATEMENT EXECUTE FUNCTION forget_message_events()"
    )


def _make_notices() -> None:
    op.create_table(
        "notice",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("revision_id", sa.Uuid(), nullable=True),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)
            for name in ("created_at", "updated_at")
        ),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_notice_tenant_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "member_id"],
            ["member.tenant_id", "member.id"],
            name="fk_notice_tenant_id_member_id",
            ondelete="SET NULL (member_id)",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "campaign_id"],
            ["campaign.tenant_id", "campaign.id"],
            name="fk_notice_tenant_id_campaign_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sa.UniqueConstraint("tenant_id", "id", name="uq_notice_tenant_id_id"),
        sa.UniqueConstraint("tenant_id", "key", name="uq_notice_tenant_id_key"),
    )
    protect("notice")


def _widen_messages() -> None:
    op.alter_column("message", "campaign_id", nullable=True)
    for column in (
        sa.Column("notice_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.String(), server_default="marketing", nullable=False),
        sa.Column("on_ambiguity", sa.String(), server_default="hold", nullable=False),
        sa.Column("segments", sa.SmallInteger(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
    ):
        op.add_column("message", column)
    op.create_foreign_key(
        "fk_message_tenant_id_notice_id",
        "message",
        "notice",
        ["tenant_id", "notice_id"],
        ["tenant_id", "id"],
        ondelete="CASCADE",
    )
    op.create_check_constraint("path_known", "message", "(campaign_id IS NULL) <> (notice_id IS NULL)")
    op.create_check_constraint("on_ambiguity_known", "message", "on_ambiguity IN ('hold', 'resend')")


def _change_keys() -> None:
    op.drop_constraint(_EVENTS, "message_event", type_="foreignkey")
    op.drop_constraint("uq_message_tenant_id_id", "message", type_="unique")
    op.drop_constraint("pk_message", "message", type_="primary")
    op.create_primary_key("pk_message", "message", ["tenant_id", "id"])
    op.drop_constraint("uq_message_tenant_id_campaign_id_step_member_id", "message", type_="unique")
    op.drop_index("ix_message_member", table_name="message")
    op.create_unique_constraint(
        "uq_message_tenant_id_member_id_campaign_id_step", "message", ["tenant_id", "member_id", "campaign_id", "step"]
    )
    op.drop_index("ix_message_campaign_state", table_name="message")
    op.create_index("ix_message_list", "message", ["tenant_id", "campaign_id", "id"])
    op.create_index(
        "ix_message_outcome",
        "message",
        ["tenant_id", "campaign_id", "state", "id"],
        postgresql_where=_HARDLY_EVER,
    )


def _count(verb: str, where: str) -> None:
    sides = {
        "insert": [("new_rows", "1")],
        "update": [("new_rows", "1"), ("old_rows", "-1")],
        "delete": [("old_rows", "-1")],
    }[verb]
    changes = " UNION ALL ".join(
        f"SELECT tenant_id, campaign_id, state, {delta} AS delta FROM {rows} WHERE {where}"  # noqa: S608 - our own words
        for rows, delta in sides
    )
    op.execute(f"""
CREATE OR REPLACE FUNCTION count_messages_{verb}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO campaign_count AS c (tenant_id, campaign_id, state, shard, n)
  SELECT tenant_id, campaign_id, state, count_shard(), sum(delta)
  FROM ({changes}) AS change
  GROUP BY tenant_id, campaign_id, state
  HAVING sum(delta) <> 0
  ORDER BY tenant_id, campaign_id, state
  ON CONFLICT (tenant_id, campaign_id, state, shard) DO UPDATE SET n = c.n + excluded.n;
  RETURN NULL;
END $$
""")  # noqa: S608 - our own words


def downgrade() -> None:
    op.execute("DELETE FROM message WHERE notice_id IS NOT NULL")
    op.execute("DROP TRIGGER message_forget ON message")
    op.execute("DROP FUNCTION forget_message_events()")
    for verb in ("insert", "update", "delete"):
        _count(verb, "true")
    op.execute("DELETE FROM message_event WHERE campaign_id IS NULL")
    op.alter_column("message_event", "campaign_id", nullable=False)
    op.drop_column("tenant", "frequency_days")
    op.drop_column("tenant", "frequency_cap")
    op.drop_index("ix_message_outcome", table_name="message", postgresql_where=_HARDLY_EVER)
    op.drop_index("ix_message_list", table_name="message")
    op.create_index("ix_message_campaign_state", "message", ["tenant_id", "campaign_id", "state", "id"])
    op.drop_constraint("uq_message_tenant_id_member_id_campaign_id_step", "message", type_="unique")
    op.create_index("ix_message_member", "message", ["tenant_id", "member_id"])
    op.create_unique_constraint(
        "uq_message_tenant_id_campaign_id_step_member_id", "message", ["tenant_id", "campaign_id", "step", "member_id"]
    )
    op.drop_constraint("pk_message", "message", type_="primary")
    op.create_primary_key("pk_message", "message", ["id"])
    op.create_unique_constraint("uq_message_tenant_id_id", "message", ["tenant_id", "id"])
    op.create_foreign_key(
        _EVENTS, "message_event", "message", ["tenant_id", "message_id"], ["tenant_id", "id"], ondelete="CASCADE"
    )
    op.drop_constraint(op.f("ck_message_on_ambiguity_known"), "message", type_="check")
    op.drop_constraint(op.f("ck_message_path_known"), "message", type_="check")
    op.drop_constraint("fk_message_tenant_id_notice_id", "message", type_="foreignkey")
    for column in ("expires_at", "segments", "on_ambiguity", "purpose", "account_id", "notice_id"):
        op.drop_column("message", column)
    op.alter_column("message", "campaign_id", nullable=False)
    unprotect("rate_bucket")
    op.drop_table("rate_bucket")
    unprotect("notice")
    op.drop_table("notice")
