from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.follow_up.when import Grain, Placed, Policy, Refused, Resolution, place

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 11, 14, 20, tzinfo=BERLIN)  # a Wednesday


def policy(**changes) -> Policy:
    return Policy(**{"now": NOW, "zone": BERLIN} | changes)


def asked(*when: int, grain: Grain, zone: ZoneInfo = BERLIN) -> Resolution:
    return Resolution(datetime(*when, tzinfo=zone), grain, (), ("rule",), ((0, 1),))


@pytest.mark.parametrize(
    ("resolution", "local"),
    [
        (asked(2026, 3, 13, grain=Grain.DAY), "2026-03-13T10:00"),
        (asked(2026, 3, 16, grain=Grain.WEEK), "2026-03-16T10:00"),
        (asked(2026, 4, 1, grain=Grain.MONTH), "2026-04-01T10:00"),
        (asked(2026, 3, 12, 6, grain=Grain.PART), "2026-03-12T08:00"),
        (asked(2026, 3, 12, 12, grain=Grain.PART), "2026-03-12T15:00"),
        (asked(2026, 3, 12, 18, grain=Grain.PART), "2026-03-12T18:00"),
        (asked(2026, 3, 12, 16, 30, grain=Grain.MINUTE), "2026-03-12T16:30"),
    ],
)
def test_each_grain_has_its_send_time(resolution: Resolution, local: str):
    placed = place(resolution, policy())
    assert isinstance(placed, Placed)
    assert placed.local.strftime("%Y-%m-%dT%H:%M") == local
    assert (placed.at.tzinfo, placed.zone, placed.shifts) == (UTC, "Europe/Berlin", ())


@pytest.mark.parametrize(
    ("resolution", "local", "shifts"),
    [
        (asked(2026, 3, 11, 14, 25, grain=Grain.MINUTE), "2026-03-11T14:35", ("lead",)),
        (asked(2026, 3, 11, grain=Grain.DAY), "2026-03-11T14:35", ("lead",)),
        (asked(2026, 3, 11, 12, grain=Grain.PART), "2026-03-11T15:00", ()),
        (asked(2026, 3, 12, 21, grain=Grain.HOUR), "2026-03-13T08:00", ("quiet",)),
        (asked(2026, 3, 12, 3, grain=Grain.HOUR), "2026-03-12T08:00", ("quiet",)),
        (asked(2026, 3, 12, 22, grain=Grain.PART), "2026-03-13T08:00", ("quiet",)),
        (asked(2026, 3, 9, grain=Grain.WEEK), "2026-03-12T10:00", ()),
        (asked(2026, 3, 1, grain=Grain.MONTH), "2026-03-12T10:00", ()),
    ],
)
def test_too_soon_quiet_and_running_periods_move_forward(resolution: Resolution, local: str, shifts: tuple[str, ...]):
    placed = place(resolution, policy())
    assert isinstance(placed, Placed)
    assert (placed.local.strftime("%Y-%m-%dT%H:%M"), placed.shifts) == (local, shifts)


def test_weekends_move_to_monday_where_the_policy_says_so():
    saturday = asked(2026, 3, 14, grain=Grain.DAY)
    free = place(saturday, policy(weekends=False))
    assert isinstance(free, Placed)
    assert (free.local.isoformat()[:16], free.shifts) == ("2026-03-16T10:00", ("weekend",))
    open_ = place(saturday, policy())
    assert isinstance(open_, Placed)
    assert open_.local.day == 14


def test_a_friday_night_ends_on_monday_morning():
    placed = place(asked(2026, 3, 13, 22, grain=Grain.HOUR), policy(weekends=False))
    assert isinstance(placed, Placed)
    assert (placed.local.isoformat()[:16], placed.shifts) == ("2026-03-16T08:00", ("quiet", "weekend"))


@pytest.mark.parametrize(
    ("resolution", "reason"),
    [
        (asked(2026, 3, 11, 14, 19, grain=Grain.MINUTE), "past"),
        (asked(2026, 3, 10, grain=Grain.DAY), "past"),
        (asked(2026, 3, 11, 6, grain=Grain.PART), "past"),
        (asked(2026, 3, 2, grain=Grain.WEEK), "past"),
        (asked(2026, 2, 1, grain=Grain.MONTH), "past"),
        (asked(2027, 4, 20, grain=Grain.DAY), "too_far"),
    ],
)
def test_what_is_over_or_too_far_is_refused(resolution: Resolution, reason: str):
    assert place(resolution, policy()) == Refused(reason)


def test_the_horizon_is_four_hundred_days():
    near = place(asked(2027, 4, 15, 10, grain=Grain.HOUR), policy())
    assert isinstance(near, Placed)
    assert near.at - NOW <= timedelta(days=400)


def test_a_day_time_in_the_gap_goes_out_at_the_first_valid_minute():
    gap = policy(day_time=time(2, 30), quiet=(time(0), time(0)))
    placed = place(asked(2026, 3, 29, grain=Grain.DAY), gap)
    assert isinstance(placed, Placed)
    assert (placed.local.isoformat(), placed.shifts) == ("2026-03-29T03:00:00+02:00", ("gap",))


def test_a_day_time_in_the_overlap_goes_out_the_first_time():
    overlap = policy(day_time=time(2, 30), quiet=(time(0), time(0)), now=datetime(2026, 10, 1, tzinfo=BERLIN))
    placed = place(asked(2026, 10, 25, grain=Grain.DAY), overlap)
    assert isinstance(placed, Placed)
    assert placed.local.isoformat() == "2026-10-25T02:30:00+02:00"


def test_an_exact_time_is_told_in_the_zone_of_the_policy():
    elsewhere = asked(2026, 3, 12, 9, grain=Grain.HOUR, zone=ZoneInfo("America/New_York"))
    placed = place(elsewhere, policy())
    assert isinstance(placed, Placed)
    assert placed.local.isoformat() == "2026-03-12T14:00:00+01:00"


@settings(deadline=None)
@given(
    st.datetimes(datetime(2026, 3, 11), datetime(2028, 1, 1)),  # noqa: DTZ001 - the zone comes below
    st.sampled_from(list(Grain)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"]),
    st.tuples(st.times(), st.times()),
    st.booleans(),
)
def test_whatever_is_placed_keeps_every_promise(wall, grain, zone, quiet, weekends):
    here = ZoneInfo(zone)
    rules = policy(zone=here, quiet=quiet, weekends=weekends)
    placed = place(Resolution(wall.replace(tzinfo=here), grain, (), (), ()), rules)
    if isinstance(placed, Refused):
        return
    assert placed.at >= NOW + rules.lead
    assert placed.at - NOW <= rules.horizon
    assert placed.local.astimezone(UTC) == placed.at
    assert weekends or placed.local.weekday() < 5
    start, end = quiet
    clock = placed.local.time()
    inside = start <= clock < end if start < end else (clock >= start or clock < end) and start != end
    assert not inside
