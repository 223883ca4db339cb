"""Sequences: when each was live, so that what happened while it was not lets nobody in."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

# For a sequence that is live now everything counts that nobody has read: this snapshot sees no transaction.
_LIVE = """
UPDATE sequence s SET spans = jsonb_build_array(
  jsonb_build_object('trigger', v.definition -> 'trigger', 'from', '1:1:', 'until', NULL))
FROM sequence_version v
WHERE s.status = 'live' AND v.tenant_id = s.tenant_id AND v.sequence_id = s.id AND v.n = s.published
"""


def upgrade() -> None:
    op.add_column("sequence", sa.Column("spans", postgresql.JSONB(), server_default="[]", nullable=False))
    for table in ("sequence", "sequence_version"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(_LIVE)
    for table in ("sequence", "sequence_version"):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.drop_column("sequence", "spans")
