"""Reads about campaigns, for lists and pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from kernel import db
from models import AgentQuestion, AgentRun, AgentStep, Campaign, DraftRevision, PreviewLink, Review

# How far a run is when a node is done, in percent.
STAGES = {
    "load": 5, "audience": 10, "retrieve": 20, "scope": 25, "brief": 35, "base": 60, "edit": 60, "batch": 62,
    "cohorts": 80, "lines": 82, "adapt": 85, "check": 95, "shorten": 95, "cut": 95, "repair": 95, "judge": 97,
    "store": 99,
}  # fmt: skip
_OVER = {"done", "needs_input", "failed", "cancelled"}


def matching(
    session: Session,
    *,
    statuses: Sequence[str] | None = None,
    kind: str | None = None,
    channel: str | None = None,
    text: str | None = None,
) -> Select[Campaign]:
    """Return the statement of the tenant's campaigns that fit every given filter."""
    statement = select(Campaign).where(Campaign.tenant_id == db.tenant_of(session))
    if statuses:
        statement = statement.where(Campaign.status.in_(statuses))
    if kind:
        statement = statement.where(Campaign.kind == kind)
    if channel:
        statement = statement.where(Campaign.channel == channel)
    if text:
        statement = statement.where(Campaign.name.icontains(text, autoescape=True))
    return statement


# Built once: what every look at a campaign asks.
_LAST_RUN = (
    select(AgentRun)
    .where(AgentRun.tenant_id == bindparam("tenant"), AgentRun.campaign_id == bindparam("campaign"))
    .order_by(AgentRun.id.desc())
    .limit(1)
)
_NODES = (
    select(AgentStep.node)
    .where(AgentStep.tenant_id == bindparam("tenant"), AgentStep.run_id == bindparam("run"))
    .order_by(AgentStep.id.desc())
)
_QUESTIONS = (
    select(AgentQuestion)
    .where(AgentQuestion.tenant_id == bindparam("tenant"), AgentQuestion.campaign_id == bindparam("campaign"))
    .order_by(AgentQuestion.id)
)


def _of(session: Session, campaign_id: UUID) -> dict[str, UUID]:
    return {"tenant": db.tenant_of(session), "campaign": campaign_id}


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A run with the stage it is at."""

    run: AgentRun
    stage: str | None
    percent: int


def _seen(session: Session, run: AgentRun) -> SeenRun:
    nodes = session.execute(_NODES, {"tenant": run.tenant_id, "run": run.id}).scalars().all()
    stage = nodes[0] if nodes else None
    return SeenRun(run, stage, 100 if run.status in _OVER else max((STAGES.get(node, 0) for node in nodes), default=0))


def last_run(session: Session, campaign_id: UUID) -> SeenRun | None:
    """Return the newest run of the agent for a campaign."""
    run = session.execute(_LAST_RUN, _of(session, campaign_id)).scalar_one_or_none()
    return _seen(session, run) if run else None


def run(session: Session, campaign_id: UUID, run_id: UUID) -> SeenRun | None:
    """Return one run of the campaign."""
    found = session.execute(
        select(AgentRun).where(
            AgentRun.tenant_id == db.tenant_of(session), AgentRun.campaign_id == campaign_id, AgentRun.id == run_id
        )
    ).scalar_one_or_none()
    return _seen(session, found) if found else None


def questions(session: Session, campaign_id: UUID) -> Sequence[AgentQuestion]:
    """Return the agent's questions, oldest first."""
    return session.execute(_QUESTIONS, _of(session, campaign_id)).scalars().all()


def revisions(session: Session, campaign_id: UUID) -> Select[DraftRevision]:
    return select(DraftRevision).where(
        DraftRevision.tenant_id == db.tenant_of(session), DraftRevision.campaign_id == campaign_id
    )


def reviews(session: Session, campaign_id: UUID) -> Select[Review]:
    return select(Review).where(Review.tenant_id == db.tenant_of(session), Review.campaign_id == campaign_id)


def preview_links(session: Session, campaign_id: UUID) -> Select[PreviewLink]:
    return select(PreviewLink).where(
        PreviewLink.tenant_id == db.tenant_of(session), PreviewLink.campaign_id == campaign_id
    )
