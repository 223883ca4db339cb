"""Members, their activities, purchases and consents."""

from collections.abc import Sequence
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from sqlalchemy.orm import Session

from api import places
from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_in, page_of
from api.idempotency import IdempotentRoute
from api.schemas.members import (
    ActivityIn,
    ActivityOut,
    ConsentEventOut,
    ConsentIn,
    ConsentOut,
    ContactPointOut,
    EntryOut,
    EraseIn,
    MemberIn,
    MemberOut,
    MemberPatch,
    PersonOut,
    PurchaseIn,
    PurchaseOut,
    Status,
)
from domain.audience import queries
from domain.audience import service as audience
from domain.consent import service as consents
from domain.identity.rules import PRIVACY
from domain.identity.service import Principal
from domain.privacy import service as privacy
from domain.timeline import queries as timeline
from models import Activity, ConsentEvent, Member, Purchase

router = APIRouter(prefix="/members", tags=["members"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("members:read")]
Writer = Annotated[Principal, requires("members:write")]
PrivacyOfficer = Annotated[Principal, requires(PRIVACY)]
ConsentWriter = Annotated[Principal, requires("consent:write")]


def _shown(session: Session, member: Member) -> MemberOut:
    points = audience.contact_points(session, [member.id])[member.id]
    return MemberOut.of(member, contact_points=[ContactPointOut.of(point) for point in points])


@router.post("", status_code=201)
def create_member(payload: MemberIn, session: TenantSession, who: Writer) -> MemberOut:
    """Add a member. Consent is recorded apart, with its evidence."""
    contact: dict[str, str] = {str(channel): address for channel, address in payload.contact_points.items()}
    fields = payload.model_dump(exclude={"contact_points"})
    return _shown(session, audience.create(session, actor=who.actor, contact=contact, **fields))


@router.get("")
def list_members(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    status: Annotated[Status | None, Query()] = None,
    tag: Annotated[str | None, Query(max_length=100)] = None,
    email: Annotated[str | None, Query(max_length=300, description="The whole address.")] = None,
    external_id: Annotated[str | None, Query(max_length=300)] = None,
    q: Annotated[str | None, Query(max_length=200, description="Part of a name.")] = None,
) -> Page[MemberOut]:
    """List members, newest first."""
    norm = audience.normalise("email", email, "DE") if email else None
    statement = queries.matching(session, status=status, tag=tag, address_norm=norm, external_id=external_id, text=q)

    def reached(ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
        return {row_id: {"contact_points": points} for row_id, points in audience.contact_points(session, ids).items()}

    return page_in(session, statement, Member.id, paging, MemberOut, reached)


@router.get("/{member_id}")
def get_member(member_id: UUID, session: TenantSession, _who: Reader) -> MemberOut:
    """Show one member."""
    return _shown(session, audience.get(session, member_id))


@router.put("/{member_id}")
def change_member(member_id: UUID, payload: MemberPatch, session: TenantSession, who: Writer) -> MemberOut:
    """Change fields and addresses; what is absent stays."""
    changes: dict[str, Any] = payload.model_dump(exclude_unset=True, exclude={"contact_points"})
    for key in ("status", "tags", "attributes", "restricted"):
        if key in changes and changes[key] is None:
            del changes[key]
    contact = {str(channel): address for channel, address in (payload.contact_points or {}).items()}
    return _shown(session, audience.change(session, member_id, actor=who.actor, contact=contact, changes=changes))


@router.delete("/{member_id}", status_code=204)
def delete_member(member_id: UUID, session: TenantSession, who: Writer) -> Response:
    """Remove a member; suppressions of its addresses stay."""
    audience.delete(session, member_id, actor=who.actor)
    return Response(status_code=204)


@router.post("/{member_id}/export")
def export_member(member_id: UUID, session: TenantSession, who: PrivacyOfficer) -> PersonOut:
    """Hand out everything that is held about a member, table by table."""
    return PersonOut(**privacy.export(session, member_id, actor=who.actor))


@router.post("/{member_id}/erase", status_code=204)
def erase_member(member_id: UUID, payload: EraseIn, session: TenantSession, who: PrivacyOfficer) -> Response:
    """Remove a member everywhere, for good. Totals stay; files do not bring the person back."""
    privacy.erase(session, member_id, actor=who.actor, reason=payload.reason)
    return Response(status_code=204)


@router.get("/{member_id}/timeline")
def show_timeline(
    member_id: UUID,
    session: TenantSession,
    _who: Reader,
    kind: Annotated[list[str] | None, Query(max_length=20, description=f"Any of {', '.join(timeline.KINDS)}.")] = None,
    limit: Annotated[int, Query(ge=1, le=timeline.LARGEST_PAGE, description="Entries per page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=100, description="`next_cursor` of the page before.")] = None,
) -> Page[EntryOut]:
    """Show everything that happened with a member, newest first, with a sentence for each."""
    entries, following = timeline.page(
        session, member_id, kinds=kind or (), after=places.read(cursor) if cursor else None, limit=limit
    )
    return Page(items=[EntryOut.of(entry) for entry in entries], next_cursor=places.write(following))


@router.get("/{member_id}/activities")
def list_activities(member_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[ActivityOut]:
    """List what a member did."""
    audience.get(session, member_id)
    return page_in(session, queries.activities(session, member_id), Activity.id, paging, ActivityOut)


@router.post("/{member_id}/activities", status_code=201)
def add_activity(member_id: UUID, payload: ActivityIn, session: TenantSession, who: Writer) -> ActivityOut:
    """Add what a member did; a visit moves the last visit forward."""
    return ActivityOut.of(audience.add_activity(session, member_id, actor=who.actor, **payload.model_dump()))


@router.get("/{member_id}/purchases")
def list_purchases(member_id: UUID, session: TenantSession, _who: Reader, paging: Paging) -> Page[PurchaseOut]:
    """List what a member bought."""
    audience.get(session, member_id)
    return page_in(session, queries.purchases(session, member_id), Purchase.id, paging, PurchaseOut)


@router.post("/{member_id}/purchases", status_code=201)
def add_purchase(member_id: UUID, payload: PurchaseIn, session: TenantSession, who: Writer) -> PurchaseOut:
    """Add what a member bought."""
    return PurchaseOut.of(audience.add_purchase(session, member_id, actor=who.actor, **payload.model_dump()))


@router.get("/{member_id}/consents")
def list_consents(member_id: UUID, session: TenantSession, _who: Reader) -> list[ConsentOut]:
    """Show what a member agreed to now."""
    audience.get(session, member_id)
    return [ConsentOut.of(row) for row in consents.of_member(session, member_id)]


@router.post("/{member_id}/consents", status_code=201)
def record_consent(member_id: UUID, payload: ConsentIn, session: TenantSession, who: ConsentWriter) -> ConsentOut:
    """Record a consent or its withdrawal, with the evidence."""
    return ConsentOut.of(consents.record(session, member_id, actor=who.actor, **payload.model_dump()))


@router.get("/{member_id}/consents/history")
def list_consent_history(
    member_id: UUID, session: TenantSession, _who: Reader, paging: Paging
) -> Page[ConsentEventOut]:
    """List every change of a member's consents with its evidence, newest first."""
    audience.get(session, member_id)
    rows, cursor = page_of(session, consents.history(session, member_id), ConsentEvent.id, paging)
    return Page(items=[ConsentEventOut.of(row) for row in rows], next_cursor=cursor)
