"""What the run starts from: goal, former draft, feedback, brand and level, and the style that they lead to."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from langgraph.runtime import Runtime
from sqlalchemy import select
from sqlalchemy.orm import Session

from agents.campaign import feedback, levels, pins
from agents.campaign.context import Context
from agents.campaign.levels import Level
from agents.campaign.replies import BriefPlan
from agents.campaign.state import State
from domain.brand import service as brands
from domain.brand.service import Brand
from domain.campaigns import revisions
from domain.campaigns import service as campaigns
from models import AgentQuestion, AgentRun, DraftRevision, Review, Tenant

UNCLEAR = "feedback_unclear"


def load(_state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        run = session.get_one(AgentRun, context.run_id)
        tenant = session.get_one(Tenant, context.tenant_id)
        parent = run.parent_revision_id
        before = revisions.get(session, campaign.id, parent) if parent else None
        brand = Brand.of(pins.pinned(session, run, "brand", lambda: brands.current(session).as_json()))
        style = _style(before, brand)
        style = feedback.Style(**{**style.as_json(), "variation": max(style.variation, run.variation)})
        answers, replies = _answers(session, campaign.id, run)
        review = session.get_one(Review, run.feedback_id) if run.feedback_id is not None else None
        return {
            "goal": " ".join([campaign.goal or "", *answers]),
            "previous": before.content_json if before else None,
            "previous_claims": list(before.claims_json) if before else [],
            **({"plan": BriefPlan.model_validate(before.plan_json)} if before and before.plan_json else {}),
            "feedback": [*review.wishes, *([review.comment] if review.comment else [])] if review else replies,
            "places": list(review.scope.get("places", [])) if review else [],
            "level": _level(run, tenant, context.writer.name),
            "brand": brand,
            "style": style,
            "mends": context.writer.name == "model",
            "unattended": run.options.get("ask") == "never",
            "alternatives": bool(run.options.get("alternatives")),
            "judged": bool(run.options.get("judge")),
            "channel": campaign.channel,
            "languages": [tenant.language],
            "cohorts": [],
            "targets": [],
            "changed": [],
            "findings": [],
            "questions": [],
            "edits": {},
            "edit_claims": [],
            "repairs": 0,
            "shortened": False,
            "cuts": 0,
        }


def _level(run: AgentRun, tenant: Tenant, writer: str) -> Level:
    """Return what the run's tier includes; what chats told reaches a model only where the tenant lets it."""
    level = levels.of(run.tier)
    told = writer != "model" or tenant.ai_egress == "insights"
    return replace(level, insights=level.insights and told, lines=level.lines and told)


def _style(before: DraftRevision | None, brand: Brand) -> feedback.Style:
    """Go on in the style of the draft before; the first one speaks as the brand does."""
    kept = before.content_json.get("style") if before else None
    if kept:
        return feedback.Style.of(kept)
    values = {"form": brand.form, "short": brand.short, "tone": brand.tone, "exclamation": brand.most_exclamations > 0}
    if before:
        values["form"] = before.content_json.get("form", brand.form)
    return feedback.Style.of(values)


def _answers(session: Session, campaign_id: UUID, run: AgentRun) -> tuple[list[str], list[str]]:
    """Return what the brief gained by answers, and what the answers to unclear feedback say for this run."""
    rows = (
        session.execute(
            select(AgentQuestion)
            .where(
                AgentQuestion.tenant_id == run.tenant_id,
                AgentQuestion.campaign_id == campaign_id,
                AgentQuestion.answer.is_not(None),
            )
            .order_by(AgentQuestion.id)
        )
        .scalars()
        .all()
    )
    brief = [str(row.answer) for row in rows if row.code != UNCLEAR]
    last = rows[-1].run_id if rows and run.kind == "answer" else None
    return brief, [str(row.answer) for row in rows if row.code == UNCLEAR and row.run_id == last]
