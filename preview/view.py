"""What the approval page shows, as plain values."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.campaigns import frame, previews, queries, revisions
from domain.campaigns import service as campaigns
from domain.content import diff, slots
from domain.content.compile import RenderedEmail
from domain.content.member_values import MemberFacts
from domain.delivery import flight, render, rules
from domain.plans import catalog
from domain.plans import service as plans
from models import Campaign, DraftRevision, Member, PreviewLink, Review, Sender, Tenant

_EXCERPT = 220


@dataclass(frozen=True, slots=True)
class Person:
    """A member to look through the eyes of."""

    index: int
    name: str
    note: str
    language: str
    facts: MemberFacts


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement of the copy with what says so."""

    sentence: str
    kind: str
    sources: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Approval:
    """Everything on the page."""

    tenant: Tenant
    campaign: Campaign
    revision: DraftRevision
    link: PreviewLink
    state: str
    people: list[Person]
    person: Person
    language: str
    languages: list[str]
    mail: RenderedEmail
    sender: str
    audience: str
    flight: flight.FlightCheck
    reasons: list[tuple[str, int]]
    meter: plans.Meter | None
    blockers: list[dict[str, Any]]
    warnings: list[dict[str, Any]]
    waived: list[dict[str, Any]]
    claims: list[Claim]
    changes: list[tuple[str, diff.Words]]
    parent_n: int | None
    comments: Sequence[Review]
    decided: Review | None
    expires_at: datetime


def build(session: Session, link_id: UUID, *, member: int, language: str | None, page_language: str) -> Approval:
    """Read the page's values. Raises Gone for a link that is over."""
    link = previews.open_link(session, link_id)
    campaign = campaigns.get(session, link.campaign_id)
    revision = revisions.get(session, campaign.id, link.revision_id)
    tenant = session.get_one(Tenant, campaign.tenant_id)
    languages = list(revision.content_json["languages"])
    people = _people(session, link, languages, page_language)
    person = people[member] if 0 <= member < len(people) else people[0]
    chosen = language if language is not None and language in languages else person.language
    rendering = render.prepare(session, campaign, revision)
    checked = flight.check(session, campaign)
    waivers = revisions.waived(session, revision.id)
    blocking = revisions.open_blockers(session, revision)
    reviews = session.execute(queries.reviews(session, campaign.id).order_by(Review.id.desc())).scalars().all()
    parent = revisions.parent(session, revision)
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    return Approval(
        tenant=tenant,
        campaign=campaign,
        revision=revision,
        link=link,
        state=_state(campaign, revision),
        people=people,
        person=person,
        language=chosen,
        languages=languages,
        mail=rendering.preview(person.facts, chosen),
        sender=f"{sender.from_name} <{sender.from_address}>" if sender else "",
        audience=selection.sentence(campaign.audience, page_language),
        flight=checked,
        reasons=[(rules.sentence("skipped", r)[page_language], n) for r, n in checked.skipped.items()],
        meter=next((m for m in plans.meters(session) if m.limit is catalog.BROADCASTS), None),
        blockers=blocking,
        warnings=[f for f in revision.findings_json if f["severity"] != "block"],
        waived=[f for f in revision.findings_json if f["key"] in waivers],
        claims=_claims(revision, chosen),
        changes=diff.compare(parent.content_json, revision.content_json) if parent else [],
        parent_n=parent.n if parent else None,
        comments=[review for review in reviews if review.comment],
        decided=next(
            (r for r in reviews if r.revision_id == revision.id and r.verb != "comment" and not r.voided_at), None
        ),
        expires_at=link.expires_at,
    )


def _state(campaign: Campaign, revision: DraftRevision) -> str:
    if campaign.approval_hash is not None and campaign.approved_revision_id == revision.id:
        return "approved"
    if campaign.status == "ai_generating":
        return "writing"
    if campaign.status == "pending_review" and campaign.current_revision_id == revision.id:
        return "open"
    return "closed"


def _people(session: Session, link: PreviewLink, languages: list[str], page_language: str) -> list[Person]:
    ids = [UUID(member_id) for member_id in link.member_ids]
    rows = session.execute(select(Member).where(Member.tenant_id == link.tenant_id, Member.id.in_(ids))).scalars()
    by_id = {row.id: row for row in rows}
    people = []
    for index, member_id in enumerate(member_id for member_id in ids if member_id in by_id):
        facts = frame.member_facts(by_id[member_id])
        language = facts.language if facts.language in languages else languages[0]
        people.append(Person(index, _name(facts, page_language), _note(facts, page_language), str(language), facts))
    if not people:
        nobody = MemberFacts(id=UUID(int=0))
        people.append(Person(0, _name(nobody, page_language), "", languages[0], nobody))
    return people


def _name(facts: MemberFacts, language: str) -> str:
    name = " ".join(part for part in (facts.first_name, facts.last_name) if part)[:60]
    return name or {"de": "Ohne Namen", "en": "Without a name"}[language]


def _note(facts: MemberFacts, language: str) -> str:
    if not facts.first_name:
        return {"de": "Vorname fehlt", "en": "no first name"}[language]
    return (facts.language or "").upper()


def _claims(revision: DraftRevision, language: str) -> list[Claim]:
    sources = {source["id"]: source for source in revision.sources_json}
    found = []
    for claim in revision.claims_json:
        if claim.get("language", language) != language:
            continue
        cited = [sources[i] for i in claim.get("source_ids", []) if i in sources]
        found.append(
            Claim(
                _said(claim["sentence"], language),
                claim["kind"],
                [(source["title"], source["excerpt"][:_EXCERPT]) for source in cited],
            )
        )
    return found


def _said(sentence: str, language: str) -> str:
    """Return a claim as people read it: its slots named by their labels."""
    try:
        nodes = slots.parse(sentence)
    except slots.BadSlot:
        return sentence
    return "".join(_shown(node, language) for node in nodes)


def _shown(node: slots.Node, language: str) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, slots.Clause):
        return "".join(_shown(inner, language) for inner in node.nodes)
    slot = slots.REGISTRY[node.name]
    return f"[{slot.label_de if language == 'de' else slot.label_en}]"


def place(path: str, language: str) -> str:
    """Return where a finding or difference is, in words."""
    parts = path.split(".")
    names = {
        "de": {"subject": "Betreff", "preheader": "Vorschauzeile", "blocks": "Absatz"},
        "en": {"subject": "Subject", "preheader": "Preheader", "blocks": "Paragraph"},
    }[language]
    where = next((names[part] for part in parts if part in names), "")
    if "blocks" in parts:
        where += f" {int(parts[parts.index('blocks') + 1]) + 1}"
    known = parts[0].upper() if parts[0] in {"de", "en"} else ""
    return " · ".join(part for part in (known, where) if part)
