"""Background work on send times: count when people acted."""

from uuid import UUID

from domain.analytics import send_times


def count(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Count what changed since the last look."""
    send_times.run(tenant_id)
