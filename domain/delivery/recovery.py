"""What a dead worker left: leases run out, claimed messages go back, transmitted ones are parked as unknown.

Completion is derived from the rows, never asserted.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.delivery import gate, local, notices
from domain.delivery.rules import OPEN, Reason
from kernel import clock, db
from kernel.errors import Conflict
from models import Campaign, Message, TenantDue

TICK_SECONDS = 2
LONGEST_SLEEP = timedelta(hours=6)
LATEST_START = timedelta(hours=24)  # a scheduled campaign that could not start for longer asks before it goes out

_RECOVER = text(f"""
WITH lost AS (
  SELECT id, state = 'sending' AS begun, state = 'sending' AND on_ambiguity = 'hold' AS parks FROM message
  WHERE tenant_id = :tenant AND state IN ('claimed', 'sending') AND lease_until < clock_timestamp()
  FOR UPDATE SKIP LOCKED
), parked AS (
  UPDATE message m SET
    state = CASE WHEN lost.parks THEN 'unknown' ELSE 'pending' END,
    reason = CASE WHEN lost.parks THEN '{Reason.NO_ANSWER}' END,
    phase = CASE WHEN lost.begun THEN 'dot' END,
    attempt = m.attempt - CASE WHEN lost.begun THEN 0 ELSE 1 END,
    owner = CASE WHEN lost.parks THEN m.owner END, lease_until = NULL, updated_at = clock_timestamp()
  FROM lost WHERE m.tenant_id = :tenant AND m.id = lost.id
  RETURNING m.id, m.campaign_id, m.state, m.reason
)
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason)
SELECT :tenant, campaign_id, id, state, reason FROM parked WHERE state = 'unknown'
""")  # noqa: S608 - reasons of our own

# What was not handed over of a cancelled campaign; `:campaign` NULL: of those cancelled lately.
_CANCEL = text(f"""
WITH over AS (
  UPDATE message m SET state = 'cancelled', reason = '{Reason.CANCELLED}', owner = NULL, lease_until = NULL,
    updated_at = clock_timestamp()
  FROM campaign c
  WHERE c.tenant_id = :tenant AND c.status = 'cancelled' AND m.tenant_id = :tenant AND m.campaign_id = c.id
    AND m.state IN ('pending', 'deferred', 'claimed')
    AND (c.id = :campaign OR (CAST(:campaign AS uuid) IS NULL AND c.updated_at > clock_timestamp() - interval '1 day'))
  RETURNING m.id, m.campaign_id, m.state, m.reason
)
INSERT INTO message_event (tenant_id, campaign_id, message_id, kind, reason)
SELECT :tenant, campaign_id, id, state, reason FROM over
RETURNING id
""")  # noqa: S608 - reasons of our own

_OPEN_CAMPAIGNS = text("""
SELECT c.id, c.materialised_at IS NOT NULL AS fixed, c.kind = 'drip' AS lasts,
  EXISTS (SELECT FROM message m WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.id AND m.state = 'pending')
    AS pending,
  EXISTS (SELECT FROM message m WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.id
    AND m.state IN ('claimed', 'sending')) AS held,
  (SELECT min(m.not_before) FROM message m WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.id
    AND m.state = 'deferred') AS until,
  NOT EXISTS (SELECT FROM message m WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.id AND m.state = 'deferred'
    AND m.reason IS DISTINCT FROM 'no_open_hour') AS shut,
  clock_timestamp() AS now
FROM campaign c WHERE c.tenant_id = :tenant AND c.status = 'sending'
""")

# Those that no hour was open for, where one is now: somebody changed the quiet hours.
_REOPEN = text(f"""
UPDATE message m SET not_before = clock_timestamp() FROM tenant t
WHERE m.tenant_id = :tenant AND m.campaign_id = :campaign AND m.state = 'deferred'
  AND m.reason = '{Reason.NO_OPEN_HOUR}' AND t.id = m.tenant_id AND NOT {gate.NEVER}
