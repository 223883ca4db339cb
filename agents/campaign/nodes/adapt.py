"""Place the words into the channel's blocks: greeting, text, offer, one button, sign-off; cohorts and edits on top."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign import layout
from agents.campaign.context import Context
from agents.campaign.replies import BriefPlan
from agents.campaign.state import State
from domain.campaigns import service as campaigns
from domain.knowledge import service as knowledge
from models import Tenant


def adapt(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    content = layout.assembled(state, runtime.context.writer.name, target_of(runtime.context, state["plan"]))
    return {"content": content, "claims": layout.claims_of(state, content)}


def target_of(context: Context, plan: BriefPlan) -> str | None:
    """Return where the button leads: the campaign's target, the offer's page, or the website."""
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        tenant = session.get_one(Tenant, context.tenant_id)
        urls = {str(offer.id): offer.url for offer in knowledge.valid_offers(session)}
        return campaign.cta_url or next((urls.get(i) for i in plan.offer_ids if urls.get(i)), None) or tenant.website
