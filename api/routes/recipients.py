"""Who gets a campaign, what happened to each message, and why."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.auth import requires
from api.deps import Page, Paging, TenantSession, page_in
from api.idempotency import IdempotentRoute
from api.routes.campaigns import shown
from api.schemas.campaigns import CampaignOut
from api.schemas.tenant import EstimateOut, EventOut, FlightCheckOut, RecipientOut, TestIn, TestOut, WhyOut
from api.tables import streamed
from domain.campaigns import service as campaigns
from domain.content import versions
from domain.delivery import cost, files, flight, queries, samples
from domain.delivery import service as delivery
from domain.identity.service import Principal
from kernel.errors import NotFound
from models import Message, MessageEvent

router = APIRouter(prefix="/campaigns/{campaign_id}", tags=["delivery"], route_class=IdempotentRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
Launcher = Annotated[Principal, requires("campaigns:send")]


@router.get("/flight-check")
def check_flight(campaign_id: UUID, session: TenantSession, _who: Reader) -> FlightCheckOut:
    """Say how many would get it now: targeted, minus each reason."""
    return FlightCheckOut.of(flight.check(session, campaigns.get(session, campaign_id)))


@router.get("/cost")
def get_cost(campaign_id: UUID, session: TenantSession, _who: Reader) -> EstimateOut:
    """Show what the texts were expected to cost when the recipients were fixed, by country; 404 before that."""
    campaigns.get(session, campaign_id)
    kept = cost.recorded(session, campaign_id)
    if kept is None:
        raise NotFound("cost")
    return EstimateOut.of(kept)


@router.get("/recipients")
def list_recipients(
    campaign_id: UUID,
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    state: Annotated[str | None, Query(max_length=20)] = None,
    reason: Annotated[str | None, Query(max_length=40)] = None,
) -> Page[RecipientOut]:
    """List the messages of a campaign with state and reason."""
    campaigns.get(session, campaign_id)
    statement = queries.recipients(session, campaign_id, state=state, reason=reason)
    return page_in(session, statement, Message.id, paging, RecipientOut)


@router.get("/recipients/export", response_class=StreamingResponse)
def export_recipients(
    campaign_id: UUID,
    session: TenantSession,
    who: Reader,
    format: Annotated[Literal["csv", "json"], Query()] = "csv",  # noqa: A002 - the name of the parameter
    state: Annotated[str | None, Query(max_length=20)] = None,
    reason: Annotated[str | None, Query(max_length=40)] = None,
) -> StreamingResponse:
    """Read all recipients of a campaign as a file: who they are, what came of each message, why not, and when."""
    campaign = campaigns.get(session, campaign_id)
    found = files.recipients(who.tenant_id, campaign.id, format, state=state, reason=reason)
    return streamed(found, format, f"recipients-{campaign.id}")


@router.get("/recipients/{member_id}/why")
def explain_recipient(campaign_id: UUID, member_id: UUID, session: TenantSession, _who: Reader) -> WhyOut:
    """Explain why a member got the campaign, or did not."""
    campaigns.get(session, campaign_id)
    return WhyOut.of(queries.why(session, campaign_id, member_id))


@router.get("/events")
def list_events(
    campaign_id: UUID,
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    kind: Annotated[str | None, Query(max_length=20)] = None,
) -> Page[EventOut]:
    """List what happened to the campaign's messages."""
    campaigns.get(session, campaign_id)
    return page_in(session, queries.events(session, campaign_id, kind=kind), MessageEvent.id, paging, EventOut)


@router.post("/test", status_code=202)
def send_test(campaign_id: UUID, payload: TestIn, session: TenantSession, who: Launcher) -> TestOut:
    """Send the current revision to one of your people, as a member would get it; marked, and in no statistics.

    A mail goes to somebody who can sign in, a text to a number or chat of `/team-addresses`. Of an A/B test every
    variant comes, each marked with its letter, or the one you name. The campaign of a sequence's step is tested alike.
    """
    sent = samples.send_tests(
        session,
        campaign_id,
        member_id=payload.member_id,
        to=payload.to,
        language=payload.language,
        variant=versions.number(payload.variant) if payload.variant is not None else None,
        actor=who.actor,
    )
    named = {versions.letter(n): message_id for n, message_id in sent.items()}
    return TestOut(message_id=next(iter(named.values())), variants=named)


@router.post("/resend-unknown")
def resend_unknown(campaign_id: UUID, session: TenantSession, who: Launcher) -> CampaignOut:
    """Send again what perhaps arrived: you accept that a few people may get it twice."""
    delivery.resend_unknown(session, campaign_id, actor=who.actor)
    return shown(session, campaigns.get(session, campaign_id))


@router.post("/give-up-unknown")
def give_up_unknown(campaign_id: UUID, session: TenantSession, who: Launcher) -> CampaignOut:
    """Never send again what perhaps arrived."""
    delivery.give_up_unknown(session, campaign_id, actor=who.actor)
    return shown(session, campaigns.get(session, campaign_id))


@router.post("/retry-failed")
def retry_failed(campaign_id: UUID, session: TenantSession, who: Launcher) -> CampaignOut:
    """Send again exactly what failed."""
    delivery.retry_failed(session, campaign_id, actor=who.actor)
    return shown(session, campaigns.get(session, campaign_id))
