"""Counters of sequences, maintained by the database, and comparisons that nobody could look at."""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_KEY = ("tenant_id", "sequence_id", "step", "state", "reason")
_GROUP = (
    "tenant_id, sequence_id, coalesce(step, '') AS step, "
    "CASE WHEN state = 'active' AND due_at IS NULL THEN 'held' ELSE state END AS state, coalesce(reason, '') AS reason"
)
_SIDES = {
    "insert": (("new_rows", 1),),
    "update": (("new_rows", 1), ("old_rows", -1)),
    "delete": (("old_rows", -1),),
}
_TABLES = {
    "insert": "NEW TABLE AS new_rows",
    "update": "OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "delete": "OLD TABLE AS old_rows",
}


def upgrade() -> None:
    op.add_column("experiment", sa.Column("failures", sa.Integer(), server_default="0", nullable=False))
    op.add_column("experiment", sa.Column("failed_because", sa.String(), nullable=True))
    op.add_column("sequence", sa.Column("draft_version", sa.Integer(), server_default="1", nullable=False))
    op.create_table(
        "enrolment_count",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in _KEY[:2]),
        *(sa.Column(name, sa.String(), nullable=False) for name in _KEY[2:]),
        sa.Column("shard", sa.SmallInteger(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "sequence_id"],
            ["sequence.tenant_id", "sequence.id"],
            name=op.f("fk_enrolment_count_tenant_id_sequence_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(*_KEY, "shard", name=op.f("pk_enrolment_count")),
    )
    _count_what_is_there()
    protect("enrolment_count")
    for verb, sides in _SIDES.items():
        _count(verb, sides)


def _count_what_is_there() -> None:
    op.execute("ALTER TABLE enrolment NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO enrolment_count (tenant_id, sequence_id, step, state, reason, shard, n) "  # noqa: S608 - our own words
        f"SELECT tenant_id, sequence_id, step, state, reason, 0, count(*) FROM (SELECT {_GROUP} FROM enrolment) AS e "
        "GROUP BY tenant_id, sequence_id, step, state, reason"
    )
    op.execute("ALTER TABLE enrolment FORCE ROW LEVEL SECURITY")


# A sequence that goes takes its enrolments with it, and there is nothing left to count for.
def _count(verb: str, sides: tuple[tuple[str, int], ...]) -> None:
    changes = " UNION ALL ".join(
        f"SELECT {_GROUP}, {delta} AS delta FROM {rows}"  # noqa: S608 - our own words
        for rows, delta in sides
    )
    op.execute(f"""
CREATE FUNCTION count_enrolments_{verb}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO enrolment_count AS c (tenant_id, sequence_id, step, state, reason, shard, n)
  SELECT e.tenant_id, e.sequence_id, e.step, e.state, e.reason, count_shard(), e.n
  FROM (SELECT tenant_id, sequence_id, step, state, reason, sum(delta) AS n FROM ({changes}) AS change
    GROUP BY tenant_id, sequence_id, step, state, reason HAVING sum(delta) <> 0) AS e
  JOIN sequence s ON s.tenant_id = e.tenant_id AND s.id = e.sequence_id
  ORDER BY e.sequence_id, e.step, e.state, e.reason
  ON CONFLICT (tenant_id, sequence_id, step, state, reason, shard) DO UPDATE SET n = c.n + excluded.n;
  RETURN NULL;
END $$
""")  # noqa: S608 - our own words
    op.execute(
        f"CREATE TRIGGER enrolment_count_{verb} AFTER {verb.upper()} ON enrolment REFERENCING {_TABLES[verb]} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION count_enrolments_{verb}()"
    )


def downgrade() -> None:
    for verb in _SIDES:
        op.execute(f"DROP TRIGGER enrolment_count_{verb} ON enrolment")
        op.execute(f"DROP FUNCTION count_enrolments_{verb}()")
    unprotect("enrolment_count")
    op.drop_table("enrolment_count")
    op.drop_column("sequence", "draft_version")
    op.drop_column("experiment", "failed_because")
    op.drop_column("experiment", "failures")
