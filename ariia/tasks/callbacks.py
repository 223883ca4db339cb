"""Background work on what providers report, and on what they should have reported."""

from uuid import UUID

from domain.returns import callbacks, watch
from kernel import db

_MOST_SLICES = 20


def read(tenant_id: UUID, _callback_id: UUID) -> None:
    """Apply every report that nobody has applied; another task may have been there before."""
    for _ in range(_MOST_SLICES):
        with db.tenant_session(tenant_id) as session:
            if callbacks.read(session) < callbacks.SLICE:
                return


def look(tenant_id: UUID, account_id: UUID) -> None:
    """Ask a provider about what it did not report."""
    watch.run(tenant_id, account_id)
