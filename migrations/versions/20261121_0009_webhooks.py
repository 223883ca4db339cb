"""Domain events and where they are delivered."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.policies import protect, unprotect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(astext_type=sa.Text())
_TABLES = ("domain_event", "event_counter", "webhook_endpoint", "webhook_delivery")
_OPEN = sa.text("state IN ('pending', 'failed')")


def _stamp(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False)


def _moment(name: str) -> sa.Column[datetime]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=True)


def upgrade() -> None:
    _make_events()
    _make_endpoints()
    _make_deliveries()
    for table in _TABLES:
        protect(table)


def _make_events() -> None:
    op.create_table(
        "domain_event",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("aggregate_kind", sa.String(), nullable=False),
        sa.Column("aggregate_id", sa.Uuid(), nullable=False),
        sa.Column("payload", _JSON, nullable=False),
        _stamp("occurred_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_domain_event_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_domain_event"),
        sa.UniqueConstraint(
            "tenant_id",
            "aggregate_kind",
            "aggregate_id",
            "seq",
            name=op.f("uq_domain_event_tenant_id_aggregate_kind_aggregate_id_seq"),
        ),
    )
    op.create_index("ix_domain_event_list", "domain_event", ["tenant_id", "id"])
    op.create_index("ix_domain_event_type", "domain_event", ["tenant_id", "type", "id"])
    op.create_table(
        "event_counter",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("aggregate_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_event_counter_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "aggregate_id", name="pk_event_counter"),
    )


def _make_endpoints() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("events", _JSON, nullable=False),
        sa.Column("sealed_secret", sa.LargeBinary(), nullable=False),
        sa.Column("sealed_previous", sa.LargeBinary(), nullable=True),
        _moment("previous_until"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        _moment("failing_since"),
        _moment("paused_until"),
        _moment("disabled_at"),
        sa.Column("disabled_reason", sa.String(), nullable=True),
        sa.Column("feed_after", sa.Uuid(), nullable=True),
        sa.Column("feed_mark_xid", sa.BigInteger(), nullable=True),
        _moment("feed_mark_at"),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        _stamp("created_at"),
        _stamp("updated_at"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name="fk_webhook_endpoint_tenant_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoint"),
        sa.UniqueConstraint("tenant_id", "id", name="uq_webhook_endpoint_tenant_id_id"),
    )
    op.create_index("ix_webhook_endpoint_list", "webhook_endpoint", ["tenant_id", "id"])


def _make_deliveries() -> None:
    op.create_table(
        "webhook_delivery",
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("aggregate_id", sa.Uuid(), nullable=False),
        sa.Column("ordinal", sa.BigInteger(), nullable=False),
        sa.Column("body", _JSON, nullable=False),
        sa.Column("state", sa.String(), server_default="pending", nullable=False),
        sa.Column("attempt", sa.SmallInteger(), server_default="0", nullable=False),
        _stamp("next_at"),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("problem", sa.String(), nullable=True),
        sa.Column("excerpt", sa.String(), nullable=True),
        sa.Column("duration_ms", sa.Integer(), nullable=True),
        _stamp("created_at"),
        _moment("done_at"),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state IN ('pending', 'delivered', 'failed', 'dead')", name=op.f("ck_webhook_delivery_state_known")
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"],
            ["webhook_endpoint.tenant_id", "webhook_endpoint.id"],
            name=op.f("fk_webhook_delivery_tenant_id_endpoint_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
        sa.UniqueConstraint(
            "tenant_id", "endpoint_id", "event_id", name=op.f("uq_webhook_delivery_tenant_id_endpoint_id_event_id")
        ),
    )
    endpoint = ["tenant_id", "endpoint_id"]
    op.create_index("ix_webhook_delivery_open", "webhook_delivery", [*endpoint, "next_at"], postgresql_where=_OPEN)
    op.create_index(
        "ix_webhook_delivery_order",
        "webhook_delivery",
        [*endpoint, "aggregate_id", "ordinal", "event_id"],
        postgresql_where=_OPEN,
    )
    op.create_index("ix_webhook_delivery_list", "webhook_delivery", [*endpoint, "id"])
    op.create_index("ix_webhook_delivery_state", "webhook_delivery", [*endpoint, "state", "id"])


def downgrade() -> None:
    for table in reversed(_TABLES):
        unprotect(table)
        op.drop_table(table)
