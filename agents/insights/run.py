"""Insights of one conversation: read in quarantine, kept as enums with an expiry. Only where the plan has them."""

from uuid import UUID
from zoneinfo import ZoneInfo

from agents.call import Caller
from agents.insights import extract
from agents.insights.extract import Line
from agents.llm import registry
from agents.llm.errors import CallStopped
from domain.conversations import insights
from domain.conversations import service as conversations
from domain.identity import tenants
from domain.plans.catalog import AI_CONTENT, Tier
from kernel import db, log
from models import Member, Tenant

_WITH_CONTEXT = "advanced + context"


def has_insights(tenant: Tenant) -> bool:
    """Say whether the plan has insights of chats."""
    return AI_CONTENT.level(Tier(tenant.tier)) == _WITH_CONTEXT


def read(tenant_id: UUID, conversation_id: UUID) -> int:
    """Read a conversation and keep what it says about its member; returns how many insights. Raises NotFound.

    A model reads it only where the tenant lets chats reach one; otherwise, or when it does not answer, rules do.
    """
    with db.tenant_session(tenant_id) as session:
        tenant = tenants.current(session)
        conversation = conversations.get(session, conversation_id)
        member = session.get(Member, conversation.member_id) if conversation.member_id else None
        if member is None or member.restricted or not has_insights(tenant):
            return 0
        zone = ZoneInfo(member.time_zone or tenant.time_zone)
        lines: list[Line] = [
            (row.id, row.at.astimezone(zone), row.text) for row in insights.recent(session, conversation)
        ]
        reaches_model = tenant.ai_egress == "insights"
    found, source = _found(tenant_id, conversation_id, lines, reaches_model=reaches_model)
    with db.tenant_session(tenant_id) as session:
        insights.forget_expired(session)
        insights.put(session, member.id, found, source=source)
    log.get("insights").info("insights.read", id=str(conversation_id), found=len(found), source=source)
    return len(found)


def _found(
    tenant_id: UUID, conversation_id: UUID, lines: list[Line], *, reaches_model: bool
) -> tuple[list[insights.Insight], str]:
    provider = registry.provider() if reaches_model and lines else None
    if provider is None:
        return extract.by_rules(lines), "rules"
    caller = Caller(provider, lambda: db.tenant_session(tenant_id), tenant_id, None)
    try:
        return extract.by_model(lines, caller, conversation_id), "model"
    except CallStopped as stop:
        log.get("insights").info("insights.by_rules", code=stop.code)
        return extract.by_rules(lines), "rules"
