"""What the rules build from the parts they match. Each returns None where the parts do not fit."""

from dataclasses import replace
from fractions import Fraction

from agents.follow_up.when import combined, values
from agents.follow_up.when.calendars import days_in
from agents.follow_up.when.combined import Beside, DayAfter, Either, Range
from agents.follow_up.when.daytimes import Clock, Exact, Part, Slots
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import (
    Dated,
    DayOfMonth,
    Holiday,
    Month,
    MonthDay,
    Nth,
    Num,
    Period,
    Span,
    Today,
    Weekday,
    span,
)

_HOURS = 24
_HALF_DAY = 12
_CENTURIES = {19, 20}  # "twenty fifteen" is a year
_FIRST_AWAKE = 7  # a stretch of hours that names no half of the day begins in the waking one
_SIXTY = 60
_LONGEST_MONTH = 31
_LEAP = 2012
_FIRST_YEAR, _LAST_YEAR = 1900, 2100
_CENTURY_ENDS = 70
_MOST_OCCURRENCES = 60
_TWO_DIGITS, _THREE_DIGITS, _FOUR_DIGITS = 2, 3, 4


def whole(number: Num) -> int | None:
    """Return the number where it is a whole one."""
    return int(number.value) if number.value.denominator == 1 and not number.article else None


# -- numbers ----------------------------------------------------------------------------------------------------


def add_numbers(left: int, right: int) -> Num:
    return Num(Fraction(left + right))


def small(value: int) -> Num:
    return Num(Fraction(value))


def hundreds(count: Num | int | None, rest: Num | None) -> Num | None:
    times = int(count.value) if isinstance(count, Num) else (count or 1)
    more = 0 if rest is None else whole(rest)
    if more is None or times >= 10 or more >= 100:  # noqa: PLR2004 - up to 999
        return None
    return Num(Fraction(times * 100 + more))


def and_a_half(number: Num) -> Num | None:
    return Num(number.value + Fraction(1, 2)) if number.value.denominator == 1 else None


def and_fraction(number: Num, part: Num) -> Num | None:
    if number.article:
        return part
    return Num(number.value + part.value, 9) if number.value.denominator == 1 and part.value < 1 else None


def year(number: Num) -> int | None:
    value = whole(number)
    return value if number.digits == _FOUR_DIGITS and value and _FIRST_YEAR <= value <= _LAST_YEAR else None


def short_year(number: Num) -> int | None:
    value = whole(number)
    if number.digits != _TWO_DIGITS or value is None:
        return None
    return value + (2000 if value < _CENTURY_ENDS else 1900)


def spoken_year(left: Num, right: Num) -> int | None:
    """Read a year as spoken: "twenty fifteen", "nineteen ninety"."""
    head, tail = whole(left), whole(right)
    if left.digits or right.digits or head not in {19, 20} or tail is None or not 10 <= tail < 100:  # noqa: PLR2004
        return None
    return head * 100 + tail


# -- lengths ----------------------------------------------------------------------------------------------------


def length(number: Num, grain: Grain) -> Span | None:
    return span(number.value, grain)


def fortnights(number: Num | None) -> Span | None:
    return span((number.value if number else Fraction(1)) * 2, Grain.WEEK)


def joined(left: Span, right: Span) -> Span | None:
    """Add a finer length to a coarser one."""
    order = list(Grain)
    if order.index(left.finest) <= max(order.index(grain) for _, grain in right.parts):
        return None
    return Span((*left.parts, *right.parts))


def halved(grain: Grain) -> Span | None:
    return span(Fraction(1, 2), grain)


def and_half(number: Num, grain: Grain) -> Span | None:
    return span(number.value + Fraction(1, 2), grain)


def quarters(number: Num, grain: Grain) -> Span | None:
    return span(number.value / 4, grain)


# -- days -------------------------------------------------------------------------------------------------------


def month_day(month: int, day: int | None, year_: int | None = None) -> MonthDay | None:
    if day is None or not 1 <= day <= days_in(year_ or _LEAP, month):
        return None
    return MonthDay(month, day, year_)


def month_number(month: int, day: Num, year_: int | None = None) -> MonthDay | None:
    return month_day(month, whole(day), year_) if day.digits <= _TWO_DIGITS else None


def number_month(day: Num, month: int, year_: int | None = None) -> MonthDay | None:
    return month_number(month, day, year_)


def ordinal_month(day: int, month: int, year_: int | None = None) -> MonthDay | None:
    return month_day(month, day, year_)


def day_of_month(day: int) -> DayOfMonth | None:
    return DayOfMonth(day) if 1 <= day <= _LONGEST_MONTH else None


def day_of_period(day: int | Num, scope: Dated) -> Dated | None:
    """The 20th of next month, of March 2014."""
    number = whole(day) if isinstance(day, Num) else day
    if number is None or not 1 <= number <= _LONGEST_MONTH:
        return None
    if isinstance(scope, Period) and scope.grain == Grain.MONTH:
        return DayOfMonth(number, None if scope.loose else scope.count)
    return month_day(scope.month, number, scope.year) if isinstance(scope, Month) else None


