"""Days, weekdays and holidays, in both languages."""

from agents.follow_up.when import builders as b
from agents.follow_up.when import combined, values
from agents.follow_up.when.daytimes import Slots
from agents.follow_up.when.grammar import Rule
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import DayOfMonth, Weekday


def named_holiday(lang: str, key: str, shape: str, example: str) -> Rule:
    """Return the rule of a holiday that is called by more than one word."""
    name = example.partition(" = ")[0].lower().replace(" ", "-")
    return Rule(f"{lang}.holiday.{name}", "HOLIDAY", shape, lambda: key, (example,))


def is_week(scope: values.Dated) -> bool:
    """Say whether a scope is a week."""
    return isinstance(scope, values.Period) and scope.grain == Grain.WEEK


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

WEEKDAYS = (
    Rule(
        "weekday.week-first",
        "WHEN",
        "SCOPE ,? ON? WD",
        lambda scope, _on, day: Slots(wday=day, date=scope) if is_week(scope) else None,
        ("de: nächste Woche Dienstag = 2013-02-19", "en: next week on tuesday = 2013-02-19"),
    ),
    Rule(
        "weekday.week-last",
        "WHEN",
        "WD SCOPE",
        lambda day, scope: Slots(wday=day, date=scope) if is_week(scope) else None,
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
        lambda _after, _the, day: combined.DayAfter(DayOfMonth(day)) if b.day_of_month(day) else None,
        ("de: nach dem 15. = 2013-02-16", "en: after the 15th = 2013-02-16"),
    ),
)
