"""What a plan tier allows, spent as reservations."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, newest_first


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
        Index("ix_plan_reservation_tenant", "tenant_id"),
        Index("ix_plan_reservation_held", "tenant_id", "limit_key", "period", postgresql_where="state = 'reserved'"),
        CheckConstraint("state IN ('reserved', 'consumed', 'released')", name="state_known"),
    )
    limit_key: Mapped[str]
    period: Mapped[date]
    subject_id: Mapped[UUID]
    state: Mapped[str]
    settled_at: Mapped[datetime | None]


class PlanChange(Owned, Base):
    """A step from one tier to another, at once or `at` a later instant; `consequences` is what it stopped or freed."""

    __tablename__ = "plan_change"
    __table_args__ = (
        newest_first("plan_change"),
        Index("uq_plan_change_planned", "tenant_id", unique=True, postgresql_where="state = 'planned'"),
        CheckConstraint("state IN ('planned', 'done', 'withdrawn')", name="state_known"),
    )
    from_tier: Mapped[str]
    to_tier: Mapped[str]
    reason: Mapped[str]
    state: Mapped[str]
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    consequences: Mapped[Json] = mapped_column(default=dict)


class PlanStop(Owned, Base):
    """A thing that a downgrade switched off, remembered so that an upgrade switches exactly this on again."""

    __tablename__ = "plan_stop"
    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "subject_id"),
        CheckConstraint("kind IN ('template', 'segment')", name="kind_known"),
    )
    kind: Mapped[str]
    subject_id: Mapped[UUID]
