"""The rules German and English share; words enter through the categories of the lexicons."""

from dataclasses import replace

from agents.follow_up.when import builders as b
from agents.follow_up.when import values
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import DayOfMonth, Exact, Slots, Weekday


def named_holiday(lang: str, key: str, shape: str, example: str) -> Rule:
    """Return the rule of a holiday that is called by more than one word."""
    name = example.partition(" = ")[0].lower().replace(" ", "-")
    return Rule(f"{lang}.holiday.{name}", "HOLIDAY", shape, lambda: key, (example,))


def _period(grain: Grain, count: int) -> values.Period | None:
    return values.Period(grain, count) if grain in {Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR} else None


def _quarter(number: int | None, year: int | None = None) -> values.Quarter | None:
    return values.Quarter(number, year) if number in {1, 2, 3, 4} and number else None


def _plain_scope(scope: values.Dated) -> values.Dated | None:
    """Return what is a date by itself; a bare year or month name needs a rule of its own."""
    return None if isinstance(scope, values.Year | values.Month) else scope


def _is_week(scope: values.Dated) -> bool:
    return isinstance(scope, values.Period) and scope.grain == Grain.WEEK


def _has_days(scope: values.Dated) -> bool:
    month = isinstance(scope, values.Period) and scope.grain == Grain.MONTH
    return month or isinstance(scope, values.Month)


def _can_begin(date: values.Dated) -> bool:
    return not isinstance(date, values.Range | values.Either)


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

DAYS = (
    Rule(
        "day.ordinal-month",
        "DATE",
        "ORD THE? OF? MONTH OF? YEARS?",
        lambda day, _the, _of, month, _in, year: b.ordinal_month(day, month, year),
        (
            "de: erster märz = 2013-03-01",
            "de: am 15. februar 2014 = 2014-02-15",
            "de: 15te februar = 2013-02-15",
            "en: the first of march = 2013-03-01",
            "en: 14th April 15 = 2015-04-14",
        ),
        ("de: der erste Versuch im Studio", "en: the first time in the gym"),
    ),
    Rule(
        "day.number-month",
        "DATE",
        "NUM OF? MONTH YEARS?",
        lambda day, _of, month, year: b.number_month(day, month, year),
        ("de: 14 april 2015 = 2015-04-14", "en: 15 of february = 2013-02-15", "en: 4 of july = 2013-07-04"),
        ("en: 2 may not be enough",),
    ),
    Rule(
        "day.month-ordinal",
        "DATE",
        "MONTH THE? ORD ,? YEARS?",
        lambda month, _the, day, year: b.ordinal_month(day, month, year),
        ("en: march first = 2013-03-01", "en: february the 15th = 2013-02-15", "en: march 3rd 2015 = 2015-03-03"),
    ),
    Rule(
        "day.month-number",
        "DATE",
        "MONTH NUM",
        b.month_number,
        ("de: februar 15 = 2013-02-15", "de: Aug 8 = 2013-08-08", "en: Feb13 = 2013-02-13"),
    ),
    Rule(
        "day.month-number-year",
        "DATE",
        "MONTH NUM ,? YEAR",
        b.month_number,
        ("en: April 14, 2015 = 2015-04-14", "de: april 14 2015 = 2015-04-14"),
    ),
    Rule(
        "day.of-period",
        "DATE",
        "ORD OF THE? SCOPE|ITS",
        lambda day, _of, _the, scope: b.day_of_period(day, scope) if isinstance(scope, values.Period) else None,
        (
            "en: 20th of the next month = 2013-03-20",
            "de: am 20. des nächsten monats = 2013-03-20",
        ),
    ),
    Rule(
        "day.number-of-period",
        "DATE",
        "NUM OF THE? SCOPE|ITS",
        lambda day, _of, _the, scope: b.day_of_period(day, scope) if isinstance(scope, values.Period) else None,
        ("en: 20 of next month = 2013-03-20",),
    ),
    Rule("day.unit", "DAYUNIT", "UNIT", lambda grain: grain if grain == Grain.DAY else None),
    Rule(
        "day.weekday-ordinal",
        "WHEN",
        "WD ,? ON? THE? ORD",
        lambda weekday, _on, _the, day: b.weekday_and_day(weekday, day),
        (
            "en: Tuesday the 19th = 2013-02-19",
            "en: Thu 15th = 2013-08-15",
            "de: Dienstag, der 19. = 2013-02-19",
            "de: Mittwoch, den 13. = 2013-02-13",
        ),
    ),
    Rule(
        "day.on-ordinal",
        "DATE",
        "ON THE? ORD",
        lambda _on, _the, day: b.day_of_month(day),
        (
            "en: on the first = 2013-03-01",
            "de: am 15. = 2013-02-15",
            "de: am fünfzehnten = 2013-02-15",
        ),
        ("en: on the first floor", "de: am ersten Gerät"),
        fragile=True,
    ),
    Rule(
        "day.on-date",
        "DATE",
        "ON|SINCE DATE",
        lambda _on, date: date,
        ("de: am 10.10 = 2013-10-10", "de: am 10.10. = 2013-10-10", "en: on 2/15 = 2013-02-15"),
        weight=-1,
    ),
    Rule(
        "day.the-ordinal",
        "DATE",
        "THE ORDDIGIT",
        lambda _the, day: b.day_of_month(day),
        ("en: the 15th = 2013-02-15", "de: der 15. = 2013-02-15"),
        ("en: the 3rd machine", "de: der 3. Platz"),
        fragile=True,
    ),
)

