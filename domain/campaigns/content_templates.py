"""Whether WhatsApp takes what a campaign would send: each of its templates exists, is approved, and has its variables.

Asked when a campaign is planned, resumed, checked, and before every slice that is sent: WhatsApp pauses templates at
any time. Free text needs none of this; the gate asks for an open conversation instead.
"""

from uuid import UUID

from sqlalchemy.orm import Session

from domain.content import cohorts
from domain.senders import content_templates as known
from domain.senders.content_templates import Problem
from models import Campaign, DraftRevision, Sender

CHANNEL = "whatsapp"


def problem(session: Session, campaign: Campaign) -> str | None:
    """Return why WhatsApp would not take a campaign, as its hold reason says it; None when nothing is in the way.

    The reason begins with a code: template_unknown, template_not_approved or template_variables.
    """
    account_id = account_of(session, campaign)
    revision_id = campaign.approved_revision_id or campaign.current_revision_id
    if campaign.channel != CHANNEL or account_id is None or revision_id is None:
        return None
    revision = session.get(DraftRevision, revision_id)
    if revision is None:
        return None
    used = [
        (language, str(variant["template"]), variant.get("variables") or {})
        for _, language, variant in cohorts.variants(revision.content_json, CHANNEL)
        if variant.get("template")
    ]
    there = known.named(session, account_id, [sid for _, sid, _ in used]) if used else {}
    for language, sid, variables in used:
        found = known.judge(there.get(sid), variables)
        if found is not None:
            return f"{found.code}: {sid} ({language}){_more(found)}"
    return None


def _more(found: Problem) -> str:
    if found.approval is not None:
        return f" is {found.approval}"
    return f" {', '.join(found.names)}" if found.names else ""


def account_of(session: Session, campaign: Campaign) -> UUID | None:
    """Return the account that a campaign's messages leave through; None for the operator's relay."""
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    return sender.account_id if sender is not None else None
