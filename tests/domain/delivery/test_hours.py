"""Quiet hours and the calling hours of a number's country: the first open second, or that there is none."""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import make
import pytest
from chaos import crowd
from fakes import twilio as twilios
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from domain.audience import service as audience
from domain.campaigns import drafting
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.delivery import flight, gate, hours, materialise, queries, recovery, supply
from domain.senders import accounts
from domain.senders import service as senders
from kernel import clock, db, outbox
from kernel.ids import new_id
from models import Campaign, Message

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata",
         "Pacific/Apia", "America/St_Johns", "Africa/Cairo", "America/Nuuk"]  # fmt: skip
# Days around which clocks change somewhere; Apia left one whole day out.
DAYS = [datetime(*day, tzinfo=UTC) for day in [
    (2026, 3, 7), (2026, 3, 28), (2026, 4, 4), (2026, 4, 24), (2026, 10, 3), (2026, 10, 24), (2026, 10, 30),
    (2026, 11, 1), (2026, 7, 1), (2011, 12, 29),
]]  # fmt: skip
clocks = st.sampled_from([time(0), time(1), time(1, 45), time(2), time(2, 30), time(3), time(8), time(20), time(21),
                          time(23, 59)]) | st.times().map(lambda at: at.replace(second=0, microsecond=0))  # fmt: skip
moments = st.builds(lambda day, minutes: day + timedelta(minutes=minutes), st.sampled_from(DAYS), st.integers(0, 2_880))
ways = st.sampled_from(
    [("email", None), ("sms", "+12125550100"), ("whatsapp", "+12125550100"), ("sms", "+49151123456")]
)


def minute_by_minute(shut: list[hours.Hours], at: datetime, zone: ZoneInfo) -> datetime | None:
    for n in range(4_320):
        moment = at + timedelta(minutes=n)
        local = moment.astimezone(zone).time()
        if not any(each.quiet(local) for each in shut):
            return moment
    return None


@settings(max_examples=150, deadline=None)
@given(clocks, clocks, st.sampled_from(ZONES), moments, ways)
@example(time(20), time(2, 30), "Europe/Berlin", datetime(2026, 3, 28, 22, tzinfo=UTC), ("email", None))
@example(time(2, 30), time(5), "Europe/Berlin", datetime(2026, 10, 25, 0, 40, tzinfo=UTC), ("email", None))
@example(time(20), time(2, 30), "Europe/Berlin", datetime(2026, 10, 24, 22, tzinfo=UTC), ("email", None))
@example(time(8), time(21), "America/New_York", datetime(2026, 10, 24, 22, tzinfo=UTC), ("sms", "+12125550100"))
@example(time(8, 1), time(21), "America/New_York", datetime(2026, 10, 24, 22, tzinfo=UTC), ("sms", "+12125550100"))
def test_the_opening_is_the_first_minute_that_is_in_no_window_or_it_is_said_that_there_is_none(
    begin, end, zone, at, way
):
    tenant, clocks_of = hours.Hours(begin, end), ZoneInfo(zone)
    shut = hours.windows(tenant, *way)
    found = hours.opening(tenant, *way, at, clocks_of)
    assert found == minute_by_minute(shut, at, clocks_of)
    assert (found is None) == hours.never(shut)


def test_the_gate_and_the_flight_check_know_the_same_windows(tenants):
    """Every quarter of an hour and the minutes beside the law's hours, asked in one statement."""
    marks = [f"{m // 60:02d}:{m % 60:02d}" for m in sorted({*range(0, 1440, 15), 479, 481, 1259, 1261, 1439})]
    with db.tenant_session(tenants.a) as session:
        rows = session.execute(
            text(
                f"SELECT t.quiet_from, t.quiet_until, m.channel, m.address_norm, {gate.NEVER} AS never "
                "FROM unnest(CAST(:marks AS text[])) AS b(quiet_from), "
                "unnest(CAST(:marks AS text[])) AS e(quiet_until), "
                "LATERAL (SELECT b.quiet_from, e.quiet_until) t, "
                "(VALUES ('sms', '+12125550100'), ('email', '+1@studio.example'), ('whatsapp', '+4915112345')) "
                "AS m(channel, address_norm)"
            ),
            {"marks": marks},
        ).all()
    assert len(rows) == len(marks) ** 2 * 3
    wrong = [row for row in rows if row.never != hours.never(
        hours.windows(hours.of_tenant(row.quiet_from, row.quiet_until), row.channel, row.address_norm))]  # fmt: skip
    assert not wrong
    assert any(row.never for row in rows)


def texts(tenant_id: UUID, numbers: list[str]) -> UUID:
    """An approved campaign of texts to these numbers; returns its id."""
    with db.tenant_session(tenant_id) as session:
        account = accounts.create(
            session, kind="twilio", label="twilio", settings={"account_sid": twilios.SID}, secret=twilios.TOKEN,
            actor="t", rate_per_second=200.0,
        )  # fmt: skip
        senders.add(
            session, channel="sms", from_name="Studio", from_address="+4930111222", reply_to=None, is_default=True,
            account_id=account.id, actor="t",
        )  # fmt: skip
        for n, number in enumerate(numbers):
            member = audience.create(session, actor="t", first_name=f"P{n}", contact={"sms": number})
            consents.record(
                session, member.id, channel="sms", purpose="marketing", state="granted", source="t", actor="t",
                evidence={"wording": "ja"},
            )  # fmt: skip
        campaign = make.campaign(session, channel="sms")
        words = {"text": "{greeting} komm vorbei: {cta_url} Dein {studio}. Abmelden: STOP"}
        content = make.draft_content() | {"languages": {"de": {"sms": words}}}
        revision = drafting.write(session, campaign.id, content=content, parent_id=None, actor="t")
        make.approve(session, campaign.id, revision)
        return campaign.id


