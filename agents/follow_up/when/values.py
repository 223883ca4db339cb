"""The typed parts a text is made of, and what each means on the calendar.

Everything here is in naive local time; the zone comes in at the end (`anchoring`).
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fractions import Fraction
from itertools import islice
from typing import Literal, Protocol, runtime_checkable

from agents.follow_up.when import calendars
from agents.follow_up.when.types import Grain

_FINER = {
    Grain.SECOND: Grain.SECOND,
    Grain.MINUTE: Grain.SECOND,
    Grain.HOUR: Grain.MINUTE,
    Grain.DAY: Grain.HOUR,
    Grain.WEEK: Grain.DAY,
    Grain.MONTH: Grain.DAY,
    Grain.QUARTER: Grain.MONTH,
    Grain.YEAR: Grain.MONTH,
}
_SPLIT = {
    Grain.MINUTE: (Grain.SECOND, 60),
    Grain.HOUR: (Grain.MINUTE, 60),
    Grain.DAY: (Grain.HOUR, 24),
    Grain.YEAR: (Grain.MONTH, 12),
}
_SECONDS = {Grain.SECOND: 1, Grain.MINUTE: 60, Grain.HOUR: 3600}
_ORDER = list(Grain)
_MOST = 5000
_YEARS = 30


@dataclass(frozen=True, slots=True)
class Num:
    """A number as written: `digits` is how many digits it has, 0 for a word."""

    value: Fraction
    digits: int = 0
    zero: bool = False  # written with a leading zero
    article: bool = False  # "ein", "a": a number only before a unit


@dataclass(frozen=True, slots=True)
class Hit:
    """One day or period a date part can mean."""

    start: datetime
    grain: Grain
    others: tuple[datetime, ...] = ()


@runtime_checkable
class Dated(Hashable, Protocol):
    """A date part: the days or periods it can mean from `now` on, nearest first."""

    def hits(self, now: datetime) -> Iterator[Hit]: ...


def midnight(day: date) -> datetime:
    """Return the start of the day."""
    return datetime.combine(day, time())


def grain_end(start: datetime, grain: Grain) -> datetime:
    """Return when a day or period that begins there is over."""
    if grain in {Grain.SECOND, Grain.MINUTE, Grain.HOUR, Grain.PART}:
        return start
    return midnight(calendars.step(start.date(), grain, 1))


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: whole counts of units, coarse units first."""

    parts: tuple[tuple[int, Grain], ...]

    @property
    def finest(self) -> Grain:
        return min((grain for _, grain in self.parts), key=_ORDER.index)

    @property
    def grain(self) -> Grain:
        """One unit finer than the finest named."""
        return _FINER[self.finest]

    @property
    def in_days(self) -> bool:
        return _ORDER.index(self.finest) >= _ORDER.index(Grain.DAY)

    def days_after(self, day: date, sign: int = 1) -> date:
        for count, grain in self.parts:
            day = calendars.step(day, grain, sign * count)
        return day

    def seconds(self) -> int:
        return sum(count * _SECONDS[grain] for count, grain in self.parts if grain in _SECONDS)

    def coarse(self) -> "Span":
        return Span(tuple(part for part in self.parts if part[1] not in _SECONDS))


def span(amount: Fraction, grain: Grain) -> Span | None:
    """Return a length; fractions fall to a finer unit, and what has none (half a month) is no length."""
    while amount.denominator != 1:
        if grain not in _SPLIT:
            return None
        finer, factor = _SPLIT[grain]
        whole, rest = divmod(amount, 1)
        if grain == Grain.DAY and whole:
            more = span(rest * factor, finer)
            return more and Span(((int(whole), grain), *more.parts))
        amount, grain = amount * factor, finer
    return Span(((int(amount), grain),)) if 0 <= amount <= _MOST * 1000 else None


@dataclass(frozen=True, slots=True)
class Today:
    """Today, or a day counted from it. A `loose` one slides on when its time is over ("this morning at 3")."""

    days: int = 0
    loose: bool = False

    def hits(self, now: datetime) -> Iterator[Hit]:
        for days in (self.days, self.days + 1) if self.loose else (self.days,):
            yield Hit(midnight(now.date() + timedelta(days=days)), Grain.DAY)


Mode = Literal["plain", "nearest", "next_near", "next_week", "after_next"]