PERIODS = (
    Rule("scope.month", "SCOPE", "MONTH OF? YEARS?", lambda month, _of, year: values.Month(month, year)),
    Rule(
        "period.in-month",
        "DATE",
        "OF MONTH YEAR?",
        lambda _in, month, year: values.Month(month, year),
        ("de: im März = 2013-03-01", "en: in may = 2013-05-01", "en: in March 2014 = 2014-03-01"),
        ("en: may I ask", "en: I may come"),
    ),
    Rule("period.month", "DATE", "MONTH", values.Month, ("de: märz = 2013-03-01", "en: december = 2013-12-01")),
    Rule(
        "period.month-year",
        "DATE",
        "MONTH YEAR",
        values.Month,
        ("en: march 2014 = 2014-03-01", "de: märz 2014 = 2014-03-01"),
    ),
    Rule(
        "period.next-month-name",
        "DATE",
        "NEXT|UPCOMING|THIS MONTH",
        lambda _next, month: values.Month(month),
        ("de: nächsten märz = 2013-03-01", "en: next march = 2013-03-01"),
    ),
    Rule(
        "period.next",
        "SCOPE",
        "NEXT UNIT",
        lambda _next, grain: _period(grain, 1),
        (
            "de: nächste woche = 2013-02-18",
            "de: nächsten monat = 2013-03-01",
            "en: next week = 2013-02-18",
            "en: next year = 2014-01-01",
        ),
    ),
    Rule(
        "period.this",
        "SCOPE",
        "THIS UNIT",
        lambda _this, grain: _period(grain, 0),
        ("de: diese woche = 2013-02-11", "en: this month = 2013-02-01"),
    ),
    Rule(
        "period.coming",
        "SCOPE",
        "UPCOMING UNIT",
        lambda _coming, grain: _period(grain, 1),
        ("de: kommende woche = 2013-02-18", "en: the coming week = 2013-02-18"),
    ),
    Rule(
        "period.after-next",
        "SCOPE",
        "AFTERNEXT UNIT",
        lambda _next, grain: _period(grain, 2),
        ("de: übernächste woche = 2013-02-25",),
    ),
    Rule(
        "period.its",
        "ITS",
        "THE? UNIT",
        lambda _the, grain: (found := _period(grain, 0)) and replace(found, loose=True),
    ),
    Rule("period.quarter", "SCOPE", "QUARTER", lambda q: q),
    Rule(
        "quarter.ordinal",
        "QUARTER",
        "ORD QUARTERUNIT",
        lambda n, _q: _quarter(n),
        ("de: drittes Quartal = 2013-07-01",),
    ),
    Rule(
        "quarter.ordinal-year",
        "QUARTER",
        "ORD QUARTERUNIT OF? YEAR",
        lambda n, _q, _of, year: _quarter(n, year),
        ("de: im 2. Quartal 2014 = 2014-04-01", "en: third quarter of 2014 = 2014-07-01"),
    ),
    Rule("quarter.unit", "QUARTERUNIT", "UNIT", lambda grain: grain if grain == Grain.QUARTER else None),
    Rule(
        "quarter.letter",
        "QUARTER",
        "q NUM",
        lambda n: _quarter(b.whole(n)),
        ("de: in Q3 = 2013-07-01", "en: Q4 = 2013-10-01"),
    ),
    Rule(
        "quarter.letter-year",
        "QUARTER",
        "q NUM OF? YEAR",
        lambda n, _of, year: _quarter(b.whole(n), year),
        ("en: Q1 2014 = 2014-01-01",),
    ),
    Rule("period.scope", "DATE", "SCOPE", _plain_scope, ("de: nächstes Quartal = 2013-04-01", "en: Q4 = 2013-10-01")),
    Rule(
        "week.of-year",
        "SCOPE",
        "WEEKNO OF? YEAR",
        lambda week, _of, year: replace(week, year=year),
        ("de: KW 12 2014 = 2014-03-17",),
    ),
    Rule("week.number", "SCOPE", "WEEKNO", lambda week: week, ("de: KW 12 = 2013-03-18",)),
    Rule(
        "weekend.plain",
        "DATE",
        "ON|THIS|THE|UPCOMING WEEKEND",
        lambda _this, _end: values.Weekend(),
        ("de: am Wochenende = 2013-02-16", "en: this weekend = 2013-02-16", "de: kommendes Wochenende = 2013-02-16"),
    ),
    Rule(
        "weekend.after-next",
        "DATE",
        "AFTERNEXT WEEKEND",
        lambda _next, _end: values.Weekend(1, 2),
        ("de: übernächstes Wochenende = 2013-02-23",),
    ),
    Rule(
        "weekend.bare",
        "DATE",
        "WEEKEND",
        lambda _end: values.Weekend(),
        ("de: Wochenende = 2013-02-16",),
        ("de: Schönes Wochenende",),
        weight=-1,
        weak=True,
    ),
    Rule(
        "edge.of-scope",
        "DATE",
        "EDGE OF? THE? SCOPE|ITS",
        lambda where, _of, _the, scope: b.edge(where, scope),
        (
            "de: Ende des Monats = 2013-02-25",
            "de: Ende nächster Woche = 2013-02-22",
            "de: Anfang März = 2013-03-01",
            "de: Mitte des Jahres = 2013-06-01",
            "en: end of the month = 2013-02-25",
            "en: beginning of next month = 2013-03-01",
            "en: middle of march = 2013-03-15",
        ),
    ),
    Rule(
        "edge.word",
        "DATE",
        "EDGEW",
        lambda pair: b.edge(pair[0], values.Period(pair[1], 0)),
        ("de: Monatsende = 2013-02-25", "en: EOM = 2013-02-25"),
    ),
)

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

