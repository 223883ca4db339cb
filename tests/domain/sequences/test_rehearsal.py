"""The rehearsal says what then happens, and writes nothing."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import make
import pytest
from conftest import ROOT
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from walking import ACTOR, Walk, delay, enrol, got, lines, live, message, of, publish, ready, walk, wanted

from domain.delivery import gate
from domain.delivery import hours as quiet
from domain.delivery.hours import Hours
from domain.sequences import definition, members, rehearsal, service
from domain.sequences.course import Position
from domain.sequences.rehearsal import House, Subject
from kernel import clock, db
from kernel.errors import Invalid
from kernel.ids import new_id

NONE = Hours(time(0), time(0))
NIGHT = Hours(time(20), time(8))
BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2027, 3, 24, 9, 0, tzinfo=UTC)


def somebody(zone: str = "Europe/Berlin", **fields) -> Subject:
    return Subject(members.invented(time_zone=zone, **fields), ZoneInfo(zone), {}, {})


def test_it_says_the_local_time_over_the_change_of_clocks_and_the_quiet_hours():
    version = definition.read(wanted(message("a"), delay("d", days=1), message("b"), delay("h", hours=2), message("c")))
    start = datetime(2027, 3, 27, 20, 30, tzinfo=BERLIN)
    found = rehearsal.play(version, somebody(), start, start + timedelta(days=9), House(BERLIN, NIGHT))
    sent = [
        (each.step, each.local, each.sent_at.astimezone(BERLIN).isoformat()) for each in found if each.kind == "message"
    ]
    assert sent == [
        ("a", "2027-03-28T08:00+02:00", "2027-03-28T08:00:00+02:00"),
        ("b", "2027-03-29T08:00+02:00", "2027-03-29T08:00:00+02:00"),
        ("c", "2027-03-29T10:00+02:00", "2027-03-29T10:00:00+02:00"),
    ]
    assert (found[1].step, found[1].why["de"]) == ("a", "Ruhezeit: geht um 2027-03-28T08:00+02:00 hinaus.")
    assert [each.kind for each in found if each.kind != "message"] == ["enrolled", "wait", "wait", "wait", "completed"]


def test_after_a_night_steps_come_as_far_apart_as_they_were_meant_to_and_not_all_at_once():
    version = definition.read(
        wanted(message("a"), delay("d", hours=1), message("b"), delay("e", hours=1), message("c", channel="sms"))
    )
    start = datetime(2027, 3, 26, 22, 0, tzinfo=BERLIN)
    found = rehearsal.play(version, somebody(), start, start + timedelta(days=9), House(BERLIN, NIGHT))
    assert [each.local for each in found if each.kind == "message"] == [
        f"2027-03-27T{hour}:00+01:00" for hour in ("08", "09", "10")
    ]


def test_the_frequency_cap_lets_a_message_out_when_the_claim_would_and_keeps_the_order():
    version = definition.read(wanted(message("a"), delay("d", days=1), message("b"), message("c")))
    start = datetime(2027, 1, 4, 9, 0, tzinfo=BERLIN)
    before = somebody()
    capped = Subject(before.member, BERLIN, {}, {}, earlier=(start - timedelta(days=6, hours=21),))
    found = rehearsal.play(version, capped, start, start + timedelta(days=9), House(BERLIN, NIGHT, (1, 7)))
    sent = [(each.step, each.sent_at) for each in found if each.kind == "message"]
    assert sent == [
        ("a", start + timedelta(hours=6)),
        ("b", datetime(2027, 1, 11, 15, 0, tzinfo=BERLIN)),
        ("c", datetime(2027, 1, 18, 15, 0, tzinfo=BERLIN)),
    ]
    assert found[1].why["en"] == "Frequency cap: goes out at 2027-01-04T15:00+01:00."


def test_what_somebody_does_and_the_tags_that_steps_set_decide():
    did = {"type": "did", "what": "opened", "step": "a"}
    vip = {"type": "rule", "rule": {"type": "tag", "any_of": ["vip"]}}
    version = definition.read(
        wanted(
            message("a"), delay("d", days=1), {"type": "condition", "key": "o", "test": did, "no": "z"},
            {"type": "tag", "key": "t", "add": ["vip"]}, {"type": "condition", "key": "v", "test": vip, "no": "end"},
            message("b", next="end"), message("z"),
            goals=[{"type": "rule", "rule": {"type": "tag", "any_of": ["done"]}}],
        )
    )  # fmt: skip
    start = datetime(2027, 1, 1, 9, tzinfo=UTC)

    def steps(subject: Subject) -> list[str | None]:
        found = rehearsal.play(version, subject, start, start + timedelta(days=9), House(BERLIN, NONE))
        return [each.step or each.kind for each in found if each.kind in {"message", "exit", "completed"}]

    reader = somebody()
    assert steps(Subject(reader.member, reader.zone, {"a": ["clicked"]}, {})) == ["a", "b", "completed"]
    assert steps(reader) == ["a", "z", "completed"]
    assert reader.member.fields["tags"] == []
    assert steps(somebody(tags=["done"])) == ["exit"]


def test_the_example_of_the_document_runs():
    example = re.search(r"```json\n(.*?)```", (ROOT / "docs/sequences.md").read_text(), re.DOTALL)
    version = definition.read(json.loads(example[1]))
    start = datetime(2027, 3, 26, 9, tzinfo=BERLIN)
    reader = Subject(somebody().member, BERLIN, {"welcome": ["opened"]}, {})
    for subject, sent in (
        (reader, [("welcome", "2027-03-26T09:00+01:00"), ("trial", "2027-04-05T09:00+02:00")]),
        (somebody(), [("welcome", "2027-03-26T09:00+01:00"), ("reminder", "2027-03-29T10:00+02:00")]),
    ):
        found = rehearsal.play(version, subject, start, start + timedelta(days=99), House(BERLIN, NIGHT))
        assert [(each.step, each.local) for each in found if each.kind == "message"] == sent


def test_an_invented_member_has_what_members_have():
    for wrong in ({"colour": "red"}, {"joined_on": "soon"}, {"status": "x"}):
        with pytest.raises(Invalid, match=f"member.{next(iter(wrong))}"):
            members.invented(**wrong)


instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - naive
walls = st.times().map(lambda at: at.replace(second=0, microsecond=0))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    instants, walls, walls, st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
    st.sampled_from([("email", None), ("sms", "+12125550100"), ("sms", "+4915112345678")]),
)  # fmt: skip
def test_quiet_hours_are_those_of_the_gate(tenants, at, begin, end, zone, way):
    """The first opening after a quiet instant, and whether it is one, as the claim says it."""
    channel, number = way
    with db.tenant_session(tenants.a) as session:
        row = session.execute(
            text(
                f"SELECT {gate.QUIET} AS quiet FROM (SELECT CAST(:begin AS text) AS quiet_from, "
                "CAST(:end AS text) AS quiet_until) t, (SELECT CAST(:channel AS text) AS channel, "
                "CAST(:number AS text) AS address_norm) m, "
                "LATERAL (SELECT (CAST(:at AS timestamptz) AT TIME ZONE :zone)::time AS clock) l"
            ),
            {"begin": f"{begin:%H:%M}", "end": f"{end:%H:%M}", "channel": channel, "number": number or "x", "at": at,
             "zone": zone},
        ).one()  # fmt: skip
    opening = quiet.opening(Hours(begin, end), channel, number, at, ZoneInfo(zone))
    if opening is None:
        assert row.quiet
        hour_by_hour = [at.replace(hour=hour, minute=0, second=0) for hour in range(24)]
        assert all(
            quiet.opening(Hours(begin, end), channel, number, each, ZoneInfo(zone)) is None for each in hour_by_hour
        )
        return
    assert (opening > at) == row.quiet
    assert quiet.opening(Hours(begin, end), channel, number, opening, ZoneInfo(zone)) == opening


@dataclass
class Watched:
    """Notes what a sequence sends, at which moment of the test's clock, before each move of the clock."""

    tenant_id: UUID
    sequence_id: UUID
    set_clock: Callable[[datetime], None]
    sent: list[tuple[str, datetime]] = field(default_factory=list)

    def freeze(self, instant: datetime) -> None:
        self.note()
        self.set_clock(instant)

    def note(self) -> None:
        steps = [step for step, *_ in got(self.tenant_id, self.sequence_id)]
        self.sent += [(step, clock.now()) for step in steps[len(self.sent) :]]