def weekday_and_day(weekday: int, day: int) -> Slots | None:
    found = day_of_month(day)
    return None if found is None else Slots(wday=weekday, date=found)


def nth(count: int, what: int | Grain, scope: Dated) -> Nth | None:
    if isinstance(what, Grain) and what not in {Grain.DAY, Grain.WEEK, Grain.MONTH}:
        return None
    return Nth(count, what, scope) if count != 0 and is_period(scope) and count <= _MOST_OCCURRENCES else None


def last_of(what: int | Grain, scope: Dated) -> Nth | None:
    return nth(-1, what, scope)


def is_period(date: Dated) -> bool:
    return isinstance(date, Month | Period | values.Year | values.Quarter | values.IsoWeek)


def beside(length_: Span, anchor: Dated | int, sign: int) -> Beside | None:
    date = Weekday(anchor) if isinstance(anchor, int) else anchor
    fits = not isinstance(date, Beside | Range | Either) and not is_period(date)
    return Beside(length_, date, sign) if length_.in_days and fits else None


def next_day(anchor: Dated, sign: int) -> Beside | None:
    """Return the day after or before a date."""
    return None if isinstance(anchor, Today) else beside(Span(((1, Grain.DAY),)), anchor, sign)


def after(length_: Span, anchor: Dated | int) -> Beside | None:
    return beside(length_, anchor, 1)


def before(length_: Span, anchor: Dated | int) -> Beside | None:
    return beside(length_, anchor, -1)


def day_after(anchor: Dated) -> DayAfter | None:
    """After a day or period: the next day."""
    return None if isinstance(anchor, Today | Beside | DayAfter | Range | Either) else DayAfter(anchor)


def a_range(first: Dated | int, last: Dated | int) -> Range | None:
    """From one day to another; "the 3rd to March 5" is for `days_before`."""
    if isinstance(first, DayOfMonth) and isinstance(last, MonthDay):
        return None
    return Range(_dated(first), _dated(last))


def either(first: Dated | int, second: Dated | int) -> Either:
    return Either(_dated(first), _dated(second))


def _dated(part: Dated | int) -> Dated:
    return Weekday(part) if isinstance(part, int) else part


def days_of_month(first: int | Num, last: int | Num, month: int, year_: int | None = None) -> Range | None:
    """Days of one month: "10-12 Feb"."""
    begin, end = (whole(x) if isinstance(x, Num) else x for x in (first, last))
    one, other = month_day(month, begin, year_), month_day(month, end, year_)
    return Range(one, other) if one and other and one.day < other.day else None


def days_before(first: int, last: Dated) -> Range | None:
    """From a day to a date of the same month."""
    return days_of_month(first, Num(Fraction(last.day)), last.month, last.year) if isinstance(last, MonthDay) else None


def month_days(month: int, first: int | Num, last: int | Num, year_: int | None = None) -> Range | None:
    return days_of_month(first, last, month, year_)


def holiday(key: str, year_: int | None = None) -> Holiday:
    return Holiday(key, year_)


def edge(where: combined.Where, scope: Dated) -> combined.Edge | None:
    return combined.Edge(where, scope) if is_period(scope) else None


def upcoming(number: Num, grain: Grain) -> Period | None:
    count = whole(number)
    return None if count is None or count > _MOST_OCCURRENCES else Period(grain, count)


def numeric_date(first: int, second: int, year_: int | None, order: str) -> Dated | None:
    """Read "4/5": `order` is dmy, mdy, or either (month first, the other reading kept)."""
    by_day = month_day(second, first, year_) if second <= _HALF_DAY and second else None
    by_month = month_day(first, second, year_) if first <= _HALF_DAY and first else None
    if order == "dmy":
        return by_day
    if order == "mdy":
        return by_month
    if by_day and by_month and by_day != by_month:
        return values.EitherDate(by_month, by_day)
    return by_month or by_day


# -- clocks -----------------------------------------------------------------------------------------------------


def clock(hour: int, minute: int = 0, second: int = 0, *, grain: Grain, both: bool) -> Clock | None:
    """Return a time of day; one that names no half of the day and can be in either is `both`."""
    if hour == _HOURS and minute == second == 0:
        return Clock(0, grain=grain, midnight=True)
    if not (0 <= hour < _HOURS and 0 <= minute < _SIXTY and 0 <= second < _SIXTY):
        return None
    return Clock(hour, minute, second, both=both and 1 <= hour <= _HALF_DAY, grain=grain)


def bare_hour(number: Num) -> Clock | None:
    """A lone number where an hour is meant."""
    hour = whole(number)
    if hour is None or number.digits > _TWO_DIGITS or not 0 <= hour <= _HOURS:
        return None
    return clock(hour, grain=Grain.HOUR, both=not number.zero)


