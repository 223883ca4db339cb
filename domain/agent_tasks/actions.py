"""What each skill does. None of them approves, sends, or writes what a person has approved."""

from collections.abc import Callable
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from domain.agent_tasks import skills
from domain.agent_tasks.requester import Requester
from domain.audience import selection
from domain.audience import service as audience
from domain.campaigns import previews, reviews, revisions
from domain.campaigns import schedule as schedules
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.campaigns.reviews import Decision, Options
from domain.follow_ups import store as follow_ups
from domain.follow_ups import turns
from domain.follow_ups.rules import LEAST, OPEN, Due, Why
from domain.follow_ups.rules import State as FollowUpState
from domain.knowledge import service as knowledge
from domain.knowledge.vectors import UNASKED, Understood
from domain.segments.sentences import CHANNELS
from kernel import clock, db
from kernel.errors import Conflict, Invalid, NotFound
from kernel.settings import get_settings
from kernel.tokens import mac
from models import AgentTask, AgentTaskCampaign, Campaign, Consent, FollowUp, Member, Tenant

_LONGEST_GOAL = 2_000
_LONGEST_NAME = 200
_PROPOSABLE = frozenset({Status.DRAFT, Status.NEEDS_INPUT, Status.PENDING_REVIEW})
_PREVIEWS = "campaigns:read"
_BY_AGENT = "agent_promise"
_PROPOSAL = timedelta(days=14)

Action = Callable[[Session, Requester, AgentTask, Any], None]


def tenant_of(session: Session) -> Tenant:
    return session.get_one(Tenant, db.tenant_of(session))


def _draft(session: Session, requester: Requester, task: AgentTask, wish: skills.DraftCampaign) -> None:
    tenant = tenant_of(session)
    if wish.language is not None and wish.language != tenant.language:
        raise Invalid("input.language", f"campaigns are written in {tenant.language}, the language of the tenant")
    fields: dict[str, Any] = {"goal": _goal(session, wish)}
    if wish.send_window is not None:
        fields["schedule"] = _wish(tenant, wish.send_window.at, wish.send_window.time_zone)
    made = []
    for channel in wish.channels:
        campaign = campaigns.create(
            session, actor=requester.actor, name=_name(wish, channel), audience=wish.audience, channel=channel, **fields
        )
        reviews.generate(session, campaign.id, actor=requester.actor, options=Options(unattended=wish.unattended))
        made.append(campaign.id)
    _concern(session, task, made)


def _concern(session: Session, task: AgentTask, campaign_ids: list[UUID]) -> None:
    """Note what the task is about, in this order."""
    for n, campaign_id in enumerate(campaign_ids):
        session.add(AgentTaskCampaign(tenant_id=task.tenant_id, agent_task_id=task.id, campaign_id=campaign_id, n=n))
    session.flush()


def _name(wish: skills.DraftCampaign, channel: str) -> str:
    """Tell the campaigns of one task apart by their channels."""
    after = f" ({CHANNELS[channel]})" if len(wish.channels) > 1 else ""
    return (wish.name or wish.goal)[: _LONGEST_NAME - len(after)] + after


def _goal(session: Session, wish: skills.DraftCampaign) -> str:
    """Say in one text what is wanted; the writer pins offers and facts by itself."""
    valid = {offer.id: offer for offer in knowledge.valid_offers(session)}
    parts = [wish.goal, *wish.constraints]
    for offer_id in wish.offer_ids:
        if offer_id not in valid:
            knowledge.get_offer(session, offer_id)
            raise Invalid("input.offer_ids", f"the offer {offer_id} is not valid today")
        parts.append(valid[offer_id].title)
    goal = ". ".join(part.rstrip(". ") for part in parts)
    if len(goal) > _LONGEST_GOAL:
        raise Invalid("input.goal", f"goal and constraints have more than {_LONGEST_GOAL} characters")
    return goal


def _wish(tenant: Tenant, at: str, time_zone: str | None) -> dict[str, Any]:
    return {"at": at, "time_zone": time_zone or tenant.time_zone}


def _revise(session: Session, requester: Requester, task: AgentTask, wish: skills.ReviseCampaign) -> None:
    request_changes(session, requester, wish.campaign_id, wish.revision_id, wish.feedback, dict(wish.scope))
    _concern(session, task, [wish.campaign_id])


