"""Stopping a sender that many campaigns harm a little, each below what would hold it.

Counted is what receivers judge by: all campaigns, sequences and notices from one domain of mail, or through one account
of texts, over the last seven days.
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
# What no campaign sent comes from the default sender of its channel, and texts through the account that they name.
_OF_NOTICES = """
FROM (SELECT e.tenant_id, e.message_id FROM message_event e
  WHERE e.tenant_id = :tenant AND e.campaign_id IS NULL AND e.id >= CAST(:since AS uuid) AND {what}) found
JOIN message m ON m.tenant_id = found.tenant_id AND m.id = found.message_id
WHERE m.channel = :channel AND CASE WHEN :channel = 'email' OR m.account_id IS NULL THEN CAST(:by_default AS boolean)
  ELSE m.account_id = CAST(:account AS uuid) END
"""
_PLACES = (_OF_CAMPAIGNS, _OF_NOTICES)
# Kinds are written out, so that the partial index of rare events serves.
_KINDS = {
    COMPLAINED: ("e.kind = 'complained'",),
    SENDER_FAULT: ("e.kind = 'sender_fault'", "e.kind = 'failed' AND e.reason = 'refused'"),
}
_HARMED: dict[str, list[TextClause]] = {
    kind: [text("SELECT count(*)" + place.format(what=what)) for what in whats for place in _PLACES]
    for kind, whats in _KINDS.items()
}
_SENT = "e.kind = 'sent'"
# A planner that is told of a limit may think that reading far more than a campaign finds as much soon enough.
_WHOLE_READS = text("SELECT set_config('enable_seqscan', :value, true), set_config('enable_bitmapscan', :value, true)")
_HANDED_OVER = [
    text(f"SELECT count(*) FROM (SELECT 1 {place.format(what=_SENT)} LIMIT :enough) sent")  # noqa: S608 - our own words
    for place in _PLACES
]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a sender's messages of the last days drew; `handed_over` is counted no further than it is needed."""

    harmed: int
    handed_over: int


def stop_if_harmful(session: Session, campaign_id: UUID, kind: str) -> bool:
    """Stop the sender of a campaign where its messages of all campaigns drew too much; True when it was stopped now.

    Called after an event of that `kind` was written. Its campaigns that are being sent are held.
    """
    return _stop(session, _sender(session, campaign_id), kind)


def stop_for_notice(session: Session, *, channel: str, account_id: UUID | None, kind: str) -> bool:
    """The same after an event of a message that no campaign sent, on this channel and through this account."""
    return _stop(session, _sender_of_notice(session, channel, account_id), kind)


def _stop(session: Session, sender: Sender | None, kind: str) -> bool:
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


def _sender_of_notice(session: Session, channel: str, account_id: UUID | None) -> Sender | None:
    """Return whom receivers see behind a notice: the default sender, or one who uses the account of a text."""
    found = select(Sender).where(Sender.tenant_id == db.tenant_of(session), Sender.channel == channel)
    if channel == "email" or account_id is None:
        found = found.where(Sender.is_default.is_(True))
    else:
        found = found.where(Sender.account_id == account_id).order_by(Sender.is_default.desc(), Sender.id)
    return session.execute(found.limit(1)).scalar_one_or_none()


def _standing(session: Session, sender: Sender, kind: str) -> Standing:
    lifted, alike = stops.lifted_at(session, sender), stops.alike(session, sender)
    default = _sender_of_notice(session, sender.channel, None)
    since = max(filter(None, (clock.now() - WINDOW, lifted)))
    keys = {
        "tenant": db.tenant_of(session),
        "senders": alike,
        "since": first_id(since),
        "enough": stop_loss.WINDOW * 10,
        "channel": sender.channel,
        "account": sender.account_id,
        "by_default": default is not None and default.id in alike,
    }
    harmed = sum(_count(session, statement, keys) for statement in _HARMED[kind])
    if not _too_many(sender.channel, kind, Standing(harmed, 0)):
        return Standing(harmed, 0)
    enough = int(harmed / _share(sender.channel, kind)) + 1
    return Standing(harmed, sum(_count(session, each, {**keys, "enough": enough}) for each in _HANDED_OVER))


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
