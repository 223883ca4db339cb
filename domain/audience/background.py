"""Large imports: the file is kept, a task works on it in one transaction, and the batch says how far it is.

A worker that is killed leaves nothing half applied: its transaction is gone, the file is still here, and the next try
begins anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from domain.audience import columns, histories, imports
from domain.audit import service as audit
from domain.webhooks import events
from kernel import clock, db, outbox
from kernel.ids import stable_id
from models import ImportBatch, ImportFile

MOST_ROWS_AT_ONCE = 2_000
MOST_BYTES_AT_ONCE = 1024 * 1024
_HEAD = 64 * 1024
_MOST_ATTEMPTS = 5
_PAUSE = timedelta(seconds=60)
_TASK = "imports.run"

Tell = Callable[[dict[str, int]], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked for together with a file; `mapping` None is guessed."""

    kind: str
    file_name: str
    actor: str
    dry_run: bool = False
    mapping: dict[str, str] | None = None
    attested_by: str | None = None


def is_large(data: bytes) -> bool:
    """Whether a file is too long for its sender to wait for."""
    return len(data) > MOST_BYTES_AT_ONCE or data.rstrip().count(b"\n") > MOST_ROWS_AT_ONCE


def accept(session: Session, order: Order, data: bytes) -> ImportBatch:
    """Keep the file and ask for its import; raises Invalid where its beginning shows that it cannot be read."""
    _look_at_head(order, data)
    batch = ImportBatch(
        tenant_id=db.tenant_of(session),
        kind=order.kind,
        file_name=order.file_name[:200],
        dry_run=order.dry_run,
        status="queued",
        mapping=order.mapping or {},
        options={},
        counts={},
        attested_by=order.attested_by,
        created_by=order.actor,
    )
    session.add(batch)
    session.flush()
    session.add(ImportFile(tenant_id=batch.tenant_id, batch_id=batch.id, data=data, created_by=order.actor))
    outbox.enqueue(session, _TASK, id=batch.id)
    session.flush()
    return batch


def _look_at_head(order: Order, data: bytes) -> None:
    """Read the header and the first rows; JSON and UTF-16 are only read as a whole."""
    head = data[:_HEAD]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"["):
        return
    table = columns.read_table(head[: head.rfind(b"\n") + 1] or head, order.file_name)
    if order.kind == "members":
        imports.mapping_of(table, order.mapping)
    else:
        histories.mapping_of(table, order.kind)


def begin(session: Session, batch_id: UUID) -> bool:
    """Note that a try begins; False where there is nothing to do, or no more than to give up."""
    batch = db.own(session, ImportBatch, batch_id, "import")
    attempts = session.execute(
        update(ImportFile)
        .where(ImportFile.tenant_id == batch.tenant_id, ImportFile.batch_id == batch.id)
        .values(attempts=ImportFile.attempts + 1)
        .returning(ImportFile.attempts)
    ).scalar_one_or_none()
    if attempts is None:
        return False
    if attempts > _MOST_ATTEMPTS:
        fail(session, batch_id, f"was given up after {_MOST_ATTEMPTS} tries; split the file and import it again")
        return False
    batch.status, batch.counts = "running", {}
    return True


def work(session: Session, batch_id: UUID, tell: Tell) -> None:
    """Import the kept file in this transaction and forget its bytes. A second worker on it is told to come back.

    Raises Invalid for a file that cannot be read.
    """
    tenant_id = db.tenant_of(session)
    key = stable_id(str(tenant_id), str(batch_id)).int % 2**63
    if not session.execute(select(func.pg_try_advisory_xact_lock(key))).scalar_one():
        outbox.enqueue(session, _TASK, id=batch_id, due_at=clock.now() + _PAUSE)
        return
    mine = (ImportFile.tenant_id == tenant_id, ImportFile.batch_id == batch_id)
    data = session.execute(select(ImportFile.data).where(*mine)).scalar_one_or_none()
    if data is None:
        return
    batch = db.own(session, ImportBatch, batch_id, "import")
    if batch.kind == "members":
        imports.apply(session, batch, data, mapping=batch.mapping or None, tell=tell)
    else:
        histories.apply(session, batch, data)
    session.execute(delete(ImportFile).where(*mine))


def tell(session: Session, batch_id: UUID, counts: dict[str, int]) -> None:
    """Write down how far an import is."""
    batch = db.own(session, ImportBatch, batch_id, "import")
    if batch.status == "running":
        batch.counts = counts


def fail(session: Session, batch_id: UUID, problem: str) -> None:
    """End an import that cannot be done, with the reason; nothing of it was applied."""
    batch = db.own(session, ImportBatch, batch_id, "import")
    batch.status, batch.counts = "failed", {}
    batch.options = batch.options | {"problem": problem}
    session.execute(delete(ImportFile).where(ImportFile.tenant_id == batch.tenant_id, ImportFile.batch_id == batch_id))
    audit.append(
        session, actor=batch.created_by or "", action=f"import.{batch.kind}.failed", subject=str(batch_id),
        problem=problem,
    )  # fmt: skip
    events.emit(session, "crm.import.failed", aggregate="import", id=batch_id, kind=batch.kind)
