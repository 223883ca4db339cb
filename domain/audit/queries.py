"""Reading the audit trail."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel import db
from models import AuditEntry


def entries(session: Session, *, limit: int, before: int | None, action: str | None) -> list[AuditEntry]:
    """Return entries, newest first."""
    statement = select(AuditEntry).where(AuditEntry.tenant_id == db.tenant_of(session))
    if before is not None:
        statement = statement.where(AuditEntry.seq < before)
    if action is not None:
        statement = statement.where(AuditEntry.action == action)
    return list(session.execute(statement.order_by(AuditEntry.seq.desc()).limit(limit)).scalars())
