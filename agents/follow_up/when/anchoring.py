"""From typed parts and a reference to a time."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from itertools import islice
from zoneinfo import ZoneInfo

from agents.follow_up.when.combined import Beside, OnWeekday
from agents.follow_up.when.daytimes import Clock, Exact, Part, Slots, Zone
from agents.follow_up.when.types import Abstention, Grain
from agents.follow_up.when.values import Dated, Hit, Period, Today, Weekday, WeekdayOfWeek, grain_end, midnight

_MINUTE = timedelta(minutes=1)
_HALF_DAY = 12
_NIGHT_ENDS = 6
_AWAKE = range(7, 21)  # hours in which people meet and call
_COARSE = {Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR}
_EXACT_GRAINS = {Grain.SECOND, Grain.MINUTE, Grain.HOUR}


@dataclass(frozen=True, slots=True)
class Answer:
    """A time in the zone of the reference, before it is told to anybody."""

    value: datetime
    grain: Grain
    others: tuple[datetime, ...]


def anchor(slots: Slots, ref: datetime) -> Answer | Abstention:
    """Return what the parts mean at `ref`, or why they mean nothing together."""
    home = ref.tzinfo or UTC
    said = home if slots.zone is None else _zone(slots.zone)
    made = _made(slots, ref.replace(tzinfo=None), Moment(ref, said))
    if isinstance(made, Abstention | Answer):
        return made
    answer = _told(made, said, ref)
    if isinstance(answer, Abstention) or slots.zone is None:
        return answer
    others = tuple(other.astimezone(home) for other in answer.others)
    return replace(answer, value=answer.value.astimezone(home), others=others)


@dataclass(frozen=True, slots=True)
class Moment:
    """The reference, and the zone the text speaks of."""

    ref: datetime
    zone: tzinfo

    def is_before(self, wall: datetime) -> bool:
        return aware(wall, self.zone).astimezone(UTC) > self.ref.astimezone(UTC)


def _zone(zone: Zone) -> tzinfo:
    return ZoneInfo(zone.name) if zone.name else timezone(timedelta(minutes=zone.minutes))


def aware(wall: datetime, zone: tzinfo) -> datetime:
    """Return that wall time in the zone: in a gap the first valid minute after it, in an overlap the first."""
    found = wall.replace(tzinfo=zone, fold=0)
    while found.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != wall:
        wall = wall.replace(second=0) + _MINUTE
        found = wall.replace(tzinfo=zone, fold=0)
    return found


def _told(hit: Hit, zone: tzinfo, ref: datetime) -> Answer | Abstention:
    value = aware(hit.start, zone)
    if hit.grain in _EXACT_GRAINS and value.astimezone(UTC) <= ref.astimezone(UTC):
        return Abstention("past")
    others = (aware(other, zone) for other in dict.fromkeys(hit.others) if other != hit.start)
    return Answer(value, hit.grain, tuple(x for x in others if x.astimezone(UTC) > ref.astimezone(UTC)))


def _made(slots: Slots, now: datetime, moment: Moment) -> Hit | Answer | Abstention:
    if slots.now is not None:
        return Answer(moment.ref, Grain.SECOND, ())
    date = date_of(slots)
    if isinstance(date, Abstention):
        return date
    if isinstance(date, Exact):
        if slots.clock is None and slots.part is None:
            return _offset(date, now, moment.ref)
        date = _Fixed(_day_of(date, now)) if date.length.in_days else None
        return Abstention("disagree") if date is None else _timed(date, slots, now, moment)
    return _timed(date, slots, now, moment)


def _timed(date: Dated | None, slots: Slots, now: datetime, moment: Moment) -> Hit | Abstention:
    """Put the time of day, if any is said, to the date."""
    clock, part = slots.clock, slots.part
    if clock is None and part is not None and part.name == "noon":
        clock, part = Clock(_HALF_DAY), None
    if clock is not None:
        return _at_clock(date, clock, part, now, moment)
    if slots.zone is not None:
        return Abstention("leftover")
    return _plain(date, now) if part is None else _in_part(date, part, now)


@dataclass(frozen=True, slots=True)
class _Fixed:
    hit: Hit

    def hits(self, now: datetime) -> Iterator[Hit]:
        del now
        yield self.hit


def date_of(slots: Slots) -> Dated | Exact | Abstention | None:
    """Return the one date the weekday, date and offset slots say together."""
    date, exact, wday = slots.date, slots.exact, slots.wday
    if date is not None and exact is not None:
        return _counted_from(date, exact) if wday is None else Abstention("disagree")
    if exact is not None:
        return exact if wday is None else _weekday_in(exact, wday)
    if wday is None:
        return date
    if date is None:
        return Weekday(wday)
    if isinstance(date, Period) and date.grain == Grain.WEEK:
        return WeekdayOfWeek(wday, date.count)
    return OnWeekday(date, wday)


def _counted_from(date: Dated, exact: Exact) -> Dated | Exact | Abstention:
    if date == Today() and not exact.length.in_days:
        return exact
    if isinstance(date, Today | Weekday) and exact.length.in_days:
        return Beside(exact.length, date)
    return Abstention("disagree")


def _weekday_in(exact: Exact, wday: int) -> Dated | Abstention:
    parts = exact.length.parts
    if len(parts) != 1 or parts[0][1] != Grain.WEEK:
        return Abstention("disagree")
    return _WeekdayInWeeks(wday, parts[0][0])


@dataclass(frozen=True, slots=True)
class _WeekdayInWeeks:
    """So many weeks after the next one, or the weekday of the week that long from now."""

    day: int
    weeks: int

    def hits(self, now: datetime) -> Iterator[Hit]:
        near = next(Weekday(self.day).hits(now)).start + timedelta(days=7 * self.weeks)
        of_week = next(WeekdayOfWeek(self.day, self.weeks).hits(now)).start
        yield Hit(near, Grain.DAY, (of_week,) if of_week != near else ())


def _offset(exact: Exact, now: datetime, ref: datetime) -> Hit | Answer:
    if exact.other is not None:
        near, far = (_offset(Exact(length), now, ref) for length in (exact.length, exact.other))
        if isinstance(near, Hit) and isinstance(far, Hit):
            return replace(near, others=(far.start,))
        return replace(near, others=(far.value,)) if isinstance(near, Answer) and isinstance(far, Answer) else near
    length = exact.length
    if length.coarse().parts:
        hit = _day_of(exact, now)
        if length.in_days:
            return hit
        wall = datetime.combine(length.coarse().days_after(now.date()), now.time())
        return Hit(wall + timedelta(seconds=length.seconds()), length.grain)
    later = ref.astimezone(UTC) + timedelta(seconds=length.seconds())
    return Answer(later.astimezone(ref.tzinfo), length.grain, ())


def _day_of(exact: Exact, now: datetime) -> Hit:
    length = exact.length
    day = length.coarse().days_after(now.date())
    if length.grain == Grain.HOUR:
        return Hit(midnight(day) + timedelta(hours=now.hour), Grain.HOUR)
    if length.grain == Grain.MONTH:
        return Hit(midnight(day.replace(day=1)), Grain.MONTH)
    return Hit(midnight(day), Grain.DAY)


def _plain(date: Dated | None, now: datetime) -> Hit | Abstention:
    if date is None:
        return Abstention("nothing")
    hit = next(date.hits(now), None)
    if hit is None:
        return Abstention("disagree" if isinstance(date, OnWeekday) else "past")
    if hit.grain not in _EXACT_GRAINS and grain_end(hit.start, hit.grain) <= now:
        return Abstention("past")
    return hit


def _in_part(date: Dated | None, part: Part, now: datetime) -> Hit | Abstention:
    if date is None and part.adverb:
        return Abstention("habit")
    days = [hit for hit in islice((date or Today(0, loose=True)).hits(now), 2) if _is_day(hit)]
    if not days:
        return _why_not(date)
    for hit in days:
        start = _day_start(hit)
        if start + timedelta(hours=part.end) > now:
            others = tuple(other + timedelta(hours=part.start) for other in hit.others)
            return Hit(start + timedelta(hours=part.start), Grain.PART, others)
        if date == Today(0, loose=True):
            break
    return Abstention("past")


def _is_day(hit: Hit) -> bool:
    return hit.grain not in {Grain.WEEK, Grain.QUARTER, Grain.YEAR, Grain.MONTH}


def _day_start(hit: Hit) -> datetime:
    return midnight(hit.start.date())


def _why_not(date: Dated | None) -> Abstention:
    return Abstention("disagree" if isinstance(date, OnWeekday) else "ambiguous")


def _at_clock(date: Dated | None, clock: Clock, part: Part | None, now: datetime, moment: Moment) -> Hit | Abstention:
    hours = _hours(clock, part, today=isinstance(date, Today) and date.days == 0)
    if not hours:
        return Abstention("disagree")
    days = date or Today(0, loose=True)
    moments = [
        (clock.at(hit.start.date(), hour), hit)
        for hit in islice(days.hits(now), 3)
        if hit.grain not in {Grain.WEEK, Grain.QUARTER} and (hit.grain not in _COARSE or isinstance(date, _Fixed))
        for hour in hours
    ]
    if not moments:
        return _why_not(date)
    ahead = sorted(((at, hit) for at, hit in moments if moment.is_before(at)), key=lambda pair: pair[0])
    if not ahead:
        return Abstention("past")
    first, hit = ahead[0]
    others = [clock.at(other.date(), hours[0]) for other in hit.others]
    others += _other_halves(clock, part, [at for at, _ in ahead], first, free=date is None)
    if clock.other is not None:
        others.append(clock.at(first.date(), 0).replace(hour=clock.other[0], minute=clock.other[1]))
    return Hit(first, clock.grain, tuple(others))


def _other_halves(
    clock: Clock, part: Part | None, ahead: list[datetime], first: datetime, *, free: bool
) -> list[datetime]:
    """Return the readings a person may have meant instead of the first."""
    if part is not None:
        return _odd_twelve(clock, part, first)
    if clock.midnight:
        return [first + timedelta(days=1)] if not free else []
    if not clock.both:
        return []
    rest = [at for at in ahead[1:] if at - first == timedelta(hours=12)]
    return [at for at in rest if at.hour in _AWAKE]


def _odd_twelve(clock: Clock, part: Part, first: datetime) -> list[datetime]:
    """Name the common reading where the chosen one is only the literal: "this afternoon at 12", "tonight at 2"."""
    if not clock.both:
        return []
    hour = clock.hour % _HALF_DAY
    if hour == 0 and part.name == "afternoon":
        return [first - timedelta(hours=12), first + timedelta(hours=12)]
    if hour == 0 and part.name in {"morning", "early"}:
        return [first + timedelta(hours=12)]
    if part.name == "evening" and 0 < hour < 4:  # noqa: PLR2004 - nobody's evening starts before four
        return [first + timedelta(hours=12)]
    return []


def _hours(clock: Clock, part: Part | None, *, today: bool) -> list[int]:
    """Return the hours of day the clock can mean, counted from the day's start; none when the part forbids it."""
    hour = clock.hour
    if clock.midnight:
        return [24] if part is not None else [0, 24] if today else [0]
    if part is None:
        return [hour, hour + _HALF_DAY] if clock.both and hour != _HALF_DAY else [hour]
    if not clock.both:
        late = hour + _HALF_DAY
        fitting = [hour] if clock.sure or hour in _ALLOWED[part.name] else [late]
        return fitting if fitting[0] in _ALLOWED[part.name] else []
    small = hour % _HALF_DAY
    return [
        {
            "early": small,
            "morning": small,
            "noon": small + (12 if small < _NIGHT_ENDS else 0),
            "afternoon": small + 12 if small else 24,
            "evening": small + 12 if small else 24,
            "night": _at_night(small, today=today),
        }[part.name]
    ]


def _at_night(small: int, *, today: bool) -> int:
    if small == 0:
        return 24
    if small >= _NIGHT_ENDS:
        return small + _HALF_DAY
    return small + 24 if today else small


_ALLOWED = {
    "early": range(12),
    "morning": range(13),
    "noon": range(11, 16),
    "afternoon": range(12, 19),
    "evening": range(16, 25),
    "night": (*range(7), *range(18, 25)),
}
