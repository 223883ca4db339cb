"""What campaigns cost and bring, in minor units of each currency; currencies are never added to each other.

Cost is what a provider charged for a message, where it said so, else the list price of the message (SMS by country and
segment, e-mail and WhatsApp by the tenant's own prices, Telegram nothing), and the tokens that models read and wrote
for the campaign's drafts. What has no price is counted as such and never taken for nothing.

Revenue is the value of conversions that belong to the campaign (see `domain.tracking.conversions`). Beside it, and in
no other figure, stand the purchases of everybody who got the campaign, clicked or not, within the tenant's window.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import delete, func, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from channels.sms import regions
from domain.analytics import cohorts, periods
from domain.campaigns import content_templates
from domain.campaigns import service as campaigns
from domain.identity import tenants
from domain.plans import catalog
from domain.plans import service as plans
from domain.senders import accounts, prices
from domain.senders.prices import Prices
from kernel import clock
from kernel.errors import Invalid
from kernel.settings import get_settings
from models import Campaign, CampaignBudget, CampaignSpend, Conversion, Tenant

FRESH = timedelta(seconds=60)
SETTLED = timedelta(days=4)  # reports of providers come within three days of the last message
NO_CURRENCY = ""
_MILLION = 1_000_000
_THOUSAND = 1_000
_MICRO_OF_A_MINOR = 10_000
_MOST_RECOUNTED = 50
GroupBy = Literal["campaign", "channel", "month"]

_MESSAGES = text("""
SELECT date_trunc('month', m.accepted_at AT TIME ZONE :zone)::date AS month, m.channel,
  CASE WHEN m.channel = 'sms' THEN min(m.address_norm) END AS number, c.currency,
  count(*) AS messages, coalesce(sum(m.segments), 0) AS segments, count(*) - count(m.segments) AS uncounted,
  sum(c.amount_minor) AS charged
FROM message m LEFT JOIN message_charge c ON c.tenant_id = m.tenant_id AND c.message_id = m.id
WHERE m.tenant_id = :tenant AND m.campaign_id = :campaign AND m.accepted_at IS NOT NULL
GROUP BY 1, 2, CASE WHEN m.channel = 'sms' THEN left(m.address_norm, :telling) END, c.currency
""")
_MODEL = text("""
SELECT date_trunc('month', l.created_at AT TIME ZONE :zone)::date AS month,
  sum(l.in_tokens + l.cached_tokens) FILTER (WHERE l.cost_micro = 0 AND NOT starts_with(l.purpose, 'embed_')) AS read,
  sum(l.in_tokens + l.cached_tokens) FILTER (WHERE l.cost_micro = 0 AND starts_with(l.purpose, 'embed_')) AS embedded,
  sum(l.out_tokens) FILTER (WHERE l.cost_micro = 0) AS written,
  sum(l.in_tokens + l.cached_tokens + l.out_tokens) AS tokens, sum(l.cost_micro) AS micro
