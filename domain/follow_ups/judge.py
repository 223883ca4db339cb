"""May this follow-up go out now, and which way? The gate of every other message answers, about one that is not yet.

`at` is the moment that is asked about: now, or the virtual now of a rehearsal.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import exists, func, or_, select, text
from sqlalchemy.orm import Session

from domain.campaigns import zones
from domain.delivery import gate, hours
from domain.delivery.rules import Reason
from domain.follow_ups.rules import CHANNELS, Topic, Why
from domain.identity import tenants
from domain.plans.catalog import FOLLOW_UPS, Tier
from kernel import db
from kernel.errors import NotFound
from models import Activity, ContactPoint, FollowUp, FollowUpTurn, PlanReservation, Suppression, Tenant

_CAP_WAIT = timedelta(hours=1)
_SOON = timedelta(minutes=1)
_SUSPENDED_WAIT = timedelta(minutes=15)
_BACK = ("visit", "booking", "check_in")

_JUDGE = text(
    f"""
SELECT {gate.CLAIM_GATE} AS reason, {gate.QUIET} AS quiet, {gate.ZONE} AS clock_zone,
  t.quiet_from, t.quiet_until
FROM (SELECT CAST(:tenant AS uuid) AS tenant_id, CAST(:member AS uuid) AS member_id, CAST(:channel AS text) AS channel,
  CAST(:address AS text) AS address_norm, CAST(:purpose AS text) AS purpose, CAST(:language AS text) AS language,
  CAST(:zone AS text) AS zone, CAST(NULL AS timestamptz) AS expires_at, CAST(NULL AS uuid) AS notice_id) m
JOIN tenant t ON t.id = m.tenant_id
LEFT JOIN member b ON b.tenant_id = m.tenant_id AND b.id = m.member_id
CROSS JOIN LATERAL (SELECT clock_timestamp() AT TIME ZONE {gate.ZONE} AS local) z
CROSS JOIN LATERAL (SELECT z.local AS local, z.local::time AS clock) l
""".replace("clock_timestamp()", "CAST(:at AS timestamptz)")  # noqa: S608 - rules of our own
)


@dataclass(frozen=True, slots=True)
class Way:
    """A channel that the member can be reached on, from a sender of the tenant."""

    channel: str
    address: str
    address_norm: str
    account_id: UUID | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`ok`: send; `wait`: ask again at `until`; `end`: it is over; `window`: only an approved template may go out.

    `shut`: no hour of any day is open for it that way.
    """

    kind: str
    why: Why | None = None
    until: datetime | None = None


OK = Verdict("ok")
WINDOW = Verdict("window", Why.NEEDS_TEMPLATE)
SHUT = Verdict("shut", Why.NO_OPEN_HOUR)
_ENDS = {Reason.SUPPRESSED: Why.OPTED_OUT, Reason.NO_CONSENT: Why.NO_CONSENT, Reason.RESTRICTED: Why.RESTRICTED}


def ways(session: Session, row: FollowUp) -> list[Way]:
    """Return the ways to the member: the promised channel first, then the others, each with address and sender."""
    points = session.execute(
        select(ContactPoint).where(
            ContactPoint.tenant_id == row.tenant_id,
            ContactPoint.member_id == row.member_id,
            ContactPoint.is_primary.is_(True),
        )
    ).scalars()
    addresses = {point.channel: point for point in points}
    found = []
    for channel in sorted(CHANNELS, key=lambda name: name != row.channel):
        if channel not in addresses:
            continue
        try:
            sender = tenants.default_sender(session, channel)
        except NotFound:
            continue
        account = row.account_id if channel == row.channel and row.account_id else sender.account_id
        found.append(Way(channel, addresses[channel].address, addresses[channel].address_norm, account))
    return found


def about_person(session: Session, row: FollowUp, at: datetime) -> Verdict:
    """Return what speaks against it whatever the channel: the tenant, the plan, a stop, or that it is not needed."""
    tenant = session.get_one(Tenant, row.tenant_id)
    if tenant.suspended_at is not None:
        return Verdict("wait", Why.SUSPENDED, at + _SUSPENDED_WAIT)
    if row.unless_active and (why := _is_active(session, row)):
        return Verdict("end", why)
    if _has_stopped(session, row):
        return Verdict("end", Why.OPTED_OUT)
    return OK if _is_within_plan(session, row, Tier(tenant.tier)) else Verdict("end", Why.QUOTA)


