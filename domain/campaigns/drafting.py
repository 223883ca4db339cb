"""Writing a draft by hand: the same checks and the same chain as the agent's drafts."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from domain.campaigns import frame, revisions
from domain.campaigns import service as campaigns
from domain.content import checks, cohorts, lines, slots, texts, versions
from domain.knowledge import service as knowledge
from domain.knowledge import sources
from kernel.errors import Conflict, Invalid
from models import DraftRevision

_KEYS = {"form", "offers", "cta_url", "languages"}
_FORMS = ("du", "sie")
_LANGUAGES = ("de", "en")
_CHANNELS = (checks.EMAIL, *texts.CHANNELS)


def write(
    session: Session, campaign_id: UUID, *, content: dict[str, Any], parent_id: UUID | None, actor: str
) -> DraftRevision:
    """Store a person's draft as the next revision, with its findings.

    Raises Invalid for a content that has not the shape of one, Conflict when `parent_id` is not the current draft.
    """
    campaign = campaigns.lock(session, campaign_id)
    if campaign.current_revision_id != parent_id:
        raise Conflict("There is a newer draft. Load it and write on that one.", code="superseded")
    _shape(content, campaign.channel)
    offers = [knowledge.get_offer(session, offer_id) for offer_id in _ids(content.get("offers", []))]
    whole = {
        "v": 1,
        "origin": "human",
        "form": content.get("form", "du"),
        "offers": [str(offer.id) for offer in offers],
        "cta_url": content.get("cta_url") or campaign.cta_url or "",
        "languages": content["languages"],
    }
    pinned = [sources.of_offer(offer).as_json() for offer in offers]
    parent = revisions.get(session, campaign.id, parent_id) if parent_id else None
    carried = cohorts.carried(parent.content_json, whole, campaign.channel) if parent else None
    if carried is not None:
        whole[cohorts.KEY] = carried
    said = lines.carried(parent.content_json, whole, campaign.channel) if parent else None
    if said is not None:
        whole[lines.KEY] = said
    if parent is not None and versions.KEY in parent.content_json:
        whole[versions.KEY] = parent.content_json[versions.KEY]
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
        plan=parent.plan_json if parent else None,
    )


def _shape(content: dict[str, Any], channel: str) -> None:
    """Refuse what could not be read back; what can be read is judged by the checks."""
    unknown = sorted(set(content) - _KEYS)
    languages = content.get("languages")
    if unknown or not isinstance(languages, dict) or not languages:
        raise Invalid("content", f"holds {', '.join(sorted(_KEYS))}, with at least one language")
    if content.get("form", "du") not in _FORMS:
        raise Invalid("content.form", f"is one of {', '.join(_FORMS)}")
    target = content.get("cta_url") or ""
    if not isinstance(target, str) or (target and not target.startswith(("https://", "http://"))):
        raise Invalid("content.cta_url", "is an address that starts with https://")
    for language, channels in languages.items():
        place = f"content.languages.{language}"
        if language not in _LANGUAGES:
            raise Invalid(place, f"is none of {', '.join(_LANGUAGES)}")
        if not isinstance(channels, dict) or not isinstance(channels.get(channel), dict):
            raise Invalid(f"{place}.{channel}", f"is missing: the campaign is for {channel}")
        for name, variant in channels.items():
            if name not in _CHANNELS or not isinstance(variant, dict):
                raise Invalid(f"{place}.{name}", f"channels are {', '.join(_CHANNELS)}, each with its fields")


def _ids(offers: object) -> list[UUID]:
    if not isinstance(offers, list) or len(offers) > slots.OFFERS:
        raise Invalid("content.offers", f"is a list of at most {slots.OFFERS} offers")
    try:
        return [UUID(str(offer_id)) for offer_id in offers]
    except ValueError:
        raise Invalid("content.offers", "holds ids of offers; list them at /api/v1/offers") from None
