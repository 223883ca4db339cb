"""What people do with a campaign. Each verb locks the row, asks the lifecycle, and leaves an audit entry."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from domain.audience import selection
from domain.audit import service as audit
from domain.campaigns import content_templates, seal, zones
from domain.campaigns import schedule as schedules
from domain.campaigns.lifecycle import Status, Verb, follow
from domain.plans import catalog
from domain.plans import service as plans
from domain.webhooks import events
from domain.webhooks.catalog import TASK
from kernel import clock, db, outbox
from kernel.errors import Conflict, IllegalStep, Invalid, NotFound
from models import (
    AgentTask,
    AgentTaskCampaign,
    Campaign,
    CampaignCount,
    Message,
    PreviewLink,
    Review,
    Sender,
    Template,
    Tenant,
)

# Fields that an approval seals; changing one of them voids it.
SEALED = frozenset({"audience", "sender_id", "cost_ceiling_minor", "schedule", "cta_url", "channel"})
EDITABLE = SEALED | {"name", "description", "goal", "template_id", "budget_minor", "utm_links"}
DRIP = "drip"  # the campaign of a sequence's step: the sequence says who gets it, and when
_OF_SEQUENCE = frozenset({"audience", "schedule", "channel"})
_LIMITS = frozenset({"cost_ceiling_minor", "budget_minor"})


def get(session: Session, campaign_id: UUID) -> Campaign:
    """Return the campaign; raises NotFound, also for another tenant's."""
    return db.own(session, Campaign, campaign_id, "campaign")


