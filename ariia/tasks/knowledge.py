"""Background work on large documents."""

from functools import partial
from uuid import UUID

from agents import embedding
from domain.knowledge import uploads
from kernel import db
from kernel.errors import Invalid


def read(tenant_id: UUID, upload_id: UUID) -> None:
    """Read a kept file without a transaction, then store all of it, or nothing; its progress is written beside it."""
    with db.tenant_session(tenant_id) as session:
        job = uploads.begin(session, upload_id)
    if job is None:
        return
    about, data = job
    try:
        blocks = uploads.read(about, data, tell=partial(_tell, tenant_id, upload_id))
        with db.tenant_session(tenant_id) as session:
            uploads.finish(session, upload_id, about, blocks)
    except Invalid as error:
        with db.tenant_session(tenant_id) as session:
            uploads.fail(session, upload_id, error.detail)


def _tell(tenant_id: UUID, upload_id: UUID, done: int, of: int) -> None:
    with db.tenant_session(tenant_id) as session:
        uploads.tell(session, upload_id, done, of)


def embed(tenant_id: UUID, _tenant_id: UUID) -> None:
    """Make the vectors of chunks that have none yet."""
    embedding.make_missing(tenant_id)