WEEKDAYS = (
    Rule(
        "weekday.week-first",
        "WHEN",
        "SCOPE ,? ON? WD",
        lambda scope, _on, day: Slots(wday=day, date=scope) if _is_week(scope) else None,
        ("de: nächste Woche Dienstag = 2013-02-19", "en: next week on tuesday = 2013-02-19"),
    ),
    Rule(
        "weekday.week-last",
        "WHEN",
        "WD SCOPE",
        lambda day, scope: Slots(wday=day, date=scope) if _is_week(scope) else None,
        ("de: mittwoch nächste woche = 2013-02-20", "en: wednesday next week = 2013-02-20"),
    ),
    Rule(
        "weekday.coming",
        "DATE",
        "THIS|UPCOMING WD",
        lambda _this, day: Weekday(day, "nearest"),
        (
            "de: kommenden Freitag = 2013-02-15",
            "de: diesen Freitag = 2013-02-15",
            "en: this friday = 2013-02-15",
            "en: the coming friday = 2013-02-15",
        ),
    ),
    Rule(
        "weekday.after-next",
        "DATE",
        "AFTERNEXT WD",
        lambda _next, day: Weekday(day, "after_next"),
        ("de: übernächsten freitag = 2013-02-22",),
    ),
    Rule("weekday.gone", "PASTW", "GONE WD", b.gone, (), ("de: letzter Montag im März", "en: last monday of march")),
    Rule("period.gone", "PASTW", "GONE UNIT", b.gone),
    Rule("period.gone-month", "PASTW", "GONE MONTH", b.gone),
    Rule("part.gone", "PASTW", "GONE PARTN", b.gone),
    Rule("weekend.gone", "PASTW", "GONE WEEKEND", b.gone),
    Rule("holiday.gone", "PASTW", "GONE HOLIDAY", b.gone),
    Rule("habit.weekday", "HABITW", "EVERY ORD? WD", b.usual),
    Rule("habit.unit", "HABITW", "EVERY ORD? UNIT", b.usual),
    Rule("habit.spans", "HABITW", "EVERY SPAN", b.usual),
    Rule("habit.part", "HABITW", "EVERY PARTN", b.usual),
    Rule("habit.weekend", "HABITW", "EVERY WEEKEND", b.usual),
    Rule("habit.month", "HABITW", "EVERY MONTH", b.usual),
    Rule("habit.with-weekday", "HABITW", "HABITW WD", b.usual),
)

