"""What people do with their endpoints. A secret is shown when it is made, and never again."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text, update
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.webhooks import events, feed, rules
from domain.webhooks.catalog import DISABLED, FEED, PING, TYPES
from kernel import clock, db, egress, vault
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_id
from models import DomainEvent, WebhookDelivery, WebhookEndpoint

MOST_ENDPOINTS = 20
MOST_REPLAYED = 10_000
_CHUNK = 500
_LONGEST = timedelta(hours=1)  # of a transaction: ids are made in it, events happen when it commits
_PLACE = "webhook_endpoint.sealed_secret"
OPEN = ("pending", "failed")
STATES = ("pending", "delivered", "failed", "dead")


def get(session: Session, endpoint_id: UUID) -> WebhookEndpoint:
    """Return the endpoint; raises NotFound, also for another tenant's."""
    return db.own(session, WebhookEndpoint, endpoint_id, "webhook")


def of_tenant(session: Session) -> Select[WebhookEndpoint]:
    """Return the statement of the tenant's endpoints."""
    return select(WebhookEndpoint).where(WebhookEndpoint.tenant_id == db.tenant_of(session))


def deliveries(session: Session, endpoint_id: UUID, *, state: str | None = None) -> Select[WebhookDelivery]:
    """Return the statement of an endpoint's deliveries. Raises NotFound, and Invalid for an unknown state."""
    if state is not None and state not in STATES:
        raise Invalid("state", f"use one of {', '.join(STATES)}")
    endpoint = get(session, endpoint_id)
    statement = select(WebhookDelivery).where(
        WebhookDelivery.tenant_id == endpoint.tenant_id, WebhookDelivery.endpoint_id == endpoint.id
    )
    return statement if state is None else statement.where(WebhookDelivery.state == state)


def create(
    session: Session, *, url: str, wanted: Sequence[str], actor: str, description: str | None = None
) -> tuple[WebhookEndpoint, str]:
    """Add an endpoint and return it with its secret. Raises Invalid for URL or types, Conflict for one too many."""
    tenant_id = db.tenant_of(session)
    checked, patterns = _checked_url(url), _checked_patterns(wanted)
    here = session.execute(select(WebhookEndpoint.id).where(WebhookEndpoint.tenant_id == tenant_id)).all()
    if len(here) >= MOST_ENDPOINTS:
        raise Conflict(f"There are {MOST_ENDPOINTS} webhooks. Remove one first.", code="too_many_webhooks")
    row_id, secret = new_id(), rules.new_secret()
    endpoint = WebhookEndpoint(
        id=row_id, tenant_id=tenant_id, url=checked, description=description, events=patterns,
        sealed_secret=vault.seal(secret, tenant_id=tenant_id, place=_PLACE, row_id=row_id), active=True, failures=0,
        created_by=actor,
    )  # fmt: skip
    session.add(endpoint)
    session.flush()
    feed.begin(session, endpoint)
    audit.append(session, actor=actor, action="webhook.create", subject=str(row_id), events=patterns)
    return endpoint, secret


def _checked_url(url: str) -> str:
    try:
        return egress.get_guard().read(url).url
    except egress.Blocked as error:
        raise Invalid("url", str(error)) from None


def _checked_patterns(wanted: Sequence[str]) -> list[str]:
    patterns = list(dict.fromkeys(wanted))
    if not patterns:
        raise Invalid("events", "name at least one type of event, or * for all")
    for pattern in patterns:
        if not rules.is_pattern(pattern):
            raise Invalid("events", f"{pattern} is no type of event and covers none; docs/events.md lists them")
    return patterns


def change(session: Session, endpoint_id: UUID, *, actor: str, changes: dict[str, Any]) -> WebhookEndpoint:
    """Change url, description, events or active; switching on again forgets the failures. Raises Invalid."""
    endpoint = get(session, endpoint_id)
    if changes.get("url") is not None:
        endpoint.url = _checked_url(changes["url"])
    if changes.get("events") is not None:
        endpoint.events = _checked_patterns(changes["events"])
    if "description" in changes:
        endpoint.description = changes["description"]
    if changes.get("active") is not None:
        _switch(endpoint, on=changes["active"])
    session.flush()
    feed.begin(session, endpoint)
    events.due(session)
    audit.append(session, actor=actor, action="webhook.change", subject=str(endpoint.id), fields=sorted(changes))
    return endpoint


