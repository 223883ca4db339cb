"""Whether what a campaign says still holds on the day it goes out: its offers run, and what it cites is in force.

That a source was changed or removed voids the seal; that its days are over changes no row and is asked here.
"""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from domain.knowledge import service as knowledge
from models import Campaign, Chunk, Document, DraftRevision, Offer


def obstacle(session: Session, campaign: Campaign) -> str | None:
    """Return offer_expired or source_expired where what the approved content names is not valid on the tenant's day.

    Offers are those of the content, documents those of the chunks that its claims cite; None where all are valid.
    """
    revision_id = campaign.approved_revision_id or campaign.current_revision_id
    revision = session.get(DraftRevision, revision_id) if revision_id else None
    if revision is None:
        return None
    day = knowledge.local_day(session)
    if _offers_over(session, campaign.tenant_id, revision, day):
        return "offer_expired"
    return "source_expired" if _documents_over(session, campaign.tenant_id, revision, day) else None


def _outside(entity: Any, day: date) -> ColumnElement[bool]:
    return or_(entity.valid_until < day, entity.valid_from > day)


def _offers_over(session: Session, tenant_id: UUID, revision: DraftRevision, day: date) -> bool:
    named = _ids(revision.content_json.get("offers", []))
    statement = select(Offer.id).where(Offer.tenant_id == tenant_id, Offer.id.in_(named), _outside(Offer, day))
    return bool(named) and session.execute(statement.limit(1)).first() is not None


def _documents_over(session: Session, tenant_id: UUID, revision: DraftRevision, day: date) -> bool:
    claimed = {str(source) for claim in revision.claims_json for source in claim.get("source_ids", [])}
    cited = _ids(source["id"] for source in revision.sources_json if source["id"] in claimed)
    statement = (
        select(Document.id)
        .join(Chunk, (Chunk.tenant_id == Document.tenant_id) & (Chunk.document_id == Document.id))
        .where(Document.tenant_id == tenant_id, Chunk.id.in_(cited), _outside(Document, day))
    )
    return bool(cited) and session.execute(statement.limit(1)).first() is not None


def _ids(values: Any) -> set[UUID]:
    return {UUID(str(value)) for value in values}