FROM agent_run r JOIN model_call l ON l.tenant_id = r.tenant_id AND l.run_id = r.id
WHERE r.tenant_id = :tenant AND r.campaign_id = :campaign
GROUP BY 1 HAVING sum(l.in_tokens + l.cached_tokens + l.out_tokens) > 0
""")
# Whoever got several messages of a campaign counts each purchase once.
_PURCHASES = text("""
SELECT p.currency, count(*) AS n, sum(p.amount_minor) AS amount, count(DISTINCT p.member_id) AS members
FROM (
  SELECT DISTINCT p.id, p.currency, p.amount_minor, p.member_id
  FROM message m JOIN purchase p ON p.tenant_id = :tenant AND p.member_id = m.member_id
    AND p.at >= m.accepted_at AND p.at < m.accepted_at + make_interval(days => :days)
  WHERE m.tenant_id = :tenant AND m.campaign_id = :campaign AND m.accepted_at IS NOT NULL AND m.member_id IS NOT NULL
) AS p GROUP BY p.currency ORDER BY p.currency
""")


@dataclass(slots=True)
class Cost:
    """Cost in one currency; `unpriced` messages and tokens have no known price and are in no amount."""

    currency: str
    charged: Decimal = Decimal(0)
    listed: Decimal = Decimal(0)
    model: Decimal = Decimal(0)

    @property
    def total_minor(self) -> int:
        """Return the sum, rounded once."""
        return whole(self.charged + self.listed + self.model)


@dataclass(slots=True)
class Revenue:
    """What conversions are worth in one currency, and how many came by which way of attribution."""

    currency: str
    value_minor: int = 0
    conversions: int = 0
    by_attribution: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Return:
    """(revenue - cost) / cost in one currency; `roi` None with the reason why there is none.

    Reasons: no_cost_known, cost_incomplete, known.
    """

    currency: str
    revenue_minor: int
    cost_minor: int
    roi: float | None
    why: str


@dataclass(slots=True)
class Account:
    """Cost and revenue of a campaign, a channel, a month or everything, by currency."""

    key: str
    costs: dict[str, Cost] = field(default_factory=dict)
    revenues: dict[str, Revenue] = field(default_factory=dict)
    messages: int = 0
    unpriced_messages: int = 0
    tokens: int = 0
    unpriced_tokens: int = 0

    def cost(self, currency: str) -> Cost:
        """Return the cost in a currency, there from now on."""
        return self.costs.setdefault(currency, Cost(currency))

    def revenue(self, currency: str) -> Revenue:
        """Return the revenue in a currency, there from now on."""
        return self.revenues.setdefault(currency, Revenue(currency))

    @property
    def complete(self) -> bool:
        """True when everything has a price."""
        return not self.unpriced_messages and not self.unpriced_tokens

    def returns(self) -> list[Return]:
        """Return revenue against cost for each currency that has either."""
        return [self._return(currency) for currency in sorted({*self.costs, *self.revenues})]

    def _return(self, currency: str) -> Return:
        cost = self.costs[currency].total_minor if currency in self.costs else 0
        revenue = self.revenues[currency].value_minor if currency in self.revenues else 0
        if cost == 0:
            return Return(currency, revenue, cost, None, "no_cost_known")
        if not self.complete:
            return Return(currency, revenue, cost, None, "cost_incomplete")
        return Return(currency, revenue, cost, (revenue - cost) / cost, "known")


@dataclass(frozen=True, slots=True)
class Purchases:
    """What recipients bought in the window after a message, in one currency; nobody says that it was because of it."""

    currency: str
    purchases: int
    amount_minor: int
    members: int


def whole(amount: Decimal) -> int:
    """Return an amount in whole minor units."""
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def count(session: Session, campaign: Campaign) -> None:
    """Count a campaign's cost anew from its messages, charges and model calls; one counts at a time."""
    tenant = tenants.current(session)
    key = {"tenant_id": tenant.id, "campaign_id": campaign.id}
    session.execute(insert(CampaignBudget).values(key).on_conflict_do_nothing())
    state = session.execute(
        select(CampaignBudget).filter_by(**key).with_for_update().execution_options(populate_existing=True)
    ).scalar_one()
    rows = _Rows()
    asked = {"tenant": tenant.id, "campaign": campaign.id, "zone": tenant.time_zone}
    listed = _prices(session, campaign)
    for row in session.execute(_MESSAGES, {**asked, "telling": regions.TELLING}):
        _add_messages(rows, tenant, listed, row)
    for row in session.execute(_MODEL, asked):
        _add_tokens(rows, row)
    session.execute(delete(CampaignSpend).filter_by(**key))
    if rows.found:
        session.execute(insert(CampaignSpend), [{**key, **values} for values in rows.as_values()])
    state.counted_at, state.zone = clock.now(), tenant.time_zone
    session.flush()


class _Rows:
    """Amount, units and what has no price, by month, kind and currency."""

    def __init__(self) -> None:
        self.found: dict[tuple[date, str, str], list[Any]] = {}

    def add(self, month: date, kind: str, currency: str, amount: Decimal, units: int, unpriced: int = 0) -> None:
        row = self.found.setdefault((month, kind, currency), [Decimal(0), 0, 0])
        row[0], row[1], row[2] = row[0] + amount, row[1] + units, row[2] + unpriced

    def as_values(self) -> list[dict[str, Any]]:
        names = ("month", "kind", "currency", "amount_minor", "units", "unpriced")
        return [dict(zip(names, (*key, *row), strict=True)) for key, row in sorted(self.found.items())]


def _prices(session: Session, campaign: Campaign) -> Prices:
    account_id = content_templates.account_of(session, campaign)
    return prices.of(accounts.get(session, account_id)) if account_id is not None else Prices(None, {})


