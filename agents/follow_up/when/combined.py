"""Days that other days make: beside one, on a weekday of one, between two, after one."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal

from agents.follow_up.when import calendars
from agents.follow_up.when.types import Grain
from agents.follow_up.when.values import Dated, Hit, Holiday, Span, Weekend, grain_end, midnight, recurs

_LOOK_AHEAD = timedelta(days=731)
Where = Literal["start", "middle", "end"]


@dataclass(frozen=True, slots=True)
class Beside:
    """So long after (or before) a day: of a yearly day, the next such result that is still to come."""

    length: Span
    anchor: Dated
    sign: int = 1

    def hits(self, now: datetime) -> Iterator[Hit]:
        grain = Grain.DAY
        early = midnight(self.length.days_after(now.date(), -self.sign)) if recurs(self.anchor) else now
        results = [
            midnight(self.length.days_after(hit.start.date(), self.sign)) for hit in islice(self.anchor.hits(early), 6)
        ]
        ahead = [x for x in results if grain_end(x, grain) > now]
        plain = next(self.anchor.hits(now), None)
        other = () if plain is None else (midnight(self.length.days_after(plain.start.date(), self.sign)),)
        for start in ahead:
            yield Hit(start, grain, tuple(x for x in other if x != start))
            other = ()


@dataclass(frozen=True, slots=True)
class OnWeekday:
    """A date that must be that weekday; a year or month further on if the nearest is not."""

    inner: Dated
    day: int

    def hits(self, now: datetime) -> Iterator[Hit]:
        others: tuple[datetime, ...] = ()
        for hit in islice(self.inner.hits(now), 36):
            if hit.grain != Grain.DAY:
                return
            if hit.start - now > _LOOK_AHEAD and others:
                return
            if hit.start.weekday() == self.day:
                yield Hit(hit.start, hit.grain, others)
                others = ()
            else:
                others = others or (hit.start,)


@dataclass(frozen=True, slots=True)
class Edge:
    """Start, middle or end of a week, month, quarter or year: the day or month a person would look there."""

    where: Where
    scope: Dated

    def hits(self, now: datetime) -> Iterator[Hit]:
        for hit in islice(self.scope.hits(now), 2):
            found = self._in(hit)
            if found is not None and grain_end(found.start, found.grain) > now:
                yield found

    def _in(self, hit: Hit) -> Hit | None:
        day = hit.start.date()
        if hit.grain == Grain.WEEK:
            return Hit(midnight(day + timedelta(days={"start": 0, "middle": 2, "end": 4}[self.where])), Grain.DAY)
        if hit.grain == Grain.MONTH:
            return Hit(midnight(day.replace(day={"start": 1, "middle": 15, "end": 25}[self.where])), Grain.DAY)
        months = {Grain.QUARTER: (0, 1, 2), Grain.YEAR: (0, 5, 11)}.get(hit.grain)
        if months is None:
            return None
        shift = months[("start", "middle", "end").index(self.where)]
        return Hit(midnight(calendars.plus_months(day, shift)), Grain.MONTH)


@dataclass(frozen=True, slots=True)
class Range:
    """From one day to another: it begins when its first day does."""

    first: Dated
    last: Dated

    def hits(self, now: datetime) -> Iterator[Hit]:
        return self.first.hits(now)


@dataclass(frozen=True, slots=True)
class Either:
    """One of two days."""

    first: Dated
    second: Dated

    def hits(self, now: datetime) -> Iterator[Hit]:
        others = tuple(hit.start for hit in islice(self.second.hits(now), 1))
        for hit in islice(self.first.hits(now), 1):
            yield Hit(hit.start, hit.grain, (*hit.others, *others))


@dataclass(frozen=True, slots=True)
class DayAfter:
    """The day after a day or period ("after Easter", "nach dem 15.")."""

    anchor: Dated

    def hits(self, now: datetime) -> Iterator[Hit]:
        for hit in islice(self.anchor.hits(now), 9):
            yield Hit(_free_again(self.anchor, hit), Grain.DAY)


# Holidays that last two days where people take them.
_TWO_DAYS = frozenset({"christmas", "easter", "pentecost"})


def _free_again(anchor: Dated, hit: Hit) -> datetime:
    two = isinstance(anchor, Holiday) and anchor.key in _TWO_DAYS
    return hit.start + timedelta(days=2) if two else grain_end(hit.start, hit.grain)


def after_all(date: Dated, now: datetime) -> datetime | None:
    """Return the start of the first day after a day, range, period or the days of a holiday."""
    if isinstance(date, Range):
        first = next(date.first.hits(now), None)
        return None if first is None else after_all(date.last, first.start)
    if isinstance(date, Edge) and date.where == "end":
        return after_all(date.scope, now)
    hit = next(date.hits(now), None)
    if hit is None:
        return None
    if isinstance(date, DayAfter):
        return hit.start
    return hit.start + timedelta(days=2) if isinstance(date, Weekend) else _free_again(date, hit)
