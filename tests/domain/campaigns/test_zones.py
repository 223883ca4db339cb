"""Whose clock a member lives by, also from a phone number; and plans that follow the rules of time zones."""

import re
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import make
import phonenumbers
import pytest
import texters
from chaos import crowd
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from channels.sms import regions
from domain.audience import service as audience
from domain.campaigns import schedule, zones
from domain.campaigns import service as campaigns
from domain.consent import service as consents
from domain.delivery import local, materialise, recovery
from kernel import clock, db, outbox
from models import Campaign, Message, TenantDue

COUNTRIES = sorted(phonenumbers.SUPPORTED_REGIONS)
KINDS = [kind for kind in range(11) if kind != 2]  # 2 is "fixed line or mobile"


@pytest.fixture
def studio(tenants) -> UUID:
    for tenant_id in (tenants.a, tenants.b):
        with db.tenant_session(tenant_id) as session:
            crowd.no_quiet_hours(session)
            make.sender(session)
    return tenants.a


def example(country: str, kind: int) -> str | None:
    found = phonenumbers.example_number_for_type(country, kind)
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164) if found else None


@settings(max_examples=300)
@given(st.sampled_from(COUNTRIES), st.sampled_from(COUNTRIES), st.sampled_from(KINDS), st.integers(0, 9_999))
def test_the_pattern_of_a_country_fits_its_numbers_and_nobody_elses(country, other, kind, tail):
    number = example(other, kind)
    if number is None:
        return
    number = number[:-4] + f"{tail:04d}"
    if not phonenumbers.is_valid_number(phonenumbers.parse(number)):
        return
    assert bool(re.match(regions.pattern_of(country), number)) == (regions.country_of(number) == country)


def test_the_database_reads_the_patterns_as_python_does(studio):
    numbers = [n for c in COUNTRIES for kind in (0, 1) if (n := example(c, kind)) is not None]
    shared = [c for c in COUNTRIES if regions.pattern_of(c).endswith("$") or "(?" in regions.pattern_of(c)]
    assert len(shared) > 30
    with db.tenant_session(studio) as session:
        for country in shared:
            found = session.execute(
                text("SELECT n FROM unnest(CAST(:numbers AS text[])) n WHERE n ~ :pattern"),
                {"numbers": numbers, "pattern": regions.pattern_of(country)},
            ).scalars()
            assert sorted(found) == sorted(n for n in numbers if regions.country_of(n) == country)


@pytest.mark.parametrize(
    ("number", "zone"),
    [
        ("+4915112345678", "Europe/Berlin"),
        ("+436641234567", "Europe/Vienna"),
        ("+12462501234", "America/Barbados"),
        ("+12125550123", None),  # the country has many
        ("+14165550123", None),
        ("+79161234567", None),
        ("+34612345678", None),  # the Canaries
        ("+61412345678", None),
        ("4711", None),
        ("", None),
    ],
)
def test_a_number_says_the_zone_where_its_country_has_one_clock(number, zone):
    assert regions.zone_of(number) == zone


@settings(max_examples=200)
@given(st.sampled_from(COUNTRIES), st.sampled_from((0, 1)))
def test_what_is_told_from_the_beginning_of_a_number_holds_for_all_that_begin_so(country, kind):
    number = example(country, kind)
    zone = regions.zone_of(number) if number else None
    if zone is None:
        return
    alike = [n for c in COUNTRIES for k in (0, 1) if (n := example(c, k)) and n[:6] == number[:6]]
    now = clock.now()
    clocks = {now.astimezone(ZoneInfo(found)).utcoffset() for n in alike if (found := regions.zone_of(n))}
    assert clocks == {now.astimezone(ZoneInfo(zone)).utcoffset()}


def people(tenant_id: UUID) -> dict[UUID, str]:
    """Members of an e-mail campaign and the zone each of them lives by; the plan's is Berlin."""
    about = {
        "own": ({"time_zone": "America/New_York"}, "+919876543210", "America/New_York"),
        "number": ({}, "+919876543210", "Asia/Kolkata"),
        "many": ({}, "+12125550123", "Europe/Berlin"),
        "none": ({}, None, "Europe/Berlin"),
        "wrong": ({"time_zone": "Mars/Phobos"}, "+919876543210", "Europe/Berlin"),
    }
    found = {}
    with db.tenant_session(tenant_id) as session:
        for name, (fields, number, zone) in about.items():
            member = make.member(session, f"{name}@example.org", **fields)
            if number is not None:
                audience.set_address(session, member, "sms", number, actor="t")
            found[member.id] = zone
    return found


def planned(tenant_id: UUID, wall: str, *, per_member: bool = True) -> UUID:
    with db.tenant_session(tenant_id) as session:
        campaign, revision = make.drafted(session)
        campaigns.schedule(session, campaign.id, actor="t", at=wall, time_zone="Europe/Berlin", per_member=per_member)
        make.approve(session, campaign.id, revision)
        return campaign.id


def looks(tenant_id: UUID) -> datetime | None:
    """When somebody looks after the tenant's campaigns next."""
    with db.tenant_session(tenant_id) as session:
        wanted = TenantDue.tenant_id == tenant_id, TenantDue.kind == "campaigns"
        return session.execute(select(TenantDue.next_due_at).where(*wanted)).scalar_one_or_none()


def hours(tenant_id: UUID) -> dict[UUID | None, datetime]:
    with db.tenant_session(tenant_id) as session:
        return dict(session.execute(select(Message.member_id, Message.not_before)).all())


