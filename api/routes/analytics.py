"""Reports over roll-ups: a tenant's overview and how a campaign did, with files of both."""

import hashlib
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.auth import requires
from api.deps import TenantSession
from api.schemas.analytics import AttributionOut, ReportOut
from api.tables import TableQuery, file_of, streamed
from api.threads import ThreadRoute
from domain.analytics import attribution, exports, reports
from domain.analytics.attribution import Model
from domain.analytics.periods import By
from domain.analytics.reports import Asked
from domain.campaigns import service as campaigns
from domain.identity.service import Principal
from domain.plans import service as plans
from domain.plans.catalog import ANALYTICS

router = APIRouter(tags=["analytics"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
Section = Literal["series", "channels", "languages", "links", "variants", "segments"]


First = Annotated[date | None, Query(alias="from", description="First day, on the tenant's clock.")]
Last = Annotated[date | None, Query(alias="to", description="Last day, included.")]


def _asked(
    first: First = None,
    last: Last = None,
    by: Annotated[By, Query(description="How long one row of the series is; weeks begin on Monday.")] = By.DAY,
    include: Annotated[
        list[Section] | None, Query(description="Only these sections; without it all that the plan has.")
    ] = None,
) -> Asked:
    return Asked(first, last, by, frozenset(include or ()))


Query_ = Annotated[Asked, Depends(_asked)]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which table, as which file, in whose words."""

    table: exports.Table
    format: Literal["csv", "json", "xlsx"]
    language: exports.Language

    def of(self, asked: Asked) -> Asked:
        """Return what the report has to hold for the table, whatever else was asked for."""
        return replace(asked, sections=frozenset({self.table} & reports.SECTIONS.keys()))


def _wanted(
    table: Annotated[exports.Table, Query(description="Which part of the report.")] = "series",
    format: Annotated[Literal["csv", "json", "xlsx"], Query()] = "csv",  # noqa: A002 - the name of the parameter
    language: Annotated[exports.Language, Query(description="Of headings, days and numbers.")] = "de",
) -> Wanted:
    return Wanted(table, format, language)


Wanted_ = Annotated[Wanted, Depends(_wanted)]
_CACHED: dict[int | str, dict[str, Any]] = {
    304: {"description": "Nothing has changed since the answer with this ETag."}
}


def _answer(request: Request, report: reports.Report) -> Response:
    """Return a report, or that it is still the one with the caller's ETag (RFC 9110 §13.1.2)."""
    shown = ReportOut.made(report)
    digest = hashlib.sha256(shown.model_dump_json(exclude={"as_of"}).encode()).hexdigest()[:32]
    headers = {"ETag": f'"{digest}"', "Cache-Control": "private, no-cache"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {f'"{digest}"', "*"}:
        return Response(status_code=304, headers=headers)
    return Response(shown.model_dump_json(), media_type="application/json", headers=headers)


@router.get("/analytics/overview", response_model=ReportOut, responses=_CACHED)
def get_overview(request: Request, session: TenantSession, _who: Reader, asked: Query_) -> Response:
    """Show the figures of all campaigns: totals and rates; series and channels from the standard level on.

    Counts are by when a thing happened, rates by when the messages were sent. Without `from` and `to`: 30 days.
    """
    return _answer(request, reports.overview(session, asked))


@router.get("/analytics/attribution")
def get_attribution(
    session: TenantSession,
    _who: Reader,
    first: First = None,
    last: Last = None,
    model: Annotated[Model | None, Query(description="Without it the one of the settings.")] = None,
    window_days: Annotated[int | None, Query(ge=1, le=90, description="Without it `conversion_days`.")] = None,
) -> AttributionOut:
    """Show who gets the conversions under a model and a window; advanced level. Nothing that is recorded changes."""
    return AttributionOut.made(attribution.attribute(session, first, last, model=model, window_days=window_days))


@router.get("/campaigns/{campaign_id}/performance", response_model=ReportOut, responses=_CACHED)
def get_performance(
    campaign_id: UUID, request: Request, session: TenantSession, _who: Reader, asked: Query_
) -> Response:
    """Show how a campaign did: totals and rates, by people and by machines.

    Series, channels, languages and links come from the standard level on, variants and segments from the
    advanced one. Without `from` and `to` it is the campaign's whole life.
    """
    return _answer(request, reports.performance(session, campaign_id, asked))


@router.get("/analytics/overview/export", response_class=StreamingResponse)
def export_overview(session: TenantSession, _who: Reader, asked: Query_, wanted: Wanted_) -> Response:
    """Read a table of the overview as a file, from the standard level on; figures as in the report."""
    plans.require_level(session, ANALYTICS, "standard")
    return _file(reports.overview(session, wanted.of(asked)), wanted, "overview")


@router.get("/campaigns/{campaign_id}/performance/export", response_class=StreamingResponse)
def export_performance(
    campaign_id: UUID, session: TenantSession, _who: Reader, asked: Query_, wanted: Wanted_
) -> Response:
    """Read a table of a campaign's report as a file, from the standard level on; figures as in the report."""
    campaigns.get(session, campaign_id)
    plans.require_level(session, ANALYTICS, "standard")
    return _file(reports.performance(session, campaign_id, wanted.of(asked)), wanted, f"campaign-{campaign_id}")


@router.get("/campaigns/{campaign_id}/events/export", response_class=StreamingResponse)
def export_events(
    campaign_id: UUID,
    session: TenantSession,
    who: Reader,
    format: Annotated[Literal["csv", "json"], Query()] = "csv",  # noqa: A002 - the name of the parameter
) -> StreamingResponse:
    """Read every event of a campaign as it was written, oldest first; JSON is one object a line. Enterprise level."""
    campaign = campaigns.get(session, campaign_id)
    plans.require_level(session, ANALYTICS, "enterprise")
    found = exports.events(who.tenant_id, campaign.id, format)
    return streamed(found, "csv" if format == "csv" else "ndjson", f"events-{campaign.id}")


def _file(report: reports.Report, wanted: Wanted, name: str) -> Response:
    made = exports.sheet(report, wanted.table, wanted.language)
    return file_of(made, TableQuery(wanted.format, wanted.language), f"{name}-{wanted.table}")