def hour_minute(hour: Num, minute: Num) -> Clock | None:
    """Hour and minute side by side: "12 15", "three twenty"."""
    first, second = whole(hour), whole(minute)
    if (
        first is None
        or second is None
        or minute.digits == 1
        or hour.digits > _TWO_DIGITS
        or minute.digits > _TWO_DIGITS
    ):
        return None
    if not minute.digits and second < 10:  # noqa: PLR2004 - "three five" is no time
        return None
    return clock(first, second, grain=Grain.MINUTE, both=not hour.zero)


def spoken_hour_minute(hour: Num, minute: Num) -> Clock | None:
    """Hour and minute as words alone: "ten thirty"."""
    if hour.digits or minute.digits or hour.value in _CENTURIES:
        return None
    return hour_minute(hour, minute)


def hour_spoken_minute(hour: Num, minute: Num) -> Clock | None:
    """A number and a minute after the word for the hour ("3 uhr 5")."""
    first, second = whole(hour), whole(minute)
    if first is None or second is None:
        return None
    return clock(first, second, grain=Grain.MINUTE, both=True)


def compact(number: Num) -> Clock | None:
    """Hour and minute in one number: "815", "1030"."""
    value = whole(number)
    if value is None or number.digits not in {_THREE_DIGITS, _FOUR_DIGITS}:
        return None
    return clock(value // 100, value % 100, grain=Grain.MINUTE, both=not number.zero)


def oh_minute(hour: Num, minute: Num) -> Clock | None:
    """A minute below ten as spoken: "twelve oh three"."""
    first, second = whole(hour), whole(minute)
    if first is None or second is None or not 1 <= second < 10 or not 1 <= first <= _HALF_DAY:  # noqa: PLR2004
        return None
    return clock(first, second, grain=Grain.MINUTE, both=True)


def halfday(time: Clock, half: str) -> Clock | None:
    """Apply a.m. or p.m.; a time past noon bears its own."""
    if time.midnight or time.span or time.sure or not time.hour:
        return None
    if time.hour > _HALF_DAY:
        return time if half == "pm" else None
    return replace(time, hour=time.hour % _HALF_DAY + (_HALF_DAY if half == "pm" else 0), both=False, sure=True)


def shifted(minutes: int, time: Clock) -> Clock | None:
    """So many minutes past (or, negative, to) a full hour."""
    if time.minute or not -_SIXTY < minutes < _SIXTY:
        return None
    total = ((_HOURS if time.midnight else time.hour) * _SIXTY + minutes) % (_HOURS * _SIXTY)
    hour, minute = divmod(total, _SIXTY)
    if time.both:
        hour = hour % _HALF_DAY or _HALF_DAY
    return Clock(hour, minute, both=time.both, grain=Grain.MINUTE)


def past(number: Num, time: Clock) -> Clock | None:
    minutes = whole(number)
    return None if minutes is None else shifted(minutes, time)


def to(number: Num, time: Clock) -> Clock | None:
    minutes = whole(number)
    return None if minutes is None else shifted(-minutes, time)


def half_before(time: Clock) -> Clock | None:
    return shifted(-30, time)


def near_half(number: Num, time: Clock, sign: int) -> Clock | None:
    """Minutes from the half hour: "fünf vor halb acht"."""
    minutes = whole(number)
    if minutes is None or not 0 < minutes < 16:  # noqa: PLR2004 - beyond a quarter nobody counts from the half
        return None
    return shifted(-30 + sign * minutes, time)


def either_clock(first: Clock, second: Clock) -> Clock | None:
    if first.midnight or second.midnight or first.other is not None:
        return None
    return replace(first, other=(second.hour, second.minute))


def first_clock(first: Clock, second: Clock) -> Clock | None:
    """A stretch of hours begins with its first."""
    if first.both and second.both:
        late = first.hour < _FIRST_AWAKE
        return replace(first, hour=first.hour + (_HALF_DAY if late else 0), both=False, span=True)
    if first.both and not second.both and not second.midnight:
        late = second.hour >= _HALF_DAY and (first.hour + _HALF_DAY, first.minute) < (second.hour, second.minute)
        first = replace(first, hour=first.hour % _HALF_DAY + (_HALF_DAY if late else 0), both=False, span=True)
    ordered = first.both or second.both or second.midnight
    return first if ordered or (first.hour, first.minute) < (second.hour, second.minute) else None


# -- whole stretches --------------------------------------------------------------------------------------------


def day_and_clock(date: Dated, time: Clock | Num) -> Slots | None:
    found = bare_hour(time) if isinstance(time, Num) else time
    return None if found is None else Slots(date=date, clock=found)


def this_part(part: Part) -> Slots:
    return Slots(date=Today(loose=True), part=replace(part, adverb=False))


def about(near: Num, far: Num, grain: Grain) -> Exact | None:
    """In 2 to 3 weeks."""
    first, second = length(near, grain), length(far, grain)
    if first is None or second is None or near.value >= far.value or near.article:
        return None
    return Exact(first, second)


def gone(*_: object) -> str:
    return "past"


def usual(*_: object) -> str:
    return "habit"
