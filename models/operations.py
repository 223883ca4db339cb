"""What keeps the processes going: work to do, who has some, who is alive, and requests already answered."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Json, Owned


class Outbox(Identified, Base):
    """A task that must run at least once after the transaction that asked for it."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_due", "tenant_id", "due_at"),)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"))
    task: Mapped[str]
    arguments: Mapped[Json]
    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    attempts: Mapped[int] = mapped_column(server_default="0")
    error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class TenantDue(Base):
    """Which tenant has work of which kind, and when; no personal data, so without RLS."""

    __tablename__ = "tenant_due"
    __table_args__ = (Index("ix_tenant_due_next", "kind", "next_due_at"),)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    next_due_at: Mapped[datetime]


class Worker(Base):
    """A process that sends; belongs to no tenant, so without RLS."""

    __tablename__ = "worker"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    heartbeat_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class IdempotencyKey(Owned, Base):
    """The first answer to a POST, kept for repeats."""

    __tablename__ = "idempotency_key"
    __table_args__ = (
        UniqueConstraint("tenant_id", "principal", "route", "key"),
        Index("ix_idempotency_key_over", "tenant_id", "expires_at"),
    )
    principal: Mapped[str]
    route: Mapped[str]
    key: Mapped[str]
    request_hash: Mapped[str]
    status: Mapped[int | None]
    body: Mapped[str | None]
    media_type: Mapped[str | None]
    lease_until: Mapped[datetime]
    expires_at: Mapped[datetime]
