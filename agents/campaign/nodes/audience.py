"""Which languages the audience reads: the tenant's own first, and the others that members prefer."""

from typing import Any

from langgraph.runtime import Runtime
from sqlalchemy import func, select

from agents.campaign.context import Context
from agents.campaign.state import State
from domain.audience import selection
from domain.campaigns import service as campaigns
from models import Member

WRITTEN = ("de", "en")


def audience(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        chosen = selection.members_of(campaign.audience, tenant_id=context.tenant_id).subquery()
        rows = session.execute(
            select(Member.language, func.count())
            .join(chosen, chosen.c.id == Member.id)
            .where(Member.tenant_id == context.tenant_id, Member.language.in_(WRITTEN))
            .group_by(Member.language)
            .order_by(func.count().desc(), Member.language)
        ).all()
    own = state["languages"][0]
    return {"languages": [own, *(row[0] for row in rows if row[0] != own)]}
