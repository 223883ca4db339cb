"""Taking an import back: what it made goes, what it changed gets its former values."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.audience import service
from domain.audit import service as audit
from kernel import clock, db
from kernel.errors import Conflict
from models import ImportBatch

# A member that was written to keeps its history, so it stays.
_DELETE_CREATED = """
DELETE FROM member m USING import_row r
WHERE r.tenant_id = :tenant AND r.batch_id = :batch AND r.outcome = 'created'
  AND m.tenant_id = :tenant AND m.id = r.member_id
"""

_PROMISED = """
SELECT DISTINCT f.member_id FROM import_row r JOIN follow_up f ON f.tenant_id = :tenant AND f.member_id = r.member_id
WHERE r.tenant_id = :tenant AND r.batch_id = :batch AND r.outcome = 'created' AND f.state IN ('pending', 'sending')
"""

_RESTORE_MEMBERS = """
UPDATE member m SET external_id = b.external_id, first_name = b.first_name, last_name = b.last_name,
  salutation = b.salutation, language = b.language, time_zone = b.time_zone, status = b.status,
  joined_on = b.joined_on, left_on = b.left_on, tags = b.tags, attributes = b.attributes,
  favourite_course = b.favourite_course, last_visit_at = b.last_visit_at, updated_at = b.updated_at
FROM import_row r, jsonb_populate_record(NULL::member, r.before -> 'member') b
WHERE r.tenant_id = :tenant AND r.batch_id = :batch AND r.outcome = 'updated'
  AND m.tenant_id = :tenant AND m.id = r.member_id
"""

_DROP_CONTACTS = """
DELETE FROM contact_point c USING import_row r
WHERE r.tenant_id = :tenant AND r.batch_id = :batch AND r.before IS NOT NULL
  AND c.tenant_id = :tenant AND c.member_id = r.member_id
  AND NOT EXISTS (SELECT FROM jsonb_array_elements(r.before -> 'contact_points') x WHERE (x ->> 'id')::uuid = c.id)
"""

_RESTORE_CONTACTS = """
UPDATE contact_point c SET is_primary = b.is_primary, address = b.address, updated_at = b.updated_at
FROM import_row r, jsonb_populate_recordset(NULL::contact_point, r.before -> 'contact_points') b
WHERE r.tenant_id = :tenant AND r.batch_id = :batch AND r.before IS NOT NULL
  AND c.tenant_id = :tenant AND c.id = b.id
"""

# Only consents that this import changed and nobody after it.
_DROP_CONSENTS = """
DELETE FROM consent k USING import_row r
WHERE r.tenant_id = :tenant AND r.batch_id = :batch AND r.before IS NOT NULL
  AND k.tenant_id = :tenant AND k.member_id = r.member_id AND k.source = :source
  AND NOT EXISTS (SELECT FROM jsonb_array_elements(r.before -> 'consents') x WHERE (x ->> 'id')::uuid = k.id)
"""

_RESTORE_CONSENTS = """
UPDATE consent k SET state = b.state, source = b.source, since = b.since, updated_at = b.updated_at
FROM import_row r, jsonb_populate_recordset(NULL::consent, r.before -> 'consents') b
WHERE r.tenant_id = :tenant AND r.batch_id = :batch AND r.before IS NOT NULL
  AND k.tenant_id = :tenant AND k.id = b.id AND k.source = :source
"""

_STEPS = (
    _DELETE_CREATED,
    _DROP_CONTACTS,
    _RESTORE_CONTACTS,
    _DROP_CONSENTS,
    _RESTORE_CONSENTS,
    _RESTORE_MEMBERS,
)


def get_batch(session: Session, batch_id: UUID) -> ImportBatch:
    """Return an import; raises NotFound."""
    return db.own(session, ImportBatch, batch_id, "import")


def undo(session: Session, batch_id: UUID, *, actor: str) -> ImportBatch:
    """Take an import of members back. Raises Conflict for one that is not done, a dry run or a second undo."""
    batch = get_batch(session, batch_id)
    if batch.status in {"queued", "running", "failed"}:
        raise Conflict(f"This import is {batch.status}, so there is nothing to undo.", code="not_imported")
    if batch.dry_run:
        raise Conflict("A dry run changed nothing, so there is nothing to undo.", code="dry_run")
    if batch.undone_at is not None:
        raise Conflict("This import is already undone.", code="already_undone")
    if batch.kind != "members":
        raise Conflict("Only imports of members can be undone.", code="no_undo")
    session.execute(text("SELECT set_config('statement_timeout', '600000', true)"))
    parameters = {"tenant": batch.tenant_id, "batch": batch.id, "source": f"import:{batch.id}"}
    service.give_back(session, session.execute(text(_PROMISED), parameters).scalars().all())
    for statement in _STEPS:
        session.execute(text(statement), parameters)
    batch.undone_at, batch.status = clock.now(), "undone"
    audit.append(session, actor=actor, action="import.undo", subject=str(batch.id))
    session.flush()
    return batch
