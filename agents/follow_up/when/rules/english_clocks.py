"""Times of day in English."""

from dataclasses import replace

from agents.follow_up.when import builders as b
from agents.follow_up.when import daytimes, values
from agents.follow_up.when.daytimes import Slots, Zone
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import Today


def _military(hour: daytimes.Clock) -> daytimes.Clock:
    return hour if hour.midnight else replace(hour, both=False, grain=Grain.MINUTE)


def _in_this_century(number: values.Num) -> int | None:
    rest = b.whole(number)
    return 2000 + rest if rest in range(1, 100) and rest else None


def _may_count(hour: daytimes.Clock) -> bool:
    """Say whether "ten to three" may count minutes."""
    return hour.hour in {5, 10, 15, 20, 25}


def _counts_minutes(number: values.Num) -> bool:
    return number.value in {5, 10, 15, 20, 25}


_TWELVE = 12

CLOCKS = (
    Rule(
        "en.clock.oclock",
        "CLOCK",
        "HOUR OCLOCK",
        lambda hour, _o: hour,
        ("3 oclock pm = 2013-02-12T15:00", "five o'clock = 2013-02-12T05:00"),
    ),
    Rule("en.clock.oclock-split", "CLOCK", "HOUR o ' clock", lambda hour: hour, ("5 o ' clock = 2013-02-12T05:00",)),
    Rule(
        "en.clock.h",
        "CLOCK",
        "HOUR h",
        _military,
        ("15h = 2013-02-12T15:00", "Thursday 8h GMT = 2013-02-14T06:00"),
    ),
    Rule(
        "en.clock.compact-hours",
        "CLOCK",
        "HHMM hours|hrs|h",
        lambda clock: replace(clock, both=False),
        ("1530 hours = 2013-02-12T15:30",),
    ),
    Rule(
        "en.meridiem.a-m",
        "MERIDIEM",
        "a .? m .?",
        lambda: "am",
        ("nine fifty nine a m = 2013-02-12T09:59", "at 3 a.m. = 2013-02-13T03:00"),
    ),
    Rule(
        "en.meridiem.p-m",
        "MERIDIEM",
        "p .? m .?",
        lambda: "pm",
        ("3:30 p m = 2013-02-12T15:30", "3 p.m. = 2013-02-12T15:00"),
    ),
    Rule(
        "en.clock.meridiem",
        "CLOCK",
        "HOUR MERIDIEM",
        b.halfday,
        ("3 AM = 2013-02-13T03:00", "three am = 2013-02-13T03:00", "12pm = 2013-02-12T12:00"),
    ),
    Rule(
        "en.clock.meridiem-after",
        "CLOCK",
        "CLOCK MERIDIEM",
        b.halfday,
        ("3ish pm = 2013-02-12T15:00", "3:15pm = 2013-02-12T15:15"),
        weight=1,
    ),
    Rule("en.clock.compact-meridiem", "CLOCK", "HHMM MERIDIEM", b.halfday, ("730pm = 2013-02-12T19:30",)),
    Rule(
        "en.clock.ap",
        "CLOCK",
        "HOUR AP",
        b.halfday,
        ("7a = 2013-02-12T07:00", "at 3p = 2013-02-12T15:00"),
    ),
    Rule(
        "en.clock.written-ap",
        "CLOCK",
        "CLOCKT AP",
        b.halfday,
        ("3:18a = 2013-02-13T03:18", "3:15p = 2013-02-12T15:15"),
    ),
    Rule("en.clock.ish", "CLOCK", "HOUR ish", lambda hour: hour, ("3ish = 2013-02-12T15:00",)),
    Rule("en.clock.compact-ish", "CLOCK", "HHMM ish", lambda hour: hour, ("tomorrow at 150ish = 2013-02-13T01:50",)),
    Rule("en.clock.dotted", "CLOCK", "CLOCKDOT MERIDIEM", b.halfday, ("3.30pm = 2013-02-12T15:30",)),
    Rule("en.clock.at-dotted", "CLOCK", "AT CLOCKDOT", lambda _at, clock: clock, ("at 3.30 = 2013-02-12T15:30",)),
    Rule(
        "en.clock.at-two",
        "CLOCK",
        "AT NUM NUM",
        lambda _at, hour, minute: b.hour_minute(hour, minute),
        ("at 12 15 = 2013-02-12T12:15", "at three twenty = 2013-02-12T15:20"),
        fragile=True,
    ),
    Rule(
        "en.clock.two-meridiem",
        "CLOCK",
        "NUM NUM MERIDIEM",
        lambda hour, minute, half: (found := b.hour_minute(hour, minute)) and b.halfday(found, half),
        ("3 twenty pm = 2013-02-12T15:20",),
        weight=2,
    ),
    Rule(
        "en.clock.oh",
        "CLOCK",
        "NUM OH NUM",
        lambda hour, _oh, minute: b.oh_minute(hour, minute),
        (
            "twelve oh three = 2013-02-12T12:03",
            "twelve-oh-three = 2013-02-12T12:03",
            "twelve zero three = 2013-02-12T12:03",
        ),
    ),
    Rule(
        "en.clock.at-oh",
        "CLOCK",
        "AT NUM OH NUM",
        lambda _at, hour, _oh, minute: b.oh_minute(hour, minute),
        ("at seven oh five = 2013-02-12T07:05",),
    ),
    Rule(
        "en.clock.two-words",
        "CLOCK",
        "NUM NUM",
        b.spoken_hour_minute,
        ("six thirty tomorrow = 2013-02-13T06:30", "ten thirty = 2013-02-12T10:30"),
        weak=True,
    ),
    Rule(
        "en.clock.twelve-noon",
        "CLOCK",
        "HOUR OCLOCK? NOON",
        lambda hour, _o, _n: replace(hour, both=False, sure=True) if hour.hour == _TWELVE else None,
        ("12 noon = 2013-02-12T12:00",),
    ),
    Rule(
        "en.clock.twelve-midnight",
        "CLOCK",
        "HOUR OCLOCK? MIDNIGHT",
        lambda hour, _o, _m: b.clock(24, grain=Grain.HOUR, both=False) if hour.hour == _TWELVE else None,
        ("12 midnight = 2013-02-13T00:00",),
    ),
    Rule("en.clock.sharp", "CLOCK", "HOUR sharp", lambda hour: hour, ("8 sharp = 2013-02-12T08:00",)),
    Rule(
        "en.year.thousand",
        "YEAR",
        "two thousand AND? NUM?",
        lambda _and, n: 2000 if n is None else _in_this_century(n),
        ("march 3rd two thousand fourteen = 2014-03-03",),
    ),
    Rule("en.clock.in-the-am", "CLOCK", "HOUR in the MERIDIEM", b.halfday, ("3 in the AM = 2013-02-13T03:00",)),
    Rule("en.now", "WHEN", "right NOW", lambda _n: Slots(now="now"), ("right now = 2013-02-12T04:30",)),
    Rule(
        "en.clock.noon",
        "CLOCK",
        "THE? NOON",
        lambda _the, _noon: b.clock(12, grain=Grain.HOUR, both=False),
        ("midday = 2013-02-12T12:00", "tomorrow at noon = 2013-02-13T12:00"),
    ),
    Rule(
        "en.clock.half",
        "CLOCK",
        "HALFW HOUR",
        lambda _half, hour: b.shifted(30, hour),
        ("half three = 2013-02-12T15:30",),
        ("half an hour",),
        fragile=True,
    ),
    Rule(
        "en.clock.half-past",
        "CLOCK",
        "HALFW AFTER HOUR|CLOCK",
        lambda _half, _past, hour: b.shifted(30, hour),
        ("half past 3 pm = 2013-02-12T15:30", "half past noon = 2013-02-12T12:30"),
        fragile=True,
    ),
    Rule(
        "en.clock.quarter-past",
        "CLOCK",
        "NUM? QUARTERW AFTER|FROM HOUR|CLOCK",
        lambda a, _q, _past, hour: b.shifted(15, hour) if a is None or a.article else None,
        ("a quarter past noon = 2013-02-12T12:15", "quarter past 2pm = 2013-02-12T14:15"),
        fragile=True,
    ),
    Rule(
        "en.clock.quarter-to",
        "CLOCK",
        "NUM? QUARTERW TOWARDS HOUR|CLOCK",
        lambda a, _q, _to, hour: b.shifted(-15, hour) if a is None or a.article else None,
        ("a quarter to noon = 2013-02-12T11:45", "quarter to 3pm = 2013-02-12T14:45"),
        fragile=True,
    ),
    Rule(
        "en.clock.past",
        "CLOCK",
        "NUM AFTER HOUR|CLOCK",
        lambda n, _past, hour: b.past(n, hour),
        ("twenty after 3pm = 2013-02-12T15:20", "ten past nine = 2013-02-12T09:10"),
        weight=-2,
        fragile=True,
    ),
    Rule(
        "en.clock.to",
        "CLOCK",
        "NUM TOWARDS HOUR|CLOCK",
        lambda n, _to, hour: b.to(n, hour) if _counts_minutes(n) else None,
        ("15 to noon = 2013-02-12T11:45", "ten to nine = 2013-02-12T08:50"),
        ("9 to 5",),
        fragile=True,
    ),
    Rule(
        "en.clock.minutes-past",
        "CLOCK",
        "NUM UNIT AFTER|FROM HOUR|CLOCK",
        lambda n, grain, _past, hour: b.past(n, hour) if grain == Grain.MINUTE else None,
        (
            "15 minutes past 3pm = 2013-02-12T15:15",
            "15 minutes from 1pm = 2013-02-12T13:15",
            "15 minutes past 15h = 2013-02-12T15:15",
        ),
        fragile=True,
    ),
    Rule(
        "en.clock.minutes-to",
        "CLOCK",
        "NUM UNIT TOWARDS HOUR|CLOCK",
        lambda n, grain, _to, hour: b.to(n, hour) if grain == Grain.MINUTE else None,
        ("15 minutes to noon = 2013-02-12T11:45",),
        fragile=True,
    ),
    Rule("en.clock.for", "CLOCK", "for CLOCK", lambda clock: clock, ("on Saturday for 9am = 2013-02-16T09:00",)),
    Rule("en.clock.after", "CLOCK", "AFTER CLOCK", lambda _after, clock: clock, ("after 5pm = 2013-02-12T17:00",)),
    Rule(
        "en.clock.hours",
        "CLOCK",
        "HOUR TO CLOCK",
        lambda first, to, last: None if last.both or (to != "-" and _may_count(first)) else b.first_clock(first, last),
        ("3-5pm = 2013-02-12T15:00", "9 - 11am = 2013-02-12T09:00"),
        weight=1,
    ),
    Rule(
        "en.clock.before-day",
        "WHEN",
        "HOUR|HHMM DATE",
        lambda hour, date: b.day_and_clock(date, hour) if isinstance(date, Today) else None,
        ("9 tomorrow = 2013-02-13T09:00",),
        weight=-1,
    ),
    Rule(
        "en.clock.before-part",
        "WHEN",
        "HOUR|HHMM WHEN",
        lambda hour, when: replace(when, clock=hour) if when.part and not when.clock else None,
        (
            "eight tonight = 2013-02-12T20:00",
            "9 tomorrow evening = 2013-02-13T21:00",
            "8 this evening = 2013-02-12T20:00",
        ),
        weight=-1,
    ),
    Rule(
        "en.clock.after-tonight",
        "WHEN",
        "TONIGHT HOUR|HHMM",
        lambda _t, hour: replace(b.this_part(daytimes.EVENING), clock=hour),
        ("tonight 815 = 2013-02-12T20:15",),
        weight=-1,
        fragile=True,
    ),
    Rule(
        "en.clock.in-part",
        "WHEN",
        "HOUR|HHMM IN THE? PARTN",
        lambda hour, _in, _the, part: Slots(clock=hour, part=part),
        ("730 in the evening = 2013-02-12T19:30", "5 in the afternoon = 2013-02-12T17:00"),
        weight=-1,
    ),
    Rule(
        "en.clock.at-night",
        "WHEN",
        "HOUR at PARTN",
        lambda hour, part: Slots(clock=hour, part=part) if part == daytimes.ENGLISH_NIGHT else None,
        ("11 at night = 2013-02-12T23:00",),
        weight=-1,
    ),
    Rule("en.towards", "TOWARDS", "to|till|til|before|of", lambda: "to"),
    Rule(
        "en.zone.pacific",
        "ZONEW",
        "pacific|us-pacific standard|daylight? time",
        lambda: Zone(name="America/Los_Angeles"),
        ("tomorrow 9am pacific time = 2013-02-13T15:00",),
    ),
    Rule(
        "en.zone.eastern",
        "ZONEW",
        "eastern standard|daylight? time",
        lambda: Zone(name="America/New_York"),
        ("tomorrow 9am eastern time = 2013-02-13T12:00",),
    ),
    Rule(
        "en.zone.central",
        "ZONEW",
        "central standard|daylight? time",
        lambda: Zone(name="America/Chicago"),
        ("tomorrow 9am central time = 2013-02-13T13:00",),
    ),
    Rule(
        "en.zone.mountain",
        "ZONEW",
        "mountain standard|daylight? time",
        lambda: Zone(name="America/Denver"),
        ("tomorrow 9am mountain time = 2013-02-13T14:00",),
    ),
)
