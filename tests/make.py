"""Rows for tests, made by the same services that people use."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from domain.audience import service as audience
from domain.campaigns import drafting, reviews
from domain.campaigns import service as campaigns
from domain.campaigns.reviews import Decision
from domain.consent import service as consents
from domain.identity import tenants
from models import Campaign, DraftRevision, Member

ACTOR = "user:test"


def sender(session: Session, address: str = "hallo@studio.example") -> None:
    tenants.add_sender(
        session, from_name="Studio Alpha", from_address=address, reply_to=None, is_default=True, actor=ACTOR
    )


def member(
    session: Session, email: str | None, *, consent: bool = True, tracking: bool = False, **fields: Any
) -> Member:
    made = audience.create(session, actor=ACTOR, contact={"email": email} if email else {}, **fields)
    for purpose in (["marketing"] if consent else []) + (["tracking"] if tracking else []):
        consents.record(
            session,
            made.id,
            channel="email",
            purpose=purpose,
            state="granted",
            source="test",
            actor=ACTOR,
            evidence={"wording": "ja"},
        )
    return made


def email(**fields: Any) -> dict[str, Any]:
    content = {
        "subject": "{?first_name: {first_name}, }dein Platz ist frei",
        "preheader": "Komm wieder vorbei, wir haben einen Platz für dich freigehalten.",
        "blocks": [
            {"type": "paragraph", "text": "{greeting}"},
            {"type": "paragraph", "text": "wir würden uns freuen, dich wieder bei uns zu sehen."},
            {"type": "button", "label": "Platz sichern", "url": "cta_url"},
            {"type": "signature", "text": "Bis bald\n{sender_name}"},
        ],
        "claims": [],
    }
    return content | fields


def draft_content(languages: Sequence[str] = ("de",), **fields: Any) -> dict[str, Any]:
    content = {
        "form": "du",
        "offers": [],
        "cta_url": "https://www.studio.example/kurse?a=1&b=2",
        "languages": {language: {"email": email()} for language in languages},
    }
    return content | fields


def campaign(session: Session, *, audience_definition: dict[str, Any] | None = None, **fields: Any) -> Campaign:
    definition = audience_definition or {"kind": "all_members"}
    return campaigns.create(session, actor=ACTOR, name="Herbst", audience=definition, **fields)


def drafted(session: Session, **fields: Any) -> tuple[Campaign, DraftRevision]:
    made = campaign(session, **fields)
    revision = drafting.write(session, made.id, content=draft_content(), parent_id=None, actor=ACTOR)
    return campaigns.get(session, made.id), revision


def approve(session: Session, campaign_id: UUID, revision: DraftRevision) -> Campaign:
    decision = Decision(actor=ACTOR, name="Mara", revision_id=revision.id, content_hash=revision.content_hash)
    return reviews.approve(session, campaign_id, decision)


def started(session: Session, **fields: Any) -> Campaign:
    """A campaign that is written, approved and started."""
    made, revision = drafted(session, **fields)
    approve(session, made.id, revision)
    return campaigns.start(session, made.id, actor=ACTOR)
