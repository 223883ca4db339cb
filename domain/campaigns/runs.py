"""Runs of the agent for people: how far one is, what it did, and going on with one that stopped."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.campaigns import queries
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status, Verb
from kernel import db, outbox
from kernel.errors import Conflict, NotFound
from kernel.settings import get_settings
from models import AgentRun, AgentStep

RESUMABLE = frozenset({"paused_budget", "paused_provider", "failed"})
MOST_STEPS = 200


def steps(session: Session, run_id: UUID, *, after: UUID | None = None) -> Sequence[AgentStep]:
    """Return what a run finished, oldest first, after one that is known already."""
    statement = select(AgentStep).where(AgentStep.tenant_id == db.tenant_of(session), AgentStep.run_id == run_id)
    if after is not None:
        statement = statement.where(AgentStep.id > after)
    return session.execute(statement.order_by(AgentStep.id).limit(MOST_STEPS)).scalars().all()


def resume(session: Session, campaign_id: UUID, run_id: UUID, *, actor: str, without_ai: bool = False) -> AgentRun:
    """Let a run go on that stopped; what it has paid for is in the ledger and costs nothing again.

    `without_ai`: the built-in writer finishes it from the same brief. The run gets its token limit anew, the month's
    limit stays. Raises NotFound, Conflict for a run that did not stop or is not the last one.
    """
    campaign = campaigns.lock(session, campaign_id)
    last = queries.last_run(session, campaign_id)
    run = session.execute(
        select(AgentRun)
        .where(AgentRun.tenant_id == campaign.tenant_id, AgentRun.campaign_id == campaign_id, AgentRun.id == run_id)
        .with_for_update()
    ).scalar_one_or_none()
    if run is None or last is None:
        raise NotFound("run")
    if run.status not in RESUMABLE:
        raise Conflict(
            f"The run is {run.status}; only one that paused or failed goes on. Ask for a new draft instead.",
            code="run_not_stopped",
        )
    if last.run.id != run.id or campaign.current_revision_id != run.parent_revision_id:
        raise Conflict("There is a newer run or draft. Go on from that one.", code="superseded")
    if campaign.status != Status.AI_GENERATING:
        campaigns.move(session, campaign, Verb.GENERATE, actor=actor, run=str(run.id))
    run.status, run.attempts, run.retry_at, run.finished_at = "queued", 0, None, None
    run.error_code = run.error_detail = None
    run.lease_owner = run.lease_until = None
    run.token_limit = run.spent_tokens + run.reserved_tokens + get_settings().llm_run_token_limit
    if without_ai:
        run.options = {**run.options, "writer": "builtin"}
    outbox.enqueue(session, "agents.run", id=run.id)
    audit.append(session, actor=actor, action="run.resume", subject=str(campaign.id), run=run.id, without_ai=without_ai)
    session.flush()
    return run
