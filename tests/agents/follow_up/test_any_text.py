"""Whatever is written, whenever and wherever: the rules answer, and what they promise can be kept."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from agents.follow_up.deciding import Action
from agents.follow_up.dry_run import understand
from agents.follow_up.reading import plain
from domain.follow_ups.rules import LONGEST
from tests.agents.follow_up.test_turns import corpus

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Auckland", "UTC")
_MOMENTS = st.datetimes(datetime(2025, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - aware by `timezones`
_TURNS = st.sampled_from([one.text for one in corpus() if one.expected != "none"])
_NOISE = st.text(max_size=60)


@given(text=st.text(max_size=300), moment=_MOMENTS, zone=st.sampled_from(ZONES), pending=st.booleans())
def test_any_text_is_answered(text, moment, zone, pending):
    understood = understand(text, ref=moment, zone=zone, pending=pending, proposed=not pending)
    assert understood.decided.action in Action


@given(turn=_TURNS, moment=_MOMENTS, zone=st.sampled_from(ZONES), before=_NOISE, after=_NOISE)
def test_what_is_promised_lies_ahead_within_reach_and_outside_the_quiet_hours(turn, moment, zone, before, after):
    understood = understand(f"{before} {turn} {after}", ref=moment, zone=zone, pending=True)
    for due in understood.decided.dues:
        assert timedelta(minutes=14) < due.at - moment <= LONGEST + timedelta(days=8)
        assert 8 <= due.local.hour < 20
        assert due.zone == zone
    if understood.decided.action in {Action.SCHEDULE, Action.MOVE}:
        assert len(understood.decided.dues) == 1
        assert understood.reading.time_text in f"{before} {turn} {after}"
    if understood.decided.action == Action.ASK:
        first, second = understood.decided.dues
        assert first.at < second.at


@given(text=st.text(max_size=200))
def test_lower_case_keeps_every_character_where_it_was(text):
    assert len(plain(text)) == len(text)
