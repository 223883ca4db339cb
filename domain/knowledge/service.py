"""What the tenant knows: documents cut into chunks, offers as typed rows, and finding both."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.knowledge import chunking, vectors, vocabulary
from domain.knowledge import search as nearest
from domain.knowledge.blocks import Block, as_text, visible
from domain.knowledge.chunking import Piece
from domain.knowledge.reading import plain
from domain.knowledge.search import MOST_HITS, Hit
from domain.knowledge.vectors import Meaning
from kernel import clock, db
from kernel.errors import Conflict, Invalid
from models import Chunk, Document, Offer, Tenant

MEDIA_TYPES = {
    "md": "text/markdown",
    "markdown": "text/markdown",
    "txt": "text/plain",
    "csv": "text/csv",
    "html": "text/html",
    "htm": "text/html",
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
_AS_TEXT = frozenset({"text/markdown", "text/plain", "text/csv"})
LANGUAGES = frozenset({"de", "en"})
LONGEST_BODY = 2_000_000
MOST_CHUNKS = 5_000
OFFER_FIELDS = frozenset(
    {
        "key",
        "title",
        "description",
        "price_minor",
        "old_price_minor",
        "currency",
        "valid_from",
        "valid_until",
        "url",
        "terms",
        "tags",
    }
)


def media_type_of(file_name: str) -> str:
    """Return the media type of a file we can read; raises Invalid naming those we can."""
    ending = file_name.rpartition(".")[2].lower()
    if ending not in MEDIA_TYPES:
        raise Invalid("file", f"'{file_name}' cannot be read; use {', '.join(sorted(MEDIA_TYPES))}")
    return MEDIA_TYPES[ending]


def text_type_of(name: str) -> str:
    """Return the media type of a document given as text; raises Invalid for kinds that are uploaded as files."""
    media_type = media_type_of(name)
    if media_type not in _AS_TEXT:
        raise Invalid("name", f"'{name}' is no plain text; upload it as a file (POST /knowledge/files)")
    return media_type


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a document besides its text. `title` None is its first heading, else its name."""

    name: str
    media_type: str
    language: str
    title: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None


def store_document(session: Session, *, body: str, actor: str, **about: Any) -> Document:
    """Add a document given as text, or replace the one of that name; unchanged chunks keep their ids.

    `about` are the fields of About. Raises Invalid for an empty or too long text, an unknown language and days out of
    order.
    """
    if len(body) > LONGEST_BODY:
        raise Invalid("file", f"'{about['name']}' has more than {LONGEST_BODY:,} characters; split it")
    described = About(**about)
    return store_blocks(session, described, plain.read(body, described.media_type), body=visible(body), actor=actor)


def store_blocks(
    session: Session, about: About, blocks: list[Block], *, actor: str, body: str | None = None
) -> Document:
    """Add a document that was read into blocks, or replace the one of that name; `body` None is what the blocks say.

    Raises Invalid as `store_document` does, and for a document that would become more than MOST_CHUNKS chunks.
    """
    text = as_text(blocks) if body is None else body
    wanted = chunking.pieces(blocks)
    _check(about, text, wanted)
    vocabulary.lock(session)
    tenant_id = db.tenant_of(session)
    document = session.execute(
        select(Document).where(Document.tenant_id == tenant_id, Document.name == about.name)
    ).scalar_one_or_none()
    if document is None:
        document = Document(tenant_id=tenant_id, name=about.name, created_by=actor)
        session.add(document)
    first = next((block.text[:200] for block in blocks if block.kind == "heading"), about.name)
    document.title = about.title or first
    document.media_type, document.language, document.body = about.media_type, about.language, text
    document.valid_from, document.valid_until = about.valid_from, about.valid_until
    document.content_hash = hashlib.sha256(text.encode()).hexdigest()
    session.flush()
    _store_chunks(session, document, wanted, actor)
    vocabulary.index(session, document.id)
    vectors.expect(session)
    audit.append(session, actor=actor, action="document.store", subject=str(document.id), hash=document.content_hash)
    return document


def _check(about: About, text: str, wanted: list[Piece]) -> None:
    if not wanted:
        raise Invalid("file", f"'{about.name}' is empty")
    if len(wanted) > MOST_CHUNKS:
        raise Invalid("file", f"'{about.name}' falls into {len(wanted):,} parts, at most {MOST_CHUNKS:,}; split it")
    if len(text) > LONGEST_BODY:
        raise Invalid("file", f"'{about.name}' has more than {LONGEST_BODY:,} characters; split it")
    if about.language not in LANGUAGES:
        raise Invalid("language", "use de or en")
    if about.valid_from and about.valid_until and about.valid_until < about.valid_from:
        raise Invalid("valid_until", "lies before valid_from")


