"""Cohorts are kept by month and always equal to a count of everything, whatever is written, moved, erased and when."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from conftest import make_tenant
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update

from domain.analytics import cohorts
from kernel import db
from kernel.ids import new_id
from models import Activity, CohortCell, CohortStale, CohortState, Member, Purchase, Tenant
from tests.domain.analytics import mail

SPAN = {"first": date(2026, 1, 1), "last": date(2026, 4, 30)}
MARCH = datetime(2026, 3, 10, tzinfo=UTC)
_INSTANTS = st.datetimes(datetime(2025, 12, 25), datetime(2026, 5, 6)).map(lambda at: at.replace(tzinfo=UTC))  # noqa: DTZ001
_JOINED = st.dates(date(2025, 12, 20), date(2026, 5, 5)) | st.none()
_WHO = st.integers(0, 3)
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("act"), _WHO, _INSTANTS),
        st.tuples(st.just("buy"), _WHO, _INSTANTS, st.integers(0, 900), st.sampled_from(["EUR", "CHF"])),
        st.tuples(st.just("join"), _WHO, _JOINED),
        st.tuples(st.just("shift"), st.integers(-40, 40)),
        st.tuples(st.just("erase"), _WHO),
        st.tuples(st.just("forget"), st.sampled_from([Activity, Purchase])),
        st.tuples(st.just("zone"), st.sampled_from(["Europe/Berlin", "Asia/Kolkata", "America/New_York"])),
        st.tuples(st.just("look")),
    ),
    min_size=4,
    max_size=16,
)
_DO = {
    "act": lambda tenant, who, at: insert(Activity).values(tenant_id=tenant, member_id=who, kind="visit", at=at),
    "buy": lambda tenant, who, at, amount, currency: insert(Purchase).values(
        tenant_id=tenant, member_id=who, product="x", amount_minor=amount, currency=currency, at=at
    ),
    "join": lambda _tenant, who, day: update(Member).where(Member.id == who).values(joined_on=day),
    "shift": lambda _tenant, days: update(Activity).values(at=Activity.at + timedelta(days=days)),
    "erase": lambda _tenant, who: delete(Member).where(Member.id == who),
    "forget": lambda _tenant, table: delete(table),
    "zone": lambda tenant, zone: update(Tenant).where(Tenant.id == tenant).values(time_zone=zone),
}


def enterprise(tenant: UUID) -> list[UUID]:
    """The plan that has cohorts, and four members."""
    with db.tenant_session(tenant) as session:
        session.execute(update(Tenant).values(tier="enterprise"))
        return mail.members(session, tenant, [None] * 4, joined_on=date(2026, 1, 5))


def shown(tenant: UUID) -> Counter:
    """Every figure of the table that is not nought."""
    found: Counter = Counter()
    with db.tenant_session(tenant) as session:
        for cohort in cohorts.table(session, **SPAN).cohorts:
            found[cohort.joined, "members"] = cohort.members
            for month in cohort.months:
                found[cohort.joined, month.month, "active"] = month.active
                for each in month.bought:
                    figures = (each.buyers, each.purchases, each.amount_minor)
                    for name, n in zip(("buyers", "purchases", "amount"), figures, strict=True):
                        found[cohort.joined, month.month, each.currency, name] = n
    return +found


def recounted(tenant: UUID) -> Counter:
    """The same in the plainest way."""
    found: Counter = Counter()
    last = date(2026, 4, 1)
    with db.tenant_session(tenant) as session:
        zone = ZoneInfo(session.execute(select(Tenant.time_zone)).scalar_one())
        month = lambda at: at.astimezone(zone).date().replace(day=1)  # noqa: E731
        joined = {
            row.id: row.joined_on.replace(day=1)
            for row in session.execute(select(Member.id, Member.joined_on))
            if row.joined_on and SPAN["first"] <= row.joined_on <= SPAN["last"]
        }
        found.update((cohort, "members") for cohort in joined.values())
        acts = {(row.member_id, month(row.at)) for row in session.execute(select(Activity.member_id, Activity.at))}
        found.update(
            (joined[who], when, "active") for who, when in acts if who in joined and joined[who] <= when <= last
        )
        bought = [(row.member_id, month(row.at), row) for row in session.execute(select(Purchase)).scalars()]
        bought = [each for each in bought if each[0] in joined and joined[each[0]] <= each[1] <= last]
        for who, when, currency in {(who, when, row.currency) for who, when, row in bought}:
            found[joined[who], when, currency, "buyers"] += 1
        for who, when, row in bought:
            found[joined[who], when, row.currency, "purchases"] += 1
            found[joined[who], when, row.currency, "amount"] += row.amount_minor
    return +found


def settle(tenant: UUID) -> None:
    """Look until what was written before anybody kept cohorts has ended: other tests run on the same server."""
    is_settled = False
    while not is_settled:
        shown(tenant)
        with db.tenant_session(tenant) as session:
            is_settled = session.execute(select(CohortState.settled)).scalar_one()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS, kept=st.booleans())
def test_the_table_equals_a_count_of_everything_after_whatever_happened(steps, kept, tenants):
    tenant = make_tenant(f"cohorts-{new_id().hex[-12:]}")
    people = enterprise(tenant)
    if kept:
        settle(tenant)
    for what, *rest in steps:
        if what == "look":
            assert shown(tenant) == recounted(tenant)
            continue
        if what in {"act", "buy", "join", "erase"}:
            rest[0] = people[rest[0]]
        with db.tenant_session(tenant) as session:
            alive = set(session.execute(select(Member.id)).scalars())
            if what not in {"act", "buy"} or rest[0] in alive:
                session.execute(_DO[what](tenant, *rest))
    assert shown(tenant) == recounted(tenant)
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(CohortCell)).all() == []


def test_only_the_months_in_which_something_was_written_are_counted_again(tenants):
    one = enterprise(tenants.a)[0]
    settle(tenants.a)
    with db.tenant_session(tenants.a) as session:
        session.execute(_DO["act"](tenants.a, one, MARCH - timedelta(days=31)))
    assert shown(tenants.a)[date(2026, 1, 1), date(2026, 2, 1), "active"] == 1
    with db.tenant_session(tenants.a) as session:
        session.execute(update(CohortCell).values(members=77))  # what is kept is what is shown
        session.execute(_DO["act"](tenants.a, one, MARCH))
    told = shown(tenants.a)
    assert [told[date(2026, 1, 1), date(2026, n, 1), "active"] for n in (2, 3)] == [77, 1]
    with db.tenant_session(tenants.b) as session:
        assert session.execute(select(CohortState)).all() == []  # nothing is noted for who never looked
        assert session.execute(select(CohortStale)).all() == []


def test_what_a_running_transaction_writes_is_counted_when_it_has_ended_and_nobody_waits(tenants):
    one, two, *_ = enterprise(tenants.a)
    settle(tenants.a)
    active = (date(2026, 1, 1), date(2026, 3, 1), "active")
    with db.tenant_session(tenants.a) as session:
        session.execute(_DO["act"](tenants.a, two, MARCH))  # a note that others find
    with db.tenant_session(tenants.a) as slow:
        slow.execute(_DO["act"](tenants.a, one, MARCH))
        assert shown(tenants.a)[active] == 1
        with db.tenant_session(tenants.a) as session:
            assert session.execute(select(CohortStale)).all()  # kept for what is not committed yet
    assert shown(tenants.a)[active] == 2
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(CohortStale)).all() == []


def test_a_months_events_are_found_by_an_index_across_the_policy(tenants, analyse):
    with db.tenant_session(tenants.a) as session:
        people = mail.members(session, tenants.a, [None] * 200, joined_on=date(2026, 1, 5))
        rows = [{"who": people[n % 200], "days": n % 700, "tenant": tenants.a} for n in range(2_000)]
        for table, more in (
            ("activity (kind, ", "'visit', "),
            ("purchase (product, amount_minor, currency, ", "'x', 5, 'EUR', "),
        ):
            session.execute(
                text(
                    f"INSERT INTO {table}id, tenant_id, member_id, at) "
                    f"VALUES ({more}new_id(), :tenant, :who, timestamptz '2025-01-01' + :days * interval '1 day')"
                ),
                rows,
            )
    for table in ("activity", "purchase", "member"):
        analyse(table)
    with db.tenant_session(tenants.a) as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))  # the tables are small: can an index serve it at all?
        asked = {"tenant": tenants.a, "zone": "Europe/Berlin", "months": [date(2026, 3, 1)]}
        plan = "\n".join(session.execute(text(f"EXPLAIN {cohorts._COUNT.text}"), asked).scalars())
    for index in ("ix_activity_at", "ix_purchase_at"):
        assert index in plan, plan
    assert plan.count("(at >= ") == plan.count("(at < ") == 2, plan
