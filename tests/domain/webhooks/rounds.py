"""An event, one round of delivery, the end of all waiting, and what became of it."""

import threading
from uuid import UUID

from sqlalchemy import select, text

from domain.webhooks import events, run, service
from kernel import db
from kernel.ids import new_id
from models import WebhookDelivery, WebhookEndpoint


def deliver(tenant_id: UUID, seconds: float = 10.0) -> int:
    return run.deliver(tenant_id, seconds=seconds, stop=threading.Event())


def make_due(tenant_id: UUID) -> None:
    """Let the waiting times be over."""
    with db.tenant_session(tenant_id) as session:
        session.execute(text("UPDATE webhook_delivery SET next_at = clock_timestamp() WHERE next_at > now()"))
        session.execute(text("UPDATE webhook_endpoint SET paused_until = NULL"))


def emit(tenant_id: UUID, *fields: str, aggregate: UUID | None = None) -> UUID:
    with db.tenant_session(tenant_id) as session:
        return events.emit(
            session, "crm.campaign.updated", aggregate="campaign", id=aggregate or new_id(), fields=list(fields)
        )


def rows(tenant_id: UUID) -> list[WebhookDelivery]:
    with db.tenant_session(tenant_id) as session:
        return list(session.execute(select(WebhookDelivery).order_by(WebhookDelivery.id)).scalars())


def endpoint_of(tenant_id: UUID, endpoint_id: UUID) -> WebhookEndpoint:
    with db.tenant_session(tenant_id) as session:
        return service.get(session, endpoint_id)
