"""Provider accounts with sealed credentials, sender domains and their DKIM keys."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())


def _owned() -> list[sa.Column[Any]]:
    return [
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        *(
            sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)
            for name in ("created_at", "updated_at")
        ),
    ]


def _keys(table: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=f"fk_{table}_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
        sa.UniqueConstraint("tenant_id", "id", name=f"uq_{table}_tenant_id_id"),
    ]


def upgrade() -> None:
    op.create_table(
        "provider_account",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("settings", _JSON, nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("last_four", sa.String(), nullable=False),
        sa.Column("path_token", sa.String(), nullable=False),
        sa.Column("sealed_webhook_secret", sa.LargeBinary(), nullable=False),
        sa.Column("rate_per_second", sa.Float(), nullable=True),
        sa.Column("sessions", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("paused_reason", sa.String(), nullable=True),
        sa.Column("paused_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("check_problem", sa.String(), nullable=True),
        *_owned(),
        sa.CheckConstraint("kind IN ('smtp', 'twilio', 'telegram')", name=op.f("ck_provider_account_kind_known")),
        sa.CheckConstraint("state IN ('active', 'paused')", name=op.f("ck_provider_account_state_known")),
        sa.CheckConstraint("rate_per_second > 0", name=op.f("ck_provider_account_rate_positive")),
        sa.CheckConstraint("sessions > 0", name=op.f("ck_provider_account_sessions_positive")),
        sa.UniqueConstraint("tenant_id", "path_token", name=op.f("uq_provider_account_tenant_id_path_token")),
        *_keys("provider_account"),
    )
    op.create_table(
        "sender_domain",
        sa.Column("domain", sa.String(), nullable=False),
        sa.Column("dkim", sa.String(), nullable=False),
        sa.Column("relay_domain", sa.String(), nullable=True),
        sa.Column("relay_selector", sa.String(), nullable=True),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("aligned", sa.Boolean(), nullable=True),
        sa.Column("findings", _JSON, nullable=False),
        *_owned(),
        sa.CheckConstraint("dkim IN ('self', 'relay')", name=op.f("ck_sender_domain_dkim_known")),
        sa.UniqueConstraint("tenant_id", "domain", name=op.f("uq_sender_domain_tenant_id_domain")),
        *_keys("sender_domain"),
    )
    _make_keys()
    op.add_column("sender", sa.Column("account_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_sender_tenant_id_account_id", "sender", "provider_account", ["tenant_id", "account_id"], ["tenant_id", "id"]
    )
    op.create_index("ix_sender_account", "sender", ["tenant_id", "account_id"])
    for table in ("provider_account", "sender_domain", "dkim_key"):
        protect(table)


def _make_keys() -> None:
    op.create_table(
        "dkim_key",
        sa.Column("domain_id", sa.Uuid(), nullable=False),
        sa.Column("algorithm", sa.String(), nullable=False),
        sa.Column("selector", sa.String(), nullable=False),
        sa.Column("public_key", sa.String(), nullable=False),
        sa.Column("sealed_private_key", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        *_owned(),
        sa.CheckConstraint("algorithm IN ('rsa', 'ed25519')", name=op.f("ck_dkim_key_algorithm_known")),
        sa.CheckConstraint("state IN ('active', 'next', 'retired')", name=op.f("ck_dkim_key_state_known")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "domain_id"],
            ["sender_domain.tenant_id", "sender_domain.id"],
            name=op.f("fk_dkim_key_tenant_id_domain_id"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint(
            "tenant_id", "domain_id", "selector", name=op.f("uq_dkim_key_tenant_id_domain_id_selector")
        ),
        *_keys("dkim_key"),
    )
    op.create_index("ix_dkim_key_domain", "dkim_key", ["tenant_id", "domain_id", "state"])


def downgrade() -> None:
    for table in ("dkim_key", "sender_domain", "provider_account"):
        unprotect(table)
    op.drop_index("ix_sender_account", "sender")
    op.drop_constraint("fk_sender_tenant_id_account_id", "sender", type_="foreignkey")
    op.drop_column("sender", "account_id")
    for table in ("dkim_key", "sender_domain", "provider_account"):
        op.drop_table(table)
