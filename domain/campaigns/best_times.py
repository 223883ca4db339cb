"""Plans with the best time: how many hours after the planned one each member gets a message.

A member's own hour counts where there is evidence and the consent for profiling, else the hour at which the tenant's
members act most on that weekday, else the planned time. Always within the window, never in quiet hours.
"""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, SQLColumnExpression, and_, case, func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import CTE

from domain.campaigns import schedule, zones
from kernel import clock, db
from models import Campaign, Consent, MemberHours, SendTimeState, Tenant

MEMBER, TENANT, PLANNED = "member", "tenant", "planned"
_DAY = 24


def quiet_hours(begin: str, end: str) -> frozenset[int]:
    """Return the hours of the day that lie, also in part, within quiet hours such as 20:00 to 08:00."""
    first, last = time.fromisoformat(begin), time.fromisoformat(end)
    if first == last:
        return frozenset()
    return frozenset(hour for hour in range(_DAY) if any(_is_quiet(time(hour, m), first, last) for m in range(60)))


def _is_quiet(at: time, begin: time, end: time) -> bool:
    return (at >= begin or at < end) if begin > end else begin <= at < end


def of_tenant(session: Session, campaign: Campaign, at: datetime | None = None) -> int | None:
    """Return the hours after the planned time at which the tenant's members act most; None where nothing says so.

    `at` is the wall time where it is not the planned day.
    """
    state = session.get(SendTimeState, campaign.tenant_id)
    days = (state.advice if state else {}).get(campaign.channel, {}).get("days", {})
    wish = campaign.schedule or {}
    at = at or datetime.fromisoformat(wish["at"])
    weights = [_weight(days, at + timedelta(hours=n)) for n in range((schedule.window(wish) or 0) + 1)]
    best = max(weights)
    return weights.index(best) if best > 0 else None


def _weight(days: dict[str, list[float]], wall: datetime) -> float:
    return days.get(str(wall.isoweekday()), [0.0] * _DAY)[wall.hour]


def chosen(
    session: Session,
    campaign: Campaign,
    rounds: Mapping[int, Mapping[str | None, datetime]],
    zone: SQLColumnExpression[str | None],
    member_id: SQLColumnExpression[Any],
    *,
    at: datetime | None = None,
) -> ColumnElement[datetime]:
    """Return the instant for a member of a statement: the planned one, or so many hours later where that is better.

    `rounds` are the instants per zone, by the hours after the planned time: 0, and those of the plan's window. `at` is
    the wall time where it is not the planned day.
    """
    planned = rounds[0]
    begin = zones.choose(session, planned, zone, member_id)
    if len(rounds) == 1:
        return begin
    offset = func.coalesce(_own(session, campaign, member_id), of_tenant(session, campaign, at) or 0)
    if all(at == planned[name] + timedelta(hours=n) for n, found in rounds.items() for name, at in found.items()):
        return begin + func.make_interval(0, 0, 0, 0, offset)
    by_offset = {n: zones.choose(session, found, zone, member_id) for n, found in rounds.items() if n}
    return case(by_offset, value=offset, else_=begin)  # a clock is changed meanwhile


def _own(session: Session, campaign: Campaign, member_id: SQLColumnExpression[Any]) -> ScalarSelect[int]:
    """The hours after the planned time that a member's own best one lies; null without evidence or consent."""
    wish = campaign.schedule or {}
    tenant = session.get_one(Tenant, db.tenant_of(session))
    start = datetime.fromisoformat(wish["at"]).hour
    after = (MemberHours.best_hour + (_DAY - start)) % _DAY
    granted = and_(
        Consent.tenant_id == MemberHours.tenant_id,
        Consent.member_id == MemberHours.member_id,
        Consent.channel == MemberHours.channel,
        Consent.purpose == "profiling",
        Consent.state == "granted",
        Consent.expires_at.is_(None) | (Consent.expires_at > clock.now()),
    )
    return (
        select(after)
        .join(Consent, granted)
        .where(
            MemberHours.tenant_id == campaign.tenant_id,
            MemberHours.member_id == member_id,
            MemberHours.channel == campaign.channel,
            MemberHours.best_hour.not_in(sorted(quiet_hours(tenant.quiet_from, tenant.quiet_until))),
            after <= (schedule.window(wish) or 0),
        )
        .scalar_subquery()
    )


def kinds(session: Session, campaign: Campaign, judged: CTE) -> dict[str, int]:
    """Count on what the time of each member who will get it rests; nothing for plans without the best time."""
    if schedule.window(campaign.schedule or {}) is None:
        return {}
    own = _own(session, campaign, judged.c.member_id)
    row = session.execute(
        select(func.count().label("all"), func.count(own).label("own")).where(judged.c.reason.is_(None))
    ).one()
    others = TENANT if of_tenant(session, campaign) is not None else PLANNED
    return {MEMBER: row.own, others: row.all - row.own}
