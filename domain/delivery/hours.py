"""When a message may go out on a clock with quiet hours, to the second; and whether it ever may. Pure.

A message waits for every window at once: the tenant's quiet hours, and for calls and texts to a number the hours that
the law of its country leaves.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

TELEPHONES = frozenset({"sms", "whatsapp"})
_DAYS = 3  # an hour that a change of clocks skips is there again a day later
_STEP = timedelta(hours=1)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the day in which nothing goes out; the same twice is none."""

    begin: time
    end: time

    def quiet(self, clock: time) -> bool:
        if self.begin > self.end:
            return clock >= self.begin or clock < self.end
        return self.begin <= clock < self.end


# Telephone solicitations to +1: not before 8 and not after 21 o'clock of the called party, 47 CFR 64.1200(c)(1).
CALLING_HOURS = {"+1": Hours(time(21), time(8))}


def of_tenant(begin: str, end: str) -> Hours:
    """Return quiet hours as a tenant's settings write them, such as 20:00 and 08:00."""
    return Hours(time.fromisoformat(begin), time.fromisoformat(end))


def windows(tenant: Hours, channel: str, number: str | None) -> list[Hours]:
    """Return all hours in which nothing goes out to an address; `number` is that of a call or text."""
    found = [tenant]
    if channel in TELEPHONES:
        found += [each for prefix, each in CALLING_HOURS.items() if (number or "").startswith(prefix)]
    return found


def never(shut: Iterable[Hours]) -> bool:
    """Return whether these hours together leave no minute of any day."""
    windows_ = list(shut)
    return not any(_is_open(windows_, each) for each in [time(), *(window.end for window in windows_)])


def opening(tenant: Hours, channel: str, number: str | None, at: datetime, zone: ZoneInfo) -> datetime | None:
    """Return the first instant from `at` on, UTC, at which a message may go out; None where there never is one.

    An hour that clocks skip is over when they have moved; one that they show twice counts both times.
    """
    shut = windows(tenant, channel, number)
    if never(shut):
        return None
    for begin, end in _stretches(at.astimezone(UTC), zone):
        offset = _offset(begin, zone)
        wall, last = ((each + offset).replace(tzinfo=None) for each in (begin, end))
        ends = (datetime.combine(wall.date() + timedelta(days=n), each.end) for n in range(_DAYS + 1) for each in shut)
        for moment in sorted({wall, *ends}):
            if wall <= moment < last and _is_open(shut, moment.time()):
                return moment.replace(tzinfo=UTC) - offset
    return None


def _is_open(shut: Iterable[Hours], clock: time) -> bool:
    return not any(each.quiet(clock) for each in shut)


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _stretches(at: datetime, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield the stretches of time from `at` on within which the clocks of a zone are not changed."""
    begin = at
    for one, other in pairwise(at + n * _STEP for n in range(24 * _DAYS + 1)):
        if _offset(one, zone) != _offset(other, zone):
            changed = _change(one, other, zone)
            yield begin, changed
            begin = changed
    yield begin, at + _DAYS * 24 * _STEP


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second that has the later offset."""
    old = _offset(before, zone)
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if _offset(middle, zone) == old:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)
