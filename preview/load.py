"""From rows to the view model: one revision, one reader, one chosen recipient."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.campaigns import frame, hold_reasons, queries, revisions
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.consent.service import CHANNELS
from domain.content import blocks, cohorts, diff, lines, places, slots, versions
from domain.content import compile as compiling
from domain.content.member_values import MemberFacts, usable_name
from domain.conversations import insights
from domain.delivery import flight, materialise, render, rules, texts
from domain.identity import tenants
from domain.plans import catalog
from domain.plans import service as plans
from kernel import clock, tokens
from kernel.settings import get_settings
from models import AppUser, Campaign, DraftRevision, Member, PreviewLink, Review, Sender, Tenant
from preview import chats, mailframe, view

_MOST_REMARKS = 100
_PARTS = frozenset({"subject", "preheader", "text", "button"})
_NOBODY = MemberFacts(id=UUID(int=0))
_AFTER_APPROVAL = frozenset(
    {Status.APPROVED, Status.SCHEDULED, Status.SENDING, Status.PAUSED, Status.HELD, Status.SENT, Status.FAILED}
)


@dataclass(frozen=True, slots=True)
class _Scene:
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


def csrf_of(token: str) -> str:
    """Return the CSRF token of a link's forms."""
    return tokens.mac(get_settings().secret_key.get_secret_value().encode(), "preview-csrf", token)


def tenant_of(session: Session) -> Tenant:
    return tenants.current(session)


def any_link(session: Session, link_id: UUID) -> PreviewLink | None:
    """Return a link whatever became of it."""
    return session.execute(
        select(PreviewLink).where(PreviewLink.tenant_id == tenants.current(session).id, PreviewLink.id == link_id)
    ).scalar_one_or_none()


