"""Sequences that use a segment: by their trigger, in a condition or as a goal."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from domain.sequences import service
from kernel import db
from models import Sequence, SequenceVersion


@dataclass(frozen=True, slots=True)
class Used:
    """A sequence and where it uses the segment; `published`: in its current version and not in its draft alone."""

    id: UUID
    name: str
    status: str
    places: list[str]
    published: bool


def of_segment(session: Session, segment_id: UUID) -> list[Used]:
    """Return the sequences that are not archived and use a segment, oldest first."""
    named = str(segment_id)
    found = []
    for row in _sequences(session):
        published = list(_places(row.definition or {}, named))
        places = published or list(_places(row.draft, named))
        if places:
            found.append(Used(row.id, row.name, row.status, places, bool(published)))
    return found


def counts(session: Session, segment_ids: Iterable[UUID]) -> dict[UUID, int]:
    """Return how many sequences that are not archived use each of some segments."""
    known = [(row.definition, row.draft) for row in _sequences(session)]
    return {each: sum(any(_names(part, str(each)) for part in parts) for parts in known) for each in segment_ids}


def _sequences(session: Session) -> Iterable[Any]:
    current = and_(
        SequenceVersion.tenant_id == Sequence.tenant_id,
        SequenceVersion.sequence_id == Sequence.id,
        SequenceVersion.n == Sequence.published,
    )
    rows = session.execute(
        select(Sequence.id, Sequence.name, Sequence.status, Sequence.draft, SequenceVersion.definition)
        .outerjoin(SequenceVersion, current)
        .where(Sequence.tenant_id == db.tenant_of(session), Sequence.status != service.ARCHIVED)
        .order_by(Sequence.id)
    )
    return rows.all()


def pause(session: Session, segment_id: UUID, reason: str, *, actor: str) -> list[Used]:
    """Pause the live sequences whose published version uses a segment; returns all that use it, as they are then.

    Nobody enters or moves on by a segment that is gone, and the sequence says so.
    """
    for each in live_of(session, segment_id):
        service.pause(session, each.id, actor=actor, reason=f"{reason}; choose another one and publish again")
    session.flush()
    return of_segment(session, segment_id)


def live_of(session: Session, segment_id: UUID) -> list[Used]:
    """Return the live sequences whose published version uses a segment, oldest first."""
    used = of_segment(session, segment_id)
    return [each for each in used if each.published and each.status == service.LIVE]


def _places(definition: dict[str, Any], segment_id: str) -> Iterator[str]:
    if _names(definition.get("trigger"), segment_id):
        yield "trigger"
    for step in definition.get("steps", ()):
        if _names(step, segment_id):
            yield f"condition {step['key']}"
    if _names(definition.get("goals"), segment_id):
        yield "goal"


def _names(part: Any, segment_id: str) -> bool:
    """Whether a segment is named anywhere within a part of a definition."""
    if isinstance(part, dict):
        return part.get("segment_id") == segment_id or any(_names(each, segment_id) for each in part.values())
    return isinstance(part, list) and any(_names(each, segment_id) for each in part)
