"""The campaign behind each message step: made with the step, begun with the sequence, and ended with it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from domain.campaigns import seal, zones
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status, Verb
from domain.delivery import links
from domain.delivery.rules import OPEN
from domain.sequences.definition import Definition, Message
from kernel import clock, db, outbox
from models import Campaign, SequenceCampaign
from models import Message as Row

KIND = campaigns.DRIP
EVERYBODY = {"kind": "all_members", "statuses": ["active", "paused", "left", "prospect"]}
OVER = frozenset({Status.SENT, Status.FAILED, Status.CANCELLED})

_STATES = text("""
SELECT c.id, c.status, c.channel, c.hold_reason, c.approval_hash IS NOT NULL AS approved FROM campaign c
WHERE c.tenant_id = :tenant AND c.id = ANY(:ids)
""")


def make(session: Session, sequence_id: UUID, name: str, step: Message, *, actor: str) -> UUID:
    """Make the draft campaign of a step; members come to it one by one, never by an audience."""
    made = campaigns.create(
        session,
        actor=actor,
        name=f"{name} · {step.key}"[:200],
        audience=EVERYBODY,
        kind=KIND,
        channel=step.channel,
        goal=step.goal,
    )
    session.add(SequenceCampaign(tenant_id=made.tenant_id, campaign_id=made.id, sequence_id=sequence_id, step=step.key))
    session.flush()
    return made.id


def states(session: Session, ids: Iterable[UUID]) -> dict[UUID, Any]:
    """Return status, channel, hold_reason and approved of campaigns, by id."""
    rows = session.execute(_STATES, {"tenant": db.tenant_of(session), "ids": list(ids)}).all()
    return {row.id: row for row in rows}


def missing(session: Session, version: Definition, held: dict[str, str]) -> list[str]:
    """Return the message steps that nobody may get: not approved, not there, held or over."""
    known = states(session, map(UUID, held.values()))
    usable = {Status.APPROVED, Status.SENDING, Status.PAUSED}
    return [
        step.key
        for step in version.messages()
        if (row := known.get(UUID(held[step.key]))) is None or not row.approved or row.status not in usable
    ]


def begin(session: Session, campaign_id: UUID, *, actor: str) -> bool:
    """Let an approved step send, and one that was paused go on; False where that is not its state.

    What waits under an earlier approval goes out under the new one. An approval that no longer fits stays as it is.
    """
    if resume(session, campaign_id, actor=actor):
        return True
    campaign = campaigns.lock(session, campaign_id)
    if campaign.status != Status.APPROVED or campaign.approval_hash != seal.seal_of(session, campaign):
        return False
    campaigns.move(session, campaign, Verb.START, actor=actor)
    campaign.started_at = campaign.started_at or clock.now()
    campaign.materialised_at, campaign.zone_rules = campaign.materialised_at or clock.now(), zones.rules()
    session.execute(
        update(Row)
        .where(Row.tenant_id == campaign.tenant_id, Row.campaign_id == campaign.id, Row.state.in_(OPEN))
        .values(approval_hash=campaign.approval_hash)
        .execution_options(synchronize_session=False)
    )
    links.put(session, campaign, campaign.approved_revision_id or UUID(int=0))
    outbox.mark_due(session, "campaigns")
    session.flush()
    return True


def resume(session: Session, campaign_id: UUID, *, actor: str) -> bool:
    """Let a paused step go on; False where it is not paused."""
    campaign = campaigns.lock(session, campaign_id)
    if campaign.status != Status.PAUSED:
        return False
    campaigns.move(session, campaign, Verb.RESUME, actor=actor)
    outbox.mark_due(session, "campaigns")
    return True


def pause(session: Session, campaign_id: UUID, *, actor: str) -> None:
    """Stop a step's sending; one that is not being sent stays as it is."""
    campaign = campaigns.lock(session, campaign_id)
    if campaign.status == Status.SENDING:
        campaigns.move(session, campaign, Verb.PAUSE, actor=actor)


def end(session: Session, campaign_id: UUID, *, actor: str) -> None:
    """End a step for good: complete where everything went out, else cancelled with what is open."""
    campaign = campaigns.lock(session, campaign_id)
    if campaign.status == Status.SENDING and not _open(session, campaign):
        campaigns.complete(session, campaign.id)
    elif campaign.status not in OVER and campaign.status != Status.AI_GENERATING:
        campaigns.cancel(session, campaign.id, actor=actor)


def finish(session: Session, campaign_ids: Iterable[UUID]) -> None:
    """Complete campaigns that no step has any more once nothing of them is open."""
    sending = [each for each, state in states(session, campaign_ids).items() if state.status == Status.SENDING]
    for campaign_id in sorted(sending):
        campaign = campaigns.lock(session, campaign_id)
        if campaign.status == Status.SENDING and not _open(session, campaign):
            campaigns.complete(session, campaign_id)


def _open(session: Session, campaign: Campaign) -> bool:
    states = (
        select(Row.id).where(Row.tenant_id == campaign.tenant_id, Row.campaign_id == campaign.id, Row.state == state)
        for state in OPEN
    )
    return any(session.execute(one.limit(1)).first() is not None for one in states)
