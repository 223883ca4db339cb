"""What a dead worker left: leases run out, claimed messages go back, transmitted ones are parked as unknown.

Completion is derived from the rows, never asserted.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.delivery.rules import OPEN, Reason
from kernel import clock, db
from kernel.errors import Conflict
from models import Campaign, Message, TenantDue

TICK_SECONDS = 3

_RECOVER = text(f"""
WITH lost AS (
  SELECT id, state FROM message
  WHERE tenant_id = :tenant AND state IN ('claimed', 'sending') AND lease_until < clock_timestamp()
  FOR UPDATE SKIP LOCKED
), parked AS (
  UPDATE message m SET
    state = CASE WHEN lost.state = 'sending' THEN 'unknown' ELSE 'pending' END,
    reason = CASE WHEN lost.state = 'sending' THEN '{Reason.NO_ANSWER}' END,
    phase = CASE WHEN lost.state = 'sending' THEN 'dot' END,
    attempt = m.attempt - CASE WHEN lost.state = 'sending' THEN 0 ELSE 1 END,
    owner = CASE WHEN lost.state = 'sending' THEN m.owner END, lease_until = NULL, updated_at = clock_timestamp()
  FROM lost WHERE m.tenant_id = :tenant AND m.id = lost.id
  RETURNING m.id, m.campaign_id, m.state, m.reason
)
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason)
SELECT :tenant, campaign_id, id, state, reason FROM parked WHERE state = 'unknown'
""")  # noqa: S608 - reasons of our own


def recover(session: Session) -> None:
    """Free what expired leases hold: never transmitted → pending, perhaps transmitted → unknown."""
    session.execute(_RECOVER, {"tenant": db.tenant_of(session)})


def sweep(session: Session) -> list[UUID]:
    """Do what is due for a tenant and return the campaigns that have messages to send.

    Starts scheduled campaigns, recovers lost messages, completes campaigns with nothing open, and notes when to
    look again.
    """
    tenant_id = db.tenant_of(session)
    mark = session.execute(
        select(TenantDue).where(TenantDue.tenant_id == tenant_id, TenantDue.kind == "campaigns").with_for_update()
    ).scalar_one_or_none()
    recover(session)
    _start_scheduled(session, tenant_id)
    running = [row for row in _sending(session, tenant_id) if not complete_if_done(session, row)]
    if mark is not None:
        later = _next_scheduled(session, tenant_id)
        if running or _leased(session, tenant_id):
            mark.next_due_at = _in_a_moment(session)
        elif later is not None:
            mark.next_due_at = later
        else:
            session.delete(mark)
    session.flush()
    return running


def _in_a_moment(session: Session) -> datetime:
    instant: datetime = session.execute(
        select(func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, TICK_SECONDS))
    ).scalar_one()
    return instant


def _start_scheduled(session: Session, tenant_id: UUID) -> None:
    due = session.execute(
        select(Campaign.id).where(
            Campaign.tenant_id == tenant_id, Campaign.status == Status.SCHEDULED, Campaign.scheduled_for <= clock.now()
        )
    ).scalars()
    for campaign_id in due.all():
        try:
            campaigns.start(session, campaign_id, actor="system")
        except Conflict:
            campaigns.hold(session, campaign_id, reason="approval_void")


def _next_scheduled(session: Session, tenant_id: UUID) -> datetime | None:
    found: datetime | None = session.execute(
        select(func.min(Campaign.scheduled_for)).where(
            Campaign.tenant_id == tenant_id, Campaign.status == Status.SCHEDULED
        )
    ).scalar_one_or_none()
    return found


def _sending(session: Session, tenant_id: UUID) -> list[UUID]:
    rows = session.execute(
        select(Campaign.id).where(
            Campaign.tenant_id == tenant_id,
            Campaign.status == Status.SENDING,
            Campaign.materialised_at.is_not(None),
        )
    )
    return list(rows.scalars())


def _leased(session: Session, tenant_id: UUID) -> bool:
    row = session.execute(
        select(Message.id).where(Message.tenant_id == tenant_id, Message.state.in_(("claimed", "sending"))).limit(1)
    )
    return row.scalar_one_or_none() is not None


def complete_if_done(session: Session, campaign_id: UUID) -> bool:
    """Complete a campaign that has no open message; the rows themselves are asked, not the counters."""
    for state in OPEN:
        row = session.execute(
            select(Message.id)
            .where(
                Message.tenant_id == db.tenant_of(session),
                Message.campaign_id == campaign_id,
                Message.state == state,
            )
            .limit(1)
        )
        if row.scalar_one_or_none() is not None:
            return False
    campaigns.complete(session, campaign_id)
    return True
