"""Changing a tenant's tier, at once or when the next month begins; operators do that, tenants cannot."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.plans import service as plans
from domain.plans.catalog import BROADCASTS, Tier
from domain.segments import service as segments
from domain.tiers import consequences
from domain.tiers.consequences import Outlook
from domain.webhooks import events
from kernel import clock, db, outbox
from kernel.errors import Conflict, Invalid
from models import PlanChange, Tenant

TASK = "plans.change"


def preview(session: Session, tier: Tier) -> Outlook:
    """Say what a change would bring now. Raises Conflict where the tenant has this tier."""
    _other_tier(session.get_one(Tenant, db.tenant_of(session)), tier)
    return consequences.look(session, tier)


def planned(session: Session) -> PlanChange | None:
    """Return the change that is to come, if any."""
    own = PlanChange.tenant_id == db.tenant_of(session)
    return session.execute(select(PlanChange).where(own, PlanChange.state == "planned")).scalar_one_or_none()


def history(session: Session) -> Select[PlanChange]:
    """Return the statement of the tenant's changes, the newest first."""
    return select(PlanChange).where(PlanChange.tenant_id == db.tenant_of(session)).order_by(PlanChange.id.desc())


def change(session: Session, tier: Tier, *, reason: str, actor: str) -> PlanChange:
    """Change the tier at once; a planned change gives way.

    Raises Conflict where the tenant has this tier, Invalid without a reason.
    """
    tenant = _locked(session)
    _check(tenant, tier, reason)
    _withdraw(session, actor)
    row = _row(tenant, tier, reason, actor, at=clock.now(), state="done")
    session.add(row)
    _apply(session, tenant, row)
    return row


def plan_for_next_month(session: Session, tier: Tier, *, reason: str, actor: str) -> PlanChange:
    """Change the tier when the tenant's next month begins; one that was planned before gives way.

    Raises as `change`.
    """
    tenant = _locked(session)
    _check(tenant, tier, reason)
    _withdraw(session, actor)
    at = plans.resets_at(BROADCASTS, tenant.time_zone, clock.now())
    if at is None:  # pragma: no cover - a monthly limit has a next month
        raise Invalid("at", "the limit has no months")
    row = _row(tenant, tier, reason, actor, at=at, state="planned")
    session.add(row)
    session.flush()
    outbox.enqueue(session, TASK, id=row.id, due_at=at)
    audit.append(session, actor=actor, action="plan.planned", subject=str(tenant.id), tier=tier, at=at, reason=reason)
    return row


def withdraw(session: Session, *, actor: str) -> bool:
    """Take the planned change back; False where there is none."""
    _locked(session)
    return _withdraw(session, actor)


def come_due(session: Session, change_id: UUID) -> bool:
    """Do a planned change whose time has come; repeatable. Returns whether it was done now."""
    tenant = _locked(session)
    row = db.own(session, PlanChange, change_id, "plan change")
    session.refresh(row)
    if row.state != "planned":
        return False
    if row.at > clock.now():  # the clocks of two machines differ: ask again then
        outbox.enqueue(session, TASK, id=row.id, due_at=row.at)
        return False
    if tenant.tier == row.to_tier:
        row.state, row.settled_at = "withdrawn", clock.now()
        return False
    row.from_tier, row.state = tenant.tier, "done"
    _apply(session, tenant, row)
    return True


def _locked(session: Session) -> Tenant:
    return session.execute(
        select(Tenant)
        .where(Tenant.id == db.tenant_of(session))
        .with_for_update(key_share=True)  # who only refers to the tenant goes on
        .execution_options(populate_existing=True)
    ).scalar_one()


def _check(tenant: Tenant, tier: Tier, reason: str) -> None:
    if not reason.strip():
        raise Invalid("reason", "say why the tier changes; it stands in the audit trail")
    _other_tier(tenant, tier)


def _other_tier(tenant: Tenant, tier: Tier) -> None:
    if tenant.tier == tier:
        raise Conflict(f"The tenant has the plan {tier} already.", code="same_tier")


def _row(tenant: Tenant, tier: Tier, reason: str, actor: str, *, at: datetime, state: str) -> PlanChange:
    return PlanChange(
        tenant_id=tenant.id,
        from_tier=tenant.tier,
        to_tier=tier,
        reason=reason.strip(),
        state=state,
        at=at,
        consequences={},
        created_by=actor,
    )


def _withdraw(session: Session, actor: str) -> bool:
    row = planned(session)
    if row is None:
        return False
    row.state, row.settled_at = "withdrawn", clock.now()
    audit.append(session, actor=actor, action="plan.withdrawn", subject=str(row.tenant_id), tier=row.to_tier)
    session.flush()
    return True


def _apply(session: Session, tenant: Tenant, row: PlanChange) -> None:
    tier, actor = Tier(row.to_tier), row.created_by or "system"
    segments.alone(session)  # before the limits, as whoever makes one does
    plans.hold_still(session)
    outlook = consequences.look(session, tier)
    tenant.tier = tier
    row.settled_at, row.consequences = clock.now(), outlook.as_json()
    session.flush()
    consequences.apply(session, outlook, actor=actor)
    counts = {name: len(getattr(outlook, name)) for name in ("stops", "holds", "resumes")}
    tiers = {"from_tier": row.from_tier, "to_tier": row.to_tier}
    about = {"reason": row.reason, "counts": counts}
    audit.append(session, actor=actor, action="plan.change", subject=str(tenant.id), **tiers, **about)
    events.emit(session, "crm.plan.changed", aggregate="tenant", id=tenant.id, **tiers, **counts)
    session.flush()
