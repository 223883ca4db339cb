"""Numbers and lengths in English."""

from agents.follow_up.when import builders as b
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.types import Grain

NUMBERS = (
    Rule("en.number.ones", "NUM", "ONES", b.small),
    Rule("en.number.tens", "NUM", "TENS", b.small),
    Rule("en.number.tens-ones", "NUM", "TENS ONES", b.add_numbers, ("in twenty five minutes = 2013-02-12T04:55",)),
    Rule(
        "en.number.hundred",
        "NUM",
        "NUM|ONES HUNDRED",
        lambda n, _h: b.hundreds(n, None),
        ("in one hundred days = 2013-05-23T04:00",),
    ),
    Rule(
        "en.number.hundred-and",
        "NUM",
        "NUM|ONES HUNDRED AND? NUM",
        lambda n, _h, _and, rest: b.hundreds(n, rest),
        ("in one hundred and twenty minutes = 2013-02-12T06:30",),
    ),
    Rule(
        "en.number.couple",
        "NUM",
        "NUM? COUPLE of?",
        lambda _a, n: n,
        ("in a couple of hours = 2013-02-12T06:30", "in a pair of minutes = 2013-02-12T04:32"),
    ),
    Rule(
        "en.number.few",
        "NUM",
        "NUM? FEW",
        lambda _a, n: n,
        ("in a few minutes = 2013-02-12T04:33", "in few hours = 2013-02-12T07:30"),
    ),
    Rule("en.number.dozen", "NUM", "NUM? DOZEN", lambda _a, n: n, ("in a dozen days = 2013-02-24T04:00",)),
    Rule(
        "en.number.and-half",
        "NUM",
        "NUM AND NUM? HALFW",
        lambda n, _and, _a, _half: b.and_a_half(n),
        ("in 2 and an half hours = 2013-02-12T07:00", "in one and a half hours = 2013-02-12T06:00"),
    ),
    Rule("en.number.and-fraction", "NUM", "NUM FRAC", b.and_fraction, ("in 2 1/2 hours = 2013-02-12T07:00",)),
    Rule("en.ordinal.ones", "ORD", "ORDONES", lambda n: n),
    Rule(
        "en.ordinal.tens",
        "ORD",
        "TENS ORDONES",
        lambda tens, ones: tens + ones,
        ("twenty first of march = 2013-03-21", "march twenty-second = 2013-03-22"),
    ),
    Rule("en.ordinal.digits", "ORDDIGIT", "NUM st|nd|rd|th", lambda n: b.whole(n) if n.digits in {1, 2} else None),
    Rule("en.ordinal", "ORD", "ORDDIGIT", lambda n: n),
    Rule("en.year.spoken", "YEAR", "NUM NUM", b.spoken_year, ("march third twenty fifteen = 2015-03-03",)),
    Rule(
        "en.length.more",
        "SPAN",
        "NUM more|additional|whole|full UNIT",
        b.length,
        ("in 2 more minutes = 2013-02-12T04:32",),
    ),
    Rule(
        "en.length.half",
        "SPAN",
        "HALFW NUM? UNIT",
        lambda _half, _a, grain: b.halved(grain),
        ("in half an hour = 2013-02-12T05:00", "in half a year = 2013-08-12"),
    ),
    Rule(
        "en.length.a-half",
        "SPAN",
        "NUM HALFW UNIT",
        lambda n, _half, grain: b.halved(grain) if n.article else None,
        ("in a half hour = 2013-02-12T05:00",),
    ),
    Rule(
        "en.length.and-half",
        "SPAN",
        "NUM UNIT AND NUM? HALFW",
        lambda n, grain, _and, _a, _half: b.and_half(n, grain),
        ("in an hour and a half = 2013-02-12T06:00",),
    ),
    Rule(
        "en.length.quarter",
        "SPAN",
        "NUM? QUARTERW OF? NUM UNIT",
        lambda n, _q, _of, a, grain: b.quarters(n or b.small(1), grain) if a.article and grain == Grain.HOUR else None,
        ("in three-quarters of an hour = 2013-02-12T05:15", "in a quarter of an hour = 2013-02-12T04:45"),
    ),
    Rule(
        "en.length.quarter-hour",
        "SPAN",
        "NUM? QUARTERW UNIT",
        lambda n, _q, grain: b.quarters(n or b.small(1), grain) if grain == Grain.HOUR else None,
        ("in a quarter hour = 2013-02-12T04:45",),
    ),
    Rule(
        "en.length.fortnight", "SPAN", "NUM? FORTNIGHT", lambda n, _f: b.fortnights(n), ("in a fortnight = 2013-02-26",)
    ),
    Rule(
        "en.length.fraction-of",
        "SPAN",
        "FRAC OF NUM UNIT",
        lambda n, _of, a, grain: b.length(n, grain) if a.article else None,
        ("in 1/2 of an hour = 2013-02-12T05:00",),
    ),
    Rule(
        "en.length.fraction-a",
        "SPAN",
        "FRAC NUM UNIT",
        lambda n, a, grain: b.length(n, grain) if a.article else None,
        ("in 1/2 an hour = 2013-02-12T05:00",),
    ),
)
