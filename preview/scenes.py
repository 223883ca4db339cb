"""The rows behind the page: one revision, the people it can be seen as, and who and what was chosen."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.campaigns import frame, revisions
from domain.campaigns import service as campaigns
from domain.content import blocks, cohorts, slots, versions
from domain.content.member_values import MemberFacts, usable_name
from domain.conversations import insights
from domain.delivery import reach, render, texts
from domain.identity import tenants
from kernel import clock
from models import Campaign, DraftRevision, Member, PreviewLink, Tenant
from preview import view

_NOBODY = MemberFacts(id=UUID(int=0))


@dataclass(frozen=True, slots=True)
class Scene:
    """The rows that every part of the page needs."""

    link: PreviewLink
    campaign: Campaign
    revision: DraftRevision
    tenant: Tenant
    members: tuple[MemberFacts, ...]
    languages: tuple[str, ...]
    fallback: str
    rendering: render.Rendering | None
    texts: texts.TextRendering | None


def read(session: Session, link: PreviewLink) -> Scene:
    """Read what a link shows; without a rendering where the content cannot be rendered."""
    campaign = campaigns.get(session, link.campaign_id)
    revision = revisions.get(session, campaign.id, link.revision_id)
    languages, fallback = reach.languages_of(session, campaign, revision.id)
    mails = written = None
    with suppress(blocks.BadContent, slots.BadSlot):
        if campaign.channel == "email":
            mails = render.prepare(session, campaign, revision)
        else:
            written = texts.prepare(session, campaign, revision)
    return Scene(
        link,
        campaign,
        revision,
        tenants.current(session),
        _members(session, link.member_ids, campaign, revision) or (_NOBODY,),
        tuple(languages),
        fallback,
        mails,
        written,
    )


def _members(
    session: Session, ids: Sequence[str], campaign: Campaign, revision: DraftRevision
) -> tuple[MemberFacts, ...]:
    wanted = [UUID(member_id) for member_id in ids]
    tenant_id = tenants.current(session).id
    rows = session.execute(select(Member).where(Member.tenant_id == tenant_id, Member.id.in_(wanted))).scalars()
    told = cohorts.rest_on_chats(revision.content_json)
    spoken = insights.spoken(session, wanted, campaign.channel) if told else {}
    found = {row.id: frame.member_facts(row, spoken.get(row.id, frozenset())) for row in rows}
    return tuple(found[member_id] for member_id in wanted if member_id in found)


def groups(scene: Scene) -> dict[str, view.Group]:
    """Return the groups of members that the draft has words of their own for, by id."""
    items = (scene.revision.content_json.get(cohorts.KEY) or {}).get("items", ())
    return {
        each["id"]: view.Group(each["stage"], each["interest"], each["size"], each.get("insight")) for each in items
    }


def chosen(scene: Scene, choices: view.Choices) -> tuple[MemberFacts, str]:
    """Return as whom, and in which language, the page is read: as asked, else the first person in their own."""
    member = next((each for each in scene.members if str(each.id) == choices.member), scene.members[0])
    own = member.language if member.language in scene.languages else scene.fallback
    return member, choices.lang if choices.lang in scene.languages else own


def number(scene: Scene, choices: view.Choices) -> int:
    """Return the number of the variant to show; A where the asked one is not in the draft."""
    asked = versions.number(choices.variant)
    return asked if 0 <= asked < versions.count(scene.revision.content_json) else 0


def person(scene: Scene, member: MemberFacts) -> view.Person:
    """Return a member with what makes them worth looking at, such as no name, the longest, another language."""
    if member is _NOBODY:
        return view.Person("", "", (), scene.fallback)
    name = _full_name(member)
    longest = max(len(_full_name(each)) for each in scene.members)
    notes = []
    if not usable_name(member.first_name):
        notes.append("unusable_name" if member.first_name else "no_name")
    if len(name) == longest and len(scene.members) > 1:
        notes.append("longest_name")
    if member.language in scene.languages and member.language != scene.fallback:
        notes.append("language")
    if not member.favourite_course and any(each.favourite_course for each in scene.members):
        notes.append("no_course")
    if not notes and member is scene.members[0]:
        notes.append("typical")
    language = member.language or scene.fallback
    group = cohorts.matcher(scene.revision.content_json).of(member, language, clock.now())
    return view.Person(str(member.id), name, tuple(notes), language, groups(scene).get(group or ""))


def _full_name(member: MemberFacts) -> str:
    return " ".join(part for part in (member.first_name, member.last_name) if part)
