"""The feed of recipients reads by transaction numbers alone and needs no mark of time."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("webhook_endpoint", "feed_mark_at")


def downgrade() -> None:
    op.add_column("webhook_endpoint", sa.Column("feed_mark_at", sa.DateTime(timezone=True), nullable=True))
