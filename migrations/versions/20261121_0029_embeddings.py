"""Vectors of chunks: their signs, which are looked through, their numbers, which decide, and how far their making is."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_TABLES = ("chunk_sketch", "chunk_vector", "embedding_state")


def _tenant(table: str) -> list[sa.schema.SchemaItem]:
    key = sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE")
    return [sa.Column("tenant_id", sa.Uuid(), nullable=False), key]


def _of_chunk(table: str) -> list[sa.schema.SchemaItem]:
    return [
        *_tenant(table),
        sa.Column("chunk_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "chunk_id", name=op.f(f"pk_{table}")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "chunk_id"],
            ["chunk.tenant_id", "chunk.id"],
            name=op.f(f"fk_{table}_tenant_id_chunk_id"),
            ondelete="CASCADE",
        ),
    ]


def upgrade() -> None:
    op.create_table(
        "chunk_sketch",
        *_of_chunk("chunk_sketch"),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("dimensions", sa.Integer(), nullable=False),
        sa.Column("signs", postgresql.BIT(varying=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.CheckConstraint(
            "length(signs) = dimensions OR (signs IS NULL AND dimensions = 0)",
            name=op.f("ck_chunk_sketch_a_sign_per_dimension"),
        ),
    )
    op.create_index("ix_chunk_sketch_space", "chunk_sketch", ["tenant_id", "language", "model", "dimensions"])
    op.create_table(
        "chunk_vector",
        *_of_chunk("chunk_vector"),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.Column("norm", sa.Float(), nullable=False),
    )
    op.execute("ALTER TABLE chunk_vector ALTER numbers SET STORAGE EXTERNAL")  # they do not get smaller by compression
    op.create_table(
        "embedding_state",
        *_tenant("embedding_state"),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_embedding_state")),
    )
    for table in _TABLES:
        protect(table)


def downgrade() -> None:
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
