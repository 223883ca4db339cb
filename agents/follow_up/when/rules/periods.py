"""Weeks, months, quarters and ranges, in both languages."""

from dataclasses import replace

from agents.follow_up.when import builders as b
from agents.follow_up.when import combined, values
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.types import Grain


def _period(grain: Grain, count: int) -> values.Period | None:
    return values.Period(grain, count) if grain in {Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR} else None


def _quarter(number: int | None, year: int | None = None) -> values.Quarter | None:
    return values.Quarter(number, year) if number in {1, 2, 3, 4} and number else None


def _plain_scope(scope: values.Dated) -> values.Dated | None:
    """Return what is a date by itself; a bare year or month name needs a rule of its own."""
    return None if isinstance(scope, values.Year | values.Month) else scope


def _can_begin(date: values.Dated) -> bool:
    return not isinstance(date, combined.Range | combined.Either)


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