def _add_messages(rows: _Rows, tenant: Tenant, listed: Prices, row: Any) -> None:
    if row.currency is not None:
        rows.add(row.month, "charged", row.currency, row.charged, row.messages)
        return
    price, units = _list_price(tenant, listed, row)
    if price is None:
        rows.add(row.month, "listed", NO_CURRENCY, Decimal(0), row.messages, row.messages)
    else:
        rows.add(
            row.month, "listed", tenant.currency, price * units, row.messages, row.uncounted * (row.channel == "sms")
        )


def _list_price(tenant: Tenant, listed: Prices, row: Any) -> tuple[Decimal | None, int]:
    """Return the price of a unit and how many units it is."""
    if row.channel == "sms":
        return listed.of_number(row.number or ""), row.segments
    if row.channel == "email":
        return (tenant.email_price / _THOUSAND if tenant.email_price is not None else None), row.messages
    if row.channel == "whatsapp":
        return tenant.whatsapp_price, row.messages
    return Decimal(0), row.messages


def _add_tokens(rows: _Rows, row: Any) -> None:
    settings = get_settings()
    amount = Decimal(row.micro) / _MICRO_OF_A_MINOR
    read, written, embedded, unpriced = row.read or 0, row.written or 0, row.embedded or 0, 0
    if settings.llm_input_price is not None and settings.llm_output_price is not None:
        amount += (settings.llm_input_price * read + settings.llm_output_price * written) / _MILLION
    else:
        unpriced = read + written
    if settings.llm_embedding_price is not None:
        amount += settings.llm_embedding_price * embedded / _MILLION
    else:
        unpriced += embedded
    currency = settings.llm_currency if amount else NO_CURRENCY
    rows.add(row.month, "model", currency, amount, row.tokens, unpriced)


def freshen(session: Session, found: Sequence[Campaign]) -> int:
    """Count anew what may have changed since it was counted, the newest first; returns how many were left for later."""
    tenant = tenants.current(session)
    known = {
        row.campaign_id: row
        for row in session.execute(
            select(CampaignBudget).where(
                CampaignBudget.tenant_id == tenant.id, CampaignBudget.campaign_id.in_([each.id for each in found])
            )
        ).scalars()
    }
    now = clock.now()
    stale = [each for each in found if _is_stale(each, known.get(each.id), tenant.time_zone, now)]
    for campaign in sorted(stale, key=lambda each: each.id, reverse=True)[:_MOST_RECOUNTED]:
        count(session, campaign)
    return max(0, len(stale) - _MOST_RECOUNTED)


def _is_stale(campaign: Campaign, state: CampaignBudget | None, zone: str, now: datetime) -> bool:
    if state is None or state.counted_at is None or state.zone != zone:
        return True
    settled = campaign.completed_at is not None and state.counted_at > campaign.completed_at + SETTLED
    return not settled and state.counted_at < now - FRESH


def of_campaign(session: Session, campaign_id: UUID) -> Account:
    """Return cost and revenue of a campaign over all its months. Raises NotFound."""
    campaign = campaigns.get(session, campaign_id)
    freshen(session, [campaign])
    (account,) = _accounts(session, [campaign], "campaign", None, None)
    return account


def purchases_of_recipients(session: Session, campaign_id: UUID) -> list[Purchases]:
    """Return what recipients bought within the tenant's window after a message of the campaign, clicked or not."""
    tenant = tenants.current(session)
    asked = {"tenant": tenant.id, "campaign": campaign_id, "days": tenant.conversion_days}
    return [Purchases(row.currency, row.n, int(row.amount), row.members) for row in session.execute(_PURCHASES, asked)]


@dataclass(frozen=True, slots=True)
class Overview:
    """Accounts by key and together; months are inclusive. `not_counted` campaigns were not looked at this time."""

    first: date
    last: date
    by: GroupBy
    accounts: list[Account]
    total: Account
    not_counted: int


def overview(session: Session, *, by: GroupBy, first: date | None = None, last: date | None = None) -> Overview:
    """Return cost and revenue from one month to another, by default the last twelve.

    Cost belongs to the month in which it arose, revenue to that of the conversion. Raises PlanLimit below the plan
    that has it, Invalid for a day outside of the years of reports and for an end before the beginning.
    """
    periods.check(first, last)
    plans.require_level(session, catalog.ANALYTICS, "advanced")
    tenant = tenants.current(session)
    today = clock.now().astimezone(ZoneInfo(tenant.time_zone)).date()
    last = (last or max(today, first or today)).replace(day=1)
    first = (first or cohorts.later(last, -11)).replace(day=1)
    if last < first:
        raise Invalid("to", "lies before `from`; swap them")
    found = _campaigns_between(session, tenant, first, last)
    left = freshen(session, found)
    accounts_ = _accounts(session, found, by, first, last)
    (total,) = _accounts(session, found, None, first, last)
    return Overview(first, last, by, [each for each in accounts_ if each.costs or each.revenues or each.tokens
                                      or each.messages], total, left)  # fmt: skip