def _switch(endpoint: WebhookEndpoint, *, on: bool) -> None:
    if on and not endpoint.active:
        endpoint.failures, endpoint.failing_since, endpoint.paused_until = 0, None, None
        endpoint.disabled_at = endpoint.disabled_reason = None
        endpoint.feed_after = None
    elif not on and endpoint.active:
        endpoint.disabled_at, endpoint.disabled_reason = clock.now(), "switched_off"
    endpoint.active = on


def delete(session: Session, endpoint_id: UUID, *, actor: str) -> None:
    """Forget an endpoint, its secret and its deliveries."""
    endpoint = get(session, endpoint_id)
    audit.append(session, actor=actor, action="webhook.delete", subject=str(endpoint.id))
    session.delete(endpoint)
    session.flush()


def rotate(session: Session, endpoint_id: UUID, *, actor: str) -> tuple[WebhookEndpoint, str]:
    """Make a new secret and return it; for a day deliveries carry a signature of the old one too."""
    endpoint, secret = get(session, endpoint_id), rules.new_secret()
    endpoint.sealed_previous, endpoint.previous_until = endpoint.sealed_secret, clock.now() + rules.OVERLAP
    endpoint.sealed_secret = vault.seal(secret, tenant_id=endpoint.tenant_id, place=_PLACE, row_id=endpoint.id)
    session.flush()
    audit.append(session, actor=actor, action="webhook.rotate", subject=str(endpoint.id))
    return endpoint, secret


def secrets_of(endpoint: WebhookEndpoint) -> list[str]:
    """Return the secrets that sign now, the newest first. Raises vault.BadSeal."""
    sealed = [endpoint.sealed_secret]
    if endpoint.sealed_previous is not None and endpoint.previous_until and endpoint.previous_until > clock.now():
        sealed.append(endpoint.sealed_previous)
    return [vault.unseal(one, tenant_id=endpoint.tenant_id, place=_PLACE, row_id=endpoint.id) for one in sealed]


def reseal(session: Session) -> int:
    """Put the secrets of the tenant's endpoints under the newest vault key; returns how many."""
    done = 0
    for endpoint in session.execute(of_tenant(session).with_for_update()).scalars():
        for field in ("sealed_secret", "sealed_previous"):
            sealed = getattr(endpoint, field)
            if sealed is not None and not vault.is_current(sealed):
                setattr(endpoint, field, vault.reseal(sealed, tenant_id=endpoint.tenant_id))
                done += 1
    session.flush()
    return done


def ping(session: Session, endpoint_id: UUID, *, actor: str) -> WebhookDelivery:
    """Put a test event on its way to this endpoint alone; its delivery shows what came back."""
    endpoint = get(session, endpoint_id)
    _require_active(endpoint)
    row_id, event_id = new_id(), new_id()
    body = {
        "type": PING,
        "timestamp": clock.now().isoformat(),
        "data": {"aggregate": {"kind": "webhook", "id": str(endpoint.id)}, "sequence": None},
    }
    # An aggregate of its own: a test waits for nothing, and nothing for it.
    delivery = WebhookDelivery(
        id=row_id, tenant_id=endpoint.tenant_id, endpoint_id=endpoint.id, event_id=event_id, type=PING,
        aggregate_id=event_id, ordinal=0, body=body,
    )  # fmt: skip
    session.add(delivery)
    session.flush()
    session.refresh(delivery)
    events.due(session)
    audit.append(session, actor=actor, action="webhook.ping", subject=str(endpoint.id))
    return delivery


def _require_active(endpoint: WebhookEndpoint) -> None:
    if not endpoint.active:
        raise Conflict("This webhook is switched off. Switch it on first.", code="webhook_off")


