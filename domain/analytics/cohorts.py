"""Members by the month in which they joined, and what they did in each month since.

Active is who has an activity in the month; revenue is what was bought in it, per currency. Months are those of the
tenant's zone. Members without a date of joining are counted apart; erased members are in no figure.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.identity import tenants
from domain.plans import catalog
from domain.plans import service as plans
from kernel import clock
from kernel.errors import Invalid

MOST = 24
_SIZES = text("""
SELECT date_trunc('month', joined_on)::date AS cohort, count(*) AS n
FROM member WHERE tenant_id = :tenant AND (joined_on IS NULL OR (joined_on >= :first AND joined_on < :end))
GROUP BY 1
""")
# First who was active when, so that what is grouped is a pair of member and month, not every visit.
_ACTIVE = text("""
SELECT b.cohort, a.month, count(*) AS n
FROM (SELECT id, date_trunc('month', joined_on)::date AS cohort FROM member
  WHERE tenant_id = :tenant AND joined_on >= :first AND joined_on < :end) b
JOIN (SELECT DISTINCT member_id, date_trunc('month', at AT TIME ZONE :zone)::date AS month FROM activity
  WHERE tenant_id = :tenant AND at >= CAST(:first AS timestamp) AT TIME ZONE :zone
    AND at < CAST(:end AS timestamp) AT TIME ZONE :zone) a ON a.member_id = b.id
WHERE a.month >= b.cohort GROUP BY 1, 2
""")
_BOUGHT = text("""
SELECT b.cohort, p.month, p.currency, count(*) AS buyers, sum(p.n) AS purchases, sum(p.amount) AS amount
FROM (SELECT id, date_trunc('month', joined_on)::date AS cohort FROM member
  WHERE tenant_id = :tenant AND joined_on >= :first AND joined_on < :end) b
JOIN (SELECT member_id, date_trunc('month', at AT TIME ZONE :zone)::date AS month, currency, count(*) AS n,
    sum(amount_minor) AS amount FROM purchase
  WHERE tenant_id = :tenant AND at >= CAST(:first AS timestamp) AT TIME ZONE :zone
    AND at < CAST(:end AS timestamp) AT TIME ZONE :zone GROUP BY 1, 2, 3) p ON p.member_id = b.id
WHERE p.month >= b.cohort GROUP BY 1, 2, 3
""")


@dataclass(slots=True)
class Bought:
    """What was bought in one currency; `buyers` are different members."""

    currency: str
    buyers: int
    purchases: int
    amount_minor: int


@dataclass(slots=True)
class Month:
    """What a cohort did in a month, `age` months after the one of joining."""

    month: date
    age: int
    active: int = 0
    bought: list[Bought] = field(default_factory=list)


@dataclass(slots=True)
class Cohort:
    """Who joined in a month: how many, and each month since."""

    joined: date
    members: int
    months: list[Month]


@dataclass(frozen=True, slots=True)
class Table:
    """Cohorts, the oldest first; `undated` members have no date of joining and are in none."""

    first: date
    last: date
    zone: str
    cohorts: Sequence[Cohort]
    undated: int


def table(session: Session, *, first: date | None = None, last: date | None = None) -> Table:
    """Return the cohorts of these months and what they did in them, by default the last twelve.

    Raises Invalid for more than `MOST` months, PlanLimit below the plan that has it.
    """
    plans.require_level(session, catalog.ANALYTICS, "enterprise")
    tenant = tenants.current(session)
    last = (last or clock.now().astimezone(ZoneInfo(tenant.time_zone)).date()).replace(day=1)
    first = (first or later(last, -11)).replace(day=1)
    months = age(first, last) + 1
    if not 1 <= months <= MOST:
        raise Invalid("from", f"name 1 to {MOST} months, the first one not after the last")
    asked = {"tenant": tenant.id, "zone": tenant.time_zone, "first": first, "end": later(last, 1)}
    sizes = {row.cohort: row.n for row in session.execute(_SIZES, asked)}
    cohorts = {
        joined: Cohort(
            joined,
            sizes.get(joined, 0),
            [Month(later(joined, n), n) for n in range(age(joined, last) + 1)],
        )
        for joined in (later(first, n) for n in range(months))
    }
    for row in session.execute(_ACTIVE, asked):
        cohorts[row.cohort].months[age(row.cohort, row.month)].active = row.n
    for row in sorted(session.execute(_BOUGHT, asked), key=lambda row: row.currency):
        bought = Bought(row.currency, row.buyers, int(row.purchases), int(row.amount))
        cohorts[row.cohort].months[age(row.cohort, row.month)].bought.append(bought)
    return Table(first, last, tenant.time_zone, list(cohorts.values()), sizes.get(None, 0))


def later(month: date, by: int) -> date:
    """Return the first day of the month so many months after."""
    n = month.year * 12 + month.month - 1 + by
    return date(n // 12, n % 12 + 1, 1)


def age(joined: date, month: date) -> int:
    """Return how many months lie between two."""
    return (month.year - joined.year) * 12 + month.month - joined.month