@dataclass(frozen=True, slots=True)
class Weekday:
    """A weekday, after today. `next_near` and `next_week` are the two readings of "next"."""

    day: int
    mode: Mode = "plain"

    def hits(self, now: datetime) -> Iterator[Hit]:
        today = now.date()
        near = calendars.on_or_after(today + timedelta(days=1), self.day)
        of_next = calendars.start_of(today, Grain.WEEK) + timedelta(days=7 + self.day)
        first, other = {
            "plain": (near, today if today.weekday() == self.day else None),
            "nearest": (near, None),
            "next_near": (near, of_next),
            "next_week": (of_next, near),
            "after_next": (near + timedelta(days=7), of_next + timedelta(days=7)),
        }[self.mode]
        yield Hit(midnight(first), Grain.DAY, (midnight(other),) if other not in {None, first} and other else ())
        if self.mode == "plain":
            for weeks in range(1, 60):
                yield Hit(midnight(near + timedelta(days=7 * weeks)), Grain.DAY)


@dataclass(frozen=True, slots=True)
class WeekdayOfWeek:
    """A weekday of the week `weeks` on."""

    day: int
    weeks: int

    def hits(self, now: datetime) -> Iterator[Hit]:
        monday = calendars.start_of(now.date(), Grain.WEEK)
        yield Hit(midnight(monday + timedelta(days=7 * self.weeks + self.day)), Grain.DAY)


@dataclass(frozen=True, slots=True)
class NthFromNow:
    """The count-th such weekday from now on."""

    day: int
    count: int

    def hits(self, now: datetime) -> Iterator[Hit]:
        near = calendars.on_or_after(now.date() + timedelta(days=1), self.day)
        yield Hit(midnight(near + timedelta(days=7 * (self.count - 1))), Grain.DAY)


@dataclass(frozen=True, slots=True)
class MonthDay:
    """A day of a month, next occurrence unless it names a year."""

    month: int
    day: int
    year: int | None = None

    def hits(self, now: datetime) -> Iterator[Hit]:
        if self.year is not None:
            if self.day <= calendars.days_in(self.year, self.month):
                yield Hit(datetime(self.year, self.month, self.day), Grain.DAY)  # noqa: DTZ001 - local on purpose
            return
        for year in range(now.year, now.year + 9):
            if self.day <= calendars.days_in(year, self.month):
                day = date(year, self.month, self.day)
                if day >= now.date():
                    yield Hit(midnight(day), Grain.DAY)


@dataclass(frozen=True, slots=True)
class EitherDate:
    """A numeric date that can be read both ways."""

    first: MonthDay
    second: MonthDay

    def hits(self, now: datetime) -> Iterator[Hit]:
        others = tuple(hit.start for hit in islice(self.second.hits(now), 1))
        for hit in self.first.hits(now):
            yield Hit(hit.start, hit.grain, others)
            others = ()


@dataclass(frozen=True, slots=True)
class DayOfMonth:
    """The 15th: of this month or the next that still has it to come, or of the month `months` on."""

    day: int
    months: int | None = None

    def hits(self, now: datetime) -> Iterator[Hit]:
        first = now.date().replace(day=1)
        for months in range(36) if self.months is None else (self.months,):
            month = calendars.plus_months(first, months)
            if self.day <= calendars.days_in(month.year, month.month):
                day = month.replace(day=self.day)
                if day >= now.date():
                    yield Hit(midnight(day), Grain.DAY)


@dataclass(frozen=True, slots=True)
class Month:
    """A month, this year's while it lasts; `skip` counts further ones ("march after next")."""

    month: int
    year: int | None = None
    skip: int = 0

    def hits(self, now: datetime) -> Iterator[Hit]:
        if self.year is not None:
            yield Hit(datetime(self.year, self.month, 1), Grain.MONTH)  # noqa: DTZ001 - local on purpose
            return
        first = now.year + (self.month < now.month) + self.skip
        for year in range(first, first + _YEARS):
            yield Hit(datetime(year, self.month, 1), Grain.MONTH)  # noqa: DTZ001 - local on purpose


@dataclass(frozen=True, slots=True)
class Year:
    year: int

    def hits(self, now: datetime) -> Iterator[Hit]:
        del now
        yield Hit(datetime(self.year, 1, 1), Grain.YEAR)  # noqa: DTZ001 - local on purpose


@dataclass(frozen=True, slots=True)
class Quarter:
    """The n-th quarter of a year, or of the next it is still to come in."""

    number: int
    year: int | None = None

    def hits(self, now: datetime) -> Iterator[Hit]:
        for year in range(now.year, now.year + 3) if self.year is None else (self.year,):
            start = midnight(date(year, self.number * 3 - 2, 1))
            if self.year is not None or grain_end(start, Grain.QUARTER) > now:
                yield Hit(start, Grain.QUARTER)


@dataclass(frozen=True, slots=True)
class IsoWeek:
    """A numbered calendar week (ISO 8601)."""

    number: int
    year: int | None = None

    def hits(self, now: datetime) -> Iterator[Hit]:
        for year in range(now.year, now.year + 3) if self.year is None else (self.year,):
            try:
                start = midnight(date.fromisocalendar(year, self.number, 1))
            except ValueError:
                continue
            if self.year is not None or grain_end(start, Grain.WEEK) > now:
                yield Hit(start, Grain.WEEK)


