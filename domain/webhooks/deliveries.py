"""Taking what is due for an endpoint, and writing down what became of it.

The open deliveries of one aggregate form a line: only its head may be taken, together with those behind it, and they
are sent one after the other. Whoever takes holds the endpoint's lock, so two takers never split a line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.webhooks import feed, rules, service
from domain.webhooks.post import Answer
from kernel import db
from models import WebhookEndpoint

LEASE_SECONDS = 60
_LINES, _IN_LINE, _AT_ONCE = 32, 64, 128
_FEED_EVERY = timedelta(seconds=5)
_GONE = 410
_KEPT = timedelta(days=30)
_WITHOUT_SECRET = timedelta(minutes=5)

ATTEMPTS = Counter("ariia_webhook_attempts_total", "Deliveries to endpoints of tenants that were tried.", ["outcome"])

_HEADS = """
SELECT d.aggregate_id, d.ordinal, d.event_id, d.next_at FROM webhook_delivery d
WHERE d.tenant_id = :tenant AND d.endpoint_id = :endpoint AND d.state IN ('pending', 'failed')
  AND d.next_at <= clock_timestamp()
  AND NOT EXISTS (SELECT FROM webhook_delivery e
    WHERE e.tenant_id = :tenant AND e.endpoint_id = :endpoint AND e.state IN ('pending', 'failed')
      AND e.aggregate_id = d.aggregate_id AND (e.ordinal, e.event_id) < (d.ordinal, d.event_id))
ORDER BY d.next_at LIMIT :lines
"""
_TAKE = text(f"""
WITH heads AS ({_HEADS}), taken AS (
  SELECT l.id FROM heads h CROSS JOIN LATERAL (
    SELECT d.id FROM webhook_delivery d
    WHERE d.tenant_id = :tenant AND d.endpoint_id = :endpoint AND d.state IN ('pending', 'failed')
      AND d.aggregate_id = h.aggregate_id AND (d.ordinal, d.event_id) >= (h.ordinal, h.event_id)
    ORDER BY d.ordinal, d.event_id LIMIT :in_line) l
)
UPDATE webhook_delivery d SET next_at = clock_timestamp() + make_interval(secs => :lease)
FROM taken t WHERE d.tenant_id = :tenant AND d.id = t.id
RETURNING d.id, d.event_id, d.aggregate_id, d.ordinal, d.body, d.attempt
""")  # noqa: S608 - statements of our own
_ANY_HEAD = text(_HEADS)
_NEXT = text("""
SELECT min(next_at) FROM webhook_delivery
WHERE tenant_id = :tenant AND endpoint_id = :endpoint AND state IN ('pending', 'failed')
  AND next_at > clock_timestamp()
""")
_RELEASE = text("""
UPDATE webhook_delivery SET next_at = clock_timestamp()
WHERE tenant_id = :tenant AND id = ANY(CAST(:ids AS uuid[])) AND state IN ('pending', 'failed')
""")
_RECORD = text("""
UPDATE webhook_delivery SET state = :state, attempt = :attempt, status = :status, problem = :problem,
  excerpt = :excerpt, duration_ms = :duration, next_at = clock_timestamp() + make_interval(secs => :wait),
  done_at = CASE WHEN CAST(:done AS boolean) THEN clock_timestamp() END
WHERE tenant_id = :tenant AND id = :id AND state IN ('pending', 'failed')
""")
_WELL = text("""
UPDATE webhook_endpoint SET failures = 0, failing_since = NULL, paused_until = NULL
WHERE tenant_id = :tenant AND id = :endpoint AND failures > 0
""")
_FORGET = text("""
DELETE FROM webhook_delivery WHERE tenant_id = :tenant AND id IN (
  SELECT id FROM webhook_delivery WHERE tenant_id = :tenant AND endpoint_id = :endpoint AND state = 'delivered'
    AND id < :before ORDER BY id LIMIT 500)
""")


@dataclass(frozen=True, slots=True)
class Item:
    """A delivery that this process holds for `LEASE_SECONDS`."""

    id: UUID
    event_id: UUID
    aggregate_id: UUID
    ordinal: int
    body: dict[str, Any]
    attempt: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Lines of deliveries for one endpoint, each to be sent in order."""

    endpoint_id: UUID
    url: str
    secrets: tuple[str, ...]
    lines: tuple[tuple[Item, ...], ...]


def endpoints(session: Session) -> list[UUID]:
    """Return the endpoints that are switched on."""
    rows = session.execute(
        select(WebhookEndpoint.id)
        .where(WebhookEndpoint.tenant_id == db.tenant_of(session), WebhookEndpoint.active.is_(True))
        .order_by(WebhookEndpoint.id)
    )
    return list(rows.scalars())


