"""Read what the run starts from: goal, former draft, feedback, and the style that it leads to."""

from typing import Any

from langgraph.runtime import Runtime
from sqlalchemy import select

from agents.campaign import feedback
from agents.campaign.context import Context
from agents.campaign.state import State
from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from models import AgentQuestion, AgentRun, Review, Tenant


def load(_state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        run = session.get_one(AgentRun, context.run_id)
        tenant = session.get_one(Tenant, context.tenant_id)
        parent = run.parent_revision_id
        previous = revisions.get(session, campaign.id, parent).content_json if parent else None
        texts: list[str] = []
        if run.feedback_id is not None:
            review = session.get_one(Review, run.feedback_id)
            texts = [*review.wishes, *([review.comment] if review.comment else [])]
        answers = session.execute(
            select(AgentQuestion).where(
                AgentQuestion.tenant_id == context.tenant_id,
                AgentQuestion.campaign_id == campaign.id,
                AgentQuestion.answer.is_not(None),
            )
        ).scalars()
        answered = [str(question.answer) for question in answers]
        style = feedback.Style.of((previous or {}).get("style"))
        style = feedback.Style(**{**style.as_json(), "variation": max(style.variation, run.variation)})
        return {
            "goal": " ".join([campaign.goal or "", *answered]),
            "previous": previous,
            "feedback": texts,
            "style": style,
            "channel": campaign.channel,
            "languages": [tenant.language],
            "changed": [],
            "findings": [],
            "questions": [],
            "repairs": 0,
        }