def lock(session: Session, campaign_id: UUID) -> Campaign:
    """Return the campaign, locked until the transaction ends; raises NotFound."""
    campaign = session.execute(
        select(Campaign)
        .where(Campaign.tenant_id == db.tenant_of(session), Campaign.id == campaign_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if campaign is None:
        raise NotFound("campaign")
    return campaign


def move(session: Session, campaign: Campaign, verb: Verb, *, actor: str, **details: Any) -> Status:
    """Take one step of the lifecycle and write it into the audit chain; raises IllegalStep."""
    before = Status(campaign.status)
    campaign.status = follow(before, verb)
    audit.append(
        session,
        actor=actor,
        action=f"campaign.{verb}",
        subject=str(campaign.id),
        before=before,
        after=campaign.status,
        **details,
    )
    events.emit_step(session, campaign.id, verb, **details)
    _tell_tasks(session, campaign, verb)
    return Status(campaign.status)


def _tell_tasks(session: Session, campaign: Campaign, verb: Verb) -> None:
    """Tell the agents whose tasks hang on the campaign that it took a step."""
    rows = session.execute(
        select(AgentTask.id, AgentTask.skill)
        .join(AgentTaskCampaign, AgentTaskCampaign.agent_task_id == AgentTask.id)
        .where(
            AgentTaskCampaign.tenant_id == campaign.tenant_id,
            AgentTaskCampaign.campaign_id == campaign.id,
            AgentTask.tenant_id == campaign.tenant_id,
            AgentTask.cancelled_at.is_(None),
        )
    )
    for task_id, skill in rows.all():
        events.emit(session, TASK, aggregate="agent_task", id=task_id, skill=skill, campaign_id=campaign.id, step=verb)


def create(session: Session, *, actor: str, name: str, audience: dict[str, Any], **fields: Any) -> Campaign:
    """Make a draft. Raises Invalid for an audience, sender or template that cannot be used."""
    tenant_id = db.tenant_of(session)
    checked = selection.read(audience).as_json()
    campaign = Campaign(
        tenant_id=tenant_id,
        name=name,
        audience=checked,
        kind=fields.pop("kind", "broadcast"),
        channel=fields.pop("channel", "email"),
        status=Status.DRAFT,
        created_by=actor,
    )
    _assign(session, campaign, fields)
    if campaign.sender_id is None:
        campaign.sender_id = _default_sender(session, campaign.channel)
    session.add(campaign)
    session.flush()
    audit.append(session, actor=actor, action="campaign.create", subject=str(campaign.id), name=name)
    events.emit(
        session,
        "crm.campaign.created",
        aggregate="campaign",
        id=campaign.id,
        kind=campaign.kind,
        channel=campaign.channel,
    )
    return campaign


def _default_sender(session: Session, channel: str) -> UUID | None:
    return session.execute(
        select(Sender.id).where(
            Sender.tenant_id == db.tenant_of(session), Sender.channel == channel, Sender.is_default.is_(True)
        )
    ).scalar_one_or_none()


def _assign(session: Session, campaign: Campaign, fields: dict[str, Any]) -> None:
    unknown = sorted(set(fields) - EDITABLE)
    if unknown:
        raise Invalid(unknown[0], "cannot be written")
    if fields.get("sender_id") is not None and session.get(Sender, fields["sender_id"]) is None:
        raise Invalid("sender_id", "there is no such sender; list them at /api/v1/senders")
    if fields.get("template_id") is not None:
        _working_template(session, fields["template_id"])
    if "audience" in fields:
        fields["audience"] = selection.read(fields["audience"]).as_json()
    if "schedule" in fields:
        campaign.scheduled_for = _first_instant(session, fields["schedule"])
        campaign.zone_rules = zones.rules()
    for key, value in fields.items():
        setattr(campaign, key, value)


def _working_template(session: Session, template_id: UUID) -> None:
    template = session.get(Template, template_id)
    if template is None:
        raise Invalid("template_id", "there is no such template; list them at /api/v1/templates")
    if not template.active:
        raise Invalid("template_id", f"the template '{template.name}' is switched off; switch it on or choose another")


def edit(session: Session, campaign_id: UUID, *, actor: str, version: int | None, changes: dict[str, Any]) -> Campaign:
    """Change fields; a sealed field that changes voids the approval.

    Raises Conflict when `version` is not the present one, or when recipients are already fixed.
    """
    campaign = lock(session, campaign_id)
    if _OF_SEQUENCE & set(changes):
        _not_of_sequence(campaign)
    if version is not None and version != campaign.version:
        raise Conflict(
            f"Somebody changed this campaign meanwhile (version {campaign.version}, yours {version}). "
            "Load it again and repeat the change.",
            code="stale_version",
            current_version=campaign.version,
        )
    before = {key: getattr(campaign, key) for key in SEALED}
    if not _takes_limits(campaign, changes):
        not_fixed(campaign)
    status = follow(Status(campaign.status), Verb.EDIT)
    _assign(session, campaign, changes)
    changed = sorted(key for key in SEALED if getattr(campaign, key) != before[key])
    if campaign.approval_hash is not None and changed:
        void(session, campaign, because=f"changed: {', '.join(changed)}", actor=actor)
        campaign.status = status
    elif campaign.approval_hash is None:
        campaign.status = status
    audit.append(session, actor=actor, action="campaign.edit", subject=str(campaign.id), fields=sorted(changes))
    events.emit(session, "crm.campaign.updated", aggregate="campaign", id=campaign.id, fields=sorted(changes))
    session.flush()
    return campaign


def not_fixed(campaign: Campaign) -> None:
    """Raise Conflict once it is decided who gets the campaign: what they get stays as it was approved."""
    if campaign.materialised_at is not None:
        raise Conflict("The recipients are fixed: pause or cancel it, and duplicate it to change what is sent.")


def _takes_limits(campaign: Campaign, changes: dict[str, Any]) -> bool:
    """A step of a sequence that is up for review again may be given other limits: its recipients come one by one."""
    return campaign.kind == DRIP and campaign.status == Status.PENDING_REVIEW and set(changes) <= _LIMITS


def _not_of_sequence(campaign: Campaign) -> None:
    if campaign.kind == DRIP:
        raise Conflict(
            "The campaign is a step of a sequence, which says who gets it and when. Change or start the sequence.",
            code="of_sequence",
        )


def review_again(session: Session, campaign_id: UUID, *, actor: str) -> Campaign:
    """Put a held step of a sequence up for review with the draft it has; what waits goes out once it is approved.

    Raises IllegalStep when it is not a held step of a sequence.
    """
    campaign = lock(session, campaign_id)
    if campaign.kind != DRIP or campaign.status != Status.HELD:
        raise IllegalStep("review_again", campaign.status, frozenset())
    move(session, campaign, Verb.EDIT, actor=actor)
    void(session, campaign, because=f"held: {campaign.hold_reason}", actor=actor)
    session.flush()
    return campaign


def void(session: Session, campaign: Campaign, *, because: str, actor: str) -> None:
    """Take the approval back, visibly: the review keeps the reason, the broadcast is given back if none was used."""
    campaign.approval_hash = campaign.approved_revision_id = campaign.approved_count = None
    campaign.approved_at = campaign.approved_by = None
    campaign.hold_reason = campaign.status_before_hold = None
    settle(session, campaign)
    session.execute(
        update(Review)
        .where(
            Review.tenant_id == campaign.tenant_id,
            Review.campaign_id == campaign.id,
            Review.verb == "approve",
            Review.voided_at.is_(None),
        )
        .values(voided_at=clock.now(), voided_because=because)
    )
    audit.append(session, actor=actor, action="campaign.approval_void", subject=str(campaign.id), because=because)


# What a provider has, had, or perhaps has; also what it refused.
_HANDED_OVER = ("claimed", "sending", "sent", "delivered", "read", "bounced", "unknown", "failed")
# What a provider took, or perhaps took.
_TAKEN = ("sent", "delivered", "read", "bounced", "unknown")


def _counted(session: Session, campaign: Campaign, states: Sequence[str]) -> int:
    n = session.execute(
        select(func.coalesce(func.sum(CampaignCount.n), 0)).where(
            CampaignCount.tenant_id == campaign.tenant_id,
            CampaignCount.campaign_id == campaign.id,
            CampaignCount.state.in_(states),
        )
    ).scalar_one()
    return int(n)


def settle(session: Session, campaign: Campaign) -> None:
    """Use the plan's broadcast up where anything of the campaign was handed over, else give it back; repeatable."""
    n = _counted(session, campaign, _HANDED_OVER)
    if n > 0:
        begun(session, campaign.id)
    else:
        plans.release(session, catalog.BROADCASTS, campaign.id)


def reserve(session: Session, campaign: Campaign) -> None:
    """Hold the plan's broadcast for a campaign, once; steps of a sequence need none. Raises PlanLimit."""
    if campaign.kind != DRIP:
        plans.spend(session, catalog.BROADCASTS, campaign.id)


def begun(session: Session, campaign_id: UUID) -> None:
    """Note that something of a campaign was handed over: its broadcast is used up."""
    plans.consume(session, catalog.BROADCASTS, campaign_id)


def _first_instant(session: Session, wish: dict[str, Any] | None) -> datetime | None:
    """Return when the first member gets it; with one clock for all that is when everybody does."""
    if wish is None:
        return None
    if schedules.window(wish) is not None:
        plans.require_level(session, catalog.ANALYTICS, "advanced")
    found: set[str | None] = set(zones.names(session)) if wish.get("per_member") else set()
    return min(schedules.instants(wish, [None, *found]).values())


def schedule(
    session: Session, campaign_id: UUID, *, actor: str, at: str, time_zone: str, per_member: bool = False, **best: Any
) -> Campaign:
    """Set the wall time of sending; an approved campaign with another time must be approved again.

    With `per_member` each member gets it when that time is on the member's own clock, and `time_zone` is for those
    without one. `best` may be `send_time` "best" and `window_hours`: then it is the best of these hours for each of
    them. Raises Invalid for a time that is over for somebody, IllegalStep when the campaign is elsewhere.
    """
    wish = {"at": at, "time_zone": time_zone} | ({"per_member": True} if per_member else {})
    wish |= {name: value for name, value in best.items() if value is not None}
    instant = _first_instant(session, wish)
    if instant is None or instant <= clock.now():
        raise Invalid("schedule.at", "lies in the past for somebody; choose a later time or start the campaign now")
    campaign = lock(session, campaign_id)
    if campaign.status in {Status.APPROVED, Status.SCHEDULED} and campaign.schedule == wish:
        if campaign.status == Status.APPROVED:
            move(session, campaign, Verb.SCHEDULE, actor=actor, at=instant)
            outbox.mark_due(session, "campaigns")
            hold_if_templates_fail(session, campaign)
        return campaign
    return edit(session, campaign_id, actor=actor, version=None, changes={"schedule": wish})


def reckon_again(session: Session, campaign: Campaign) -> None:
    """Set the hour of a planned campaign anew by the time zone rules of now; what was approved is the wall time."""
    campaign.scheduled_for = _first_instant(session, campaign.schedule)
    campaign.zone_rules = zones.rules()


def hold_if_templates_fail(session: Session, campaign: Campaign) -> None:
    """Hold a planned campaign whose WhatsApp templates would not be taken, long before its hour."""
    if (reason := content_templates.problem(session, campaign)) is not None:
        hold(session, campaign.id, reason=reason)


def unschedule(session: Session, campaign_id: UUID, *, actor: str) -> Campaign:
    """Take a scheduled campaign out of the calendar; it stays approved and can be started by hand."""
    campaign = lock(session, campaign_id)
    move(session, campaign, Verb.UNSCHEDULE, actor=actor)
    return campaign


def start(session: Session, campaign_id: UUID, *, actor: str) -> Campaign:
    """Begin to send an approved campaign. Of parallel callers one succeeds, the others get IllegalStep.

    Raises Conflict when the approval no longer covers what would be sent.
    """
    campaign = lock(session, campaign_id)
    _not_of_sequence(campaign)
    follow(Status(campaign.status), Verb.START)
    if campaign.approval_hash != seal.seal_of(session, campaign):
        raise Conflict(
            "What would be sent is not what was approved. Open the preview and approve again.", code="approval_void"
        )
    move(session, campaign, Verb.START, actor=actor)
    campaign.started_at = clock.now()
    outbox.enqueue(session, "campaigns.start", id=campaign.id)
    session.flush()
    return campaign


def pause(session: Session, campaign_id: UUID, *, actor: str) -> Campaign:
    """Stop claiming; what is already on the wire ends, the rest waits."""
    campaign = lock(session, campaign_id)
    move(session, campaign, Verb.PAUSE, actor=actor)
    return campaign


def resume(session: Session, campaign_id: UUID, *, actor: str) -> Campaign:
    """Go on where it stopped; a held campaign goes back to where it was if its approval still covers it."""
    campaign = lock(session, campaign_id)
    held = campaign.status == Status.HELD
    if campaign.approval_hash is None or campaign.approval_hash != seal.seal_of(session, campaign):
        raise Conflict("The approval no longer covers this campaign. Edit it and approve again.", code="approval_void")
    if held and (reason := content_templates.problem(session, campaign)) is not None:
        words = f"WhatsApp would not take it: {reason}. Take the templates over again, or choose another one."
        raise Conflict(words, code="template_problem")
    move(session, campaign, Verb.RESUME, actor=actor)
    if held and campaign.status_before_hold:
        campaign.status = campaign.status_before_hold
        if campaign.status == Status.SCHEDULED and campaign.scheduled_for and campaign.scheduled_for <= clock.now():
            campaign.status = Status.APPROVED  # its time is over: somebody starts it, or plans it anew
    campaign.hold_reason = campaign.status_before_hold = None
    if campaign.status == Status.SCHEDULED:
        outbox.mark_due(session, "campaigns")
    if campaign.status == Status.SENDING:
        outbox.enqueue(session, "campaigns.start", id=campaign.id)
    session.flush()
    return campaign


def is_covered(session: Session, campaign_id: UUID) -> bool:
    """Return whether the approval still covers what would be sent, and to whom."""
    campaign = get(session, campaign_id)
    return campaign.approval_hash == seal.seal_of(session, campaign)


def hold(session: Session, campaign_id: UUID, *, reason: str, actor: str = "system") -> Campaign:
    """Stop because something is not as approved; says why. A campaign that is already held stays so."""
    campaign = lock(session, campaign_id)
    if campaign.status == Status.HELD:
        return campaign
    before = campaign.status
    move(session, campaign, Verb.HOLD, actor=actor, reason=reason)
    campaign.hold_reason, campaign.status_before_hold = reason, before
    session.flush()
    return campaign


def cancel(session: Session, campaign_id: UUID, *, actor: str) -> Campaign:
    """End it for good; what was not handed over never will be, the reservation goes back if nothing was."""
    campaign = lock(session, campaign_id)
    move(session, campaign, Verb.CANCEL, actor=actor)
    settle(session, campaign)
    revoke_links(session, campaign.id, because="withdrawn")
    outbox.enqueue(session, "campaigns.cancel_open", id=campaign.id)
    session.flush()
    return campaign


def complete(session: Session, campaign_id: UUID) -> Campaign:
    """Say that nothing is open any more; only the delivery ledger may call this, after it looked.

    The campaign is sent, or failed where messages failed and no provider took any.
    """
    campaign = lock(session, campaign_id)
    if campaign.status == Status.SENDING:
        failed = _counted(session, campaign, ("failed",)) > 0 and _counted(session, campaign, _TAKEN) == 0
        move(session, campaign, Verb.FAIL if failed else Verb.COMPLETE, actor="system")
        campaign.completed_at = clock.now()
        settle(session, campaign)
        session.flush()
    return campaign


def duplicate(session: Session, campaign_id: UUID, *, actor: str) -> Campaign:
    """Return a new draft with the same goal, audience and sender; content and approval are not copied."""
    origin = get(session, campaign_id)
    _not_of_sequence(origin)
    fields = {key: getattr(origin, key) for key in EDITABLE - {"name", "audience", "schedule", "channel"}}
    copy = _copy_name(session, origin.name)
    return create(session, actor=actor, name=copy, audience=origin.audience, kind=origin.kind, **fields)


def _copy_name(session: Session, name: str) -> str:
    language = session.get_one(Tenant, db.tenant_of(session)).language
    return f"{name} ({'Kopie' if language == 'de' else 'copy'})"


def delete(session: Session, campaign_id: UUID, *, actor: str) -> None:
    """Remove a campaign that has no recipients; raises Conflict for one that has, IllegalStep once it was approved."""
    campaign = lock(session, campaign_id)
    if campaign.materialised_at is not None or _has_messages(session, campaign):
        raise Conflict(
            "It has recipients: what they got and its figures are kept for your records. Cancel it to end it, and "
            "leave out cancelled campaigns with the filter `status` of the list.",
            code="has_recipients",
        )
    follow(Status(campaign.status), Verb.DELETE)
    audit.append(session, actor=actor, action="campaign.delete", subject=str(campaign.id), name=campaign.name)
    events.emit(session, "crm.campaign.deleted", aggregate="campaign", id=campaign.id)
    session.delete(campaign)
    session.flush()


def _has_messages(session: Session, campaign: Campaign) -> bool:
    """Return whether there are messages, also such as no audience was fixed for: the steps of a sequence write them."""
    found = select(Message.id).where(Message.tenant_id == campaign.tenant_id, Message.campaign_id == campaign.id)
    return session.execute(found.limit(1)).first() is not None


def revoke_links(session: Session, campaign_id: UUID, *, because: str) -> None:
    """Make every open preview link of the campaign answer that it is over, and why."""
    session.execute(
        update(PreviewLink)
        .where(
            PreviewLink.tenant_id == db.tenant_of(session),
            PreviewLink.campaign_id == campaign_id,
            PreviewLink.revoked_at.is_(None),
        )
        .values(revoked_at=clock.now(), revoked_because=because)
    )
