"""Background work on plans: change a tier when its month begins."""

from uuid import UUID

from domain.tiers import service as tiers
from kernel import db


def change(tenant_id: UUID, change_id: UUID) -> None:
    """Do a planned change of tier; repeatable."""
    with db.tenant_session(tenant_id) as session:
        tiers.come_due(session, change_id)