def request_changes(
    session: Session,
    requester: Requester,
    campaign_id: UUID,
    revision_id: UUID,
    feedback: str,
    scope: dict[str, Any] | None = None,
) -> None:
    """Send a draft back with feedback. Raises NotFound, Conflict for a newer draft, IllegalStep, PlanLimit."""
    campaigns.lock(session, campaign_id)
    seen = revisions.get(session, campaign_id, revision_id)
    decision = Decision(
        actor=requester.actor,
        name=requester.name,
        revision_id=seen.id,
        content_hash=seen.content_hash,
        comment=feedback,
        scope=scope or {},
    )
    reviews.request_changes(session, campaign_id, decision)


def _show(session: Session, requester: Requester, task: AgentTask, wish: skills.GetCampaign) -> None:
    campaign = campaigns.get(session, wish.campaign_id)
    shown = {"campaign_id": str(campaign.id)}
    if wish.preview_link:
        if _PREVIEWS not in requester.scopes:
            raise requester.lacks(_PREVIEWS)
        token = preview_token(task)
        link = previews.create(session, campaign.id, actor=requester.actor, purpose="view", token=token).link
        shown["preview_expires_at"] = link.expires_at.isoformat()
    task.result = shown


def preview_token(task: AgentTask) -> str:
    """Return the token of the link that the task made: found again from the application's key, stored nowhere."""
    secret = get_settings().secret_key.get_secret_value().encode()
    parts = ("agent-preview", str(task.tenant_id), str(task.id))
    return mac(secret, *parts) + mac(secret, *parts, "second half")


def _propose(session: Session, requester: Requester, task: AgentTask, wish: skills.ProposeSchedule) -> None:
    campaign = campaigns.lock(session, wish.campaign_id)
    if campaign.status not in _PROPOSABLE:
        raise Conflict(
            f"The campaign is {campaign.status}. A time can be proposed until a person approves it.",
            code="not_proposable",
        )
    revisions.get(session, campaign.id, wish.revision_id)
    if campaign.current_revision_id != wish.revision_id:
        raise Conflict("There is a newer draft. Look at it and propose again.", code="superseded")
    planned = _wish(tenant_of(session), wish.at, wish.time_zone)
    campaigns.schedule(session, campaign.id, actor=requester.actor, **planned)
    _concern(session, task, [campaign.id])
    task.result = {"schedule": planned}


def take_back(session: Session, campaign: Campaign, task: AgentTask, *, actor: str) -> None:
    """Remove a proposed time that nobody has decided on."""
    if campaign.status in _PROPOSABLE and campaign.schedule == (task.result or {}).get("schedule"):
        campaigns.edit(session, campaign.id, actor=actor, version=None, changes={"schedule": None})


def _estimate(session: Session, _who: Requester, task: AgentTask, wish: skills.EstimateAudience) -> None:
    language = tenant_of(session).language
    task.result = {
        "members": selection.count(session, wish.audience),
        "may_be_written_to": _reachable(session, wish.audience, wish.channel),
        "channel": wish.channel,
        "meaning": selection.sentence(wish.audience, language),
    }


def _reachable(session: Session, audience: dict[str, Any], channel: str) -> int:
    tenant_id = db.tenant_of(session)
    chosen = selection.members_of(audience, tenant_id=tenant_id, session=session).subquery()
    agreed = exists().where(
        Consent.tenant_id == tenant_id,
        Consent.member_id == Member.id,
        Consent.channel == channel,
        Consent.purpose == "marketing",
        Consent.state == "granted",
    )
    statement = select(func.count()).select_from(Member)
    statement = statement.where(Member.tenant_id == tenant_id, Member.id.in_(select(chosen.c.id)), agreed)
    return session.execute(statement).scalar_one()


def _search(session: Session, _who: Requester, task: AgentTask, wish: skills.SearchKnowledge) -> None:
    search(session, task, wish, UNASKED)


