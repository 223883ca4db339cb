"""Limits are spent as reservations: held at approval or creation, consumed at hand-over, given back on cancel."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Function, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from domain.plans import words
from domain.plans.catalog import FEATURES, LIMITS, Feature, Limit, Tier
from kernel import clock, db
from kernel.errors import PlanLimit
from kernel.ids import new_id
from models import PlanReservation, PlanUsage, Tenant

_STANDING = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Meter:
    """One line of `GET /plan`: `reserved` of the `used` may still be given back; `zone` is whose months are meant."""

    limit: Limit
    tier: Tier
    allowed: int | None
    used: int
    reserved: int
    resets_at: datetime | None
    zone: str

    @property
    def next_tier(self) -> Tier | None:
        return self.limit.lifted_by(self.tier)


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
    key, used = _locked(session, tenant, limit)
    if _reservation(session, limit, subject_id) is not None:
        return
    allowed = limit.amount(_tier(session))
    if allowed is not None and used >= allowed:
        raise _refusal(limit, tenant, _tier(session), used, allowed)
    session.execute(update(PlanUsage).filter_by(**key).values(used=PlanUsage.used + 1))
    session.add(PlanReservation(subject_id=subject_id, state="reserved", **key))
    session.flush()


def switch_on(session: Session, limit: Limit, active: Callable[[], int]) -> None:
    """Let one more thing of a standing limit work, where `active()` says how many others do.

    For what a plan holds more of than it may use, after a downgrade. Raises PlanLimit. Parallel callers wait for
    each other, so that they cannot pass the limit.
    """
    tenant = _tenant(session)
    _locked(session, tenant, limit)
    allowed = limit.amount(_tier(session))
    if allowed is not None and (working := active()) >= allowed:
        raise _refusal(limit, tenant, _tier(session), working, allowed)


def alone(session: Session, limit: Limit) -> None:
    """Let nobody else take or give back one of a limit until this transaction ends.

    For whoever also locks what the limit counts: a change of tier asks in this order too, so that nobody waits for
    another in a circle.
    """
    _locked(session, _tenant(session), limit)


def hold_still(session: Session) -> None:
    """Let nobody add to the standing limits until this transaction ends; whoever waited sees the tier it leaves."""
    for limit in LIMITS.values():
        if limit.per == "standing":
            alone(session, limit)


def _locked(session: Session, tenant: Tenant, limit: Limit) -> tuple[dict[str, object], int]:
    """Lock the counter of the running period; returns its key and what is used."""
    period = period_of(limit, tenant.time_zone, clock.now())
    key: dict[str, object] = {"tenant_id": tenant.id, "limit_key": limit.key, "period": period}
    session.execute(insert(PlanUsage).values(id=new_id(), used=0, **key).on_conflict_do_nothing())
    used = session.execute(select(PlanUsage.used).filter_by(**key).with_for_update()).scalar_one()
    return key, used


def _tier(session: Session, *, lasting: bool = False) -> Tier:
    """Return the tier as it is committed now: who waited for a lock sees a change that came before.

    With `lasting` a change waits until this transaction ends.
    """
    statement = select(Tenant.tier).where(Tenant.id == db.tenant_of(session))
    return Tier(session.execute(statement.with_for_update(read=True) if lasting else statement).scalar_one())


def _reservation(session: Session, limit: Limit, subject_id: UUID, *, lock: bool = False) -> PlanReservation | None:
    """Return what is held for a subject as it is committed now; with `lock` nobody else settles it meanwhile."""
    statement = select(PlanReservation).where(
        PlanReservation.tenant_id == db.tenant_of(session),
        PlanReservation.limit_key == limit.key,
        PlanReservation.subject_id == subject_id,
        PlanReservation.state != "released",
    )
    statement = statement.with_for_update() if lock else statement
    return session.execute(statement.execution_options(populate_existing=True)).scalar_one_or_none()


def _refusal(limit: Limit, tenant: Tenant, tier: Tier, used: int, allowed: int) -> PlanLimit:
    resets = resets_at(limit, tenant.time_zone, clock.now())
    lifted = limit.lifted_by(tier)
    said = words.used_up(limit, tier, used, resets, tenant.time_zone)
    return PlanLimit(
        said.pop("en"),
        translations=said,
        limit=limit.key,
        allowed=allowed,
        used=used,
        resets_at=resets.isoformat() if resets else None,
        lifted_by=lifted.value if lifted else None,
    )


def consume(session: Session, limit: Limit, subject_id: UUID) -> None:
    """Turn the subject's reservation into use that is never given back."""
    reservation = _reservation(session, limit, subject_id)
    if reservation is None or reservation.state == "consumed":
        return  # every batch of a campaign asks: only the first one waits for whoever gives it back
    reservation = _reservation(session, limit, subject_id, lock=True)
    if reservation is not None and reservation.state == "reserved":
        reservation.state, reservation.settled_at = "consumed", clock.now()


