"""The tenants' own full-text index, their synonyms, documents with days of validity, files read in the background."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TABLES = ("kb_posting", "kb_term", "kb_synonym", "document_upload")
_POSTINGS = """
INSERT INTO kb_posting (tenant_id, language, lexeme, document_id, chunks, headings)
SELECT c.tenant_id, c.language, t.lexeme, c.document_id, array_agg(c.position ORDER BY c.position),
  coalesce(array_agg(c.position ORDER BY c.position) FILTER (WHERE 'A' = ANY (t.weights)), '{}')
FROM chunk c, unnest(c.search) AS t GROUP BY c.tenant_id, c.language, t.lexeme, c.document_id
"""
_TERMS = """
INSERT INTO kb_term (tenant_id, language, lexeme, folded, chunks)
SELECT tenant_id, language, lexeme,
  replace(replace(replace(replace(translate(lexeme, 'äöü', 'aou'), 'ae', 'a'), 'oe', 'o'), 'ue', 'u'), 'ß', 'ss'),
  sum(cardinality(chunks)) FROM kb_posting GROUP BY tenant_id, language, lexeme
"""


def _owned(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        *_of_tenant(table),
    ]


def _of_tenant(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
    ]


def _of_document(table: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["tenant_id", "document_id"],
        ["document.tenant_id", "document.id"],
        name=op.f(f"fk_{table}_tenant_id_document_id"),
        ondelete=ondelete,
    )


def upgrade() -> None:
    for column in ("valid_from", "valid_until"):
        op.add_column("document", sa.Column(column, sa.Date(), nullable=True))
    op.create_check_constraint(
        op.f("ck_document_dates_in_order"),
        "document",
        "valid_until IS NULL OR valid_from IS NULL OR valid_until >= valid_from",
    )
    _index_tables()
    _tables_of_people()
    for table in _TABLES:
        protect(table)
    _fill()


def _index_tables() -> None:
    op.create_table(
        "kb_posting",
        *_of_tenant("kb_posting"),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("lexeme", sa.String(), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("chunks", postgresql.ARRAY(sa.Integer()), nullable=False),
        sa.Column("headings", postgresql.ARRAY(sa.Integer()), nullable=False),
        _of_document("kb_posting", "CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "language", "lexeme", "document_id", name=op.f("pk_kb_posting")),
    )
    op.create_index("ix_kb_posting_document", "kb_posting", ["tenant_id", "document_id"])
    op.create_table(
        "kb_term",
        *_of_tenant("kb_term"),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("lexeme", sa.String(), nullable=False),
        sa.Column("folded", sa.String(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "language", "lexeme", name=op.f("pk_kb_term")),
    )
    op.create_index("ix_kb_term_folded", "kb_term", ["tenant_id", "language", "folded"])


def _tables_of_people() -> None:
    op.create_table(
        "kb_synonym",
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("words", postgresql.JSONB(), nullable=False),
        *_owned("kb_synonym"),
    )
    op.create_index("ix_kb_synonym_language", "kb_synonym", ["tenant_id", "language"])
    op.create_table(
        "document_upload",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=True),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=True),
        sa.Column("valid_until", sa.Date(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("counts", postgresql.JSONB(), nullable=False),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=True),
        sa.Column("data", sa.LargeBinary(), nullable=True),
        *_owned("document_upload"),
        _of_document("document_upload", "SET NULL (document_id)"),
        sa.CheckConstraint(
            "status IN ('queued', 'running', 'done', 'failed')", name=op.f("ck_document_upload_status_known")
        ),
    )
    op.create_index("ix_document_upload_list", "document_upload", ["tenant_id", "id"])


def _fill() -> None:
    """Index what is already there, tenant by tenant: the policies bind the owner, too."""
    connection = op.get_bind()
    for tenant_id in connection.execute(sa.text("SELECT tenant_id FROM tenant_route")).scalars().all():
        connection.execute(sa.text("SELECT set_config('app.tenant', :tenant, true)"), {"tenant": str(tenant_id)})
        connection.execute(sa.text(_POSTINGS))
        connection.execute(sa.text(_TERMS))
    connection.execute(sa.text("SELECT set_config('app.tenant', '', true)"))


def downgrade() -> None:
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
    op.drop_constraint(op.f("ck_document_dates_in_order"), "document")
    for column in ("valid_until", "valid_from"):
        op.drop_column("document", column)
