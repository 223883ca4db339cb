"""Numbers, lengths and what is counted from now, in both languages."""

from agents.follow_up.when import builders as b
from agents.follow_up.when import values
from agents.follow_up.when.daytimes import Exact
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.types import Grain

NUMBERS = (
    Rule("number.of-fraction", "NUM", "FRAC", lambda n: n),
    Rule("year.number", "YEAR", "NUM", b.year, ("de: 14 april 2015 = 2015-04-14", "en: march 3rd 2015 = 2015-03-03")),
    Rule("year.short", "YEAR2", "NUM", b.short_year, ("en: 14th April 15 = 2015-04-14",)),
    Rule("year.apostrophe", "YEAR", "' NUM", b.short_year, ("en: march 3rd '15 = 2015-03-03",)),
    Rule("year.of-short", "YEARS", "YEAR", lambda y: y),
    Rule("year.of-two-digits", "YEARS", "YEAR2", lambda y: y),
    Rule("year.alone", "SCOPE", "YEAR", values.Year),
)

LENGTHS = (
    Rule(
        "length.units",
        "SPAN",
        "NUM UNIT",
        b.length,
        ("de: in zwei stunden = 2013-02-12T06:30", "en: in 2 hours = 2013-02-12T06:30"),
        ("de: zwei stunden training", "en: two hours of training"),
    ),
    Rule(
        "length.signs",
        "SPAN",
        "NUM UNITS",
        b.length,
        ("en: in 3/4h = 2013-02-12T05:15", "de: in 2h = 2013-02-12T06:30"),
    ),
    Rule(
        "length.and",
        "SPAN",
        "SPAN AND? SPAN",
        lambda left, _and, right: b.joined(left, right),
        (
            "de: in einer Stunde und 15 Minuten = 2013-02-12T05:45",
            "en: in one hour and 15 minutes = 2013-02-12T05:45",
            "en: in 2 weeks and 3 days = 2013-03-01T04:00",
        ),
    ),
)


def _has_days(scope: values.Dated) -> bool:
    month = isinstance(scope, values.Period) and scope.grain == Grain.MONTH
    return month or isinstance(scope, values.Month)


COUNTED = (
    Rule(
        "nth.weekday",
        "DATE",
        "ORD WD OF THE? SCOPE|ITS",
        lambda n, weekday, _of, _the, scope: b.nth(n, weekday, scope),
        (
            "de: erster dienstag im oktober = 2013-10-01",
            "de: dritter dienstag im september 2014 = 2014-09-16",
            "en: the second Monday of March = 2013-03-11",
            "en: first tuesday of next month = 2013-03-05",
        ),
    ),
    Rule(
        "nth.unit",
        "DATE",
        "ORD UNIT OF THE? SCOPE|ITS",
        lambda n, grain, _of, _the, scope: (
            b.nth(n, grain, scope) if grain != Grain.DAY or not _has_days(scope) else None
        ),
        ("de: erste Woche im März = 2013-03-04", "en: the first week of october = 2013-10-07"),
    ),
    Rule(
        "nth.day-of-month",
        "DATE",
        "ORD DAYUNIT OF THE? SCOPE|ITS",
        lambda n, _day, _of, _the, scope: b.day_of_period(n, scope) or b.nth(n, Grain.DAY, scope),
        ("de: dritter tag im oktober = 2013-10-03", "en: 20th day of next month = 2013-03-20"),
    ),
    Rule(
        "nth.last-weekday",
        "DATE",
        "LAST WD OF THE? SCOPE|ITS",
        lambda _last, weekday, _of, _the, scope: b.last_of(weekday, scope),
        (
            "de: letzter montag im märz = 2013-03-25",
            "en: last friday of october = 2013-10-25",
            "en: last Sunday of March 2014 = 2014-03-30",
            "de: letzter Freitag des Monats = 2013-02-22",
        ),
    ),
    Rule(
        "nth.last-unit",
        "DATE",
        "LAST UNIT OF THE? SCOPE|ITS",
        lambda _last, grain, _of, _the, scope: b.last_of(grain, scope),
        (
            "en: last day in october 2015 = 2015-10-31",
            "de: letzter tag des monats = 2013-02-28",
            "en: last week of march = 2013-03-25",
        ),
    ),
    Rule(
        "nth.from-the-end",
        "DATE",
        "NTHLAST WD|UNIT OF THE? SCOPE|ITS",
        lambda n, what, _of, _the, scope: b.nth(-n, what, scope),
        (
            "de: vorletzter Freitag im Oktober = 2013-10-18",
            "en: second last day of May = 2013-05-30",
            "en: the fifth last day of May = 2013-05-27",
        ),
    ),
    Rule(
        "nth.weekday-after",
        "DATE",
        "ORD WD AFTER THE? DATE",
        lambda n, weekday, _after, _the, date: values.NthAround(n, weekday, date),
        (
            "de: dritter dienstag nach weihnachten 2014 = 2015-01-13",
            "en: the third tuesday after christmas 2014 = 2015-01-13",
        ),
        weight=1,
    ),
    Rule(
        "nth.weekday-before",
        "DATE",
        "LAST WD BEFORE THE? DATE",
        lambda _last, weekday, _before, _the, date: values.NthAround(-1, weekday, date),
        ("de: letzter Freitag vor Weihnachten = 2013-12-20", "en: last friday before christmas = 2013-12-20"),
    ),
    Rule(
        "nth.one-weekday-after",
        "DATE",
        "WD AFTER THE? DATE",
        lambda weekday, _after, _the, date: values.NthAround(1, weekday, date),
        ("de: Dienstag nach Ostern = 2013-04-02", "en: the monday after easter = 2013-04-01"),
    ),
    Rule(
        "nth.one-weekday-before",
        "DATE",
        "WD BEFORE THE? DATE",
        lambda weekday, _before, _the, date: values.NthAround(-1, weekday, date),
        ("de: Freitag vor Weihnachten = 2013-12-20", "en: the friday before easter = 2013-03-29"),
    ),
)

OFFSETS = (
    Rule(
        "offset.between",
        "EXACT",
        "IN ABOUT? NUM TO|OR NUM UNIT",
        lambda _in, _about, near, _to, far, grain: b.about(near, far, grain),
        (
            "de: in 2-3 Wochen = 2013-02-26",
            "en: in two or three weeks = 2013-02-26",
            "de: in 10 bis 15 Minuten = 2013-02-12T04:40",
        ),
        weight=1,
    ),
    Rule(
        "offset.in",
        "EXACT",
        "IN ABOUT? SPAN",
        lambda _in, _about, length: Exact(length),
        (
            "de: in zirka einer halben stunde = 2013-02-12T05:00",
            "en: in about half an hour = 2013-02-12T05:00",
            "de: in einer woche = 2013-02-19",
        ),
    ),
)
