"""When people act, and what campaigns cost."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect
from migrations.rows import of

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_TABLES = (
    "act_change",
    "act_hour",
    "send_time_state",
    "member_hours",
    "message_charge",
    "campaign_spend",
    "campaign_budget",
)

# One row per change of a first open or click; the statements that send messages set neither column.
_NOTE = """
CREATE FUNCTION note_acts() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
  IF OLD.first_clicked_at IS DISTINCT FROM NEW.first_clicked_at THEN
    INSERT INTO act_change (tenant_id, message_id, kind, before, after)
    VALUES (NEW.tenant_id, NEW.id, 'clicked', OLD.first_clicked_at, NEW.first_clicked_at);
  END IF;
  IF OLD.first_opened_at IS DISTINCT FROM NEW.first_opened_at THEN
    INSERT INTO act_change (tenant_id, message_id, kind, before, after)
    VALUES (NEW.tenant_id, NEW.id, 'opened', OLD.first_opened_at, NEW.first_opened_at);
  END IF;
  RETURN NULL;
END
$$
"""
_NOTED = """
CREATE TRIGGER note_acts AFTER UPDATE OF first_opened_at, first_clicked_at ON message FOR EACH ROW
WHEN (OLD.first_opened_at IS DISTINCT FROM NEW.first_opened_at
  OR OLD.first_clicked_at IS DISTINCT FROM NEW.first_clicked_at)
EXECUTE FUNCTION note_acts()
"""
# Without the consent for profiling nothing about a single member's hours is kept.
_FORGET = """
CREATE FUNCTION forget_hours() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
  DELETE FROM member_hours h
  WHERE h.tenant_id = OLD.tenant_id AND h.member_id = OLD.member_id AND h.channel = OLD.channel;
  RETURN NULL;
END
$$
"""
_FORGOTTEN = (
    """
CREATE TRIGGER forget_hours_of_withdrawn AFTER UPDATE ON consent FOR EACH ROW
WHEN (NEW.purpose = 'profiling' AND NEW.state <> 'granted') EXECUTE FUNCTION forget_hours()
""",
    """
CREATE TRIGGER forget_hours_of_removed AFTER DELETE ON consent FOR EACH ROW
WHEN (OLD.purpose = 'profiling') EXECUTE FUNCTION forget_hours()
""",
)
# Weights of 24 hours together; halved together once they are more than 32 acts, so that what is long ago fades.
_MERGE = """
CREATE FUNCTION merge_hours(kept smallint[], added smallint[]) RETURNS smallint[] LANGUAGE sql IMMUTABLE
SET search_path = pg_catalog AS $$
  SELECT array_agg((CASE WHEN s.total > 3200 THEN least(s.weight / 2, 3200) ELSE s.weight END)::smallint ORDER BY s.n)
  FROM (SELECT g.n, g.weight, sum(g.weight) OVER () AS total FROM (
    SELECT n, greatest(kept[n]::int + added[n]::int, 0) AS weight FROM generate_series(1, 24) AS n) g) s
$$
"""
# The hour around which, with an hour on either side, at least 40 % of the weight lies; null where there is none.
_CLEAR = """
CREATE FUNCTION clear_hour(hours smallint[]) RETURNS smallint LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS $$
  SELECT CASE WHEN s.around >= 0.4 * s.total AND s.total > 0 THEN s.n::smallint END
  FROM (SELECT n, greatest(hours[n + 1], 0) AS own,
    greatest(hours[(n + 23) % 24 + 1], 0)::int + greatest(hours[n + 1], 0) + greatest(hours[(n + 1) % 24 + 1], 0) AS around,
    sum(greatest(hours[n + 1], 0)) OVER () AS total FROM generate_series(0, 23) AS n) s
  ORDER BY s.around DESC, s.own DESC, s.n LIMIT 1