def test_who_has_no_zone_lives_by_the_one_of_the_numbers_country(studio):
    lives = people(studio)
    wall = f"{(clock.now() + timedelta(days=3)).date()}T09:00"
    campaign_id = planned(studio, wall)
    with db.tenant_session(studio) as session:
        found = campaigns.get(session, campaign_id)
        first = schedule.instant(datetime.fromisoformat(wall), ZoneInfo("Asia/Kolkata"))
        assert (found.scheduled_for, found.zone_rules) == (first, zones.rules())
        campaigns.start(session, campaign_id, actor="t")
        materialise.materialise(session, campaign_id)
    due = hours(studio)
    assert due == {
        member_id: schedule.instant(datetime.fromisoformat(wall), ZoneInfo(zone)) for member_id, zone in lives.items()
    }


def test_texts_follow_the_number_they_go_to(studio, tenants):
    texters.account(studio)
    with db.tenant_session(studio) as session:
        for number in ("+919876543210", "+436641234567"):
            member = audience.create(session, actor="t", contact={"sms": number})
            consents.record(session, member.id, channel="sms", purpose="marketing", state="granted", source="t",
                            actor="t", evidence={"wording": "ja"})  # fmt: skip
        assert zones.names(session) == {"Asia/Kolkata", "Europe/Vienna"} or "Asia/Calcutta" in zones.names(session)
    with db.tenant_session(tenants.b) as session:
        assert zones.names(session) == set()


def test_new_rules_move_what_nobody_has_touched_and_nothing_else(studio, tenants):
    people(studio)
    wall = f"{(clock.now() + timedelta(days=3)).date()}T09:00"
    campaign_id = planned(studio, wall)
    with db.tenant_session(studio) as session:
        campaigns.start(session, campaign_id, actor="t")
        materialise.materialise(session, campaign_id)
    right = hours(studio)
    ids = sorted(right, key=str)
    with db.tenant_session(studio) as session:  # as an older database would have reckoned it
        session.execute(text("UPDATE campaign SET zone_rules = '2001a'"))
        session.execute(text("UPDATE message SET not_before = not_before + interval '1 hour'"))
        session.execute(text("UPDATE message SET state = 'deferred', reason = 'quiet_hours' WHERE member_id = :m"),
                        {"m": ids[0]})  # fmt: skip
        session.execute(text("UPDATE message SET attempt = 1 WHERE member_id = :m"), {"m": ids[1]})
        session.execute(
            text("UPDATE message SET state = 'claimed', lease_until = clock_timestamp() + interval '1 minute' "
                 "WHERE member_id = :m"), {"m": ids[2]}
        )  # fmt: skip
    with db.tenant_session(tenants.b) as session:
        assert local.reckon_again(session) == 0
    with db.tenant_session(studio) as session:
        outbox.mark_due(session, "campaigns")
        recovery.sweep(session)
        assert campaigns.get(session, campaign_id).zone_rules == zones.rules()
        assert local.reckon_again(session) == 0
    now = hours(studio)
    later = timedelta(hours=1)
    assert now == {m: at + later if m in ids[:3] else at for m, at in right.items()}


@pytest.mark.parametrize("per_member", [True, False])
def test_new_rules_move_the_hour_of_a_plan_and_somebody_looks_in_time(studio, per_member):
    people(studio)
    wall = f"{(clock.now() + timedelta(days=3)).date()}T09:00"
    campaign_id = planned(studio, wall, per_member=per_member)
    with db.tenant_session(studio) as session:
        right = campaigns.get(session, campaign_id).scheduled_for
        recovery.sweep(session)
        again = looks(studio)
        assert again is not None
        assert again - clock.now() <= recovery.LONGEST_SLEEP + timedelta(minutes=1)
        session.execute(
            text("UPDATE campaign SET zone_rules = '2001a', scheduled_for = scheduled_for + interval '1 h'")
        )
    with db.tenant_session(studio) as session:
        outbox.mark_due(session, "campaigns")
        recovery.sweep(session)
        found = session.execute(select(Campaign)).scalar_one()
        assert (found.scheduled_for, found.zone_rules, found.status) == (right, zones.rules(), "scheduled")
        assert campaigns.seal.seal_of(session, found) == found.approval_hash  # what was approved is the wall time


def test_a_plan_that_was_taken_out_and_put_back_is_looked_after(studio):
    people(studio)
    wall = f"{(clock.now() + timedelta(days=3)).date()}T09:00"
    campaign_id = planned(studio, wall, per_member=False)
    with db.tenant_session(studio) as session:
        campaigns.unschedule(session, campaign_id, actor="t")
    with db.tenant_session(studio) as session:
        session.execute(
            text("UPDATE tenant_due SET next_due_at = clock_timestamp() WHERE tenant_id = :t"), {"t": studio}
        )
        recovery.sweep(session)
    assert looks(studio) is None
    with db.tenant_session(studio) as session:
        campaigns.schedule(session, campaign_id, actor="t", at=wall, time_zone="Europe/Berlin")
    assert looks(studio) is not None


@pytest.mark.parametrize(
    ("ours", "theirs", "newer"),
    [("2025b", "2025a", True), ("2025b", "2025b", False), ("2024a", "2025b", False), ("2025b", None, True),
     ("2026a", "2025z", True), ("abc", "2025b", True), ("abc", "abc", False)],
)  # fmt: skip
def test_an_older_database_never_reckons_anew(ours, theirs, newer):
    assert zones.is_newer(ours, theirs) is newer
