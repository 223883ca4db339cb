"""Whether the limits of a step pay for the messages that are about to be written: its cost ceiling, and its budget.

A sequence has no audience whose cost is known when it is approved, so every batch is reckoned before it is written.
What was expected of all batches, or what is known to have been spent where that is more, never passes the limit.
"""

from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from sqlalchemy.sql.selectable import CTE

from domain.campaigns import service as campaigns
from domain.delivery import cost
from domain.identity import tenants
from kernel import db
from kernel.errors import NotFound
from models import Campaign, CampaignCount, CampaignSpend

OVER_CEILING, OVER_BUDGET = "over_cost_ceiling", "over_budget"
_FREE = ("skipped", "suppressed", "cancelled", "expired", "failed")  # no provider took them, or ever will
_NOTHING = Decimal(0)


def spend(session: Session, campaign_id: UUID, judged: CTE) -> bool:
    """Set aside what the messages of `judged` will cost; False, and the step is held, where that is over its limit.

    One batch asks at a time, until its transaction ends, so workers never pass a limit together. Without a known price
    nothing is reckoned, as for every campaign.
    """
    campaign = campaigns.get(session, campaign_id)
    if _limit(campaign) is None and campaign.channel != cost.CHANNEL:
        return True
    campaign = _lock(session, campaign_id)
    if campaign.channel == cost.CHANNEL:
        return _spend_on_texts(session, campaign, judged)
    unit = cost.of_message(session, campaign.channel) or _NOTHING
    return _within(session, campaign, unit * _taken(session, campaign), unit * _eligible(session, judged))


def _lock(session: Session, campaign_id: UUID) -> Campaign:
    """Lock against other batches and every change of the campaign, and not against the messages of it."""
    campaign = session.execute(
        select(Campaign)
        .where(Campaign.tenant_id == db.tenant_of(session), Campaign.id == campaign_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()
    if campaign is None:
        raise NotFound("campaign")
    return campaign


def _spend_on_texts(session: Session, campaign: Campaign, judged: CTE) -> bool:
    estimated = cost.estimate(session, campaign, judged, _eligible(session, judged))
    if estimated is None:
        return True
    before = cost.recorded(session, campaign.id)
    if not _within(session, campaign, cost.exactly(before), cost.exactly(estimated)):
        return False
    cost.add(session, campaign, estimated)
    return True


def _within(session: Session, campaign: Campaign, before: Decimal, more: Decimal) -> bool:
    limit = _limit(campaign)
    spent = max(before, _spent(session, campaign))
    if limit is None or (spent + more).quantize(Decimal(1), ROUND_HALF_UP) <= limit:
        return True
    by_ceiling = limit == campaign.cost_ceiling_minor
    campaigns.hold(session, campaign.id, reason=OVER_CEILING if by_ceiling else OVER_BUDGET)
    return False


def _limit(campaign: Campaign) -> int | None:
    limits = (campaign.budget_minor, campaign.cost_ceiling_minor)
    return min((each for each in limits if each is not None), default=None)


def _spent(session: Session, campaign: Campaign) -> Decimal:
    """Return what the campaign has cost by the last count, in the tenant's currency, drafts included."""
    return session.execute(
        select(func.coalesce(func.sum(CampaignSpend.amount_minor), 0)).where(
            CampaignSpend.tenant_id == campaign.tenant_id,
            CampaignSpend.campaign_id == campaign.id,
            CampaignSpend.currency == tenants.current(session).currency,
        )
    ).scalar_one()


def _taken(session: Session, campaign: Campaign) -> int:
    """Return how many messages of the step are paid for, or will be."""
    counted = select(func.coalesce(func.sum(CampaignCount.n), 0)).where(
        CampaignCount.tenant_id == campaign.tenant_id,
        CampaignCount.campaign_id == campaign.id,
        CampaignCount.state.not_in(_FREE),
    )
    return int(session.execute(counted).scalar_one())


def _eligible(session: Session, judged: CTE) -> int:
    return session.execute(select(func.count()).select_from(judged).where(judged.c.reason.is_(None))).scalar_one()