def release(session: Session, limit: Limit, subject_id: UUID) -> None:
    """Give the subject's reservation back, once; what was consumed stays, except for standing limits."""
    reservation = _reservation(session, limit, subject_id, lock=True)
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


def require(session: Session, feature: Feature, *, lasting: bool = False) -> str:
    """Return the level of a feature; raises PlanLimit naming the first tier that has it.

    With `lasting` no change of tier comes between this and the end of the transaction: for what goes on working
    afterwards, so that the change finds and stops it. Ask before anything of the tenant is locked.
    """
    tier = _tier(session, lasting=lasting)
    level = feature.level(tier)
    if level is None:
        raise _missing(feature, tier, None)
    return level


def require_level(session: Session, feature: Feature, level: str) -> str:
    """Return the level of a feature when it is at least `level`.

    Raises PlanLimit naming the first tier that has at least that level, ValueError for a level nobody has.
    """
    tier = _tier(session)
    mine = feature.level(tier)
    if mine is None or not feature.reaches(tier, level):
        raise _missing(feature, tier, level)
    return mine


def _missing(feature: Feature, tier: Tier, level: str | None) -> PlanLimit:
    lifted = feature.first_tier() if level is None else feature.first_with(level)
    said = words.missing(feature, tier, level, lifted)
    return PlanLimit(
        said.pop("en"),
        translations=said,
        limit=feature.key,
        allowed=0,
        used=0,
        resets_at=None,
        lifted_by=lifted.value,
        **({"needs": level} if level else {}),
    )


def meters(session: Session) -> list[Meter]:
    """Return every limit of the tenant's plan with what is used of it now."""
    tenant = _tenant(session)
    tier = Tier(tenant.tier)
    now = clock.now()
    keys = {limit.key: (limit.key, period_of(limit, tenant.time_zone, now)) for limit in LIMITS.values()}
    used = _per_limit(session, PlanUsage, func.sum(PlanUsage.used), keys.values())
    monthly = [keys[limit.key] for limit in LIMITS.values() if limit.per == "month"]
    held = _per_limit(session, PlanReservation, func.count(), monthly, PlanReservation.state == "reserved")
    return [
        Meter(limit, tier, limit.amount(tier), used.get(key, 0), held.get(key, 0), resets, tenant.time_zone)
        for key, limit in LIMITS.items()
        for resets in (resets_at(limit, tenant.time_zone, now),)
    ]


def _per_limit(
    session: Session,
    table: type[PlanUsage | PlanReservation],
    figure: Function[int],
    keys: Iterable[tuple[str, date]],
    *conditions: ColumnElement[bool],
) -> dict[str, int]:
    """Return a figure of a table for each limit in its period, with one statement."""
    rows = session.execute(
        select(table.limit_key, figure)
        .where(
            table.tenant_id == db.tenant_of(session),
            tuple_(table.limit_key, table.period).in_(list(keys)),
            *conditions,
        )
        .group_by(table.limit_key)
    )
    return {key: int(n) for key, n in rows}


def features(session: Session) -> dict[str, str | None]:
    """Return the level of every feature in the tenant's plan."""
    tier = _tier(session)
    return {key: feature.level(tier) for key, feature in FEATURES.items()}
