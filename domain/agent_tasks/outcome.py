"""What came out of a task: the draft of each of its campaigns, its findings, audience and time."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from domain.agent_tasks import actions
from domain.agent_tasks.standing import Seen
from domain.audience import selection
from domain.campaigns import revisions
from kernel.settings import get_settings
from models import AgentTask, Campaign, DraftRevision

_LONGEST_SUMMARY = 600
_MOST_FINDINGS = 20


def result(session: Session, task: AgentTask, found: Sequence[Seen]) -> dict[str, Any]:
    """Return what came out: of one campaign flat, of several what they share and each for itself."""
    told = dict(task.result or {})
    if "preview_expires_at" in told:
        told["preview_url"] = f"{get_settings().base_url}/p/{actions.preview_token(task)}"
    if len(found) > 1:
        each = [_of_part(session, seen) for seen in found]
        return told | {"audience_count": each[0].get("audience_count"), "campaigns": each}
    shown = UUID(told["campaign_id"]) if "campaign_id" in told else None
    campaign = session.get(Campaign, shown) if shown else found[0].part.campaign if found else None
    return told | _of_campaign(session, campaign) if campaign is not None else told


def _of_part(session: Session, seen: Seen) -> dict[str, Any]:
    said = {
        "channel": seen.part.channel,
        "state": seen.part.state,
        "status_message": seen.message,
        "stage": seen.stage,
        "percent": seen.percent,
    }
    return said | (_of_campaign(session, seen.part.campaign) if seen.part.campaign else {})


def _of_campaign(session: Session, campaign: Campaign) -> dict[str, Any]:
    said: dict[str, Any] = {
        "campaign_id": str(campaign.id),
        "campaign_status": campaign.status,
        "channel": campaign.channel,
        "audience_count": campaign.approved_count or selection.count(session, campaign.audience),
        "proposed_schedule": campaign.schedule,
    }
    if campaign.current_revision_id is None:
        return said
    revision = revisions.current(session, campaign)
    return said | {
        "revision_id": str(revision.id),
        "revision": revision.n,
        "content_hash": revision.content_hash,
        "summary": summary(revision, campaign.channel),
        "findings": [
            {key: finding.get(key) for key in ("code", "severity", "path", "reason_de", "reason_en")}
            for finding in revision.findings_json[:_MOST_FINDINGS]
        ],
    }


def summary(revision: DraftRevision, channel: str) -> str:
    """Return the beginning of what the draft says, at most 600 characters."""
    parts = []
    for language, variants in revision.content_json.get("languages", {}).items():
        variant = variants.get(channel, {})
        words = [variant.get("subject"), variant.get("preheader"), variant.get("text")]
        words += [block.get("text") for block in variant.get("blocks", []) if block.get("type") == "paragraph"]
        parts.append(f"[{language}] " + " – ".join(word.strip() for word in words if isinstance(word, str)))
    text = " ".join(" ".join(parts).split())
    return text if len(text) <= _LONGEST_SUMMARY else text[: _LONGEST_SUMMARY - 1] + "…"
