"""End the run with questions: a person answers them, and a new run goes on."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.state import State
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status, Verb
from models import AgentQuestion


def ask(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        campaign = campaigns.lock(session, context.campaign_id)
        if campaign.status == Status.AI_GENERATING:
            campaigns.move(session, campaign, Verb.ASK, actor=f"agent:{context.run_id}")
            session.add_all(
                AgentQuestion(
                    tenant_id=context.tenant_id,
                    campaign_id=campaign.id,
                    run_id=context.run_id,
                    code=question["code"],
                    text=question["text"],
                    options=question["options"],
                    created_by=f"agent:{context.run_id}",
                )
                for question in state["questions"]
            )
        session.flush()
    return {}
