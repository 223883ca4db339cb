"""Runs of the agent, their steps, and the ledger of model calls."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, owned_key


class AgentRun(Owned, Base):
    """`(brief, previous revision, feedback) → new revision`; pinned inputs make a second try the same."""

    __tablename__ = "agent_run"
    __table_args__ = (
        owned_key("agent_run"),
        ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "feedback_id"),
        Index("ix_agent_run_campaign", "tenant_id", "campaign_id", "id"),
    )
    kind: Mapped[str]
    campaign_id: Mapped[UUID]
    parent_revision_id: Mapped[UUID | None]
    feedback_id: Mapped[UUID | None]
    status: Mapped[str] = mapped_column(default="queued")
    options: Mapped[Json] = mapped_column(default=dict)
    brief_version: Mapped[int] = mapped_column(default=1)
    writer: Mapped[str | None]
    tier: Mapped[str | None]
    inputs_json: Mapped[Json | None]
    variation: Mapped[int] = mapped_column(default=0)
    token_limit: Mapped[int]
    spent_tokens: Mapped[int] = mapped_column(default=0)
    reserved_tokens: Mapped[int] = mapped_column(default=0)
    cost_micro: Mapped[int] = mapped_column(default=0)
    lease_owner: Mapped[UUID | None]
    lease_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error_code: Mapped[str | None]
    error_detail: Mapped[str | None]
    retry_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class AgentStep(Owned, Base):
    """Progress and audit of a run, never content."""

    __tablename__ = "agent_step"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "run_id"], ["agent_run.tenant_id", "agent_run.id"], ondelete="CASCADE"),
        Index("ix_agent_step_run", "tenant_id", "run_id", "id"),
        Index("ix_agent_step_age", "tenant_id", "created_at"),
    )
    run_id: Mapped[UUID]
    node: Mapped[str]
    status: Mapped[str]
    ms: Mapped[int | None]
    info: Mapped[Json] = mapped_column(default=dict)


class ModelCall(Owned, Base):
    """One call of a model: idempotency key, cache, bill and audit in one row."""

    __tablename__ = "model_call"
    __table_args__ = (
        UniqueConstraint("tenant_id", "call_key"),
        Index("ix_model_call_run", "tenant_id", "run_id"),
        Index("ix_model_call_over", "tenant_id", "expires_at", postgresql_where="reply IS NOT NULL"),
    )
    run_id: Mapped[UUID | None]
    call_key: Mapped[str]
    purpose: Mapped[str]
    prompt_id: Mapped[str]
    prompt_version: Mapped[int]
    provider: Mapped[str]
    model: Mapped[str]
    in_tokens: Mapped[int] = mapped_column(default=0)
    cached_tokens: Mapped[int] = mapped_column(default=0)
    out_tokens: Mapped[int] = mapped_column(default=0)
    reserved_tokens: Mapped[int] = mapped_column(default=0)
    cost_micro: Mapped[int] = mapped_column(default=0)
    estimated: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    finish: Mapped[str | None]
    http_status: Mapped[int | None]
    request_id: Mapped[str | None]
    latency_ms: Mapped[int | None]
    state: Mapped[str]
    lease_until: Mapped[datetime | None]
    error_code: Mapped[str | None]
    reply: Mapped[str | None]
    expires_at: Mapped[datetime | None]
