"""What a provider's answers taught about an account, whose turn a chat is, and the team's own numbers and chats."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned, newest_first, owned_key


def _of_account() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "account_id"], ["provider_account.tenant_id", "provider_account.id"], ondelete="CASCADE"
    )


class ClosedCountry(Owned, Base):
    """A country that an account may not send to, as its provider answered; `pattern` fits the numbers of it."""

    __tablename__ = "closed_country"
    __table_args__ = (_of_account(), UniqueConstraint("tenant_id", "account_id", "country"))
    account_id: Mapped[UUID]
    country: Mapped[str]
    pattern: Mapped[str]
    code: Mapped[str]
    words: Mapped[str]


class AccountStrain(Base):
    """How often an account was asked to slow down lately, for one code of its provider, and until when it does."""

    __tablename__ = "account_strain"
    __table_args__ = (_of_account(),)
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    times: Mapped[int] = mapped_column(SmallInteger)
    first_at: Mapped[datetime]
    until: Mapped[datetime]


class ChatTurn(Base):
    """From when on a chat takes its next message; kept for a minute."""

    __tablename__ = "chat_turn"
    __table_args__ = (
        _of_account(),
        Index("ix_chat_turn_age", "tenant_id", "account_id", "free_at"),
        {"prefixes": ["UNLOGGED"]},
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    chat: Mapped[str] = mapped_column(primary_key=True)
    free_at: Mapped[datetime]


class TeamAddress(Owned, Base):
    """A number or chat of the team's own, which tests may go to."""

    __tablename__ = "team_address"
    __table_args__ = (
        owned_key("team_address"),
        newest_first("team_address"),
        UniqueConstraint("tenant_id", "channel", "address_norm"),
        CheckConstraint("channel IN ('sms', 'whatsapp', 'telegram')", name="channel_known"),
    )
    channel: Mapped[str]
    address: Mapped[str]
    address_norm: Mapped[str]
    label: Mapped[str]


class CampaignCost(Base):
    """What a campaign's texts were expected to cost in a country when its recipients were fixed; minor units."""

    __tablename__ = "campaign_cost"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    country: Mapped[str] = mapped_column(primary_key=True)
    messages: Mapped[int]
    segments: Mapped[int]
    most: Mapped[int] = mapped_column(SmallInteger)
    price: Mapped[Decimal | None]
    exact: Mapped[bool]
