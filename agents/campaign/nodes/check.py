"""Check the draft as it will be checked at approval, and say what the writer could mend."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.state import State
from domain.campaigns import frame
from domain.campaigns import service as campaigns
from domain.content import checks

LIMIT = 2


def check(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        pinned = [source.as_json() for source in state["sources"]]
        material = frame.material(session, campaign, state["content"], pinned)
    found = [finding.as_json() for finding in checks.check_revision(state["content"], material)]
    kept = [finding for finding in state["findings"] if finding["code"] == "feedback_not_understood"]
    return {"findings": kept + found}


def blockers(state: State) -> list[dict[str, Any]]:
    """Return the findings that would stop an approval."""
    return [finding for finding in state["findings"] if finding["severity"] == "block"]
