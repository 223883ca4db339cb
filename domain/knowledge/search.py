"""The tenant's chunks that are nearest to a question: several ranked lists, fused by rank.

Only the chunks' positions travel until the best are known, so a large knowledge base costs little more than a small
one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import nsmallest
from math import log
from uuid import UUID

from sqlalchemy import or_, select, tuple_
from sqlalchemy.orm import Session

from domain.knowledge import search_terms, vectors
from domain.knowledge.search_terms import Concept, Match, Tier
from domain.knowledge.sources import Source, of_chunk
from domain.knowledge.vectors import Meaning
from kernel import db
from models import Chunk, Document, Posting

MOST_HITS = 8
MOST_BYTES = 6 * 1024
_RANK_CONSTANT = 60  # of reciprocal rank fusion, Cormack, Clarke and Büttcher 2009
_LONGEST_LIST = 60
_MOST_POSTINGS = 20_000
_IN_HEADING = 1.5

_SPAN = 1_000_000

# Where a chunk stands: the number of its document in this search times _SPAN, plus its position.
Place = int


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


def search(
    session: Session, query: str, *, language: str, limit: int, day: date, meaning: Meaning | None = None
) -> list[Hit]:
    """Return at most `limit` chunks of documents that are valid on `day`, best first, together ≤ MOST_BYTES of text.

    Any word may match; what has more of the rarer words, nearer to how they were asked and in headings, comes first.
    What a `meaning` finds is one more ranked list.
    """
    asked = search_terms.concepts(session, query, language)
    if not asked and meaning is None:
        return []
    outdated = _outdated(session, day)
    numbers: dict[UUID, int] = {}
    places = _places(session, _affordable(asked), language, outdated, numbers)
    total = len({place for anywhere, _ in places.values() for place in anywhere})
    lists = [_ranked(_scores(asked, places, tier, total)) for tier in (Tier.NEAR, Tier.SYNONYM)]
    if meaning is not None:
        found = vectors.nearest(session, meaning, language=language, outdated=outdated, most=_LONGEST_LIST)
        lists.append([[numbers.setdefault(document, len(numbers)) * _SPAN + at] for document, at in found])
    return _hits(session, fuse(lists), list(numbers), limit)


def _outdated(session: Session, day: date) -> set[UUID]:
    return set(
        session.execute(
            select(Document.id).where(
                Document.tenant_id == db.tenant_of(session), or_(Document.valid_until < day, Document.valid_from > day)
            )
        ).scalars()
    )


def _affordable(asked: Iterable[Concept]) -> list[str]:
    """Return the stems to look up: nearest and rarest first, until their chunks are too many to look at."""
    by_stem: dict[str, Match] = {}
    for match in sorted((match for concept in asked for match in concept.matches), key=lambda m: (m.tier, m.chunks)):
        by_stem.setdefault(match.lexeme, match)
    chosen: list[str] = []
    spent = 0
    for match in by_stem.values():
        spent += match.chunks
        if chosen and spent > _MOST_POSTINGS:
            break
        chosen.append(match.lexeme)
    return chosen


def _places(
    session: Session, lexemes: Sequence[str], language: str, outdated: Collection[UUID], numbers: dict[UUID, int]
) -> dict[str, tuple[list[Place], list[Place]]]:
    """Return per stem the places of the chunks that hold it, and of those that hold it in their heading.

    `numbers` gets the number of each of their documents, in the order in which they come.
    """
    tenant_id = db.tenant_of(session)
    rows = session.execute(
        select(Posting.lexeme, Posting.document_id, Posting.chunks, Posting.headings).where(
            Posting.tenant_id == tenant_id, Posting.language == language, Posting.lexeme.in_(lexemes)
        )
    )
    found: dict[str, tuple[list[Place], list[Place]]] = {}
    for lexeme, document_id, chunks, headings in rows:
        if document_id in outdated:
            continue
        first = numbers.setdefault(document_id, len(numbers)) * _SPAN
        anywhere, named = found.setdefault(lexeme, ([], []))
        anywhere += [first + position for position in chunks]
        named += [first + position for position in headings]
    return found


def _scores(
    asked: Iterable[Concept], places: Mapping[str, tuple[list[Place], list[Place]]], tier: Tier, total: int
) -> dict[Place, float]:
    """Return the sum over the concepts that a chunk meets, each by its rarity and its nearest stem up to `tier`."""
    scores: dict[Place, float] = {}
    for concept in asked:
        best: dict[Place, float] = {}
        for match in concept.matches:
            if match.tier > tier or match.lexeme not in places:
                continue
            anywhere, named = places[match.lexeme]
            for place in anywhere:
                best[place] = max(best.get(place, 0.0), match.weight)
            for place in named:
                best[place] = max(best[place], _IN_HEADING * match.weight)
        rarity = log(1 + (total + 0.5) / (len(best) + 0.5))
        for place, weight in best.items():
            scores[place] = scores.get(place, 0.0) + weight * rarity
    return scores


def _ranked(scores: Mapping[Place, float]) -> list[list[Place]]:
    """Return the best places in order; those with the same score share a rank."""
    ranks: list[list[Place]] = []
    last = None
    for place, score in nsmallest(_LONGEST_LIST, scores.items(), key=lambda item: (-item[1], item[0])):
        if last is None or score < last:
            ranks.append([])
        ranks[-1].append(place)
        last = score
    return ranks


def fuse(lists: Iterable[Sequence[Sequence[Place]]]) -> list[tuple[Place, float]]:
    """Return all places of several ranked lists, best first, by reciprocal rank; raw scores are never added."""
    fused: dict[Place, float] = {}
    for ranks in lists:
        above = 0
        for tied in ranks:
            for place in tied:
                fused[place] = fused.get(place, 0.0) + 1 / (_RANK_CONSTANT + above + 1)
            above += len(tied)
    return sorted(fused.items(), key=lambda item: (-item[1], item[0]))


def _hits(session: Session, fused: Sequence[tuple[Place, float]], documents: Sequence[UUID], limit: int) -> list[Hit]:
    ranked = [((documents[place // _SPAN], place % _SPAN), rank) for place, rank in fused[: 4 * limit]]
    rows = session.execute(
        select(Chunk, Document.title)
        .join(Document, (Document.tenant_id == Chunk.tenant_id) & (Document.id == Chunk.document_id))
        .where(
            Chunk.tenant_id == db.tenant_of(session),
            tuple_(Chunk.document_id, Chunk.position).in_([place for place, _ in ranked]),
        )
    )
    found = {(chunk.document_id, chunk.position): (chunk, title) for chunk, title in rows}
    return _fitting([(found[place], rank) for place, rank in ranked if place in found], limit)


def _fitting(ranked: Iterable[tuple[tuple[Chunk, str], float]], limit: int) -> list[Hit]:
    """Keep the best that fit; the text of one that follows closely may be short enough where another was not."""
    hits: list[Hit] = []
    left = MOST_BYTES
    for (chunk, title), rank in ranked:
        size = len(chunk.text.encode())
        if len(hits) < limit and size <= left:
            left -= size
            hits.append(_hit(chunk, title, rank))
    return hits


def _hit(chunk: Chunk, title: str, rank: float) -> Hit:
    return Hit(
        chunk.id, title, chunk.heading, chunk.text, chunk.content_hash, chunk.language, rank, of_chunk(chunk, title)
    )
