"""Spans of days on a tenant's clock, and how they fall into days, weeks (ISO 8601) and months."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from kernel import clock
from kernel.errors import Invalid

LONGEST = 1_100  # days of one report: three years
USUAL = 30
YEARS = (1970, 2999)  # of every report; reckoning in days and months before and after stays within what a date holds
_DAY = timedelta(days=1)
_DECEMBER = 12


class By(StrEnum):
    """How long one row of a series is."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Span:
    """Days, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """Return how many days these are."""
        return (self.last - self.first).days + 1


def check(first: date | None, last: date | None) -> None:
    """Raise Invalid for a day that no report can name, which is one outside of `YEARS`."""
    for field, day in (("from", first), ("to", last)):
        if day is not None and not YEARS[0] <= day.year <= YEARS[1]:
            raise Invalid(field, f"is outside of the years {YEARS[0]} to {YEARS[1]}")


def span(first: date | None, last: date | None, zone: str) -> Span:
    """Return the days from `first` to `last`, by default the 30 that end today in `zone`.

    Raises Invalid where the end lies before the beginning, outside of `YEARS`, or where they are more than 1,100 days.
    """
    check(first, last)
    end = last or max(clock.now().astimezone(ZoneInfo(zone)).date(), first or date.min)
    begin = first or end - timedelta(days=USUAL - 1)
    if end < begin:
        raise Invalid("to", "lies before `from`; swap them")
    if (end - begin).days >= LONGEST:
        raise Invalid("from", f"a report has at most {LONGEST} days; choose a later one")
    return Span(begin, end)


def start_of(day: date, by: By) -> date:
    """Return the first day of the day, week or month that a day belongs to."""
    if by is By.WEEK:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if by is By.MONTH else day


def parts(whole: Span, by: By) -> Iterator[Span]:
    """Return the days, weeks or months of a span; the first and the last one end where the span does."""
    begin = whole.first
    while begin <= whole.last:
        end = min(_after(start_of(begin, by), by) - _DAY, whole.last)
        yield Span(begin, end)
        begin = end + _DAY


def _after(start: date, by: By) -> date:
    if by is By.MONTH:
        years, month = divmod(start.month, _DECEMBER)
        return date(start.year + years, month + 1, 1)
    return start + (timedelta(days=7) if by is By.WEEK else _DAY)
