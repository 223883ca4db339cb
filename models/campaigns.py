"""A campaign, what is written for it, who decided, and the link that shows it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, Owned, owned_key


def _of_campaign() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["tenant_id", "campaign_id"], ["campaign.tenant_id", "campaign.id"], ondelete="CASCADE")


def _of_revision() -> ForeignKeyConstraint:
    return ForeignKeyConstraint(
        ["tenant_id", "revision_id"], ["draft_revision.tenant_id", "draft_revision.id"], ondelete="CASCADE"
    )


class Sender(Owned, Base):
    """An identity that messages come from; without an account, mail leaves through the operator's relay."""

    __tablename__ = "sender"
    __table_args__ = (
        owned_key("sender"),
        ForeignKeyConstraint(["tenant_id", "account_id"], ["provider_account.tenant_id", "provider_account.id"]),
        Index("ix_sender_account", "tenant_id", "account_id"),
        Index("uq_sender_default", "tenant_id", "channel", unique=True, postgresql_where="is_default"),
    )
    channel: Mapped[str]
    from_name: Mapped[str]
    from_address: Mapped[str]
    reply_to: Mapped[str | None]
    account_id: Mapped[UUID | None]
    is_default: Mapped[bool] = mapped_column(default=False)


class Template(Owned, Base):
    __tablename__ = "template"
    __table_args__ = (
        owned_key("template"),
        UniqueConstraint("tenant_id", "name"),
        Index("uq_template_default", "tenant_id", "kind", unique=True, postgresql_where="is_default"),
    )
    name: Mapped[str]
    description: Mapped[str | None]
    kind: Mapped[str]
    is_default: Mapped[bool] = mapped_column(default=False)
    active: Mapped[bool] = mapped_column(default=True)
    current_version: Mapped[int] = mapped_column(default=1)


class TemplateVersion(Owned, Base):
    """Immutable content of a template."""

    __tablename__ = "template_version"
    __table_args__ = (
        ForeignKeyConstraint(["tenant_id", "template_id"], ["template.tenant_id", "template.id"], ondelete="CASCADE"),
        UniqueConstraint("tenant_id", "template_id", "n"),
    )
    template_id: Mapped[UUID]
    n: Mapped[int]
    content_json: Mapped[Json]
    content_hash: Mapped[str]


class Campaign(Owned, Base):
    __tablename__ = "campaign"
    __table_args__ = (
        owned_key("campaign"),
        Index("ix_campaign_status", "tenant_id", "status", "id"),
        Index("ix_campaign_scheduled", "tenant_id", "scheduled_for", postgresql_where="status = 'scheduled'"),
        ForeignKeyConstraint(["tenant_id", "sender_id"], ["sender.tenant_id", "sender.id"]),
        ForeignKeyConstraint(["tenant_id", "template_id"], ["template.tenant_id", "template.id"]),
    )
    name: Mapped[str]
    description: Mapped[str | None]
    kind: Mapped[str]
    channel: Mapped[str]
    status: Mapped[str] = mapped_column(default="draft")
    hold_reason: Mapped[str | None]
    status_before_hold: Mapped[str | None]
    goal: Mapped[str | None]
    audience: Mapped[Json]
    template_id: Mapped[UUID | None]
    sender_id: Mapped[UUID | None]
    cta_url: Mapped[str | None]
    current_revision_id: Mapped[UUID | None]
    schedule: Mapped[Json | None]
    scheduled_for: Mapped[datetime | None]
    zone_rules: Mapped[str | None]
    budget_minor: Mapped[int | None]
    cost_ceiling_minor: Mapped[int | None]
    utm_links: Mapped[bool | None]
    approved_revision_id: Mapped[UUID | None]
    approval_hash: Mapped[str | None]
    approved_count: Mapped[int | None]
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str | None]
    materialised_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    completed_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012


class DraftRevision(Owned, Base):
    """One immutable version of a campaign's content; the application role may not update it."""

    __tablename__ = "draft_revision"
    __table_args__ = (
        owned_key("draft_revision"),
        _of_campaign(),
        UniqueConstraint("tenant_id", "campaign_id", "n"),
        UniqueConstraint("tenant_id", "run_id"),
    )
    campaign_id: Mapped[UUID]
    n: Mapped[int]
    parent_id: Mapped[UUID | None]
    run_id: Mapped[UUID | None]
    origin: Mapped[str]
    content_json: Mapped[Json]
    claims_json: Mapped[list[Any]]
    findings_json: Mapped[list[Any]]
    sources_json: Mapped[list[Any]]
    content_hash: Mapped[str]
    author: Mapped[str]
    prompt_versions: Mapped[Json] = mapped_column(default=dict)
    plan_json: Mapped[Json | None]


class FindingOverride(Owned, Base):
    """A named person's waiver of one finding, with the reason."""

    __tablename__ = "finding_override"
    __table_args__ = (_of_revision(), UniqueConstraint("tenant_id", "revision_id", "finding_key"))
    revision_id: Mapped[UUID]
    finding_key: Mapped[str]
    by: Mapped[str]
    reason: Mapped[str]


class Review(Owned, Base):
    """A decision or comment on a revision: who, when, on which hash."""

    __tablename__ = "review"
    __table_args__ = (
        owned_key("review"),
        _of_campaign(),
        _of_revision(),
        Index("ix_review_campaign", "tenant_id", "campaign_id", "id"),
        Index(
            "uq_review_terminal",
            "tenant_id",
            "revision_id",
            unique=True,
            postgresql_where="verb IN ('approve', 'revise', 'reject') AND voided_at IS NULL",
        ),
        CheckConstraint("verb IN ('approve', 'edit', 'revise', 'reject', 'comment')", name="verb_known"),
    )
    campaign_id: Mapped[UUID]
    revision_id: Mapped[UUID]
    verb: Mapped[str]
    comment: Mapped[str | None]
    wishes: Mapped[list[str]] = mapped_column(default=list)
    scope: Mapped[Json] = mapped_column(default=dict)
    actor: Mapped[str]
    actor_name: Mapped[str | None]
    content_hash: Mapped[str]
    approval_hash: Mapped[str | None]
    evidence: Mapped[Json] = mapped_column(default=dict)
    voided_at: Mapped[datetime | None]
    voided_because: Mapped[str | None]


class PreviewLink(Owned, Base):
    __tablename__ = "preview_link"
    __table_args__ = (
        owned_key("preview_link"),
        _of_campaign(),
        _of_revision(),
        Index("ix_preview_link_campaign", "tenant_id", "campaign_id"),
        CheckConstraint("purpose IN ('view', 'approve')", name="purpose_known"),
    )
    campaign_id: Mapped[UUID]
    revision_id: Mapped[UUID]
    content_hash: Mapped[str]
    token_hash: Mapped[str]
    purpose: Mapped[str]
    member_ids: Mapped[list[str]]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    revoked_because: Mapped[str | None]
    used_at: Mapped[datetime | None]


class AgentQuestion(Owned, Base):
    __tablename__ = "agent_question"
    __table_args__ = (_of_campaign(), Index("ix_agent_question_campaign", "tenant_id", "campaign_id"))
    campaign_id: Mapped[UUID]
    run_id: Mapped[UUID]
    code: Mapped[str]
    text: Mapped[str]
    options: Mapped[list[Any]] = mapped_column(default=list)
    answer: Mapped[str | None]
    answered_by: Mapped[str | None]
    answered_at: Mapped[datetime | None]
