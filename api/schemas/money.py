"""Payloads of money and comparison. Amounts are in the smallest unit of their currency; currencies are never added."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from api.schemas.base import Input, Output
from domain.analytics import budget, comparison, money


class CostOut(Output):
    currency: str = Field(examples=["EUR"])
    charged_minor: int = Field(description="What providers said that they charged.")
    listed_minor: int = Field(description="At list prices, for messages without such a word.")
    model_minor: int = Field(description="Tokens that models read and wrote for the drafts.")
    total_minor: int = Field(description="All of it, rounded once.", examples=[1860])


class RevenueOut(Output):
    currency: str
    value_minor: int = Field(description="Value of the conversions that belong to it.", examples=[24900])
    conversions: int
    by_attribution: dict[str, int] = Field(
        description="Conversions by how they came to it.", examples=[{"visit": 3, "last_click": 2}]
    )


class ReturnOut(Output):
    currency: str
    revenue_minor: int
    cost_minor: int
    roi: float | None = Field(description="(revenue - cost) / cost; null where `why` is not known.", examples=[12.39])
    why: str = Field(description="known, no_cost_known, or cost_incomplete: something has no price.")


class AccountOut(Output):
    """Cost, revenue and return of a campaign, a channel, a month, or all."""

    key: str = Field(description="Campaign id, channel, month (2026-11), or all.")
    costs: list[CostOut]
    revenues: list[RevenueOut]
    returns: list[ReturnOut]
    messages: int
    unpriced_messages: int = Field(description="Messages without a known price; they are in no amount.")
    tokens: int
    unpriced_tokens: int = Field(description="Tokens without a known price; they are in no amount.")

    @classmethod
    def made(cls, account: money.Account) -> Self:
        """Build from an account of the domain."""
        return cls(
            key=account.key,
            costs=[
                CostOut(
                    currency=cost.currency,
                    charged_minor=money.whole(cost.charged),
                    listed_minor=money.whole(cost.listed),
                    model_minor=money.whole(cost.model),
                    total_minor=cost.total_minor,
                )
                for _, cost in sorted(account.costs.items())
            ],
            revenues=[RevenueOut.of(revenue) for _, revenue in sorted(account.revenues.items())],
            returns=[ReturnOut.of(each) for each in account.returns()],
            messages=account.messages,
            unpriced_messages=account.unpriced_messages,
            tokens=account.tokens,
            unpriced_tokens=account.unpriced_tokens,
        )


class RoiOut(Output):
    """Cost belongs to the month in which it arose, revenue to that of the conversion."""

    first: date = Field(description="First month.")
    last: date = Field(description="Last month, included.")
    by: str
    items: list[AccountOut]
    next_cursor: str | None = Field(None, description="Pass as `cursor` to get the next campaigns.")
    total: AccountOut = Field(description="All items together, also those of other pages.")
    not_counted: int = Field(
        description="Campaigns whose cost is older than a minute, because too many were asked for."
    )


class PurchasesOut(Output):
    currency: str
    purchases: int
    amount_minor: int
    members: int


class CampaignRoiOut(AccountOut):
    """One campaign over its life."""

    window_days: int = Field(description="Days after a click in which a conversion belongs to it.")
    purchases_of_recipients: list[PurchasesOut] = Field(
        description="What everybody who got it bought in as many days after the message, clicked or not. It is in no "
        "other figure: nobody knows whether it was because of the message."
    )


class BudgetIn(Input):
    budget_minor: Annotated[int, Field(strict=True, ge=0, lt=2**31, examples=[50000])] | None = Field(
        description="In the smallest unit of the tenant's currency; null for none."
    )


class BudgetOut(Output):
    """Plan against actual, in the tenant's currency."""

    currency: str
    budget_minor: int | None
    cost_ceiling_minor: int | None = Field(description="Sealed by the approval.")
    limit_minor: int | None = Field(description="The lower of the two.")
    spent_minor: int
    others: dict[str, int] = Field(description="Cost in other currencies; it is not held against the limit.")
    share: float | None = Field(description="Spent of the limit.", examples=[0.62])
    state: str = Field(description="no_limit, within, warned (from 80 % on), reached: it is held.")
    expected_minor: int | None = Field(
        description="What all messages will have cost, at the average so far; null before the first, and where "
        "something has no price."
    )
    account: AccountOut

    @classmethod
    def made(cls, found: budget.Budget) -> Self:
        """Build from a budget of the domain."""
        names = set(cls.model_fields) - {"account"}
        shown = {name: getattr(found, name) for name in names}
        return cls(**shown, account=AccountOut.made(found.account))


