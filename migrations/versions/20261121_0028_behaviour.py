"""Segments read what members do with messages from the ledger; how they are counted while somebody writes them.

Hits that are judged anew have to tell it, for they write no event.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

# As before, and members whose answers may turn are told of, while somebody follows what they do.
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
  ){told}
  SELECT message_id FROM marked
$$
"""
_TOLD = """, told AS (
    INSERT INTO member_change (tenant_id, member_id, kind)
    SELECT DISTINCT m.tenant_id, m.member_id, 'behaviour_judged'
    FROM marked JOIN message m ON m.tenant_id = marked.tenant_id AND m.id = marked.message_id
    WHERE m.member_id IS NOT NULL AND EXISTS (SELECT FROM change_position WHERE events_xid IS NOT NULL)
    RETURNING tenant_id
  ), rung AS (
    INSERT INTO change_bell (tenant_id) SELECT tenant_id FROM told LIMIT 1
  )"""

# The last bits of an id are random (RFC 9562 §5.7): those of the lowest numbers are a sample that stays the same.
_DRAW = "(get_byte(uuid_send(id), 14) * 64 + get_byte(uuid_send(id), 15) / 4)::smallint"

# What rules count and sum lies in the index: nobody's rows have to be fetched for it.
_HELD = {"activity": ["kind"], "purchase": ["amount_minor", "currency"]}


def upgrade() -> None:
    op.add_column("member", sa.Column("draw", sa.SmallInteger(), sa.Computed(_DRAW, persisted=True), nullable=False))
    op.create_index("ix_member_draw", "member", ["tenant_id", "draw"], postgresql_include=["id"])
    for table, more in _HELD.items():
        op.drop_index(f"ix_{table}_member", table)
        op.create_index(f"ix_{table}_member", table, ["tenant_id", "member_id", "at"], postgresql_include=more)
    op.add_column("change_position", sa.Column("events_xid", sa.BigInteger(), nullable=True))
    op.execute(_MARK.format(told=_TOLD))


def downgrade() -> None:
    op.execute(_MARK.format(told=""))
    op.drop_column("change_position", "events_xid")
    for table in _HELD:
        op.drop_index(f"ix_{table}_member", table)
        op.create_index(f"ix_{table}_member", table, ["tenant_id", "member_id", "at"])
    op.drop_index("ix_member_draw", "member")
    op.drop_column("member", "draw")
