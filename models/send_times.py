"""When people act on messages: the changes to count, the counted hours, and those of single members."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, SmallInteger, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json


def _tenant_key() -> Mapped[UUID]:
    return mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)


class ActChange(Base):
    """That the first open or click of a message was dated, dated anew, or taken back; a trigger on `message` writes it.

    A row is deleted by the transaction that counts it, so it is counted once, whenever it was committed.
    """

    __tablename__ = "act_change"
    __table_args__ = (
        Index("ix_act_change_next", "tenant_id", "id"),
        CheckConstraint("kind IN ('opened', 'clicked')", name="kind_known"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant_id: Mapped[UUID]
    message_id: Mapped[UUID]
    kind: Mapped[str]
    before: Mapped[datetime | None]
    after: Mapped[datetime | None]


class ActHour(Base):
    """How many messages had their first open or click in an hour of the week, on the tenant's or the member's clock."""

    __tablename__ = "act_hour"
    __table_args__ = (
        CheckConstraint("clock IN ('tenant', 'member')", name="clock_known"),
        CheckConstraint("kind IN ('opened', 'clicked')", name="kind_known"),
        CheckConstraint("weekday BETWEEN 1 AND 7 AND hour BETWEEN 0 AND 23", name="hour_of_week"),
    )
    tenant_id: Mapped[UUID] = _tenant_key()
    clock: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    weekday: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    hour: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    n: Mapped[int]


class SendTimeState(Base):
    """In whose zone a tenant's hours are counted, until when, and what they advise per channel and weekday."""

    __tablename__ = "send_time_state"
    tenant_id: Mapped[UUID] = _tenant_key()
    zone: Mapped[str]
    counted_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    advice: Mapped[Json] = mapped_column(server_default="{}")


class MemberHours(Base):
    """At which hours of the day a member acts on a channel; only with the consent for profiling, gone without it.

    `hours` are 24 weights in hundredths of an act; they are halved together, so that what is long ago fades. `acts`
    counts all that were seen; `best_hour` is the one that stands out, if any.
    """

    __tablename__ = "member_hours"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="CASCADE"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    hours: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    acts: Mapped[int]
    best_hour: Mapped[int | None] = mapped_column(SmallInteger)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