def begin(tenant_id: UUID, campaign_id: UUID) -> None:
    with db.tenant_session(tenant_id) as session:
        campaigns.start(session, campaign_id, actor="t")
        materialise.materialise(session, campaign_id)


def claim(tenant_id: UUID, campaign_id: UUID) -> list[str]:
    with db.tenant_session(tenant_id) as session:
        campaign = campaigns.get(session, campaign_id)
        taken = supply.slice_of(session, campaign, owner=new_id(), lease_seconds=60, size=100)
        return sorted(each.address for each in taken.messages)


def sweep(tenant_id: UUID) -> str:
    with db.tenant_session(tenant_id) as session:
        outbox.mark_due(session, "campaigns")
    with db.tenant_session(tenant_id) as session:
        recovery.sweep(session)
        session.expire_all()
        return session.execute(select(Campaign.status)).scalar_one()


def quiet(session: Session, begin: str, until: str) -> None:
    session.execute(text("UPDATE tenant SET quiet_from = :begin, quiet_until = :until"),
                    {"begin": begin, "until": until})  # fmt: skip


NUMBERS = ["+12125550100", "+12125550101", "+4915112345678"]


@pytest.fixture
def open_at_night(tenants) -> list[UUID]:
    """Two tenants with texts to America and Germany; a's quiet hours leave just what the law of America forbids."""
    made = []
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            crowd.no_quiet_hours(session)
        made.append(texts(tenant_id, NUMBERS))
    with db.tenant_session(tenants.a) as session:
        quiet(session, "08:00", "21:00")
    return made


def test_the_flight_check_says_before_the_approval_who_can_never_be_reached_and_keeps_its_word(tenants, open_at_night):
    mine, others = open_at_night
    with db.tenant_session(tenants.b) as session:
        assert flight.check(session, campaigns.get(session, others)).skipped == {}
    with db.tenant_session(tenants.a) as session:
        found = flight.check(session, campaigns.get(session, mine))
        assert (found.targeted, found.will_send, found.skipped) == (3, 1, {"no_open_hour": 2})
    begin(tenants.a, mine)
    with db.tenant_session(tenants.a) as session:
        assert queries.reasons(session, mine) == {"no_open_hour": 2}
        assert queries.counts(session, mine) == {"pending": 1, "skipped": 2}
        one = session.execute(select(Message).where(Message.reason == "no_open_hour").limit(1)).scalar_one()
        why = queries.why(session, mine, one.member_id)
        assert (why.state, why.reason) == ("skipped", "no_open_hour")
        assert "Quiet hours" in why.sentence["en"]


def test_hours_that_close_for_good_while_it_is_sent_hold_the_campaign_until_they_open(tenants, open_at_night):
    """Quiet hours hold and never drop: nobody is lost, and it does not wait in silence."""
    mine, others = open_at_night
    with db.tenant_session(tenants.a) as session:
        quiet(session, "00:00", "00:00")
    begin(tenants.a, mine)
    begin(tenants.b, others)
    with db.tenant_session(tenants.a) as session:
        session.execute(text("UPDATE member SET time_zone = 'America/New_York'"))
        session.execute(text("DELETE FROM message WHERE address_norm LIKE '+49%'"))
        quiet(session, "08:00", "21:00")
    assert claim(tenants.a, mine) == []
    with db.tenant_session(tenants.a) as session:
        rows = session.execute(select(Message.state, Message.reason)).all()
        assert [tuple(row) for row in rows] == [("deferred", "no_open_hour")] * 2
    assert sweep(tenants.a) == "held"
    with db.tenant_session(tenants.a) as session:
        assert campaigns.get(session, mine).hold_reason == "no_open_hour"
        campaigns.resume(session, mine, actor="t")
    assert sweep(tenants.a) == "held"  # nothing has changed
    with db.tenant_session(tenants.a) as session:
        quiet(session, "00:00", "00:00")
        campaigns.resume(session, mine, actor="t")
    assert sweep(tenants.a) == "sending"
    with db.tenant_session(tenants.a) as session:
        assert session.execute(select(Message.id).where(Message.not_before > clock.now())).all() == []
    assert sweep(tenants.b) == "sending"
    with db.tenant_session(tenants.b) as session:
        assert campaigns.get(session, others).hold_reason is None


def test_quiet_hours_that_are_on_now_name_the_very_second_at_which_they_end(tenants, open_at_night):
    _, others = open_at_night
    begin(tenants.b, others)
    with db.tenant_session(tenants.b) as session:
        session.execute(text("UPDATE member SET time_zone = 'Australia/Lord_Howe'"))
        now = clock.now().astimezone(ZoneInfo("Australia/Lord_Howe"))
        ends = (now + timedelta(hours=2)).time().replace(second=0, microsecond=0)
        quiet(session, f"{now - timedelta(hours=1):%H:%M}", f"{ends:%H:%M}")
    assert claim(tenants.b, others) == []
    with db.tenant_session(tenants.b) as session:
        for row in session.execute(select(Message)).scalars():
            assert (row.state, row.reason) == ("deferred", "quiet_hours")
            tenant = hours.Hours((now - timedelta(hours=1)).time().replace(second=0, microsecond=0), ends)
            at, zone = row.updated_at, ZoneInfo("Australia/Lord_Howe")
            assert row.not_before == hours.opening(tenant, "sms", row.address_norm, at, zone) > at
