"""What campaigns cost: per month and currency, what providers charged for a message, and how far a budget is spent."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


def _of_campaign() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE")


class MessageCharge(Base):
    """What a provider says that it charged for a message, in minor units of its currency."""

    __tablename__ = "message_charge"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "message_id"], ["message.tenant_id", "message.id"], ondelete="CASCADE"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(primary_key=True)
    amount_minor: Mapped[Decimal]
    currency: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class CampaignSpend(Base):
    """What a campaign cost in a month of the tenant's zone, by kind and currency; amounts in minor units.

    `units` are messages, or tokens of a model; `unpriced` is how many of them have no known price. An empty currency
    belongs to what has no price at all.
    """

    __tablename__ = "campaign_spend"
    __table_args__ = (
        _of_campaign(),
        CheckConstraint("kind IN ('charged', 'listed', 'model')", name="kind_known"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    amount_minor: Mapped[Decimal]
    units: Mapped[int]
    unpriced: Mapped[int]


class CampaignBudget(Base):
    """When a campaign's spending was last counted, in which zone, and at which limit somebody was warned."""

    __tablename__ = "campaign_budget"
    __table_args__ = (_of_campaign(),)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    counted_at: Mapped[datetime | None]
    zone: Mapped[str | None]
    warned_at_minor: Mapped[int | None]
