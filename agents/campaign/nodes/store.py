"""Store the draft as an immutable revision, once per run, if this worker still holds the run."""

from typing import Any

from langgraph.runtime import Runtime
from sqlalchemy import select

from agents.campaign.context import Context
from agents.campaign.state import State
from domain.campaigns import revisions
from models import AgentRun


class LostRun(Exception):  # noqa: N818
    """Another worker holds the run now; what this one wrote is dropped."""


def store(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    used = set(state["plan"].offer_ids) | {i for claim in state["claims"] for i in claim["source_ids"]}
    with context.open_session() as session:
        run = session.execute(
            select(AgentRun)
            .where(AgentRun.tenant_id == context.tenant_id, AgentRun.id == context.run_id)
            .with_for_update()
        ).scalar_one()
        if run.lease_owner != context.owner:
            raise LostRun
        revision = revisions.store(
            session,
            context.campaign_id,
            content_json=state["content"],
            origin=str(state["content"].get("origin") or context.writer.name),
            author=f"agent:{context.run_id}",
            parent_id=run.parent_revision_id,
            run_id=context.run_id,
            sources=[source.as_json() for source in state["sources"] if source.id in used],
            claims=state["claims"],
            findings=state["findings"],
            prompt_versions=context.writer.provenance(),
            plan=state["plan"].model_dump(),
        )
        return {"revision_id": str(revision.id)}
