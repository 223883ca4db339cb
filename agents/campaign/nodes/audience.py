"""Who is written to: the languages they read, the tenant's own first, and the cohorts where the plan has them."""

from collections.abc import Callable
from functools import cache
from typing import Any

from langgraph.runtime import Runtime
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from agents.campaign import pins
from agents.campaign.context import Context
from agents.campaign.levels import Level
from agents.campaign.state import State
from domain.audience import selection
from domain.campaigns import cohorts
from domain.campaigns import service as campaigns
from domain.content.cohorts import Cohort
from domain.content.lines import Target
from models import AgentRun, Campaign, Member

WRITTEN = ("de", "en")
WITHOUT_LINES = {"sms"}  # every part of an SMS costs


def audience(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        run = session.get_one(AgentRun, context.run_id)
        languages = pins.pinned(session, run, "languages", lambda: _languages(session, campaign, state["languages"][0]))

        told = _told(session, campaign, languages, state["level"])

        def groups() -> list[dict[str, Any]]:
            if not state["level"].cohorts:
                return []
            said = told() if state["level"].insights else cohorts.NOTHING
            return [cohort.as_json() for cohort in cohorts.of_audience(session, campaign, languages, said)]

        chosen = [Cohort(**cohort) for cohort in pins.pinned(session, run, "cohorts", groups)]

        def targets() -> list[dict[str, Any]]:
            return [target.as_json() for target in cohorts.targets(told(), chosen)]

        personal = state["level"].lines and campaign.channel not in WITHOUT_LINES
        return {
            "languages": languages,
            "cohorts": chosen,
            "targets": [Target.of(each) for each in pins.pinned(session, run, "targets", targets)] if personal else [],
        }


def _told(session: Session, campaign: Campaign, languages: list[str], level: Level) -> Callable[[], cohorts.Told]:
    """Return what asks the database once at the most, and only where the level has chats."""
    return cache(
        lambda: cohorts.told(session, campaign, languages) if level.insights or level.lines else cohorts.NOTHING
    )


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
