"""The delivery ledger: one row per member, campaign step and channel, and what happened to it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, Timed, owned_key

STATES = (
    "pending",
    "deferred",
    "claimed",
    "sending",
    "sent",
    "delivered",
    "read",
    "bounced",
    "failed",
    "unknown",
    "suppressed",
    "skipped",
    "cancelled",
    "expired",
)


class Notice(Owned, Base):
    """One message outside a campaign: a test, a confirmation, an answer. `key` makes it happen once."""

    __tablename__ = "notice"
    __table_args__ = (
        owned_key("notice"),
        UniqueConstraint("tenant_id", "key"),
        ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="SET NULL (member_id)"
        ),
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE"),
        Index("ix_notice_member", "tenant_id", "member_id", postgresql_where="member_id IS NOT NULL"),
    )
    kind: Mapped[str]
    purpose: Mapped[str]
    channel: Mapped[str]
    key: Mapped[str]
    content: Mapped[Json]
    member_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    campaign_id: Mapped[UUID | None]
    revision_id: Mapped[UUID | None]


class Message(Timed, Base):
    """A recipient. The id is stable: made of tenant, campaign, step, member, or of tenant and notice.

    `variant` is what it carries of a comparison (0 is A), `tested` whether its figures decide that comparison.
    `parts` has a bit for each segment of the audience that the member was in (`CampaignPart.n`), null without segments.
    """

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("tenant_id", "member_id", "campaign_id", "step"),
        UniqueConstraint("tenant_id", "campaign_id", "step", "channel", "address_norm"),
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE"),
        ForeignKeyConstraint(["tenant_id", "notice_id"], ["notice.tenant_id", "notice.id"], ondelete="CASCADE"),
        CheckConstraint("(campaign_id IS NULL) <> (notice_id IS NULL)", name="path_known"),
        CheckConstraint("on_ambiguity IN ('hold', 'resend')", name="on_ambiguity_known"),
        ForeignKeyConstraint(
            ["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="SET NULL (member_id)"
        ),
        CheckConstraint(f"state IN {STATES}", name="state_known"),
        Index(
            "ix_message_pending",
            "tenant_id",
            "campaign_id",
            "priority",
            "id",
            postgresql_where="state = 'pending'",
        ),
        Index(
            "ix_message_deferred",
            "tenant_id",
            "campaign_id",
            "not_before",
            postgresql_where="state = 'deferred'",
        ),
        Index(
            "ix_message_leased",
            "tenant_id",
            "lease_until",
            postgresql_where="state IN ('claimed', 'sending')",
        ),
        Index("ix_message_list", "tenant_id", "campaign_id", "id"),
        Index("ix_message_tested", "tenant_id", "campaign_id", "variant", postgresql_where="tested"),
        Index(
            "ix_message_outcome",
            "tenant_id",
            "campaign_id",
            "state",
            "id",
            postgresql_where="state NOT IN ('pending', 'claimed', 'sending', 'sent', 'delivered')",
        ),
        {"postgresql_with": {"fillfactor": 80}},
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID | None]
    notice_id: Mapped[UUID | None]
    account_id: Mapped[UUID | None]
    purpose: Mapped[str] = mapped_column(server_default="marketing")
    on_ambiguity: Mapped[str] = mapped_column(server_default="hold")
    step: Mapped[int] = mapped_column(SmallInteger, default=0)
    member_id: Mapped[UUID | None]
    channel: Mapped[str]
    address: Mapped[str | None]
    address_norm: Mapped[str | None]
    language: Mapped[str]
    tracked: Mapped[bool] = mapped_column(default=False)
    variant: Mapped[int | None] = mapped_column(SmallInteger)
    tested: Mapped[bool | None]
    parts: Mapped[int | None]
    zone: Mapped[str | None]
    priority: Mapped[int] = mapped_column(SmallInteger, default=5)
    state: Mapped[str]
    reason: Mapped[str | None]
    not_before: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    approval_hash: Mapped[str]
    owner: Mapped[UUID | None]
    attempt_id: Mapped[UUID | None]
    attempt: Mapped[int] = mapped_column(SmallInteger, default=0)
    lease_until: Mapped[datetime | None]
    provider_id: Mapped[str | None]
    provider_code: Mapped[str | None]
    provider_text: Mapped[str | None]
    phase: Mapped[str | None]
    segments: Mapped[int | None] = mapped_column(SmallInteger)
    expires_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    first_opened_at: Mapped[datetime | None]
    first_clicked_at: Mapped[datetime | None]
    unsubscribed_at: Mapped[datetime | None]


class MessageEvent(Base):
    """One thing that happened to a message, with its reason code; goes with its message by a trigger."""

    __tablename__ = "message_event"
    __table_args__ = (
        Index("ix_message_event_message", "tenant_id", "message_id", "id"),
        Index("ix_message_event_campaign", "tenant_id", "campaign_id", "id"),
        Index(
            "ix_message_event_clicks",
            "tenant_id",
            "campaign_id",
            "link_n",
            "actor",
            "message_id",
            postgresql_where="kind = 'clicked'",
        ),
        Index(
            "ix_message_event_rare",
            "tenant_id",
            "campaign_id",
            "kind",
            "id",
            postgresql_where="kind NOT IN ('claimed', 'sending', 'sent', 'delivered', 'opened')",
        ),
        Index("ix_message_event_xid", "tenant_id", "xid", postgresql_where="campaign_id IS NOT NULL"),
    )
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=func.gen_random_uuid())
    tenant_id: Mapped[UUID]
    campaign_id: Mapped[UUID | None]
    message_id: Mapped[UUID]
    kind: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    actor: Mapped[str] = mapped_column(server_default="system")
    reason: Mapped[str | None]
    link_n: Mapped[int | None] = mapped_column(SmallInteger)
    details: Mapped[Json] = mapped_column(server_default="{}")
    xid: Mapped[int] = mapped_column(BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint"))


class CampaignCount(Base):
    """How many messages of a campaign are in each state, summed over shards."""

    __tablename__ = "campaign_count"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    n: Mapped[int]


class CampaignPart(Base):
    """A segment that a campaign was sent to, as it was when the recipients were fixed; bit `n` of `Message.parts`."""

    __tablename__ = "campaign_part"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE"),
        CheckConstraint("n BETWEEN 0 AND 19", name="n_is_a_bit"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    segment_id: Mapped[UUID]
    name: Mapped[str]
    messages: Mapped[int]


class TrackedLink(Base):
    """Where the n-th link of a campaign's approved content leads, per language."""

    __tablename__ = "tracked_link"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[UUID] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    url: Mapped[str]


class RateBucket(Base):
    """When the next message of an account may begin; `granted` is what the last one who asked was given."""

    __tablename__ = "rate_bucket"
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("tenant.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    next_at: Mapped[datetime]
    granted: Mapped[int]
