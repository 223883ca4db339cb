"""What the tenant knows: documents cut into chunks, offers as typed rows, and finding both."""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, func, or_, select
from sqlalchemy.orm import Session

from domain.audit import service as audit
from domain.knowledge import chunking, search_terms
from domain.knowledge.sources import Source, of_chunk
from kernel import clock, db
from kernel.errors import Conflict, Invalid
from models import Chunk, Document, Offer, Tenant

MEDIA_TYPES = {"md": "text/markdown", "markdown": "text/markdown", "txt": "text/plain", "csv": "text/csv"}
LONGEST_BODY = 2_000_000
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


def store_document(
    session: Session, *, name: str, body: str, media_type: str, language: str, actor: str, title: str | None = None
) -> Document:
    """Add a document, or replace the one of that name; unchanged chunks keep their ids.

    Raises Invalid for an empty or too long text.
    """
    if not body.strip():
        raise Invalid("file", f"'{name}' is empty")
    if len(body) > LONGEST_BODY:
        raise Invalid("file", f"'{name}' has more than {LONGEST_BODY} characters; split it")
    if language not in {"de", "en"}:
        raise Invalid("language", "use de or en")
    tenant_id = db.tenant_of(session)
    document = session.execute(
        select(Document).where(Document.tenant_id == tenant_id, Document.name == name)
    ).scalar_one_or_none()
    if document is None:
        document = Document(tenant_id=tenant_id, name=name, created_by=actor)
        session.add(document)
    document.title = title or chunking.title_of(body, media_type, name)
    document.media_type, document.language, document.body = media_type, language, body.replace("\x00", "")
    document.content_hash = hashlib.sha256(body.encode()).hexdigest()
    session.flush()
    _store_chunks(session, document, actor)
    audit.append(session, actor=actor, action="document.store", subject=str(document.id), hash=document.content_hash)
    return document


def _store_chunks(session: Session, document: Document, actor: str) -> None:
    wanted = chunking.pieces(document.body, document.media_type)
    rows = session.execute(
        select(Chunk).where(Chunk.tenant_id == document.tenant_id, Chunk.document_id == document.id)
    ).scalars()
    known = {row.content_hash: row for row in rows}
    hashes = {piece.content_hash for piece in wanted}
    gone = [row.id for row in known.values() if row.content_hash not in hashes]
    session.execute(delete(Chunk).where(Chunk.tenant_id == document.tenant_id, Chunk.id.in_(gone)))
    for row in known.values():
        if row.content_hash in hashes:
            row.position = -row.position - 1
    session.flush()
    placed: set[str] = set()
    for position, piece in enumerate(wanted):
        if piece.content_hash in placed:
            continue
        placed.add(piece.content_hash)
        kept = known.get(piece.content_hash)
        if kept is not None:
            kept.position = position
            continue
        session.add(
            Chunk(
                tenant_id=document.tenant_id,
                document_id=document.id,
                position=position,
                heading=piece.heading,
                text=piece.text,
                language=document.language,
                content_hash=piece.content_hash,
                created_by=actor,
            )
        )
    session.flush()


def get_document(session: Session, document_id: UUID) -> Document:
    return db.own(session, Document, document_id, "document")


def documents(session: Session, language: str | None = None) -> Select[Document]:
    statement = select(Document).where(Document.tenant_id == db.tenant_of(session))
    return statement.where(Document.language == language) if language else statement


def delete_document(session: Session, document_id: UUID, *, actor: str) -> None:
    """Remove a document and its chunks; campaigns that cite it are held when they are sent."""
    document = get_document(session, document_id)
    audit.append(session, actor=actor, action="document.delete", subject=str(document.id))
    session.delete(document)
    session.flush()


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk that was found, best first."""

    chunk_id: UUID
    document_title: str
    heading: str
    text: str
    hash: str
    language: str
    rank: float
    source: Source


def search(session: Session, query: str, *, language: str, limit: int = 8) -> list[Hit]:
    """Return the tenant's chunks nearest to the query in its language, by full-text rank.

    Any word may match; stems match as prefixes and inside compounds of the tenant's own vocabulary.
    """
    config = {"de": "german", "en": "english"}.get(language, "simple")
    tenant_id = db.tenant_of(session)
    expression = search_terms.build(session, query, config=config, language=language)
    if expression is None:
        return []
    wanted = func.to_tsquery("simple", expression)
    rank = func.ts_rank(Chunk.search, wanted)
    rows = session.execute(
        select(Chunk, Document.title, rank)
        .join(Document, (Document.tenant_id == Chunk.tenant_id) & (Document.id == Chunk.document_id))
        .where(Chunk.tenant_id == tenant_id, Chunk.language == language, Chunk.search.op("@@")(wanted))
        .order_by(rank.desc(), Chunk.id)
        .limit(limit)
    )
    return [
        Hit(
            chunk.id,
            title,
            chunk.heading,
            chunk.text,
            chunk.content_hash,
            chunk.language,
            score,
            of_chunk(chunk, title),
        )
        for chunk, title, score in rows
    ]


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
