"""What a plan tier allows, spent as reservations."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned


class PlanUsage(Owned, Base):
    """Counter of one limit in one period (its first day; 1970-01-01 for standing limits)."""

    __tablename__ = "plan_usage"
    __table_args__ = (
        UniqueConstraint("tenant_id", "limit_key", "period"),
        CheckConstraint("used >= 0", name="used_not_negative"),
    )
    limit_key: Mapped[str]
    period: Mapped[date]
    used: Mapped[int] = mapped_column(default=0)


class PlanReservation(Owned, Base):
    """One unit of a limit held for a subject: reserved → consumed, or reserved → released."""

    __tablename__ = "plan_reservation"
    __table_args__ = (
        Index(
            "uq_plan_reservation_open",
            "tenant_id",
            "limit_key",
            "subject_id",
            unique=True,
            postgresql_where="state <> 'released'",
        ),
        CheckConstraint("state IN ('reserved', 'consumed', 'released')", name="state_known"),
    )
    limit_key: Mapped[str]
    period: Mapped[date]
    subject_id: Mapped[UUID]
    state: Mapped[str]
    settled_at: Mapped[datetime | None]
