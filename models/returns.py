"""Mail that came back, and what it says about addresses."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned, owned_key


class InboundMail(Owned, Base):
    """One mail at a signed return path, as it came; `raw` is emptied after the retention period.

    `message_id` is what the return path names: a message, or the tenant itself for its complaint address.
    """

    __tablename__ = "inbound_mail"
    __table_args__ = (
        owned_key("inbound_mail"),
        Index("ix_inbound_mail_message", "tenant_id", "message_id"),
        Index("ix_inbound_mail_raw", "tenant_id", "created_at", postgresql_where="raw IS NOT NULL"),
    )
    message_id: Mapped[UUID]
    envelope_from: Mapped[str]
    size: Mapped[int]
    raw: Mapped[bytes | None]
    kind: Mapped[str | None]
    reason: Mapped[str | None]
    outcome: Mapped[str | None]
    read_at: Mapped[datetime | None]


class AddressHealth(Base):
    """Temporary refusals of an address since its last success; goes when mail gets through."""

    __tablename__ = "address_health"
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    address_norm: Mapped[str] = mapped_column(primary_key=True)
    softs: Mapped[int] = mapped_column(SmallInteger)
    first_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    last_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
