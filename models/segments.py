"""Groups of members: by a rule, by hand, or by a rule and corrections by hand."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Computed, ForeignKeyConstraint, Index, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, newest_first, owned_key


def _of_segment() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "segment_id"], ["segment.tenant_id", "segment.id"], ondelete="CASCADE")


class Segment(Owned, Base):
    """`member_count` is what was counted at `counted_at`; at `due_at` the rules mean others because time passed.

    `problem` says why the rules cannot be asked any more.
    """

    __tablename__ = "segment"
    __table_args__ = (
        owned_key("segment"),
        newest_first("segment"),
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint("kind IN ('dynamic', 'static', 'hybrid')", name="kind_known"),
        CheckConstraint("status IN ('active', 'inactive', 'archived')", name="status_known"),
        CheckConstraint("(kind = 'static') = (rules IS NULL)", name="rules_by_kind"),
    )
    name: Mapped[str]
    description: Mapped[str | None]
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(default="active")
    rules: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    member_count: Mapped[int | None]
    counted_at: Mapped[datetime | None]
    due_at: Mapped[datetime | None]
    problem: Mapped[str | None]


class SegmentMember(Owned, Base):
    """Somebody's place in a segment: what the rules said last, and what a person said, which goes before it.

    `present` is the sum of both; `joined_at` is when it last became true.
    """

    __tablename__ = "segment_member"
    __table_args__ = (
        UniqueConstraint("tenant_id", "segment_id", "member_id"),
        _of_segment(),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="CASCADE"),
        CheckConstraint("by_hand IN ('added', 'removed')", name="hand_known"),
        Index("ix_segment_member_member", "tenant_id", "member_id"),
        Index("ix_segment_member_present", "tenant_id", "segment_id", "member_id", postgresql_where="present"),
    )
    segment_id: Mapped[UUID]
    member_id: Mapped[UUID]
    by_rule: Mapped[bool] = mapped_column(server_default="false")
    by_hand: Mapped[str | None]
    hand_by: Mapped[str | None]
    hand_at: Mapped[datetime | None]
    joined_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    present: Mapped[bool] = mapped_column(
        Computed("coalesce(by_hand = 'added', false) OR (by_rule AND by_hand IS NULL)", persisted=True)
    )


class SegmentDay(Base):
    """A segment on one day of the tenant's clock. Counts of campaigns are those that named it, of members in it."""

    __tablename__ = "segment_day"
    __table_args__ = (_of_segment(),)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    segment_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    members: Mapped[int | None]
    active_members: Mapped[int | None]
    joined: Mapped[int] = mapped_column(server_default="0")
    left: Mapped[int] = mapped_column(server_default="0")
    campaigns: Mapped[int] = mapped_column(server_default="0")
    received: Mapped[int] = mapped_column(server_default="0")
    converted: Mapped[int] = mapped_column(server_default="0")
    revenue_minor: Mapped[int] = mapped_column(BigInteger, server_default="0")
    measured_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