RETURNING m.id
""")  # noqa: S608 - rules of our own


@dataclass(frozen=True, slots=True)
class _Found:
    """Campaigns with something to send now, whether to look again in a moment, and the next instants known."""

    due: list[UUID]
    soon: bool
    later: list[datetime]


def recover(session: Session) -> None:
    """Free what expired leases hold: never transmitted → pending, perhaps transmitted → unknown."""
    session.execute(_RECOVER, {"tenant": db.tenant_of(session)})


def cancel_open(session: Session, campaign_id: UUID | None = None) -> int:
    """Take back what a cancelled campaign did not hand over; returns how many."""
    return len(session.execute(_CANCEL, {"tenant": db.tenant_of(session), "campaign": campaign_id}).all())


def sweep(session: Session) -> list[UUID]:
    """Do what is due for a tenant and return the campaigns that have messages to send.

    Recovers lost messages, starts scheduled campaigns, completes campaigns with nothing open, and notes when to
    look again. Where another process is at it, or nothing is due yet, it does nothing.
    """
    tenant_id = db.tenant_of(session)
    mark = session.execute(
        select(TenantDue)
        .where(
            TenantDue.tenant_id == tenant_id,
            TenantDue.kind == "campaigns",
            TenantDue.next_due_at <= func.clock_timestamp(),
        )
        .with_for_update(skip_locked=True)
    ).scalar_one_or_none()
    if mark is None:
        return []
    recover(session)
    cancel_open(session)
    local.reckon_again(session)
    _start_scheduled(session, tenant_id)
    found = _look(session, tenant_id)
    _look_again(session, mark, found)
    session.flush()
    return found.due


def _look(session: Session, tenant_id: UUID) -> _Found:
    due: list[UUID] = []
    later: list[datetime] = []
    soon = False
    for row in session.execute(_OPEN_CAMPAIGNS, {"tenant": tenant_id}).all():
        ready = row.pending or (row.until is not None and row.until <= row.now)
        if row.fixed and not (ready or row.held or row.until):
            if not row.lasts:  # a step of a sequence ends with its sequence
                complete_if_done(session, row.id)
            continue
        if row.fixed and row.shut and row.until is not None and not (row.pending or row.held):
            ready = _reopened(session, row.id)
            if not (ready or row.lasts):  # members of a sequence come and go
                campaigns.hold(session, row.id, reason=Reason.NO_OPEN_HOUR)
                continue
        soon = soon or ready or row.held or not row.fixed
        if row.fixed and ready:
            due.append(row.id)
        if row.until is not None:
            later.append(row.until)
    soon = soon or bool(notices.waiting(session))
    scheduled: datetime | None = session.execute(
        select(func.min(Campaign.scheduled_for)).where(
            Campaign.tenant_id == tenant_id, Campaign.status == Status.SCHEDULED
        )
    ).scalar_one_or_none()
    return _Found(due, soon or _leased(session, tenant_id), [*later, scheduled] if scheduled else later)


def _reopened(session: Session, campaign_id: UUID) -> bool:
    """Make due what waits for an hour that no day had; False where none has one still."""
    keys = {"tenant": db.tenant_of(session), "campaign": campaign_id}
    return bool(session.execute(_REOPEN, keys).all())


def _look_again(session: Session, mark: TenantDue, found: _Found) -> None:
    moment: datetime = session.execute(
        select(func.clock_timestamp() + func.make_interval(0, 0, 0, 0, 0, 0, TICK_SECONDS))
    ).scalar_one()
    if found.soon:
        mark.next_due_at = moment
    elif found.later:  # and now and then before: the rules of time zones change
        mark.next_due_at = max(moment, min(*found.later, moment + LONGEST_SLEEP))
    else:
        session.delete(mark)


def _start_scheduled(session: Session, tenant_id: UUID) -> None:
    due = session.execute(
        select(Campaign.id, Campaign.scheduled_for).where(
            Campaign.tenant_id == tenant_id, Campaign.status == Status.SCHEDULED, Campaign.scheduled_for <= clock.now()
        )
    )
    for campaign_id, planned in due.all():
        if planned is not None and planned < clock.now() - LATEST_START:
            campaigns.hold(session, campaign_id, reason="schedule_missed")
            continue
        try:
            campaigns.start(session, campaign_id, actor="system")
        except Conflict:
            campaigns.hold(session, campaign_id, reason="approval_void")


def _leased(session: Session, tenant_id: UUID) -> bool:
    row = session.execute(
        select(Message.id).where(Message.tenant_id == tenant_id, Message.state.in_(("claimed", "sending"))).limit(1)
    )
    return row.scalar_one_or_none() is not None


def complete_if_done(session: Session, campaign_id: UUID) -> bool:
    """Complete a campaign that has no open message; the rows themselves are asked, not the counters.

    The campaign is locked first, so that nobody reopens messages between the look and the step.
    """
    campaigns.lock(session, campaign_id)
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
