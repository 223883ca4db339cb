"""Follow-ups: what was promised to a member in a chat and when, which turns were read, and what a tenant says then."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Float, ForeignKeyConstraint, Index, SmallInteger, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, newest_first, owned_key

_OF_MEMBER = (["tenant_id", "member_id"], ["member.tenant_id", "member.id"])


class FollowUp(Owned, Base):
    """One dated message to one member. `due_at` is what was promised, `look_at` when it is tried next.

    `due_local` and `zone` are the promise as the member's clock shows it. `account_id` is the provider account that the
    member wrote to. `unless_active`: a member who wrote about it since, or is back, is not reminded.
    """

    __tablename__ = "follow_up"
    __table_args__ = (
        owned_key("follow_up"),
        newest_first("follow_up"),
        ForeignKeyConstraint(*_OF_MEMBER, ondelete="CASCADE"),
        ForeignKeyConstraint(
            ["tenant_id", "conversation_id"],
            ["conversation.tenant_id", "conversation.id"],
            ondelete="SET NULL (conversation_id)",
        ),
        ForeignKeyConstraint(
            ["tenant_id", "message_id"], ["message.tenant_id", "message.id"], ondelete="SET NULL (message_id)"
        ),
        UniqueConstraint("tenant_id", "turn_id"),
        CheckConstraint(
            "state IN ('proposed', 'pending', 'sending', 'sent', 'failed', 'cancelled', 'expired')", name="state_known"
        ),
        CheckConstraint("state <> 'sent' OR provider_reference IS NOT NULL", name="sent_is_proven"),
        CheckConstraint("intent IN ('explicit', 'absence', 'agent_promise', 'person')", name="intent_known"),
        CheckConstraint("purpose IN ('marketing', 'transactional')", name="purpose_known"),
        Index(
            "uq_follow_up_pending",
            "tenant_id",
            "member_id",
            "topic",
            unique=True,
            postgresql_where="state = 'pending'",
        ),
        Index("uq_follow_up_proposed", "tenant_id", "member_id", unique=True, postgresql_where="state = 'proposed'"),
        Index("ix_follow_up_look", "tenant_id", "look_at", postgresql_where="state = 'pending'"),
        Index("ix_follow_up_expires", "tenant_id", "expires_at", postgresql_where="state = 'proposed'"),
        Index("ix_follow_up_sending", "tenant_id", "look_at", postgresql_where="state = 'sending'"),
        Index("ix_follow_up_member", "tenant_id", "member_id", "id"),
        Index("ix_follow_up_conversation", "tenant_id", "conversation_id"),
        Index("ix_follow_up_message", "tenant_id", "message_id"),
    )
    member_id: Mapped[UUID]
    conversation_id: Mapped[UUID | None]
    turn_id: Mapped[UUID | None]
    topic: Mapped[str]
    reason: Mapped[str]
    intent: Mapped[str]
    language: Mapped[str]
    channel: Mapped[str]
    account_id: Mapped[UUID | None]
    purpose: Mapped[str]
    state: Mapped[str]
    due_at: Mapped[datetime]
    due_local: Mapped[datetime] = mapped_column(TIMESTAMP(timezone=False))
    zone: Mapped[str]
    look_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    options: Mapped[list[Json]] = mapped_column(JSONB, default=list)
    ai_context_json: Mapped[Json] = mapped_column(default=dict)
    unless_active: Mapped[bool]
    moves: Mapped[int] = mapped_column(SmallInteger, default=0)
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    message_id: Mapped[UUID | None]
    provider_reference: Mapped[str | None]
    fired_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    why: Mapped[str | None]


class FollowUpTurn(Base):
    """A message of a chat that was read for follow-ups: its effect happens once, however often it is delivered."""

    __tablename__ = "follow_up_turn"
    __table_args__ = (
        ForeignKeyConstraint(*_OF_MEMBER, ondelete="CASCADE"),
        Index("ix_follow_up_turn_member", "tenant_id", "member_id", "at"),
    )
    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    turn_id: Mapped[UUID] = mapped_column(primary_key=True)
    member_id: Mapped[UUID]
    at: Mapped[datetime]
    topic: Mapped[str | None]
    outcome: Mapped[str]
    follow_up_id: Mapped[UUID | None]
    read_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class FollowUpText(Owned, Base):
    """What a tenant says when a follow-up is due; a person approved exactly these words.

    `whatsapp` names an approved content template and what fills its variables, for chats that are silent for a day.
    """

    __tablename__ = "follow_up_text"
    __table_args__ = (UniqueConstraint("tenant_id", "topic", "language"),)
    topic: Mapped[str]
    language: Mapped[str]
    body: Mapped[str]
    whatsapp: Mapped[Json | None]
    approved_by: Mapped[str]
    approved_at: Mapped[datetime]


class MemberInsight(Owned, Base):
    """What one conversation says about a member, as one word of a short list; never the words themselves."""

    __tablename__ = "member_insight"
    __table_args__ = (
        ForeignKeyConstraint(*_OF_MEMBER, ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "member_id", "key"),
        CheckConstraint("confidence BETWEEN 0 AND 1", name="confidence_known"),
        Index("ix_member_insight_expires", "tenant_id", "expires_at"),
    )
    member_id: Mapped[UUID]
    key: Mapped[str]
    value: Mapped[str]
    evidence_message_id: Mapped[UUID]
    source: Mapped[str]
    confidence: Mapped[float] = mapped_column(Float)
    expires_at: Mapped[datetime]
