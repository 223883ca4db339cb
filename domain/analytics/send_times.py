"""Counting when people act on messages, and what one member's own hours say.

The first open and the first click of a message count, each once, at the hour that the clock of the tenant, and of the
member, showed. A trigger leaves a row for every change of the two; counting deletes the rows in its own transaction,
so a change is counted once whenever it was committed, also one that comes late or takes an earlier one back.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.analytics import heatmap
from domain.analytics.heatmap import HOURS, Surface
from domain.campaigns import best_times
from domain.identity import tenants
from domain.plans import catalog
from domain.plans import service as plans
from kernel import clock, db, outbox
from models import ActHour, Consent, Member, MemberHours, SendTimeState, Tenant, TenantDue

DUE = "send_times"
TASK = "send_times.count"
EVERY = timedelta(seconds=60)
MOST = 20_000
FEWEST_ACTS = 5
_IDLE = timedelta(minutes=10)

_CELLS = """
SELECT CAST(:tenant AS uuid), c.clock, a.channel, a.kind, extract(isodow FROM c.wall)::smallint AS weekday,
  extract(hour FROM c.wall)::smallint AS hour, sum(a.sign)::int AS n
FROM acts a
CROSS JOIN LATERAL (VALUES ('tenant', a.at AT TIME ZONE :zone), ('member', a.at AT TIME ZONE a.zone)) AS c(clock, wall)
GROUP BY c.clock, a.channel, a.kind, 5, 6 HAVING sum(a.sign) <> 0
ORDER BY c.clock, a.channel, a.kind, 5, 6
"""
_INTO = "INSERT INTO act_hour (tenant_id, clock, channel, kind, weekday, hour, n)"
_WEIGHTS = (
    "ARRAY["
    + ", ".join(
        f"greatest(-32000, least(32000, coalesce(sum(a.weight) FILTER (WHERE a.hour = {n}), 0)))" for n in range(24)
    )
    + "]::smallint[]"
)
_COUNT = text(f"""
WITH taken AS (
  DELETE FROM act_change WHERE tenant_id = :tenant AND id IN (
    SELECT id FROM act_change WHERE tenant_id = :tenant ORDER BY id LIMIT :most)
  RETURNING message_id, kind, before, after
), acts AS MATERIALIZED (
  SELECT m.member_id, m.channel, t.kind, v.at, v.sign, coalesce(b.time_zone, m.zone, :zone) AS zone
  FROM taken t
  JOIN message m ON m.tenant_id = :tenant AND m.id = t.message_id AND m.campaign_id IS NOT NULL
  LEFT JOIN member b ON b.tenant_id = :tenant AND b.id = m.member_id
  CROSS JOIN LATERAL (VALUES (t.before, -1), (t.after, 1)) AS v(at, sign)
  WHERE v.at IS NOT NULL
), counted AS (
  {_INTO} {_CELLS}
  ON CONFLICT (tenant_id, clock, channel, kind, weekday, hour) DO UPDATE SET n = act_hour.n + excluded.n
), hours AS (
  SELECT a.member_id, a.channel, {_WEIGHTS} AS weights, sum(a.sign)::int AS acts
  FROM (SELECT *, extract(hour FROM at AT TIME ZONE zone) AS hour,
    sign * CASE kind WHEN 'clicked' THEN 100 ELSE 50 END AS weight FROM acts WHERE member_id IS NOT NULL) a
  WHERE EXISTS (SELECT 1 FROM consent c WHERE c.tenant_id = :tenant AND c.member_id = a.member_id
    AND c.channel = a.channel AND c.purpose = 'profiling' AND c.state = 'granted'
    AND (c.expires_at IS NULL OR c.expires_at > clock_timestamp()))
  GROUP BY a.member_id, a.channel
), kept AS (
  INSERT INTO member_hours (tenant_id, member_id, channel, hours, acts, best_hour)
  SELECT CAST(:tenant AS uuid), h.member_id, h.channel, h.weights, h.acts,
    CASE WHEN h.acts >= :fewest THEN clear_hour(h.weights) END FROM hours h
  WHERE h.acts > 0 OR EXISTS (SELECT 1 FROM member_hours k
    WHERE k.tenant_id = :tenant AND k.member_id = h.member_id AND k.channel = h.channel)
  ORDER BY h.member_id, h.channel
  ON CONFLICT (tenant_id, member_id, channel) DO UPDATE SET hours = merge_hours(member_hours.hours, excluded.hours),
    acts = member_hours.acts + excluded.acts,
    best_hour = CASE WHEN member_hours.acts + excluded.acts >= :fewest
      THEN clear_hour(merge_hours(member_hours.hours, excluded.hours)) END, updated_at = clock_timestamp()
)
SELECT count(*) FROM taken
""")  # noqa: S608 - words of our own
# The messages as they are now, and the changes that they already show, in one snapshot.
_COUNT_ALL = text(f"""
WITH gone AS (DELETE FROM act_change WHERE tenant_id = :tenant),
acts AS (
  SELECT m.channel, v.kind, v.at, 1 AS sign, coalesce(b.time_zone, m.zone, :zone) AS zone
  FROM message m LEFT JOIN member b ON b.tenant_id = :tenant AND b.id = m.member_id
  CROSS JOIN LATERAL (VALUES ('opened', m.first_opened_at), ('clicked', m.first_clicked_at)) AS v(kind, at)
  WHERE m.tenant_id = :tenant AND m.campaign_id IS NOT NULL AND v.at IS NOT NULL
)
{_INTO} {_CELLS}
""")  # noqa: S608 - words of our own


def run(tenant_id: UUID) -> int:
    """Count what changed, in slices, and look again in a minute while people act; returns how many changes it was."""
    done = 0
    while True:
        with db.tenant_session(tenant_id) as session:
            slice_ = count(session)
            done += slice_
            if slice_ < MOST:
                _look_again(session, found=done > 0)
                return done


def _look_again(session: Session, *, found: bool) -> None:
    """Set the next look: in a minute while people act, else in ten."""
    key = {"tenant_id": db.tenant_of(session), "kind": DUE}
    at = clock.now() + (EVERY if found else _IDLE)
    statement = insert(TenantDue).values(next_due_at=at, **key)
    session.execute(statement.on_conflict_do_update(index_elements=list(key), set_={"next_due_at": at}))


def count(session: Session, most: int = MOST) -> int:
    """Count up to `most` changes; returns how many. The first time, and in another zone, all messages are counted."""
    tenant = tenants.current(session)
    state = _state(session, tenant)
    asked = {"tenant": tenant.id, "zone": tenant.time_zone}
    if state.zone != tenant.time_zone:
        session.execute(delete(ActHour).where(ActHour.tenant_id == tenant.id))
        done = session.execute(_COUNT_ALL, asked).rowcount  # type: ignore[attr-defined]
        state.zone = tenant.time_zone
    else:
        done = session.execute(_COUNT, {**asked, "most": most, "fewest": FEWEST_ACTS}).scalar_one()
    if done:
        state.counted_at = clock.now()
        state.advice = advice(session, tenant)
    session.flush()
    return int(done)


def _state(session: Session, tenant: Tenant) -> SendTimeState:
    """Return the tenant's state, locked: one counts at a time."""
    new = insert(SendTimeState).values(tenant_id=tenant.id, zone="", counted_at=clock.now())
    session.execute(new.on_conflict_do_nothing())
    return session.execute(
        select(SendTimeState)
        .where(SendTimeState.tenant_id == tenant.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()


Clock = Literal["tenant", "member"]


@dataclass(frozen=True, slots=True)
class Heatmap:
    """What is known about a channel on a clock; `counted_at` is None while nothing was counted yet."""

    channel: str
    clock: Clock
    zone: str
    counted_at: datetime | None
    surface: Surface


def show(session: Session, *, channel: str = "email", clock_: Clock = "tenant") -> Heatmap:
    """Return the heatmap of a channel. Raises PlanLimit below the plan that has it."""
    plans.require_level(session, catalog.ANALYTICS, "advanced")
    tenant = tenants.current(session)
    state = session.get(SendTimeState, tenant.id)
    if state is None or state.zone != tenant.time_zone:
        outbox.mark_due(session, DUE)
    surface = _surface(session, tenant, channel, clock_)
    return Heatmap(channel, clock_, tenant.time_zone, state.counted_at if state else None, surface)


def _surface(session: Session, tenant: Tenant, channel: str, clock_: Clock) -> Surface:
    """Read a channel's hours. A cell below nothing waits for the next slice, which has what was taken back from it."""
    rows = session.execute(
        select(ActHour.kind, ActHour.weekday, ActHour.hour, ActHour.n).where(
            ActHour.tenant_id == tenant.id, ActHour.clock == clock_, ActHour.channel == channel
        )
    ).all()
    quiet = best_times.quiet_hours(tenant.quiet_from, tenant.quiet_until)
    clicked, opened = (
        heatmap.read(kind, {(row.weekday, row.hour): max(row.n, 0) for row in rows if row.kind == kind}, quiet)
        for kind in ("clicked", "opened")
    )
    return heatmap.better(clicked, opened)


def advice(session: Session, tenant: Tenant) -> dict[str, Any]:
    """Return, per channel whose hours say something, 24 weights for each weekday on the members' clocks.

    Hours that are quiet weigh nothing. This is what plans with the best time rest on for members without evidence.
    """
    channels = session.execute(select(ActHour.channel).where(ActHour.tenant_id == tenant.id).distinct()).scalars()
    found: dict[str, Any] = {}
    for channel in sorted(channels):
        surface = _surface(session, tenant, channel, "member")
        if surface.basis != "none":
            found[channel] = {"basis": surface.basis, "days": _days(surface)}
    return found


def _days(surface: Surface) -> dict[str, list[float]]:
    days = {str(day): [0.0] * len(HOURS) for day in heatmap.WEEKDAYS}
    for cell in surface.cells:
        if not cell.quiet and cell.index is not None:
            days[str(cell.weekday)][cell.hour] = cell.index
    return days


@dataclass(frozen=True, slots=True)
class OfMember:
    """When to write to a member, on the member's clock; `source` says whose acts that rests on, `acts` how many.

    `why` is a code: enough, too_few, scattered, quiet, no_consent; the last four say why it is not the member's own.
    """

    source: Literal["member", "tenant", "default"]
    why: str
    weekday: int | None
    hour: int
    acts: int
    zone: str


def of_member(session: Session, member_id: UUID, *, channel: str = "email") -> OfMember:
    """Return the recommended hour of a member: the own one with evidence and consent, else the tenant's.

    Where that has none either, it is a stated default. Raises NotFound, and PlanLimit below the plan that has it.
    """
    plans.require_level(session, catalog.ANALYTICS, "advanced")
    member = db.own(session, Member, member_id, "member")
    tenant = tenants.current(session)
    zone = member.time_zone or tenant.time_zone
    acts, hour, why = _own(session, tenant, member, channel)
    if hour is not None:
        return OfMember("member", why, None, hour, acts, zone)
    surface = _surface(session, tenant, channel, "member")
    source: Literal["tenant", "default"] = "default" if surface.best.is_default else "tenant"
    return OfMember(source, why, surface.best.weekday, surface.best.hour, surface.total, zone)


def _own(session: Session, tenant: Tenant, member: Member, channel: str) -> tuple[int, int | None, str]:
    """Return how often the member acted, the hour that stands out, and why there is none."""
    granted = session.execute(
        select(Consent.id).where(
            Consent.tenant_id == tenant.id,
            Consent.member_id == member.id,
            Consent.channel == channel,
            Consent.purpose == "profiling",
            Consent.state == "granted",
            Consent.expires_at.is_(None) | (Consent.expires_at > clock.now()),
        )
    ).scalar_one_or_none()
    if granted is None or member.restricted:
        return 0, None, "no_consent"
    row = session.get(MemberHours, (tenant.id, member.id, channel))
    if row is None or row.acts < FEWEST_ACTS:
        return row.acts if row else 0, None, "too_few"
    if row.best_hour is None:
        return row.acts, None, "scattered"
    if row.best_hour in best_times.quiet_hours(tenant.quiet_from, tenant.quiet_until):
        return row.acts, None, "quiet"
    return row.acts, row.best_hour, "enough"
