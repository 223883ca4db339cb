"""A studio with an audience, offers and a draft in two languages, made by the services that people use."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import make
from sqlalchemy import text

from domain.audience import selection
from domain.campaigns import drafting, previews, revisions
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.experiments import drafts as variants
from domain.experiments.rules import Settings
from domain.identity import service as identity
from domain.identity import tenants
from domain.knowledge import service as knowledge
from domain.knowledge import sources
from kernel import clock, db
from models import DraftRevision

PEOPLE = (
    {"email": "jana@mail.example", "first_name": "Jana", "last_name": "Albers", "favourite_course": "Rücken-Fit"},
    {"email": "joerg@mail.example", "first_name": "Jörg", "last_name": "Müller-Lüdenscheidt von Hohenstein"},
    {"email": "ohne@mail.example", "last_name": "Yılmaz", "favourite_course": "Yoga"},
    {"email": "amelia@mail.example", "first_name": "Amelia", "last_name": "Hughes", "language": "en",
     "favourite_course": "Pilates"},
)  # fmt: skip


@dataclass(frozen=True)
class Studio:
    tenant_id: UUID
    campaign_id: UUID
    revision_id: UUID
    offer_id: UUID
    user_id: UUID


def content(offer_id: UUID, **changes: Any) -> dict[str, Any]:
    german = {
        "subject": "{?first_name: {first_name}, }dein Comeback-Monat für 29 €",
        "preheader": "Rücken-Fit, Yoga und Geräte: vier Wochen alles, ohne dass du etwas kündigen musst.",
        "blocks": [
            {"type": "heading", "text": "Schön, wenn du wiederkommst"},
            {"type": "paragraph", "text": "{greeting}"},
            {
                "type": "paragraph",
                "text": "{?days_since_visit: dein letzter Besuch ist **{days_since_visit} Tage** her. }"
                "Deshalb halten wir dir einen Platz frei{?favourite_course:  in {favourite_course}}.",
            },
            {"type": "offer_card", "offer": 1},
            {"type": "bullets", "items": ["alle Kurse und Geräte", "keine Kündigung nötig", "Start an jedem Tag"]},
            {"type": "button", "label": "Platz sichern", "url": "cta_url"},
            {"type": "paragraph", "text": "Der {offer1_title} kostet {offer1_price} und endet von selbst."},
            {"type": "signature", "text": "Bis bald\n{sender_name}"},
        ],
        "claims": [
            {
                "sentence": "Der {offer1_title} kostet {offer1_price} und endet von selbst.",
                "kind": "price",
                "source_ids": [str(offer_id)],
            }
        ],
    }
    english = {
        "subject": "{?first_name: {first_name}, }your comeback month for €29",
        "preheader": "Back training, yoga and the gym floor: four weeks of everything, and nothing to cancel.",
        "blocks": [
            {"type": "heading", "text": "Good to have you back"},
            {"type": "paragraph", "text": "{greeting}"},
            {"type": "paragraph", "text": "we keep a place for you{?favourite_course:  in {favourite_course}}."},
            {"type": "offer_card", "offer": 1},
            {"type": "button", "label": "Keep my place", "url": "cta_url"},
            {"type": "signature", "text": "See you soon\n{sender_name}"},
        ],
        "claims": [
            {
                "sentence": "{?first_name: {first_name}, }your comeback month for €29",
                "kind": "price",
                "source_ids": [str(offer_id)],
            }
        ],
    }
    languages = {"de": {"email": german | changes}, "en": {"email": english}}
    return {
        "form": "du",
        "offers": [str(offer_id)],
        "cta_url": "https://www.lindenhof.example/comeback",
        "languages": languages,
    }


def build(tenant_id: UUID, *, more_people: int = 20, scheduled: bool = True) -> Studio:
    """Make everything up to a draft that waits for its approval."""
    with db.tenant_session(tenant_id) as session:
        tenant = tenants.current(session)
        tenant.name, tenant.brand_colour = "Studio Lindenhof", "#1e7d4f"
        session.execute(text("UPDATE tenant SET quiet_from = '00:00', quiet_until = '00:00'"))
        make.sender(session, "hallo@lindenhof.example")
        user = identity.add_user(
            session,
            name="Mara Krämer",
            email=f"mara-{tenant_id.hex[-8:]}@lindenhof.example",
            role=identity.Role.APPROVER,
            password=None,
            actor=make.ACTOR,
        )
        _people(session, more_people)
        offer = knowledge.store_offer(
            session,
            actor=make.ACTOR,
            key="comeback",
            title="Comeback-Monat",
            description="Vier Wochen alle Kurse und Geräte",
            price_minor=2_900,
            old_price_minor=5_900,
            currency="EUR",
            valid_until=date(2099, 12, 31),
            terms="einmalig, endet von selbst",
        )
        at = (clock.now() + timedelta(days=2)).strftime("%Y-%m-%dT18:00")
        campaign = make.campaign(
            session,
            audience_definition={"kind": "all_members"},
            goal="Reaktiviere Mitglieder, die länger nicht da waren. Freundlich, kein Druck.",
            cta_url="https://www.lindenhof.example/comeback",
            schedule={"at": at, "time_zone": "Europe/Berlin"} if scheduled else None,
        )
        campaign.name = "Comeback im Herbst"
        revision = drafting.write(
            session, campaign.id, content=content(offer.id), parent_id=None, actor=f"user:{user.id}"
        )
        return Studio(tenant_id, campaign.id, revision.id, offer.id, user.id)


def _people(session: Any, more: int) -> None:
    for n, person in enumerate(PEOPLE):
        fields = dict(person)
        address = fields.pop("email")
        make.member(session, address, last_visit_at=clock.now() - timedelta(days=40 + n), **fields)
    for n in range(more):
        make.member(session, f"m{n}@mail.example", first_name="Kim", last_name="Noack", favourite_course="Yoga")
    make.member(
        session, "nein@mail.example", consent=False, first_name="Nora", last_name="Nein", favourite_course="Yoga"
    )
    make.member(session, None, first_name="Otto", last_name="Ohne", favourite_course="Yoga")
    make.member(session, "weg@mail.example", first_name="Wim", last_name="Weg", favourite_course="Yoga")
    consents.suppress(
        session, channel="email", address_norm="weg@mail.example", reason="unsubscribed", source="t", actor="t"
    )


def link(studio: Studio, **options: Any) -> str:
    """Return the token of a new preview link."""
    with db.tenant_session(studio.tenant_id) as session:
        return previews.create(session, studio.campaign_id, actor=f"user:{studio.user_id}", **options).token


def rewrite(studio: Studio, **changes: Any) -> DraftRevision:
    """Store the next revision, as the agent would after a request for changes."""
    findings = changes.pop("findings", [])
    with db.tenant_session(studio.tenant_id) as session:
        campaign = campaigns.get(session, studio.campaign_id)
        offer = knowledge.get_offer(session, studio.offer_id)
        whole = content(studio.offer_id, **changes) | {"v": 1, "origin": "model"}
        return revisions.store(
            session,
            campaign.id,
            content_json=whole,
            origin="model",
            author="agent:test",
            parent_id=campaign.current_revision_id,
            sources=[sources.of_offer(offer).as_json()],
            claims=[{"language": "de", **claim} for claim in whole["languages"]["de"]["email"]["claims"]],
            findings=findings,
        )


def compare(studio: Studio, subject: str = "Ein anderer Betreff") -> DraftRevision:
    """Store the next revision, which compares the draft with another subject in every language."""
    with db.tenant_session(studio.tenant_id) as session:
        campaign = campaigns.get(session, studio.campaign_id)
        languages = revisions.current(session, campaign).content_json["languages"]
        other = {"languages": {language: {"email": {"subject": subject}} for language in languages}}
        chosen = Settings(weights=(1, 1), test_percent=40)
        return variants.write(
            session, campaign.id, variants=[other], settings=chosen, parent_id=None, actor="user:test"
        )


def audience_size(studio: Studio) -> int:
    with db.tenant_session(studio.tenant_id) as session:
        return selection.count(session, campaigns.get(session, studio.campaign_id).audience)