def search(session: Session, task: AgentTask, wish: skills.SearchKnowledge, understood: Understood) -> None:
    """Find passages, also by what the question means where somebody asked a model that."""
    language = wish.language or tenant_of(session).language
    hits = knowledge.search(session, wish.query, language=language, limit=wish.limit, meaning=understood.meaning)
    task.result = {
        "search": understood.as_json(),
        "passages": [
            {
                "source_id": str(hit.chunk_id),
                "title": f"{hit.document_title}: {hit.heading}" if hit.heading else hit.document_title,
                "text": hit.text,
                "hash": hit.hash,
            }
            for hit in hits
        ],
    }


def _member_of(session: Session, requester: Requester, wished: UUID | None) -> Member:
    """Return the member whom a follow-up is about; who asks in a chat is always meant themselves."""
    if requester.member_id is not None and wished not in {None, requester.member_id}:
        raise NotFound("member")
    member_id = requester.member_id or wished
    if member_id is None:
        raise Invalid("input.member_id", "is missing")
    return audience.get(session, member_id)


def _propose_followup(session: Session, requester: Requester, task: AgentTask, wish: skills.ProposeFollowup) -> None:
    member, tenant = _member_of(session, requester, wish.member_id), tenant_of(session)
    task.member_id = member.id
    zone = wish.time_zone or member.time_zone or tenant.time_zone
    wall, known, _ = schedules.read({"at": wish.at, "time_zone": zone})
    due = Due.of(schedules.instant(wall, known), zone)
    if not turns.may_use(session, member.id, wish.channel):
        raise Conflict(
            f"The member did not agree to messages by {wish.channel}, or has no address there.", code="no_consent"
        )
    follow_ups.lock(session, member.id)
    wanted = follow_ups.Wish(
        member_id=member.id,
        topic=wish.topic,
        reason=wish.reason,
        intent=_BY_AGENT if requester.member_id is None else "explicit",
        language=member.language or tenant.language,
        channel=wish.channel,
    )
    if requester.member_id is not None and task.confirmed_at is not None:  # the member has said yes to this very date
        promised = follow_ups.schedule(session, wanted, due, actor=requester.actor)
        task.result = {"follow_up": _told(promised.row)}
        return
    if any(row.intent != _BY_AGENT for row in follow_ups.open_of(session, member.id, FollowUpState.PROPOSED)):
        raise Conflict("The member was asked something and has not answered yet.", code="question_open")
    until = min(due.at - LEAST, clock.now() + _PROPOSAL)
    row = follow_ups.propose(session, wanted, [due], until=until, actor=requester.actor)
    task.result = {"follow_up": _told(row)}


def _told(row: FollowUp) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "member_id": str(row.member_id),
        "topic": row.topic,
        "channel": row.channel,
        "state": row.state,
        "due_at": row.due_at.isoformat(),
        "due_local": row.due_local.isoformat(),
        "time_zone": row.zone,
    }


def _list_followups(session: Session, requester: Requester, task: AgentTask, wish: skills.ListFollowups) -> None:
    asked = wish.member_id or requester.member_id
    member = _member_of(session, requester, asked).id if asked is not None else None
    task.member_id = member
    statement = follow_ups.matching(session, member_id=member)
    if wish.open_only:
        statement = statement.where(FollowUp.state.in_(OPEN))
    rows = session.execute(statement.order_by(FollowUp.id.desc()).limit(wish.limit)).scalars()
    task.result = {"follow_ups": [_told(row) for row in rows]}


def _cancel_followup(session: Session, requester: Requester, task: AgentTask, wish: skills.CancelFollowup) -> None:
    row = follow_ups.get(session, wish.follow_up_id)
    if requester.member_id not in {None, row.member_id}:
        raise NotFound("follow-up")
    why = Why.ASKED if requester.member_id is not None else Why.BY_PERSON
    task.result = {"follow_up": _told(follow_ups.cancel(session, row.id, actor=requester.actor, why=why))}


ACTIONS: MappingProxyType[str, Action] = MappingProxyType({
    "draft_campaign": _draft,
    "revise_campaign": _revise,
    "get_campaign": _show,
    "propose_schedule": _propose,
    "estimate_audience": _estimate,
    "search_knowledge": _search,
    "propose_followup": _propose_followup,
    "list_followups": _list_followups,
    "cancel_followup": _cancel_followup,
})  # fmt: skip
