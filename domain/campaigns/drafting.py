"""Writing a draft by hand: the same checks and the same chain as the agent's drafts."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from domain.campaigns import frame, revisions
from domain.campaigns import service as campaigns
from domain.content import checks
from domain.knowledge import service as knowledge
from domain.knowledge import sources
from kernel.errors import Conflict, Invalid
from models import DraftRevision

_KEYS = {"form", "offers", "cta_url", "languages"}


def write(
    session: Session, campaign_id: UUID, *, content: dict[str, Any], parent_id: UUID | None, actor: str
) -> DraftRevision:
    """Store a person's draft as the next revision, with its findings.

    Raises Invalid for a content that has not the shape of one, Conflict when `parent_id` is not the current draft.
    """
    campaign = campaigns.lock(session, campaign_id)
    if campaign.current_revision_id != parent_id:
        raise Conflict("There is a newer draft. Load it and write on that one.", code="superseded")
    unknown = sorted(set(content) - _KEYS)
    if unknown or not isinstance(content.get("languages"), dict) or not content["languages"]:
        raise Invalid("content", f"holds {', '.join(sorted(_KEYS))}, with at least one language")
    offers = [knowledge.get_offer(session, UUID(str(offer_id))) for offer_id in content.get("offers", [])]
    whole = {
        "v": 1,
        "origin": "human",
        "form": content.get("form", "du"),
        "offers": [str(offer.id) for offer in offers],
        "cta_url": content.get("cta_url") or campaign.cta_url or "",
        "languages": content["languages"],
    }
    pinned = [sources.of_offer(offer).as_json() for offer in offers]
    found = checks.check_revision(whole, frame.material(session, campaign, whole, pinned))
    return revisions.store(
        session,
        campaign.id,
        content_json=whole,
        origin="human",
        author=actor,
        parent_id=parent_id,
        sources=pinned,
        claims=[],
        findings=[finding.as_json() for finding in found],
    )
