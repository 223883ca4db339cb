"""Hours are counted once and as the messages say, members' own hours only with their consent."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from domain.analytics import heatmap, send_times
from domain.audience import service as audience
from kernel import db
from kernel.errors import NotFound, PlanLimit
from models import ActHour, Member, MemberHours, Message, SendTimeState, Tenant, TenantDue
from tests.domain.analytics import mail

ZONES = [None, "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia"]
# Around changes of clocks, and anywhere.
INSTANTS = st.one_of(
    st.integers(0, 600).map(lambda minutes: datetime(2026, 3, 28, 22, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.integers(0, 600).map(lambda minutes: datetime(2026, 10, 24, 20, tzinfo=UTC) + timedelta(minutes=minutes)),
    st.integers(0, 365 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)),
)


def counted(session, clock="tenant") -> Counter:
    rows = session.execute(
        select(ActHour.channel, ActHour.kind, ActHour.weekday, ActHour.hour, ActHour.n).where(
            ActHour.clock == clock, ActHour.n != 0
        )
    )
    return Counter({tuple(row)[:4]: row.n for row in rows})


def raw(session, clock="tenant") -> Counter:
    """The same from the messages, in Python."""
    tenant = session.execute(select(Tenant)).scalar_one()
    found: Counter = Counter()
    for message in session.execute(select(Message).where(Message.campaign_id.is_not(None))).scalars():
        own = session.get(Member, message.member_id) if message.member_id else None
        zone = tenant.time_zone
        if clock == "member":
            zone = (own.time_zone if own else None) or message.zone or zone
        for kind, at in (("opened", message.first_opened_at), ("clicked", message.first_clicked_at)):
            if at is not None:
                wall = at.astimezone(ZoneInfo(zone))
                found[message.channel, kind, wall.isoweekday(), wall.hour] += 1
    return found


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_counts_equal_the_messages_whatever_is_dated_late_anew_or_taken_back(data, tenants):
    with db.tenant_session(tenants.a) as session:
        session.execute(delete(ActHour))
        session.execute(delete(SendTimeState))
        session.execute(text("DELETE FROM message"))
        people = mail.members(session, tenants.a, ZONES)
        ids = mail.sent(session, mail.campaign(session), [*people, None], zone="America/Lima")
    changes = st.tuples(
        st.sampled_from(ids), st.sampled_from(["opened", "clicked"]), st.none() | INSTANTS, st.booleans()
    )
    for one, kind, at, count_now in data.draw(st.lists(changes, max_size=30)):
        with db.tenant_session(tenants.a) as session:
            mail.act(session, one, kind, at)
        if count_now:
            with db.tenant_session(tenants.a) as session:
                send_times.count(session, most=3)
    send_times.run(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert session.execute(text("SELECT count(*) FROM act_change")).scalar_one() == 0
        for clock in ("tenant", "member"):
            assert counted(session, clock) == raw(session, clock)
        session.execute(select(Tenant)).scalar_one().time_zone = "Asia/Tokyo"
    send_times.run(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert counted(session) == raw(session)
        session.execute(select(Tenant)).scalar_one().time_zone = "Europe/Berlin"
    with db.tenant_session(tenants.b) as session:
        assert counted(session) == Counter()


def test_messages_of_before_are_counted_the_first_time_and_changes_of_then_not_twice(tenants):
    with db.tenant_session(tenants.a) as session:
        ids = mail.sent(session, mail.campaign(session), mail.members(session, tenants.a, [None] * 3), at=mail.AT)
        for one in ids:
            mail.act(session, one, "clicked", mail.AT)
    assert send_times.run(tenants.a) > 0
    with db.tenant_session(tenants.a) as session:
        assert counted(session) == raw(session) == {("email", "clicked", 1, 10): 3}
    assert send_times.run(tenants.a) == 0


def test_what_is_outside_a_campaign_is_not_counted(tenants):
    with db.tenant_session(tenants.a) as session:
        made = mail.campaign(session)
        (one,) = mail.sent(session, made, mail.members(session, tenants.a, [None]))
    send_times.run(tenants.a)
    with db.tenant_session(tenants.a) as session:
        notice = "INSERT INTO notice (id, tenant_id, kind, purpose, channel, key, content) VALUES "
        session.execute(text(notice + "(:id, :t, 'test', 'test', 'email', 'k', '{}')"), {"id": one, "t": tenants.a})
        session.execute(text("UPDATE message SET campaign_id = NULL, notice_id = :id"), {"id": one})
        mail.act(session, one, "clicked", mail.AT)
    send_times.run(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert counted(session) == Counter()


def test_looking_again_is_asked_for_sooner_while_people_act(tenants):
    def due() -> datetime:
        with db.tenant_session(tenants.a) as session:
            return session.execute(
                select(TenantDue.next_due_at).where(TenantDue.tenant_id == tenants.a, TenantDue.kind == send_times.DUE)
            ).scalar_one()

    with db.tenant_session(tenants.a) as session:
        (one,) = mail.sent(session, mail.campaign(session), mail.members(session, tenants.a, [None]))
        mail.act(session, one, "opened", mail.AT)
    send_times.run(tenants.a)
    busy = due()
    send_times.run(tenants.a)
    assert due() - busy > timedelta(minutes=5)


def hours_of(session, member_id) -> MemberHours | None:
    return session.get(MemberHours, (db.tenant_of(session), member_id, "email"), populate_existing=True)


def clicks(session, made, member_id, *ats: datetime) -> None:
    for n, at in enumerate(ats):
        (one,) = mail.sent(session, made, [member_id], step=n, address_norm=None)
        mail.act(session, one, "clicked", at)


def day(n: int, hour: int) -> datetime:
    """That hour in Berlin, in winter."""
    return datetime(2026, 1, 1 + n, hour - 1, 20, tzinfo=UTC)


@pytest.fixture
def counting(tenants):
    """Counting has begun, so single members' hours are kept from now on."""
    for tenant_id in (tenants.a, tenants.b):
        send_times.run(tenant_id)
    return tenants


