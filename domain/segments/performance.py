"""How segments do: one row per segment and day of the tenant's clock.

Members, active ones, and who joined and left are noted while they are so. What campaigns did is counted from the
ledger again for a week, because hits and purchases are told late: a message counts on the day a provider took it, a
conversion on the day it happened, each for a campaign that names the segment and a member who is in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from domain.segments import membership, moment
from kernel import db
from kernel.errors import Invalid
from models import Segment, SegmentDay, Tenant

ACTIVE_DAYS = 30
LATE_DAYS = 7
MOST_DAYS = 400

_MEMBERS = text("""
INSERT INTO segment_day AS d (tenant_id, segment_id, day, members, active_members)
SELECT :tenant, :segment, :day, count(*), count(*) FILTER (WHERE m.last_visit_at >= :since
  OR EXISTS (SELECT FROM activity a WHERE a.tenant_id = :tenant AND a.member_id = m.id AND a.at >= :since)
  OR EXISTS (SELECT FROM purchase p WHERE p.tenant_id = :tenant AND p.member_id = m.id AND p.at >= :since))
FROM segment_member s JOIN member m ON m.tenant_id = :tenant AND m.id = s.member_id
WHERE s.tenant_id = :tenant AND s.segment_id = :segment AND s.present
ON CONFLICT (tenant_id, segment_id, day) DO UPDATE
SET members = excluded.members, active_members = excluded.active_members, measured_at = clock_timestamp()
""")
_CAMPAIGNS = text("""
WITH named AS (
  SELECT id FROM campaign WHERE tenant_id = :tenant AND updated_at >= :begin
    AND jsonb_exists(audience -> 'segments', CAST(:segment AS text))
), here AS (
  SELECT member_id FROM segment_member WHERE tenant_id = :tenant AND segment_id = CAST(:segment AS uuid) AND present
), received AS (
  SELECT CAST(accepted_at AT TIME ZONE :zone AS date) AS day, campaign_id, member_id FROM message
  WHERE tenant_id = :tenant AND campaign_id IN (SELECT id FROM named) AND accepted_at >= :begin AND accepted_at < :end
    AND member_id IN (SELECT member_id FROM here)
), converted AS (
  SELECT CAST(at AT TIME ZONE :zone AS date) AS day, member_id, CASE WHEN currency = :currency THEN value_minor ELSE 0
    END AS value
  FROM conversion WHERE tenant_id = :tenant AND at >= :begin AND at < :end AND campaign_id IN (
    SELECT id FROM campaign WHERE tenant_id = :tenant AND jsonb_exists(audience -> 'segments', CAST(:segment AS text))
  ) AND member_id IN (SELECT member_id FROM here)
), days AS (
  SELECT CAST(generate_series(CAST(:first AS timestamp), CAST(:last AS timestamp), '1 day') AS date) AS day
), counted AS (
  SELECT day,
    (SELECT count(DISTINCT campaign_id) FROM received r WHERE r.day = days.day) AS campaigns,
    (SELECT count(DISTINCT member_id) FROM received r WHERE r.day = days.day) AS received,
    (SELECT count(DISTINCT member_id) FROM converted c WHERE c.day = days.day) AS converted,
    (SELECT coalesce(sum(value), 0) FROM converted c WHERE c.day = days.day) AS revenue
  FROM days
)
INSERT INTO segment_day AS d (tenant_id, segment_id, day, campaigns, received, converted, revenue_minor)
SELECT :tenant, CAST(:segment AS uuid), day, campaigns, received, converted, revenue FROM counted
WHERE campaigns + received + converted + revenue > 0 OR EXISTS (
  SELECT FROM segment_day s
  WHERE s.tenant_id = :tenant AND s.segment_id = CAST(:segment AS uuid) AND s.day = counted.day)
ON CONFLICT (tenant_id, segment_id, day) DO UPDATE SET campaigns = excluded.campaigns, received = excluded.received,
  converted = excluded.converted, revenue_minor = excluded.revenue_minor, measured_at = clock_timestamp()