def _start(month: date, zone: str) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=ZoneInfo(zone))


def _campaigns_between(session: Session, tenant: Tenant, first: date, last: date) -> list[Campaign]:
    """Campaigns that could have cost or brought something in these months."""
    begin, end = _start(first, tenant.time_zone), _start(cohorts.later(last, 1), tenant.time_zone)
    statement = (
        select(Campaign)
        .where(
            Campaign.tenant_id == tenant.id,
            Campaign.created_at < end,
            or_(
                Campaign.completed_at.is_(None),
                Campaign.completed_at >= begin,
                select(Conversion.id)
                .where(
                    Conversion.tenant_id == tenant.id,
                    Conversion.campaign_id == Campaign.id,
                    Conversion.at >= begin,
                    Conversion.at < end,
                )
                .exists(),
            ),
        )
        .order_by(Campaign.id.desc())
    )
    return list(session.execute(statement).scalars())


def _accounts(
    session: Session, found: Sequence[Campaign], by: GroupBy | None, first: date | None, last: date | None
) -> list[Account]:
    """Return accounts by key, the newest campaign or month first, and channels by name."""
    tenant = tenants.current(session)
    channels = {each.id: each.channel for each in found}
    made: dict[str, Account] = {}

    def of(campaign_id: UUID, month: date) -> Account:
        keys = {"campaign": str(campaign_id), "channel": channels[campaign_id], "month": month.strftime("%Y-%m")}
        key = keys[by] if by is not None else "all"
        return made.setdefault(key, Account(key))

    if by in {"campaign", None}:
        for each in found:
            of(each.id, each.created_at.date())
    if not found:
        return [Account("all")] if by is None else []
    for spend in _spends(session, tenant, list(channels), first, last):
        _add_spend(of(spend.campaign_id, spend.month), spend)
    for row in _conversions(session, tenant, list(channels), first, last):
        revenue = of(row.campaign_id, row.month).revenue(row.currency)
        revenue.value_minor += int(row.value)
        revenue.conversions += row.n
        revenue.by_attribution[row.attribution] = revenue.by_attribution.get(row.attribution, 0) + row.n
    return [made[key] for key in sorted(made, reverse=by != "channel")]


def _add_spend(account: Account, spend: CampaignSpend) -> None:
    if spend.currency != NO_CURRENCY:
        cost = account.cost(spend.currency)
        setattr(cost, spend.kind, getattr(cost, spend.kind) + spend.amount_minor)
    if spend.kind == "model":
        account.tokens += spend.units
        account.unpriced_tokens += spend.unpriced
    else:
        account.messages += spend.units
        account.unpriced_messages += spend.unpriced


def _spends(
    session: Session, tenant: Tenant, ids: list[UUID], first: date | None, last: date | None
) -> Iterable[CampaignSpend]:
    statement = select(CampaignSpend).where(CampaignSpend.tenant_id == tenant.id, CampaignSpend.campaign_id.in_(ids))
    if first is not None and last is not None:
        statement = statement.where(CampaignSpend.month.between(first, last))
    return session.execute(statement.execution_options(populate_existing=True)).scalars()


def _conversions(
    session: Session, tenant: Tenant, ids: list[UUID], first: date | None, last: date | None
) -> Iterable[Any]:
    month = func.date_trunc("month", func.timezone(tenant.time_zone, Conversion.at)).label("month")
    statement = select(
        Conversion.campaign_id,
        month,
        Conversion.currency,
        Conversion.attribution,
        func.count().label("n"),
        func.sum(Conversion.value_minor).label("value"),
    ).where(Conversion.tenant_id == tenant.id, Conversion.campaign_id.in_(ids))
    if first is not None and last is not None:
        begin, end = _start(first, tenant.time_zone), _start(cohorts.later(last, 1), tenant.time_zone)
        statement = statement.where(Conversion.at >= begin, Conversion.at < end)
    grouped = statement.group_by(Conversion.campaign_id, month, Conversion.currency, Conversion.attribution)
    return session.execute(grouped)
