"""Times of day in German."""

from agents.follow_up.when import builders as b
from agents.follow_up.when import daytimes, values
from agents.follow_up.when.daytimes import Exact
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.types import Grain


def _hour_minute(hour: values.Num, minute: values.Num) -> daytimes.Clock | None:
    if hour.article or minute.article:
        return None
    return b.hour_spoken_minute(hour, minute)


_UHR = "uhr|h"

CLOCKS = (
    Rule(
        "de.clock.oclock",
        "CLOCK",
        f"HOUR {_UHR}",
        lambda hour: hour,
        ("um circa 15 uhr = 2013-02-12T15:00", "ca. 15h = 2013-02-12T15:00"),
        ("15 Uhren",),
    ),
    Rule("de.clock.one", "CLOCK", f"ONE {_UHR}", b.bare_hour, ("um ein Uhr nachts = 2013-02-13T01:00",), ("eine Uhr",)),
    Rule("de.clock.one-minute", "CLOCK", f"ONE {_UHR} NUM", b.hour_spoken_minute, ("ein Uhr 30 = 2013-02-12T13:30",)),
    Rule(
        "de.clock.oclock-minute",
        "CLOCK",
        f"NUM {_UHR} NUM",
        _hour_minute,
        (
            "3 uhr 15 am nachmittag = 2013-02-12T15:15",
            "nachmittags um 1 uhr 30 = 2013-02-12T13:30",
            "14 Uhr 5 = 2013-02-12T14:05",
        ),
    ),
    Rule(
        "de.clock.oclock-and",
        "CLOCK",
        f"NUM {_UHR} AND NUM UNIT",
        lambda hour, _and, minute, grain: _hour_minute(hour, minute) if grain == Grain.MINUTE else None,
        ("14 Uhr und 20 Minuten = 2013-02-12T14:20",),
    ),
    Rule("de.clock.written-oclock", "CLOCK", f"CLOCKT {_UHR}", lambda clock: clock, ("18:30 Uhr = 2013-02-12T18:30",)),
    Rule("de.clock.dotted", "CLOCK", f"CLOCKDOT {_UHR}", lambda clock: clock, ("18.30 Uhr = 2013-02-12T18:30",)),
    Rule(
        "de.clock.at-dotted",
        "CLOCK",
        "AT CLOCKDOT",
        lambda _at, clock: clock,
        ("um 18.30 = 2013-02-12T18:30",),
        ("am 10.10",),
    ),
    Rule(
        "de.clock.half",
        "CLOCK",
        f"HALFW HOUR {_UHR}?",
        lambda _half, hour: b.half_before(hour),
        (
            "um halb 4 = 2013-02-12T15:30",
            "halb vier uhr nachmittags = 2013-02-12T15:30",
            "heute Abend um halb acht = 2013-02-12T19:30",
        ),
        fragile=True,
    ),
    Rule(
        "de.clock.near-half",
        "CLOCK",
        "NUM AFTER|BEFORE HALFW HOUR",
        lambda n, side, _half, hour: b.near_half(n, hour, 1 if side == "AFTER" else -1),
        ("fünf vor halb acht = 2013-02-12T07:25", "um fünf nach halb 3 = 2013-02-12T14:35"),
        fragile=True,
    ),
    Rule(
        "de.clock.near-half-minutes",
        "CLOCK",
        "NUM UNIT AFTER|BEFORE HALFW HOUR",
        lambda n, grain, side, _half, hour: (
            b.near_half(n, hour, 1 if side == "AFTER" else -1) if grain == Grain.MINUTE else None
        ),
        ("fünf Minuten vor halb acht = 2013-02-12T07:25",),
        fragile=True,
    ),
    Rule(
        "de.clock.quarter-past",
        "CLOCK",
        f"QUARTERW AFTER HOUR {_UHR}?",
        lambda _q, _after, hour: b.shifted(15, hour),
        ("viertel nach drei Uhr = 2013-02-12T15:15",),
        fragile=True,
    ),
    Rule(
        "de.clock.quarter-to",
        "CLOCK",
        f"QUARTERW BEFORE HOUR {_UHR}?",
        lambda _q, _before, hour: b.shifted(-15, hour),
        ("viertel vor 12 = 2013-02-12T11:45",),
        fragile=True,
    ),
    Rule(
        "de.clock.quarter",
        "CLOCK",
        f"QUARTERW HOUR {_UHR}?",
        lambda _q, hour: b.shifted(-45, hour),
        ("um viertel acht = 2013-02-12T07:15",),
        ("viertel nach acht", "in einer viertel Stunde"),
        fragile=True,
    ),
    Rule(
        "de.clock.three-quarters",
        "CLOCK",
        f"THREEQUARTERS HOUR {_UHR}?",
        lambda _q, hour: b.shifted(-15, hour),
        ("dreiviertel acht = 2013-02-12T07:45",),
        ("dreiviertel Stunde",),
        fragile=True,
    ),
    Rule(
        "de.clock.past",
        "CLOCK",
        f"NUM AFTER HOUR {_UHR}?",
        lambda n, _after, hour: b.past(n, hour),
        ("um 20 nach 3 = 2013-02-12T15:20", "zehn nach 9 = 2013-02-12T09:10"),
        fragile=True,
    ),
    Rule(
        "de.clock.to",
        "CLOCK",
        f"NUM BEFORE HOUR {_UHR}?",
        lambda n, _before, hour: b.to(n, hour),
        ("zehn vor 9 = 2013-02-12T08:50",),
        ("zwei vor drei Wochen",),
        fragile=True,
    ),
    Rule(
        "de.clock.past-minutes",
        "CLOCK",
        f"NUM UNIT AFTER|BEFORE HOUR {_UHR}?",
        lambda n, grain, side, hour: (b.past if side == "AFTER" else b.to)(n, hour) if grain == Grain.MINUTE else None,
        ("10 Minuten nach 9 = 2013-02-12T09:10", "5 Minuten vor 12 = 2013-02-12T11:55"),
        fragile=True,
    ),
    Rule(
        "de.clock.past-midnight",
        "CLOCK",
        "NUM|QUARTERW AFTER|BEFORE CLOCK",
        lambda n, side, hour: (
            b.shifted((15 if n == "quarter" else b.whole(n) or 0) * (1 if side == "AFTER" else -1), hour)
            if hour.hour in {0, 12}
            else None
        ),
        ("viertel nach Mitternacht = 2013-02-13T00:15",),
    ),
    Rule("de.clock.after", "CLOCK", "AFTER HOUR uhr", lambda _after, hour: hour, ("nach 18 Uhr = 2013-02-12T18:00",)),
    Rule("de.clock.since", "CLOCK", "SINCE HOUR uhr", lambda _since, hour: hour, ("ab 18 Uhr = 2013-02-12T18:00",)),
    Rule(
        "de.clock.hours",
        "CLOCK",
        f"HOUR TO HOUR {_UHR}",
        lambda first, _to, last: b.first_clock(first, last),
        ("9 bis 11 Uhr = 2013-02-12T09:00", "14-16 Uhr = 2013-02-12T14:00"),
        weight=1,
    ),
    Rule(
        "de.offset.later",
        "EXACT",
        "SPAN später",
        Exact,
        ("zwei Stunden später = 2013-02-12T06:30",),
    ),
)
