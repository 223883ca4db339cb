"""Wall times over changes of clocks, and each member's own clock."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import make
import pytest
from chaos import crowd
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from domain.campaigns import schedule
from domain.campaigns import service as campaigns
from domain.delivery import materialise, queries, recovery
from kernel import clock, db, outbox
from kernel.errors import Conflict, Invalid
from models import Message

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "Pacific/Apia",
]
LONG_AGO = datetime.fromisoformat("2024-01-01T00:00")


@pytest.fixture
def studio(tenants) -> UUID:
    with db.tenant_session(tenants.a) as session:
        crowd.no_quiet_hours(session)
        make.sender(session)
    return tenants.a


def changes(zone: ZoneInfo, year: int = 2026) -> list[datetime]:
    """The days of the year on which the offset changes."""
    days = [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(365)]
    return [
        day
        for day in days
        if day.astimezone(zone).utcoffset() != (day + timedelta(days=1)).astimezone(zone).utcoffset()
    ]


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        ("2026-03-29T02:30", "2026-03-29T01:30"),  # does not exist in Berlin: 03:30
        ("2026-10-25T02:30", "2026-10-25T00:30"),  # happens twice: the first
        ("2026-03-29T01:59", "2026-03-29T00:59"),
        ("2026-03-29T03:00", "2026-03-29T01:00"),
    ],
)
def test_skipped_and_doubled_times_have_one_documented_instant(wall, utc):
    found = schedule.instant(datetime.fromisoformat(wall), ZoneInfo("Europe/Berlin"))
    assert found == datetime.fromisoformat(utc).replace(tzinfo=UTC)


@pytest.mark.parametrize("name", ZONES)
def test_dst_days_fire_once(name):
    zone = ZoneInfo(name)
    for day in changes(zone):
        local = day.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        for half_hour in range(96):
            wall = local + timedelta(minutes=30 * half_hour)
            found = schedule.instant(wall, zone)
            shown = found.astimezone(zone).replace(tzinfo=None)
            assert shown == wall or (shown > wall and shown - wall <= timedelta(hours=1))  # exact, or behind a gap
            if shown == wall:
                earlier = (found - timedelta(hours=1)).astimezone(zone).replace(tzinfo=None)
                assert earlier != wall  # of two, the first


@given(st.integers(0, 3_000_000).map(lambda n: LONG_AGO + timedelta(minutes=n)), st.sampled_from(ZONES))
def test_a_time_that_exists_is_met_exactly(wall, name):
    zone = ZoneInfo(name)
    shown = schedule.instant(wall, zone).astimezone(zone).replace(tzinfo=None)
    assert shown == wall or timedelta(0) < shown - wall <= timedelta(hours=1)


def test_hours_pass_and_days_keep_the_clock():
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 28, 8, tzinfo=UTC)  # 09:00
    assert schedule.later(start, berlin, hours=24).astimezone(berlin).hour == 10
    assert schedule.later(start, berlin, days=1).astimezone(berlin).hour == 9


def planned(tenant_id: UUID, at: str, **more: bool) -> UUID:
    with db.tenant_session(tenant_id) as session:
        campaign, revision = make.drafted(session)
        campaigns.schedule(session, campaign.id, actor=make.ACTOR, at=at, time_zone="Europe/Berlin", **more)
        make.approve(session, campaign.id, revision)
        return campaign.id


def test_nine_o_clock_is_nine_on_every_members_clock(studio):
    zones = {"berlin": None, "york": "America/New_York", "kolkata": "Asia/Kolkata"}
    with db.tenant_session(studio) as session:
        for name, zone in zones.items():
            make.member(session, f"{name}@example.org", time_zone=zone)
    day = (clock.now() + timedelta(days=3)).date()
    campaign_id = planned(studio, f"{day}T09:00", per_member=True)
    with db.tenant_session(studio) as session:
        found = campaigns.get(session, campaign_id)
        assert found.scheduled_for == schedule.instant(datetime.fromisoformat(f"{day}T09:00"), ZoneInfo("Asia/Kolkata"))
        campaigns.start(session, campaign_id, actor="system")
        materialise.materialise(session, campaign_id)
        rows = session.execute(select(Message.address, Message.not_before)).all()
        for row in rows:
            zone = ZoneInfo(zones[row.address.partition("@")[0]] or "Europe/Berlin")
            local = row.not_before.astimezone(zone)
            assert (local.date(), local.hour, local.minute) == (day, 9, 0)
        outbox.mark_due(session, "campaigns")
        assert recovery.sweep(session) == [campaign_id]  # pending, though nobody is due yet
        assert queries.counts(session, campaign_id) == {"pending": 3}


def test_a_time_that_is_over_for_somebody_is_refused(studio):
    with db.tenant_session(studio) as session:
        make.member(session, "early@example.org", time_zone="Pacific/Auckland")
        campaign, _ = make.drafted(session)
        soon = (clock.now().astimezone(ZoneInfo("Europe/Berlin")) + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
        with pytest.raises(Invalid, match="somebody"):
            campaigns.schedule(session, campaign.id, actor="t", at=soon, time_zone="Europe/Berlin", per_member=True)
        campaigns.schedule(session, campaign.id, actor="t", at=soon, time_zone="Europe/Berlin")


def test_late_schedule_asks_or_expires(studio):
    with db.tenant_session(studio) as session:
        make.member(session, "a@example.org")
    day = (clock.now() + timedelta(days=3)).date()
    campaign_id = planned(studio, f"{day}T09:00")
    with db.tenant_session(studio) as session:
        session.execute(text("UPDATE campaign SET scheduled_for = clock_timestamp() - interval '25 hours'"))
        outbox.mark_due(session, "campaigns")
        recovery.sweep(session)
        found = campaigns.get(session, campaign_id)
        session.refresh(found)
        assert (found.status, found.hold_reason) == ("held", "schedule_missed")
        assert campaigns.resume(session, campaign_id, actor="t").status == "approved"
        with pytest.raises(Conflict):
            campaigns.resume(session, campaign_id, actor="t")
