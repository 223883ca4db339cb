"""Background work on figures: count what happened."""

from uuid import UUID

from ariia.tasks.campaigns import stopping
from domain.analytics import background

_SECONDS = 4.0  # then another tenant's run may begin


def count(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Bring a tenant's figures up to date, for a few seconds at most."""
    background.count(tenant_id, seconds=_SECONDS, stop=stopping.is_set)
