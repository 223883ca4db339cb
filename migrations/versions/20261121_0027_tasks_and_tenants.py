"""Tasks with a campaign for each channel, which words about them were heard, and tenants that are taken away."""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect
from migrations.rows import of, owned

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_RLS = ("agent_task", "agent_task_campaign")
_REFUSE = "RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';"
# The chain of a tenant that is being taken away goes as a whole; nobody but the owner of the table may delete from it.
_UNLESS_ERASED = """
IF TG_OP = 'DELETE' AND EXISTS (SELECT FROM tenant_erasure e WHERE e.tenant_id = OLD.tenant_id) THEN
  RETURN OLD;
END IF;
"""


def _refuse_change(unless: str = "") -> None:
    op.execute(
        f"CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {unless} {_REFUSE} "
        "END $$"
    )


def _erasures() -> None:
    op.create_table(
        "tenant_erasure",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("slug", sa.String(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("begun_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("rows", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("chain_seq", sa.Integer(), nullable=False),
        sa.Column("chain_hash", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenant_erasure")),
    )
    for table in ("credential_index", "login_identity", "plan_reservation"):
        op.create_index(f"ix_{table}_tenant", table, ["tenant_id"])
    _refuse_change(_UNLESS_ERASED)


def _moved(statement: str) -> None:
    """Run a statement over the rows of all tenants."""
    for table in _RLS:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(statement)
    for table in _RLS:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


_AGES = (
    ("ix_agent_step_age", "agent_step", "created_at", None),
    ("ix_model_call_over", "model_call", "expires_at", sa.text("reply IS NOT NULL")),
    ("ix_agent_task_age", "agent_task", "created_at", None),
    ("ix_provider_callback_age", "provider_callback", "created_at", None),
    ("ix_idempotency_key_over", "idempotency_key", "expires_at", None),
)


def _ages() -> None:
    for name, table, column, where in _AGES:
        op.create_index(name, table, ["tenant_id", column], postgresql_where=where)
    op.execute("ALTER TABLE tenant NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO tenant_due (tenant_id, kind, next_due_at) SELECT id, 'retention', clock_timestamp() FROM tenant"
    )
    op.execute("ALTER TABLE tenant FORCE ROW LEVEL SECURITY")


def upgrade() -> None:
    _erasures()
    _ages()
    op.create_table(
        "agent_task_campaign",
        *owned("agent_task_campaign"),
        sa.Column("agent_task_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=True),
        sa.Column("n", sa.Integer(), nullable=False),
        of("agent_task_campaign", "agent_task"),
        of("agent_task_campaign", "campaign", "SET NULL (campaign_id)"),
        sa.UniqueConstraint(
            "tenant_id", "agent_task_id", "n", name=op.f("uq_agent_task_campaign_tenant_id_agent_task_id_n")
        ),
    )
    op.create_index("ix_agent_task_campaign_campaign", "agent_task_campaign", ["tenant_id", "campaign_id"])
    protect("agent_task_campaign")
    op.create_table(
        "agent_task_word",
        *owned("agent_task_word"),
        sa.Column("agent_task_id", sa.Uuid(), nullable=False),
        sa.Column("requester", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("word_hash", sa.String(), nullable=False),
        of("agent_task_word", "agent_task"),
        sa.UniqueConstraint("tenant_id", "requester", "key", name=op.f("uq_agent_task_word_tenant_id_requester_key")),
    )
    op.create_index("ix_agent_task_word_task", "agent_task_word", ["tenant_id", "agent_task_id"])
    protect("agent_task_word")
    _moved(
        "INSERT INTO agent_task_campaign (id, tenant_id, agent_task_id, campaign_id, n) "
        "SELECT gen_random_uuid(), tenant_id, id, campaign_id, 0 FROM agent_task WHERE campaign_id IS NOT NULL"
    )
    op.drop_index("ix_agent_task_campaign", table_name="agent_task")
    op.drop_constraint(op.f("fk_agent_task_tenant_id_campaign_id"), "agent_task", type_="foreignkey")
    op.drop_column("agent_task", "campaign_id")


def downgrade() -> None:
    op.execute("DELETE FROM tenant_due WHERE kind = 'retention'")
    for name, table, _, _ in _AGES:
        op.drop_index(name, table)
    _refuse_change()
    for table in ("plan_reservation", "login_identity", "credential_index"):
        op.drop_index(f"ix_{table}_tenant", table)
    op.drop_table("tenant_erasure")
    op.add_column("agent_task", sa.Column("campaign_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_agent_task_tenant_id_campaign_id"),
        "agent_task",
        "campaign",
        ["tenant_id", "campaign_id"],
        ["tenant_id", "id"],
        ondelete="SET NULL (campaign_id)",
    )
    op.create_index("ix_agent_task_campaign", "agent_task", ["tenant_id", "campaign_id"])
    _moved(
        "UPDATE agent_task t SET campaign_id = c.campaign_id FROM agent_task_campaign c "
        "WHERE c.agent_task_id = t.id AND c.n = 0"
    )
    for table in ("agent_task_word", "agent_task_campaign"):
        unprotect(table)
        op.drop_table(table)
