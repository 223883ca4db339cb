"""Preview links: a random token, stored hashed, bound to one content hash, expiring, revocable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.audit import service as audit
from domain.campaigns import cohorts, revisions
from domain.campaigns import service as campaigns
from kernel import clock, db
from kernel.errors import Gone, Invalid, NotFound
from kernel.settings import get_settings
from kernel.tokens import hash_token, new_token
from models import Campaign, Consent, CredentialIndex, Member, PreviewLink

LONGEST_HOURS = 14 * 24
MOST_DIFFERENT, MOST_PEOPLE = 6, 10
KIND = "preview"


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link just made; `token` is shown this once."""

    link: PreviewLink
    token: str

    @property
    def url(self) -> str:
        return f"{get_settings().base_url}/p/{self.token}"


def create(
    session: Session,
    campaign_id: UUID,
    *,
    actor: str,
    purpose: str = "approve",
    hours: int | None = None,
    token: str | None = None,
) -> NewLink:
    """Make a link to the current revision, with a token of 256 bits of the caller's or of our own.

    Raises NotFound where nothing is written, Invalid for a bad life.
    """
    hours = get_settings().preview_hours if hours is None else hours
    if not 1 <= hours <= LONGEST_HOURS:
        raise Invalid("hours", f"give 1 to {LONGEST_HOURS} hours")
    campaign = campaigns.get(session, campaign_id)
    revision = revisions.current(session, campaign)
    token = token or new_token()
    link = PreviewLink(
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        revision_id=revision.id,
        content_hash=revision.content_hash,
        token_hash=hash_token(token),
        purpose=purpose,
        member_ids=[
            str(member_id)
            for member_id in choose_people(session, campaign, list(_languages(revision)), content=revision.content_json)
        ],
        expires_at=_database_now(session) + timedelta(hours=hours),
        created_by=actor,
    )
    session.add(link)
    session.flush()
    session.add(CredentialIndex(hash=link.token_hash, tenant_id=link.tenant_id, kind=KIND, ref_id=link.id))
    audit.append(session, actor=actor, action="preview.create", subject=str(campaign.id), link=str(link.id))
    session.flush()
    return NewLink(link, token)


def _languages(revision: object) -> Sequence[str]:
    content: dict[str, dict[str, object]] = getattr(revision, "content_json", {})
    return list(content.get("languages", {}))


def _database_now(session: Session) -> datetime:
    instant: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return instant


def choose_people(
    session: Session, campaign: Campaign, languages: Sequence[str], *, content: Mapping[str, Any] | None = None
) -> list[UUID]:
    """Return up to ten members who differ and may be written to.

    Typical, each language, no name, longest name, no course; then, for a `content`, one of each of its largest cohorts.
    """
    chosen = selection.members_of(campaign.audience, tenant_id=campaign.tenant_id, session=session).subquery()
    reachable = exists().where(
        Consent.tenant_id == campaign.tenant_id,
        Consent.member_id == Member.id,
        Consent.channel == campaign.channel,
        Consent.purpose == "marketing",
        Consent.state == "granted",
    )
    base = select(Member.id).where(
        Member.tenant_id == campaign.tenant_id, Member.id.in_(select(chosen.c.id)), reachable
    )
    named = (func.coalesce(Member.first_name, "") != "") & (func.coalesce(Member.last_name, "") != "")
    wanted = [
        base.where(named).order_by(Member.id),
        base.where(func.coalesce(Member.first_name, "") == "").order_by(Member.id),
        base.where(named).order_by(func.length(Member.first_name + Member.last_name).desc(), Member.id),
        base.where(Member.favourite_course.is_(None)).order_by(Member.id),
    ]
    wanted[1:1] = [base.where(named, Member.language == language).order_by(Member.id) for language in languages]
    wanted = wanted[:MOST_DIFFERENT]
    people: list[UUID] = []
    for statement in wanted:
        _add(session, people, statement)
    for like in cohorts.members_like(content or {}):
        shown = session.execute(base.where(like, Member.id.in_(people)).limit(1)).scalar_one_or_none()
        if shown is None:
            _add(session, people, base.where(named, like).order_by(Member.id))
        if len(people) == MOST_PEOPLE:
            break
    return people


def _add(session: Session, people: list[UUID], statement: Select[UUID]) -> None:
    """Add the first of these members who is not among the people yet."""
    found = session.execute(statement.where(Member.id.not_in(people)).limit(1)).scalar_one_or_none()
    if found is not None:
        people.append(found)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a token leads, read before a tenant is known."""

    tenant_id: UUID
    link_id: UUID


def find(token: str) -> Found:
    """Return whose link this token is; raises NotFound, the same for every token that was never made."""
    with db.all_tenants_session("preview token") as session:
        row = session.get(CredentialIndex, hash_token(token))
        if row is None or row.kind != KIND:
            raise NotFound("preview")
        return Found(row.tenant_id, row.ref_id)


def open_link(session: Session, link_id: UUID) -> PreviewLink:
    """Return a link that may be looked at.

    Raises Gone with `reason` expired, superseded, withdrawn, rejected or revoked; expiry is in database time.
    """
    link = session.execute(
        select(PreviewLink).where(PreviewLink.tenant_id == db.tenant_of(session), PreviewLink.id == link_id)
    ).scalar_one_or_none()
    if link is None:
        raise NotFound("preview")
    if link.revoked_at is not None:
        reason = link.revoked_because or "revoked"
        raise Gone("This link is no longer valid. Ask for a new one.", code=f"link_{reason}", reason=reason)
    if link.expires_at <= _database_now(session):
        raise Gone("This link has expired. Ask for a new one.", code="link_expired", reason="expired")
    return link


def revoke(session: Session, campaign_id: UUID, link_id: UUID, *, actor: str) -> None:
    """End one link at once; raises NotFound."""
    link = session.execute(
        select(PreviewLink).where(
            PreviewLink.tenant_id == db.tenant_of(session),
            PreviewLink.campaign_id == campaign_id,
            PreviewLink.id == link_id,
        )
    ).scalar_one_or_none()
    if link is None:
        raise NotFound("preview link")
    if link.revoked_at is None:
        link.revoked_at, link.revoked_because = clock.now(), "revoked"
        audit.append(session, actor=actor, action="preview.revoke", subject=str(campaign_id), link=str(link.id))
    session.flush()


def follow(session: Session, link_id: UUID) -> NewLink:
    """Return a link to the current draft for the holder of a superseded one, with the rest of its life.

    Raises Gone when the link ended for another reason or is past its end.
    """
    link = session.execute(
        select(PreviewLink).where(PreviewLink.tenant_id == db.tenant_of(session), PreviewLink.id == link_id)
    ).scalar_one_or_none()
    if link is None:
        raise NotFound("preview")
    left = (link.expires_at - _database_now(session)).total_seconds() / 3600
    if link.revoked_because != "superseded" or left <= 0:
        raise Gone("This link is no longer valid. Ask for a new one.", code="link_expired", reason="expired")
    hours = max(1, min(LONGEST_HOURS, int(left)))
    return create(session, link.campaign_id, actor=f"link:{link.id}", purpose=link.purpose, hours=hours)
