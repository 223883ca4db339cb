"""Addresses that must not be written to."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_of
from api.idempotency import IdempotentRoute
from api.schemas.members import ChannelName, LiftIn, SuppressionIn, SuppressionOut
from domain.audience import service as audience
from domain.consent import service as consents
from domain.identity.service import Principal
from models import Suppression

router = APIRouter(prefix="/suppressions", tags=["members"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("members:read")]
Writer = Annotated[Principal, requires("consent:write")]


@router.post("", status_code=201)
def add_suppression(payload: SuppressionIn, session: TenantSession, who: Writer) -> dict[str, bool]:
    """Stop writing to an address; `new` is false when it was suppressed already."""
    norm = audience.normalise(payload.channel, payload.address, audience.region_of(session))
    new = consents.suppress(
        session, channel=payload.channel, address_norm=norm, reason=payload.reason, source="api", actor=who.actor
    )
    return {"new": new}


@router.get("")
def list_suppressions(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    channel: Annotated[ChannelName | None, Query()] = None,
    reason: Annotated[str | None, Query(max_length=40)] = None,
) -> Page[SuppressionOut]:
    """List what is suppressed, newest first."""
    statement = consents.matching(session, channel=channel, reason=reason)
    rows, cursor = page_of(session, statement, Suppression.id, paging)
    return Page(items=[SuppressionOut.of(row) for row in rows], next_cursor=cursor)


@router.post("/{suppression_id}/lift", status_code=204)
def lift_suppression(suppression_id: UUID, payload: LiftIn, session: TenantSession, who: Writer) -> Response:
    """Take a suppression back, with a reason; never a person's own objection."""
    consents.lift(session, suppression_id, actor=who.actor, reason=payload.reason)
    return Response(status_code=204)
