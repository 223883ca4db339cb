"""What happens to members, for those who follow it; who is in which segment, and how each segment did per day."""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_FACTS = (
    "external_id", "first_name", "last_name", "salutation", "language", "time_zone", "status", "joined_on", "left_on",
    "attributes", "favourite_course", "last_visit_at", "restricted",
)  # fmt: skip

# Nobody follows: nothing is written. The bell is a row per statement and not a counter, so that two transactions of a
# tenant never wait for each other.
_FUNCTION = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM change_position) THEN
    INSERT INTO member_change (tenant_id, member_id, kind, detail) {rows};
    IF FOUND THEN
      INSERT INTO change_bell (tenant_id) SELECT tenant_id FROM {some} LIMIT 1;
    END IF;
  END IF;
  RETURN NULL;
END $$
"""
_VERBS = {
    "insert": ("NEW TABLE AS new_rows", "new_rows"),
    "update": ("OLD TABLE AS old_rows NEW TABLE AS new_rows", "new_rows"),
    "delete": ("OLD TABLE AS old_rows", "old_rows"),
}


def _facts(row: str) -> str:
    return f"({', '.join(f'{row}.{name}' for name in _FACTS)})"


# The tags that one side of an update has and the other has not.
_TAGS = (
    "SELECT DISTINCT a.tenant_id, a.id, '{}', tag FROM {} a JOIN {} b USING (tenant_id, id),"
    " jsonb_array_elements_text(a.tags) tag WHERE a.tags IS DISTINCT FROM b.tags AND NOT jsonb_exists(b.tags, tag)"
)
_FACTS_CHANGED = (
    "SELECT n.tenant_id, n.id, 'member_updated', NULL FROM new_rows n JOIN old_rows o USING (tenant_id, id) "
    "WHERE {} IS DISTINCT FROM {}"
)
_HAPPENED = "SELECT tenant_id, member_id, '{}', {} FROM new_rows"


def _details(kind: str, detail: str) -> dict[str, str]:
    ask = "SELECT DISTINCT tenant_id, member_id, '{}', {} FROM {}"
    return {verb: ask.format(kind, detail, rows) for verb, (_, rows) in _VERBS.items()}


def _history(kind: str, detail: str) -> dict[str, str]:
    """Things that happened; taking back or correcting one is no such thing, but may matter to rules."""
    changed = _details("history_changed", detail)
    return changed | {"insert": _HAPPENED.format(kind, detail)}


# Places in segments are not told to the segments themselves, which know what they wrote; only what people do by hand.
# A segment that is gone has nobody to leave it.
_PLACE = (
    "SELECT r.tenant_id, r.member_id, '{}', r.segment_id::text FROM {} r LEFT JOIN {} o ON o.id = r.id AND {}"
    " WHERE r.present AND o.present IS NOT TRUE AND (r.by_hand IS NOT NULL OR o.by_hand IS NOT NULL"
    " OR EXISTS (SELECT FROM change_position WHERE consumer <> 'segments'))"
    " AND EXISTS (SELECT FROM segment s WHERE s.tenant_id = r.tenant_id AND s.id = r.segment_id)"
)
_JOINED, _LEFT = "segment_joined", "segment_left"

_TRIGGERS = {
    "member": {
        "insert": (
            "SELECT tenant_id, id, 'member_created', NULL FROM new_rows UNION ALL "
            "SELECT DISTINCT tenant_id, id, 'tag_added', tag FROM new_rows, jsonb_array_elements_text(tags) tag"
        ),
        "update": " UNION ALL ".join(
            (
                _FACTS_CHANGED.format(_facts("n"), _facts("o")),
                _TAGS.format("tag_added", "new_rows", "old_rows"),
                _TAGS.format("tag_removed", "old_rows", "new_rows"),
            )
        ),
        "delete": "SELECT tenant_id, id, 'member_deleted', NULL FROM old_rows",
    },
    "contact_point": _details("contact_changed", "channel"),
    "consent": _details("consent_changed", "concat_ws(' ', channel, purpose, state)"),
    "member_insight": _details("insight_changed", "key"),
    "activity": _history("activity", "kind"),
    "purchase": _history("purchase", "product"),
    "conversion": {
        "insert": "SELECT tenant_id, member_id, 'conversion', goal FROM new_rows WHERE member_id IS NOT NULL"
    },
    "segment_member": {
        "insert": _PLACE.format(_JOINED, "new_rows", "new_rows", "false"),
        "update": (
            _PLACE.format(_JOINED, "new_rows", "old_rows", "true")
            + " UNION ALL "
            + _PLACE.format(_LEFT, "old_rows", "new_rows", "true")
        ),
        "delete": _PLACE.format(_LEFT, "old_rows", "old_rows", "false"),
    },
}


def _name(table: str, verb: str) -> str:
    return f"note_{table}_{verb}"


def _tenant(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE")


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False)


def _xid() -> sa.Column[object]:
    number = sa.text("(pg_current_xact_id()::text)::bigint")
    return sa.Column("xid", sa.BigInteger(), server_default=number, nullable=False)


def _feed() -> None:
    op.create_table(
        "member_change",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        _xid(),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("member_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("detail", sa.String(), nullable=True),
        _now("at"),
        sa.PrimaryKeyConstraint("tenant_id", "xid", "id", name=op.f("pk_member_change")),
    )
    op.create_table(
        "change_position",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("consumer", sa.String(), nullable=False),
        sa.Column("xid", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=True),
        sa.Column("settled", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "consumer", name=op.f("pk_change_position")),
        _tenant("change_position"),
    )
    op.create_table(
        "change_bell",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        _xid(),
        sa.Column("rung_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change_bell")),
    )
    op.create_index("ix_change_bell_tenant", "change_bell", ["tenant_id", "xid"])
    protect("member_change")
    protect("change_position")


def _force(word: str) -> None:
    """Let the owner write the rows of every tenant, or no more."""
    for table in ("segment", "segment_member"):
        op.execute(f"ALTER TABLE {table} {word} ROW LEVEL SECURITY")


def _segments() -> None:
    op.drop_constraint(op.f("ck_segment_kind_known"), "segment")
    op.drop_constraint(op.f("ck_segment_status_known"), "segment")
    op.drop_constraint(op.f("ck_segment_rules_of_dynamic"), "segment")
    op.create_check_constraint(op.f("ck_segment_kind_known"), "segment", "kind IN ('dynamic', 'static', 'hybrid')")
    op.create_check_constraint(
        op.f("ck_segment_status_known"), "segment", "status IN ('active', 'inactive', 'archived')"
    )
    op.create_check_constraint(op.f("ck_segment_rules_by_kind"), "segment", "(kind = 'static') = (rules IS NULL)")
    op.add_column("segment", sa.Column("due_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("segment", sa.Column("problem", sa.String(), nullable=True))
    for column in (
        sa.Column("by_rule", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("by_hand", sa.String(), nullable=True),
        sa.Column("hand_by", sa.String(), nullable=True),
        sa.Column("hand_at", sa.DateTime(timezone=True), nullable=True),
        _now("joined_at"),
    ):
        op.add_column("segment_member", column)
    _force("NO FORCE")
    op.execute(
        "UPDATE segment_member SET by_hand = 'added', hand_by = created_by, hand_at = created_at, joined_at = created_at"
    )
    op.execute("UPDATE segment SET due_at = clock_timestamp() WHERE kind = 'dynamic'")
    op.execute(
        "INSERT INTO tenant_due (tenant_id, kind, next_due_at) "
        "SELECT DISTINCT tenant_id, 'segments', clock_timestamp() FROM segment ON CONFLICT DO NOTHING"
    )
    _force("FORCE")
    present = "coalesce(by_hand = 'added', false) OR (by_rule AND by_hand IS NULL)"
    op.add_column(
        "segment_member", sa.Column("present", sa.Boolean(), sa.Computed(present, persisted=True), nullable=False)
    )
    op.create_check_constraint(
        op.f("ck_segment_member_hand_known"), "segment_member", "by_hand IN ('added', 'removed')"
    )
    op.create_index(
        "ix_segment_member_present",
        "segment_member",
        ["tenant_id", "segment_id", "member_id"],
        postgresql_where=sa.text("present"),
    )
    op.drop_index("ix_segment_member_list", "segment_member")


def _days() -> None:
    def count(name: str, kind: type[sa.Integer] = sa.Integer) -> sa.Column[int]:
        return sa.Column(name, kind(), server_default="0", nullable=False)

    op.create_table(
        "segment_day",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("segment_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("members", sa.Integer(), nullable=True),
        sa.Column("active_members", sa.Integer(), nullable=True),
        *map(count, ("joined", "left", "campaigns", "received", "converted")),
        count("revenue_minor", sa.BigInteger),
        _now("measured_at"),
        sa.PrimaryKeyConstraint("tenant_id", "segment_id", "day", name=op.f("pk_segment_day")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "segment_id"],
            ["segment.tenant_id", "segment.id"],
            name=op.f("fk_segment_day_tenant_id_segment_id"),
            ondelete="CASCADE",
        ),
    )
    protect("segment_day")


def upgrade() -> None:
    _feed()
    _segments()
    _days()
    for table, verbs in _TRIGGERS.items():
        for verb, rows in verbs.items():
            tables, some = _VERBS[verb]
            name = _name(table, verb)
            op.execute(_FUNCTION.format(name=name, rows=rows, some=some))
            op.execute(
                f"CREATE TRIGGER {name} AFTER {verb.upper()} ON {table} REFERENCING {tables} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
            )


def downgrade() -> None:
    for table, verbs in _TRIGGERS.items():
        for verb in verbs:
            op.execute(f"DROP TRIGGER {_name(table, verb)} ON {table}")
            op.execute(f"DROP FUNCTION {_name(table, verb)}()")
    for table in ("segment_day", "change_position", "member_change"):
        unprotect(table)
        op.drop_table(table)
    op.drop_table("change_bell")
    op.execute("DELETE FROM tenant_due WHERE kind = 'segments'")
    op.create_index("ix_segment_member_list", "segment_member", ["tenant_id", "segment_id", "id"])
    _force("NO FORCE")
    op.execute("DELETE FROM segment_member WHERE by_hand IS DISTINCT FROM 'added'")
    op.drop_index("ix_segment_member_present", "segment_member")
    for name in ("present", "by_rule", "by_hand", "hand_by", "hand_at", "joined_at"):
        op.drop_column("segment_member", name)
    op.drop_column("segment", "due_at")
    op.drop_column("segment", "problem")
    op.execute("DELETE FROM segment WHERE kind = 'hybrid'")
    op.execute("UPDATE segment SET status = 'archived' WHERE status = 'inactive'")
    _force("FORCE")
    for name in ("kind_known", "status_known", "rules_by_kind"):
        op.drop_constraint(op.f(f"ck_segment_{name}"), "segment")
    op.create_check_constraint(op.f("ck_segment_kind_known"), "segment", "kind IN ('dynamic', 'static')")
    op.create_check_constraint(op.f("ck_segment_status_known"), "segment", "status IN ('active', 'archived')")
    op.create_check_constraint(
        op.f("ck_segment_rules_of_dynamic"), "segment", "(kind = 'dynamic') = (rules IS NOT NULL)"
    )
