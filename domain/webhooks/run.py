"""Delivering what is due for a tenant: lines side by side, each in its order, and never a transaction around a call."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.webhooks import deliveries, rules
from domain.webhooks.deliveries import Item, Taken
from domain.webhooks.events import DUE
from domain.webhooks.post import post
from kernel import clock, db, egress, log, vault

_SIDE_BY_SIDE = 8
_PATIENCE = 5  # failures of one endpoint in one round, after which the rest waits

_LOCK_DUE = text("""
INSERT INTO tenant_due (tenant_id, kind, next_due_at) VALUES (:tenant, :kind, clock_timestamp())
ON CONFLICT (tenant_id, kind) DO UPDATE SET next_due_at = tenant_due.next_due_at
""")
_LATER = text("UPDATE tenant_due SET next_due_at = :at WHERE tenant_id = :tenant AND kind = :kind")
_NOTHING = text("DELETE FROM tenant_due WHERE tenant_id = :tenant AND kind = :kind")


@dataclass
class _Round:
    """One endpoint's turn."""

    tenant_id: UUID
    taken: Taken
    guard: egress.Guard
    until: float
    stop: threading.Event
    failed: int = 0
    tried: set[UUID] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def over(self) -> bool:
        return self.stop.is_set() or time.monotonic() >= self.until or self.failed >= _PATIENCE

    def send(self, line: Sequence[Item]) -> int:
        """Send a line until its first failure, and give the rest back; returns how many arrived."""
        arrived = 0
        for item in line:
            if self.over() or not self._send(item):
                break
            arrived += 1
        with db.tenant_session(self.tenant_id) as session:
            deliveries.release(session, [item.id for item in line[arrived:] if item.id not in self.tried])
        return arrived

    def _send(self, item: Item) -> bool:
        self.tried.add(item.id)
        body = rules.encode(item.body)
        headers = rules.headers(self.taken.secrets, str(item.event_id), int(clock.now().timestamp()), body)
        answer = post(self.taken.url, headers, body, self.guard)
        with db.tenant_session(self.tenant_id) as session:
            good = deliveries.record(session, self.taken.endpoint_id, item, answer)
        if not good:
            with self.lock:
                self.failed += 1
            log.get("webhooks").info(
                "webhook.failed", endpoint=str(self.taken.endpoint_id), event_id=str(item.event_id),
                status=answer.status, attempt=item.attempt + 1,
            )  # fmt: skip
        return good


def deliver(tenant_id: UUID, *, seconds: float, stop: threading.Event) -> int:
    """Deliver what is due for a tenant and begin nothing after `seconds`; returns how many arrived.

    Safe to run in several processes at once. What is taken when the process dies is due again after the lease.
    """
    arrived, until = 0, time.monotonic() + seconds
    guard = egress.get_guard()
    with db.tenant_session(tenant_id) as session:
        waiting = deliveries.endpoints(session)
    with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="webhook") as pool:
        while waiting and not stop.is_set() and time.monotonic() < until:
            for endpoint_id in tuple(waiting):
                taken = _take(tenant_id, endpoint_id)
                if taken is None:
                    waiting.remove(endpoint_id)
                    continue
                turn = _Round(tenant_id, taken, guard, until, stop)
                arrived += sum(pool.map(turn.send, taken.lines))
                if turn.failed >= _PATIENCE:
                    waiting.remove(endpoint_id)
    with db.tenant_session(tenant_id) as session:
        settle(session)
    return arrived


def _take(tenant_id: UUID, endpoint_id: UUID) -> Taken | None:
    try:
        with db.tenant_session(tenant_id) as session:
            return deliveries.take(session, endpoint_id)
    except vault.BadSeal as error:
        log.get("webhooks").error("webhook.sealed", endpoint=str(endpoint_id), problem=str(error))
        with db.tenant_session(tenant_id) as session:
            deliveries.pause(session, endpoint_id)
        return None


def settle(session: Session) -> None:
    """Tell the dispatcher when this tenant is due again; the mark is locked first, so no event of now is lost."""
    tenant_id = db.tenant_of(session)
    mine = {"tenant": tenant_id, "kind": DUE}
    session.execute(_LOCK_DUE, mine)
    for endpoint_id in deliveries.endpoints(session):
        deliveries.forget_old(session, endpoint_id)
    at = deliveries.next_due(session)
    if at is None:
        session.execute(_NOTHING, mine)
    else:
        session.execute(_LATER, mine | {"at": at})
