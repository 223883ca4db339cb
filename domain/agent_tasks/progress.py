"""What the runs of a task did, step by step, and what their model calls cost."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from domain.agent_tasks.standing import campaigns_of
from kernel import db
from models import AgentRun, AgentStep, AgentTask, ModelCall

_MOST_STEPS = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """Tokens and millionths of a euro that the model calls of the task took."""

    input: int = 0
    cached: int = 0
    output: int = 0
    micro_eur: int = 0
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A finished step of a run of the task; of one campaign ids grow with time."""

    id: UUID
    campaign_id: UUID
    node: str
    status: str
    ms: int | None
    at: datetime


def steps(session: Session, task: AgentTask, *, after: Collection[UUID] = ()) -> list[Step]:
    """Return what the runs of the task have finished, oldest first, at most 200.

    `after` holds the last step that was seen of each campaign: steps of one follow each other, those of two may become
    visible in another order than that of their ids. A step that is not the task's, or is gone, counts for nothing.
    """
    ids = campaigns_of(session, task)
    if not ids:
        return []
    seen = last_of_each(session, task, after)
    news = [and_(AgentRun.campaign_id == campaign_id, AgentStep.id > last) for campaign_id, last in seen.items()]
    statement = (
        select(AgentStep, AgentRun.campaign_id)
        .join(AgentRun, AgentRun.id == AgentStep.run_id)
        .where(
            AgentStep.tenant_id == task.tenant_id,
            AgentRun.tenant_id == task.tenant_id,
            AgentStep.run_id.in_(_runs(task, ids)),
            or_(AgentRun.campaign_id.not_in(seen), *news),
        )
    )
    found = session.execute(statement.order_by(AgentStep.id).limit(_MOST_STEPS)).all()
    return [Step(row.id, campaign_id, row.node, row.status, row.ms, row.created_at) for row, campaign_id in found]


def last_of_each(session: Session, task: AgentTask, step_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return the last of these steps by campaign of the task; those of others are left out."""
    if not step_ids:
        return {}
    rows = session.execute(
        select(AgentRun.campaign_id, AgentStep.id)
        .join(AgentRun, AgentRun.id == AgentStep.run_id)
        .where(
            AgentStep.tenant_id == db.tenant_of(session),
            AgentStep.id.in_(step_ids),
            AgentRun.tenant_id == db.tenant_of(session),
            AgentRun.campaign_id.in_(campaigns_of(session, task)),
        )
        .order_by(AgentStep.id)
    )
    return {campaign_id: step_id for campaign_id, step_id in rows}  # noqa: C416 - rows are no pairs


def cost(session: Session, task: AgentTask, campaign_ids: list[UUID]) -> Cost:
    """Return what the runs that the task began have cost so far."""
    calls = select(
        func.coalesce(func.sum(ModelCall.in_tokens), 0),
        func.coalesce(func.sum(ModelCall.cached_tokens), 0),
        func.coalesce(func.sum(ModelCall.out_tokens), 0),
        func.coalesce(func.sum(ModelCall.cost_micro), 0),
        func.coalesce(func.bool_or(ModelCall.estimated), False),
    ).where(ModelCall.tenant_id == task.tenant_id, ModelCall.run_id.in_(_runs(task, campaign_ids)))
    sums = session.execute(calls).one()
    return Cost(int(sums[0]), int(sums[1]), int(sums[2]), int(sums[3]), bool(sums[4]))


def _runs(task: AgentTask, campaign_ids: list[UUID]) -> Any:
    """Select the runs that the task began: those of its campaigns since then."""
    return select(AgentRun.id).where(
        AgentRun.tenant_id == task.tenant_id,
        AgentRun.campaign_id.in_(campaign_ids),
        AgentRun.created_at >= task.created_at,
    )
