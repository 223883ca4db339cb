"""Background work on large imports."""

from functools import partial
from uuid import UUID

from domain.audience import background
from kernel import db
from kernel.errors import Invalid


def run(tenant_id: UUID, batch_id: UUID) -> None:
    """Import a kept file: all of it in one transaction, or nothing; its progress is written beside it."""
    with db.tenant_session(tenant_id) as session:
        if not background.begin(session, batch_id):
            return
    try:
        with db.tenant_session(tenant_id) as session:
            background.work(session, batch_id, partial(_tell, tenant_id, batch_id))
    except Invalid as error:
        with db.tenant_session(tenant_id) as session:
            background.fail(session, batch_id, error.detail)


def _tell(tenant_id: UUID, batch_id: UUID, counts: dict[str, int]) -> None:
    with db.tenant_session(tenant_id) as session:
        background.tell(session, batch_id, counts)
