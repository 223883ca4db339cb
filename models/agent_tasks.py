"""What a lead agent, or a person, asked this service to do."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, newest_first, owned_key


class AgentTask(Owned, Base):
    """A skill that was asked for, with its input; how it stands is derived from run and campaign, never stored.

    `result` is what a skill answered at once, `refusal` why it did not begin. With `to_confirm` nothing happens before
    `confirmed_at`. `context_id` groups what belongs to one conversation of the requester. `member_id` is who asked in a
    chat, or whom it is about: the task goes when they are erased.
    """

    __tablename__ = "agent_task"
    __table_args__ = (
        owned_key("agent_task"),
        newest_first("agent_task"),
        UniqueConstraint("tenant_id", "requester", "idempotency_key"),
        ForeignKeyConstraint(["tenant_id", "member_id"], ["member.tenant_id", "member.id"], ondelete="CASCADE"),
        Index("ix_agent_task_member", "tenant_id", "member_id", postgresql_where="member_id IS NOT NULL"),
        Index("ix_agent_task_age", "tenant_id", "created_at"),
        Index("ix_agent_task_context", "tenant_id", "requester", "context_id", "id"),
    )
    skill: Mapped[str]
    input: Mapped[Json]
    input_hash: Mapped[str]
    requester: Mapped[str]
    idempotency_key: Mapped[str | None]
    context_id: Mapped[str | None]
    member_id: Mapped[UUID | None]
    result: Mapped[Json | None]
    refusal: Mapped[Json | None]
    to_confirm: Mapped[bool] = mapped_column(default=False)
    confirmed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]


class AgentTaskCampaign(Owned, Base):
    """A campaign that a task is about, the first with `n` 0; null once the campaign was deleted."""

    __tablename__ = "agent_task_campaign"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "agent_task_id"], ["agent_task.tenant_id", "agent_task.id"], ondelete="CASCADE"
        ),
        ForeignKeyConstraint(
            ["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="SET NULL (campaign_id)"
        ),
        UniqueConstraint("tenant_id", "agent_task_id", "n"),
        Index("ix_agent_task_campaign_campaign", "tenant_id", "campaign_id"),
    )
    agent_task_id: Mapped[UUID]
    campaign_id: Mapped[UUID | None]
    n: Mapped[int]


class AgentTaskWord(Owned, Base):
    """The key of an answer or a comment that a requester gave; a repeat is heard once."""

    __tablename__ = "agent_task_word"
    __table_args__ = (
        ForeignKeyConstraint(
            ["tenant_id", "agent_task_id"], ["agent_task.tenant_id", "agent_task.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("tenant_id", "requester", "key"),
        Index("ix_agent_task_word_task", "tenant_id", "agent_task_id"),
    )
    agent_task_id: Mapped[UUID]
    requester: Mapped[str]
    key: Mapped[str]
    word_hash: Mapped[str]
