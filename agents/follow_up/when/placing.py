"""From a resolved time to a send time under a tenant's policy."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from agents.follow_up.when.types import Grain, Placed, Policy, Refused, Resolution, Shift

_EXACT = {Grain.SECOND, Grain.MINUTE, Grain.HOUR}
_PERIODS = {Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR}
_SATURDAY = 5
_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_MONTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}
_NOON, _EVENING_FROM, _NIGHT_FROM = 12, 17, 22
_PART_ENDS = ((_NIGHT_FROM, 28), (_EVENING_FROM, 24), (_NOON, 18), (0, 12))  # (from hour, its part ends)


def local_time(zone: ZoneInfo, day: date, clock: time) -> datetime:
    """Return that wall time in the zone: in a gap the first valid minute after it, in an overlap the first."""
    wall = datetime.combine(day, clock, zone).replace(fold=0)
    if _exists(wall):
        return wall
    start = wall.replace(second=0, microsecond=0)
    while not _exists(start):
        start += _MINUTE
    return start


def _exists(wall: datetime) -> bool:
    return wall.astimezone(UTC).astimezone(wall.tzinfo).replace(tzinfo=None) == wall.replace(tzinfo=None)


def place(resolution: Resolution, policy: Policy) -> Placed | Refused:
    """Return when to send for that time, or why not at all.

    A day gets the policy's `day_time`, a week its Monday, longer periods their first day, a part of the day
    its hour. A time that is still to come but too soon moves to `now + lead`; quiet hours and, unless the
    policy sends on weekends, Saturday and Sunday move it forward. Nothing is placed in the past or beyond
    the horizon.
    """
    now = policy.now.astimezone(policy.zone)
    if resolution.value.date() - now.date() > policy.horizon + _DAY:  # before anything is moved past the year 9999
        return Refused("too_far")
    draft = _wished(resolution, policy, now)
    if draft is None:
        return Refused("past")
    draft = _allowed(draft, policy)
    if draft.at.astimezone(UTC) - policy.now.astimezone(UTC) > policy.horizon:
        return Refused("too_far")
    return Placed(draft.at.astimezone(UTC), draft.at, policy.zone.key, draft.shifts)


@dataclass(frozen=True, slots=True)
class _Draft:
    at: datetime
    shifts: tuple[Shift, ...] = ()

    def moved(self, at: datetime, why: Shift) -> "_Draft":
        return replace(self, at=at, shifts=(*self.shifts, why) if why not in self.shifts else self.shifts)


def _wished(resolution: Resolution, policy: Policy, now: datetime) -> _Draft | None:
    """Return the asked time before quiet hours and weekends; None when it is over."""
    value = resolution.value.astimezone(policy.zone) if resolution.grain in _EXACT else resolution.value
    earliest = (now.astimezone(UTC) + policy.lead).astimezone(policy.zone)
    if resolution.grain in _EXACT:
        if value.astimezone(UTC) < now.astimezone(UTC):
            return None
        draft = _Draft(value)
    else:
        draft = _start_of(resolution, policy)
        if draft.at.astimezone(UTC) < earliest.astimezone(UTC):
            return _later_in_grain(resolution, policy, earliest)
    return draft if draft.at.astimezone(UTC) >= earliest.astimezone(UTC) else draft.moved(earliest, "lead")


def _start_of(resolution: Resolution, policy: Policy) -> _Draft:
    clock = time(_part_hour(resolution.value.hour, policy)) if resolution.grain == Grain.PART else policy.day_time
    at = local_time(policy.zone, resolution.value.date(), clock)
    return _Draft(at, () if at.time() == clock else ("gap",))


def _part_hour(hour: int, policy: Policy) -> int:
    hours = policy.part_hours
    if hour >= _NIGHT_FROM:
        return hour
    if hour < _NOON:
        return hours["morning"]
    return hours["evening"] if hour >= _EVENING_FROM else hours["afternoon"]


def _later_in_grain(resolution: Resolution, policy: Policy, earliest: datetime) -> _Draft | None:
    """Return the next chance while the named day, part or period lasts; None when it is over."""
    end = _end_of(resolution)
    wall = earliest.replace(tzinfo=None)
    if wall >= end:
        return None
    if resolution.grain in _PERIODS:
        at = local_time(policy.zone, earliest.date(), policy.day_time)
        if at < earliest:
            at = local_time(policy.zone, earliest.date() + timedelta(days=1), policy.day_time)
        if at.replace(tzinfo=None) < end:
            return _Draft(at)
    return _Draft(earliest, ("lead",))


def _end_of(resolution: Resolution) -> datetime:
    start = datetime.combine(resolution.value.date(), time())
    if resolution.grain == Grain.PART:
        return start + timedelta(hours=next(end for begin, end in _PART_ENDS if resolution.value.hour >= begin))
    if resolution.grain in _MONTHS:
        months = start.month - 1 + _MONTHS[resolution.grain]
        return start.replace(year=start.year + months // 12, month=months % 12 + 1, day=1)
    return start + timedelta(days=7 if resolution.grain == Grain.WEEK else 1)


def _allowed(draft: _Draft, policy: Policy) -> _Draft:
    for _ in range(4):  # out of quiet hours, over a weekend, and once more each
        ends = _quiet_until(draft.at, policy)
        if ends is not None:
            draft = draft.moved(ends, "quiet")
        elif not policy.weekends and draft.at.weekday() >= _SATURDAY:
            monday = draft.at.date() + timedelta(days=7 - draft.at.weekday())
            draft = draft.moved(local_time(policy.zone, monday, draft.at.time()), "weekend")
        else:
            break
    return draft


def _quiet_until(at: datetime, policy: Policy) -> datetime | None:
    start, end = policy.quiet
    clock = at.time()
    if start == end:
        return None
    if start < end:
        return local_time(policy.zone, at.date(), end) if start <= clock < end else None
    if clock >= start:
        return local_time(policy.zone, at.date() + timedelta(days=1), end)
    return local_time(policy.zone, at.date(), end) if clock < end else None