def _is_active(session: Session, row: FollowUp) -> Why | None:
    """The member wrote about it after it was promised, or is back after an absence."""
    wrote = exists().where(
        FollowUpTurn.tenant_id == row.tenant_id,
        FollowUpTurn.member_id == row.member_id,
        FollowUpTurn.at > row.created_at,
        FollowUpTurn.topic == row.topic,
        FollowUpTurn.follow_up_id.is_distinct_from(row.id),
    )
    if row.topic != Topic.GENERAL and session.execute(select(wrote)).scalar_one():
        return Why.WROTE_SINCE
    back = exists().where(
        Activity.tenant_id == row.tenant_id,
        Activity.member_id == row.member_id,
        Activity.at > row.created_at,
        Activity.kind.in_(_BACK),
    )
    return Why.BACK if session.execute(select(back)).scalar_one() else None


def _has_stopped(session: Session, row: FollowUp) -> bool:
    """Whoever stopped on the channel gets no follow-up there, whatever its purpose."""
    stopped = (
        select(Suppression.id)
        .join(
            ContactPoint,
            (ContactPoint.tenant_id == Suppression.tenant_id)
            & (ContactPoint.channel == Suppression.channel)
            & (ContactPoint.address_norm == Suppression.address_norm),
        )
        .where(
            Suppression.tenant_id == row.tenant_id,
            Suppression.channel == row.channel,
            Suppression.purpose.in_(("marketing", "all")),
            Suppression.lifted_at.is_(None),
            or_(Suppression.expires_at.is_(None), Suppression.expires_at > func.clock_timestamp()),
            ContactPoint.member_id == row.member_id,
        )
        .limit(1)
    )
    return session.execute(stopped).scalar_one_or_none() is not None


def _is_within_plan(session: Session, row: FollowUp, tier: Tier) -> bool:
    """After a downgrade, what was reserved first within its month goes out, and the rest does not."""
    mine = session.execute(
        select(PlanReservation).where(
            PlanReservation.tenant_id == row.tenant_id,
            PlanReservation.limit_key == FOLLOW_UPS.key,
            PlanReservation.subject_id == row.id,
            PlanReservation.state != "released",
        )
    ).scalar_one_or_none()
    if mine is None:
        return False
    allowed = FOLLOW_UPS.amount(tier)
    if allowed is None:
        return True
    before = session.execute(
        select(func.count()).where(
            PlanReservation.tenant_id == row.tenant_id,
            PlanReservation.limit_key == FOLLOW_UPS.key,
            PlanReservation.period == mine.period,
            PlanReservation.state != "released",
            PlanReservation.id < mine.id,
        )
    ).scalar_one()
    return before < allowed


def about_way(session: Session, row: FollowUp, way: Way, at: datetime, *, template: bool = False) -> Verdict:
    """Ask the gate about a message that would go out this way; `template`: an approved one of WhatsApp."""
    found = session.execute(
        _JUDGE,
        {
            "tenant": db.tenant_of(session),
            "member": row.member_id,
            "channel": way.channel,
            "address": way.address_norm,
            "zone": zones.of_address(way.channel, way.address_norm),
            "purpose": row.purpose,
            "language": row.language,
            "free_text": [] if template else [row.language],
            "at": at,
        },
    ).one()
    if found.reason in _ENDS:
        return Verdict("end", _ENDS[found.reason])
    if found.reason == Reason.FREQUENCY_CAP:
        return Verdict("wait", Why.FREQUENCY_CAP, at + _CAP_WAIT)
    if found.reason == Reason.WINDOW_CLOSED:
        return WINDOW
    if found.reason == Reason.NO_OPEN_HOUR:
        return SHUT
    if not found.quiet:
        return OK
    mine = hours.of_tenant(found.quiet_from, found.quiet_until)
    opening = hours.opening(mine, way.channel, way.address_norm, at, ZoneInfo(found.clock_zone))
    return SHUT if opening is None else Verdict("wait", Why.QUIET_HOURS, max(opening, at + _SOON))
