"""Files that become documents: small ones at once, large ones by a task with progress.

A worker that is killed leaves nothing half stored: its transaction is gone, the file is still here, and the next try
begins anew.
"""

import threading
from uuid import UUID

from sqlalchemy import Select, func, select, update
from sqlalchemy.orm import Session, undefer

from domain.audience.columns import decode
from domain.audit import service as audit
from domain.knowledge import service
from domain.knowledge.blocks import Block
from domain.knowledge.reading import plain, sandbox
from domain.knowledge.reading.refusal import Bounds, Tell, TooMuch, Unreadable
from domain.knowledge.service import About
from kernel import db, outbox
from kernel.errors import Invalid
from kernel.ids import stable_id
from kernel.settings import get_settings
from models import Document, DocumentUpload

MOST_BYTES_AT_ONCE = {"application/pdf": 256 * 1024, service.MEDIA_TYPES["docx"]: 256 * 1024}
_MOST_BYTES_OF_TEXT_AT_ONCE = 512 * 1024
_SECONDS_AT_ONCE = 10
_MOST_ATTEMPTS = 3
_FOREIGN = {"text/html": "html", "application/pdf": "pdf", service.MEDIA_TYPES["docx"]: "docx"}
_TASK = "knowledge.read"
_ROOM = threading.BoundedSemaphore(2)  # files of one process that are opened at a time, because each takes memory


def take(session: Session, about: About, data: bytes, *, actor: str) -> Document | DocumentUpload:
    """Store a file as a document, or keep it for a task that reads it where that takes long.

    Raises Invalid for a file that is not read, with the reason and the way out.
    """
    most = get_settings().knowledge_file_mb
    if len(data) > most * 1024 * 1024:
        raise Invalid("file", f"'{about.name}' is larger than {most} MiB; split it")
    if not data.strip():
        raise Invalid("file", f"'{about.name}' is empty")
    if len(data) > MOST_BYTES_AT_ONCE.get(about.media_type, _MOST_BYTES_OF_TEXT_AT_ONCE):
        return _accept(session, about, data, actor)
    try:
        blocks = read(about, data, seconds=_SECONDS_AT_ONCE)
    except TooMuch:
        return _accept(session, about, data, actor)
    return service.store_blocks(session, about, blocks, actor=actor)


def read(about: About, data: bytes, *, seconds: int | None = None, tell: Tell = lambda _done, _of: None) -> list[Block]:
    """Return what a file says. Raises Invalid for one that is not read, TooMuch where given `seconds` ran out."""
    kind = _FOREIGN.get(about.media_type)
    if kind is None:
        return plain.read(_text(about, data), about.media_type)
    try:
        with _ROOM:
            return sandbox.read(kind, data, bounds(seconds), tell)
    except TooMuch:
        if seconds is not None:
            raise
        raise Invalid(
            "file",
            f"'{about.name}' takes too long or too much memory to read, or is damaged; simplify it or split it",
        ) from None
    except Unreadable as refusal:
        raise Invalid("file", f"'{about.name}' {refusal}") from None


def bounds(seconds: int | None = None) -> Bounds:
    """Return what one file may take by the settings."""
    settings = get_settings()
    memory = settings.knowledge_memory_mb * 1024 * 1024
    return Bounds(
        pages=settings.knowledge_pages,
        characters=service.LONGEST_BODY,
        unpacked=memory // 4,
        memory=memory,
        seconds=seconds or settings.knowledge_seconds,
    )


def _text(about: About, data: bytes) -> str:
    text = decode(data)
    if "\x00" in text[:4096]:
        raise Invalid("file", f"'{about.name}' is no text; upload it with its true ending")
    if len(text) > service.LONGEST_BODY:
        raise Invalid("file", f"'{about.name}' has more than {service.LONGEST_BODY:,} characters; split it")
    return text


def _accept(session: Session, about: About, data: bytes, actor: str) -> DocumentUpload:
    upload = DocumentUpload(
        tenant_id=db.tenant_of(session),
        name=about.name,
        title=about.title,
        media_type=about.media_type,
        language=about.language,
        valid_from=about.valid_from,
        valid_until=about.valid_until,
        status="queued",
        counts={},
        data=data,
        created_by=actor,
    )
    session.add(upload)
    session.flush()
    outbox.enqueue(session, _TASK, id=upload.id)
    return upload


def get(session: Session, upload_id: UUID) -> DocumentUpload:
    return db.own(session, DocumentUpload, upload_id, "upload")


def listed(session: Session) -> Select[DocumentUpload]:
    return select(DocumentUpload).where(DocumentUpload.tenant_id == db.tenant_of(session))


def begin(session: Session, upload_id: UUID) -> tuple[About, bytes] | None:
    """Note that a try begins and return what is to be read; None where nothing is, or no more than to give up."""
    mine = (DocumentUpload.tenant_id == db.tenant_of(session), DocumentUpload.id == upload_id)
    attempts = session.execute(
        update(DocumentUpload)
        .where(*mine, DocumentUpload.data.is_not(None))
        .values(attempts=DocumentUpload.attempts + 1, status="running", counts={})
        .returning(DocumentUpload.attempts)
    ).scalar_one_or_none()
    if attempts is None:
        return None
    if attempts > _MOST_ATTEMPTS:
        fail(session, upload_id, f"file: was given up after {_MOST_ATTEMPTS} tries; split it and upload it again")
        return None
    upload = session.execute(select(DocumentUpload).where(*mine).options(undefer(DocumentUpload.data))).scalar_one()
    about = About(upload.name, upload.media_type, upload.language, upload.title, upload.valid_from, upload.valid_until)
    return about, upload.data or b""


def tell(session: Session, upload_id: UUID, done: int, of: int) -> None:
    """Write down how far the reading is, in pages or parts."""
    upload = get(session, upload_id)
    if upload.status == "running":
        upload.counts = {"done": done, "of": of}


def finish(session: Session, upload_id: UUID, about: About, blocks: list[Block]) -> None:
    """Store what was read and forget the file, both or neither; nothing where another worker was faster.

    Raises Invalid for a document that cannot be stored.
    """
    key = stable_id(str(db.tenant_of(session)), str(upload_id)).int % 2**63
    session.execute(select(func.pg_advisory_xact_lock(key)))
    upload = session.execute(
        select(DocumentUpload)
        .where(DocumentUpload.tenant_id == db.tenant_of(session), DocumentUpload.id == upload_id)
        .execution_options(populate_existing=True)
    ).scalar_one()
    if upload.status != "running":
        return
    document = service.store_blocks(session, about, blocks, actor=upload.created_by or "")
    parts = session.execute(
        select(func.count()).select_from(service.chunks(session, document.id).subquery())
    ).scalar_one()
    upload.status, upload.data, upload.document_id = "done", None, document.id
    upload.counts = upload.counts | {"chunks": parts}


def fail(session: Session, upload_id: UUID, problem: str) -> None:
    """End an upload that is not read, with the reason; nothing of it was stored."""
    upload = get(session, upload_id)
    upload.status, upload.data, upload.problem = "failed", None, problem
    audit.append(
        session, actor=upload.created_by or "", action="document.upload.failed", subject=str(upload_id), problem=problem
    )