@dataclass(frozen=True, slots=True)
class Period:
    """The present, the next or the n-th week, month, quarter or year from now."""

    grain: Grain
    count: int
    loose: bool = False  # "of the month": when it is over for what is asked, the next one

    def hits(self, now: datetime) -> Iterator[Hit]:
        start = calendars.start_of(now.date(), self.grain)
        for count in (self.count, self.count + 1) if self.loose else (self.count,):
            yield Hit(midnight(calendars.step(start, self.grain, count)), self.grain)


@dataclass(frozen=True, slots=True)
class Weekend:
    """A weekend, as its Saturday; on one, the plain weekend is the one that runs."""

    weeks: int = 0
    other: int | None = None

    def hits(self, now: datetime) -> Iterator[Hit]:
        saturday = calendars.start_of(now.date(), Grain.WEEK) + timedelta(days=5)
        days = timedelta(days=7)
        others = () if self.other is None else (midnight(saturday + days * self.other),)
        yield Hit(midnight(saturday + days * self.weeks), Grain.DAY, others)


@dataclass(frozen=True, slots=True)
class Holiday:
    key: str
    year: int | None = None
    days: int = 0

    def hits(self, now: datetime) -> Iterator[Hit]:
        finder = calendars.HOLIDAYS[self.key]
        for year in range(now.year - 1, now.year + 9) if self.year is None else (self.year,):
            day = finder(year) + timedelta(days=self.days)
            if self.year is not None or day >= now.date():
                yield Hit(midnight(day), Grain.DAY)


@dataclass(frozen=True, slots=True)
class Nth:
    """The n-th weekday (0 … 6), day, week or month of a period; -1 is the last, -2 the last but one."""

    count: int
    what: int | Grain
    scope: Dated

    def hits(self, now: datetime) -> Iterator[Hit]:
        for period in islice(self.scope.hits(now), _YEARS):
            if period.grain not in {Grain.WEEK, *calendars.MONTHS_OF}:
                return
            day = self._in(period)
            grain = self.what if isinstance(self.what, Grain) else Grain.DAY
            if day is not None and grain_end(midnight(day), grain) > now:
                yield Hit(midnight(day), grain)

    def _in(self, period: Hit) -> date | None:
        first, end = period.start.date(), grain_end(period.start, period.grain).date()
        last = end - timedelta(days=1)
        if isinstance(self.what, Grain):
            back = calendars.step(calendars.start_of(last, self.what), self.what, self.count + 1)
            day = back if self.count < 0 else calendars.step(self._first(first), self.what, self.count - 1)
        elif self.count < 0:
            day = last - timedelta(days=(last.weekday() - self.what) % 7 + 7 * (-1 - self.count))
        else:
            day = calendars.on_or_after(first, self.what) + timedelta(days=7 * (self.count - 1))
        return day if first <= day < end else None

    def _first(self, first: date) -> date:
        return calendars.on_or_after(first, 0) if self.what == Grain.WEEK else first


def recurs(anchor: Dated) -> bool:
    """Say whether the part comes again every year by itself."""
    return isinstance(anchor, MonthDay | Holiday) and anchor.year is None


@dataclass(frozen=True, slots=True)
class NthAround:
    """The n-th weekday after (or, negative, before) a day."""

    count: int
    day: int
    anchor: Dated

    def hits(self, now: datetime) -> Iterator[Hit]:
        early = now - timedelta(days=7 * max(self.count, 0) + 7)
        for hit in islice(self.anchor.hits(early if recurs(self.anchor) else now), 12):
            base = hit.start.date()
            if self.count > 0:
                found = calendars.on_or_after(base + timedelta(days=1), self.day) + timedelta(days=7 * (self.count - 1))
            else:
                found = base - timedelta(days=(base.weekday() - self.day - 1) % 7 + 1 + 7 * (-self.count - 1))
            if found >= now.date():
                yield Hit(midnight(found), Grain.DAY)


@dataclass(frozen=True, slots=True)
class Closest:
    """The weekday nearest to a date, or the second nearest and so on."""

    day: int
    anchor: Dated
    rank: int = 1

    def hits(self, now: datetime) -> Iterator[Hit]:
        for hit in islice(self.anchor.hits(now), 2):
            date = hit.start.date()
            first = calendars.on_or_after(date - timedelta(days=7 * self.rank), self.day)
            days = [first + timedelta(days=7 * weeks) for weeks in range(2 * self.rank + 1)]
            found = sorted(days, key=lambda day: abs(day - date))[self.rank - 1]
            if found >= now.date():
                yield Hit(midnight(found), Grain.DAY)