steps_of = st.lists(
    st.sampled_from([
        message, lambda key: delay(key, hours=7), lambda key: delay(key, days=1),
        lambda key: delay(key, weekdays=[0, 3], at="10:30"), lambda key: {"type": "tag", "key": key, "add": ["vip"]},
        lambda key: {
            "type": "condition", "key": key, "yes": "end",
            "test": {"type": "rule", "rule": {"type": "tag", "any_of": ["vip"]}},
        },
    ]),
    max_size=6,
)  # fmt: skip


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps_of, st.integers(0, 24 * 8), st.sampled_from(["Europe/Berlin", "America/New_York", None]), st.booleans(),
)  # fmt: skip
def test_it_is_what_then_happens(tenants, frozen_clock, made, hours, zone, night):
    start = datetime(2027, 3, 24, 9, 0, tzinfo=UTC) + timedelta(hours=hours)
    frozen_clock(start)
    ready(tenants.a)
    if night:
        with db.tenant_session(tenants.a) as session:
            session.execute(text("UPDATE tenant SET quiet_from = '19:30', quiet_until = '08:00'"))
    steps = [message("first"), *(make_step(f"k{n}") for n, make_step in enumerate(made))]
    until = start + timedelta(days=40)
    with db.tenant_session(tenants.a) as session:
        sequence_id = live(session, *steps, name=str(new_id()))
        one = make.member(session, f"{new_id()}@example.org", time_zone=zone).id
        row = service.get(session, sequence_id)
        before = session.execute(text("SELECT count(*) FROM message")).scalar_one()
        subject = rehearsal.subject_of(session, row, definition.read(row.draft), one, {})
        foretold = rehearsal.rehearse(session, row, subject, start, days=40)
        assert session.execute(text("SELECT count(*) FROM message")).scalar_one() == before
        assert not session.dirty and not session.new  # noqa: PT018 - one thing: nothing is to be written
    assert enrol(tenants.a, sequence_id, one) == [one]
    happened = Watched(tenants.a, sequence_id, frozen_clock)
    walk(tenants.a, until, happened.freeze)
    happened.note()
    assert happened.sent == [(each.step, each.at) for each in foretold if each.kind == "message"]
    assert all(each.sent_at == each.at for each in foretold if each.kind == "message")
    with db.tenant_session(tenants.a) as session:
        service.archive(session, sequence_id, actor=ACTOR)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines, st.lists(st.tuples(lines, st.integers(0, 200)), max_size=3))
def test_publishing_while_somebody_is_on_the_way_does_what_the_pure_walk_does(tenants, frozen_clock, first, edits):
    frozen_clock(START)
    ready(tenants.a)
    with db.tenant_session(tenants.a) as session:
        sequence_id = live(session, *first, name=str(new_id()))
        one = make.member(session, f"{new_id()}@example.org").id
    version = of(*first)
    pure = Walk(version, START, Position(version.steps[0].key, START))
    assert enrol(tenants.a, sequence_id, one) == [one]
    happened = Watched(tenants.a, sequence_id, frozen_clock)
    for steps, hours in [*edits, (first, 24 * 365)]:
        pure.run(pure.now + timedelta(hours=hours))
        walk(tenants.a, pure.now, happened.freeze)
        happened.note()
        assert happened.sent == pure.sent
        if not pure.over:
            pure.edit(of(*steps))
            with db.tenant_session(tenants.a) as session:
                service.change(session, sequence_id, actor=ACTOR, wanted=wanted(*steps))
                publish(session, sequence_id)
    assert pure.over
    with db.tenant_session(tenants.a) as session:
        service.archive(session, sequence_id, actor=ACTOR)
