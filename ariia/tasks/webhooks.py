"""Background work on webhooks: deliver what is due."""

from uuid import UUID

from ariia.tasks.campaigns import stopping
from domain.webhooks import run

_SECONDS = 4.0  # then another tenant's run may begin


def deliver(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Deliver a tenant's events for a few seconds."""
    run.deliver(tenant_id, seconds=_SECONDS, stop=stopping)
