"""What happens to members, for those who follow it, and how far each of them has read."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base

_XID = text("(pg_current_xact_id()::text)::bigint")


class MemberChange(Base):
    """One thing that happened to a member, written by the triggers of migration 0018 while somebody follows."""

    __tablename__ = "member_change"
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    xid: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, server_default=_XID)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    member_id: Mapped[UUID]
    kind: Mapped[str]
    detail: Mapped[str | None]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class ChangePosition(Base):
    """Everything up to `xid` and `id` was read by a consumer. `settled`: nothing from before it followed is missed.

    `events_xid`: of messages it has read every transaction below; NULL where it does not follow them.
    """

    __tablename__ = "change_position"
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    consumer: Mapped[str] = mapped_column(primary_key=True)
    xid: Mapped[int] = mapped_column(BigInteger)
    id: Mapped[int] = mapped_column(BigInteger)
    mark: Mapped[int | None] = mapped_column(BigInteger)
    settled: Mapped[bool] = mapped_column(server_default="false")
    events_xid: Mapped[int | None] = mapped_column(BigInteger)


class ChangeBell(Base):
    """Which tenant has changes to read; it holds no personal data and is read before a tenant is known: without RLS."""

    __tablename__ = "change_bell"
    __table_args__ = (Index("ix_change_bell_tenant", "tenant_id", "xid"),)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    tenant_id: Mapped[UUID]
    xid: Mapped[int] = mapped_column(BigInteger, server_default=_XID)
    rung_at: Mapped[datetime | None]
