"""Segments: groups of members by rule or by hand."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.segments import (
    AddedOut,
    LookOut,
    MembersIn,
    PersonOut,
    RulesIn,
    SegmentDetail,
    SegmentIn,
    SegmentOut,
    SegmentPatch,
)
from domain.identity.service import Principal
from domain.segments import rules as language
from domain.segments import service as segments
from models import Member, Segment

router = APIRouter(prefix="/segments", tags=["segments"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("members:read")]
Writer = Annotated[Principal, requires("members:write")]


def _sentences(session: Session, rules: dict[str, Any] | None) -> dict[str, str]:
    if rules is None:
        return {}
    read = language.read(rules)
    return {each: segments.sentence(session, read, each) for each in ("de", "en")}


def _detail(session: Session, segment: Segment) -> SegmentDetail:
    shown = SegmentOut.of(segment).model_dump()
    return SegmentDetail(**shown, sentence=_sentences(session, segment.rules))


@router.post("", status_code=201)
def create_segment(payload: SegmentIn, session: TenantSession, who: Writer) -> SegmentDetail:
    """Make a segment by rules or by hand."""
    made = segments.create(
        session,
        name=payload.name,
        kind=payload.kind,
        rule=payload.rules,
        description=payload.description,
        actor=who.actor,
    )
    return _detail(session, made)


@router.get("")
def list_segments(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    kind: Annotated[Literal["dynamic", "static"] | None, Query()] = None,
    status: Annotated[Literal["active", "archived"] | None, Query()] = None,
) -> Page[SegmentOut]:
    """List segments, newest first."""
    rows, cursor = page_of(session, segments.listed(session, kind=kind, status=status), Segment.id, paging)
    return Page(items=[SegmentOut.of(row) for row in rows], next_cursor=cursor)


@router.post("/look")
def look_at_rules(payload: RulesIn, session: TenantSession, _who: Reader) -> LookOut:
    """Count and sample whom unsaved rules mean, and say them as a sentence."""
    found = segments.look(session, payload.rules)
    sample = [PersonOut.of(member) for member in found.sample]
    return LookOut(count=found.count, sample=sample, sentence=_sentences(session, payload.rules))


@router.get("/{segment_id}")
def get_segment(segment_id: UUID, session: TenantSession, _who: Reader) -> SegmentDetail:
    """Show one segment."""
    return _detail(session, segments.get(session, segment_id))


@router.put("/{segment_id}")
def change_segment(segment_id: UUID, payload: SegmentPatch, session: TenantSession, who: Writer) -> SegmentDetail:
    """Change a segment; campaigns that were approved with the former rules are held."""
    required = {"name", "status", "rules"}
    given = payload.model_dump(exclude_unset=True)
    fields = {name: value for name, value in given.items() if name not in required or value is not None}
    return _detail(session, segments.change(session, segment_id, actor=who.actor, **fields))


@router.delete("/{segment_id}", status_code=204)
def delete_segment(segment_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Remove a segment; campaigns for it are held instead of sent."""
    segments.remove(session, segment_id, actor=who.actor)
    return Response(status_code=204)


@router.post("/{segment_id}/calculate")
def calculate_segment(segment_id: UUID, session: TenantSession, _who: Writer) -> SegmentDetail:
    """Count the members anew."""
    segment = segments.get(session, segment_id)
    segments.recount(session, segment)
    return _detail(session, segment)


@router.get("/{segment_id}/members")
def list_members_of_segment(segment_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[PersonOut]:
    """List who is in a segment now, newest first."""
    statement = segments.members_of(session, segments.get(session, segment_id))
    rows, cursor = page_of(session, statement, Member.id, paging)
    return Page(items=[PersonOut.of(row) for row in rows], next_cursor=cursor)


@router.post("/{segment_id}/members")
def add_members_to_segment(segment_id: UUID, payload: MembersIn, session: TenantSession, who: Writer) -> AddedOut:
    """Put members into a static segment."""
    added = segments.add_members(session, segment_id, payload.member_ids, actor=who.actor)
    return AddedOut(added=added, member_count=segments.get(session, segment_id).member_count or 0)


@router.delete("/{segment_id}/members/{member_id}", status_code=204)
def remove_member_from_segment(segment_id: UUID, member_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Take a member out of a static segment."""
    segments.remove_member(session, segment_id, member_id, actor=who.actor)
    return Response(status_code=204)