HOLIDAYS = (
    Rule(
        "holiday",
        "DATE",
        "HOLIDAY OF? YEARS?",
        lambda key, _of, year: b.holiday(key, year),
        (
            "de: Heiligabend = 2013-12-24",
            "de: Rosenmontag 2014 = 2014-03-03",
            "en: christmas = 2013-12-25",
            "en: Halloween 2013 = 2013-10-31",
        ),
    ),
    Rule(
        "holiday.next",
        "DATE",
        "NEXT|UPCOMING|THIS|ON|THE HOLIDAY",
        lambda _next, key: b.holiday(key),
        ("de: an Weihnachten = 2013-12-25", "en: next christmas = 2013-12-25"),
    ),
    Rule(
        "beside.after",
        "DATE",
        "SPAN AFTER THE? DATE",
        lambda length, _after, _the, date: b.after(length, date),
        (
            "de: ein jahr nach weihnachten = 2013-12-25",
            "de: zwei Wochen nach Ostern = 2013-04-14",
            "en: one year After christmas = 2013-12-25",
            "en: 3 days after easter = 2013-04-03",
        ),
    ),
    Rule(
        "beside.day",
        "DATE",
        "ON|THE DAYUNIT AFTER|BEFORE THE? DATE",
        lambda _the, _day, side, _the2, date: b.next_day(date, 1 if side == "AFTER" else -1),
        ("de: am Tag nach Weihnachten = 2013-12-26", "en: the day before christmas = 2013-12-24"),
        ("en: the day after tomorrow",),
    ),
    Rule(
        "beside.before",
        "DATE",
        "SPAN BEFORE THE? DATE",
        lambda length, _before, _the, date: b.before(length, date),
        ("de: eine Woche vor Weihnachten = 2013-12-18", "en: two days before christmas = 2013-12-23"),
    ),
    Rule(
        "beside.after-weekday",
        "DATE",
        "SPAN AFTER|FROM NEXT? WD",
        lambda length, _from, _next, day: b.after(length, day),
        ("en: a week from friday = 2013-02-22", "en: two weeks from thursday = 2013-02-28"),
    ),
    Rule(
        "after.day",
        "DATE",
        "AFTER THE? DATE",
        lambda _after, _the, date: b.day_after(date),
        ("de: nach Ostern = 2013-04-02", "en: after christmas = 2013-12-27", "de: nach dem 15. März = 2013-03-16"),
        weight=-1,
    ),
    Rule(
        "after.ordinal",
        "DATE",
        "AFTER THE ORDDIGIT",
        lambda _after, _the, day: values.DayAfter(DayOfMonth(day)) if b.day_of_month(day) else None,
        ("de: nach dem 15. = 2013-02-16", "en: after the 15th = 2013-02-16"),
    ),
)