def _scene(session: Session, link: PreviewLink) -> _Scene:
    campaign = campaigns.get(session, link.campaign_id)
    revision = revisions.get(session, campaign.id, link.revision_id)
    languages, fallback = materialise.languages_of(session, campaign, revision.id)
    mails = written = None
    with suppress(blocks.BadContent, slots.BadSlot):
        if campaign.channel == "email":
            mails = render.prepare(session, campaign, revision)
        else:
            written = texts.prepare(session, campaign, revision)
    return _Scene(
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


def approval(
    session: Session,
    link: PreviewLink,
    token: str,
    choices: view.Choices,
    *,
    language: str,
    typed: view.Typed = view.Typed(),  # noqa: B008 - frozen
    error: str | None = None,
) -> view.ApprovalPage:
    """Return everything that the approval page shows. `language` is that of the page."""
    scene = _scene(session, link)
    member, lang = _chosen(scene, choices)
    number = _number(scene, choices)
    state = _state(scene)
    send = _send_facts(session, scene, language)
    state_of_run = _progress(session, scene) if state == "working" else None
    findings = _findings(session, scene, language)
    remarks = _remarks(session, scene.campaign)
    return view.ApprovalPage(
        token=token,
        csrf=csrf_of(token),
        content_hash=scene.revision.content_hash,
        tenant=scene.tenant.name,
        campaign=scene.campaign.name,
        asked_by=_name_of(session, link.created_by) or scene.tenant.name,
        revision=scene.revision.n,
        expires_at=link.expires_at,
        state=state,
        status=scene.campaign.status,
        people=tuple(_person(scene, each) for each in scene.members),
        shown=_person(scene, member),
        languages=scene.languages,
        choices=choices,
        mail=_mail(scene, member, lang, number),
        claims=_claims(session, scene, member, lang, number),
        findings=findings,
        send=send,
        remarks=remarks,
        difference=_difference(session, scene, member, remarks),
        origin=view.Origin(str(scene.revision.origin), scene.campaign.goal),
        obstacles=_obstacles(scene, send, findings, state),
        typed=typed,
        error=error,
        bubble=chats.bubble(scene.texts, scene.campaign, member, lang, number) if scene.texts else None,
        spots=_spots(session, scene, member, lang) if state == "open" and number == 0 else (),
        progress=state_of_run,
        lines=_lines(scene, member, lang),
        held_because=hold_reasons.sentence(scene.campaign.hold_reason)[language]
        if scene.campaign.status == Status.HELD
        else "",
        variants=tuple(versions.letter(n) for n in range(versions.count(scene.revision.content_json))),
        variant=versions.letter(number),
    )


def _progress(session: Session, scene: _Scene) -> view.Progress:
    seen = queries.last_run(session, scene.campaign.id)
    return view.Progress(seen.percent, seen.stage or "") if seen else view.Progress(0, "")


def _spots(session: Session, scene: _Scene, member: MemberFacts, lang: str) -> tuple[view.Spot, ...]:
    """Return the texts that the shown person gets in this language, in reading order."""
    values = _values(session, scene, member, lang)
    own = cohorts.matcher(scene.revision.content_json).of(member, lang, clock.now())
    try:
        known = places.texts(scene.revision.content_json, scene.campaign.channel)
    except (KeyError, TypeError):
        return ()
    mine = {places.read(path).field for path in known if places.read(path).cohort == own and own}
    return tuple(
        view.Spot(path, place, " ".join(_spoken(text, values).split()))
        for path, text in known.items()
        if (spot := places.read(path)).language == lang
        and (spot.cohort == own if spot.field in mine else not spot.cohort)
        and (place := place_of(path, _groups(scene))) is not None
    )


def _groups(scene: _Scene) -> dict[str, view.Group]:
    items = (scene.revision.content_json.get(cohorts.KEY) or {}).get("items", ())
    return {
        each["id"]: view.Group(each["stage"], each["interest"], each["size"], each.get("insight")) for each in items
    }


def _lines(scene: _Scene, member: MemberFacts, lang: str) -> tuple[view.Line, ...]:
    """Return the personal lines of a language, those for most members first."""
    content = scene.revision.content_json
    mine = lines.reader(content).of(member.insights, lang)
    found = sorted(lines.of_language(content, lang), key=lambda each: -each.get("size", 0))
    return tuple(
        view.Line(lang, each["text"], tuple(each["insights"]), each.get("size", 0), mine=each["text"] == mine)
        for each in found
    )


def mail_html(session: Session, link: PreviewLink, choices: view.Choices) -> tuple[str, str]:
    """Return the message for the frame and its language; empty where the content cannot be rendered."""
    scene = _scene(session, link)
    member, lang = _chosen(scene, choices)
    if scene.rendering is None:
        return "", lang
    number = _number(scene, choices)
    page = scene.rendering.preview(member, lang, number).html
    claims = _claims(session, scene, member, lang, number) if choices.facts else ()
    return mailframe.dress(page, dark=choices.dark, claims=claims), lang


def _chosen(scene: _Scene, choices: view.Choices) -> tuple[MemberFacts, str]:
    member = next((each for each in scene.members if str(each.id) == choices.member), scene.members[0])
    own = member.language if member.language in scene.languages else scene.fallback
    return member, choices.lang if choices.lang in scene.languages else own


def _number(scene: _Scene, choices: view.Choices) -> int:
    """Return the number of the variant to show; A where the asked one is not in the draft."""
    asked = versions.number(choices.variant)
    return asked if 0 <= asked < versions.count(scene.revision.content_json) else 0


def _state(scene: _Scene) -> str:
    status = Status(scene.campaign.status)
    if scene.link.revoked_because == "rejected":
        return "rejected"
    if status in _AFTER_APPROVAL and scene.campaign.approved_revision_id == scene.revision.id:
        return "approved"
    current = scene.campaign.current_revision_id == scene.revision.id
    states = {Status.PENDING_REVIEW: "open", Status.AI_GENERATING: "working", Status.NEEDS_INPUT: "question"}
    return states.get(status, "waiting") if current else "waiting"


def _name_of(session: Session, actor: str | None) -> str | None:
    kind, _, ref = (actor or "").partition(":")
    try:
        user = session.get(AppUser, UUID(ref)) if kind == "user" else None
    except ValueError:
        return None
    return user.name if user else None


def _person(scene: _Scene, member: MemberFacts) -> view.Person:
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
    return view.Person(str(member.id), name, tuple(notes), language, _groups(scene).get(group or ""))


def _full_name(member: MemberFacts) -> str:
    return " ".join(part for part in (member.first_name, member.last_name) if part)


def _mail(scene: _Scene, member: MemberFacts, lang: str, number: int) -> view.Mail:
    key = versions.key_of(lang, number)
    if scene.texts is not None:
        links = scene.texts.variants[key].compiled.links
        return view.Mail("", "", scene.texts.preview(member, lang, number), lang, 0, links, remote_images=False)
    if scene.rendering is None:
        return view.Mail("", "", "", lang, 0, (), remote_images=False, broken=True)
    made = scene.rendering.preview(member, lang, number)
    links = scene.rendering.variants[key].compiled.links
    remote = mailframe.has_remote_images(made.html)
    return view.Mail(made.subject, made.preheader, made.text, lang, len(made.html.encode()), links, remote)


def _claims(session: Session, scene: _Scene, member: MemberFacts, lang: str, number: int) -> tuple[view.Claim, ...]:
    """Return the claims of the shown text; those of a variant beside A stand in the variant itself."""
    own = cohorts.matcher(scene.revision.content_json).of(member, lang, clock.now())
    stored = [
        claim
        for claim in scene.revision.claims_json
        if number == 0 and claim.get("language", lang) == lang and claim.get("cohort") in {None, own}
    ]
    variant = (
        versions.seen(scene.revision.content_json, number)["languages"].get(lang, {}).get(scene.campaign.channel, {})
    )
    pinned = {str(source["id"]): source for source in scene.revision.sources_json}
    values = _values(session, scene, member, lang)
    return tuple(
        view.Claim(
            n,
            lang,
            _spoken(str(claim.get("sentence", "")), values),
            str(claim.get("kind", "")),
            tuple(_source(pinned.get(str(ref))) for ref in claim.get("source_ids", ())),
        )
        for n, claim in enumerate(stored or variant.get("claims") or (), start=1)
    )


def _source(pinned: Mapping[str, Any] | None) -> view.Source:
    if pinned is None:
        return view.Source("missing", "", "")
    return view.Source(str(pinned["kind"]), str(pinned["title"]), str(pinned.get("excerpt", "")))


def _values(session: Session, scene: _Scene, member: MemberFacts, lang: str) -> dict[str, str]:
    content = scene.revision.content_json
    offers = frame.offer_facts(session, content.get("offers", []))
    layout = frame.layout_facts(session, scene.campaign)
    fixed = compiling.constants_of(offers, layout, str(content.get("cta_url") or ""), lang)
    rendering = scene.rendering or scene.texts
    return fixed | (rendering.values(member, lang, clock.now()) if rendering else {})


def _spoken(text: str, values: Mapping[str, str]) -> str:
    """Return a sentence with its slots filled, as the message says it."""
    try:
        nodes = slots.parse(text)
    except slots.BadSlot:
        return text
    return "".join(_node(node, values) for node in nodes)


def _node(node: slots.Node, values: Mapping[str, str]) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, slots.Value):
        return values.get(node.name, "")
    return "".join(_node(each, values) for each in node.nodes) if values.get(node.name) else ""