""")


@dataclass(frozen=True, slots=True)
class Span:
    """A day, week or month. `members` are those at its end, `growth` what came or went since the span before.

    Days on which nobody measured have no `members`. The rate is converted per received, None where nobody received.
    """

    first: date
    last: date
    members: int | None
    active_members: int | None
    growth: int | None
    joined: int
    left: int
    campaigns: int
    received: int
    converted: int
    conversion_rate: float | None
    revenue_minor: int


def unbegun(session: Session) -> list[UUID]:
    """Return the active segments that have no row of today yet."""
    tenant_id, today = db.tenant_of(session), moment.of(session).today
    begun = select(SegmentDay.segment_id).where(
        SegmentDay.tenant_id == tenant_id, SegmentDay.day == today, SegmentDay.members.is_not(None)
    )
    waiting = select(Segment.id).where(
        Segment.tenant_id == tenant_id, Segment.status == "active", Segment.counted_at.is_not(None),
        Segment.id.not_in(begun),
    )  # fmt: skip
    return list(session.execute(waiting.order_by(Segment.id)).scalars())


def measure(session: Session, segment_id: UUID) -> None:
    """Count a segment as it is today, and what campaigns did within LATE_DAYS; again as often as one likes."""
    at = moment.of(session)
    segment = membership.lock(session, segment_id)
    if segment is None or segment.status != "active":
        return
    tenant = session.get_one(Tenant, segment.tenant_id)
    own = {"tenant": segment.tenant_id, "segment": segment.id}
    since = at.start_of(at.today - timedelta(days=ACTIVE_DAYS))
    session.execute(_MEMBERS, own | {"day": at.today, "since": since})
    first = at.today - timedelta(days=LATE_DAYS)
    session.execute(
        _CAMPAIGNS,
        {
            "tenant": segment.tenant_id, "segment": str(segment.id), "zone": tenant.time_zone,
            "currency": tenant.currency, "first": first, "last": at.today, "begin": at.start_of(first),
            "end": at.start_of(at.today + timedelta(days=1)),
        },
    )  # fmt: skip


def keep_current(session: Session, segment_id: UUID) -> None:
    """Measure a segment for somebody who looks, unless that was done within the last minute."""
    now = select(SegmentDay.day).where(
        SegmentDay.tenant_id == db.tenant_of(session),
        SegmentDay.segment_id == segment_id,
        SegmentDay.day == moment.of(session).today,
        SegmentDay.members.is_not(None),
        SegmentDay.measured_at > func.clock_timestamp() - timedelta(minutes=1),
    )
    if session.execute(now).first() is None:
        measure(session, segment_id)


def spans(session: Session, segment_id: UUID, first: date, last: date, per: str) -> list[Span]:
    """Return the days, weeks (from Monday) or months that the days first to last fall in, oldest first.

    Raises Invalid for days in the wrong order or more than MOST_DAYS of them.
    """
    if not 0 <= (last - first).days < MOST_DAYS:
        raise Invalid("from", f"choose at most {MOST_DAYS} days, the first one first")
    begin = _first_of(first, per)
    rows = session.execute(
        select(SegmentDay)
        .where(
            SegmentDay.tenant_id == db.tenant_of(session),
            SegmentDay.segment_id == segment_id,
            SegmentDay.day >= begin,
            SegmentDay.day <= last,
        )
        .order_by(SegmentDay.day)
        .execution_options(populate_existing=True)
    ).scalars()
    days: dict[date, list[SegmentDay]] = {}
    for row in rows:
        days.setdefault(_first_of(row.day, per), []).append(row)
    found, before = [], _members_before(session, segment_id, begin)
    while begin <= last:
        span = _span(begin, min(_next(begin, per) - timedelta(days=1), last), days.get(begin, []), before)
        before = span.members if span.members is not None else before
        found.append(span)
        begin = _next(begin, per)
    return found


def _span(first: date, last: date, rows: Sequence[SegmentDay], before: int | None) -> Span:
    measured = [row for row in rows if row.members is not None]
    members = measured[-1].members if measured else None
    received, converted = _sum(rows, "received"), _sum(rows, "converted")
    return Span(
        first=first,
        last=last,
        members=members,
        active_members=measured[-1].active_members if measured else None,
        growth=members - before if members is not None and before is not None else None,
        joined=_sum(rows, "joined"),
        left=_sum(rows, "left"),
        campaigns=_sum(rows, "campaigns"),
        received=received,
        converted=converted,
        conversion_rate=converted / received if received else None,
        revenue_minor=_sum(rows, "revenue_minor"),
    )


def _sum(rows: Sequence[SegmentDay], name: str) -> int:
    return sum(getattr(row, name) for row in rows)


def _members_before(session: Session, segment_id: UUID, day: date) -> int | None:
    wanted = (
        select(SegmentDay.members)
        .where(
            SegmentDay.tenant_id == db.tenant_of(session),
            SegmentDay.segment_id == segment_id,
            SegmentDay.day < day,
            SegmentDay.members.is_not(None),
        )
        .order_by(SegmentDay.day.desc())
        .limit(1)
    )
    return session.execute(wanted).scalar_one_or_none()


def _first_of(day: date, per: str) -> date:
    if per == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if per == "week" else day


def _next(first: date, per: str) -> date:
    if per == "month":
        return (first + timedelta(days=32)).replace(day=1)
    return first + timedelta(days=7 if per == "week" else 1)


def currency(session: Session) -> Any:
    """Return the currency of the revenue: the tenant's."""
    return session.get_one(Tenant, db.tenant_of(session)).currency