RANGES = (
    Rule(
        "range.dates",
        "DATE",
        "FROM? DATE TO DATE",
        lambda _from, first, _to, last: b.a_range(first, last) if _can_begin(first) else None,
        ("de: vom 3. März bis 10. März = 2013-03-03", "en: from march 3rd to march 10th = 2013-03-03"),
    ),
    Rule(
        "range.weekdays",
        "DATE",
        "FROM? WD TO WD",
        lambda _from, first, _to, last: b.a_range(first, last),
        ("de: Montag bis Mittwoch = 2013-02-18", "en: from thursday to friday = 2013-02-14"),
    ),
    Rule(
        "range.numbers-of-month",
        "DATE",
        "FROM? NUM TO NUM OF? MONTH YEAR?",
        lambda _from, first, _to, last, _of, month, year: b.days_of_month(first, last, month, year),
        ("en: 13-15 Feb = 2013-02-13", "de: 3-5 März 2014 = 2014-03-03"),
        weight=1,
    ),
    Rule(
        "range.between-days",
        "DATE",
        "BETWEEN THE? ORD AND THE? DATE",
        lambda _between, _the, first, _and, _the2, last: b.days_before(first, last),
        ("de: zwischen dem 3. und 5. März = 2013-03-03", "en: between the 3rd and the 5th of march = 2013-03-03"),
        weight=1,
    ),
    Rule(
        "range.between-dates",
        "DATE",
        "BETWEEN DATE AND DATE",
        lambda _between, first, _and, last: b.a_range(first, last) if _can_begin(first) else None,
        ("de: zwischen 3. März und 5. April = 2013-03-03", "en: between july 13 and july 15 = 2013-07-13"),
        weight=1,
    ),
    Rule(
        "range.month-numbers",
        "DATE",
        "MONTH NUM TO NUM YEAR?",
        lambda month, first, _to, last, year: b.month_days(month, first, last, year),
        ("en: Feb 13-15 = 2013-02-13",),
        weight=1,
    ),
    Rule(
        "range.number-and-date",
        "DATE",
        "FROM? THE? ORD TO THE? DATE",
        lambda _from, _the, first, _to, _on, last: b.days_before(first, last),
        (
            "de: 3. bis 5. März = 2013-03-03",
            "de: vom 3. bis zum 5.3. = 2013-03-03",
            "en: 10th to 12th of February 2014 = 2014-02-10",
            "en: from the 3rd to the 5th of march = 2013-03-03",
        ),
        weight=1,
    ),
    Rule(
        "either.dates",
        "DATE",
        "DATE OR ON? DATE",
        lambda first, _or, _on, second: b.either(first, second),
        ("de: morgen oder übermorgen = 2013-02-13", "en: today or tomorrow = 2013-02-12"),
    ),
    Rule(
        "either.weekdays",
        "DATE",
        "WD OR ON? WD",
        lambda first, _or, _on, second: b.either(first, second),
        ("de: Montag oder Dienstag = 2013-02-18", "en: monday or tuesday = 2013-02-18"),
    ),
    Rule(
        "since.date",
        "DATE",
        "SINCE THE? DATE",
        lambda _since, _the, date: date,
        ("de: ab dem 3. März = 2013-03-03", "en: from march 3rd = 2013-03-03"),
        weight=-1,
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

CLOCKS = (
    Rule(
        "offset.in-hours",
        "EXACT",
        "IN SPANH",
        lambda _in, length: Exact(length),
        ("en: in 1h30 = 2013-02-12T06:00", "de: in 1h30 = 2013-02-12T06:00"),
    ),
    Rule("period.year", "DATE", "OF YEAR", lambda _in, year: values.Year(year), ("en: in 2014 = 2014-01-01",)),
    Rule(
        "clock.at",
        "CLOCK",
        "AT HOUR",
        lambda _at, hour: hour,
        ("de: um 2 = 2013-02-12T14:00", "en: at 5 = 2013-02-12T05:00"),
        ("de: um 3 Kilo abgenommen", "en: at 3 machines"),
        fragile=True,
    ),
    Rule("clock.hour", "HOUR", "NUM", b.bare_hour),
    Rule(
        "clock.at-compact",
        "CLOCK",
        "AT HHMM",
        lambda _at, hour: hour,
        ("en: at 1030 = 2013-02-12T10:30",),
        fragile=True,
    ),
    Rule("clock.compact", "HHMM", "NUM", b.compact),
    Rule(
        "clock.written",
        "CLOCK",
        "CLOCKT",
        lambda clock: clock,
        ("de: 15:15 = 2013-02-12T15:15", "en: 3:30 = 2013-02-12T15:30"),
    ),
    Rule(
        "clock.midnight",
        "CLOCK",
        "MIDNIGHT",
        lambda _w: b.clock(24, grain=Grain.HOUR, both=False),
        ("de: um Mitternacht = 2013-02-13T00:00", "en: midnight = 2013-02-13T00:00"),
    ),
    Rule(
        "clock.between",
        "CLOCK",
        "FROM|BETWEEN HOUR TO|AND CLOCK",
        lambda _from, first, _to, last: b.first_clock(first, last),
        (
            "de: von 9 bis 11 Uhr = 2013-02-12T09:00",
            "de: zwischen 14 und 16 Uhr = 2013-02-12T14:00",
            "en: between 9 and 11am = 2013-02-12T09:00",
            "en: from 3 to 5pm = 2013-02-12T15:00",
        ),
        weight=1,
    ),
    Rule(
        "clock.between-clocks",
        "CLOCK",
        "FROM|BETWEEN CLOCK TO|AND CLOCK",
        lambda _from, first, _to, last: b.first_clock(first, last),
        ("de: zwischen 9:30 und 11:00 = 2013-02-12T09:30", "en: between 9:30 and 11:00 = 2013-02-12T09:30"),
        weight=1,
    ),
    Rule(
        "clock.between-hours",
        "CLOCK",
        "FROM|BETWEEN HOUR TO|AND HOUR",
        lambda _from, first, _to, last: b.first_clock(first, last),
        ("de: samstag von 9 bis 11 = 2013-02-16T09:00", "en: saturday from 9 to 11 = 2013-02-16T09:00"),
        ("de: von 1 bis 10 eine 8",),
        weak=True,
    ),
    Rule(
        "clock.range",
        "CLOCK",
        "CLOCK TO CLOCK",
        lambda first, _to, last: b.first_clock(first, last),
        ("de: 9:30 bis 11:00 = 2013-02-12T09:30", "en: 9:30 - 11:00 = 2013-02-12T09:30"),
        weight=1,
    ),
    Rule(
        "clock.either",
        "CLOCK",
        "CLOCK OR CLOCK",
        lambda first, _or, second: b.either_clock(first, second),
        ("de: 9 Uhr oder 10 Uhr = 2013-02-12T09:00", "en: 9am or 10am = 2013-02-12T09:00"),
    ),
    Rule(
        "clock.hour-or-clock",
        "CLOCK",
        "AT HOUR OR AT? CLOCK",
        lambda _at, first, _or, _at2, second: b.either_clock(first, second),
        ("de: um 9 oder 10 Uhr = 2013-02-12T09:00",),
        weight=1,
    ),
    Rule(
        "clock.hour-or-hour",
        "CLOCK",
        "AT HOUR OR AT? HOUR",
        lambda _at, first, _or, _at2, second: b.either_clock(first, second),
        ("de: um 9 oder 10 = 2013-02-12T09:00", "en: at 9 or 10 = 2013-02-12T09:00"),
        weight=1,
        fragile=True,
    ),
    Rule(
        "zone.word",
        "ZONE",
        "ZONEW",
        lambda zone: zone,
        ("de: donnerstag 8:00 GMT = 2013-02-14T06:00", "en: Thu at 8 gmt = 2013-02-14T06:00"),
    ),
    Rule("zone.brackets", "ZONE", "( ZONEW )", lambda zone: zone, ("en: Thursday 9 am (BST) = 2013-02-14T06:00",)),
    Rule(
        "zone.with-time",
        "WHEN",
        "CLOCK ZONE",
        lambda clock, zone: Slots(clock=clock, zone=zone),
        ("en: tomorrow 9am CET = 2013-02-13T06:00",),
    ),
    Rule(
        "now",
        "WHEN",
        "NOW",
        lambda _w: Slots(now="now"),
        ("de: jetzt = 2013-02-12T04:30", "en: now = 2013-02-12T04:30"),
    ),
)

COMMON = (*NUMBERS, *LENGTHS, *DAYS, *PERIODS, *COUNTED, *WEEKDAYS, *HOLIDAYS, *RANGES, *OFFSETS, *CLOCKS)
