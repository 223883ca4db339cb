"""Background work on mail that came back."""

from uuid import UUID

from domain.returns import mail
from kernel import db, log


def read(tenant_id: UUID, mail_id: UUID) -> None:
    """Read one kept mail and do what it says."""
    with db.tenant_session(tenant_id) as session:
        outcome = mail.read(session, mail_id)
    log.get("returns").info("return.read", id=str(mail_id), outcome=outcome)


def empty(tenant_id: UUID, _mail_id: UUID) -> None:
    """Empty the bodies whose thirty days are over."""
    with db.tenant_session(tenant_id) as session:
        mail.empty_old(session)