def take(session: Session, endpoint_id: UUID) -> Taken | None:
    """Take what an endpoint may get now; None where there is nothing, or another process takes. Reads the ledger first.

    Raises vault.BadSeal where the secret cannot be opened.
    """
    endpoint = service.locked(session, endpoint_id, wait=False)
    if endpoint is None or not endpoint.active:
        return None
    feed.read(session, endpoint)
    if endpoint.paused_until is not None and endpoint.paused_until > service.database_now(session):
        return None
    most = rules.at_once(endpoint.failures, _AT_ONCE)
    parameters = _of(endpoint) | {
        "lines": min(most, _LINES),
        "in_line": min(most, _IN_LINE),
        "lease": LEASE_SECONDS,
    }
    rows = session.execute(_TAKE, parameters).all()
    if not rows:
        return None
    signing = tuple(service.secrets_of(endpoint))
    items = sorted((Item(**row._mapping) for row in rows), key=lambda item: (item.ordinal, item.event_id))  # noqa: SLF001 - the row's public mapping
    lines: dict[UUID, list[Item]] = {}
    for item in items:
        lines.setdefault(item.aggregate_id, []).append(item)
    return Taken(endpoint.id, endpoint.url, signing, tuple(tuple(line) for line in lines.values()))


def pause(session: Session, endpoint_id: UUID) -> None:
    """Leave an endpoint alone for some minutes: its secret cannot be opened, and nothing goes out unsigned."""
    endpoint = service.locked(session, endpoint_id)
    if endpoint is not None:
        endpoint.paused_until = service.database_now(session) + _WITHOUT_SECRET


def _of(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {"tenant": endpoint.tenant_id, "endpoint": endpoint.id}


def release(session: Session, ids: Sequence[UUID]) -> None:
    """Give back what was taken and not tried."""
    if ids:
        session.execute(_RELEASE, {"tenant": db.tenant_of(session), "ids": list(ids)})


def record(session: Session, endpoint_id: UUID, item: Item, answer: Answer) -> bool:
    """Write down an answer; returns whether it was a success. A failure counts against the endpoint too."""
    attempt, good = item.attempt + 1, rules.is_success(answer.status)
    wait = None if good or answer.status == _GONE else rules.wait_after(attempt)
    done = wait is None
    state = "delivered" if good else "dead" if done else "failed"
    session.execute(
        _RECORD,
        {
            "tenant": db.tenant_of(session), "id": item.id, "state": state, "attempt": attempt,
            "status": answer.status, "problem": answer.problem, "excerpt": answer.excerpt or None,
            "duration": answer.milliseconds, "wait": wait or 0.0, "done": done,
        },
    )  # fmt: skip
    ATTEMPTS.labels(state).inc()
    if good:
        session.execute(_WELL, {"tenant": db.tenant_of(session), "endpoint": endpoint_id})
    else:
        _count_failure(session, endpoint_id, answer)
    return good


def _count_failure(session: Session, endpoint_id: UUID, answer: Answer) -> None:
    endpoint = service.locked(session, endpoint_id)
    if endpoint is None or not endpoint.active:
        return
    now = service.database_now(session)
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    pause = rules.pause_after(endpoint.failures)
    endpoint.paused_until = now + timedelta(seconds=pause) if pause else None
    if answer.status == _GONE:
        service.disable(session, endpoint, reason="gone")
    elif now - endpoint.failing_since >= rules.MOST_FAILING:
        service.disable(session, endpoint, reason="failing")
    session.flush()


def next_due(session: Session) -> datetime | None:
    """Return when the tenant has something to deliver or to read again; None: only a new event brings more."""
    now, moments = service.database_now(session), []
    rows = session.execute(service.of_tenant(session).where(WebhookEndpoint.active.is_(True))).scalars()
    for endpoint in rows:
        if endpoint.feed_after is not None:
            moments.append(now + _FEED_EVERY)
        head = session.execute(_ANY_HEAD, _of(endpoint) | {"lines": 1}).first()
        at = now if head is not None else session.execute(_NEXT, _of(endpoint)).scalar_one()
        if at is not None:
            moments.append(max(at, endpoint.paused_until or at))
    return min(moments, default=None)


def forget_old(session: Session, endpoint_id: UUID) -> None:
    """Remove what was delivered more than 30 days ago; dead ones stay to be replayed."""
    before = feed.floor(service.database_now(session) - _KEPT)
    session.execute(_FORGET, {"tenant": db.tenant_of(session), "endpoint": endpoint_id, "before": before})
