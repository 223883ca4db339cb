"""Figures that are read when somebody asks: how late work is, and how much of it waits.

Only the dispatcher's map and small open queues are read, each by its index: `tenant_due` by (kind, next_due_at), the
outbox of tenants that are due by (tenant_id, due_at). No table of messages or deliveries is counted.
"""

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kernel import db
from models import Outbox, TenantDue

KINDS = ("campaigns", "outbox", "webhooks")
_MOST_TENANTS = 100


def live() -> bytes:
    """Return the figures in Prometheus' text form; without a database the one that says so."""
    registry = CollectorRegistry()
    up = Gauge("ariia_database_up", "1 while the database answers.", registry=registry)
    try:
        with db.all_tenants_session("figures") as session:
            _queues(session, registry)
            _outbox(session, registry)
    except Exception:  # noqa: BLE001 - any failure means: it does not answer, and the other figures are still wanted
        up.set(0)
        registry = CollectorRegistry()
        registry.register(up)
        return generate_latest(registry)
    up.set(1)
    return generate_latest(registry)


def _queues(session: Session, registry: CollectorRegistry) -> None:
    age = Gauge("ariia_oldest_open_age_seconds", "How long the most overdue tenant waits.", ["kind"], registry=registry)
    waiting = Gauge("ariia_tenants_due", "Tenants with work that is due, at most 100.", ["kind"], registry=registry)
    for kind in KINDS:
        due = (
            select(TenantDue.next_due_at)
            .where(TenantDue.kind == kind, TenantDue.next_due_at <= func.clock_timestamp())
            .order_by(TenantDue.next_due_at)
            .limit(_MOST_TENANTS)
            .subquery()
        )
        oldest = func.extract("epoch", func.clock_timestamp() - func.min(due.c.next_due_at))
        row = session.execute(select(func.coalesce(oldest, 0), func.count(due.c.next_due_at))).one()
        age.labels(kind).set(float(row[0]))
        waiting.labels(kind).set(row[1])


def _outbox(session: Session, registry: CollectorRegistry) -> None:
    depth = Gauge("ariia_outbox_depth", "Outbox rows of the 100 most overdue tenants.", registry=registry)
    tenants = session.execute(
        select(TenantDue.tenant_id)
        .where(TenantDue.kind == "outbox")
        .order_by(TenantDue.next_due_at)
        .limit(_MOST_TENANTS)
    ).scalars()
    total = 0
    for tenant_id in tenants.all():
        db.set_tenant(session, tenant_id)
        rows = select(func.count()).select_from(Outbox).where(Outbox.tenant_id == tenant_id)
        total += session.execute(rows).scalar_one()
    depth.set(total)