def test_a_members_hours_are_kept_only_with_the_consent_and_gone_without_it(counting):
    with db.tenant_session(counting.a) as session:
        made = mail.campaign(session)
        willing, other = mail.members(session, counting.a, [None, None])
        mail.grant(session, willing, "profiling")
        for one in (willing, other):
            clicks(session, made, one, *(day(n, 18) for n in range(6)))
    send_times.run(counting.a)
    with db.tenant_session(counting.a) as session:
        kept = hours_of(session, willing)
        assert (kept.acts, kept.best_hour, kept.hours[18]) == (6, 18, 600)
        assert hours_of(session, other) is None
        found = send_times.of_member(session, willing)
        assert (found.source, found.hour, found.acts, found.zone) == ("member", 18, 6, "Europe/Berlin")
        assert send_times.of_member(session, other).why == "no_consent"
        mail.grant(session, willing, "profiling", "withdrawn")
    with db.tenant_session(counting.a) as session:
        assert hours_of(session, willing) is None
        assert send_times.of_member(session, willing).source == "default"
    with db.tenant_session(counting.b) as session, pytest.raises(NotFound):
        send_times.of_member(session, willing)


def test_an_erased_member_leaves_no_hours_and_the_totals_as_they_were(counting):
    with db.tenant_session(counting.a) as session:
        (one,) = mail.members(session, counting.a, ["Asia/Tokyo"])
        mail.grant(session, one, "profiling")
        clicks(session, mail.campaign(session), one, day(1, 9))
    send_times.run(counting.a)
    with db.tenant_session(counting.a) as session:
        before = counted(session), counted(session, "member")
        audience.delete(session, one, actor="t")
    send_times.run(counting.a)
    with db.tenant_session(counting.a) as session:
        assert session.execute(select(MemberHours)).all() == []
        assert (counted(session), counted(session, "member")) == before != (Counter(), Counter())


@pytest.mark.parametrize(
    ("hours", "why"),
    [
        ([18, 18, 18], "too_few"),
        ([9, 11, 13, 15, 17, 19], "scattered"),
        ([22, 22, 22, 22, 22], "quiet"),
        ([12, 12, 13, 12, 9], "enough"),
    ],
)
def test_a_member_gets_an_own_hour_only_with_evidence(counting, hours, why):
    with db.tenant_session(counting.a) as session:
        (one,) = mail.members(session, counting.a, [None])
        mail.grant(session, one, "profiling")
        clicks(session, mail.campaign(session), one, *(day(n, hour) for n, hour in enumerate(hours)))
    send_times.run(counting.a)
    with db.tenant_session(counting.a) as session:
        found = send_times.of_member(session, one)
        assert found.why == why
        assert (found.source, found.hour) == (("member", 12) if why == "enough" else ("default", 10))


