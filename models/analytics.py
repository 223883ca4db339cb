"""Roll-ups of what happened to messages: per quarter of an hour, and per day on the tenant's clock."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Identity, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base

_XID = text("(pg_current_xact_id()::text)::bigint")


def _of_campaign() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE")


def _count() -> Mapped[int]:
    return mapped_column(BigInteger, server_default="0")


class RollupKey:
    """Whose figures: -1 stands for no variant and for the whole message; `detail` is a reason or a currency.

    A row with `link_n` -2 is about whole messages to one segment of the audience: `part` says which.
    """

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    variant: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    link_n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    detail: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False, server_default="-1")


class RollupFigures:
    """What is counted. `opened` counts messages, `opens` every time; `of_…` count by when the message was sent."""

    sent: Mapped[int] = _count()
    delivered: Mapped[int] = _count()
    bounced_hard: Mapped[int] = _count()
    bounced_soft: Mapped[int] = _count()
    failed: Mapped[int] = _count()
    skipped: Mapped[int] = _count()
    complained: Mapped[int] = _count()
    unsubscribed: Mapped[int] = _count()
    replied: Mapped[int] = _count()
    replies: Mapped[int] = _count()
    opened: Mapped[int] = _count()
    opens: Mapped[int] = _count()
    opened_machine: Mapped[int] = _count()
    opens_machine: Mapped[int] = _count()
    opens_unknown: Mapped[int] = _count()
    clicked: Mapped[int] = _count()
    clicks: Mapped[int] = _count()
    clicked_machine: Mapped[int] = _count()
    clicks_machine: Mapped[int] = _count()
    clicks_unknown: Mapped[int] = _count()
    converted: Mapped[int] = _count()
    conversions: Mapped[int] = _count()
    value_minor: Mapped[int] = _count()
    reached: Mapped[int] = _count()
    attempted: Mapped[int] = _count()
    of_delivered: Mapped[int] = _count()
    of_bounced: Mapped[int] = _count()
    of_opened: Mapped[int] = _count()
    of_clicked: Mapped[int] = _count()
    of_complained: Mapped[int] = _count()
    of_unsubscribed: Mapped[int] = _count()
    of_replied: Mapped[int] = _count()
    of_converted: Mapped[int] = _count()


class RollupQuarter(RollupKey, RollupFigures, Base):
    """A quarter of an hour in UTC, from which a day in any zone can be made."""

    __tablename__ = "rollup_quarter"
    __table_args__ = (
        _of_campaign(),
        Index("ix_rollup_quarter_at", "tenant_id", "at"),
        Index(
            "ix_rollup_quarter_sent",
            "tenant_id",
            "channel",
            "at",
            postgresql_where="link_n = -1 AND reached > 0",
        ),
    )
    at: Mapped[datetime] = mapped_column(primary_key=True)


class RollupDay(RollupKey, RollupFigures, Base):
    """A day in the zone of `RollupPosition`; reports read nothing else."""

    __tablename__ = "rollup_day"
    __table_args__ = (_of_campaign(), Index("ix_rollup_day_day", "tenant_id", "link_n", "day"))
    day: Mapped[date] = mapped_column(primary_key=True)


class RollupPosition(Base):
    """Everything written by transactions before `xid` is counted, in days of `zone`; `counted_at` is when that was."""

    __tablename__ = "rollup_position"
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    xid: Mapped[int] = mapped_column(BigInteger)
    zone: Mapped[str]
    counted_at: Mapped[datetime]


class ActorChange(Base):
    """Who made a hit, as it stood before it showed to be a machine's; kept until the roll-ups know."""

    __tablename__ = "actor_change"
    __table_args__ = (Index("ix_actor_change_event", "tenant_id", "event_id", "id"),)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    xid: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False, server_default=_XID)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    message_id: Mapped[UUID]
    event_id: Mapped[UUID]
    actor: Mapped[str]


def _of_tenant() -> Mapped[UUID]:
    return mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)


class CohortState(Base):
    """That a tenant's cohorts are kept, in months of `zone`; `settled` once all who write note what they change."""

    __tablename__ = "cohort_state"
    tenant_id: Mapped[UUID] = _of_tenant()
    zone: Mapped[str]
    mark: Mapped[int | None] = mapped_column(BigInteger)
    settled: Mapped[bool] = mapped_column(server_default=text("false"))


class CohortStale(Base):
    """A month in which something was written since it was counted."""

    __tablename__ = "cohort_stale"
    tenant_id: Mapped[UUID] = _of_tenant()
    month: Mapped[date] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)


class CohortMonth(Base):
    """A month that was counted, also where nobody did anything in it."""

    __tablename__ = "cohort_month"
    tenant_id: Mapped[UUID] = _of_tenant()
    month: Mapped[date] = mapped_column(primary_key=True)


class CohortCell(Base):
    """What those who joined in the month `cohort` did in a month: without a currency who was active, else buyers."""

    __tablename__ = "cohort_cell"
    tenant_id: Mapped[UUID] = _of_tenant()
    month: Mapped[date] = mapped_column(primary_key=True)
    cohort: Mapped[date] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    members: Mapped[int] = mapped_column(BigInteger)
    purchases: Mapped[int] = mapped_column(BigInteger)
    amount_minor: Mapped[int] = mapped_column(BigInteger)
