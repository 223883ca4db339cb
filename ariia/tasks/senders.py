"""Background work on senders: look into the DNS again."""

from uuid import UUID

from domain.senders import health
from kernel.errors import NotFound


def check_domain(tenant_id: UUID, domain_id: UUID) -> None:
    """Check a sender domain a day after the last look; one that was removed is forgotten."""
    try:
        health.examine_again(tenant_id, domain_id)
    except NotFound:
        return
