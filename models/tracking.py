"""What comes of messages: conversions, and how far each process's journal of hits is in the database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class Conversion(Owned, Base):
    """Something that somebody did because of a message; `external_id` makes it count once."""

    __tablename__ = "conversion"
    __table_args__ = (
        UniqueConstraint("tenant_id", "external_id"),
        ForeignKeyConstraint(
            ["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="SET NULL (campaign_id)"
        ),
        ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="SET NULL (member_id)"
        ),
        ForeignKeyConstraint(
            ["tenant_id", "message_id"], ["message.tenant_id", "message.id"], ondelete="SET NULL (message_id)"
        ),
        CheckConstraint("source IN ('api', 'pixel')", name="source_known"),
        CheckConstraint("attribution IN ('visit', 'message', 'last_click', 'none')", name="attribution_known"),
        CheckConstraint("value_minor >= 0", name="value_not_negative"),
        Index("ix_conversion_campaign", "tenant_id", "campaign_id", "at"),
        Index("ix_conversion_at", "tenant_id", "at"),
        Index("ix_conversion_member", "tenant_id", "member_id", postgresql_where="member_id IS NOT NULL"),
        Index("ix_conversion_message", "tenant_id", "message_id", postgresql_where="message_id IS NOT NULL"),
    )
    external_id: Mapped[str]
    goal: Mapped[str]
    value_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    currency: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    source: Mapped[str]
    attribution: Mapped[str]
    campaign_id: Mapped[UUID | None]
    message_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    link_n: Mapped[int | None] = mapped_column(SmallInteger)
    xid: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint"))


class TrackingJournal(Base):
    """Up to which byte a segment of a journal is in the database; of no tenant, so without RLS."""

    __tablename__ = "tracking_journal"
    segment: Mapped[UUID] = mapped_column(primary_key=True)
    flushed: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
