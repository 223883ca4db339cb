"""Where a tenant wants its events, and what became of each delivery."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Json, Owned, newest_first, owned_key

_OPEN = "state IN ('pending', 'failed')"


class WebhookEndpoint(Owned, Base):
    """An address of the tenant. `events` are types or patterns; the `feed_…` columns say how far the ledger is read.

    `sealed_previous` signs beside the secret until `previous_until`.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (owned_key("webhook_endpoint"), newest_first("webhook_endpoint"))
    url: Mapped[str]
    description: Mapped[str | None]
    events: Mapped[list[str]]
    sealed_secret: Mapped[bytes]
    sealed_previous: Mapped[bytes | None]
    previous_until: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(default=True)
    failures: Mapped[int] = mapped_column(default=0)
    failing_since: Mapped[datetime | None]
    paused_until: Mapped[datetime | None]
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    feed_after: Mapped[UUID | None]
    feed_mark_xid: Mapped[int | None] = mapped_column(BigInteger)


class WebhookDelivery(Identified, Base):
    """One event on its way to one endpoint. Open ones of an aggregate go in the order of `ordinal`, one by one."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("tenant_id", "endpoint_id", "event_id"),
        ForeignKeyConstraint(
            ["tenant_id", "endpoint_id"], ["webhook_endpoint.tenant_id", "webhook_endpoint.id"], ondelete="CASCADE"
        ),
        CheckConstraint("state IN ('pending', 'delivered', 'failed', 'dead')", name="state_known"),
        Index("ix_webhook_delivery_open", "tenant_id", "endpoint_id", "next_at", postgresql_where=_OPEN),
        Index(
            "ix_webhook_delivery_order",
            "tenant_id",
            "endpoint_id",
            "aggregate_id",
            "ordinal",
            "event_id",
            postgresql_where=_OPEN,
        ),
        Index("ix_webhook_delivery_list", "tenant_id", "endpoint_id", "id"),
        Index("ix_webhook_delivery_state", "tenant_id", "endpoint_id", "state", "id"),
    )
    tenant_id: Mapped[UUID]
    endpoint_id: Mapped[UUID]
    event_id: Mapped[UUID]
    type: Mapped[str]
    aggregate_id: Mapped[UUID]
    ordinal: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[Json]
    state: Mapped[str] = mapped_column(server_default="pending")
    attempt: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    next_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    status: Mapped[int | None]
    problem: Mapped[str | None]
    excerpt: Mapped[str | None]
    duration_ms: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    done_at: Mapped[datetime | None]