def _store_chunks(session: Session, document: Document, wanted: list[Piece], actor: str) -> None:
    rows = session.execute(
        select(Chunk).where(Chunk.tenant_id == document.tenant_id, Chunk.document_id == document.id)
    ).scalars()
    known = {row.content_hash: row for row in rows}
    hashes = {piece.content_hash for piece in wanted}
    gone = [row.id for row in known.values() if row.content_hash not in hashes or row.language != document.language]
    session.execute(delete(Chunk).where(Chunk.tenant_id == document.tenant_id, Chunk.id.in_(gone)))
    kept = {hash_: row for hash_, row in known.items() if row.id not in set(gone)}
    for row in kept.values():
        row.position = -row.position - 1
    session.flush()
    once = {piece.content_hash: piece for piece in wanted}
    for position, (content_hash, piece) in enumerate(once.items()):
        if content_hash in kept:
            kept[content_hash].position = position
            continue
        session.add(
            Chunk(
                tenant_id=document.tenant_id,
                document_id=document.id,
                position=position,
                heading=piece.heading,
                text=piece.text,
                language=document.language,
                content_hash=content_hash,
                created_by=actor,
            )
        )
    session.flush()


def get_document(session: Session, document_id: UUID) -> Document:
    return db.own(session, Document, document_id, "document")


def documents(session: Session, language: str | None = None) -> Select[Document]:
    statement = select(Document).where(Document.tenant_id == db.tenant_of(session))
    return statement.where(Document.language == language) if language else statement


def chunks(session: Session, document_id: UUID) -> Select[Chunk]:
    """Return the statement of a document's chunks. Raises NotFound for a document that is not there."""
    document = get_document(session, document_id)
    return select(Chunk).where(Chunk.tenant_id == document.tenant_id, Chunk.document_id == document.id)


def delete_document(session: Session, document_id: UUID, *, actor: str) -> None:
    """Remove a document and its chunks; campaigns that cite it are held when they are sent."""
    vocabulary.lock(session)
    document = get_document(session, document_id)
    audit.append(session, actor=actor, action="document.delete", subject=str(document.id))
    vocabulary.forget(session, document.id)
    session.delete(document)
    session.flush()


def search(
    session: Session, query: str, *, language: str, limit: int = MOST_HITS, meaning: Meaning | None = None
) -> list[Hit]:
    """Return the tenant's chunks nearest to the query in its language, best first, from documents valid today.

    Any word may match, also by its compounds, what it is composed of, and its synonyms; with a `meaning` also chunks
    that say it in other words. At most MOST_BYTES of text.
    """
    day = local_day(session)
    return nearest.search(session, query, language=language, limit=limit, day=day, meaning=meaning)


def local_day(session: Session, at: datetime | None = None) -> date:
    """Return the tenant's calendar day."""
    zone = ZoneInfo(session.get_one(Tenant, db.tenant_of(session)).time_zone)
    return (at or clock.now()).astimezone(zone).date()


def valid_offers(session: Session, at: datetime | None = None) -> list[Offer]:
    """Return the offers that are valid on the tenant's day, those that end first in front."""
    day = local_day(session, at)
    rows = session.execute(
        select(Offer)
        .where(
            Offer.tenant_id == db.tenant_of(session),
            or_(Offer.valid_from.is_(None), Offer.valid_from <= day),
            or_(Offer.valid_until.is_(None), Offer.valid_until >= day),
        )
        .order_by(Offer.valid_until.asc().nulls_last(), Offer.id)
    )
    return list(rows.scalars())


def get_offer(session: Session, offer_id: UUID) -> Offer:
    return db.own(session, Offer, offer_id, "offer")


def offers(session: Session) -> Select[Offer]:
    return select(Offer).where(Offer.tenant_id == db.tenant_of(session))


def store_offer(session: Session, *, actor: str, offer_id: UUID | None = None, **fields: Any) -> Offer:
    """Add an offer, or change one. Raises Conflict for a key that is taken, Invalid for dates out of order."""
    unknown = sorted(set(fields) - OFFER_FIELDS)
    if unknown:
        raise Invalid(unknown[0], "cannot be written")
    tenant_id = db.tenant_of(session)
    if "key" in fields:
        other = session.execute(
            select(Offer.id).where(Offer.tenant_id == tenant_id, Offer.key == fields["key"])
        ).scalar_one_or_none()
        if other not in {None, offer_id}:
            raise Conflict(f"Another offer has the key '{fields['key']}'. Change that one or choose another key.")
    offer = get_offer(session, offer_id) if offer_id else Offer(tenant_id=tenant_id, created_by=actor)
    for name, value in fields.items():
        setattr(offer, name, value)
    if offer.valid_from and offer.valid_until and offer.valid_until < offer.valid_from:
        raise Invalid("valid_until", "lies before valid_from")
    session.add(offer)
    session.flush()
    audit.append(session, actor=actor, action="offer.store", subject=str(offer.id), fields=sorted(fields))
    return offer


def delete_offer(session: Session, offer_id: UUID, *, actor: str) -> None:
    """Remove an offer; campaigns that name it are held when they are sent."""
    offer = get_offer(session, offer_id)
    audit.append(session, actor=actor, action="offer.delete", subject=str(offer.id))
    session.delete(offer)
    session.flush()
