"""A studio's draft for SMS, WhatsApp or Telegram, with people who agreed to it."""

from typing import Any
from uuid import UUID

import make
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.campaigns import drafting
from domain.consent import service as consents
from kernel import db
from models import ContactPoint, Member, Sender
from tests.preview.studio import Studio

ADDRESSES = {"sms": "+4915112345{:03}", "whatsapp": "+4915112345{:03}", "telegram": "7000{:03}"}
TEXTS: dict[str, dict[str, Any]] = {
    "sms": {"text": "{greeting} {studio}: der {offer1_title} gilt bis {offer1_valid_until}. {cta_url}"},
    "whatsapp": {"text": "{greeting}\n\nder **{offer1_title}** kostet {offer1_price}. Mehr: {cta_url}"},
    "telegram": {
        "text": "{greeting}\n\nder {offer1_title} kostet {offer1_price}.",
        "button": {"label": "Platz sichern", "url": "cta_url"},
    },
}


def build(studio: Studio, channel: str, variant: dict[str, Any] | None = None) -> Studio:
    """Give the studio a campaign on that channel with a German draft, and return it with that campaign."""
    with db.tenant_session(studio.tenant_id) as session:
        sender = Sender(
            tenant_id=studio.tenant_id, channel=channel, from_name="Studio Lindenhof", from_address="Lindenhof",
            is_default=True, created_by=make.ACTOR,
        )  # fmt: skip
        session.add(sender)
        session.flush()
        for n, member_id in enumerate(_members(session)):
            address = ADDRESSES[channel].format(n)
            session.add(
                ContactPoint(
                    tenant_id=studio.tenant_id, member_id=member_id, channel=channel, address=address,
                    address_norm=address,
                )
            )  # fmt: skip
            session.flush()
            evidence = {"wording": "ja"}
            consents.record(
                session, member_id, channel=channel, purpose="marketing", state="granted", source="test",
                actor=make.ACTOR, evidence=evidence,
            )  # fmt: skip
        campaign = make.campaign(session, channel=channel, cta_url="https://www.lindenhof.example/comeback")
        content = {
            "form": "du",
            "offers": [str(studio.offer_id)],
            "cta_url": "https://www.lindenhof.example/comeback",
            "languages": {"de": {channel: variant or TEXTS[channel]}},
        }
        revision = drafting.write(session, campaign.id, content=content, parent_id=None, actor=make.ACTOR)
        return Studio(studio.tenant_id, campaign.id, revision.id, studio.offer_id, studio.user_id)


def _members(session: Session) -> list[UUID]:
    return list(session.execute(select(Member.id).order_by(Member.id).limit(12)).scalars())