def replay(
    session: Session, endpoint_id: UUID, *, actor: str, event_id: UUID | None = None, since: datetime | None = None
) -> int:
    """Deliver again: one event, or all since a time that the endpoint wants; returns how many are on their way.

    Events of single recipients since a time are read from the ledger again, and not counted. Raises NotFound for the
    event, Conflict for an endpoint that is off, Invalid for more than 10,000 events.
    """
    endpoint = get(session, endpoint_id)
    _require_active(endpoint)
    if (event_id is None) == (since is None):
        raise Invalid("since", "name either one event_id or a time")
    done = _replay_one(session, endpoint, event_id) if event_id else _replay_since(session, endpoint, since)
    events.due(session)
    audit.append(session, actor=actor, action="webhook.replay", subject=str(endpoint.id), events=done)
    return done


def _replay_one(session: Session, endpoint: WebhookEndpoint, event_id: UUID) -> int:
    known = _again(session, endpoint, WebhookDelivery.event_id == event_id)
    if known:
        return known
    row = session.execute(events.matching(session).where(DomainEvent.id == event_id)).scalar_one_or_none()
    if row is None:
        raise NotFound("event")
    return events.queue(session, [endpoint.id], [row], again=True)


def _again(session: Session, endpoint: WebhookEndpoint, *conditions: Any) -> int:
    """Reopen deliveries; one that is on its way now is only due at once."""
    rows = session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.tenant_id == endpoint.tenant_id, WebhookDelivery.endpoint_id == endpoint.id, *conditions)
        .values(state="pending", attempt=0, next_at=func.clock_timestamp(), done_at=None)
        .returning(WebhookDelivery.id)
    )
    return len(rows.all())


def _replay_since(session: Session, endpoint: WebhookEndpoint, since: datetime | None) -> int:
    if since is None or since.tzinfo is None:
        raise Invalid("since", "write a time with its offset, 2026-01-31T09:00:00Z")
    wanted = [name for name in TYPES if rules.matches(endpoint.events, name) and name not in FEED]
    statement = events.matching(session).where(
        DomainEvent.id >= feed.floor(since - _LONGEST), DomainEvent.occurred_at >= since, DomainEvent.type.in_(wanted)
    )
    rows = list(session.execute(statement.order_by(DomainEvent.id).limit(MOST_REPLAYED + 1)).scalars())
    if len(rows) > MOST_REPLAYED:
        raise Invalid("since", f"more than {MOST_REPLAYED} events happened since; choose a later time")
    for start in range(0, len(rows), _CHUNK):
        events.queue(session, [endpoint.id], rows[start : start + _CHUNK], again=True)
    if rules.of_recipients(endpoint.events):
        _again(
            session,
            endpoint,
            WebhookDelivery.created_at >= since,
            WebhookDelivery.id >= feed.floor(since),
            WebhookDelivery.type.in_(sorted(FEED)),
            WebhookDelivery.state.in_(("delivered", "dead")),
        )
        feed.rewind(session, endpoint, since)
    return len(rows)


def disable(session: Session, endpoint: WebhookEndpoint, *, reason: str) -> None:
    """Stop an endpoint that cannot be reached any more; what is open stays until somebody switches it on again."""
    endpoint.active, endpoint.disabled_at, endpoint.disabled_reason = False, clock.now(), reason
    session.flush()
    audit.append(session, actor="system", action="webhook.disable", subject=str(endpoint.id), reason=reason)
    events.emit(session, DISABLED, aggregate="webhook", id=endpoint.id, reason=reason)


def locked(session: Session, endpoint_id: UUID, *, wait: bool = True) -> WebhookEndpoint | None:
    """Return the endpoint, locked until the transaction ends; None where it is gone, or taken and not waited for."""
    return session.execute(
        select(WebhookEndpoint)
        .where(WebhookEndpoint.tenant_id == db.tenant_of(session), WebhookEndpoint.id == endpoint_id)
        .with_for_update(key_share=True, skip_locked=not wait)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def database_now(session: Session) -> datetime:
    """Return the database's time: what is due is judged by it."""
    at: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
    return at
