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
    member_ids: Sequence[UUID] = (),
    after: PreviewLink | None = None,
) -> NewLink:
    """Make a link to the current revision, with a token of 256 bits of the caller's or of our own.

    It shows the people of `member_ids` first, then who was picked for the link `after` which it comes, then the typical
    ones; ten at most. Raises NotFound where nothing is written, Invalid for a bad life and for people who would not
    get the campaign.
    """
    hours = get_settings().preview_hours if hours is None else hours
    if not 1 <= hours <= LONGEST_HOURS:
        raise Invalid("hours", f"give 1 to {LONGEST_HOURS} hours")
    campaign = campaigns.get(session, campaign_id)
    revision = revisions.current(session, campaign)
    token = token or new_token()
    asked = _reachable(session, campaign, member_ids)
    if strangers := [str(member_id) for member_id in member_ids if member_id not in asked]:
        raise Invalid("member_ids", f"not in the audience, or not to be written to: {', '.join(strangers)}")
    typical = choose_people(session, campaign, list(_languages(revision)), content=revision.content_json)
    before = [UUID(shown) for shown in after.member_ids] if after is not None else []
    picked = [each for each in _reachable(session, campaign, before) if each not in typical]
    link = PreviewLink(
        tenant_id=campaign.tenant_id,
        campaign_id=campaign.id,
        revision_id=revision.id,
        content_hash=revision.content_hash,
        token_hash=hash_token(token),
        purpose=purpose,
        member_ids=[str(member_id) for member_id in dict.fromkeys([*asked, *picked, *typical])][:MOST_PEOPLE],
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
    base = _writable(session, campaign)
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


def _writable(session: Session, campaign: Campaign) -> Select[UUID]:
    """Return the ids of a campaign's audience who agreed to its channel."""
    chosen = selection.members_of(campaign.audience, tenant_id=campaign.tenant_id, session=session).subquery()
    reachable = exists().where(
        Consent.tenant_id == campaign.tenant_id,
        Consent.member_id == Member.id,
        Consent.channel == campaign.channel,
        Consent.purpose == "marketing",
        Consent.state == "granted",
    )
    return select(Member.id).where(
        Member.tenant_id == campaign.tenant_id, Member.id.in_(select(chosen.c.id)), reachable
    )


def _reachable(session: Session, campaign: Campaign, member_ids: Sequence[UUID]) -> list[UUID]:
    """Return those of the ids who may be written to, in the order given."""
    if not member_ids:
        return []
    found = set(session.execute(_writable(session, campaign).where(Member.id.in_(member_ids))).scalars())
    return [member_id for member_id in dict.fromkeys(member_ids) if member_id in found]


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
