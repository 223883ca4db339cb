"""A campaign's budget against what it has cost, looked at while it sends: a warning at 80 %, and a stop at 100 %.

The limit is the lower of the budget, which people may change at any time, and the cost ceiling, which the approval
seals. Both are in the tenant's currency; what was charged in another one is shown beside them and never converted.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from domain.analytics import money
from domain.analytics.money import Account
from domain.audit import service as audit
from domain.campaigns import service as campaigns
from domain.campaigns.lifecycle import Status
from domain.identity import tenants
from domain.webhooks import events
from kernel import clock
from kernel.errors import Conflict
from models import Campaign, CampaignBudget, CampaignCount

WARN_AT = 0.8
OVER_BUDGET, OVER_CEILING = "over_budget", "over_cost_ceiling"
_EVERY = money.FRESH / 4  # a limit is passed by what is sent within this time at most
_OPEN = ("pending", "deferred", "claimed", "sending")
_ENDED = frozenset({Status.SENT, Status.CANCELLED, Status.FAILED})
State = Literal["no_limit", "within", "warned", "reached"]


@dataclass(frozen=True, slots=True)
class Budget:
    """Plan against actual, in minor units of `currency`; `others` are costs in other currencies.

    `expected_minor` is what all messages will have cost at the average so far; None before the first, and where
    something has no price.
    """

    currency: str
    budget_minor: int | None
    cost_ceiling_minor: int | None
    limit_minor: int | None
    spent_minor: int
    others: dict[str, int]
    share: float | None
    state: State
    expected_minor: int | None
    account: Account


def show(session: Session, campaign_id: UUID) -> Budget:
    """Return a campaign's budget and what is spent of it. Raises NotFound."""
    campaign = campaigns.get(session, campaign_id)
    return _compare(session, campaign, money.of_campaign(session, campaign_id))


def _compare(session: Session, campaign: Campaign, account: Account) -> Budget:
    currency = tenants.current(session).currency
    spent = account.costs[currency].total_minor if currency in account.costs else 0
    limit = limit_of(campaign)
    state: State = "no_limit"
    if limit is not None:
        state = "reached" if spent >= limit and spent > 0 else "warned" if spent >= WARN_AT * limit > 0 else "within"
    return Budget(
        currency=currency,
        budget_minor=campaign.budget_minor,
        cost_ceiling_minor=campaign.cost_ceiling_minor,
        limit_minor=limit,
        spent_minor=spent,
        others={name: cost.total_minor for name, cost in account.costs.items() if name != currency},
        share=spent / limit if limit else None,
        state=state,
        expected_minor=_expected(session, campaign, account, currency),
        account=account,
    )


def limit_of(campaign: Campaign) -> int | None:
    """Return the lower of budget and ceiling; None without either."""
    limits = (campaign.budget_minor, campaign.cost_ceiling_minor)
    return min((each for each in limits if each is not None), default=None)


def _expected(session: Session, campaign: Campaign, account: Account, currency: str) -> int | None:
    if currency not in account.costs or not account.messages or account.unpriced_messages:
        return None
    cost = account.costs[currency]
    messages = cost.charged + cost.listed
    return money.whole(cost.model + messages + messages / account.messages * _waiting(session, campaign))


def _waiting(session: Session, campaign: Campaign) -> int:
    """Return how many messages may still be sent."""
    counts = session.execute(
        select(CampaignCount.n).where(
            CampaignCount.tenant_id == campaign.tenant_id,
            CampaignCount.campaign_id == campaign.id,
            CampaignCount.state.in_(_OPEN),
        )
    ).scalars()
    return sum(counts)


def change(session: Session, campaign_id: UUID, *, budget_minor: int | None, actor: str) -> Budget:
    """Set the budget, also while it sends; the approval and its ceiling stay. Raises NotFound, Conflict once it ended.

    A campaign that was held for its budget goes on when somebody resumes it.
    """
    campaign = campaigns.lock(session, campaign_id)
    if campaign.status in _ENDED:
        raise Conflict("The campaign has ended: its budget can no longer be changed.", code="campaign_ended")
    before, campaign.budget_minor = campaign.budget_minor, budget_minor
    audit.append(
        session,
        actor=actor,
        action="campaign.budget",
        subject=str(campaign.id),
        before_minor=before,
        after_minor=budget_minor,
    )
    events.emit(session, "crm.campaign.updated", aggregate="campaign", id=campaign.id, fields=["budget_minor"])
    session.flush()
    return show(session, campaign_id)


def watch(session: Session, campaign_id: UUID) -> State:
    """Look at the limit of a campaign that sends: warn once, and hold it when it is reached and more would follow.

    Called between slices; counts anew at most every fifteen seconds.
    """
    campaign = campaigns.get(session, campaign_id)
    limit = limit_of(campaign)
    if limit is None or campaign.status != Status.SENDING:
        return "no_limit"
    state = session.get(CampaignBudget, (campaign.tenant_id, campaign.id), populate_existing=True)
    if state is None or state.counted_at is None or state.counted_at < clock.now() - _EVERY:
        money.count(session, campaign)
    found = _compare(session, campaign, money.of_campaign(session, campaign_id))
    if found.state in {"warned", "reached"}:
        _warn(session, campaign, found)
    if found.state == "reached" and _waiting(session, campaign):
        by_ceiling = limit == campaign.cost_ceiling_minor
        campaigns.hold(session, campaign.id, reason=OVER_CEILING if by_ceiling else OVER_BUDGET)
    return found.state


def _warn(session: Session, campaign: Campaign, found: Budget) -> None:
    """Tell once for every limit that 80 % of it is spent."""
    warned = session.execute(
        update(CampaignBudget)
        .where(
            CampaignBudget.tenant_id == campaign.tenant_id,
            CampaignBudget.campaign_id == campaign.id,
            CampaignBudget.warned_at_minor.is_distinct_from(found.limit_minor),
        )
        .values(warned_at_minor=found.limit_minor)
        .returning(CampaignBudget.campaign_id)
    ).scalar_one_or_none()
    if warned is not None:
        events.emit(
            session,
            "crm.campaign.budget_warned",
            aggregate="campaign",
            id=campaign.id,
            spent_minor=found.spent_minor,
            limit_minor=found.limit_minor,
            currency=found.currency,
        )
