"""What the tenant knows: documents and offers."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, Response, UploadFile

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.knowledge import DocumentIn, DocumentOut, HitOut, OfferIn, OfferOut, OfferPatch
from domain.audience.columns import decode
from domain.identity.service import Principal
from domain.knowledge import service as knowledge
from models import Document, Offer

documents = APIRouter(prefix="/knowledge", tags=["knowledge"], route_class=IdempotentRoute)
offers = APIRouter(prefix="/offers", tags=["knowledge"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("knowledge:read")]
Writer = Annotated[Principal, requires("knowledge:write")]


@documents.post("/documents", status_code=201)
def store_document(payload: DocumentIn, session: TenantSession, who: Writer) -> DocumentOut:
    """Add a document as text, or replace the one of that name."""
    media_type = knowledge.media_type_of(payload.name)
    fields = payload.model_dump()
    return DocumentOut.of(knowledge.store_document(session, actor=who.actor, media_type=media_type, **fields))


@documents.post("/files", status_code=201)
def upload_document(
    file: Annotated[UploadFile, File(description="Markdown, text or CSV.")],
    language: Annotated[str, Form(pattern="^(de|en)$")],
    session: TenantSession,
    who: Writer,
) -> DocumentOut:
    """Add a document from a file, or replace the one of that name."""
    name = (file.filename or "")[:200]
    document = knowledge.store_document(
        session,
        name=name,
        body=decode(file.file.read()),
        media_type=knowledge.media_type_of(name),
        language=language,
        actor=who.actor,
    )
    return DocumentOut.of(document)


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


@documents.delete("/documents/{document_id}", status_code=204)
def delete_document(document_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Remove a document."""
    knowledge.delete_document(session, document_id, actor=who.actor)
    return Response(status_code=204)


@documents.get("/search")
def search_knowledge(
    session: TenantSession,
    _who: Reader,
    q: Annotated[str, Query(min_length=2, max_length=300)],
    language: Annotated[str, Query(pattern="^(de|en)$")] = "de",
    limit: Annotated[int, Query(ge=1, le=20)] = 8,
) -> list[HitOut]:
    """Find what the documents say about a question, best first."""
    return [HitOut.of(hit) for hit in knowledge.search(session, q, language=language, limit=limit)]


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
