"""Groups of members: by a rule, or by hand."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, newest_first, owned_key


class Segment(Owned, Base):
    """A dynamic one has rules, a static one has members; `member_count` is what was counted at `counted_at`."""

    __tablename__ = "segment"
    __table_args__ = (
        owned_key("segment"),
        newest_first("segment"),
        UniqueConstraint("tenant_id", "name"),
        CheckConstraint("kind IN ('dynamic', 'static')", name="kind_known"),
        CheckConstraint("status IN ('active', 'archived')", name="status_known"),
        CheckConstraint("(kind = 'dynamic') = (rules IS NOT NULL)", name="rules_of_dynamic"),
    )
    name: Mapped[str]
    description: Mapped[str | None]
    kind: Mapped[str]
    status: Mapped[str] = mapped_column(default="active")
    rules: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))
    member_count: Mapped[int | None]
    counted_at: Mapped[datetime | None]


class SegmentMember(Owned, Base):
    """A member of a static segment; `created_by` put it there."""

    __tablename__ = "segment_member"
    __table_args__ = (
        UniqueConstraint("tenant_id", "segment_id", "member_id"),
        ForeignKeyConstraint(["tenant_id", "segment_id"], ["segment.tenant_id", "segment.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="CASCADE"),
        Index("ix_segment_member_member", "tenant_id", "member_id"),
        Index("ix_segment_member_list", "tenant_id", "segment_id", "id"),
    )
    segment_id: Mapped[UUID]
    member_id: Mapped[UUID]
