"""What happens next, without a database: delays on clocks, branches, edits while members are on their way."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from walking import Walk, delay, lines, message, of

from domain.sequences import course, moments
from domain.sequences.course import Exit, Facts, Position
from domain.sequences.definition import DateReached, Delay
from kernel.errors import Invalid

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 27, 8, 0, tzinfo=UTC)


def asks(key: str, step: str = "a", what: str = "opened", **fields: Any) -> dict[str, Any]:
    return {"type": "condition", "key": key, "test": {"type": "did", "what": what, "step": step}, **fields}


def wall(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("wanted", "since", "until"),
    [
        ({"hours": 24}, wall(2026, 3, 28, 10), wall(2026, 3, 29, 11)),
        ({"days": 1}, wall(2026, 3, 28, 10), wall(2026, 3, 29, 10)),
        ({"days": 1}, wall(2026, 3, 28, 2, 30), wall(2026, 3, 29, 3, 30)),
        ({"days": 1}, wall(2026, 10, 24, 10), wall(2026, 10, 25, 10)),
        ({"days": 2, "at": "18:15"}, wall(2026, 3, 28, 10), wall(2026, 3, 30, 18, 15)),
        ({"weekdays": [0], "at": "09:00"}, wall(2026, 3, 27, 10), wall(2026, 3, 30, 9)),
        ({"weekdays": [4]}, wall(2026, 3, 27, 8, 59), wall(2026, 3, 27, 9)),
        ({"weekdays": [4]}, wall(2026, 3, 27, 9), wall(2026, 4, 3, 9)),
    ],
)
def test_delays_end_on_the_clock_of_the_member(wanted, since, until):
    assert moments.over(Delay(type="delay", key="d", **wanted), since, BERLIN) == until


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds are naive
    st.integers(1, 60),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"]),
)
def test_days_keep_the_wall_time_and_hours_keep_their_length(since, n, name):
    zone = ZoneInfo(name)
    local = since.astimezone(zone)
    ended = moments.over(Delay(type="delay", key="d", days=n), since, zone).astimezone(zone)
    assert (ended.date() - local.date()).days == n
    naive = ended.replace(tzinfo=None) - local.replace(tzinfo=None) - timedelta(days=n)
    assert naive in {timedelta(0), timedelta(hours=1), timedelta(minutes=30)}  # a wall time that the change skips
    assert moments.over(Delay(type="delay", key="d", hours=n), since, zone) - since == timedelta(hours=n)


def test_after_an_outage_the_next_delay_counts_from_when_the_step_happened():
    version = of(message("a"), delay("d", hours=24), message("b"))
    ready = frozenset({"a", "b"})
    punctual = course.advance(version, Position("a", START), Facts(UTC, ready=ready), START + timedelta(seconds=40))
    assert punctual.again == START + timedelta(hours=24)
    late = course.advance(version, Position("a", START), Facts(UTC, ready=ready), START + timedelta(days=3))
    assert late.again == START + timedelta(days=4)


def test_a_branch_goes_where_its_condition_says_and_the_end_ends():
    version = of(
        message("a"), asks("opened", yes="thanks"), message("again"), {"type": "end", "key": "out"}, message("thanks")
    )
    for held, sent in ((True, {"a", "thanks"}), (False, {"a", "again"})):
        facts = Facts(UTC, {"opened": held}, frozenset({"a", "again", "thanks"}))
        done = course.advance(version, Position("a", START), facts, START)
        assert (done.over, done.exit, done.at.done) == (True, None, sent)


def test_a_step_without_approval_is_waited_for_and_a_goal_ends_everything():
    version = of(message("a"), message("b"))
    waiting = course.advance(version, Position("a", START), Facts(UTC, ready=frozenset({"b"})), START)
    assert (waiting.again, waiting.over, waiting.at.step) == (None, False, "a")
    left = course.advance(version, waiting.at, Facts(UTC, leaves=Exit.GOAL), START)
    assert (left.over, left.exit, left.at.done) == (True, Exit.GOAL, frozenset())


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        ([delay("d", hours=1)], "steps"),
        ([message("a"), message("a")], "steps"),
        ([message("end")], "steps"),
        ([message("a"), message("b", next="a")], "steps.b"),
        ([message("a", next="nowhere")], "steps.a"),
        ([message("a", colour="red")], "steps.0.message.colour"),
        ([delay("d", hours=1, days=1), message("a")], "steps.0.delay"),
        ([delay("d", hours=1, at="09:00"), message("a")], "steps.0.delay"),
        ([asks("c", "a"), message("a")], "steps.c.test.step"),
        ([message("a"), {"type": "tag", "key": "t"}], "steps.1.tag"),
        ([message("a"), {"type": "condition", "key": "c", "test": {"type": "rule", "rule": {"type": "x"}}}], "rules"),
        ([message(f"m{n}") for n in range(51)], "steps"),
    ],
)
def test_what_cannot_be_followed_is_refused_and_the_place_is_named(steps, place):
    with pytest.raises(Invalid) as refused:
        of(*steps)
    assert str(refused.value).startswith(place)


def test_days_of_members_come_round_also_on_the_twenty_ninth_of_february():
    assert moments.anniversaries(date(2027, 2, 28)) == ["02-28", "02-29"]
    assert moments.anniversaries(date(2028, 2, 28)) == ["02-28"]
    assert moments.anniversaries(date(2028, 2, 29)) == ["02-29"]
    trigger = DateReached(type="date", field="joined_on", at="02:30")
    due = moments.days_due(trigger, BERLIN, wall(2026, 3, 28, 1), wall(2026, 3, 30, 1))
    assert due == [date(2026, 3, 28), date(2026, 3, 29)]
    assert moments.days_due(trigger, BERLIN, wall(2026, 3, 29, 3, 30), wall(2026, 3, 30, 2, 29)) == []


@settings(max_examples=80)
@given(lines, st.lists(st.tuples(lines, st.integers(0, 200)), max_size=6))
def test_edits_while_members_are_on_their_way_neither_repeat_nor_skip(first, edits):
    version = of(*first)
    walk = Walk(version, START, Position(version.steps[0].key, START))
    for steps, hours in edits:
        walk.run(walk.now + timedelta(hours=hours))
        if not walk.over:
            walk.edit(of(*steps))
    walk.run(walk.now + timedelta(days=365))
    assert walk.over
    sent = [step for step, _ in walk.sent]
    assert len(sent) == len(set(sent))
    owed = {step.key for step in walk.version.messages()} - walk.excused
    assert owed <= set(sent)
