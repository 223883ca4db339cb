"""Handing work on: outbox rows become task calls at least once, and a sweep finds whatever is due.

The rows are the truth. A call that is lost is rung again; one that is doubled finds nothing to do.
"""

from collections.abc import Callable, Iterable
from uuid import UUID

from sqlalchemy import func, select, text

from domain.changes import service as changes
from domain.delivery import notices, recovery
from domain.knowledge import vectors
from domain.privacy import retention
from domain.segments import membership, refresh
from kernel import db, log, outbox
from models import TenantDue

Ring = Callable[[str, UUID, UUID, UUID | None], None]
_MOST_TENANTS = 200
_FOLLOWERS = ("segments.refresh", "sequences.run")  # the tasks that read what happened to members
_TASK_OF = {
    "webhooks": "webhooks.deliver",
    "follow_ups": "follow_ups.run",
    membership.DUE: "segments.refresh",
    refresh.BEHAVIOUR: "segments.behave",
    "sequences": "sequences.run",
    "experiments": "experiments.look",
    "send_times": "send_times.count",
    vectors.DUE: "knowledge.embed",
    "analytics": "analytics.count",
    retention.DUE: retention.TASK,
}
_HIDDEN_SECONDS = 120
_LONGEST_WAIT = 3_600

_TAKE = text("""
UPDATE outbox SET due_at = clock_timestamp() + make_interval(secs => :hidden), attempts = attempts + 1
WHERE id IN (SELECT id FROM outbox WHERE tenant_id = :tenant AND due_at <= clock_timestamp()
  ORDER BY due_at LIMIT 100 FOR UPDATE SKIP LOCKED)
RETURNING id, task, arguments ->> 'id' AS subject
""")
_NEXT = text("""
WITH nearest AS (SELECT min(due_at) AS at FROM outbox WHERE tenant_id = :tenant),
gone AS (DELETE FROM tenant_due d USING nearest
  WHERE d.tenant_id = :tenant AND d.kind = 'outbox' AND nearest.at IS NULL)
UPDATE tenant_due d SET next_due_at = nearest.at FROM nearest
WHERE d.tenant_id = :tenant AND d.kind = 'outbox' AND nearest.at IS NOT NULL
""")
_DONE = text("DELETE FROM outbox WHERE tenant_id = :tenant AND id = :id")
_FAILED = text("""
UPDATE outbox SET error = :error,
  due_at = clock_timestamp() + make_interval(secs => least(:longest, 2 ^ least(attempts, 12)))
WHERE tenant_id = :tenant AND id = :id
RETURNING due_at
""")


def _due(kind: str) -> list[UUID]:
    with db.all_tenants_session("who has work") as session:
        rows = session.execute(
            select(TenantDue.tenant_id)
            .where(TenantDue.kind == kind, TenantDue.next_due_at <= func.clock_timestamp())
            .order_by(TenantDue.next_due_at)
            .limit(_MOST_TENANTS)
        )
        return list(rows.scalars())


def _due_of(tenant_id: UUID) -> set[str]:
    with db.tenant_session(tenant_id) as session:
        kinds = select(TenantDue.kind).where(
            TenantDue.tenant_id == tenant_id, TenantDue.next_due_at <= func.clock_timestamp()
        )
        return set(session.execute(kinds).scalars())


def deliver(ring: Ring) -> int:
    """Ring for every outbox row that is due; returns how many. A row stays until its task succeeded."""
    rung = 0
    for tenant_id in _due("outbox"):
        with db.tenant_session(tenant_id) as session:
            session.execute(
                select(TenantDue.kind)
                .where(TenantDue.tenant_id == tenant_id, TenantDue.kind == "outbox")
                .with_for_update()
            )
            rows = session.execute(_TAKE, {"tenant": tenant_id, "hidden": _HIDDEN_SECONDS}).all()
            session.execute(_NEXT, {"tenant": tenant_id})
        for row in rows:
            ring(row.task, tenant_id, UUID(row.subject), row.id)
            rung += 1
    return rung


def sweep(ring: Ring) -> int:
    """Do what is due for campaigns and ring for those that have messages to send; returns how many."""
    rung = _send(ring, _due("campaigns"))
    for kind, task in _TASK_OF.items():
        for tenant_id in _due(kind):
            ring(task, tenant_id, tenant_id, None)
            rung += 1
    for tenant_id in changes.stirred():
        for task in _FOLLOWERS:
            ring(task, tenant_id, tenant_id, None)
            rung += 1
    return rung


def go_on(ring: Ring, tenant_id: UUID, *, sent: bool) -> int:
    """Ring for what a run that ended has left or made of its tenant; returns how many.

    One that sent made room for others who wait to send, whoever they are. For all else of other tenants the sweep
    rings: if every run did, many who are due at once, at a midnight, would ring for each other again and again.
    """
    due = _due_of(tenant_id)
    own = [tenant_id] if "campaigns" in due else []
    rung = _send(ring, _due("campaigns") if sent else own)
    for kind in due & _TASK_OF.keys():
        ring(_TASK_OF[kind], tenant_id, tenant_id, None)
        rung += 1
    return rung


def _send(ring: Ring, tenants: Iterable[UUID]) -> int:
    rung = 0
    for tenant_id in tenants:
        with db.tenant_session(tenant_id) as session:
            running = recovery.sweep(session)
            waiting = notices.waiting(session)
        for campaign_id in running:
            ring("campaigns.send", tenant_id, campaign_id, None)
        if waiting:
            ring(notices.TASK, tenant_id, tenant_id, None)
        rung += len(running) + bool(waiting)
    return rung


def settle(tenant_id: UUID, outbox_id: UUID, error: str | None) -> None:
    """Remove an outbox row whose task succeeded; keep one that failed, with the reason, for a later try."""
    with db.tenant_session(tenant_id) as session:
        if error is None:
            session.execute(_DONE, {"tenant": tenant_id, "id": outbox_id})
            return
        due_at = session.execute(
            _FAILED, {"tenant": tenant_id, "id": outbox_id, "error": log.redact(error)[:500], "longest": _LONGEST_WAIT}
        ).scalar_one_or_none()
        if due_at is not None:
            outbox.mark_due(session, "outbox", due_at)
