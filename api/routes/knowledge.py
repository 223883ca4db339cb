"""What the tenant knows: documents and offers."""

from datetime import date
from functools import partial
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Query, Response, UploadFile

from agents import embedding
from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.knowledge import (
    ChunkOut,
    DocumentIn,
    DocumentOut,
    EmbeddingsOut,
    HitOut,
    OfferIn,
    OfferOut,
    OfferPatch,
    Synonyms,
    UploadOut,
)
from domain.identity.service import Principal
from domain.knowledge import service as knowledge
from domain.knowledge import uploads, vectors, vocabulary
from domain.knowledge.service import About
from domain.knowledge.vectors import UNASKED, Understood
from kernel import db
from models import Chunk, Document, DocumentUpload, Offer

documents = APIRouter(prefix="/knowledge", tags=["knowledge"], route_class=IdempotentRoute)
offers = APIRouter(prefix="/offers", tags=["knowledge"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("knowledge:read")]
Writer = Annotated[Principal, requires("knowledge:write")]
Language = Literal["de", "en"]
_LATER: dict[int | str, dict[str, Any]] = {
    202: {
        "model": UploadOut,
        "description": "The file is large: it is read in the background. "
        "Ask `GET /knowledge/uploads/{id}` for its `status`: queued, running, done or failed.",
    }
}


@documents.post("/documents", status_code=201)
def store_document(payload: DocumentIn, session: TenantSession, who: Writer) -> DocumentOut:
    """Add a document as text, or replace the one of that name."""
    media_type = knowledge.text_type_of(payload.name)
    fields = payload.model_dump()
    return DocumentOut.of(knowledge.store_document(session, actor=who.actor, media_type=media_type, **fields))


@documents.post("/files", status_code=201, responses=_LATER)
def upload_document(
    file: Annotated[UploadFile, File(description="Markdown, text, CSV, HTML, PDF or DOCX.")],
    language: Annotated[str, Form(pattern="^(de|en)$")],
    session: TenantSession,
    response: Response,
    who: Writer,
    title: Annotated[str | None, Form(max_length=200, description="Without it the first heading.")] = None,
    valid_from: Annotated[date | None, Form(description="Not found and not cited before this day.")] = None,
    valid_until: Annotated[date | None, Form(description="Not found and not cited after this day.")] = None,
) -> DocumentOut | UploadOut:
    """Add a document from a file, or replace the one of that name."""
    name = (file.filename or "")[:200]
    about = About(name, knowledge.media_type_of(name), language, title or None, valid_from, valid_until)
    taken = uploads.take(session, about, file.file.read(), actor=who.actor)
    if isinstance(taken, DocumentUpload):
        response.status_code = 202
        return UploadOut.of(taken)
    return DocumentOut.of(taken)


@documents.get("/uploads")
def list_uploads(session: TenantSession, _who: Reader, paging: Paging) -> Page[UploadOut]:
    """List files that were read in the background, newest first."""
    rows, cursor = page_of(session, uploads.listed(session), DocumentUpload.id, paging)
    return Page(items=[UploadOut.of(row) for row in rows], next_cursor=cursor)


@documents.get("/uploads/{upload_id}")
def get_upload(upload_id: UUID, session: TenantSession, _who: Reader) -> UploadOut:
    """Show how far a file is, which document it became, or why it was not read."""
    return UploadOut.of(uploads.get(session, upload_id))


@documents.get("/synonyms")
def get_synonyms(session: TenantSession, _who: Reader, language: Annotated[Language, Query()] = "de") -> Synonyms:
    """Show which words mean the same here, beside the built-in ones."""
    return Synonyms(language=language, groups=vocabulary.synonyms(session, language))


@documents.put("/synonyms")
def replace_synonyms(payload: Synonyms, session: TenantSession, who: Writer) -> Synonyms:
    """Say which words mean the same here, instead of the former list of that language."""
    groups = vocabulary.replace_synonyms(session, payload.language, payload.groups, actor=who.actor)
    return Synonyms(language=payload.language, groups=groups)


@documents.get("/documents")
def list_documents(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    language: Annotated[str | None, Query(pattern="^(de|en)$")] = None,
) -> Page[DocumentOut]:
    """List documents, newest first."""
    rows, cursor = page_of(session, knowledge.documents(session, language), Document.id, paging)
    return Page(items=[DocumentOut.of(row) for row in rows], next_cursor=cursor)


@documents.get("/documents/{document_id}")
def get_document(document_id: UUID, session: TenantSession, _who: Reader) -> DocumentOut:
    """Show one document."""
    return DocumentOut.of(knowledge.get_document(session, document_id))


@documents.get("/documents/{document_id}/chunks")
def list_chunks(document_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[ChunkOut]:
    """List the pieces that a document was cut into, last stored first."""
    rows, cursor = page_of(session, knowledge.chunks(session, document_id), Chunk.id, paging)
    return Page(items=[ChunkOut.of(row) for row in rows], next_cursor=cursor)


@documents.delete("/documents/{document_id}", status_code=204)
def delete_document(document_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Remove a document."""
    knowledge.delete_document(session, document_id, actor=who.actor)
    return Response(status_code=204)


@documents.get("/embeddings")
def get_embeddings(session: TenantSession, _who: Reader) -> EmbeddingsOut:
    """Show how many chunks can be found by meaning, and what the others wait for."""
    found = vectors.progress(session)
    fields = {name: getattr(found, name) for name in ("model", "chunks", "done", "refused", "problem", "retry_at")}
    return EmbeddingsOut(**fields, allowed=embedding.allowed(session))


Question = Annotated[str, Query(min_length=2, max_length=300)]
_BY = "Search-By"
_TOLD: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            _BY: {
                "description": "`words` or `words_and_meaning`; after a semicolon why a meaning that was asked for is "
                "not there: not_configured, not_allowed, month_token_limit, timeout, …",
                "schema": {"type": "string", "examples": ["words_and_meaning", "words; timeout"]},
            }
        }
    }
}


def _understood(
    who: Reader,
    q: Question,
    meaning: Annotated[  # noqa: FBT002 - a query parameter
        bool,
        Query(
            description="Also find chunks that say it in other words. Asks the configured model once, which spends "
            "tokens of the month; the same question is free for 30 days. Not for every key stroke."
        ),
    ] = False,
) -> Understood:
    """Ask the model before any transaction is open."""
    if not meaning:
        return UNASKED
    found = embedding.understand(q, partial(db.tenant_session, who.tenant_id))
    return found if found.meaning or found.code else Understood(None, "not_configured")


@documents.get("/search", responses=_TOLD)
def search_knowledge(
    understood: Annotated[Understood, Depends(_understood)],
    session: TenantSession,
    _who: Reader,
    response: Response,
    q: Question,
    language: Annotated[str, Query(pattern="^(de|en)$")] = "de",
    limit: Annotated[int, Query(ge=1, le=8)] = 8,
) -> list[HitOut]:
    """Find what the documents say about a question, best first: by its words, or with `meaning` also by what it means.

    A model that does not answer within seconds is no error: the search goes on by words, and `Search-By` says so.
    """
    response.headers[_BY] = "; ".join(understood.as_json().values())
    hits = knowledge.search(session, q, language=language, limit=limit, meaning=understood.meaning)
    return [HitOut.of(hit) for hit in hits]


@offers.post("", status_code=201)
def create_offer(payload: OfferIn, session: TenantSession, who: Writer) -> OfferOut:
    """Add an offer; its price and dates are what messages may say."""
    fields = payload.model_dump(exclude={"url"})
    url = str(payload.url) if payload.url else None
    return OfferOut.of(knowledge.store_offer(session, actor=who.actor, url=url, **fields))


@offers.get("")
def list_offers(session: TenantSession, _who: Reader, paging: Paging) -> Page[OfferOut]:
    """List offers, newest first."""
    rows, cursor = page_of(session, knowledge.offers(session), Offer.id, paging)
    return Page(items=[OfferOut.of(row) for row in rows], next_cursor=cursor)


@offers.get("/{offer_id}")
def get_offer(offer_id: UUID, session: TenantSession, _who: Reader) -> OfferOut:
    """Show one offer."""
    return OfferOut.of(knowledge.get_offer(session, offer_id))


@offers.put("/{offer_id}")
def change_offer(offer_id: UUID, payload: OfferPatch, session: TenantSession, who: Writer) -> OfferOut:
    """Change an offer; campaigns approved with the former facts are held."""
    fields = payload.model_dump(exclude_unset=True)
    if payload.url is not None:
        fields["url"] = str(payload.url)
    required = {name: fields[name] for name in ("title", "price_minor") if name in fields and fields[name] is None}
    fields = {name: value for name, value in fields.items() if name not in required}
    return OfferOut.of(knowledge.store_offer(session, actor=who.actor, offer_id=offer_id, **fields))


@offers.delete("/{offer_id}", status_code=204)
def delete_offer(offer_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Remove an offer; campaigns that name it are held."""
    knowledge.delete_offer(session, offer_id, actor=who.actor)
    return Response(status_code=204)
