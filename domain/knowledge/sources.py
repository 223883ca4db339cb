"""What a sentence rests on: chunks and offers, pinned by the hash of what they said."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel import db
from models import Chunk, Document, Offer


@dataclass(frozen=True, slots=True)
class Source:
    """One thing a revision may cite. `text` is what it says, `hash` pins it."""

    kind: str
    id: UUID
    title: str
    text: str
    hash: str

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "id": str(self.id), "title": self.title, "excerpt": self.text, "hash": self.hash}


def offer_hash(offer: Offer) -> str:
    """Return the hash over every field of an offer that can reach a message."""
    fields = [
        offer.key,
        offer.title,
        offer.description,
        offer.price_minor,
        offer.old_price_minor,
        offer.currency,
        offer.valid_from,
        offer.valid_until,
        offer.url,
        offer.terms,
    ]
    return hashlib.sha256(json.dumps(fields, default=str, ensure_ascii=False).encode()).hexdigest()


def offer_text(offer: Offer) -> str:
    """Return an offer as labelled lines, so that a number stays with its subject."""
    lines = [offer.title, offer.description, f"Preis: {_money(offer.price_minor, offer.currency)}"]
    if offer.old_price_minor is not None:
        lines.append(f"statt {_money(offer.old_price_minor, offer.currency)}")
    if offer.valid_from is not None:
        lines.append(f"gültig ab {offer.valid_from.isoformat()}")
    if offer.valid_until is not None:
        lines.append(f"gültig bis {offer.valid_until.isoformat()}")
    lines.append(offer.terms)
    return "\n".join(line for line in lines if line)


def _money(minor: int, currency: str) -> str:
    return f"{minor // 100}.{minor % 100:02d} {currency}"


def of_offer(offer: Offer) -> Source:
    return Source("offer", offer.id, offer.title, offer_text(offer), offer_hash(offer))


def of_chunk(chunk: Chunk, document_title: str) -> Source:
    title = f"{document_title}: {chunk.heading}" if chunk.heading else document_title
    return Source("chunk", chunk.id, title, chunk.text, chunk.content_hash)


def current(session: Session, pinned: list[dict[str, Any]]) -> dict[str, Source]:
    """Return what the pinned sources say now, by id; those that are gone are missing."""
    tenant_id = db.tenant_of(session)
    ids = [UUID(str(source["id"])) for source in pinned]
    if not ids:
        return {}
    offers = session.execute(select(Offer).where(Offer.tenant_id == tenant_id, Offer.id.in_(ids))).scalars()
    found = {str(offer.id): of_offer(offer) for offer in offers}
    chunks = session.execute(
        select(Chunk, Document.title)
        .join(Document, (Document.tenant_id == Chunk.tenant_id) & (Document.id == Chunk.document_id))
        .where(Chunk.tenant_id == tenant_id, Chunk.id.in_(ids))
    )
    found |= {str(chunk.id): of_chunk(chunk, title) for chunk, title in chunks}
    return found


def current_hashes(session: Session, pinned: list[dict[str, Any]]) -> dict[str, str | None]:
    """Return the present hash per pinned source id; None where the source is gone."""
    found = current(session, pinned)
    return {str(s["id"]): found[str(s["id"])].hash if str(s["id"]) in found else None for s in pinned}
