"""Events: the list of them, and the webhooks that they are delivered to."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.schemas.webhooks import (
    DeliveryOut,
    EventOut,
    ReplayIn,
    ReplayOut,
    WebhookIn,
    WebhookOut,
    WebhookPatch,
    WebhookSecretOut,
)
from api.threads import ThreadRoute
from domain.identity.service import Principal
from domain.webhooks import events, service
from models import DomainEvent, WebhookDelivery, WebhookEndpoint

# Without Idempotency-Key: a kept answer would hold the secret.
router = APIRouter(tags=["webhooks"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("webhooks:read")]
Writer = Annotated[Principal, requires("webhooks:write")]
EventReader = Annotated[Principal, requires("events:read")]


@router.get("/events")
def list_events(
    session: TenantSession,
    _who: EventReader,
    paging: Paging,
    type: Annotated[str | None, Query(max_length=100, description="One type of event.")] = None,  # noqa: A002
    aggregate: Annotated[str | None, Query(max_length=50, description="A kind of thing: campaign, member, …")] = None,
    aggregate_id: Annotated[UUID | None, Query(description="One thing.")] = None,
) -> Page[EventOut]:
    """List what happened, without what happened to single recipients."""
    statement = events.matching(session, type=type, aggregate=aggregate, id=aggregate_id)
    rows, cursor = page_of(session, statement, DomainEvent.id, paging)
    return Page(items=[EventOut.of(row) for row in rows], next_cursor=cursor)


@router.post("/webhooks", status_code=201)
def create_webhook(payload: WebhookIn, session: TenantSession, who: Writer) -> WebhookSecretOut:
    """Have events delivered to an address; shows the secret that signs them, once."""
    endpoint, secret = service.create(
        session, url=payload.url, wanted=payload.events, description=payload.description, actor=who.actor
    )
    return _with_secret(session, endpoint, secret)


def _with_secret(session: Session, endpoint: WebhookEndpoint, secret: str) -> WebhookSecretOut:
    return WebhookSecretOut(**_shown(session, endpoint).model_dump(), secret=secret)


def _shown(session: Session, endpoint: WebhookEndpoint) -> WebhookOut:
    session.refresh(endpoint)
    return WebhookOut.of(endpoint)


@router.get("/webhooks")
def list_webhooks(session: TenantSession, _who: Reader, paging: Paging) -> Page[WebhookOut]:
    """List the webhooks, without their secrets."""
    rows, cursor = page_of(session, service.of_tenant(session), WebhookEndpoint.id, paging)
    return Page(items=[WebhookOut.of(row) for row in rows], next_cursor=cursor)


@router.get("/webhooks/{webhook_id}")
def get_webhook(webhook_id: UUID, session: TenantSession, _who: Reader) -> WebhookOut:
    """Show a webhook and whether it works."""
    return WebhookOut.of(service.get(session, webhook_id))


@router.put("/webhooks/{webhook_id}")
def change_webhook(webhook_id: UUID, payload: WebhookPatch, session: TenantSession, who: Writer) -> WebhookOut:
    """Change address, events or description, or switch it on or off; what is not named stays."""
    changes: dict[str, Any] = payload.model_dump(exclude_unset=True)
    return _shown(session, service.change(session, webhook_id, actor=who.actor, changes=changes))


@router.delete("/webhooks/{webhook_id}", status_code=204)
def delete_webhook(webhook_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Forget a webhook, its secret and its deliveries."""
    service.delete(session, webhook_id, actor=who.actor)
    return Response(status_code=204)


@router.post("/webhooks/{webhook_id}/secret")
def rotate_secret(webhook_id: UUID, session: TenantSession, who: Writer) -> WebhookSecretOut:
    """Make a new secret and show it, once; for 24 hours deliveries are signed with both."""
    endpoint, secret = service.rotate(session, webhook_id, actor=who.actor)
    return _with_secret(session, endpoint, secret)


@router.get("/webhooks/{webhook_id}/deliveries")
def list_deliveries(
    webhook_id: UUID,
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    state: Annotated[str | None, Query(max_length=20, description="pending, failed, delivered or dead.")] = None,
) -> Page[DeliveryOut]:
    """List what was delivered or will be, with the last answer."""
    statement = service.deliveries(session, webhook_id, state=state)
    rows, cursor = page_of(session, statement, WebhookDelivery.id, paging)
    return Page(items=[DeliveryOut.of(row) for row in rows], next_cursor=cursor)


@router.post("/webhooks/{webhook_id}/replay", status_code=202)
def replay_events(webhook_id: UUID, payload: ReplayIn, session: TenantSession, who: Writer) -> ReplayOut:
    """Deliver one event again, or all since a time, at most 10,000."""
    done = service.replay(session, webhook_id, actor=who.actor, event_id=payload.event_id, since=payload.since)
    return ReplayOut(events=done)


@router.post("/webhooks/{webhook_id}/ping", status_code=202)
def ping_webhook(webhook_id: UUID, session: TenantSession, who: Writer) -> DeliveryOut:
    """Send a test event to this webhook alone; list its deliveries to see what came back."""
    return DeliveryOut.of(service.ping(session, webhook_id, actor=who.actor))
