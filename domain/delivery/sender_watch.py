"""Stopping a sender that many campaigns harm a little, each below what would hold it.

Counted is what receivers judge by: all campaigns and sequences from one domain of mail, or through one account of
texts, over the last seven days.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, select, text
from sqlalchemy.orm import Session

from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.delivery import stop_loss
from domain.senders import stops
from kernel import clock, db, log
from kernel.errors import Conflict
from kernel.ids import first_id
from models import Campaign, Sender

COMPLAINED, SENDER_FAULT = "complained", "sender_fault"
STOPPED = "sender_stopped"
WINDOW = timedelta(days=7)

# Compared as a row, so that the events of a campaign are found by the index of campaigns, never by everybody's ids.
_OF_CAMPAIGNS = """
FROM campaign c CROSS JOIN LATERAL (SELECT 1 FROM message_event e
  WHERE e.tenant_id = c.tenant_id AND e.campaign_id = c.id
    AND (e.tenant_id, e.campaign_id, e.id) >= (c.tenant_id, c.id, CAST(:since AS uuid)) AND {what} LIMIT :enough) found
WHERE c.tenant_id = :tenant AND c.sender_id = ANY(CAST(:senders AS uuid[]))
"""
# Kinds are written out, so that the partial index of rare events serves.
_HARMED: dict[str, list[TextClause]] = {
    COMPLAINED: [text("SELECT count(*)" + _OF_CAMPAIGNS.format(what="e.kind = 'complained'"))],
    SENDER_FAULT: [
        text("SELECT count(*)" + _OF_CAMPAIGNS.format(what=what))
        for what in ("e.kind = 'sender_fault'", "e.kind = 'failed' AND e.reason = 'refused'")
    ],
}
# A planner that is told of a limit may think that reading far more than a campaign finds as much soon enough.
_WHOLE_READS = text("SELECT set_config('enable_seqscan', :value, true), set_config('enable_bitmapscan', :value, true)")
_SENT = _OF_CAMPAIGNS.format(what="e.kind = 'sent'")
_HANDED_OVER = text(f"SELECT count(*) FROM (SELECT 1 {_SENT} LIMIT :enough) sent")  # noqa: S608 - words of our own


@dataclass(frozen=True, slots=True)
class Standing:
    """What a sender's messages of the last days drew; `handed_over` is counted no further than it is needed."""

    harmed: int
    handed_over: int


def stop_if_harmful(session: Session, campaign_id: UUID, kind: str) -> bool:
    """Stop the sender of a campaign where its messages of all campaigns drew too much; True when it was stopped now.

    Called after an event of that `kind` was written. Its campaigns that are being sent are held.
    """
    sender = _sender(session, campaign_id)
    if sender is None:
        return False
    found = _standing(session, sender, kind)
    if not _too_many(sender.channel, kind, found):
        return False
    if not stops.stop(session, sender, reason=kind, harmed=found.harmed, handed_over=found.handed_over):
        return False
    _hold(session, stops.alike(session, sender))
    return True


def _sender(session: Session, campaign_id: UUID) -> Sender | None:
    return session.execute(
        select(Sender)
        .join(Campaign, (Campaign.tenant_id == Sender.tenant_id) & (Campaign.sender_id == Sender.id))
        .where(Campaign.tenant_id == db.tenant_of(session), Campaign.id == campaign_id)
    ).scalar_one_or_none()


def _standing(session: Session, sender: Sender, kind: str) -> Standing:
    lifted = stops.lifted_at(session, sender)
    since = max(filter(None, (clock.now() - WINDOW, lifted)))
    keys = {
        "tenant": db.tenant_of(session),
        "senders": stops.alike(session, sender),
        "since": first_id(since),
        "enough": stop_loss.WINDOW * 10,
    }
    harmed = sum(_count(session, statement, keys) for statement in _HARMED[kind])
    if not _too_many(sender.channel, kind, Standing(harmed, 0)):
        return Standing(harmed, 0)
    enough = int(harmed / _share(sender.channel, kind)) + 1
    return Standing(harmed, _count(session, _HANDED_OVER, {**keys, "enough": enough}))


def _count(session: Session, statement: TextClause, keys: Mapping[str, Any]) -> int:
    session.execute(_WHOLE_READS, {"value": "off"})
    found: int = session.execute(statement, keys).scalar_one()
    session.execute(_WHOLE_READS, {"value": "on"})
    return found


def _share(channel: str, kind: str) -> float:
    if kind == COMPLAINED:
        return stop_loss.COMPLAINTS
    return stop_loss.SENDER_FAULTS if channel == "email" else stop_loss.FILTERED


def _too_many(channel: str, kind: str, found: Standing) -> bool:
    if kind == COMPLAINED:
        return stop_loss.too_many_complaints_of_sender(found.harmed, found.handed_over)
    return stop_loss.too_many_faults(found.harmed, found.handed_over, _share(channel, kind))


def _hold(session: Session, senders: list[UUID]) -> None:
    rows = session.execute(
        select(Campaign.id).where(
            Campaign.tenant_id == db.tenant_of(session),
            Campaign.sender_id.in_(senders),
            Campaign.status == Status.SENDING,
        )
    )
    for campaign_id in sorted(rows.scalars()):
        try:
            campaigns.hold(session, campaign_id, reason=STOPPED)
        except Conflict:  # it is complete, or was cancelled
            log.get("delivery").info("campaign.not_held", id=str(campaign_id))