def _findings(session: Session, scene: _Scene, language: str) -> tuple[view.FindingView, ...]:
    waivers = revisions.waived(session, scene.revision.id)
    return tuple(
        view.FindingView(
            severity=str(found["severity"]),
            reason=str(found.get(f"reason_{language}") or found["code"]),
            excerpt=str(found.get("excerpt") or ""),
            place=place_of(str(found.get("path") or ""), _groups(scene)),
            key=str(found["key"]),
            waived_by=waivers[found["key"]].by if found["key"] in waivers else None,
            waived_because=waivers[found["key"]].reason if found["key"] in waivers else None,
        )
        for found in scene.revision.findings_json
    )


def place_of(path: str, groups: Mapping[str, view.Group]) -> view.Place | None:
    """Read a path of the checks or of a difference: `de.email.blocks.2.text`, `de#de-away.sms.text`, `offers.0`."""
    key, _, rest_of_path = path.partition(".")
    key, variant = versions.read(key)
    language, _, cohort = key.partition("#")
    if variant or cohort:
        place = place_of(f"{language}.{rest_of_path}", groups) or view.Place(language, "whole")
        return replace(place, group=groups.get(cohort), variant=versions.letter(variant) if variant else "")
    parts = path.split(".")
    if parts[0] == "offers" and len(parts) > 1 and parts[1].isdigit():
        return view.Place("", "offer", int(parts[1]) + 1)
    if len(parts) < 2 or parts[1] not in CHANNELS:  # noqa: PLR2004
        return None
    rest = parts[2:]
    if rest[:1] == ["blocks"] and len(rest) > 1 and rest[1].isdigit():
        return view.Place(parts[0], "block", int(rest[1]) + 1)
    if rest[:1] == ["variables"] and len(rest) > 1 and rest[1].isdigit():
        return view.Place(parts[0], "variable", int(rest[1]))
    return view.Place(parts[0], rest[0] if rest and rest[0] in _PARTS else "whole")


