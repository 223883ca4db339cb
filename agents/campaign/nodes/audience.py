"""Who is written to: the languages they read, the tenant's own first, and the cohorts where the plan has them."""

from typing import Any

from langgraph.runtime import Runtime
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agents.campaign import pins
from agents.campaign.context import Context
from agents.campaign.state import State
from domain.audience import selection
from domain.campaigns import cohorts
from domain.campaigns import service as campaigns
from domain.content.cohorts import Cohort
from models import AgentRun, Campaign, Member

WRITTEN = ("de", "en")


def audience(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        run = session.get_one(AgentRun, context.run_id)
        languages = pins.pinned(session, run, "languages", lambda: _languages(session, campaign, state["languages"][0]))

        def groups() -> list[dict[str, Any]]:
            if not state["level"].cohorts:
                return []
            return [cohort.as_json() for cohort in cohorts.of_audience(session, campaign, languages)]

        return {
            "languages": languages,
            "cohorts": [Cohort(**cohort) for cohort in pins.pinned(session, run, "cohorts", groups)],
        }


def _languages(session: Session, campaign: Campaign, own: str) -> list[str]:
    chosen = selection.members_of(campaign.audience, tenant_id=campaign.tenant_id, session=session).subquery()
    rows = session.execute(
        select(Member.language, func.count())
        .join(chosen, chosen.c.id == Member.id)
        .where(Member.tenant_id == campaign.tenant_id, Member.language.in_(WRITTEN))
        .group_by(Member.language)
        .order_by(func.count().desc(), Member.language)
    )
    return [own, *(row[0] for row in rows if row[0] is not None and row[0] != own)]
