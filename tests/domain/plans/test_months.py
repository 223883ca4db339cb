"""Calendar months on the tenant's clock: over every zone, every change of clocks and every change of zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.plans import service as plans
from domain.plans.catalog import BROADCASTS, Tier
from kernel import db
from kernel.errors import PlanLimit
from kernel.ids import new_id
from models import PlanReservation, PlanUsage, Tenant

ZONES = sorted(available_timezones() - {"localtime"})
EDGES = ["Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Africa/Cairo", "America/Santiago"]
zones = st.one_of(st.sampled_from(EDGES), st.sampled_from(ZONES))


def between(first: int, last: int):
    """Instants of these years."""
    begin = datetime(first, 1, 1, tzinfo=UTC)
    minutes = int((datetime(last, 1, 1, tzinfo=UTC) - begin).total_seconds()) // 60
    return st.integers(0, minutes).map(lambda n: begin + timedelta(minutes=n))


instants = between(1990, 2090)


@given(zone=zones, at=instants)
@settings(max_examples=300, deadline=None)
def test_a_month_begins_at_midnight_of_its_first_and_ends_where_the_next_one_begins(zone, at):
    first = plans.period_of(BROADCASTS, zone, at)
    following = plans.resets_at(BROADCASTS, zone, at)
    assert following is not None
    assert first.day == 1
    assert at < following
    assert following - at <= timedelta(days=31, hours=26)
    after = plans.period_of(BROADCASTS, zone, following)
    assert (after.year * 12 + after.month) - (first.year * 12 + first.month) == 1
    assert plans.period_of(BROADCASTS, zone, following - timedelta(microseconds=1)) == first
    assert following.astimezone(ZoneInfo(zone)).date() == after


moves = st.lists(
    st.tuples(st.sampled_from([*EDGES, "Europe/Berlin", "America/New_York"]), st.integers(0, 60 * 24 * 20)),
    min_size=1,
    max_size=8,
)


@given(begin=between(2026, 2027), moves=moves)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_change_of_zone_opens_no_month_twice_and_closes_none(tenants, frozen_clock, begin, moves):
    at = begin
    got: set[str] = set()
    with db.tenant_session(tenants.a) as session:
        session.get_one(Tenant, tenants.a).tier = Tier.STARTER
        for zone, minutes in moves:
            at += timedelta(minutes=minutes)
            frozen_clock(at)
            session.get_one(Tenant, tenants.a).time_zone = zone
            session.flush()
            month = f"{plans.period_of(BROADCASTS, zone, at):%Y-%m}"
            if month in got:
                with pytest.raises(PlanLimit) as refused:
                    plans.spend(session, BROADCASTS, new_id())
                assert datetime.fromisoformat(refused.value.extra["resets_at"]) > at
            else:
                plans.spend(session, BROADCASTS, new_id())
                got.add(month)
        session.rollback()


def test_what_was_reserved_in_a_month_is_given_back_to_that_month(tenants, frozen_clock):
    subject = new_id()
    with db.tenant_session(tenants.a) as session:
        frozen_clock(datetime(2026, 10, 31, 22, 30, tzinfo=UTC))  # 23:30 in Berlin, clocks went back six days ago
        plans.spend(session, BROADCASTS, subject)
        frozen_clock(datetime(2026, 10, 31, 23, 0, tzinfo=UTC))  # November there
        plans.spend(session, BROADCASTS, new_id())
        plans.release(session, BROADCASTS, subject)
        used = {f"{row.period:%Y-%m}": row.used for row in session.query(PlanUsage).filter_by(tenant_id=tenants.a)}
        assert used == {"2026-10": 0, "2026-11": 1}
        states = {row.state for row in session.query(PlanReservation).filter_by(subject_id=subject)}
        assert states == {"released"}
