"""Members by the month in which they joined, and what they did in each month since.

Active is who has an activity in the month; revenue is what was bought in it, per currency. Months are those of the
tenant's zone. Members without a date of joining are counted apart; erased members are in no figure.

Each month is counted once and kept (`cohort_cell`). Triggers note the months in which something was written since, also
late, and who looks has just these counted again: what that costs hangs on the events of those months, not on all.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.analytics import periods
from domain.identity import tenants
from domain.plans import catalog
from domain.plans import service as plans
from kernel import clock
from kernel.errors import Invalid
from models import Tenant

MOST = 24
_SIZES = text("""
SELECT date_trunc('month', joined_on)::date AS cohort, count(*) AS n
FROM member WHERE tenant_id = :tenant AND (joined_on IS NULL OR (joined_on >= :first AND joined_on < :end))
GROUP BY 1
""")
_BEGUN = text("INSERT INTO cohort_state (tenant_id, zone) VALUES (:tenant, :zone) ON CONFLICT DO NOTHING")
_STATE = text("""
SELECT zone, mark, settled, (pg_snapshot_xmin(pg_current_snapshot())::text)::bigint AS oldest,
  (pg_snapshot_xmax(pg_current_snapshot())::text)::bigint AS next
FROM cohort_state WHERE tenant_id = :tenant FOR UPDATE
""")
_ADVANCE = text("UPDATE cohort_state SET zone = :zone, mark = :mark, settled = :settled WHERE tenant_id = :tenant")
_UNKNOW = text("DELETE FROM cohort_month WHERE tenant_id = :tenant")
# The notes of transactions that still run stay, and with them the months are counted once more.
_STALE = text("""
WITH gone AS (
  DELETE FROM cohort_stale WHERE tenant_id = :tenant AND id IN (
    SELECT id FROM cohort_stale WHERE tenant_id = :tenant AND month = ANY(:months) FOR UPDATE SKIP LOCKED)
)
SELECT m.month FROM unnest(CAST(:months AS date[])) AS m(month)
WHERE NOT EXISTS (SELECT FROM cohort_month k WHERE k.tenant_id = :tenant AND k.month = m.month)
  OR EXISTS (SELECT FROM cohort_stale s WHERE s.tenant_id = :tenant AND s.month = m.month)
""")
_CLEARED = text("DELETE FROM cohort_cell WHERE tenant_id = :tenant AND month = ANY(:months)")
# First who was active when, so that what is grouped is a pair of member and month, not every visit.
_COUNT = text("""
WITH part AS (
  SELECT month, month::timestamp AT TIME ZONE :zone AS low, (month + interval '1 month') AT TIME ZONE :zone AS high
  FROM unnest(CAST(:months AS date[])) AS m(month)
), active AS (
  SELECT p.month, a.member_id FROM part p CROSS JOIN LATERAL (
    SELECT DISTINCT member_id FROM activity WHERE tenant_id = :tenant AND at >= p.low AND at < p.high) a
), bought AS (
  SELECT p.month, a.* FROM part p CROSS JOIN LATERAL (
    SELECT member_id, currency, count(*) AS n, sum(amount_minor) AS amount FROM purchase
    WHERE tenant_id = :tenant AND at >= p.low AND at < p.high GROUP BY member_id, currency) a
), done AS (
  SELECT month, member_id, '' AS currency, 0 AS n, 0 AS amount FROM active
  UNION ALL SELECT month, member_id, currency, n, amount FROM bought
), known AS (
  INSERT INTO cohort_month (tenant_id, month) SELECT :tenant, month FROM part ON CONFLICT DO NOTHING
)
INSERT INTO cohort_cell (tenant_id, month, cohort, currency, members, purchases, amount_minor)
SELECT :tenant, d.month, date_trunc('month', b.joined_on)::date, d.currency, count(*), sum(d.n), sum(d.amount)
FROM done d JOIN member b ON b.tenant_id = :tenant AND b.id = d.member_id
WHERE b.joined_on < d.month + interval '1 month' GROUP BY 2, 3, 4
""")
_CELLS = text("""
SELECT month, cohort, currency, members, purchases, amount_minor FROM cohort_cell
WHERE tenant_id = :tenant AND month = ANY(:months) AND cohort = ANY(:months) ORDER BY currency
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
    periods.check(first, last)
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
    _freshen(session, tenant, list(cohorts))
    for row in session.execute(_CELLS, {"tenant": tenant.id, "months": list(cohorts)}):
        month = cohorts[row.cohort].months[age(row.cohort, row.month)]
        if row.currency:
            month.bought.append(Bought(row.currency, row.members, row.purchases, row.amount_minor))
        else:
            month.active = row.members
    return Table(first, last, tenant.time_zone, list(cohorts.values()), sizes.get(None, 0))


def _freshen(session: Session, tenant: Tenant, months: list[date]) -> None:
    """Count the months of these in which something was written since; one at a time counts for a tenant.

    Triggers note such months as soon as a tenant's cohorts are kept. Who wrote before could not know of that: until all
    of them have ended, every month is counted, and after that once more.
    """
    asked = {"tenant": tenant.id, "zone": tenant.time_zone, "months": months}
    begun = session.execute(_BEGUN, asked).rowcount == 1  # type: ignore[attr-defined]
    state = session.execute(_STATE, asked).one()
    mark, settled = state.mark, state.settled
    if state.zone != tenant.time_zone:
        mark, settled = None, False
    elif begun:
        pass  # nobody sees yet that cohorts are kept
    elif mark is None or mark > state.next:  # the latter in a restored database, whose transactions are numbered anew
        mark = state.next
    elif not settled and state.oldest >= mark:
        settled = True
    if (mark, settled, tenant.time_zone) != (state.mark, state.settled, state.zone) or not settled:
        session.execute(_ADVANCE, asked | {"mark": mark, "settled": settled})
        session.execute(_UNKNOW, asked)
    stale = list(session.execute(_STALE, asked).scalars())
    if stale:
        session.execute(_CLEARED, asked | {"months": stale})
        session.execute(_COUNT, asked | {"months": stale})


def later(month: date, by: int) -> date:
    """Return the first day of the month so many months after."""
    n = month.year * 12 + month.month - 1 + by
    return date(n // 12, n % 12 + 1, 1)


def age(joined: date, month: date) -> int:
    """Return how many months lie between two."""
    return (month.year - joined.year) * 12 + month.month - joined.month
