"""Background work on sequences: let members in, and move on who is due."""

from uuid import UUID

from prometheus_client import Counter

from domain.sequences import run as sequences

LOOKED_AT = Counter("ariia_enrolments_looked_at_total", "Enrolments that were due and looked at.")


def run(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Do what is due for the tenant's sequences, for a few seconds."""
    LOOKED_AT.inc(sequences.run(tenant_id))