class ShareOut(Output):
    numerator: int
    denominator: int
    per_1000: float | None = Field(examples=[81.4])
    low: float | None = Field(description="Lower bound of the share (95 %, Wilson).")
    high: float | None


class ComparedOut(Output):
    campaign_id: UUID
    name: str
    channel: str
    status: str
    shares: dict[str, ShareOut] = Field(
        description="reached of sent, bounced of attempted; opened, clicked, replied, converted, unsubscribed and "
        "complained of reached. By people, and each message once."
    )
    revenue_per_1000: dict[str, float] = Field(description="Minor units per 1,000 reached, by currency.")
    cost_per_1000: dict[str, float]


class DifferenceOut(Output):
    metric: str = Field(examples=["clicked"])
    campaign_id: UUID
    difference: float | None = Field(description="Its share minus that of the first campaign.", examples=[0.031])
    low: float | None = Field(description="Lower bound (95 %, Newcombe), for this difference alone.")
    high: float | None
    p: float | None = Field(description="Fisher's exact test, corrected by Holm for all differences of this answer.")
    verdict: str = Field(description="higher, lower, cannot_tell (from chance), no_data.")
    sentence: dict[str, str] = Field(description="In German and English.")


class ComparisonOut(Output):
    as_of: datetime
    cautions: list[str] = Field(
        description="What sets the campaigns apart beside their content; nothing is adjusted for it: not_randomised, "
        "different_channels, different_audiences, still_counting."
    )
    campaigns: list[ComparedOut]
    differences: list[DifferenceOut] = Field(description="Of every later campaign to the first.")

    @classmethod
    def made(cls, found: comparison.Comparison) -> Self:
        """Build from a comparison of the domain."""
        names = {column.campaign.id: column.campaign.name for column in found.columns}
        first = found.columns[0].campaign.name
        return cls(
            as_of=found.as_of,
            cautions=list(found.cautions),
            campaigns=[_column(column) for column in found.columns],
            differences=[_difference(each, first, names[each.campaign_id]) for each in found.differences],
        )


def _column(column: comparison.Column) -> ComparedOut:
    account = column.account
    per_1000 = {
        "revenue": {name: column.per_1000(each.value_minor) for name, each in account.revenues.items()},
        "cost": {name: column.per_1000(each.total_minor) for name, each in account.costs.items()},
    }
    known = {kind: {name: n for name, n in sorted(found.items()) if n is not None} for kind, found in per_1000.items()}
    return ComparedOut(
        campaign_id=column.campaign.id,
        name=column.campaign.name,
        channel=column.campaign.channel,
        status=column.campaign.status,
        shares={
            metric: ShareOut(
                numerator=share.n,
                denominator=share.of,
                per_1000=share.per_1000,
                low=share.interval.low if share.interval else None,
                high=share.interval.high if share.interval else None,
            )
            for metric, share in column.shares.items()
        },
        revenue_per_1000=known["revenue"],
        cost_per_1000=known["cost"],
    )


def _difference(each: comparison.Difference, one: str, two: str) -> DifferenceOut:
    return DifferenceOut(
        metric=each.metric,
        campaign_id=each.campaign_id,
        difference=each.difference,
        low=each.interval.low if each.interval else None,
        high=each.interval.high if each.interval else None,
        p=each.p,
        verdict=each.verdict,
        sentence={language: comparison.words(each, one, two, language) for language in ("de", "en")},
    )


class BoughtOut(Output):
    currency: str
    buyers: int
    purchases: int
    amount_minor: int


class CohortMonthOut(Output):
    month: date
    age: int = Field(description="Months since the one of joining.")
    active: int = Field(description="Members with an activity in the month.")
    bought: list[BoughtOut]


class CohortOut(Output):
    joined: date = Field(description="First day of the month of joining.")
    members: int
    months: list[CohortMonthOut]


class CohortsOut(Output):
    first: date
    last: date
    zone: str
    cohorts: list[CohortOut]
    undated: int = Field(description="Members without a date of joining; they are in no cohort.")
