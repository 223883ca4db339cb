"""Background work, written in the same transaction as its cause and rung after the commit."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from kernel import db
from kernel.ids import new_id

_INSERT = text(
    "INSERT INTO outbox (id, tenant_id, task, arguments, due_at) "
    "VALUES (:id, :tenant, :task, jsonb_build_object('id', CAST(:subject AS text)), "
    "coalesce(:due, clock_timestamp()))"
)
_DUE = text(
    "INSERT INTO tenant_due (tenant_id, kind, next_due_at) "
    "VALUES (:tenant, :kind, coalesce(:due, clock_timestamp())) "
    "ON CONFLICT (tenant_id, kind) DO UPDATE "
    "SET next_due_at = least(tenant_due.next_due_at, excluded.next_due_at)"
)
_ASKED = text("SELECT next_due_at FROM tenant_due WHERE tenant_id = :tenant AND kind = :kind")

_NUDGE = text("""
UPDATE tenant_due SET next_due_at = clock_timestamp() WHERE (tenant_id, kind) IN (
  SELECT tenant_id, kind FROM tenant_due
  WHERE tenant_id = :tenant AND kind = :kind AND next_due_at > clock_timestamp() FOR UPDATE SKIP LOCKED)
""")

Errand = tuple[str, UUID | None]  # the task to begin, for which tenant; of no tenant: the relay
RELAY: Errand = ("relay", None)

_bell: Callable[[Errand], None] | None = None


def set_bell(bell: Callable[[Errand], None] | None) -> None:
    """Give the process a way to wake a worker; without one the sweep finds the row seconds later."""
    global _bell  # noqa: PLW0603 - one process, one relay
    _bell = bell


def enqueue(session: Session, task: str, *, id: UUID, due_at: datetime | None = None) -> None:  # noqa: A002
    """Ask for `task` about the row `id`, at `due_at` or at once; at least once, after the commit."""
    tenant_id = db.tenant_of(session)
    parameters = {"id": new_id(), "tenant": tenant_id, "task": task, "subject": str(id), "due": due_at}
    session.execute(_INSERT, parameters)
    mark_due(session, "outbox", due_at)
    if due_at is None:
        db.after_commit(session, ring)


def mark_due(session: Session, kind: str, due_at: datetime | None = None) -> None:
    """Tell the dispatcher that this tenant has work of `kind`; an earlier mark stays."""
    session.execute(_DUE, {"tenant": db.tenant_of(session), "kind": kind, "due": due_at})


def expect(session: Session, kind: str, due_at: datetime) -> None:
    """Have work of `kind` looked for at `due_at` or before; writes nothing where it is, so nobody waits for the row.

    Between its look and its commit another may put the next look off: whoever looks must look again now and then.
    """
    due = session.execute(_ASKED, {"tenant": db.tenant_of(session), "kind": kind}).scalar_one_or_none()
    if due is None or due > due_at:
        mark_due(session, kind, due_at)


def nudge(session: Session, kind: str) -> None:
    """Bring work of `kind` that is due later forward to now; waits for nobody, so a mark may be missed."""
    session.execute(_NUDGE, {"tenant": db.tenant_of(session), "kind": kind})


def hurry(session: Session, kind: str, task: str) -> None:
    """Mark work of `kind` that somebody waits for, and begin `task` right after the commit, before any sweep."""
    mark_due(session, kind)
    tenant_id = db.tenant_of(session)
    db.after_commit(session, lambda: ring((task, tenant_id)))


def ring(errand: Errand = RELAY) -> None:
    """Wake a worker by the bell of this process, if it has one."""
    if _bell is not None:
        _bell(errand)