def clear_hour(hours: list[int]) -> int | None:
    """What the database's function says, in Python."""
    around = [hours[n - 1] + hours[n] + hours[(n + 1) % 24] for n in range(24)]
    best = max(range(24), key=lambda n: (around[n], hours[n], -n))
    return best if sum(hours) and around[best] >= 0.4 * sum(hours) else None


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kept=st.lists(st.integers(0, 1_300), min_size=24, max_size=24),
    added=st.lists(st.integers(-32_000, 32_000) | st.just(0), min_size=24, max_size=24),
)
def test_old_hours_fade_and_the_best_one_is_the_middle_of_most_weight(kept, added, tenants):
    with db.tenant_session(tenants.a) as session:
        call = text("SELECT merge_hours(:a, :b) AS merged, clear_hour(merge_hours(:a, :b)) AS best")
        found = session.execute(call, {"a": kept, "b": added}).one()
    summed = [max(0, a + b) for a, b in zip(kept, added, strict=True)]
    if sum(summed) > 3_200:
        summed = [min(3_200, n // 2) for n in summed]
    assert found.merged == summed
    assert found.best == clear_hour(summed)


def test_the_heatmap_needs_a_plan_that_has_it_and_says_when_it_was_counted(tenants):
    with db.tenant_session(tenants.a) as session:
        shown = send_times.show(session)
        assert (shown.counted_at, shown.surface.reason, len(shown.surface.cells)) == (None, "too_few", 168)
    with db.tenant_session(tenants.b) as session:
        session.execute(select(Tenant)).scalar_one().tier = "professional"
        with pytest.raises(PlanLimit, match="upgrade to business"):
            send_times.show(session)


def test_advice_on_the_members_clock_is_kept_where_the_hours_say_something(tenants):
    with db.tenant_session(tenants.a) as session:
        people = mail.members(session, tenants.a, ["Asia/Tokyo"] * 150)
        ids = mail.sent(session, mail.campaign(session), people)
        at = datetime(2026, 3, 3, 9, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
        for n, one in enumerate(ids):
            mail.act(session, one, "clicked", at + timedelta(hours=n % 5 if n % 3 == 0 else 0))
    send_times.run(tenants.a)
    with db.tenant_session(tenants.a) as session:
        advice = session.get(SendTimeState, tenants.a).advice["email"]
        assert advice["basis"] == "hours"
        for weights in advice["days"].values():
            assert max(range(24), key=weights.__getitem__) == 9
            assert weights[3] == weights[20] == 0
        shown = send_times.show(session, clock_="member").surface
        assert (shown.best.weekday, shown.best.hour) == (None, 9)
        assert "150" in heatmap.words(shown, "de")


def test_counting_looks_only_at_the_messages_that_changed(tenants, analyse):
    with db.tenant_session(tenants.a) as session:
        people = mail.members(session, tenants.a, [None] * 2_000)
        ids = mail.sent(session, mail.campaign(session), people)
    send_times.run(tenants.a)
    with db.tenant_session(tenants.a) as session:
        for one in ids[:5]:
            mail.act(session, one, "clicked", mail.AT)
    for table in ("message", "member", "act_change"):
        analyse(table)
    asked = {"tenant": tenants.a, "zone": "Europe/Berlin", "most": 100, "fewest": 5}
    with db.tenant_session(tenants.a) as session:
        plan = "\n".join(session.execute(text(f"EXPLAIN {send_times._COUNT.text}"), asked).scalars())
    assert "Seq Scan on message" not in plan, plan
    assert "Seq Scan on member" not in plan, plan
    assert send_times.run(tenants.a) == 5


def test_counting_beside_changes_and_beside_another_count_misses_and_doubles_nothing(tenants):
    with db.tenant_session(tenants.a) as session:
        ids = mail.sent(session, mail.campaign(session), mail.members(session, tenants.a, [None] * 40))

    def change(part: int) -> None:
        for n, one in enumerate(ids[part::2]):
            for hours in (n % 7, n % 5):
                with db.tenant_session(tenants.a) as session:
                    mail.act(session, one, "clicked", mail.AT + timedelta(hours=hours))

    def look(_n: int) -> None:
        for _ in range(15):
            with db.tenant_session(tenants.a) as session:
                send_times.count(session, most=4)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(run, n) for run in (change, look) for n in range(2)]:
            done.result()
    send_times.run(tenants.a)
    with db.tenant_session(tenants.a) as session:
        assert counted(session) == raw(session)
        assert sum(counted(session).values()) == 40


def test_what_is_taken_back_before_it_was_counted_breaks_nothing(tenants):
    """Two changes of a message within a millisecond have ids in either order."""
    send_times.run(tenants.a)
    with db.tenant_session(tenants.a) as session:
        (one,) = mail.sent(session, mail.campaign(session), mail.members(session, tenants.a, [None]))
        mail.act(session, one, "clicked", mail.AT)
        mail.act(session, one, "clicked", mail.AT + timedelta(hours=3))
        session.execute(text("UPDATE act_change SET id = new_id() WHERE before IS NULL"))
    for totals in (1, 1):
        with db.tenant_session(tenants.a) as session:
            send_times.count(session, most=1)
            assert send_times.show(session).surface.total == totals
    with db.tenant_session(tenants.a) as session:
        assert counted(session) == raw(session)
        assert sum(counted(session).values()) == 1
