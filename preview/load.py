"""From rows to the view model: one revision, one reader, one chosen recipient."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.campaigns import hold_reasons, queries, revisions
from domain.campaigns.lifecycle import Status
from domain.content import versions
from domain.delivery import flight, rules
from domain.identity import tenants
from domain.plans import catalog
from domain.plans import service as plans
from kernel import tokens
from kernel.settings import get_settings
from models import AppUser, Campaign, DraftRevision, PreviewLink, Review, Sender, Tenant
from preview import chats, mailframe, said, scenes, view
from preview.scenes import Scene

_MOST_REMARKS = 100
_AFTER_APPROVAL = frozenset(
    {Status.APPROVED, Status.SCHEDULED, Status.SENDING, Status.PAUSED, Status.HELD, Status.SENT, Status.FAILED}
)


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
    scene = scenes.read(session, link)
    member, lang = scenes.chosen(scene, choices)
    number = scenes.number(scene, choices)
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
        people=tuple(scenes.person(scene, each) for each in scene.members),
        shown=scenes.person(scene, member),
        languages=scene.languages,
        choices=choices,
        mail=said.mail(scene, member, lang, number),
        claims=said.claims(session, scene, member, lang, number),
        findings=findings,
        send=send,
        remarks=remarks,
        difference=said.difference(session, scene, member, remarks),
        origin=view.Origin(str(scene.revision.origin), scene.campaign.goal),
        obstacles=_obstacles(scene, send, findings, state),
        typed=typed,
        error=error,
        bubble=chats.bubble(scene.texts, scene.campaign, member, lang, number) if scene.texts else None,
        spots=said.spots(session, scene, member, lang) if state == "open" and number == 0 else (),
        progress=state_of_run,
        lines=said.personal_lines(scene, member, lang),
        offers=said.offers(scene),
        second=said.second(session, scene, member, lang),
        held_because=hold_reasons.sentence(scene.campaign.hold_reason)[language]
        if scene.campaign.status == Status.HELD
        else "",
        variants=tuple(versions.letter(n) for n in range(versions.count(scene.revision.content_json))),
        variant=versions.letter(number),
    )


def _progress(session: Session, scene: Scene) -> view.Progress:
    seen = queries.last_run(session, scene.campaign.id)
    return view.Progress(seen.percent, seen.stage or "") if seen else view.Progress(0, "")


def mail_html(session: Session, link: PreviewLink, choices: view.Choices) -> tuple[str, str]:
    """Return the message for the frame and its language; empty where the content cannot be rendered."""
    scene = scenes.read(session, link)
    member, lang = scenes.chosen(scene, choices)
    if scene.rendering is None:
        return "", lang
    number = scenes.number(scene, choices)
    page = scene.rendering.preview(member, lang, number).html
    claims = said.claims(session, scene, member, lang, number) if choices.facts else ()
    return mailframe.dress(page, dark=choices.dark, claims=claims), lang


def _state(scene: Scene) -> str:
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


def _findings(session: Session, scene: Scene, language: str) -> tuple[view.FindingView, ...]:
    waivers = revisions.waived(session, scene.revision.id)
    return tuple(
        view.FindingView(
            severity=str(found["severity"]),
            reason=str(found.get(f"reason_{language}") or found["code"]),
            excerpt=str(found.get("excerpt") or ""),
            place=said.place_of(str(found.get("path") or ""), scenes.groups(scene)),
            key=str(found["key"]),
            waived_by=waivers[found["key"]].by if found["key"] in waivers else None,
            waived_because=waivers[found["key"]].reason if found["key"] in waivers else None,
        )
        for found in scene.revision.findings_json
    )


def _send_facts(session: Session, scene: Scene, language: str) -> view.SendFacts:
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


def _quota(session: Session, scene: Scene, language: str) -> view.Quota:
    meter = next(meter for meter in plans.meters(session) if meter.limit is catalog.BROADCASTS)
    label = meter.limit.label_de if language == "de" else meter.limit.label_en
    lifted = meter.limit.lifted_by(catalog.Tier(scene.tenant.tier))
    return view.Quota(label, meter.used, meter.allowed, meter.resets_at, lifted.value if lifted else None)


def _obstacles(scene: Scene, send: view.SendFacts, findings: Sequence[view.FindingView], state: str) -> tuple[str, ...]:
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
