"""Limits are spent as reservations: held at approval or creation, consumed at hand-over, given back on cancel."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.plans.catalog import FEATURES, LIMITS, Feature, Limit, Tier
from kernel import clock, db
from kernel.errors import PlanLimit
from kernel.ids import new_id
from models import PlanReservation, PlanUsage, Tenant

_STANDING = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Meter:
    """One line of `GET /plan`."""

    limit: Limit
    allowed: int | None
    used: int
    resets_at: datetime | None


def _tenant(session: Session) -> Tenant:
    return session.get_one(Tenant, db.tenant_of(session))


def period_of(limit: Limit, zone: str, at: datetime) -> date:
    """Return the first day of the month that `at` falls in, in the tenant's zone."""
    return _STANDING if limit.per == "standing" else at.astimezone(ZoneInfo(zone)).date().replace(day=1)


def resets_at(limit: Limit, zone: str, at: datetime) -> datetime | None:
    """Return the instant at which the next month begins in the tenant's zone."""
    if limit.per == "standing":
        return None
    first = period_of(limit, zone, at)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return datetime.combine(following, time(), ZoneInfo(zone)).astimezone(UTC)


def spend(session: Session, limit: Limit, subject_id: UUID) -> None:
    """Reserve one unit for a subject; a second call for the same subject changes nothing.

    Raises PlanLimit with limit, used, reset and the tier that lifts it. Parallel callers cannot pass the limit.
    """
    tenant = _tenant(session)
    period = period_of(limit, tenant.time_zone, clock.now())
    key = {"tenant_id": tenant.id, "limit_key": limit.key, "period": period}
    session.execute(insert(PlanUsage).values(id=new_id(), used=0, **key).on_conflict_do_nothing())
    used = session.execute(select(PlanUsage.used).filter_by(**key).with_for_update()).scalar_one()
    if _reservation(session, limit, subject_id) is not None:
        return
    allowed = limit.amount(Tier(tenant.tier))
    if allowed is not None and used >= allowed:
        raise _refusal(limit, tenant, used, allowed)
    session.execute(update(PlanUsage).filter_by(**key).values(used=PlanUsage.used + 1))
    session.add(PlanReservation(subject_id=subject_id, state="reserved", **key))
    session.flush()


def _reservation(session: Session, limit: Limit, subject_id: UUID) -> PlanReservation | None:
    return session.execute(
        select(PlanReservation).where(
            PlanReservation.tenant_id == db.tenant_of(session),
            PlanReservation.limit_key == limit.key,
            PlanReservation.subject_id == subject_id,
            PlanReservation.state != "released",
        )
    ).scalar_one_or_none()


def _refusal(limit: Limit, tenant: Tenant, used: int, allowed: int) -> PlanLimit:
    resets = resets_at(limit, tenant.time_zone, clock.now())
    lifted = limit.lifted_by(Tier(tenant.tier))
    ways = [f"upgrade to {lifted.value}"] if lifted else []
    ways += [f"wait until {resets.isoformat()}"] if resets else ["delete one that is no longer needed"]
    return PlanLimit(
        f"The plan {tenant.tier} allows {allowed} {limit.label_en.lower()}"
        f"{' a month' if limit.per == 'month' else ''}; {used} are used. Way out: {' or '.join(ways)}.",
        limit=limit.key,
        allowed=allowed,
        used=used,
        resets_at=resets.isoformat() if resets else None,
        lifted_by=lifted.value if lifted else None,
    )


def consume(session: Session, limit: Limit, subject_id: UUID) -> None:
    """Turn the subject's reservation into use that is never given back."""
    reservation = _reservation(session, limit, subject_id)
    if reservation is not None and reservation.state == "reserved":
        reservation.state, reservation.settled_at = "consumed", clock.now()


def release(session: Session, limit: Limit, subject_id: UUID) -> None:
    """Give the subject's reservation back; what was consumed stays, except for standing limits."""
    reservation = _reservation(session, limit, subject_id)
    if reservation is None or (reservation.state == "consumed" and limit.per == "month"):
        return
    reservation.state, reservation.settled_at = "released", clock.now()
    session.execute(
        update(PlanUsage)
        .where(
            PlanUsage.tenant_id == reservation.tenant_id,
            PlanUsage.limit_key == limit.key,
            PlanUsage.period == reservation.period,
        )
        .values(used=PlanUsage.used - 1)
    )


def require(session: Session, feature: Feature) -> str:
    """Return the level of a feature; raises PlanLimit naming the first tier that has it."""
    tenant = _tenant(session)
    level = feature.level(Tier(tenant.tier))
    if level is None:
        tier = feature.first_tier()
        raise PlanLimit(
            f"The plan {tenant.tier} has no {feature.label_en}. Way out: upgrade to {tier.value}.",
            limit=feature.key,
            allowed=0,
            used=0,
            resets_at=None,
            lifted_by=tier.value,
        )
    return level


def meters(session: Session) -> list[Meter]:
    """Return every limit of the tenant's plan with what is used of it now."""
    tenant = _tenant(session)
    now = clock.now()
    lines = []
    for limit in LIMITS.values():
        used = session.execute(
            select(PlanUsage.used).where(
                PlanUsage.tenant_id == tenant.id,
                PlanUsage.limit_key == limit.key,
                PlanUsage.period == period_of(limit, tenant.time_zone, now),
            )
        ).scalar_one_or_none()
        resets = resets_at(limit, tenant.time_zone, now)
        lines.append(Meter(limit, limit.amount(Tier(tenant.tier)), used or 0, resets))
    return lines


def features(session: Session) -> dict[str, Any]:
    """Return the level of every feature in the tenant's plan."""
    tier = Tier(_tenant(session).tier)
    return {key: feature.level(tier) for key, feature in FEATURES.items()}
