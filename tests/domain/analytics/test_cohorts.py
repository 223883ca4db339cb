"""Cohorts: who joined when, and what they did since."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text, update

from domain.analytics import cohorts
from kernel import db
from kernel.errors import Invalid, PlanLimit
from models import Activity, Purchase, Tenant
from tests.domain.analytics import mail

SPAN = {"first": date(2026, 1, 1), "last": date(2026, 4, 30)}
DAYS = st.dates(date(2025, 11, 20), date(2026, 5, 10))
INSTANTS = st.datetimes(datetime(2025, 12, 20), datetime(2026, 5, 10)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001


def enterprise(session) -> None:
    session.execute(update(Tenant).values(tier="enterprise", time_zone="UTC"))


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    people=st.lists(
        st.tuples(
            st.none() | DAYS,
            st.lists(INSTANTS, max_size=4),
            st.lists(st.tuples(INSTANTS, st.integers(0, 900), st.sampled_from(["EUR", "CHF"])), max_size=4),
        ),
        max_size=5,
    )
)
def test_the_table_equals_a_count_in_python(people, tenants):
    with db.tenant_session(tenants.a) as session:
        enterprise(session)
        session.execute(text("DELETE FROM member"))
        expected: dict[tuple[date, date], list] = {}
        for joined, visits, bought in people:
            (one,) = mail.members(session, tenants.a, [None], joined_on=joined)
            for at in visits:
                session.add(Activity(tenant_id=tenants.a, member_id=one, kind="visit", at=at))
                if joined:
                    expected.setdefault((joined.replace(day=1), at.date().replace(day=1)), []).append(("active", one))
            for at, amount, currency in bought:
                session.add(
                    Purchase(
                        tenant_id=tenants.a, member_id=one, product="x", amount_minor=amount, currency=currency, at=at
                    )
                )
                if joined:
                    key = joined.replace(day=1), at.date().replace(day=1)
                    expected.setdefault(key, []).append((currency, one, amount))
        session.flush()
        table = cohorts.table(session, **SPAN)
    assert table.undated == sum(joined is None for joined, *_ in people)
    assert [cohort.joined.month for cohort in table.cohorts] == [1, 2, 3, 4]
    for cohort in table.cohorts:
        assert cohort.members == sum(bool(joined) and joined.replace(day=1) == cohort.joined for joined, *_ in people)
        assert [month.age for month in cohort.months] == list(range(5 - cohort.joined.month))
        for month in cohort.months:
            happened = expected.get((cohort.joined, month.month), [])
            assert month.active == len({one for kind, one, *_ in happened if kind == "active"})
            for currency in ("EUR", "CHF"):
                buys = [(each[1], each[2]) for each in happened if each[0] == currency]
                found = [each for each in month.bought if each.currency == currency]
                assert [(each.buyers, each.purchases, each.amount_minor) for each in found] == (
                    [(len({one for one, _ in buys}), len(buys), sum(amount for _, amount in buys))] if buys else []
                )


def test_months_are_those_of_the_tenant_and_other_tenants_are_not_seen(tenants):
    with db.tenant_session(tenants.b) as session:
        enterprise(session)
        (other,) = mail.members(session, tenants.b, [None], joined_on=date(2026, 1, 5))
        session.add(Activity(tenant_id=tenants.b, member_id=other, kind="visit", at=datetime(2026, 1, 9, tzinfo=UTC)))
    with db.tenant_session(tenants.a) as session:
        session.execute(update(Tenant).values(tier="enterprise", time_zone="America/New_York"))
        (one,) = mail.members(session, tenants.a, [None], joined_on=date(2026, 1, 5))
        session.add(Activity(tenant_id=tenants.a, member_id=one, kind="visit", at=datetime(2026, 3, 1, 3, tzinfo=UTC)))
        session.flush()
        january = cohorts.table(session, **SPAN).cohorts[0]
        assert (january.members, [month.active for month in january.months]) == (1, [0, 1, 0, 0])


def test_it_is_of_the_highest_plan_and_of_two_years_at_most(tenants):
    with db.tenant_session(tenants.a) as session:
        with pytest.raises(PlanLimit, match="upgrade to enterprise"):
            cohorts.table(session)
        enterprise(session)
        for first, last in ((date(2024, 1, 1), date(2026, 1, 1)), (date(2026, 2, 1), date(2026, 1, 1))):
            with pytest.raises(Invalid, match="1 to 24 months"):
                cohorts.table(session, first=first, last=last)
        assert len(cohorts.table(session).cohorts) == 12
