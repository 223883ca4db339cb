"""What campaigns cost and bring: return, budget, comparison, cohorts."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from api.auth import requires
from api.deps import Paging, TenantSession, cursor_of
from api.schemas.money import (
    AccountOut,
    BudgetIn,
    BudgetOut,
    CampaignRoiOut,
    CohortsOut,
    ComparisonOut,
    PurchasesOut,
    RoiOut,
)
from api.tables import InForm, file_of
from api.threads import ThreadRoute
from domain.analytics import budget, cohorts, comparison, money, sheets
from domain.identity import tenants
from domain.identity.service import Principal
from domain.plans import service as plans
from domain.plans.catalog import ANALYTICS

router = APIRouter(tags=["analytics"], route_class=ThreadRoute)

Reader = Annotated[Principal, requires("campaigns:read")]
Writer = Annotated[Principal, requires("campaigns:write")]
From = Annotated[date | None, Query(alias="from", description="A day of the first month, on the tenant's clock.")]
Ids = Annotated[list[UUID], Query(description="2 to 10 campaigns; the others are compared with the first.")]
Within = Annotated[
    UUID | None,
    Query(description="Only messages to members of this segment, which the audience of each campaign has to name."),
]
To = Annotated[date | None, Query(alias="to", description="A day of the last month, which is included.")]


@router.get("/analytics/roi")
def get_roi(
    session: TenantSession,
    _who: Reader,
    paging: Paging,
    by: Annotated[Literal["campaign", "channel", "month"], Query()] = "campaign",
    first: From = None,
    last: To = None,
) -> RoiOut:
    """Show cost, revenue and return by campaign, channel or month; without `from` and `to` for twelve months.

    Per currency, and without a return where cost is not known. A plan with advanced analytics has it.
    """
    found = money.overview(session, by=by, first=first, last=last)
    items, cursor = found.accounts, None
    if by == "campaign":
        rest = [each for each in items if paging.after is None or each.key < str(paging.after)]
        items = rest[: paging.limit]
        cursor = cursor_of(UUID(items[-1].key)) if len(rest) > paging.limit else None
    return RoiOut(
        first=found.first,
        last=found.last,
        by=by,
        items=[AccountOut.made(each) for each in items],
        next_cursor=cursor,
        total=AccountOut.made(found.total),
        not_counted=found.not_counted,
    )


@router.get("/analytics/roi/export")
def export_roi(
    session: TenantSession,
    _who: Reader,
    wish: InForm,
    by: Annotated[Literal["campaign", "channel", "month"], Query()] = "campaign",
    first: From = None,
    last: To = None,
) -> Response:
    """Read all accounts as a file, with columns per currency; figures as in the overview."""
    return file_of(
        sheets.of_accounts(money.overview(session, by=by, first=first, last=last), wish.language), wish, "roi"
    )


@router.get("/analytics/cohorts")
def get_cohorts(session: TenantSession, _who: Reader, first: From = None, last: To = None) -> CohortsOut:
    """Show members by the month of joining: how many were active and what they bought in each month since.

    Up to 24 months, by default twelve. A plan with enterprise analytics has it.
    """
    return CohortsOut.of(cohorts.table(session, first=first, last=last))


@router.get("/analytics/cohorts/export")
def export_cohorts(session: TenantSession, _who: Reader, wish: InForm, first: From = None, last: To = None) -> Response:
    """Read the cohorts as a file, one row per cohort and month."""
    return file_of(sheets.of_cohorts(cohorts.table(session, first=first, last=last), wish.language), wish, "cohorts")


@router.get("/campaigns/compare")
def compare_campaigns(
    session: TenantSession,
    _who: Reader,
    ids: Ids,
    segment: Within = None,
) -> ComparisonOut:
    """Put campaigns beside each other: the same shares of the same wholes, and whether chance explains a difference.

    Within a segment there is no cost, which is not known by segment. A plan with advanced analytics has it.
    """
    return ComparisonOut.made(comparison.compare(session, ids, segment))


@router.get("/campaigns/compare/export")
def export_comparison(session: TenantSession, _who: Reader, ids: Ids, wish: InForm, segment: Within = None) -> Response:
    """Read a comparison as a file, one row per campaign and metric."""
    return file_of(sheets.of_comparison(comparison.compare(session, ids, segment), wish.language), wish, "comparison")


@router.get("/campaigns/{campaign_id}/roi")
def get_roi_of_campaign(campaign_id: UUID, session: TenantSession, _who: Reader) -> CampaignRoiOut:
    """Show what a campaign has cost and brought over its life, and apart from that what its recipients bought.

    A plan with advanced analytics has it.
    """
    account = money.of_campaign(session, campaign_id)
    plans.require_level(session, ANALYTICS, "advanced")
    return CampaignRoiOut(
        **AccountOut.made(account).model_dump(),
        window_days=tenants.current(session).conversion_days,
        purchases_of_recipients=[PurchasesOut.of(each) for each in money.purchases_of_recipients(session, campaign_id)],
    )


@router.get("/campaigns/{campaign_id}/budget")
def get_budget(campaign_id: UUID, session: TenantSession, _who: Reader) -> BudgetOut:
    """Show a campaign's budget and cost ceiling, what is spent of them, and what is still to be expected."""
    return BudgetOut.made(budget.show(session, campaign_id))


@router.put("/campaigns/{campaign_id}/budget")
def change_budget(campaign_id: UUID, payload: BudgetIn, session: TenantSession, who: Writer) -> BudgetOut:
    """Set the budget, also while the campaign sends; the sealed cost ceiling stays as it was approved."""
    return BudgetOut.made(budget.change(session, campaign_id, budget_minor=payload.budget_minor, actor=who.actor))
