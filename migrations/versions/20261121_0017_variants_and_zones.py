"""Which variant of its content a message carries, and whose clock its number lives by."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message", sa.Column("variant", sa.SmallInteger(), nullable=True))
    op.add_column("message", sa.Column("zone", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("message", "zone")
    op.drop_column("message", "variant")
