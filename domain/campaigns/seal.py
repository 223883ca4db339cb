"""The seal of an approval: a hash over everything that decides what is sent, to whom, when, by whom and for how much.

The same function makes it at approval and checks it before every slice that is sent, from the rows as they are.
"""

import hashlib
import json
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.knowledge import sources
from kernel import db
from models import Campaign, DraftRevision, Sender, Tenant

VERSION = 1


def canonical(value: Any) -> str:
    """Return the one JSON text of a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def content_hash(content_json: dict[str, Any]) -> str:
    """Return the hash by which people approve a content."""
    return digest(content_json)


def seal_of(session: Session, campaign: Campaign, revision_id: UUID | None = None) -> str:
    """Return the seal over the campaign as its rows say now, with the revision that is, or will be, approved."""
    revision = session.get(DraftRevision, revision_id or campaign.approved_revision_id or campaign.current_revision_id)
    return digest(
        {
            "v": VERSION,
            "campaign": campaign.id,
            "channel": campaign.channel,
            "content": revision.content_json if revision else None,
            "sources": sources.current_hashes(session, revision.sources_json if revision else []),
            "audience": selection.read(campaign.audience).as_json() | _segments(session, campaign),
            "audience_count": campaign.approved_count,
            "schedule": campaign.schedule,
            "sender": _sender(session, campaign),
            "cost_ceiling": campaign.cost_ceiling_minor,
            "cta_url": campaign.cta_url,
            "layout": _layout(session),
        }
    )


def _segments(session: Session, campaign: Campaign) -> dict[str, Any]:
    rules = selection.fingerprints(session, campaign.audience)
    return {"segment_rules": rules} if rules else {}


def _sender(session: Session, campaign: Campaign) -> list[str | None]:
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    return [sender.from_name, sender.from_address, sender.reply_to] if sender else []


def _layout(session: Session) -> list[str | None]:
    tenant = session.execute(select(Tenant).where(Tenant.id == db.tenant_of(session))).scalar_one()
    return [tenant.name, tenant.postal_address, tenant.imprint_url, tenant.website, tenant.brand_colour]