$$
"""


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def _of_tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE")


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _at(name: str, *, now: bool = False) -> sa.Column[object]:
    default = sa.func.clock_timestamp() if now else None
    return sa.Column(name, sa.DateTime(timezone=True), server_default=default, nullable=not now)


def _make_send_times() -> None:
    op.create_table(
        "act_change",
        sa.Column("id", sa.Uuid(), server_default=sa.text("new_id()"), nullable=False),
        _id("tenant_id"),
        _id("message_id"),
        sa.Column("kind", sa.String(), nullable=False),
        _at("before"),
        _at("after"),
        sa.CheckConstraint("kind IN ('opened', 'clicked')", name=op.f("ck_act_change_kind_known")),
        _key("act_change", "id"),
    )
    op.create_index("ix_act_change_next", "act_change", ["tenant_id", "id"])
    op.create_table(
        "act_hour",
        _id("tenant_id"),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("clock", "channel", "kind")),
        *(sa.Column(name, sa.SmallInteger(), nullable=False) for name in ("weekday", "hour")),
        sa.Column("n", sa.Integer(), nullable=False),
        _of_tenant("act_hour"),
        sa.CheckConstraint("clock IN ('tenant', 'member')", name=op.f("ck_act_hour_clock_known")),
        sa.CheckConstraint("kind IN ('opened', 'clicked')", name=op.f("ck_act_hour_kind_known")),
        sa.CheckConstraint("weekday BETWEEN 1 AND 7 AND hour BETWEEN 0 AND 23", name=op.f("ck_act_hour_hour_of_week")),
        _key("act_hour", "tenant_id", "clock", "channel", "kind", "weekday", "hour"),
    )
    op.create_table(
        "send_time_state",
        _id("tenant_id"),
        sa.Column("zone", sa.String(), nullable=False),
        _at("counted_at", now=True),
        sa.Column("advice", postgresql.JSONB(), server_default="{}", nullable=False),
        _of_tenant("send_time_state"),
        _key("send_time_state", "tenant_id"),
    )
    op.create_table(
        "member_hours",
        _id("tenant_id"),
        _id("member_id"),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("hours", postgresql.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("acts", sa.Integer(), nullable=False),
        sa.Column("best_hour", sa.SmallInteger(), nullable=True),
        _at("updated_at", now=True),
        of("member_hours", "member"),
        _key("member_hours", "tenant_id", "member_id", "channel"),
    )


def _make_costs() -> None:
    op.create_table(
        "message_charge",
        _id("tenant_id"),
        _id("message_id"),
        sa.Column("amount_minor", sa.Numeric(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        _at("at", now=True),
        of("message_charge", "message"),
        _key("message_charge", "tenant_id", "message_id"),
    )
    op.create_table(
        "campaign_spend",
        _id("tenant_id"),
        _id("campaign_id"),
        sa.Column("month", sa.Date(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("kind", "currency")),
        sa.Column("amount_minor", sa.Numeric(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("units", "unpriced")),
        of("campaign_spend", "campaign"),
        sa.CheckConstraint("kind IN ('charged', 'listed', 'model')", name=op.f("ck_campaign_spend_kind_known")),
        _key("campaign_spend", "tenant_id", "campaign_id", "month", "kind", "currency"),
    )
    op.create_table(
        "campaign_budget",
        _id("tenant_id"),
        _id("campaign_id"),
        _at("counted_at"),
        sa.Column("zone", sa.String(), nullable=True),
        sa.Column("warned_at_minor", sa.Integer(), nullable=True),
        of("campaign_budget", "campaign"),
        _key("campaign_budget", "tenant_id", "campaign_id"),
    )
    op.add_column("tenant", sa.Column("email_price", sa.Numeric(), nullable=True))
    op.add_column("tenant", sa.Column("whatsapp_price", sa.Numeric(), nullable=True))


def upgrade() -> None:
    _make_send_times()
    _make_costs()
    for table in _TABLES:
        protect(table)
    for statement in (_NOTE, _NOTED, _FORGET, *_FORGOTTEN, _MERGE, _CLEAR):
        op.execute(statement)


def downgrade() -> None:
    op.execute("DROP FUNCTION clear_hour(smallint[])")
    op.execute("DROP FUNCTION merge_hours(smallint[], smallint[])")
    for trigger in ("forget_hours_of_removed", "forget_hours_of_withdrawn"):
        op.execute(f"DROP TRIGGER {trigger} ON consent")
    op.execute("DROP FUNCTION forget_hours()")
    op.execute("DROP TRIGGER note_acts ON message")
    op.execute("DROP FUNCTION note_acts()")
    for column in ("whatsapp_price", "email_price"):
        op.drop_column("tenant", column)
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
