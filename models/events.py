"""What happened in the product, told to machines: one row per event, numbered within its aggregate."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Identified, Json


class DomainEvent(Identified, Base):
    """One event; the payload names people by id only. The application role may not change it."""

    __tablename__ = "domain_event"
    __table_args__ = (
        UniqueConstraint("tenant_id", "aggregate_kind", "aggregate_id", "seq"),
        Index("ix_domain_event_list", "tenant_id", "id"),
        Index("ix_domain_event_type", "tenant_id", "type", "id"),
    )
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"))
    seq: Mapped[int] = mapped_column(BigInteger)
    type: Mapped[str]
    aggregate_kind: Mapped[str]
    aggregate_id: Mapped[UUID]
    payload: Mapped[Json]
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class EventCounter(Base):
    """The number of the last event of an aggregate; locked by the transaction that writes the next one."""

    __tablename__ = "event_counter"
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    aggregate_id: Mapped[UUID] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)
