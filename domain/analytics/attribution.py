"""Which campaigns conversions belong to, under a model and a window that the reader chooses.

A touch is a message that a person acted on before the conversion, within the window: by a click, and in all models but
`last_click` also by an open. One message is one touch, however often it was acted on. A conversion that names its
message (by its visit or its id) has that one as a touch at its own time. What nobody touched belongs to no campaign.

Nothing is written: what was recorded with a conversion, by the tenant's window and its last click, stays. A member who
was erased has no messages any more, so of such conversions only the recorded campaign is known, and counts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.analytics import periods
from domain.analytics.periods import Span
from domain.plans import service as plans
from domain.plans.catalog import ANALYTICS
from domain.tracking.conversions import TRACKED
from kernel import db
from kernel.errors import Invalid
from models import Campaign, Tenant

LONGEST_WINDOW = 90
LEVEL = "advanced"


class Model(StrEnum):
    """Who gets the credit: the last click, the last touch, the first touch, or all touches the same share."""

    LAST_CLICK = "last_click"
    LAST_TOUCH = "last_touch"
    FIRST_TOUCH = "first_touch"
    LINEAR = "linear"


# The credit is split in whole units of money: the first touches of a conversion take what does not divide.
_SHARES = text(f"""
WITH sale AS MATERIALIZED (
  SELECT id, member_id, at, value_minor, currency, message_id, campaign_id,
    campaign_id IS NOT NULL AND (attribution IN ('visit', 'message') OR member_id IS NULL) AS named
  FROM conversion WHERE tenant_id = :tenant AND at >= :since AND at < :until
), acted AS (
  SELECT s.id, m.campaign_id, m.id AS message_id, e.at
  FROM sale s
  JOIN message m ON m.tenant_id = :tenant AND m.member_id = s.member_id AND m.campaign_id IS NOT NULL AND {TRACKED}
  CROSS JOIN LATERAL (
    SELECT CASE WHEN :first THEN min(e.at) ELSE max(e.at) END AS at FROM message_event e
    WHERE e.tenant_id = :tenant AND e.message_id = m.id AND e.at <= s.at
      AND e.at >= s.at - make_interval(days => :days)
      AND ((e.kind = 'clicked' AND e.actor = 'human')
        OR (:opens AND e.kind = 'opened' AND e.actor IN ('human', 'proxy')))) AS e
  WHERE e.at IS NOT NULL
), touch AS (
  SELECT id, campaign_id, message_id, at FROM acted
  WHERE NOT EXISTS (SELECT FROM sale s WHERE s.id = acted.id AND s.named AND s.message_id = acted.message_id)
  UNION ALL
  SELECT id, campaign_id, message_id, at FROM sale WHERE named
), placed AS (
  SELECT id, campaign_id, count(*) OVER (PARTITION BY id) AS n,
    row_number() OVER (PARTITION BY id ORDER BY at, message_id) AS place
  FROM touch
), share AS (
  SELECT id, campaign_id, n, place,
    CASE WHEN :linear THEN 1 WHEN :first THEN (place = 1)::int ELSE (place = n)::int END AS has
  FROM placed
)
SELECT h.campaign_id, s.currency,
  sum(CASE WHEN :linear THEN 1.0 / h.n ELSE 1.0 END) AS credit,
  sum(CASE WHEN :linear THEN s.value_minor / h.n + (h.place <= s.value_minor % h.n)::int ELSE s.value_minor END)
    AS value
FROM share h JOIN sale s ON s.id = h.id WHERE h.has = 1 GROUP BY h.campaign_id, s.currency
UNION ALL
SELECT NULL, s.currency, count(*), sum(s.value_minor) FROM sale s
WHERE NOT EXISTS (SELECT FROM share h WHERE h.id = s.id) GROUP BY s.currency
""")  # noqa: S608 - words of our own


@dataclass(frozen=True, slots=True)
class Credit:
    """What one campaign gets, or nobody; conversions may be parts of one, money is by currency in its smallest unit."""

    campaign_id: UUID | None
    name: str | None
    conversions: float
    values: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attribution:
    """Conversions of a span and who gets them, under the model and the window that are stated."""

    span: Span
    zone: str
    model: Model
    window_days: int
    campaigns: Sequence[Credit]
    nobody: Credit
    conversions: float
    values: Mapping[str, int]


def attribute(
    session: Session,
    first: date | None,
    last: date | None,
    *,
    model: Model | None = None,
    window_days: int | None = None,
) -> Attribution:
    """Return who gets the conversions of a span; without a model and a window those of the tenant's settings.

    Raises PlanLimit below the advanced level, Invalid for a window that is none.
    """
    plans.require_level(session, ANALYTICS, LEVEL)
    tenant = session.get_one(Tenant, db.tenant_of(session))
    chosen = model or Model(tenant.attribution_model)
    days = tenant.conversion_days if window_days is None else window_days
    if not 1 <= days <= LONGEST_WINDOW:
        raise Invalid("window_days", f"1 to {LONGEST_WINDOW} days")
    span = periods.span(first, last, tenant.time_zone)
    found = _credits(session, span, tenant.time_zone, chosen, days)
    everything = list(found.values())
    nobody = found.pop(None, Credit(None, None, 0.0))
    values: dict[str, int] = {}
    for one in everything:
        for currency, n in one.values.items():
            values[currency] = values.get(currency, 0) + n
    credited = sorted(found.values(), key=lambda one: (-one.conversions, str(one.campaign_id)))
    total = round(sum(one.conversions for one in everything), 3)
    return Attribution(span, tenant.time_zone, chosen, days, credited, nobody, total, dict(sorted(values.items())))


def _credits(session: Session, span: Span, zone: str, model: Model, days: int) -> dict[UUID | None, Credit]:
    """Return each campaign's credit, and under None what belongs to nobody; parts are not rounded."""
    rows = session.execute(
        _SHARES,
        {
            "tenant": db.tenant_of(session),
            "since": _midnight(span, zone, 0),
            "until": _midnight(span, zone, 1),
            "days": days,
            "opens": model is not Model.LAST_CLICK,
            "first": model is Model.FIRST_TOUCH,
            "linear": model is Model.LINEAR,
        },
    ).all()
    names = _names(session, {row.campaign_id for row in rows if row.campaign_id})
    sums: dict[UUID | None, Decimal] = {}
    values: dict[UUID | None, dict[str, int]] = {}
    for row in rows:
        sums[row.campaign_id] = sums.get(row.campaign_id, Decimal(0)) + Decimal(row.credit)
        if row.value:
            values.setdefault(row.campaign_id, {})[row.currency] = int(row.value)
    return {key: Credit(key, names.get(key) if key else None, float(n), values.get(key, {})) for key, n in sums.items()}


def _midnight(span: Span, zone: str, after: int) -> datetime:
    day = span.last + timedelta(days=1) if after else span.first
    return datetime.combine(day, time(), ZoneInfo(zone))


def _names(session: Session, ids: set[UUID]) -> dict[UUID, str]:
    found = session.execute(
        select(Campaign.id, Campaign.name).where(Campaign.tenant_id == db.tenant_of(session), Campaign.id.in_(ids))
    )
    return {row.id: row.name for row in found}
