"""Figures by segment and by month of joining: parts of an audience in the roll-ups, and cohorts that are kept.

Who was in which segment is a bit of the message, so that there is no row per message and segment. Cohorts are kept per
month; triggers note the months in which something was written, and only those are counted again.
"""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect
from migrations.rows import of

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_WHEN = {"rollup_quarter": "at", "rollup_day": "day"}
_OTHERS = ("channel", "language", "variant", "link_n", "detail")
_COHORTS = ("cohort_cell", "cohort_month", "cohort_stale", "cohort_state")
_EVENTS = ("activity", "purchase")
_ROWS = {
    "insert": ("NEW TABLE AS new_rows", "SELECT tenant_id, at FROM new_rows"),
    "update": (
        "OLD TABLE AS old_rows NEW TABLE AS new_rows",
        "SELECT tenant_id, at FROM old_rows UNION ALL SELECT tenant_id, at FROM new_rows",
    ),
    "delete": ("OLD TABLE AS old_rows", "SELECT tenant_id, at FROM old_rows"),
}

# A month that stands there already needs no second note. It is locked, so that nobody takes it away as counted before
# this transaction has ended; a note that was taken away meanwhile is not found, and written anew.
_NOTE = """
CREATE FUNCTION note_stale_months(owner uuid, instants timestamptz[]) RETURNS void LANGUAGE plpgsql
SET search_path = public AS $$
DECLARE
  wanted date;
BEGIN
  FOR wanted IN
    SELECT DISTINCT date_trunc('month', i AT TIME ZONE s.zone)::date FROM cohort_state s, unnest(instants) AS i
    WHERE s.tenant_id = owner
  LOOP
    PERFORM FROM cohort_stale s WHERE s.tenant_id = owner AND s.month = wanted LIMIT 1 FOR KEY SHARE SKIP LOCKED;
    IF NOT FOUND THEN INSERT INTO cohort_stale (tenant_id, month) VALUES (owner, wanted); END IF;
  END LOOP;
END
$$
"""
_NOTED = """
CREATE FUNCTION note_months_of_{table}_{verb}() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
  PERFORM note_stale_months(r.tenant_id, array_agg(DISTINCT r.at)) FROM ({rows}) AS r
  WHERE EXISTS (SELECT FROM cohort_state s WHERE s.tenant_id = r.tenant_id) GROUP BY r.tenant_id;
  RETURN NULL;
END
$$
"""
# A member who moves to another cohort takes everything along that was done and bought since.
_MOVED = """
CREATE FUNCTION note_months_of_member() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
  IF EXISTS (SELECT FROM cohort_state s WHERE s.tenant_id = NEW.tenant_id) THEN
    PERFORM note_stale_months(NEW.tenant_id, array_agg(DISTINCT r.at)) FROM (
      SELECT at FROM activity WHERE tenant_id = NEW.tenant_id AND member_id = NEW.id
      UNION ALL SELECT at FROM purchase WHERE tenant_id = NEW.tenant_id AND member_id = NEW.id) AS r;
  END IF;
  RETURN NULL;
END
$$
"""


def _key(table: str, *more: str) -> None:
    op.drop_constraint(op.f(f"pk_{table}"), table)
    op.create_primary_key(op.f(f"pk_{table}"), table, ["tenant_id", "campaign_id", _WHEN[table], *_OTHERS, *more])


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _make_parts() -> None:
    op.add_column("message", sa.Column("parts", sa.Integer(), nullable=True))
    op.create_table(
        "campaign_part",
        _id("tenant_id"),
        _id("campaign_id"),
        sa.Column("n", sa.SmallInteger(), nullable=False),
        _id("segment_id"),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        of("campaign_part", "campaign"),
        sa.CheckConstraint("n BETWEEN 0 AND 19", name=op.f("ck_campaign_part_n_is_a_bit")),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "n", name=op.f("pk_campaign_part")),
    )
    protect("campaign_part")
    for table in _WHEN:
        op.add_column(table, sa.Column("part", sa.SmallInteger(), server_default="-1", nullable=False))
        _key(table, "part")


def _kept(table: str, *columns: sa.schema.SchemaItem) -> None:
    tenant = sa.ForeignKeyConstraint(
        ["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"
    )
    op.create_table(table, _id("tenant_id"), *columns, tenant)
    protect(table)


def _make_cohorts() -> None:
    _kept(
        "cohort_state",
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=True),
        sa.Column("settled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_cohort_state")),
    )
    _kept(
        "cohort_stale",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "month", "id", name=op.f("pk_cohort_stale")),
    )
    _kept(
        "cohort_month",
        sa.Column("month", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "month", name=op.f("pk_cohort_month")),
    )
    _kept(
        "cohort_cell",
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("cohort", sa.Date(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("members", "purchases", "amount_minor")),
        sa.PrimaryKeyConstraint("tenant_id", "month", "cohort", "currency", name=op.f("pk_cohort_cell")),
    )
    op.create_index("ix_activity_at", "activity", ["tenant_id", "at"], postgresql_include=["member_id"])
    op.create_index(
        "ix_purchase_at", "purchase", ["tenant_id", "at"], postgresql_include=["member_id", "currency", "amount_minor"]
    )
    op.execute(_NOTE)
    for table in _EVENTS:
        for verb, (tables, rows) in _ROWS.items():
            op.execute(_NOTED.format(table=table, verb=verb, rows=rows))
            op.execute(
                f"CREATE TRIGGER note_months_{verb} AFTER {verb.upper()} ON {table} REFERENCING {tables} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION note_months_of_{table}_{verb}()"
            )
    op.execute(_MOVED)
    op.execute(
        "CREATE TRIGGER note_months AFTER UPDATE OF joined_on ON member FOR EACH ROW "
        "WHEN (OLD.joined_on IS DISTINCT FROM NEW.joined_on) EXECUTE FUNCTION note_months_of_member()"
    )


def upgrade() -> None:
    _make_parts()
    _make_cohorts()
    op.create_index(
        "ix_rollup_quarter_sent",
        "rollup_quarter",
        ["tenant_id", "channel", "at"],
        postgresql_where=sa.text("link_n = -1 AND reached > 0"),
    )


def _drop_cohorts() -> None:
    op.execute("DROP TRIGGER note_months ON member")
    op.execute("DROP FUNCTION note_months_of_member()")
    for table in _EVENTS:
        for verb in _ROWS:
            op.execute(f"DROP TRIGGER note_months_{verb} ON {table}")
            op.execute(f"DROP FUNCTION note_months_of_{table}_{verb}()")
    op.execute("DROP FUNCTION note_stale_months(uuid, timestamptz[])")
    for table in _EVENTS:
        op.drop_index(f"ix_{table}_at", table_name=table)
    for table in _COHORTS:
        unprotect(table)
        op.drop_table(table)


def downgrade() -> None:
    op.drop_index("ix_rollup_quarter_sent", table_name="rollup_quarter")
    _drop_cohorts()
    for table in _WHEN:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        op.execute(f"DELETE FROM {table} WHERE part >= 0")  # noqa: S608 - a name of our own
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        _key(table)
        op.drop_column(table, "part")
    unprotect("campaign_part")
    op.drop_table("campaign_part")
    op.drop_column("message", "parts")
