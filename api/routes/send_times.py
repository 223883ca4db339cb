"""When people act on messages, and when to write to one of them."""

from dataclasses import asdict
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.auth import requires
from api.deps import TenantSession
from api.schemas.members import ChannelName
from api.schemas.send_times import BestSendTimeOut, HeatmapOut, ResponsesOut
from api.tables import InForm, file_of
from api.threads import ThreadRoute
from domain.analytics import responses, send_times, sheets
from domain.identity.service import Principal

router = APIRouter(tags=["analytics"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
MemberReader = Annotated[Principal, requires("members:read")]


@router.get("/analytics/heatmap")
def get_heatmap(
    session: TenantSession,
    _who: Reader,
    channel: Annotated[ChannelName, Query()] = "email",
    clock: Annotated[Literal["tenant", "member"], Query(description="Whose clock the hours are on.")] = "tenant",
) -> HeatmapOut:
    """Show at which hours of the week people click, or open, with the sample behind each, and what may be said of it.

    Nothing is adjusted for when people were written to. A plan with advanced analytics has it.
    """
    return HeatmapOut.made(send_times.show(session, channel=channel, clock_=clock))


@router.get("/analytics/heatmap/export")
def export_heatmap(
    session: TenantSession,
    _who: Reader,
    wish: InForm,
    channel: Annotated[ChannelName, Query()] = "email",
    clock: Annotated[Literal["tenant", "member"], Query(description="Whose clock the hours are on.")] = "tenant",
) -> Response:
    """Read the hours of the week as a file; figures as in the heatmap."""
    found = send_times.show(session, channel=channel, clock_=clock)
    return file_of(sheets.of_heatmap(found.surface, wish.language), wish, f"heatmap-{channel}")


@router.get("/analytics/heatmap/responses")
def get_responses(
    session: TenantSession, _who: Reader, channel: Annotated[ChannelName, Query()] = "email"
) -> ResponsesOut:
    """Show, by the hour of the week in which messages were sent, which share was clicked, or opened, and of how many.

    On the tenant's clock, of the last 365 days. Nothing is adjusted for what was written then, and to whom. A plan with
    advanced analytics has it.
    """
    return ResponsesOut.made(channel, responses.show(session, channel=channel))


@router.get("/analytics/heatmap/responses/export")
def export_responses(
    session: TenantSession, _who: Reader, wish: InForm, channel: Annotated[ChannelName, Query()] = "email"
) -> Response:
    """Read the hours of sending as a file; figures as in the answer."""
    found = responses.show(session, channel=channel)
    return file_of(sheets.of_responses(found, wish.language), wish, f"responses-{channel}")


@router.get("/members/{member_id}/best-send-time")
def get_best_send_time(
    member_id: UUID, session: TenantSession, _who: MemberReader, channel: Annotated[ChannelName, Query()] = "email"
) -> BestSendTimeOut:
    """Recommend an hour for a member: the own one with evidence and the consent for profiling, else the tenant's."""
    found = send_times.of_member(session, member_id, channel=channel)
    return BestSendTimeOut(member_id=member_id, channel=channel, **asdict(found))
