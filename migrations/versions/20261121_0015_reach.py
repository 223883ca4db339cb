"""What a provider taught about an account, turns of chats, the team's own numbers, and costs by country."""

import sqlalchemy as sa
from alembic import op

from migrations.policies import protect, unprotect

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_TABLES = ("closed_country", "account_strain", "chat_turn", "team_address", "campaign_cost")


def _owned(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def _of_account(table: str, *key: str) -> list[sa.schema.SchemaItem]:
    """The columns of what belongs to an account, with a primary key where the row has no id of its own."""
    scope: list[sa.schema.SchemaItem] = [
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "account_id"],
            ["provider_account.tenant_id", "provider_account.id"],
            name=op.f(f"fk_{table}_tenant_id_account_id"),
            ondelete="CASCADE",
        ),
    ]
    if key:
        scope.append(sa.Column("tenant_id", sa.Uuid(), nullable=False))
        scope.append(sa.PrimaryKeyConstraint("tenant_id", "account_id", *key, name=op.f(f"pk_{table}")))
    return scope


def _accounts() -> None:
    op.create_table(
        "closed_country",
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("words", sa.String(), nullable=False),
        *_of_account("closed_country"),
        *_owned("closed_country"),
        sa.UniqueConstraint(
            "tenant_id", "account_id", "country", name=op.f("uq_closed_country_tenant_id_account_id_country")
        ),
    )
    op.create_table(
        "account_strain",
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("times", sa.SmallInteger(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        *_of_account("account_strain", "code"),
    )
    op.create_table(
        "chat_turn",
        sa.Column("chat", sa.String(), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False),
        *_of_account("chat_turn", "chat"),
        prefixes=["UNLOGGED"],  # what a crash forgets here is a second of waiting
    )
    op.create_index("ix_chat_turn_age", "chat_turn", ["tenant_id", "account_id", "free_at"])


def upgrade() -> None:
    _accounts()
    op.create_table(
        "team_address",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("address_norm", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        *_owned("team_address"),
        sa.UniqueConstraint("tenant_id", "id", name="uq_team_address_tenant_id_id"),
        sa.UniqueConstraint(
            "tenant_id", "channel", "address_norm", name=op.f("uq_team_address_tenant_id_channel_address_norm")
        ),
        sa.CheckConstraint("channel IN ('sms', 'whatsapp', 'telegram')", name=op.f("ck_team_address_channel_known")),
    )
    op.create_index("ix_team_address_list", "team_address", ["tenant_id", "id"])
    op.create_table(
        "campaign_cost",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.Column("messages", sa.Integer(), nullable=False),
        sa.Column("segments", sa.Integer(), nullable=False),
        sa.Column("most", sa.SmallInteger(), nullable=False),
        sa.Column("price", sa.Numeric(), nullable=True),
        sa.Column("exact", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "campaign_id"],
            ["campaign.tenant_id", "campaign.id"],
            name=op.f("fk_campaign_cost_tenant_id_campaign_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "campaign_id", "country", name=op.f("pk_campaign_cost")),
    )
    op.add_column("campaign", sa.Column("zone_rules", sa.String(), nullable=True))
    for table in _TABLES:
        protect(table)


def downgrade() -> None:
    op.drop_column("campaign", "zone_rules")
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