def _send_facts(session: Session, scene: _Scene, language: str) -> view.SendFacts:
    campaign = scene.campaign
    checked = flight.check(session, campaign)
    sender = session.get(Sender, campaign.sender_id) if campaign.sender_id else None
    skipped = [view.Skipped(rules.sentence("skipped", why)[language], n) for why, n in checked.skipped.items()]
    return view.SendFacts(
        audience=selection.sentence(campaign.audience, language),
        targeted=checked.targeted,
        will_send=checked.will_send,
        skipped=tuple(skipped),
        at=campaign.scheduled_for,
        sender_name=sender.from_name if sender else scene.tenant.name,
        sender_address=sender.from_address if sender else "",
        reply_to=sender.reply_to if sender else None,
        quota=_quota(session, scene, language),
        ceiling=campaign.cost_ceiling_minor,
        currency=scene.tenant.currency,
        problems=tuple(checked.problems),
        variants=tuple(checked.variants.items()) if len(checked.variants) > 1 else (),
        waiting=checked.waiting,
    )


def _quota(session: Session, scene: _Scene, language: str) -> view.Quota:
    meter = next(meter for meter in plans.meters(session) if meter.limit is catalog.BROADCASTS)
    label = meter.limit.label_de if language == "de" else meter.limit.label_en
    lifted = meter.limit.lifted_by(catalog.Tier(scene.tenant.tier))
    return view.Quota(label, meter.used, meter.allowed, meter.resets_at, lifted.value if lifted else None)


def _obstacles(
    scene: _Scene, send: view.SendFacts, findings: Sequence[view.FindingView], state: str
) -> tuple[str, ...]:
    found = ["view_only"] if scene.link.purpose != "approve" else []
    if state != "open":
        return tuple(found)
    if any(finding.blocks for finding in findings):
        found.append("blocked")
    found += [code for code in ("imprint_missing", "sender_missing", "nobody_reachable") if code in send.problems]
    return tuple([*found, "quota"] if send.quota.full else found)


def _remarks(session: Session, campaign: Campaign) -> tuple[view.Remark, ...]:
    numbers = session.execute(
        select(DraftRevision.id, DraftRevision.n).where(
            DraftRevision.tenant_id == campaign.tenant_id, DraftRevision.campaign_id == campaign.id
        )
    )
    n_of = {row.id: row.n for row in numbers}
    rows = session.execute(queries.reviews(session, campaign.id).order_by(Review.id.desc()).limit(_MOST_REMARKS))
    return tuple(
        view.Remark(
            row.verb,
            row.actor_name or _name_of(session, row.actor),
            row.created_at,
            row.comment,
            tuple(row.wishes),
            n_of.get(row.revision_id, 0),
            row.voided_because,
        )
        for row in reversed(list(rows.scalars()))
    )


def _difference(
    session: Session, scene: _Scene, member: MemberFacts, remarks: Sequence[view.Remark]
) -> view.Difference | None:
    before = revisions.parent(session, scene.revision)
    if before is None:
        return None
    asked = [remark for remark in remarks if remark.verb == "revise" and remark.revision == before.n]
    values = {lang: _values(session, scene, member, lang) for lang in scene.languages}
    changes = []
    for path, words in diff.compare(before.content_json, scene.revision.content_json):
        place = place_of(path, _groups(scene)) or view.Place("", "whole")
        changes.append(view.Change(place, _spoken_words(words, values.get(place.language, {}))))
    return view.Difference(before.n, asked[-1] if asked else None, tuple(changes))


def _spoken_words(words: diff.Words, values: Mapping[str, str]) -> diff.Words:
    """Return the difference as the shown person would read it; as written where they would read no difference."""
    old = _spoken("".join(text for op, text in words if op != "insert"), values)
    new = _spoken("".join(text for op, text in words if op != "delete"), values)
    return words if old == new else diff.words(old, new)
