"""Background work on segments: members who changed, segments that are due, the statistics of the day."""

from uuid import UUID

from prometheus_client import Counter

from domain.segments import refresh

LOOKED_AT = Counter("ariia_member_changes_looked_at_total", "Changes of members that segments were asked about.")


def run(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Do what is due for the tenant's segments."""
    LOOKED_AT.inc(refresh.run(tenant_id))


def behave(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Ask about those who got, opened or clicked a message."""
    LOOKED_AT.inc(refresh.behave(tenant_id))
