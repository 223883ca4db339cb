"""Place the words into the channel's blocks: greeting, text, offer, one button, sign-off."""

from typing import Any

from langgraph.runtime import Runtime

from agents.campaign.context import Context
from agents.campaign.replies import CampaignBase, Copy, TextBase
from agents.campaign.state import State
from domain.campaigns import service as campaigns
from domain.knowledge import service as knowledge
from models import Tenant


def adapt(state: State, runtime: Runtime[Context]) -> dict[str, Any]:
    context = runtime.context
    plan = state["plan"]
    with context.open_session() as session:
        campaign = campaigns.get(session, context.campaign_id)
        tenant = session.get_one(Tenant, context.tenant_id)
        urls = {str(offer.id): offer.url for offer in knowledge.valid_offers(session)}
        target = campaign.cta_url or next((urls.get(i) for i in plan.offer_ids if urls.get(i)), None) or tenant.website
    parts = state["parts"] | state.get("mended", {})
    languages = {
        language: {state["channel"]: _variant(copy, state["channel"], has_offer=bool(plan.offer_ids), target=target)}
        for language, copy in parts.items()
    }
    content = {
        "v": 1,
        "origin": context.writer.name,
        "form": state["style"].form,
        "style": state["style"].as_json(),
        "offers": plan.offer_ids,
        "cta_url": target or "",
        "languages": {language: languages[language] for language in state["languages"] if language in languages},
    }
    claims = [{"language": language, **claim.model_dump()} for language, copy in parts.items() for claim in copy.claims]
    return {"content": content, "claims": claims}


def _variant(copy: Copy, channel: str, *, has_offer: bool, target: str | None) -> dict[str, Any]:
    if isinstance(copy, CampaignBase):
        return email_blocks(copy, has_offer=has_offer, has_target=bool(target))
    return message(copy, channel, has_target=bool(target))


def message(copy: TextBase, channel: str, *, has_target: bool) -> dict[str, Any]:
    """Return the variant of a text: sender and greeting before the words, one link behind them."""
    if channel == "sms":
        text = f"{{studio}}: {{greeting}} {copy.text}" + (" {cta_url}" if has_target else "")
    else:
        link = f"\n\n{copy.cta_label}: {{cta_url}}" if has_target else ""
        text = f"{{greeting}}\n\n{copy.text}{link}\n\n{{sender_name}}"
    return {"text": text, "claims": [claim.model_dump() for claim in copy.claims]}


def email_blocks(copy: CampaignBase, *, has_offer: bool, has_target: bool) -> dict[str, Any]:
    """Return the e-mail variant of a copy."""
    words = copy.email
    blocks: list[dict[str, Any]] = [{"type": "paragraph", "text": "{greeting}"}]
    blocks += [{"type": "paragraph", "text": text} for text in words.paragraphs]
    if words.bullets:
        blocks.append({"type": "bullets", "items": words.bullets})
    if has_offer:
        blocks.append({"type": "offer_card", "offer": 1})
    if has_target:
        blocks.append({"type": "button", "label": words.cta_label, "url": "cta_url"})
    blocks.append({"type": "signature", "text": words.sign_off})
    return {
        "subject": words.subject,
        "preheader": words.preheader,
        "blocks": blocks,
        "claims": [claim.model_dump() for claim in copy.claims],
    }
