"""When a campaign goes out: wall time in a zone, or on each member's own clock. Pure.

A wall time that a change of clocks skips comes as long after the gap as it lay behind its beginning (02:30 is 03:30);
one that happens twice is the first.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kernel.errors import Invalid

BEST = "best"
LONGEST_WINDOW = 12
_YEARS = (1970, 2999)  # the ends of the calendar overflow in another zone
_HOW = 'give {"at": "2026-12-01T09:00", "time_zone": "Europe/Berlin"}'


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the UTC instant at which clocks in `zone` show `wall` for the first time, or have just skipped it."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def read(schedule: Mapping[str, Any]) -> tuple[datetime, ZoneInfo, bool]:
    """Return wall time, zone, and whether each member's own clock counts. Raises Invalid."""
    try:
        zone = ZoneInfo(schedule["time_zone"])
        wall = datetime.fromisoformat(schedule["at"])
    except (KeyError, TypeError, ValueError, ZoneInfoNotFoundError):
        raise Invalid("schedule", _HOW) from None
    if wall.tzinfo is not None:
        raise Invalid("schedule.at", "is wall time: leave the offset out, the time zone says it")
    if not _YEARS[0] <= wall.year <= _YEARS[1]:
        raise Invalid("schedule.at", f"is outside of the years {_YEARS[0]} to {_YEARS[1]}")
    window(schedule)
    return wall, zone, bool(schedule.get("per_member", False))


def window(schedule: Mapping[str, Any]) -> int | None:
    """Return within how many hours after its time each member gets it at the best one; None without that wish.

    Raises Invalid.
    """
    if "send_time" not in schedule and "window_hours" not in schedule:
        return None
    hours = schedule.get("window_hours")
    if schedule.get("send_time") != BEST or type(hours) is not int or not 1 <= hours <= LONGEST_WINDOW:
        raise Invalid("schedule.send_time", f'give "send_time": "best" with "window_hours" from 1 to {LONGEST_WINDOW}')
    if not schedule.get("per_member"):
        raise Invalid("schedule.send_time", 'the best time is on each member\'s own clock: give "per_member": true too')
    return hours


def shifted(schedule: Mapping[str, Any], hours: int) -> dict[str, Any]:
    """Return the same schedule with a wall time so many hours later."""
    return {**schedule, "at": (datetime.fromisoformat(schedule["at"]) + timedelta(hours=hours)).isoformat()}


def instants(schedule: Mapping[str, Any], zones: Iterable[str | None]) -> dict[str | None, datetime]:
    """Return when members of each zone get it; who has no zone, or one that nobody knows, has the schedule's."""
    wall, zone, per_member = read(schedule)
    fallback = instant(wall, zone)
    if not per_member:
        return dict.fromkeys(zones, fallback)
    return {name: _in(name, wall) or fallback for name in zones}


def _in(name: str | None, wall: datetime) -> datetime | None:
    if name is None:
        return None
    try:
        return instant(wall, ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError):
        return None


def later(start: datetime, zone: ZoneInfo, *, hours: int = 0, days: int = 0) -> datetime:
    """Return a moment after `start`: hours pass on every clock, days keep the wall time."""
    wall = start.astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    return (instant(wall, zone) if days else start) + timedelta(hours=hours)
