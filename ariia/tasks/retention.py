"""Background removal of what was kept long enough."""

from collections import Counter
from uuid import UUID

from domain.privacy import retention
from kernel import db, log


def sweep(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Remove whatever of a tenant is over, some rows in each transaction, once a day."""
    with db.tenant_session(tenant_id) as session:
        if not retention.begin(session):
            return
    gone: Counter[str] = Counter()
    for rule in retention.RULES:
        n = retention.BATCH
        while n == retention.BATCH:
            with db.tenant_session(tenant_id) as session:
                n = retention.forget(session, rule)
            gone[rule.table] += n
    if gone.total():
        log.get("privacy").info("retention.swept", tenant=str(tenant_id), **gone)
